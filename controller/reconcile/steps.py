"""The steps of a pass: each looks at what was found before it, and goes on or ends the pass.

Steps say what they found; they set no conditions (``summarize`` does). Two of them write, because the
moment matters: ``begin``, that a revision is about to be read, and ``apply``, what is in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from controller.config.builtin import builtin_checks_if_wanted
from controller.config.files import SETTINGS_PATH
from controller.config.limits import outside
from controller.failpoints import reached
from controller.model.problem import Problem
from controller.model.source import Signature, revision_name
from controller.model.terms import KINDS
from controller.reconcile import guards
from controller.reconcile.apply import apply
from controller.reconcile.ending import SETTLED, SUSPENDED, Ending, bounded, invalid, unverified
from controller.reconcile.plan import Everything, foreign, owned, plan
from controller.reconcile.summarize import begun, settled
from controller.reconcile.work import Pass, Step

MAX_UNFINISHED: Final = 3
"""A revision whose reading ended the process so often is left alone."""


def stop_when_suspended(work: Pass) -> Ending | None:
    """Leave a suspended source alone: the remote is not even asked."""
    return SUSPENDED if work.status.suspended else None


def resolve(work: Pass) -> Ending | None:
    """Ask for the head; when it is settled already, nothing else is read."""
    work.sha = work.source.head()
    reached("after_resolve")
    if settled(work.status, sha=work.sha, request=work.request):
        work.revision = work.status.last_attempted_revision
        return SETTLED
    local = work.source.ref == "worktree"
    work.revision = f"worktree@{work.sha}" if local else revision_name(work.source.ref, work.sha)
    return None


def fetch(work: Pass) -> Ending | None:
    """Make the head readable and list its documents."""
    work.source.fetch(work.sha)
    reached("after_fetch")
    work.snapshot = work.source.snapshot(work.sha)
    work.commit = work.snapshot.commit
    work.revision = work.snapshot.revision
    reached("after_snapshot")
    return None


def verify(work: Pass) -> Ending | None:
    """Where commits must be signed, end the pass before a byte of an unsigned one is read."""
    mode, _, _ = work.source.trust.partition(":")
    if mode == "none":
        reached("after_verify")
        return None
    since = work.status.verified_commit if mode == "range" else None
    if since == work.sha:
        since = None  # under other keys: the head itself is verified again
    found = work.source.signatures(since, work.sha, work.now())
    reached("after_verify")
    bad = [each for each in found if each.verdict != "good"]
    if bad or not found:
        return unverified(bad, work.snapshot.revision)
    work.verified = (work.sha, _signed(found, work.snapshot.revision))
    return None


def _signed(found: Sequence[Signature], revision: str) -> str:
    told = f"{revision} is signed by {found[0].by}"
    others = sorted({each.by for each in found[1:]} - {found[0].by})
    if len(found) > 1:
        told += f"; with it {len(found) - 1} earlier commits"
    return told + (f", also by {', '.join(others[:5])}" if others else "")


def begin(work: Pass) -> Ending | None:
    """Store that this revision is about to be read, and how often that never ended."""
    revision = work.snapshot.revision
    with work.store.write() as writing:
        status = writing.source(work.name) or work.status
        again = status.last_attempted_revision == revision
        if again and status.unfinished_attempts >= MAX_UNFINISHED:
            return invalid((_poison(revision, status.unfinished_attempts),))
        writing.save_source(begun(status, revision=revision, as_of=work.now()))
    reached("after_begin")
    return None


def load(work: Pass) -> Ending | None:
    """Read what is not known yet, and judge the whole."""
    contents, changed = work.memory.contents.follow(work.source, work.snapshot)
    reached("after_read")
    with work.store.read() as reading:
        in_force = reading.in_force()
        first_applied = reading.first_applied()
        work.settings = reading.settings_of(work.name)
        removed = frozenset(each.name for each in reading.sources() if each.removed)
    work.current = Everything({kind: in_force.of_kind(kind) for kind in KINDS})
    settings = [contents[SETTINGS_PATH]] if SETTINGS_PATH in contents else []
    loaded, touched = work.memory.assembly.judge(
        contents,
        changed,
        as_of=work.now(),
        builtin_checks=builtin_checks_if_wanted(settings),
        first_applied=first_applied,
    )
    reached("after_load")
    work.head = loaded.configuration
    work.memory.judged(touched)
    since = work.memory.since_applied(in_force.generation)
    work.only, work.before = since or (None, owned(work.current, source=work.name))
    # What depends on the clock alone must never block a later commit (docs/concepts/reconciling.md).
    problems = tuple(
        replace(each, level="warning") if each.clock else each for each in loaded.problems
    )
    problems += outside(work.head, work.limit, work.name)
    problems += foreign(work.current, work.head, source=work.name, removed=removed, only=work.only)
    if any(each.level == "error" for each in problems):
        return invalid(problems)
    work.warnings = bounded(problems)
    return None


def make_plan(work: Pass) -> Ending | None:
    """Compare with what is in force."""
    if nothing := guards.empty(work.head, work.before):
        return invalid((nothing,))
    work.plan = plan(
        work.current,
        work.head,
        source=work.name,
        as_of=work.now(),
        settings=work.settings,
        only=work.only,
    )
    reached("after_plan")
    return None


def guard(work: Pass) -> Ending | None:
    """Hold what a person must look at first."""
    if work.plan is None:
        return None
    rewrite = _rewrite(work)
    held = guards.hold(
        work.plan,
        revision=work.snapshot.revision,
        before=work.before,
        limits=work.settings.prune,
        rewrite=rewrite,
        allowed=_allowed(work),
        confirmed=work.status.confirmed_digest,
    )
    return Ending("held", held.reason, held.message, work.warnings, held) if held else None


STEPS: Final[tuple[Step, ...]] = (
    stop_when_suspended,
    resolve,
    fetch,
    verify,
    begin,
    load,
    make_plan,
    guard,
    apply,
)
GROWING: Final[tuple[Step, ...]] = (load, make_plan, apply)
"""Steps that make many objects, nearly all of which stay; none of them waits for anybody long."""


def _rewrite(work: Pass) -> guards.Rewrite | None:
    old = work.applied_commit
    if old is None or work.source.is_ancestor(old, work.sha):
        return None
    return guards.Rewrite(old, work.sha)


def _allowed(work: Pass) -> frozenset[int]:
    """What trailers allow, asked of git only when something is deleted.

    Of every commit since the one in force: a forge's merge commit has no trailers of its own.
    """
    if work.plan is None or not work.plan.counts()["delete"]:
        return frozenset()
    return guards.allowed_deletions(work.source.commits(work.applied_commit, work.sha))


def _poison(revision: str, times: int) -> Problem:
    message = (
        f"reading {revision} ended the controller {times} times; push a new commit without what it "
        "chokes on, or run gitward reconcile to try once more"
    )
    return Problem(".", 0, 0, "GW603", "", message)
