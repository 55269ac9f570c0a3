"""RabbitMQ: a sink that publishes events to an exchange, confirmed by the broker, and a source that consumes a queue.

Imports only ``hub.sdk`` and aio-pika. Nothing but ``connector`` is meant for others.
"""

from connectors.rabbitmq.sink import RabbitMQSink
from connectors.rabbitmq.source import RabbitMQSource
from hub.sdk import Connector

connector = Connector(name="rabbitmq", title="RabbitMQ", sources={"": RabbitMQSource}, sinks={"": RabbitMQSink})

__all__ = ["connector"]
