"""The ledger: what became of each event. `ledger` counts in a worker, `accounts` in Kafka, `audit` in all."""
