"""RabbitMQ: a sink that publishes events to an exchange, confirmed by the broker.

Imports only ``hub.sdk`` and aio-pika. Nothing but ``connector`` is meant for others.
"""

from connectors.rabbitmq.sink import RabbitMQSink
from hub.sdk import Connector

connector = Connector(name="rabbitmq", title="RabbitMQ", sinks={"": RabbitMQSink})

__all__ = ["connector"]
