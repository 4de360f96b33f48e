"""How a pass ended: what its steps found, before anything is said about the source. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from controller.errors import (
    AccessDeniedError,
    AuthenticationFailedError,
    ControllerError,
    Retry,
    SourceRefusedError,
    StoreError,
    TreeRefusedError,
    VerificationFailedError,
)
from controller.model.problem import Problem
from controller.model.source import HeldPlan, Signature, Verdict

EndKind = Literal["suspended", "settled", "applied", "stalled", "held", "transient"]


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a pass. ``reason`` is from the closed lists of ``model/conditions``."""

    kind: EndKind
    reason: str = ""
    message: str = ""
    problems: tuple[Problem, ...] = ()
    """Of an applied revision they are warnings."""
    held: HeldPlan | None = None


SUSPENDED: Final = Ending("suspended")
SETTLED: Final = Ending("settled")

MAX_PROBLEMS: Final = 500
"""More are not kept in the status: a person fixes the first ones first."""

_COMMIT: Final = re.compile(r"^commit [0-9a-f]+: ")
_STALLING: Final[tuple[tuple[type[ControllerError], str], ...]] = (
    (TreeRefusedError, "InvalidConfiguration"),
    (VerificationFailedError, "VerificationFailed"),
    (AccessDeniedError, "AccessDenied"),
    (SourceRefusedError, "AccessDenied"),
)


def failed(error: ControllerError) -> Ending:
    """The ending for an error from the source or the store.

    What is not known to need a person is tried again: a deleted branch may come back.
    """
    for class_, reason in _STALLING:
        if isinstance(error, class_):
            problems = (tree_problem(error),) if reason == "InvalidConfiguration" else ()
            return Ending("stalled", reason, str(error), problems)
    if isinstance(error, StoreError):
        return Ending("transient", "StoreUnavailable", str(error))
    if isinstance(error, AuthenticationFailedError) and error.retry is Retry.BACKOFF:
        return Ending("transient", "AuthenticationFailed", str(error))
    return Ending("transient", "FetchFailed", str(error))


def tree_problem(error: ControllerError) -> Problem:
    """A refused tree as a problem; the error begins with the commit, then the path, where known."""
    text = _COMMIT.sub("", str(error))
    path, colon, message = text.partition(": ")
    return Problem(path if colon else ".", 0, 0, "GW602", "", message if colon else text)


def invalid(problems: tuple[Problem, ...]) -> Ending:
    """The ending of a revision with problems, errors first."""
    errors = tuple(each for each in problems if each.level == "error")
    message = str(errors[0])
    if len(errors) > 1:
        message += f" (and {len(errors) - 1} more)"
    warnings = tuple(each for each in problems if each.level != "error")
    return Ending("stalled", "InvalidConfiguration", message, bounded((*errors, *warnings)))


_VERDICTS: Final[dict[Verdict, str]] = {
    "good": "is signed",
    "unsigned": "is not signed; sign it, or have the forge sign what it merges",
    "foreign": "is signed by a key that is not among those named",
    "expired": "is signed by a key whose time is over",
    "revoked": "is signed by a key that was revoked",
    "bad": "carries a signature that does not fit it",
}


def unverified(bad: Sequence[Signature], revision: str) -> Ending:
    """The ending of a revision that is not signed as it must be; every commit is told, up to five."""
    told = []
    for each in bad[:5]:
        key = f" ({each.key})" if each.key else ""
        told.append(
            f"{each.sha[:12]} “{each.subject}” by {each.author} {_VERDICTS[each.verdict]}{key}"
        )
    message = "; ".join(told) or f"{revision}: no commit was found to verify"
    if len(bad) > 5:
        message += f"; and {len(bad) - 5} more"
    return Ending("stalled", "VerificationFailed", message)


def bounded(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The first problems, in order of place; how many were left out is said in the message."""
    return tuple(sorted(problems[:MAX_PROBLEMS]))
