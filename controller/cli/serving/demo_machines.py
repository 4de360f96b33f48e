"""Machines that do not exist, for demonstrations: what they are called and what they report. Pure.

Everything follows from the seed, the machine's name, the check and the day, so that two runs agree and
nothing needs to be remembered between them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from controller.errors import UsageError
from controller.model.report import Row
from controller.model.terms import Platform

_SHAPES: Final[tuple[tuple[Platform, str, str, str, int], ...]] = (
    ("linux", "web-{n:02}.fra", "Debian GNU/Linux 13", "x86_64", 16),
    ("linux", "db-{n:02}.fra", "Red Hat Enterprise Linux 10", "x86_64", 8),
    ("linux", "build-{n}", "Ubuntu 26.04 LTS", "x86_64", 8),
    ("linux", "k8s-{n:02}.ams", "Ubuntu 26.04 LTS", "aarch64", 10),
    ("windows", "win-fin-{n:03}", "Windows 11 Enterprise 25H2", "x86_64", 16),
    ("windows", "win-kiosk-{n:02}", "Windows 11 IoT Enterprise", "x86_64", 6),
    ("windows", "win-srv-{n:02}", "Windows Server 2025", "x86_64", 8),
    ("darwin", "mbp-{name}", "macOS 26.1", "arm64", 18),
    ("darwin", "studio-{n:02}", "macOS 26.1", "arm64", 4),
)
"""Platform, name, system, architecture, and how many in about a hundred."""
_NAMES: Final = (
    "ada", "amir", "ana", "bea", "carlos", "chen", "dana", "elif", "emil", "farah", "finn", "grace",
    "hana", "igor", "ines", "jonas", "kofi", "lena", "luca", "mara", "mina", "nils", "noor", "olga",
    "omar", "pia", "quentin", "rosa", "sami", "tara", "uwe", "vera", "wei", "xenia", "yara", "zoe",
)  # fmt: skip
_TAGS: Final[dict[str, tuple[str, ...]]] = {
    "web": ("production", "server"),
    "db": ("production", "server"),
    "build": ("ci", "server"),
    "k8s": ("container-host", "server"),
    "win-fin": ("workstation", "workstation-sensitive"),
    "win-kiosk": ("kiosk", "workstation"),
    "win-srv": ("production", "server"),
    "mbp": ("workstation",),
    "studio": ("workstation", "workstation-sensitive"),
}


_HARD: Final[dict[str, float]] = {
    "linux-ssh-password-login": 0.36,
    "linux-ssh-root-login": 0.14,
    "linux-audit-auditd-installed": 1.0,
    "linux-audit-auditd-active": 1.1,
    "linux-audit-sudo-log": 1.0,
    "linux-encryption-root-disk": 0.45,
    "linux-updates-automatic": 0.45,
    "win-bitlocker-system-drive": 0.20,
    "win-updates-recent": 0.40,
    "mac-updates-none-pending": 0.50,
}
"""Checks that fail on many machines everywhere, as they do in life."""


@dataclass(frozen=True, slots=True)
class DemoMachine:
    """A machine and its upkeep."""

    hostname: str
    os: Platform
    os_version: str
    arch: str
    neglect: float
    """From 0, well kept, to 1."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags that an administrator would give it."""
        return next((tags for kind, tags in _TAGS.items() if self.hostname.startswith(kind)), ())


def share(*words: object) -> float:
    """A number from 0 to 1 that looks like chance and always follows from the words."""
    digest = hashlib.blake2b("\0".join(map(str, words)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def machines(count: int, seed: int) -> list[DemoMachine]:
    """That many machines of three platforms.

    Raises:
        UsageError: None at all, or more than a demonstration needs.
    """
    if not 1 <= count <= 200_000:
        raise UsageError(f"--machines is {count}; expected 1 to 200000")
    weights = [shape[4] for shape in _SHAPES]
    made: list[DemoMachine] = []
    counters = [0] * len(_SHAPES)
    for number in range(count):
        # The shape whose share is furthest behind: even a small fleet has all three platforms.
        at = max(range(len(_SHAPES)), key=lambda i: weights[i] * (number + 1) - 100 * counters[i])
        counters[at] += 1
        made.append(_machine(at, counters[at], seed))
    return made


def _machine(at: int, number: int, seed: int) -> DemoMachine:
    os, shape, version, arch, _ = _SHAPES[at]
    turn, index = divmod(number - 1, len(_NAMES))
    name = _NAMES[index] + (str(turn + 1) if turn else "")
    hostname = shape.format(n=number, name=name)
    neglect = share(seed, "neglect", hostname) ** 3
    return DemoMachine(hostname, os, version, arch, neglect)


def passes(machine: DemoMachine, check_id: str, seed: int, day: int) -> bool:
    """Whether the machine passes a check on a day: slow repair, and now and then a slip."""
    difficulty = _HARD.get(check_id, 0.008 + 0.55 * share(seed, "difficulty", check_id) ** 4)
    chance = difficulty * (0.3 + 2.6 * machine.neglect)
    repaired = min(1.0, max(0, day) / 60) * 0.5 * share(seed, "repair", machine.hostname, check_id)
    slip = share(seed, "slip", machine.hostname, check_id, day // 4) < 0.004
    return not slip and share(seed, machine.hostname, check_id) >= chance * (1 - repaired)


def cannot_tell(machine: DemoMachine, check_id: str, seed: int) -> bool:
    """Whether the check ends in an error on this machine."""
    return share(seed, "error", machine.hostname, check_id) < 0.004


def rows(operator: str, expected: Mapping[str, str] | str | None, *, good: bool) -> list[Row]:
    """Rows as osquery would give them, which the operator judges as wanted."""
    columns = dict(expected) if isinstance(expected, Mapping) else {}
    if operator in {"exists", "not_exists"}:
        return [{"state": "found"}] if good == (operator == "exists") else []
    if operator in {"gte", "gt", "lte", "lt"}:
        return [{column: _number(operator, bound, good=good) for column, bound in columns.items()}]
    wanted = good != (operator == "not_equals")
    return [columns if wanted else {column: _other(value) for column, value in columns.items()}]


def _number(operator: str, bound: str, *, good: bool) -> str:
    digits = bound.split(" ")[0]
    limit = float(digits) if digits.replace(".", "", 1).replace("-", "", 1).isdigit() else 0.0
    upward = operator in {"gte", "gt"}
    step = 1 if upward == good else -1
    return f"{limit + step:g}"


def _other(value: str) -> str:
    return {"0": "1", "1": "0", "true": "false", "false": "true"}.get(value, f"not {value}")
