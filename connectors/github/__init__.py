"""GitHub: webhook deliveries, polled lists and queries; issues, comments, reviews, statuses, dispatches; look-ups.

Imports ``hub.sdk`` and orjson. Nothing but ``connector`` is meant for others.
"""

from connectors.github.activity import Activity
from connectors.github.changes import Comments, Issues, ReviewComments
from connectors.github.commits import Commits
from connectors.github.config import ApiConfig
from connectors.github.graphql import Query
from connectors.github.lookups import IssueLookup, PullLookup, RepositoryLookup, UserLookup
from connectors.github.newest import Deployments, Forks, Runs, Stargazers
from connectors.github.notifications import Notifications
from connectors.github.pulls import Pulls
from connectors.github.releases import Releases
from connectors.github.sinks import CommentSink, DispatchSink, IssueSink, ReviewSink, StatusSink, WorkflowSink
from connectors.github.webhook import Deliveries
from hub.sdk import Connector

connector = Connector(
    name="github",
    title="GitHub",
    sources={
        "webhook": Deliveries,
        "issues": Issues,
        "pulls": Pulls,
        "commits": Commits,
        "releases": Releases,
        "comments": Comments,
        "review_comments": ReviewComments,
        "runs": Runs,
        "deployments": Deployments,
        "forks": Forks,
        "stargazers": Stargazers,
        "activity": Activity,
        "notifications": Notifications,
        "graphql": Query,
    },
    sinks={
        "issue": IssueSink,
        "comment": CommentSink,
        "review": ReviewSink,
        "status": StatusSink,
        "dispatch": DispatchSink,
        "workflow": WorkflowSink,
    },
    lookups={"issue": IssueLookup, "pull": PullLookup, "repository": RepositoryLookup, "user": UserLookup},
    service=ApiConfig,
)

__all__ = ["connector"]
