"""Every table by its name."""

from __future__ import annotations

from typing import Final

from controller.agent.tables import (
    access,
    accounts,
    augeas,
    confinement,
    cron,
    disks,
    files,
    iptables,
    kernel,
    network,
    packages,
    platform,
    processes,
    sockets,
    systemd,
)
from controller.agent.tables.table import Table

_MODULES: Final = (
    access,
    accounts,
    augeas,
    confinement,
    cron,
    disks,
    files,
    iptables,
    kernel,
    network,
    packages,
    platform,
    processes,
    sockets,
    systemd,
)
TABLES: Final[dict[str, Table]] = {
    table.name: table for module in _MODULES for table in module.TABLES
}
