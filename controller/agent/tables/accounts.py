"""Accounts: ``users``, ``groups``, ``user_groups``, ``shadow``.

Read from the machine's own files. Accounts of a directory service (LDAP, SSSD) are left out, as
osquery leaves them out by default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns

_HASH_ALGORITHM: Final = re.compile(r"\$(\w+)\$")
_SHADOW_NUMBERS: Final = ("last_change", "min", "max", "warning", "inactive", "expire", "flag")


def passwd_entries(system: System) -> Iterator[tuple[str, int, int, str, str, str]]:
    """Name, uid, gid, description, directory and shell of each account, bad lines left out."""
    for line in system.lines("/etc/passwd"):
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isdecimal() and fields[3].isdecimal():
            name, _, uid, gid, description, directory, shell = fields
            yield name, int(uid), int(gid), description, directory, shell


def _group_entries(system: System) -> Iterator[tuple[str, int, list[str]]]:
    for line in system.lines("/etc/group"):
        fields = line.split(":")
        if len(fields) == 4 and fields[2].isdecimal():
            yield fields[0], int(fields[2]), [name for name in fields[3].split(",") if name]


def _signed(number: int) -> int:
    return number - 2**32 if number >= 2**31 else number


def _users(system: System, _: Constraints) -> Iterator[TableRow]:
    for name, uid, gid, description, directory, shell in passwd_entries(system):
        yield {
            "uid": uid,
            "gid": gid,
            "uid_signed": _signed(uid),
            "gid_signed": _signed(gid),
            "username": name,
            "description": description,
            "directory": directory,
            "shell": shell,
            "uuid": "",
            "pid_with_namespace": 0,
            "include_remote": 0,
        }


def _groups(system: System, _: Constraints) -> Iterator[TableRow]:
    for name, gid, _members in _group_entries(system):
        yield {
            "gid": gid,
            "gid_signed": _signed(gid),
            "groupname": name,
            "pid_with_namespace": 0,
        }


def _user_groups(system: System, fixed: Constraints) -> Iterator[TableRow]:
    members: dict[str, list[int]] = {}
    for _name, gid, names in _group_entries(system):
        for member in names:
            members.setdefault(member, []).append(gid)
    wanted = fixed.number("uid")
    for name, uid, gid, *_ in passwd_entries(system):
        if wanted is None or wanted == uid:
            for number in dict.fromkeys([gid, *members.get(name, ())]):
                yield {"uid": uid, "gid": number}


def _shadow(system: System, _: Constraints) -> Iterator[TableRow]:
    for line in system.lines("/etc/shadow"):
        fields = line.split(":")
        if len(fields) != 9:
            continue
        password = fields[1]
        algorithm = _HASH_ALGORITHM.match(password)
        row: dict[str, str | int | None] = {
            "username": fields[0],
            "password_status": _password_status(password),
            "hash_alg": algorithm.group(1) if algorithm else None,
        }
        for name, text in zip(_SHADOW_NUMBERS, fields[2:], strict=True):
            # The C library gives -1 for an empty field; an empty flag is all bits, -1 as well.
            row[name] = int(text) if text.lstrip("-").isdecimal() else -1
        yield row


def _password_status(password: str) -> str:
    if password == "!!":  # noqa: S105 - the mark of an account that never had one
        return "not_set"
    if not password:
        return "empty"
    return "locked" if password[0] in "!*x" else "active"


TABLES: Final = (
    Table(
        "users",
        columns(
            "uid:bigint gid:bigint uid_signed:bigint gid_signed:bigint username description "
            "directory shell uuid pid_with_namespace:integer:hidden include_remote:integer:hidden"
        ),
        _users,
    ),
    Table(
        "groups",
        columns("gid:bigint gid_signed:bigint groupname pid_with_namespace:integer:hidden"),
        _groups,
    ),
    Table("user_groups", columns("uid:bigint gid:bigint"), _user_groups, index=frozenset({"uid"})),
    Table(
        "shadow",
        columns(
            "password_status hash_alg last_change:bigint min:bigint max:bigint warning:bigint "
            "inactive:bigint expire:bigint flag:bigint username"
        ),
        _shadow,
    ),
)
