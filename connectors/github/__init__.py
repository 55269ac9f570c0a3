"""GitHub: webhook deliveries of every kind, and polled issues, pull requests, commits and releases.

Imports ``hub.sdk`` and orjson. Nothing but ``connector`` is meant for others.
"""

from connectors.github.commits import Commits
from connectors.github.config import ApiConfig
from connectors.github.issues import Issues
from connectors.github.pulls import Pulls
from connectors.github.releases import Releases
from connectors.github.sinks import CommentSink, DispatchSink, IssueSink, ReviewSink, StatusSink, WorkflowSink
from connectors.github.webhook import Deliveries
from hub.sdk import Connector

connector = Connector(
    name="github",
    title="GitHub",
    sources={"webhook": Deliveries, "issues": Issues, "pulls": Pulls, "commits": Commits, "releases": Releases},
    sinks={
        "issue": IssueSink,
        "comment": CommentSink,
        "review": ReviewSink,
        "status": StatusSink,
        "dispatch": DispatchSink,
        "workflow": WorkflowSink,
    },
    service=ApiConfig,
)

__all__ = ["connector"]
