"""What runs: ``processes``, read from ``/proc`` without any tool."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns
from controller.errors import TableUnreadableError

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def process_ids(system: System, fixed: Constraints) -> list[int]:
    """The ids of the processes that the query is about."""
    wanted = fixed.number("pid")
    if wanted is not None:
        return [wanted] if system.exists(f"/proc/{wanted}") else []
    return sorted(int(name) for name in system.names("/proc") if name.isdecimal())


def _processes(system: System, fixed: Constraints) -> Iterator[TableRow]:
    started = _boot_time(system)
    for pid in process_ids(system, fixed):
        row = _process(system, pid, started)
        if row is not None:
            yield row


def _boot_time(system: System) -> int:
    for line in system.lines("/proc/stat"):
        if line.startswith("btime "):
            return int(line.split()[1])
    return 0


def _process(system: System, pid: int, boot: int) -> TableRow | None:
    folder = f"/proc/{pid}"
    text = system.read(f"{folder}/stat")
    status = _fields(system, f"{folder}/status")
    if not text or not status:
        return None  # it has ended
    # The name stands in parentheses and may hold anything, so the last one ends it.
    head, _, tail = text.rpartition(")")
    numbers = tail.split()
    executable = _link(system, f"{folder}/exe")
    return {
        "pid": pid,
        "name": head.partition("(")[2],
        **_program(system, executable),
        "cmdline": (system.read(f"{folder}/cmdline") or "").replace("\0", " ").strip(),
        "state": numbers[0],
        "cwd": _link(system, f"{folder}/cwd"),
        "root": _link(system, f"{folder}/root"),
        **_owners(status),
        "wired_size": 0,
        "resident_size": int(numbers[21]) * _PAGE,
        "total_size": int(numbers[20]),
        "user_time": int(numbers[11]) * 1000 // _TICKS,
        "system_time": int(numbers[12]) * 1000 // _TICKS,
        "start_time": boot + int(numbers[19]) // _TICKS,
        "parent": int(numbers[1]),
        "pgroup": int(numbers[2]),
        "threads": int(numbers[17]),
        "nice": int(numbers[16]),
        **_traffic(system, folder),
        "cgroup_path": _cgroup(system, folder),
    }


def _link(system: System, path: str) -> str | TableUnreadableError:
    """Where it points; another user's is for root alone, and no reason to hide the process.

    Root itself meets this in a container, with processes that have more rights than it; nothing
    that it could do would show them, so they stay without a name, as in osquery.
    """
    try:
        return system.link(path, strict=os.geteuid() != 0) or ""
    except TableUnreadableError as error:
        return error


def _program(system: System, executable: str | TableUnreadableError) -> TableRow:
    if isinstance(executable, TableUnreadableError):
        return {"path": executable, "on_disk": executable}
    path = executable.removesuffix(" (deleted)")
    if not path:
        return {"path": "", "on_disk": -1}  # a kernel thread has no file
    try:
        return {"path": path, "on_disk": int(path == executable and system.exists(path))}
    except TableUnreadableError as error:
        return {"path": path, "on_disk": error}


def _fields(system: System, path: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in system.lines(path))
    return {name: value.strip() for name, _, value in pairs}


def _owners(status: dict[str, str]) -> dict[str, int]:
    uids, gids = status["Uid"].split(), status["Gid"].split()
    names = ("uid", "euid", "suid")
    owners = {name: int(number) for name, number in zip(names, uids[:3], strict=True)}
    names = ("gid", "egid", "sgid")
    return owners | {name: int(number) for name, number in zip(names, gids[:3], strict=True)}


def _traffic(system: System, folder: str) -> dict[str, int]:
    try:
        counters = _fields(system, f"{folder}/io")
    except TableUnreadableError:
        return {}  # another user's; every other column is open to all
    return {
        "disk_bytes_read": int(counters.get("read_bytes", 0)),
        "disk_bytes_written": int(counters.get("write_bytes", 0)),
    }


def _cgroup(system: System, folder: str) -> str:
    lines = (system.read(f"{folder}/cgroup") or "").splitlines()
    return lines[-1].split(":", 2)[-1] if lines else ""


TABLES: Final = (
    Table(
        "processes",
        columns(
            "pid:bigint name path cmdline state cwd root uid:bigint gid:bigint euid:bigint "
            "egid:bigint suid:bigint sgid:bigint on_disk:integer wired_size:bigint "
            "resident_size:bigint total_size:bigint user_time:bigint system_time:bigint "
            "disk_bytes_read:bigint disk_bytes_written:bigint start_time:bigint parent:bigint "
            "pgroup:bigint threads:integer nice:integer cgroup_path:text:hidden"
        ),
        _processes,
        index=frozenset({"pid"}),
    ),
)
