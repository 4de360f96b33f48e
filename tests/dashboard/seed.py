"""A fleet with a past: thirty days of commits and reports, made by the real store under our own clock.

Received-at is the server's clock, so a past cannot come in through the API. Everything else is real:
a git repository, the reconciler, the writer of reports. Run as
``python -m tests.dashboard.seed FOLDER`` to make one, and to print its address when it serves.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from controller import __version__
from controller.cli.serving.demo_machines import (
    DemoMachine,
    cannot_tell,
    machines,
    passes,
    rows,
    share,
)
from controller.config.load import is_document
from controller.model.machine import Machine
from controller.model.report import Report, Result
from controller.model.terms import ROLES
from controller.reconcile.preview import Previewer
from controller.reconcile.reconciler import Reconciler
from controller.scoring.judge import judge
from controller.source.address import parse_address
from controller.source.interface import Source
from controller.source.mirror import GitSource
from controller.store.port.machines import Claim, Run
from controller.store.port.reports import Submission
from controller.store.port.store import Store, Writing
from controller.store.store import open_store
from tests.builders import add_key, sha
from tests.reconcile.repository import ENVIRONMENT, Repository

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 9, 40, tzinfo=UTC)
SEED = 7
DAYS = 30
HOST = "https://gitlab.example.com/security/endpoint-policies.git"


class Hosted:
    """A local repository that says it came from a host, so that files have links."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.url = HOST

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


@dataclass
class Seeded:
    store: Store
    repository: Repository
    reconciler: Reconciler
    source: Source
    now: datetime = NOW
    tokens: dict[str, str] = field(default_factory=dict)
    """By role."""

    def clock(self) -> datetime:
        return self.now

    @property
    def previewer(self) -> Previewer:
        return Previewer(self.source, self.store)

    def read_file(self, name: str, path: str) -> str | None:
        with self.store.read() as reading:
            status = reading.source(name)
        if status is None or status.last_applied_revision is None:
            return None
        sha_ = status.last_applied_revision.rpartition(":")[2]
        files = [each for each in self.source.snapshot(sha_).files if each.path == path]
        return self.source.read(files)[files[0].blob].decode() if files else None

    def commit(self, files: dict[str, str | None], subject: str, author: str = "Mara Lind") -> None:
        """Commit at the clock's time and take it in."""
        self.repository.write(files)
        self.repository.git("add", "--all")
        _commit(self.repository, subject, author, self.now)
        self.now += timedelta(minutes=1)
        self.reconciler.run()
        while True:
            with self.store.write() as writing:
                if not writing.continue_rescoring(self.now):
                    break

    def close(self) -> None:
        self.source.close()
        self.store.close()


def _commit(repository: Repository, subject: str, author: str, at: datetime) -> None:
    """As ``Repository.commit``, by that person at that time."""
    environment = dict(ENVIRONMENT)
    for role in ("AUTHOR", "COMMITTER"):
        environment[f"GIT_{role}_NAME"] = author
        environment[f"GIT_{role}_DATE"] = at.isoformat()
    subprocess.run(
        ["git", "commit", "--quiet", "-m", subject],
        cwd=repository.path,
        env=environment,
        check=True,
    )


@contextmanager
def seeded(
    folder: Path, *, count: int = 240, days: int = DAYS, ending: str = "ready"
) -> Iterator[Seeded]:
    """A fleet of that many machines after that many days.

    Args:
        folder: Where the repository and the data go.
        count: Machines.
        days: How long ago it all began.
        ending: ``ready``, or how the newest commit fared: ``held`` or ``stalled``.
    """
    made = opened(folder, days)
    try:
        made.commit(_shipped(), "Import the CIS catalogs and the first policies")
        fleet = _enroll(made, count)
        for day in range(days + 1):
            made.now = NOW - timedelta(days=days - day) + timedelta(hours=1 if day < days else -1)
            for files, subject, author in _course(made, day - (days - DAYS)):
                made.commit(files, subject, author)
            _report(made, fleet, day, last=days)
        made.now = NOW
        with made.store.write() as writing:
            writing.pass_instant(made.now)
        _finish(made, ending)
        _issue_tokens(made)
        yield made
    finally:
        made.close()


def opened(folder: Path, days: int) -> Seeded:
    """A repository, a store and the reconciler between them, with nothing in them."""
    repository = Repository(folder / "repository")
    source: Any = Hosted(
        GitSource(
            name="default",
            address=parse_address(str(repository.path), allow_local=True),
            ref="main",
            path="",
            data=folder / "data",
            wanted=is_document,
        )
    )
    store = open_store(folder / "data")
    made = Seeded(store, repository, None, source, NOW - timedelta(days=days))  # type: ignore[arg-type]
    made.reconciler = Reconciler(source, store, clock=made.clock)
    made.reconciler.register()
    return made


def _shipped() -> dict[str, str | None]:
    files = {
        str(path.relative_to(ROOT)): path.read_text()
        for folder in ("checks", "policies")
        for path in sorted((ROOT / folder).rglob("*.yaml"))
    }
    return {**files, "gitward.yaml": (ROOT / "gitward.yaml").read_text()}


def exception(id_: str, where: str, checks: str, reason: str, starts: int, ends: int) -> str:
    """An exception document; its times are days from now."""
    first, last = (f"{NOW + timedelta(days=days):%Y-%m-%d}" for days in (starts, ends))
    return (
        f"id: {id_}\n{checks}\n{where}\nreason: >-\n  {reason}\nstarts_at: {first}\n"
        f"expires_at: {last}\nowner: platform@example.com\n"
        f"ticket: https://tickets.example.com/{id_[:4].upper()}-{100 + len(reason)}\n"
        "approved_by: [ciso@example.com]\n"
    )


Step = tuple[dict[str, str | None], str, str]


def _course(made: Seeded, day: int) -> list[Step]:
    """What people merge on a day."""
    mara, jonas, ana = "Mara Lind", "Jonas Weiss", "Ana Ruiz"
    match day:
        case 3:
            files: dict[str, str | None] = {
                "exceptions/kiosks.yaml": exception(
                    "kiosks-shared-account", "scope: tag\ntag: kiosk",
                    "check_ids: [win-accounts-guest-off, win-accounts-no-auto-logon]",
                    "Kiosks log in by themselves into an account that can only show one page. "
                    "The new image in December brings assigned access.", -27, 5,
                ),
                "exceptions/legacy-fw.yaml": exception(
                    "office-printers-inbound", "scope: global", "check_id: win-firewall-inbound-blocked",
                    "The print service of the Berlin office needs inbound rules until it moves.", -27, -9,
                ),
            }  # fmt: skip
            return [(files, "Exempt the kiosks until the December image", jonas)]
        case 9:
            files = {
                "exceptions/sudo-journal.yaml": exception(
                    "sudo-log-in-journal", "scope: global\ncategory: mitigated",
                    "check_ids:\n  - linux-audit-sudo-log\n  - linux-audit-auditd-installed\n"
                    "  - linux-audit-auditd-active",
                    "sudo writes to the journal, which reaches the central log store within a minute.",
                    -21, 219,
                ),
                "exceptions/containers.yaml": exception(
                    "container-hosts-forward", "scope: tag\ntag: container-host",
                    "check_ids: [linux-net-ip-forwarding, linux-net-reverse-path]",
                    "Container hosts forward packets between their containers by design.", -21, 160,
                ),
            }  # fmt: skip
            return [(files, "Accept the journal in place of auditd and a sudo log", ana)]
        case 14:
            broken = "name: Laptops of the board\ncis_level: level_3\ntarget_os: darwin\n"
            return [
                ({"policies/board.yaml": broken}, "Add a policy for the board's laptops", jonas)
            ]
        case 15:
            fixed = (
                "id: board-laptops\nname: Laptops of the board\ncis_level: level_2\n"
                "target_os: darwin\ntarget_tags: [workstation-sensitive]\n"
                "passing_score_threshold: 90\n"
            )
            return [({"policies/board.yaml": fixed}, "Board laptops: the level is 2", jonas)]
        case 18:
            files = _raise(
                made, "linux", ("linux-ssh-password-login", "linux-ssh-root-login"), "critical"
            )
            return [(files, "SSH: passwords and root logins are critical", mara)]
        case 22:
            text = (made.repository.path / "policies/start-here.yaml").read_text()
            stricter = text.replace("passing_score_threshold: 70", "passing_score_threshold: 80")
            return [
                ({"policies/start-here.yaml": stricter}, "Start here: 80 passes from now on", mara)
            ]
        case 26:
            files = {
                "exceptions/studio.yaml": exception(
                    "studio-update-freeze", "scope: policy\npolicy_id: macos-level-1",
                    "check_ids: [mac-updates-none-pending, mac-updates-supported-release]",
                    "No updates on the editing Macs until the film is delivered on 2 December.", -4, 9,
                )
            }  # fmt: skip
            return [(files, "Freeze updates on Macs until the film is out", ana)]
        case 28:
            files = {
                "exceptions/db-drive.yaml": exception(
                    "db-root-disk-plain", "scope: tag\ntag: production",
                    "check_id: linux-encryption-root-disk",
                    "Database disks are encrypted by the storage array; see the architecture record 41.",
                    3, 180,
                )
            }  # fmt: skip
            return [(files, "Databases: the array encrypts, from Thursday", jonas)]
        case _:
            return []


def _raise(made: Seeded, folder: str, ids: tuple[str, ...], severity: str) -> dict[str, str | None]:
    changed: dict[str, str | None] = {}
    for path in sorted((made.repository.path / "checks" / folder).glob("*.yaml")):
        text = path.read_text()
        for id_ in ids:
            pattern = rf"(- id: {id_}\n(?:(?!  - id:).*\n)*?\s+severity: )\w+"
            text = re.sub(pattern, rf"\g<1>{severity}", text)
        if text != path.read_text():
            changed[str(path.relative_to(made.repository.path))] = text
    return changed


def _finish(made: Seeded, ending: str) -> None:
    if ending == "held":
        gone: dict[str, str | None] = {
            str(path.relative_to(made.repository.path)): None
            for folder in ("policies", "exceptions")
            for path in (made.repository.path / folder).rglob("*.yaml")
            if path.name != "start-here.yaml"
        }
        made.commit(gone, "Remove policies that nobody reads", "Jonas Weiss")
    elif ending == "stalled":
        text = (made.repository.path / "exceptions/kiosks.yaml").read_text()
        text = text.replace("scope: tag", "scope: tags")
        made.commit({"exceptions/kiosks.yaml": text}, "Kiosks: one more month", "Jonas Weiss")
    else:
        made.reconciler.run()
    made.now = NOW


def _issue_tokens(made: Seeded) -> None:
    with made.store.write() as writing:
        for role in ROLES:
            made.tokens[role] = f"gwu_{role}-token-of-the-tests"
            hash_ = sha(made.tokens[role])
            name = f"{role}@example.com"
            writing.add_token(role, name, role, hash_, actor="tests", as_of=NOW, expires_at=None)


# -- machines and what they say

Fleet = list[tuple[DemoMachine, Machine]]


def _enroll(made: Seeded, count: int) -> Fleet:
    fleet: Fleet = []
    with made.store.write() as writing:
        key = add_key(writing, secret="seed")
        for demo in machines(count, SEED):
            claim = Claim(demo.hostname, demo.os, demo.arch, __version__, demo.os_version)
            machine = writing.enroll(claim, key, sha(demo.hostname), made.now)
            if demo.tags:
                machine = writing.set_machine_tags(
                    machine.uuid, demo.tags, actor="mara@example.com", as_of=made.now
                )
            fleet.append((demo, machine))
    return fleet


def join(made: Seeded, hostname: str) -> Machine:
    """One more machine of that name, which reports once."""
    demo = replace(next(iter(machines(1, SEED))), hostname=hostname)
    with made.store.write() as writing:
        claim = Claim(hostname, demo.os, demo.arch, __version__, demo.os_version)
        machine = writing.enroll(claim, sha("seed"), sha(hostname), made.now)
        writing.record_reports([_submission(writing, demo, machine, DAYS, made.now)])
    return machine


def _speaks(demo: DemoMachine, day: int, last: int) -> bool:
    if share(SEED, "never", demo.hostname) < 0.02:
        return False
    if share(SEED, "gone", demo.hostname) < 0.03:
        return day < last - 3
    return day in {0, last} or share(SEED, demo.hostname, "on", day) < 0.3


def _report(made: Seeded, fleet: Fleet, day: int, last: int) -> None:
    with made.store.write() as writing:
        submissions = []
        for demo, machine in fleet:
            if _speaks(demo, day, last):
                at = made.now + timedelta(minutes=50 * share(demo.hostname, day))
                submissions.append(_submission(writing, demo, machine, day, at))
        writing.record_reports(submissions)


def _submission(
    writing: Writing, demo: DemoMachine, machine: Machine, day: int, at: datetime
) -> Submission:
    rulebook = writing.in_force().rulebook
    policies = rulebook.matching(machine.os, machine.tags)
    ids = sorted({id_ for policy in policies for id_ in rulebook.selected[policy]})
    asked = 0
    results = []
    for id_ in ids:
        check = rulebook.checks[id_].document
        if machine.os not in check.platforms:
            continue
        asked |= 1 << rulebook.positions[id_]
        if cannot_tell(demo, id_, SEED):
            results.append(Result(id_, "error", details="the table asked for could not be read"))
            continue
        good = passes(demo, id_, SEED, day)
        found = tuple(rows(check.comparison_operator, check.expected_result, good=good))
        verdict = judge(check.comparison_operator, check.expected_result, found)
        results.append(
            Result(id_, verdict.outcome, found, found[0] if found else None, verdict.details)
        )
    run = Run(str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{machine.uuid}{at}")), at, policies, asked)
    writing.issue_run(machine.uuid, run)
    report = Report(str(uuid.uuid5(uuid.NAMESPACE_URL, run.run_id)), at, tuple(results), run.run_id)
    return Submission(machine.uuid, sha(demo.hostname), report, at)


def fresh(folder: Path) -> Path:
    """An empty folder of that name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
