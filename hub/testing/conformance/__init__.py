"""Conformance suites: what every source and sink must keep to, whatever its system.

A connector's tests derive a class from a suite and say how the far side is scripted; ``docs/conformance.md`` shows it.
`hub.testing.conformance.plugin` notes the results, from which the table in ``docs/connectors.md`` is made.
"""

from hub.testing.conformance.consuming import ConsumingSourceSuite
from hub.testing.conformance.farside import FarSide
from hub.testing.conformance.faults import BY_NAME, FAULTS, Fault
from hub.testing.conformance.httpfarside import HttpFarSide
from hub.testing.conformance.lookup import LookupSuite
from hub.testing.conformance.polling import PollingSourceSuite
from hub.testing.conformance.sink import SinkSuite
from hub.testing.conformance.tcpfarside import TcpFarSide
from hub.testing.conformance.unit import UnitSuite, not_applicable
from hub.testing.conformance.webhook import Sender, WebhookSourceSuite

__all__ = [
    "BY_NAME",
    "FAULTS",
    "ConsumingSourceSuite",
    "FarSide",
    "Fault",
    "HttpFarSide",
    "LookupSuite",
    "PollingSourceSuite",
    "Sender",
    "SinkSuite",
    "TcpFarSide",
    "UnitSuite",
    "WebhookSourceSuite",
    "not_applicable",
]
