"""The kernel: ``kernel_info``, ``kernel_modules``, ``system_controls``."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from typing import Final

from controller.agent.tables.system import System, unreadable
from controller.agent.tables.table import Constraints, Table, TableRow, columns

_CONTROLS: Final = "/proc/sys"
_CONFIG_FOLDERS: Final = (
    "/etc/sysctl.d",
    "/run/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
    "/lib/sysctl.d",
)
"""sysctl.d(5): of files with one name, the one in the folder named first counts."""


def _kernel_info(system: System, _: Constraints) -> Iterator[TableRow]:
    version = (system.read("/proc/version") or "").split()
    words = (system.read("/proc/cmdline") or "").split()
    named = dict(word.split("=", 1) for word in words if "=" in word)
    yield {
        "version": version[2] if len(version) > 2 else "",
        "arguments": " ".join(
            word for word in words if not word.startswith(("BOOT_IMAGE=", "root="))
        ),
        "path": named.get("BOOT_IMAGE", ""),
        "device": named.get("root", ""),
    }


def _kernel_modules(system: System, _: Constraints) -> Iterator[TableRow]:
    for line in system.lines("/proc/modules"):
        name, size, _references, used_by, status, address = line.split()[:6]
        yield {
            "name": name,
            "size": int(size),
            "used_by": used_by,
            "status": status,
            "address": address,
        }


def _system_controls(system: System, fixed: Constraints) -> Iterator[TableRow]:
    configured = sysctl_settings(system)
    name = fixed.equal.get("name")
    if name is not None:
        paths = iter([f"{_CONTROLS}/{_as_path(name)}"])
    else:
        prefix = fixed.like.get("name", "").partition("%")[0]
        paths = _walk(system, fixed.equal.get("subsystem") or _first_part(prefix))
    for path in paths:
        status = system.stat(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            continue
        found = name or path.removeprefix(f"{_CONTROLS}/").replace("/", ".")
        yield {
            "name": found,
            "oid": "",
            "subsystem": found.partition(".")[0],
            "current_value": _control(system, path, status),
            "config_value": configured.get(_as_path(found), ""),
            "type": "",
        }


def _as_path(name: str) -> str:
    """A control's name as its path: the first separator says which of the two is meant.

    sysctl(8): ``net.ipv4.conf.eth0/100.mtu`` names the interface ``eth0.100``.
    """
    dot, slash = name.find("."), name.find("/")
    if slash == -1 or (dot != -1 and dot < slash):
        return name.translate(str.maketrans("./", "/."))
    return name


def _first_part(prefix: str) -> str:
    first, dot, _ = prefix.partition(".")
    # An underscore is a wildcard in LIKE; no subsystem has one, so it narrows nothing then.
    return first if dot and "_" not in first else ""


def _walk(system: System, subsystem: str) -> Iterator[str]:
    folders = [posixpath.join(_CONTROLS, subsystem) if subsystem else _CONTROLS]
    while folders:
        folder = folders.pop()
        for name in system.names(folder):
            path = f"{folder}/{name}"
            status = system.stat(path, follow=False)
            if status is not None and stat.S_ISDIR(status.st_mode):
                folders.append(path)
            else:
                yield path


def _control(system: System, path: str, status: os.stat_result) -> str | None:
    system.tick()
    if not status.st_mode & 0o444:
        return None  # write-only: it has no value
    try:
        return system.path(path).read_text(errors="replace").strip()
    except PermissionError as error:
        raise unreadable(path, error) from error
    except OSError:
        return None  # the kernel's way to say "not set", as for stable_secret


def sysctl_settings(system: System) -> dict[str, str]:
    """What the configuration sets at boot, by the control's path below ``/proc/sys``."""
    chosen: dict[str, str] = {}
    for folder in reversed(_CONFIG_FOLDERS):
        for name in system.names(folder):
            if name.endswith(".conf"):
                chosen[name] = f"{folder}/{name}"
    settings: dict[str, str] = {}
    for path in [*(chosen[name] for name in sorted(chosen)), "/etc/sysctl.conf"]:
        for line in system.lines(path):
            key, equals, value = line.partition("=")
            if equals and not line.startswith(";"):
                settings[_as_path(key.strip().removeprefix("-"))] = value.strip()
    return settings


TABLES: Final = (
    Table("kernel_info", columns("version arguments path device"), _kernel_info),
    Table("kernel_modules", columns("name size:bigint used_by status address"), _kernel_modules),
    Table(
        "system_controls",
        columns("name oid subsystem current_value config_value type"),
        _system_controls,
        index=frozenset({"name", "subsystem"}),
    ),
)
