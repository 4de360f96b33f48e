"""The machine as a whole: ``os_version``, ``system_info``, ``uptime``, ``time``, ``secureboot``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import psutil

from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns
from controller.errors import TableUnreadableError

_EFI: Final = "/sys/firmware/efi"
_EFI_GLOBAL: Final = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""The vendor id of variables that the UEFI specification itself defines."""
_DMI: Final = {
    "uuid": "product_uuid",
    "hardware_vendor": "sys_vendor",
    "hardware_model": "product_name",
    "hardware_version": "product_version",
    "hardware_serial": "product_serial",
    "board_vendor": "board_vendor",
    "board_model": "board_name",
    "board_version": "board_version",
    "board_serial": "board_serial",
}


def os_release(system: System) -> dict[str, str]:
    """The fields of os-release(5), quotes removed."""
    path = "/etc/os-release" if system.exists("/etc/os-release") else "/usr/lib/os-release"
    fields = {}
    for line in system.lines(path):
        name, _, value = line.partition("=")
        fields[name] = value.strip().strip("\"'")
    return fields


def _os_version(system: System, _: Constraints) -> Iterator[TableRow]:
    fields = os_release(system)
    numbers = [int(part) if part.isdecimal() else 0 for part in _version_parts(fields)]
    yield {
        "name": fields.get("NAME", ""),
        "version": fields.get("VERSION", fields.get("VERSION_ID", "")),
        "major": numbers[0],
        "minor": numbers[1],
        "patch": numbers[2],
        "build": fields.get("BUILD_ID", ""),
        "platform": fields.get("ID", ""),
        "platform_like": fields.get("ID_LIKE", ""),
        "codename": fields.get("VERSION_CODENAME", ""),
        "arch": os.uname().machine,
        "pid_with_namespace": 0,
        "mount_namespace_id": "",
    }


def _version_parts(fields: dict[str, str]) -> list[str]:
    return [*fields.get("VERSION_ID", "").split("."), "0", "0", "0"][:3]


def _system_info(system: System, _: Constraints) -> Iterator[TableRow]:
    cpu = _cpu_fields(system)
    hostname = (system.read("/proc/sys/kernel/hostname") or os.uname().nodename).strip()
    row: dict[str, str | int] = {
        "hostname": hostname,
        "computer_name": hostname,
        "local_hostname": hostname,
        "cpu_type": os.uname().machine,
        "cpu_subtype": cpu.get("model", ""),
        "cpu_brand": cpu.get("model name", ""),
        "cpu_microcode": cpu.get("microcode", ""),
        "cpu_physical_cores": psutil.cpu_count(logical=False) or 0,
        "cpu_logical_cores": psutil.cpu_count() or 0,
        "cpu_sockets": int(cpu.get("physical id", "0")) + 1,
        "physical_memory": psutil.virtual_memory().total,
    }
    for name, file in _DMI.items():
        try:
            row[name] = (system.read(f"/sys/class/dmi/id/{file}") or "").strip()
        except TableUnreadableError:
            row[name] = ""  # serials are for root alone; nothing else here depends on them
    yield row


def _cpu_fields(system: System) -> dict[str, str]:
    fields = {}
    for line in system.lines("/proc/cpuinfo"):
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    return fields


def _uptime(system: System, _: Constraints) -> Iterator[TableRow]:
    total = int(float((system.read("/proc/uptime") or "0").split()[0]))
    minutes, seconds = divmod(total, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    yield {
        "days": days,
        "hours": hours,
        "minutes": minutes,
        "seconds": seconds,
        "total_seconds": total,
    }


def _time(_system: System, _: Constraints) -> Iterator[TableRow]:
    now = datetime.now(UTC)
    yield {
        "weekday": now.strftime("%A"),
        "year": now.year,
        "month": now.month,
        "day": now.day,
        "hour": now.hour,
        "minutes": now.minute,
        "seconds": now.second,
        "timezone": "UTC",
        "local_timezone": time.tzname[time.localtime().tm_isdst > 0],
        "unix_time": int(now.timestamp()),
        "timestamp": now.strftime("%a %b %e %H:%M:%S %Y UTC"),
        "datetime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "iso_8601": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _secureboot(system: System, _: Constraints) -> Iterator[TableRow]:
    if not system.exists(_EFI):
        return  # started without UEFI: there is no such thing on this machine
    if not system.names(f"{_EFI}/efivars"):
        raise TableUnreadableError(f"{_EFI}/efivars is empty; mount efivarfs there")
    yield {
        "secure_boot": _variable(system, "SecureBoot"),
        "setup_mode": _variable(system, "SetupMode"),
    }


def _variable(system: System, name: str) -> int:
    data = system.read_bytes(f"{_EFI}/efivars/{name}-{_EFI_GLOBAL}")
    # Four bytes of attributes stand before the value; without the variable it is off.
    return data[4] if data and len(data) > 4 else 0


TABLES: Final = (
    Table(
        "os_version",
        columns(
            "name version major:integer minor:integer patch:integer build platform platform_like "
            "codename arch pid_with_namespace:integer:hidden mount_namespace_id:text:hidden"
        ),
        _os_version,
    ),
    Table(
        "system_info",
        columns(
            "hostname uuid cpu_type cpu_subtype cpu_brand cpu_physical_cores:integer "
            "cpu_logical_cores:integer cpu_sockets:integer cpu_microcode physical_memory:bigint "
            "hardware_vendor hardware_model hardware_version hardware_serial board_vendor "
            "board_model board_version board_serial computer_name local_hostname"
        ),
        _system_info,
    ),
    Table(
        "uptime",
        columns("days:integer hours:integer minutes:integer seconds:integer total_seconds:bigint"),
        _uptime,
    ),
    Table(
        "time",
        columns(
            "weekday year:integer month:integer day:integer hour:integer minutes:integer "
            "seconds:integer timezone local_timezone unix_time:integer timestamp datetime iso_8601"
        ),
        _time,
    ),
    Table("secureboot", columns("secure_boot:integer setup_mode:integer"), _secureboot),
)
