"""Documents in their usual form: fields in one order, comments with the field they stand at. Pure.

Only places move. What comes out is read again, and returned only when it says exactly what the text
said before, with every comment still there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from controller.config.files import kind_of_path
from controller.config.nodes import Node
from controller.config.parse import read
from controller.model.documents import (
    Catalog,
    Check,
    Document,
    Policy,
    Remediation,
    RepositorySettings,
    Waiver,
)

_MODELS: Final[Mapping[str, type[Document]]] = {
    "policy": Policy,
    "catalog": Catalog,
    "exception": Waiver,
    "settings": RepositorySettings,
}


def tidied(path: str, text: str) -> str | None:
    """The text in its usual form; none where it cannot be read, or not be tidied without a doubt."""
    before = read(path, text.encode())
    kind = kind_of_path(path)
    if before.problems or kind is None or not text.strip():
        return None
    # With a line end everywhere, moving lines changes no length.
    result = text if text.endswith("\n") else f"{text}\n"
    placed = read(path, result.encode())
    # From the end and from the inside, so that the places before and around an edit stay true.
    for document in reversed(placed.documents):
        for node, model in reversed(list(_mappings(document, _MODELS[kind]))):
            result = _reordered(result, node, tuple(model.model_fields))
    result = _blank_lines(result)
    after = read(path, result.encode())
    same = [node.value for node in after.documents] == [node.value for node in before.documents]
    if after.problems or not same or _comments(result) != _comments(text):
        return None
    return result


def _mappings(node: Node, model: type[Document]) -> Iterator[tuple[Node, type[Document]]]:
    """A document's block mappings in the order of their places, parents first."""
    if not isinstance(node.children, dict) or node.flow:
        return
    yield node, model
    if model is Catalog:
        checks = node.children.get("checks")
        for each in checks.children if checks and isinstance(checks.children, list) else ():
            yield from _mappings(each, Check)
    if model is Check and (remediation := node.children.get("remediation")):
        yield from _mappings(remediation, Remediation)


def _reordered(text: str, node: Node, order: tuple[str, ...]) -> str:
    """Swap whole chunks of lines: a field with the comments above it and all that belongs to it."""
    if not isinstance(node.children, dict) or len(node.children) < 2:
        return text
    keys = list(node.children)
    wanted = sorted(keys, key=lambda key: order.index(key) if key in order else len(order))
    # Nested mappings were reordered already and may have moved what is inside, never where it ends.
    starts = [_start(text, node, keys, number) for number in range(len(keys))]
    end = _line_end(text, node.end)
    if wanted == keys or None in starts:
        return text
    bounds = [*(each for each in starts if each is not None), end]
    first = bounds[0]
    indent = " " * (first - (text.rfind("\n", 0, first) + 1))
    chunks = {
        key: text[bounds[number] : bounds[number + 1]].removeprefix(indent if number else "")
        for number, key in enumerate(keys)
    }
    chunks = {key: each if each.endswith("\n") else f"{each}\n" for key, each in chunks.items()}
    moved = indent.join(chunks[key] for key in wanted)
    rest = text[end:]
    return text[:first] + moved + rest


def _start(text: str, node: Node, keys: list[str], number: int) -> int | None:
    """Where a field's chunk begins: the comments above it that stand no deeper than its key.

    What stands above the first field is the heading of the whole, and stays there.
    """
    children = node.children
    key = children[keys[number]].key if isinstance(children, dict) else None
    if key is None:
        return None
    _, column, offset = key
    if number == 0:
        return offset
    at = text.rfind("\n", 0, offset) + 1
    if text[at:offset].strip():
        return None  # two fields on one line
    while True:
        above = text.rfind("\n", 0, at - 1) + 1
        line = text[above : at - 1]
        depth = len(line) - len(line.lstrip())
        if not line.lstrip().startswith("#") or depth >= column:
            return at
        at = above


def _line_end(text: str, offset: int) -> int:
    if offset and text[offset - 1] == "\n":
        return offset
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def _blank_lines(text: str) -> str:
    """One line end at the end of the file, and no blank lines before it or at the top."""
    return text.strip("\n") + "\n"


def _comments(text: str) -> list[str]:
    """Every line's part from a comment's mark on; marks inside texts are the same before and after."""
    return sorted(line[line.index("#") :].rstrip() for line in text.split("\n") if "#" in line)
