"""Machines made of files, and questions to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from controller.agent.answer import Rows
from controller.agent.query import run_query
from controller.agent.tables.system import System
from controller.errors import TableUnreadableError


class Tools:
    """Installed tools and what each prints; a tool that is not named is not installed."""

    def __init__(self, printed: Mapping[str, str]) -> None:
        self._printed = printed

    def __call__(self, command: Sequence[str]) -> str | None:
        return self._printed.get(command[0])


def failing_tool(command: Sequence[str]) -> str | None:
    raise TableUnreadableError(f"{command[0]} failed with code 1: permission denied")


def machine(root: Path, files: Mapping[str, str], **tools: str) -> System:
    """A machine with these files, folders (ending in ``/``) and links (``-> target``)."""
    for name, text in files.items():
        path = root / name.lstrip("/")
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            path.symlink_to(text[3:])
        else:
            path.write_text(text)
    return System(root, Tools({name.replace("_", "-"): text for name, text in tools.items()}))


def ask(system: System, sql: str) -> Rows:
    return run_query(sql, system)


def column(system: System, sql: str) -> list[str]:
    """The first column of every row."""
    return [next(iter(row.values())) for row in run_query(sql, system)]
