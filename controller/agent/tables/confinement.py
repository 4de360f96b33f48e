"""Mandatory access control: ``apparmor_profiles``, ``selinux_settings``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns
from controller.errors import TableUnreadableError

_APPARMOR: Final = "/sys/kernel/security/apparmor/policy"
_APPARMOR_ENABLED: Final = "/sys/module/apparmor/parameters/enabled"
_SELINUX: Final = "/sys/fs/selinux"
_SELINUX_KEYS: Final = (
    "checkreqprot",
    "deny_unknown",
    "enforce",
    "mls",
    "policyvers",
    "reject_unknown",
)
_SELINUX_SCOPES: Final = ("booleans", "policy_capabilities", "initial_contexts")


def _apparmor_profiles(system: System, _: Constraints) -> Iterator[TableRow]:
    enabled = (system.read(_APPARMOR_ENABLED) or "").strip() == "Y"
    if enabled and not system.exists(_APPARMOR):
        raise TableUnreadableError(
            "AppArmor is enabled, but its profiles are not visible; mount securityfs"
        )
    yield from _profiles(system, f"{_APPARMOR}/profiles", 0)


def _profiles(system: System, folder: str, depth: int) -> Iterator[TableRow]:
    for name in system.names(folder):
        path = f"{folder}/{name}"
        yield {
            "path": name,
            **{key: _line(system, f"{path}/{key}") for key in ("name", "attach", "mode", "sha1")},
            "sha256": _line(system, f"{path}/sha256"),
        }
        if depth < 8:
            yield from _profiles(system, f"{path}/profiles", depth + 1)


def _selinux_settings(system: System, _: Constraints) -> Iterator[TableRow]:
    for key in _SELINUX_KEYS:
        if system.exists(f"{_SELINUX}/{key}"):
            yield {"scope": "global", "key": key, "value": _line(system, f"{_SELINUX}/{key}")}
    for scope in _SELINUX_SCOPES:
        for key in system.names(f"{_SELINUX}/{scope}"):
            value = _line(system, f"{_SELINUX}/{scope}/{key}")
            if scope == "booleans":
                # Current and pending value; the current one counts.
                value = "on" if value.startswith("1") else "off"
            yield {"scope": scope, "key": key, "value": value}


def _line(system: System, path: str) -> str:
    return (system.read(path) or "").strip().strip("\0")


TABLES: Final = (
    Table("apparmor_profiles", columns("path name attach mode sha1 sha256"), _apparmor_profiles),
    Table("selinux_settings", columns("scope key value"), _selinux_settings),
)
