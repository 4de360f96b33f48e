"""Names and addresses: ``interface_addresses``, ``etc_hosts``."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

import psutil

from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns


def _interface_addresses(_system: System, _: Constraints) -> Iterator[TableRow]:
    for interface, addresses in sorted(psutil.net_if_addrs().items()):
        for address in addresses:
            if address.family in {socket.AF_INET, socket.AF_INET6}:
                yield {
                    "interface": interface,
                    "address": address.address,
                    "mask": address.netmask or "",
                    "broadcast": address.broadcast or "",
                    "point_to_point": address.ptp or "",
                    "type": "unknown",
                }


def _etc_hosts(system: System, _: Constraints) -> Iterator[TableRow]:
    for line in system.lines("/etc/hosts"):
        address, *names = line.partition("#")[0].split()
        yield {"address": address, "hostnames": " ".join(names), "pid_with_namespace": 0}


TABLES: Final = (
    Table(
        "interface_addresses",
        columns("interface address mask broadcast point_to_point type"),
        _interface_addresses,
    ),
    Table("etc_hosts", columns("address hostnames pid_with_namespace:integer:hidden"), _etc_hosts),
)
