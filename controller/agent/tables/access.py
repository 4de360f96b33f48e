"""Who may become root and who may log in: ``sudoers``, ``authorized_keys``."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from controller.agent.tables.accounts import passwd_entries
from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns

_DEEPEST: Final = 128
"""sudoers(5): files may be nested this deep."""
_INCLUDE: Final = re.compile(r"[#@](include|includedir)\s+(.+)")
_BY_NUMBER: Final = re.compile(r"#\d+[\s,]")
"""A user by number: the one line that starts like a comment and is none."""
_KEY: Final = re.compile(
    r"(?:(?P<options>.*?)\s+)??"
    r"(?P<algorithm>(?:sk-)?(?:ssh|ecdsa)-[\w@.-]+)\s+"
    r"(?P<key>[A-Za-z0-9+/=]+)(?:\s+(?P<comment>.*))?$"
)


def _sudoers(system: System, _: Constraints) -> Iterator[TableRow]:
    yield from _sudoers_file(system, "/etc/sudoers", 1)


def _sudoers_file(system: System, path: str, depth: int) -> Iterator[TableRow]:
    if depth > _DEEPEST:
        return
    text = (system.read(path) or "").replace("\\\n", " ")
    for line in text.splitlines():
        line = line.strip()
        include = _INCLUDE.match(line)
        if include:
            yield from _included(system, path, depth, include.group(1), include.group(2))
        elif line and (not line.startswith("#") or _BY_NUMBER.match(line)):
            header, *details = line.split()
            yield {"source": path, "header": header, "rule_details": " ".join(details)}


def _included(system: System, path: str, depth: int, kind: str, named: str) -> Iterator[TableRow]:
    target = posixpath.join(posixpath.dirname(path), named.strip().strip('"'))
    yield {"source": path, "header": kind, "rule_details": named.strip()}
    if kind == "include":
        yield from _sudoers_file(system, target, depth + 1)
        return
    for name in system.names(target):
        # sudoers(5): names with a dot or a final tilde are left out.
        if "." not in name and not name.endswith("~"):
            yield from _sudoers_file(system, f"{target.rstrip('/')}/{name}", depth + 1)


def _authorized_keys(system: System, fixed: Constraints) -> Iterator[TableRow]:
    wanted = fixed.number("uid")
    for _name, uid, _gid, _description, directory, _shell in passwd_entries(system):
        if wanted is not None and wanted != uid:
            continue
        for file in ("authorized_keys", "authorized_keys2"):
            path = f"{directory.rstrip('/')}/.ssh/{file}"
            for line in system.lines(path):
                found = _KEY.match(line)
                if found:
                    parts = {name: text or "" for name, text in found.groupdict().items()}
                    yield {"uid": uid, "key_file": path, "pid_with_namespace": 0, **parts}


TABLES: Final = (
    Table("sudoers", columns("source header rule_details"), _sudoers),
    Table(
        "authorized_keys",
        columns(
            "uid:bigint algorithm key options comment key_file pid_with_namespace:integer:hidden"
        ),
        _authorized_keys,
        index=frozenset({"uid"}),
    ),
)
