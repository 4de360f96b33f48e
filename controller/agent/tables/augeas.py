"""``augeas``: settings of well-known configuration files as nodes, without the Augeas library.

As in osquery, ``path`` is the file, ``node`` is ``/files`` + the path + the place in the tree,
``label`` is the last part and ``value`` the text. A path that exists and that no lens here reads is an
error, so that a check of it never passes or fails by accident. Files that sshd_config includes are
listed under their own paths.
"""

from __future__ import annotations

import posixpath
import re
import stat
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from controller.agent.tables import lenses
from controller.agent.tables.apt_conf import apt_conf
from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns
from controller.errors import TableUnreadableError

_SSHD: Final = "/etc/ssh/sshd_config"
_LENSES: Final[dict[lenses.Lens, str]] = {
    lenses.sshd: """
        /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf
    """,
    lenses.simple: """
        /etc/login.defs /etc/security/pwquality.conf /etc/security/pwquality.conf.d/*.conf
        /etc/security/faillock.conf /etc/security/pwhistory.conf /etc/audit/auditd.conf
        /etc/selinux/semanage.conf /etc/kernel-img.conf /etc/libaudit.conf
        /etc/chrony.conf /etc/chrony/chrony.conf /etc/host.conf
    """,
    lenses.pam: "/etc/pam.d/*",
    lenses.sysctl: """
        /etc/sysctl.conf /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf
    """,
    apt_conf: "/etc/apt/apt.conf /etc/apt/apt.conf.d/*",
    lenses.shell: """
        /etc/default/* /etc/environment /etc/selinux/config /etc/ufw/ufw.conf /etc/adduser.conf
        /etc/deluser.conf /etc/updatedb.conf /etc/os-release /etc/lsb-release /etc/locale.conf
        /etc/vconsole.conf /etc/sysconfig/*
    """,
    lenses.systemd: """
        /etc/systemd/*.conf /etc/systemd/*.conf.d/*.conf /etc/systemd/system/*.service
        /etc/systemd/system/*.d/*.conf /usr/lib/systemd/system/*.service
    """,
    lenses.ini: """
        /etc/dnf/dnf.conf /etc/yum.conf /etc/yum.repos.d/*.repo /etc/dnf/automatic.conf
        /etc/gdm3/custom.conf /etc/gdm3/daemon.conf /etc/gdm/custom.conf /etc/fwupd/*.conf
    """,
    lenses.limits: "/etc/security/limits.conf /etc/security/limits.d/*.conf",
    lenses.modprobe: """
        /etc/modprobe.d/*.conf /lib/modprobe.d/*.conf /usr/lib/modprobe.d/*.conf
    """,
    lenses.resolv: "/etc/resolv.conf",
}
_PATTERNS: Final = tuple(
    (pattern, lens) for lens, text in _LENSES.items() for pattern in text.split()
)
_BACKUP: Final = re.compile(r".*(~|\.(?:dpkg-\w+|rpm(?:new|save|orig)|bak|old|swp))$")
"""What package managers and editors leave behind is no configuration."""


def _augeas(system: System, fixed: Constraints) -> Iterator[TableRow]:
    for path, lens in _wanted(system, fixed).items():
        system.tick()
        text = system.read(path)
        if text is None:
            continue
        node = f"/files{path}"
        yield {"node": node, "label": posixpath.basename(path), "value": "", "path": path}
        for found, label, value in _flat(node, lens(text)):
            yield {"node": found, "label": label, "value": value, "path": path}


def _flat(parent: str, nodes: list[lenses.Node]) -> Iterator[tuple[str, str, str]]:
    """Node path, label and value of each; a number tells siblings of one label apart."""
    total = Counter(node.label for node in nodes)
    seen: Counter[str] = Counter()
    for node in nodes:
        seen[node.label] += 1
        place = f"[{seen[node.label]}]" if total[node.label] > 1 else ""
        path = f"{parent}/{node.label}{place}"
        yield path, node.label, node.value
        yield from _flat(path, list(node.children))


def _wanted(system: System, fixed: Constraints) -> dict[str, lenses.Lens]:
    path, node = fixed.equal.get("path"), fixed.equal.get("node")
    if path is not None:
        lens = _lens_for(system, path)
        if lens is None and system.read(path) is not None:
            raise TableUnreadableError(f"the augeas table has no lens for {path}")
        return {path: lens} if lens else {}
    if node is not None:
        place = node.removeprefix("/files")
        parents = [place[: found.start()] for found in re.finditer(r"(?<=.)/|$", place)]
        pairs = ((parent, _lens_for(system, parent)) for parent in parents)
        return {parent: lens for parent, lens in pairs if lens}
    prefix = _literal(fixed.like.get("path", ""))
    prefix = prefix or _literal(fixed.like.get("node", "")).removeprefix("/files")
    return {
        found: lens for found, lens in _known(system, prefix).items() if _overlap(found, prefix)
    }


def _literal(pattern: str) -> str:
    """What stands before the first wildcard of a ``LIKE`` pattern."""
    return re.split(r"[%_]", pattern, maxsplit=1)[0]


def _overlap(path: str, prefix: str) -> bool:
    return path.startswith(prefix) or prefix.startswith(path)


def _known(system: System, prefix: str) -> dict[str, lenses.Lens]:
    """Files that a lens reads, as far as they can begin with the prefix.

    Others are not even looked at: that they cannot be read is nothing to the question.
    """
    found: dict[str, lenses.Lens] = {}
    for pattern, lens in _PATTERNS:
        if _overlap(re.split(r"[*?\[]", pattern, maxsplit=1)[0], prefix):
            for path in _glob(system, pattern):
                found.setdefault(path, lens)
    try:
        included = _sshd_includes(system)
    except TableUnreadableError:
        if _overlap(_SSHD, prefix):
            raise
        included = set()
    for path in included:
        found.setdefault(path, lenses.sshd)
    return found


def _lens_for(system: System, path: str) -> lenses.Lens | None:
    for pattern, lens in _PATTERNS:
        if pattern.count("/") == path.count("/") and fnmatchcase(path, pattern):
            return None if _BACKUP.match(path) else lens
    return lenses.sshd if path in _sshd_includes(system) else None


def _sshd_includes(system: System) -> set[str]:
    """Every file that sshd reads by ``Include``, at any depth."""
    found: set[str] = set()
    left = [_SSHD]
    while left:
        for node in _all_nodes(lenses.sshd(system.read(left.pop()) or "")):
            for pattern in node.value.split() if node.label.lower() == "include" else ():
                # sshd_config(5): relative names are below /etc/ssh.
                for path in _glob(system, posixpath.join("/etc/ssh", pattern)):
                    if path not in found:
                        found.add(path)
                        left.append(path)
    return found


def _all_nodes(nodes: list[lenses.Node]) -> Iterator[lenses.Node]:
    for node in nodes:
        yield node
        yield from _all_nodes(list(node.children))


def _glob(system: System, pattern: str) -> list[str]:
    """Plain files that a shell pattern matches."""
    found = [""]
    for part in pattern.split("/")[1:]:
        if any(char in part for char in "*?["):
            found = [
                f"{parent}/{name}"
                for parent in found
                for name in system.names(parent or "/")
                if fnmatchcase(name, part) and not name.startswith(".")
            ]
        else:
            found = [f"{parent}/{part}" for parent in found]
    return [path for path in found if not _BACKUP.match(path) and _is_file(system, path)]


def _is_file(system: System, path: str) -> bool:
    status = system.stat(path)
    return status is not None and stat.S_ISREG(status.st_mode)


TABLES: Final = (
    Table(
        "augeas",
        columns("node value label path"),
        _augeas,
        index=frozenset({"node", "path"}),
    ),
)
