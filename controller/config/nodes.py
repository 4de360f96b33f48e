"""What the YAML reader found: plain values with the place of every key and value. Pure."""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[str | int, ...]
"""The way from a document's root to a value: keys and positions."""


@dataclass(slots=True)
class Node:
    """One value. ``value`` is plain Python and shares its parts with the values below it.

    Lines and columns count from 1, ``start`` and ``end`` are offsets into the text, all in
    characters. ``end`` of a block collection is where its last value ends.
    """

    value: object
    line: int
    column: int
    start: int
    end: int
    children: dict[str, Node] | list[Node] | None = None
    key: tuple[int, int, int] | None = None
    """Line, column and offset of the key that holds it."""
    raw: str | None = None
    """How a plain scalar that is not text was written."""
    broken: bool = False
    """Already reported: what is said about it further on would only repeat that."""
    flow: bool = False

    def child(self, step: str | int) -> Node | None:
        """The value under a key or at a position."""
        if isinstance(self.children, dict):
            return self.children.get(step) if isinstance(step, str) else None
        if isinstance(self.children, list) and isinstance(step, int):
            return self.children[step] if 0 <= step < len(self.children) else None
        return None

    def nearest(self, path: Path) -> tuple[Node, int]:
        """The deepest value along the path that exists, and how many steps it took."""
        node, taken = self, 0
        for step in path:
            child = node.child(step)
            if child is None:
                break
            node, taken = child, taken + 1
        return node, taken


def dotted(path: Path) -> str:
    """``("checks", 0, "query")`` as ``checks[0].query``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
