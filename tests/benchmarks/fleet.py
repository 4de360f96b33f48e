"""A store full of machines, written in bulk; its counters are made by the program's own re-scoring."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from controller.config.load import SourceFile, assemble, read_file
from controller.model.configuration import Configuration
from controller.model.posture import Posture
from controller.store.columns import Times, bitmap, instant, pack_times
from controller.store.port.fleet import Cause
from controller.store.store import SqlStore, open_store
from tests.benchmarks.repository import check_id, fleet_repository

NOW = datetime.now(UTC).replace(microsecond=0)
TAGS = ((), ("web",), ("db",), ("db", "eu"))


def configuration(checks: int = 200, policies: int = 3, waivers: int = 10) -> Configuration:
    """The generated fleet repository, read as the program reads it."""
    files = fleet_repository(checks, policies, waivers)
    contents = [read_file(SourceFile(name, text.encode())) for name, text in files.items()]
    loaded = assemble(contents, as_of=NOW, builtin_checks=())
    errors = [each for each in loaded.problems if each.level == "error"]
    if errors:
        raise RuntimeError(f"the generated repository is not valid: {errors[0]}")
    return loaded.configuration


def token(number: int) -> str:
    return f"gwa_bench-{number:08}"


def machine_uuid(number: int) -> str:
    return str(uuid.UUID(int=number + 1, version=4))


def posture(number: int, places: list[int]) -> Posture:
    """A machine's outcomes over definition positions: one in eight fails, one in 64 is neither."""
    fate = random.Random(f"posture/{number}")
    width = max(places) + 1
    known = (1 << width) - 1

    def rare(words: int) -> int:
        bits = known
        for _ in range(words):
            bits &= fate.getrandbits(width)
        return bits

    errored = rare(7)
    absent = rare(7) & ~errored
    failed = rare(3) & ~errored & ~absent
    return Posture(known & ~errored & ~absent & ~failed, failed, errored, absent)


def put_configuration(store: SqlStore, declared: Configuration) -> None:
    """Put documents in force through the store's own verbs."""
    with store.write() as tx:
        checks = [each.document for each in declared.checks.values()]
        tx.seed_checks(checks, actor="bench", as_of=NOW)
        for policy in declared.policies.values():
            tx.put_object("policy", policy.document, actor="bench", as_of=NOW, create=True)
        for waiver in declared.waivers.values():
            tx.put_object("exception", waiver.document, actor="bench", as_of=NOW, create=True)


def fill(store: SqlStore, machines: int, checks: int = 200) -> None:
    """Add machines with postures to a store that has its configuration."""
    with store.write() as tx:
        positions = tx.in_force().rulebook.positions
        places = sorted(positions[check_id(n)] for n in range(checks))
        evaluated = json.dumps(dict.fromkeys(tx.in_force().policies, instant(NOW)))
        sections = list(_rows(machines, places, evaluated))
        for sql, rows in zip(_INSERTS, zip(*sections, strict=True), strict=True):
            tx.db.many(sql, rows)
        tags = [(tag, n + 1) for n in range(machines) for tag in TAGS[n % len(TAGS)]]
        tx.db.many("INSERT INTO machine_tag (tag, machine) VALUES (?, ?)", tags)
        tx._begin_fleet_change(tx.judged(), Cause("enrollment", "bench"), NOW, (), schedules=False)
    rescore(store)


def rescore(store: SqlStore) -> None:
    """Let a fleet-wide change go through to its end."""
    more = True
    while more:
        with store.write() as tx:
            more = tx.continue_rescoring(NOW)


def stored(folder: Path, machines: int, checks: int = 200) -> SqlStore:
    """A store of so many machines in a folder; made once in a process, then copied."""
    template = Path(_templates().name) / f"{machines}-{checks}"
    if not template.exists():
        store = open_store(template)
        put_configuration(store, configuration(checks))
        fill(store, machines, checks)
        store.close()
    shutil.copytree(template, folder)
    return open_store(folder)


@cache
def _templates() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="gitward-bench-fleets-")


_INSERTS = (
    "INSERT INTO machine (number, uuid, hostname, os, arch, os_version, agent_version, tags, status,"
    " created_at, approved_at, approved_by) VALUES (?, ?, ?, 'linux', 'x86_64', '12', '1', ?,"
    " 'approved', ?, ?, 'bench')",
    "INSERT INTO contact (machine, last_seen, reported_at, collected_at, evaluated, recent, stale_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)",
    "INSERT INTO machine_token (hash, machine, pending) VALUES (?, ?, 0)",
    "INSERT INTO posture (machine, passed, failed, errored, not_applicable, heard, spoke)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)",
    "INSERT INTO outcome_time (machine, change, body) VALUES (?, 0, ?)",
)


def _times(first: int, places: list[int], bits: Posture, fate: random.Random) -> dict[int, Times]:
    times = {}
    for place in places:
        since = first if fate.random() < 0.9 else first + 3_600 * fate.randrange(48)
        times[place] = Times(since, since if bits.failed >> place & 1 else 0)
    return times


def _rows(machines: int, places: list[int], evaluated: str) -> Iterator[tuple[Any, ...]]:
    now, seconds = instant(NOW), int(NOW.timestamp())
    stale = instant(NOW + timedelta(days=1))
    packed = b""
    for n in range(machines):
        number = n + 1
        bits = posture(n, places)
        fate = random.Random(f"recent/{n}")
        if n % 50 == 0:
            # Outcomes stand since a first report, a tenth since some later hour; 50 machines share that.
            packed = pack_times(_times(seconds - fate.randrange(86_400 * 90), places, bits, fate))
        recent = " ".join(f"{fate.getrandbits(64):08x}-0000-4000-8000-{n:012x}" for _ in range(8))
        secret = hashlib.sha256(token(n).encode()).hexdigest()
        yield (
            (number, machine_uuid(n), f"host-{n * 7919 % machines:06}",
             json.dumps(TAGS[n % len(TAGS)]), now, now),
            (number, now, now, now, evaluated, recent, stale),
            (secret, number),
            (number, *(bitmap(each) for each in bits), fate.randbytes(16), bitmap(bits.reported)),
            (number, packed),
        )  # fmt: skip
