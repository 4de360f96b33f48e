"""Parse apt.conf(5) into a tree shaped as Augeas shapes it. Pure."""

from __future__ import annotations

import re
from typing import Final

from controller.agent.tables.lenses import Node

_TOKEN: Final = re.compile(
    r"""
    (?P<skip>\s+|//[^\n]*|/\*.*?\*/|\#(?!clear\b|include\b)[^\n]*)
    |(?P<text>"(?:\\.|[^"\\])*")
    |(?P<mark>[{};])
    |(?P<word>[^\s{};"]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_DEEPEST: Final = 50


def apt_conf(text: str) -> list[Node]:
    """``A::B "c";`` and ``A { B "c"; };`` both become ``A/B = c``; list items become ``@elem``."""
    tokens = [
        (kind, found.group())
        for found in _TOKEN.finditer(text)
        if (kind := found.lastgroup or "skip") != "skip"
    ]
    tokens.reverse()
    return _block(tokens, 0)


def _block(tokens: list[tuple[str, str]], depth: int) -> list[Node]:
    nodes: list[Node] = []
    while tokens:
        kind, text = tokens.pop()
        if text == "}":
            break
        if kind == "text":
            nodes.append(Node("@elem", text[1:-1]))
        elif kind == "word":
            nodes.append(_statement(text, tokens, depth))
        elif text == "{" and depth < _DEEPEST:
            nodes += _block(tokens, depth + 1)
    return nodes


def _statement(name: str, tokens: list[tuple[str, str]], depth: int) -> Node:
    """What follows a name, up to its semicolon or the end of its block."""
    value = ""
    children: tuple[Node, ...] = ()
    while tokens and tokens[-1][1] not in {";", "}"}:
        kind, text = tokens.pop()
        if text == "{":
            if depth < _DEEPEST:
                children = tuple(_block(tokens, depth + 1))
            break
        value = text[1:-1] if kind == "text" else text
    return _nested(name, value, children)


def _nested(name: str, value: str, children: tuple[Node, ...]) -> Node:
    if name.startswith("#"):
        return Node(name, value, children)
    # A trailing ``::`` adds to a list.
    parts = ["@elem" if part == "" else part for part in name.split("::")]
    node = Node(parts[-1], value, children)
    for part in reversed(parts[:-1]):
        node = Node(part, "", (node,))
    return node
