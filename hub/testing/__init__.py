"""What tests, the demo and benchmarks share: real servers, and for authors of connectors what their tests inherit.

Import from it in tests, never in the hub's own code or a connector. `hub.testing.servers` gives a running Kafka and
RabbitMQ on any machine; `hub.testing.octokit` gives the real webhook payloads of GitHub.
"""
