"""An event-streaming integration hub on Kafka."""
