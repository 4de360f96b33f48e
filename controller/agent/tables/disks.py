"""Disks and what is mounted: ``mounts``, ``block_devices``, ``disk_encryption``."""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterator
from typing import Final

from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns

_BLOCKS: Final = "/sys/class/block"
_UDEV_NAMES: Final = {
    "E:ID_FS_UUID": "uuid",
    "E:ID_FS_TYPE": "type",
    "E:ID_FS_LABEL": "label",
    "E:ID_SERIAL_SHORT": "serial",
}
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
_REMOTE: Final = ("nfs", "cifs", "smb", "fuse", "9p", "ceph", "afs", "autofs")
"""Asking these for their size may wait for a server that is gone."""


def _mounts(system: System, _: Constraints) -> Iterator[TableRow]:
    for line in system.lines("/proc/self/mounts"):
        device, path, type_, flags = (_unescaped(part) for part in line.split()[:4])
        yield {
            "device": device,
            "device_alias": _real_device(system, device),
            "path": path,
            "type": type_,
            "flags": flags,
            **_sizes(system, path, type_),
        }


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 8)), text)


def _real_device(system: System, device: str) -> str:
    target = system.link(device) if device.startswith("/") else None
    return (
        device
        if target is None
        else posixpath.normpath(posixpath.join(posixpath.dirname(device), target))
    )


def _sizes(system: System, path: str, type_: str) -> dict[str, int]:
    if type_.startswith(_REMOTE):
        return {}
    system.tick()
    try:
        sizes = os.statvfs(system.path(path))
    except OSError:
        return {}  # a mount of another user's, or one that another mount hides
    return {
        "blocks_size": sizes.f_bsize,
        "blocks": sizes.f_blocks,
        "blocks_free": sizes.f_bfree,
        "blocks_available": sizes.f_bavail,
        "inodes": sizes.f_files,
        "inodes_free": sizes.f_ffree,
    }


def _block_devices(system: System, _: Constraints) -> Iterator[TableRow]:
    contents = _contents(system)
    for name in system.names(_BLOCKS):
        folder = f"{_BLOCKS}/{name}"
        found = contents.get(name, {})
        parent = _parent(system, name)
        yield {
            "name": f"/dev/{name}",
            "parent": f"/dev/{parent}" if parent else "",
            "vendor": _line(system, f"{folder}/device/vendor"),
            "model": _line(system, f"{folder}/device/model"),
            "serial": _line(system, f"{folder}/device/serial") or found.get("serial", ""),
            "size": int(_line(system, f"{folder}/size") or 0),
            "block_size": int(_line(system, f"{folder}/queue/logical_block_size") or 512),
            "uuid": found.get("uuid", ""),
            "type": found.get("type", ""),
            "label": found.get("label", ""),
        }


def _line(system: System, path: str) -> str:
    return (system.read(path) or "").strip()


def _contents(system: System) -> dict[str, dict[str, str]]:
    """What lies on each device: from udev's records, or lsblk's own look where udev does not run."""
    if system.names("/run/udev/data"):
        return {name: _udev_record(system, name) for name in system.names(_BLOCKS)}
    listed = system.run("lsblk", "--json", "--list", "--output", "NAME,UUID,FSTYPE,LABEL,SERIAL")
    if listed is None:
        return {}
    return {
        device["name"]: {
            "uuid": device["uuid"] or "",
            "type": device["fstype"] or "",
            "label": device["label"] or "",
            "serial": device["serial"] or "",
        }
        for device in json.loads(listed)["blockdevices"]
    }


def _udev_record(system: System, name: str) -> dict[str, str]:
    number = _line(system, f"{_BLOCKS}/{name}/dev")
    record = {}
    for line in system.lines(f"/run/udev/data/b{number}"):
        key, _, value = line.partition("=")
        if key in _UDEV_NAMES:
            record[_UDEV_NAMES[key]] = value
    return record


def _parent(system: System, name: str) -> str:
    """The disk of a partition, or the device below a mapped one."""
    slaves = system.names(f"{_BLOCKS}/{name}/slaves")
    if slaves:
        return slaves[0]
    if not system.exists(f"{_BLOCKS}/{name}/partition"):
        return ""
    target = system.link(f"{_BLOCKS}/{name}") or ""
    return posixpath.basename(posixpath.dirname(target))


def _disk_encryption(system: System, _: Constraints) -> Iterator[TableRow]:
    contents = _contents(system)
    for name in system.names(_BLOCKS):
        type_ = _encryption(system, name)
        yield {
            "name": f"/dev/{name}",
            "uuid": contents.get(name, {}).get("uuid", ""),
            "encrypted": int(bool(type_)),
            "type": type_,
            "encryption_status": "encrypted" if type_ else "not encrypted",
        }


def _encryption(system: System, name: str, depth: int = 0) -> str:
    """The kind of encryption that everything written to this device goes through, or empty.

    That is so for an open dm-crypt device and for whatever lies on one, LVM volumes for instance.
    """
    mapped = _line(system, f"{_BLOCKS}/{name}/dm/uuid")
    if mapped.startswith("CRYPT-"):
        return mapped.split("-")[1]
    slaves = system.names(f"{_BLOCKS}/{name}/slaves") if depth < 16 else []
    parent = _parent(system, name)
    below = slaves or ([parent] if parent and depth < 16 else [])
    types = [_encryption(system, device, depth + 1) for device in below]
    # A volume spread over several devices is encrypted when each of them is.
    return types[0] if types and all(types) else ""


TABLES: Final = (
    Table(
        "mounts",
        columns(
            "device device_alias path type blocks_size:bigint blocks:bigint blocks_free:bigint "
            "blocks_available:bigint inodes:bigint inodes_free:bigint flags"
        ),
        _mounts,
    ),
    Table(
        "block_devices",
        columns("name parent vendor model serial size:bigint block_size:integer uuid type label"),
        _block_devices,
    ),
    Table(
        "disk_encryption",
        columns("name uuid encrypted:integer type encryption_status"),
        _disk_encryption,
    ),
)
