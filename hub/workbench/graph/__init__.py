"""Pictures of a deployment: what flows from where to where.

`draw` makes a `Graph` of a deployment; `terminal`, `mermaid` and `svg` (with `layout`) render any `Graph`, so that the
lineage of a field is drawn by the same hands. Import these from here.
"""

from hub.workbench.graph.building import draw
from hub.workbench.graph.mermaid import mermaid
from hub.workbench.graph.model import Branch, Edge, Graph, Node
from hub.workbench.graph.svg import svg
from hub.workbench.graph.terminal import tree

__all__ = ["Branch", "Edge", "Graph", "Node", "draw", "mermaid", "svg", "tree"]
