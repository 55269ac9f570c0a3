"""What ``hub new connector`` writes: a connector that works, for an API that was made up, to be changed into another.

The templates are text with three kinds of marks: ``@NAME@`` and the like for what differs by name; lines such as
``#: source sink`` and ``#: end`` around what only some kinds of connectors have; and imports in any order, which are
sorted last.
"""

from hub.cli.scaffold.layout import KINDS, Kind, Wanted, check_name, check_title, files

__all__ = ["KINDS", "Kind", "Wanted", "check_name", "check_title", "files"]
