"""Lineage of a field: from which fields it comes, over which routes and expressions, and where it goes.

It is found by reading the expressions, not by running them: `values` says of what a value is made, `expressions` finds
that out, `routes` does so for what a route makes of an event, `search` follows a field through the deployment. Where an
expression computes which field it reads, all that it may read count, and that is said. Import from here.
"""

from hub.workbench.lineage.model import Field, Lineage, Origin, Step, Use
from hub.workbench.lineage.picture import lineage_graph
from hub.workbench.lineage.search import Tracer
from hub.workbench.lineage.terminal import lineage_tree

__all__ = ["Field", "Lineage", "Origin", "Step", "Tracer", "Use", "lineage_graph", "lineage_tree"]
