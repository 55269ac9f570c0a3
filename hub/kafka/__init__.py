"""Kafka, the hub's backbone: connection, names, topics, clients, publishing, tables, and the embedded Apache Kafka.

`names` and `specs` say what there is on Kafka and import no client, so that checking a deployment stays quick;
`settings` reads the connection; `topics` makes and describes topics; `groups` tells who is in consumer groups and where
they stand; `clients` gives aiokafka clients that are set up safely; `publisher` writes with an acknowledgement for
every record; `compacted` keeps a compacted topic as a table; `embedded` runs the real Apache Kafka as a child process.
`errors` maps aiokafka's exceptions to the hub's. Import the modules themselves: this package exports nothing.
"""
