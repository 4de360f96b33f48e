"""``systemd_units``: what systemd runs and what it would start.

Where systemd runs, its loaded units come from systemctl. The state of unit files comes from the unit
folders and their ``.wants`` links, so it can be told in a container or an image as well; a unit
that is not loaded is ``inactive``.
"""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns
from controller.errors import TableUnreadableError

FOLDERS: Final = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""systemd.unit(5), first hit counts."""
_SUFFIXES: Final = (
    ".service",
    ".socket",
    ".timer",
    ".path",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".slice",
    ".scope",
)
_LINKED_BY: Final = (".wants", ".requires", ".upholds")
_PROPERTIES: Final = {
    "Id": "id",
    "Description": "description",
    "LoadState": "load_state",
    "ActiveState": "active_state",
    "SubState": "sub_state",
    "UnitFileState": "unit_file_state",
    "Following": "following",
    "FragmentPath": "fragment_path",
    "User": "user",
    "SourcePath": "source_path",
    "JobType": "job_type",
    "JobId": "job_id",
}


def _units(system: System, _: Constraints) -> Iterator[TableRow]:
    seen = set()
    if system.exists("/run/systemd/system/") and _runs(system):
        for row in _loaded(system):
            seen.add(row["id"])
            yield row
    for name, state, path in unit_files(system):
        if name not in seen:
            yield {
                **dict.fromkeys(_PROPERTIES.values(), ""),
                "id": name,
                "description": _setting(system, path, "Description"),
                "user": _setting(system, path, "User"),
                "load_state": "masked" if state.startswith("masked") else "loaded",
                "active_state": "inactive",
                "sub_state": "dead",
                "unit_file_state": state,
                "fragment_path": path,
                "object_path": "",
                "job_id": 0,
                "job_path": "",
            }


def _runs(system: System) -> bool:
    return (system.read("/proc/1/comm") or "").strip() == "systemd"


def _loaded(system: System) -> Iterator[dict[str, str | int]]:
    wanted = f"--property={','.join(_PROPERTIES)}"
    text = system.run("systemctl", "show", "--no-pager", "--all", wanted, "*")
    if text is None:
        raise TableUnreadableError("systemd runs, but the systemctl tool is not installed")
    for block in text.split("\n\n"):
        pairs = (line.partition("=") for line in block.splitlines())
        found = {_PROPERTIES[name]: value for name, _, value in pairs if name in _PROPERTIES}
        if found.get("id"):
            job = found.get("job_id", "")
            yield {
                **dict.fromkeys(_PROPERTIES.values(), ""),
                **found,
                "object_path": f"/org/freedesktop/systemd1/unit/{_object_name(found['id'])}",
                "job_id": int(job) if job.isdecimal() else 0,
                "job_path": f"/org/freedesktop/systemd1/job/{job}" if job else "/",
            }


def _object_name(unit: str) -> str:
    """A unit's name as D-Bus writes it: all but letters and digits as ``_`` and two hex digits."""
    return "".join(
        char if char.isascii() and char.isalnum() else "".join(f"_{b:02x}" for b in char.encode())
        for char in unit
    )


@dataclass(slots=True)
class _Links:
    """Units that something links to, by how long that lasts."""

    enabled: set[str] = field(default_factory=set)
    runtime: set[str] = field(default_factory=set)
    aliased: set[str] = field(default_factory=set)


def unit_files(system: System) -> Iterator[tuple[str, str, str]]:
    """Name, state (in systemctl's words) and path of each installed unit file."""
    links = _links(system)
    seen: set[str] = set()
    for folder in FOLDERS:
        for name in system.names(folder):
            if name.endswith(_SUFFIXES) and name not in seen:
                path = f"{folder}/{name}"
                seen.add(name)
                yield name, _state(system, name, path, links), path


def _links(system: System) -> _Links:
    links = _Links()
    for folder, found in ((FOLDERS[0], links.enabled), (FOLDERS[1], links.runtime)):
        for name in system.names(folder):
            path = f"{folder}/{name}"
            if name.endswith(_LINKED_BY):
                for unit in system.names(path):
                    found |= {unit, _template(unit)}
                continue
            target = posixpath.basename(system.link(path) or "")
            if target.endswith(_SUFFIXES) and target != name:
                links.aliased.add(target)
    return links


def _template(unit: str) -> str:
    """The template that an instance is made from, or the unit itself."""
    name, at, rest = unit.partition("@")
    return f"{name}@.{rest.rpartition('.')[2]}" if at else unit


def _state(system: System, name: str, path: str, links: _Links) -> str:
    runtime = "-runtime" if path.startswith("/run/") else ""
    target = system.link(path)
    if target is not None and posixpath.normpath(target) == "/dev/null":
        return f"masked{runtime}"
    status = system.stat(path)
    if status is None or not stat.S_ISREG(status.st_mode):
        return "bad"
    if status.st_size == 0:
        return f"masked{runtime}"
    if target is not None and posixpath.basename(target) != name:
        return "alias"
    if name in links.enabled or name in links.aliased:
        return "enabled"
    if name in links.runtime:
        return "enabled-runtime"
    keys = _install_keys(system, path)
    if not keys:
        return "static"
    return "indirect" if keys == {"Also"} else "disabled"


def _install_keys(system: System, path: str) -> set[str]:
    section, keys = "", set()
    for line in system.lines(path):
        if line.startswith("["):
            section = line
        elif section == "[Install]" and "=" in line:
            keys.add(line.partition("=")[0].strip())
    return keys - {"DefaultInstance"}


def _setting(system: System, path: str, name: str) -> str:
    if system.link(path) == "/dev/null":
        return ""
    for line in system.lines(path) if system.exists(path) else ():
        key, equals, value = line.partition("=")
        if equals and key.strip() == name:
            return value.strip()
    return ""


TABLES: Final = (
    Table(
        "systemd_units",
        columns(
            "id description load_state active_state sub_state unit_file_state following "
            "object_path job_id:bigint job_type job_path fragment_path user source_path"
        ),
        _units,
    ),
)
