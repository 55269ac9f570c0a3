"""Schema files: read with every position kept, checked as a whole, and turned into what the engine runs.

`check` tells everything that is wrong with a directory; `load` gives a `Deployment` of specs, whose ``config`` and
``compile`` resolve references when a unit starts. `survey` gives what is known of one that may be wrong, and of texts
that aren't saved yet, to editors. `Registry` finds connectors. Import these from here; `references` and
`model` may be imported too, the rest is this room's own.
"""

from hub.deployment.deployment import Deployment
from hub.deployment.finding import Finding, InvalidDeployment, Position, Report
from hub.deployment.loading import check, load, suggested_name, survey
from hub.deployment.registry import Registry
from hub.deployment.specs import RouteSpec, ServiceSpec, SinkSpec, SourceSpec
from hub.deployment.survey import Survey

__all__ = [
    "Deployment",
    "Finding",
    "InvalidDeployment",
    "Position",
    "Registry",
    "Report",
    "RouteSpec",
    "ServiceSpec",
    "SinkSpec",
    "SourceSpec",
    "Survey",
    "check",
    "load",
    "suggested_name",
    "survey",
]
