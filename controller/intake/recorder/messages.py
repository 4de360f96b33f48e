"""What the controller and its recording process say to each other, as bytes.

Both are the same release on the same machine: there is no version to agree on. Messages are read by
their types nevertheless, so that a half or a foreign one is an error and never a report.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, NoReturn

import msgspec
from msgspec import Raw

from controller.errors import (
    ControllerError,
    LeaseLostError,
    StoreUnavailableError,
    UnauthenticatedError,
)
from controller.model.report import Report, Result, Since, WholeWantedError
from controller.store.port.reports import Receipt, Submission

_KNOWN: Final[dict[str, type[ControllerError]]] = {
    each.reason: each for each in (UnauthenticatedError, StoreUnavailableError, LeaseLostError)
}
"""What recording refuses with; each is made of a message alone."""
_WHOLE: Final = "WholeWanted"


class Hello(NamedTuple):
    """The first message to a recording process."""

    lease: str | None
    """What shows that the controller holds the store."""


class _Told(NamedTuple):
    """A submission, but for what cannot travel: the way to the whole of a report."""

    machine_uuid: str
    token_hash: str
    received_at: datetime
    report_id: str
    collected_at: datetime
    results: tuple[Result, ...]
    run_id: str | None
    digest: bytes
    since: bytes | None
    size: int | None


class _Refused(NamedTuple):
    word: str
    """The reason of a ``ControllerError``, ``_WHOLE``, or empty for a bug."""
    message: str


class _Outcome(NamedTuple):
    receipt: Receipt | None
    refused: _Refused | None


class _Answer(NamedTuple):
    """To a batch: an outcome for each report, or why none was taken."""

    outcomes: list[_Outcome]
    refused: _Refused | None


Outcomes = Sequence[Receipt | Exception] | Exception
"""What became of each report of a batch, or why none was taken."""

READY: Final = b"ready"
encode: Final = msgspec.msgpack.Encoder().encode
_hello: Final = msgspec.msgpack.Decoder(Hello).decode
_told: Final = msgspec.msgpack.Decoder(list[_Told]).decode
_answer: Final = msgspec.msgpack.Decoder(_Answer).decode


def hello_of(message: bytes) -> Hello:
    """Read a first message. Raises ``msgspec.DecodeError``."""
    return _hello(message)


def batch(submissions: Sequence[Submission]) -> bytes:
    """A batch as it is sent."""
    return encode([_plain(each) for each in submissions])


def small_batch(submissions: Sequence[Submission], most: int) -> bytes | None:
    """A batch as it is sent; none when it has more than so many bytes.

    It is given up there, so that nobody packs what is large who has no time for it.
    """
    packed = []
    for each in submissions:
        part = encode(_plain(each))
        most -= len(part)
        if most < 0:
            return None
        packed.append(Raw(part))
    return encode(packed)


def _plain(submission: Submission) -> tuple[object, ...]:
    """A submission as ``_Told``."""
    uuid, token_hash, report, received_at = submission
    since = report.since
    return (
        uuid,
        token_hash,
        received_at,
        report.report_id,
        report.collected_at,
        report.results,
        report.run_id,
        report.digest,
        None if since is None else since.digest,
        None if since is None else since.size,
    )


def batch_of(message: bytes) -> list[Submission]:
    """Read a batch; asking for the whole of a report raises. Raises ``msgspec.DecodeError``."""
    return [
        Submission(
            each.machine_uuid,
            each.token_hash,
            Report(
                each.report_id,
                each.collected_at,
                each.results,
                each.run_id,
                each.digest,
                None if each.since is None else Since(each.since, each.size, _elsewhere),
            ),
            each.received_at,
        )
        for each in _told(message)
    ]


def _elsewhere() -> NoReturn:
    raise WholeWantedError("the process that has the bytes must read them")


def answer(outcomes: Outcomes) -> bytes:
    """An answer as it is sent."""
    if isinstance(outcomes, Exception):
        return encode(_Answer([], _refused(outcomes)))
    return encode(
        _Answer(
            [
                _Outcome(None, _refused(each))
                if isinstance(each, Exception)
                else _Outcome(each, None)
                for each in outcomes
            ],
            None,
        )
    )


def _refused(error: Exception) -> _Refused:
    if isinstance(error, WholeWantedError):
        return _Refused(_WHOLE, "")
    if isinstance(error, ControllerError):
        return _Refused(error.reason, str(error))
    return _Refused("", "".join(traceback.format_exception(error)))


def outcomes_of(message: bytes) -> list[Receipt | Exception]:
    """Read an answer.

    Raises:
        ControllerError: Nothing was taken.
        RuntimeError: Nothing was taken, because of a bug.
        msgspec.DecodeError: It is something else.
    """
    outcomes, refused = _answer(message)
    if refused is not None:
        raise _raised(refused)
    return [
        each.receipt if each.receipt is not None else _raised(each.refused) for each in outcomes
    ]


def _raised(refused: _Refused | None) -> Exception:
    if refused is None:
        raise msgspec.ValidationError("an outcome without anything")
    if refused.word == _WHOLE:
        return WholeWantedError()
    known = _KNOWN.get(refused.word)
    if known is None:
        return RuntimeError(refused.message)
    return known(refused.message)
