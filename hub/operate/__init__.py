"""What operators and their tools look at and turn: the admin API with its probes, and metrics for Prometheus.

`admin.AdminServer` serves both over HTTP for the units of one process. It builds on `hub.engine` and `hub.ingress`;
only `hub.cli` imports it.
"""

from hub.operate.admin import AdminServer
from hub.operate.metrics import UnitCollector

__all__ = ["AdminServer", "UnitCollector"]
