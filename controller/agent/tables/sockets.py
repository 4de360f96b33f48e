"""Open sockets: ``process_open_sockets``, ``listening_ports``.

Sockets of the agent's own network namespace; the process of another user's socket is visible to
root alone and is -1 otherwise.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Final

from controller.agent.tables.processes import process_ids
from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns
from controller.errors import TableUnreadableError

_KINDS: Final = (
    ("tcp", socket.AF_INET, socket.IPPROTO_TCP),
    ("tcp6", socket.AF_INET6, socket.IPPROTO_TCP),
    ("udp", socket.AF_INET, socket.IPPROTO_UDP),
    ("udp6", socket.AF_INET6, socket.IPPROTO_UDP),
    ("raw", socket.AF_INET, socket.IPPROTO_RAW),
    ("raw6", socket.AF_INET6, socket.IPPROTO_RAW),
)
_STATES: Final = (
    "UNKNOWN",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSED",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
)
"""By the number in /proc/net/tcp (the kernel's tcp_states.h)."""


def _sockets(system: System, fixed: Constraints) -> Iterator[dict[str, str | int]]:
    wanted = fixed.number("pid")
    # Which sockets have no visible process is known only after looking at every process.
    holders = _holders(system, Constraints() if wanted == -1 else fixed)
    namespace = (system.link("/proc/self/ns/net") or "").partition("[")[2].rstrip("]")
    for row in [*_internet(system), *_unix(system)]:
        row["net_namespace"] = namespace
        for pid, descriptor in holders.get(str(row["socket"]), [(-1, -1)]):
            if wanted is None or wanted == pid:
                yield {**row, "pid": pid, "fd": descriptor}


def _holders(system: System, fixed: Constraints) -> dict[str, list[tuple[int, int]]]:
    """Process and file descriptor by socket number."""
    found: dict[str, list[tuple[int, int]]] = {}
    for pid in process_ids(system, fixed):
        folder = f"/proc/{pid}/fd"
        try:
            names = system.names(folder)
        except TableUnreadableError:
            continue
        for name in names:
            target = system.link(f"{folder}/{name}") or ""
            if target.startswith("socket:["):
                found.setdefault(target[8:-1], []).append((pid, int(name)))
    return found


def _internet(system: System) -> Iterator[dict[str, str | int]]:
    for file, family, protocol in _KINDS:
        for line in (system.read(f"/proc/self/net/{file}") or "").splitlines()[1:]:
            parts = line.split()
            local_address, local_port = _address(parts[1])
            remote_address, remote_port = _address(parts[2])
            state = int(parts[3], 16)
            yield {
                "socket": int(parts[9]),
                "family": int(family),
                "protocol": int(protocol),
                "local_address": local_address,
                "local_port": local_port,
                "remote_address": remote_address,
                "remote_port": remote_port,
                "path": "",
                # For a datagram socket the number says nothing.
                "state": _STATES[state] if file.startswith("tcp") and state < 12 else "",
            }


def _address(text: str) -> tuple[str, int]:
    """Address and port from hexadecimal words that are each in the machine's byte order."""
    words, port = text.split(":")
    data = b"".join(
        bytes.fromhex(words[start : start + 8])[::-1] for start in range(0, len(words), 8)
    )
    return str(ipaddress.ip_address(data)), int(port, 16)


def _unix(system: System) -> Iterator[dict[str, str | int]]:
    for line in (system.read("/proc/self/net/unix") or "").splitlines()[1:]:
        parts = line.split(maxsplit=7)
        yield {
            "socket": int(parts[6]),
            "family": int(socket.AF_UNIX),
            "protocol": 0,
            "local_address": "",
            "local_port": 0,
            "remote_address": "",
            "remote_port": 0,
            "path": parts[7] if len(parts) > 7 else "",
            "state": "",
        }


def _listening(system: System, fixed: Constraints) -> Iterator[TableRow]:
    for row in _sockets(system, fixed):
        # What waits for others has no peer; a unix socket waits when it has a name.
        if row["remote_port"] != 0 or (row["family"] == socket.AF_UNIX and not row["path"]):
            continue
        yield {
            "pid": row["pid"],
            "port": row["local_port"],
            "protocol": row["protocol"],
            "family": row["family"],
            "address": row["local_address"],
            "fd": row["fd"],
            "socket": row["socket"],
            "path": row["path"],
            "net_namespace": row["net_namespace"],
        }


TABLES: Final = (
    Table(
        "process_open_sockets",
        columns(
            "pid:integer fd:bigint socket:bigint family:integer protocol:integer local_address "
            "remote_address local_port:integer remote_port:integer path state net_namespace"
        ),
        _sockets,
        index=frozenset({"pid"}),
    ),
    Table(
        "listening_ports",
        columns(
            "pid:integer port:integer protocol:integer family:integer address fd:bigint "
            "socket:bigint path net_namespace"
        ),
        _listening,
        index=frozenset({"pid"}),
    ),
)
