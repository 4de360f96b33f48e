"""Installed software and where it comes from: ``deb_packages``, ``rpm_packages``, ``apt_sources``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, columns
from controller.errors import TableUnreadableError

_DPKG: Final = "/var/lib/dpkg"
_RPM_FOLDERS: Final = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
_RPM_FIELDS: Final = {
    "name": "NAME",
    "version": "VERSION",
    "release": "RELEASE",
    "source": "SOURCERPM",
    "size": "SIZE",
    "sha1": "SHA1HEADER",
    "arch": "ARCH",
    "epoch": "EPOCHNUM",
    "install_time": "INSTALLTIME",
    "vendor": "VENDOR",
    "package_group": "GROUP",
}


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of a Debian control file, field names in lower case."""
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if not line.strip():
            if fields:
                yield fields
            fields = {}
        elif line[0] in " \t":
            fields[name] = f"{fields.get(name, '')}\n{line.strip()}"
        elif not line.startswith("#"):
            name, _, value = line.partition(":")
            name = name.lower()
            fields[name] = value.strip()


def _deb_packages(system: System, _: Constraints) -> Iterator[TableRow]:
    for fields in stanzas(system.read(f"{_DPKG}/status") or ""):
        status = fields.get("status", "")
        if not fields.get("version") or status.endswith(" not-installed"):
            continue
        version = fields["version"]
        size = fields.get("installed-size", "")
        yield {
            "name": fields.get("package", ""),
            "version": version,
            "source": fields.get("source", ""),
            "size": int(size) if size.isdecimal() else None,
            "arch": fields.get("architecture", ""),
            "revision": version.rpartition("-")[2] if "-" in version else "",
            "status": status,
            "maintainer": fields.get("maintainer", ""),
            "section": fields.get("section", ""),
            "priority": fields.get("priority", ""),
            "admindir": _DPKG,
            "pid_with_namespace": 0,
            "mount_namespace_id": "",
        }


def _rpm_packages(system: System, _: Constraints) -> Iterator[TableRow]:
    if not any(system.names(folder) for folder in _RPM_FOLDERS):
        return  # no RPM database: not such a system
    layout = "\t".join(f"%{{{tag}}}" for tag in _RPM_FIELDS.values()) + "\n"
    text = system.run("rpm", "--query", "--all", "--queryformat", layout)
    if text is None:
        raise TableUnreadableError("there is an RPM database, but the rpm tool is not installed")
    for line in text.splitlines():
        values = line.split("\t")
        if len(values) == len(_RPM_FIELDS):
            pairs = zip(_RPM_FIELDS, values, strict=True)
            row = {name: "" if value == "(none)" else value for name, value in pairs}
            yield {**row, "pid_with_namespace": 0, "mount_namespace_id": ""}


def _apt_sources(system: System, _: Constraints) -> Iterator[TableRow]:
    folder = "/etc/apt/sources.list.d"
    files = [f"{folder}/{name}" for name in system.names(folder)]
    for path in ["/etc/apt/sources.list", *files]:
        if path.endswith(".list"):
            yield from _one_line_sources(system, path)
        elif path.endswith(".sources"):
            yield from _stanza_sources(system, path)


def _one_line_sources(system: System, path: str) -> Iterator[TableRow]:
    for line in system.lines(path):
        words = line.partition("#")[0].replace("[", " [ ", 1).replace("]", " ] ", 1).split()
        options: dict[str, str] = {}
        if len(words) > 1 and words[1] == "[" and "]" in words:
            end = words.index("]")
            options = dict(word.split("=", 1) for word in words[2:end] if "=" in word)
            words = [words[0], *words[end + 1 :]]
        if len(words) >= 3 and words[0] == "deb":
            architectures = options.get("arch", "").replace(",", " ")
            yield _source(path, words[1], words[2], " ".join(words[3:]), architectures)


def _stanza_sources(system: System, path: str) -> Iterator[TableRow]:
    for fields in stanzas(system.read(path) or ""):
        if fields.get("enabled", "yes").lower() in {"no", "false", "0"}:
            continue
        if "deb" not in fields.get("types", "").split():
            continue
        components = " ".join(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield _source(path, uri, suite, components, fields.get("architectures", ""))


def _source(path: str, uri: str, suite: str, components: str, architectures: str) -> TableRow:
    host = uri.partition("://")[2] or uri
    return {
        "name": f"{host.rstrip('/')} {suite} {components}".strip(),
        "source": path,
        "base_uri": uri,
        "release": suite,
        "version": "",
        "maintainer": "",
        "components": components,
        "architectures": architectures,
        "pid_with_namespace": 0,
    }


TABLES: Final = (
    Table(
        "deb_packages",
        columns(
            "name version source size:bigint arch revision status maintainer section priority "
            "admindir pid_with_namespace:integer:hidden mount_namespace_id:text:hidden"
        ),
        _deb_packages,
    ),
    Table(
        "rpm_packages",
        columns(
            "name version release source size:bigint sha1 arch epoch:integer "
            "install_time:integer vendor package_group pid_with_namespace:integer:hidden "
            "mount_namespace_id:text:hidden"
        ),
        _rpm_packages,
    ),
    Table(
        "apt_sources",
        columns(
            "name source base_uri release version maintainer components architectures "
            "pid_with_namespace:integer:hidden"
        ),
        _apt_sources,
    ),
)
