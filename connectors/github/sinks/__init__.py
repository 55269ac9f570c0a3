"""What the connector writes to GitHub: issues, comments, reviews, commit statuses and dispatches.

GitHub takes no idempotency key. So what can be found again carries a mark (`mark`), and is looked for before it is made
(`finding`); the rest is at least once. Nothing here is meant for others but the manifest.
"""

from connectors.github.sinks.comment import CommentSink
from connectors.github.sinks.dispatch import DispatchSink, WorkflowSink
from connectors.github.sinks.issue import IssueSink
from connectors.github.sinks.review import ReviewSink
from connectors.github.sinks.status import StatusSink

__all__ = ["CommentSink", "DispatchSink", "IssueSink", "ReviewSink", "StatusSink", "WorkflowSink"]
