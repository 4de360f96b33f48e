"""How often a risk was accepted before: an exception's past in git. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from controller.config.load import SourceFile, read_file
from controller.model.configuration import Configuration
from controller.model.documents import Waiver
from controller.model.source import Commit

Accepted = Mapping[tuple[object, ...], Sequence[Waiver]]
"""Of ``by_risk``."""


@dataclass(frozen=True, slots=True)
class Version:
    """An exception as one commit had it."""

    commit: Commit
    waiver: Waiver


@dataclass(frozen=True, slots=True)
class Renewal:
    """An earlier acceptance of the same risk."""

    id: str
    expires_at: datetime | None
    commit: str
    """Full name; empty when only the document of now tells."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a reviewer should know of an exception's past."""

    commit: Commit | None
    """That brings or changes it; none while it is not committed."""
    since: datetime
    """When the risk was first accepted."""
    renewals: tuple[Renewal, ...]
    """Oldest first."""
    life: timedelta | None
    """Of this acceptance alone; none when it never ends."""
    total: timedelta | None
    """From the first acceptance to the end now asked for."""
    author_approves: bool


def risk(waiver: Waiver) -> tuple[object, ...]:
    """What makes two exceptions the same risk: the checks and whom they are for."""
    selector = (waiver.scope, tuple(sorted(waiver.agents)), waiver.tag, waiver.policy_id)
    return (tuple(sorted(waiver.checks)), *selector)


def by_risk(base: Configuration) -> Accepted:
    """The exceptions of a configuration by the risk that they accept."""
    found: dict[tuple[object, ...], list[Waiver]] = {}
    for each in base.waivers.values():
        found.setdefault(risk(each.document), []).append(each.document)
    return found


def version(commit: Commit, path: str, text: bytes, id_: str) -> Version | None:
    """An exception at a commit; none where the file had no such document, or had problems."""
    content = read_file(SourceFile(path, text))
    found = next((each.document for each in content.waivers if each.document.id == id_), None)
    return None if found is None else Version(commit, found)


def lineage(
    waiver: Waiver, past: Sequence[Version], accepted: Accepted, *, as_of: datetime
) -> Lineage:
    """Gather an exception's past.

    Args:
        waiver: As it would be.
        past: The file's earlier versions that hold it, newest first; the newest may be itself.
        accepted: What is in force: other ids may have accepted the same risk.
        as_of: When it begins, where nothing says.
    """
    commit = past[0].commit if past and past[0].waiver == waiver else None
    same = [each for each in past if risk(each.waiver) == risk(waiver)]
    renewals = [*_others(waiver, accepted), *_ends(waiver, same)]
    starts = [waiver.starts_at] if waiver.starts_at else []
    known = [each.waiver.starts_at or each.commit.committed_at for each in same]
    starts += known or ([] if waiver.starts_at else [as_of])
    own = waiver.starts_at or min(known, default=as_of)
    others = [each.starts_at for each in _same_risk(waiver, accepted) if each.starts_at]
    since = min([*starts, *others])
    expires = waiver.expires_at
    return Lineage(
        commit=commit,
        since=since,
        renewals=tuple(renewals),
        life=None if expires is None else expires - own,
        total=None if expires is None else expires - since,
        author_approves=commit is not None and _approves(commit, waiver.approved_by),
    )


def lineage_body(id_: str, found: Lineage) -> dict[str, Any]:
    """The JSON form."""
    commit = found.commit
    return {
        "id": id_,
        "commit": commit.sha if commit else None,
        "author": f"{commit.author} <{commit.email}>" if commit else None,
        "author_approves": found.author_approves,
        "life_days": _days(found.life),
        "total_days": _days(found.total),
        "since": _time(found.since),
        "renewals": [
            {
                "id": each.id,
                "expires_at": _time(each.expires_at) if each.expires_at else None,
                "commit": each.commit or None,
            }
            for each in found.renewals
        ],
    }


def _same_risk(waiver: Waiver, accepted: Accepted) -> Iterable[Waiver]:
    return [each for each in accepted.get(risk(waiver), ()) if each.id != waiver.id]


def _others(waiver: Waiver, accepted: Accepted) -> list[Renewal]:
    return [Renewal(each.id, each.expires_at, "") for each in _same_risk(waiver, accepted)]


def _ends(waiver: Waiver, past: Sequence[Version]) -> list[Renewal]:
    """Each end that was promised before, with the first commit that promised it."""
    found: dict[datetime | None, Renewal] = {}
    for each in reversed(past):
        end = each.waiver.expires_at
        if end != waiver.expires_at:
            found.setdefault(end, Renewal(waiver.id, end, each.commit.sha))
    return list(found.values())


def _approves(commit: Commit, approvers: Iterable[str]) -> bool:
    names = {commit.author.casefold(), commit.email.casefold()}
    return any(each.strip().casefold() in names for each in approvers)


def _days(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds() // 864 / 100


def _time(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")
