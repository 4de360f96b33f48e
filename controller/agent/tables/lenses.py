"""Parse configuration files into trees shaped as Augeas shapes them. Pure.

Comments are left out of the trees, and a line that cannot be understood is left out too, where
Augeas would give up on the file. Keys keep the case that the file has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Node:
    """One node: a label, a value that may be empty, and what is below."""

    label: str
    value: str = ""
    children: tuple[Node, ...] = ()


Lens = Callable[[str], list[Node]]

_SIMPLE: Final = re.compile(r"([\w.:/*-]+)\s*(?:[=\s]\s*(.*))?$")
_SHELL: Final = re.compile(r"(?:(export)\s+)?([A-Za-z_]\w*)=(.*)$")
_TRAILING_COMMENT: Final = re.compile(r"""((?:"[^"]*"|'[^']*'|[^"'#]|(?<=\S)#)*?)(?:\s+#.*)?$""")
_PAM_CONTROL: Final = re.compile(r"(-?)(\w+)\s+(\[[^\]]*\]|\S+)\s+(\S+)\s*(.*)$")
_PAM_ARGUMENT: Final = re.compile(r"\[(?:\\.|[^\]])*\]|\S+")
_SSHD_BLANK: Final = frozenset(
    {"acceptenv", "allowgroups", "allowusers", "denygroups", "denyusers"}
)
_SSHD_COMMA: Final = frozenset(
    {"macs", "ciphers", "kexalgorithms", "hostkeyalgorithms", "pubkeyacceptedkeytypes"}
)


def _lines(text: str, comments: str = "#") -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if line and line[0] not in comments:
            yield line


def _uncommented(text: str) -> str:
    found = _TRAILING_COMMENT.match(text)
    return (found.group(1) if found else text).strip()


def _numbered(values: list[str]) -> tuple[Node, ...]:
    return tuple(Node(str(number), value) for number, value in enumerate(values, 1))


def simple(text: str) -> list[Node]:
    """``key = value`` or ``key value`` lines; a key alone is a flag."""
    found = (_SIMPLE.match(line) for line in _lines(text, "#;"))
    return [Node(match[1], _uncommented(match[2] or "")) for match in found if match]


def sysctl(text: str) -> list[Node]:
    """``key = value`` lines of sysctl.conf(5); a leading dash only silences errors."""
    pairs = (line.partition("=") for line in _lines(text, "#;"))
    return [Node(key.strip().removeprefix("-"), value.strip()) for key, eq, value in pairs if eq]


def shell(text: str) -> list[Node]:
    """Shell assignments; a value keeps its quotes, as in Augeas."""
    nodes = []
    for line in _lines(text):
        found = _SHELL.match(line)
        if found:
            exported = (Node("export"),) if found[1] else ()
            nodes.append(Node(found[2], _uncommented(found[3]), exported))
    return nodes


def sshd(text: str) -> list[Node]:
    """sshd_config(5): lists are numbered, a ``Match`` block holds ``Condition`` and ``Settings``."""
    nodes: list[Node] = []
    conditions: tuple[Node, ...] | None = None
    settings: list[Node] = []

    def close_block() -> None:
        if conditions is not None:
            parts = (Node("Condition", "", conditions), Node("Settings", "", tuple(settings)))
            nodes.append(Node("Match", "", parts))

    for line in _lines(text):
        key, *rest = re.split(r"[ \t=]+", _uncommented(line), maxsplit=1)
        value = rest[0] if rest else ""
        if key.lower() == "match":
            close_block()
            conditions, settings = _match_conditions(value), []
        else:
            (nodes if conditions is None else settings).append(_sshd_entry(key, value))
    close_block()
    return nodes


def _match_conditions(text: str) -> tuple[Node, ...]:
    words = text.split()
    nodes = []
    while words:
        key = words.pop(0)
        # ``all`` and ``final`` stand alone, every other criterion has a pattern.
        alone = key.lower() in {"all", "final", "canonical"} or not words
        nodes.append(Node(key, "" if alone else words.pop(0)))
    return tuple(nodes)


def _sshd_entry(key: str, value: str) -> Node:
    if key.lower() in _SSHD_BLANK:
        return Node(key, "", _numbered(value.split()))
    if key.lower() in _SSHD_COMMA:
        return Node(key, "", _numbered([part for part in value.split(",") if part]))
    if key.lower() == "subsystem" and value:
        name, *command = value.split(maxsplit=1)
        return Node(key, "", (Node(name, "".join(command)),))
    quoted = len(value) > 1 and value[0] == value[-1] == '"' and value.count('"') == 2
    return Node(key, value[1:-1] if quoted else value)


def pam(text: str) -> list[Node]:
    """pam.d files: numbered rules of type, control, module and arguments; ``include`` lines."""
    nodes = []
    number = 0
    for line in _lines(text):
        if line.startswith("@include"):
            nodes.append(Node("include", line.removeprefix("@include").strip()))
            continue
        found = _PAM_CONTROL.match(_uncommented(line))
        if found is None:
            continue
        number += 1
        dash, kind, control, module, rest = found.groups()
        parts = [Node("optional")] if dash else []
        parts += [Node("type", kind), Node("control", control), Node("module", module)]
        parts += [Node("argument", word) for word in _PAM_ARGUMENT.findall(rest)]
        nodes.append(Node(str(number), "", tuple(parts)))
    return nodes


def limits(text: str) -> list[Node]:
    """limits.conf(5): ``domain`` nodes with type, item and value below."""
    rows = (_uncommented(line).split() for line in _lines(text))
    return [
        Node("domain", row[0], (Node("type", row[1]), Node("item", row[2]), Node("value", row[3])))
        for row in rows
        if len(row) == 4
    ]


def modprobe(text: str) -> list[Node]:
    """modprobe.d(5): the module is the value, an ``install`` command is below it."""
    nodes = []
    for line in _lines(text):
        word, _, rest = line.partition(" ")
        name, _, rest = rest.strip().partition(" ")
        below: tuple[Node, ...] = ()
        if word in {"install", "remove"}:
            below = (Node("command", rest.strip()),)
        elif word == "options":
            pairs = (part.partition("=") for part in rest.split())
            below = tuple(Node(key, value) for key, _, value in pairs)
        elif word == "alias":
            below = (Node("modulename", rest.strip()),)
        nodes.append(Node(word, name, below))
    return nodes


def resolv(text: str) -> list[Node]:
    """resolv.conf(5)."""
    nodes = []
    for line in _lines(text, "#;"):
        word, *values = _uncommented(line).split()
        if word == "search":
            nodes.append(Node(word, "", tuple(Node("domain", value) for value in values)))
        elif word == "options":
            pairs = (value.partition(":") for value in values)
            nodes.append(Node(word, "", tuple(Node(key, value) for key, _, value in pairs)))
        else:
            nodes.append(Node(word, " ".join(values)))
    return nodes


def ini(text: str) -> list[Node]:
    """Sections of ``key = value`` lines."""
    return _sections(text, Node)


def systemd(text: str) -> list[Node]:
    """Systemd's files: below each key one ``value`` node for each word of the value."""

    def entry(key: str, value: str) -> Node:
        words = [value] if key == "Description" else value.split()
        return Node(key, "", tuple(Node("value", word) for word in words))

    return _sections(text, entry)


def _sections(text: str, entry: Callable[[str, str], Node]) -> list[Node]:
    sections: list[tuple[str, list[Node]]] = []
    for line in _lines(text, "#;"):
        if line.startswith("[") and "]" in line:
            sections.append((line[1 : line.index("]")], []))
        elif "=" in line and sections:
            key, _, value = line.partition("=")
            sections[-1][1].append(entry(key.strip(), _uncommented(value)))
    return [Node(name, "", tuple(nodes)) for name, nodes in sections]
