"""The body of a report, from bytes to values. Strict: what is not understood is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, NotRequired, TypeVar

import msgspec
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from controller.errors import MachineNamedError, RejectedError
from controller.intake.strict_json import BLANKS, parse
from controller.model.documents import UUID_PATTERN, parse_instant
from controller.model.report import Report, Result
from controller.model.terms import ReportedStatus

MAX_BYTES: Final = 4 * 1024 * 1024
"""Of a report, unpacked."""

_Uuid = Annotated[str, Field(pattern=UUID_PATTERN)]
_Shape = TypeVar("_Shape")
_STRICT: Final = ConfigDict(extra="forbid", strict=True)


@with_config(_STRICT)
class ResultBody(TypedDict):
    """One result."""

    check_id: Annotated[str, Field(min_length=1, max_length=100)]
    digest: NotRequired[Annotated[str, Field(max_length=64)] | None]
    status: Literal["passed", "failed", "error", "skipped", "not_applicable"]
    actual_value: NotRequired[Any]
    rows: NotRequired[Annotated[list[dict[str, str]], Field(max_length=10_000)] | None]
    details: NotRequired[str | None]


@with_config(_STRICT)
class ReportBody(TypedDict):
    """One report. Who sends it is known from the credential alone."""

    report_id: _Uuid
    run_id: NotRequired[_Uuid | None]
    collected_at: Annotated[str, Field(max_length=40)]
    results: Annotated[list[ResultBody], Field(max_length=10_000)]


REPORT: Final[TypeAdapter[ReportBody]] = TypeAdapter(ReportBody)
RESULT: Final[TypeAdapter[ResultBody]] = TypeAdapter(ResultBody)
_SENDERS: Final = frozenset(
    {("agent_uuid",), ("agent_id",), ("machine_uuid",), ("machine_id",), ("uuid",)}
)
"""Unknown fields by which a report would say whose it is."""
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


def parse_report(body: bytes) -> Report:
    """Read a report.

    Raises:
        MalformedError: The bytes are not JSON as this program takes it.
        RejectedError: A field is missing, unknown, of the wrong type, or a check is there twice.
    """
    quick = _quick_report(body)
    if quick is not None:
        return quick
    shaped = _shaped(REPORT, parse(body))
    results = tuple(_result(each) for each in shaped["results"])
    refuse_repeated(results)
    collected_at = instant(shaped["collected_at"])
    return Report(shaped["report_id"], collected_at, results, shaped.get("run_id"))


def parse_result(body: bytes) -> Result:
    """Read one result. Raises as ``parse_report`` does."""
    return _quick_result(body) or _result(_shaped(RESULT, parse(body)))


_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_UuidIn = Annotated[str, msgspec.Meta(pattern=UUID_PATTERN)]


class _ResultIn(msgspec.Struct, forbid_unknown_fields=True):
    """One result, its fields in the order in which our agent writes them."""

    check_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    digest: Annotated[str, msgspec.Meta(max_length=64)] | msgspec.UnsetType | None = msgspec.UNSET
    status: ReportedStatus = "error"
    actual_value: str | bool | _Int64 | dict[str, str] | msgspec.UnsetType | None = msgspec.UNSET
    details: str | msgspec.UnsetType | None = msgspec.UNSET
    rows: (
        Annotated[list[dict[str, str]], msgspec.Meta(max_length=10_000)] | msgspec.UnsetType | None
    ) = msgspec.UNSET


class _ReportIn(msgspec.Struct, forbid_unknown_fields=True):
    """A report, in the same sense."""

    report_id: _UuidIn
    collected_at: Annotated[str, msgspec.Meta(max_length=40)]
    results: Annotated[list[_ResultIn], msgspec.Meta(max_length=10_000)]
    run_id: _UuidIn | msgspec.UnsetType | None = msgspec.UNSET


_RESULT_IN: Final = msgspec.json.Decoder(_ResultIn)
_REPORT_IN: Final = msgspec.json.Decoder(_ReportIn)
_Quick = TypeVar("_Quick", _ResultIn, _ReportIn)


def _quick_result(body: bytes) -> Result | None:
    found = _quick(_RESULT_IN, body)
    return None if found is None else _result_of(found)


def _quick_report(body: bytes) -> Report | None:
    found = _quick(_REPORT_IN, body)
    if found is None:
        return None
    results = tuple([_result_of(each) for each in found.results])
    refuse_repeated(results)
    run_id = None if found.run_id is msgspec.UNSET else found.run_id
    return Report(found.report_id, instant(found.collected_at), results, run_id)


def _quick(decoder: msgspec.json.Decoder[_Quick], body: bytes) -> _Quick | None:
    """What our agent wrote; none when only the slow way can tell what it is.

    As in ``strict_json``: what is written back as the very bytes it came from, blanks aside, has lost
    nothing.
    """
    if b"\\" in body:
        return None
    try:
        found = decoder.decode(body)
        again = msgspec.json.encode(found)
    except (ValueError, RecursionError):
        return None
    if again != body and again.translate(None, BLANKS) != body.translate(None, BLANKS):
        return None
    return found


def _result_of(found: _ResultIn) -> Result:
    rows, value, digest = found.rows, found.actual_value, found.digest
    return Result(
        found.check_id,
        found.status,
        tuple(rows) if isinstance(rows, list) else None,
        None if value is msgspec.UNSET else value,
        found.details or "",
        None if digest is msgspec.UNSET else digest,
    )


def _shaped(adapter: TypeAdapter[_Shape], value: object) -> _Shape:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        found = error.errors()
        problems = tuple((_field(each["loc"]), each["msg"]) for each in found[:20])
        field, message = problems[0]
        told = f"{field}: {message}" if field else message
        named = next((each["input"] for each in found if each["loc"] in _SENDERS), None)
        if isinstance(named, str):
            raise MachineNamedError(told, problems, named=named) from error
        raise RejectedError(told, problems) from error


def _result(shaped: ResultBody) -> Result:
    rows = shaped.get("rows")
    return Result(
        check_id=shaped["check_id"],
        status=shaped["status"],
        rows=None if rows is None else tuple(rows),
        actual_value=shaped.get("actual_value"),
        details=shaped.get("details") or "",
        digest=shaped.get("digest"),
    )


def refuse_repeated(results: Sequence[Result]) -> None:
    """Hold that every check is there once.

    Raises:
        RejectedError: One is there twice.
    """
    if len({each.check_id for each in results}) == len(results):
        return
    seen: set[str] = set()
    for index, each in enumerate(results):
        if each.check_id in seen:
            field, message = f"results[{index}].check_id", f"{each.check_id!r} stands twice"
            raise RejectedError(f"{field}: {message}; send one result a check", ((field, message),))
        seen.add(each.check_id)


def instant(text: str) -> datetime:
    """When something was collected, at the earliest in 2000. Raises ``RejectedError``."""
    try:
        found = parse_instant(text)
    except (ValueError, OverflowError):
        found = None
    if not isinstance(found, datetime) or len(text) <= len("2027-01-31"):
        message = "expected a time with offset, such as 2027-01-31T12:00:00Z"
        raise RejectedError(f"collected_at: {message}", (("collected_at", message),))
    return max(found, _EARLIEST)


def _field(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
