"""``crontab``: scheduled commands of the system and of its users."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from typing import Final

from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns

_FOLDERS: Final = ("/etc/cron.d", "/var/at/tabs", "/var/spool/cron/crontabs", "/var/spool/cron")
_ENVIRONMENT: Final = re.compile(r"[A-Za-z_]\w*\s*=")
_TIMES: Final = ("minute", "hour", "day_of_month", "month", "day_of_week")


def _crontab(system: System, _: Constraints) -> Iterator[TableRow]:
    for path in _files(system):
        for line in system.lines(path):
            row = _entry(line)
            if row is not None:
                yield {**row, "path": path, "pid_with_namespace": 0}


def _files(system: System) -> Iterator[str]:
    yield "/etc/crontab"
    for folder in _FOLDERS:
        for name in system.names(folder):
            # A leading dot marks a placeholder.
            path = f"{folder}/{name}"
            status = None if name.startswith(".") else system.stat(path)
            if status is not None and stat.S_ISREG(status.st_mode):
                yield path


def _entry(line: str) -> dict[str, str] | None:
    if _ENVIRONMENT.match(line):
        return None
    if line.startswith("@"):
        event, _, command = line[1:].partition(" ")
        return {"event": event, **dict.fromkeys(_TIMES, ""), "command": command.strip()}
    parts = line.split(maxsplit=5)
    if len(parts) < 6:
        return None
    times = dict(zip(_TIMES, parts[:5], strict=True))
    return {"event": "", **times, "command": parts[5]}


TABLES: Final = (
    Table(
        "crontab",
        columns(
            "event minute hour day_of_month month day_of_week command path "
            "pid_with_namespace:integer:hidden"
        ),
        _crontab,
    ),
)
