"""``POST /results``, the busiest route: plain ASGI, so that a report costs no more than it must.

The token is recognised from memory; whether it still holds, the store decides in the transaction that
writes the report. Nothing here touches the store on the event loop.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import TypedDict

from controller.api.access import Access, identify
from controller.api.errors import RequestError, respond
from controller.api.gate import CHARGE_KEY, GATE_KEY, REPORTS, ROUTE_KEY, Charge, Gate
from controller.api.request_body import read_bounded, require_encoding, require_json, unpack
from controller.api.services import TakesReports
from controller.errors import (
    ControllerError,
    MachineNamedError,
    OverloadedError,
    StoreUnavailableError,
    UnauthenticatedError,
)
from controller.intake.hearing import Heard, Hearing
from controller.intake.wire import MAX_BYTES
from controller.model.report import Report
from controller.model.terms import RiskLevel
from controller.scoring.score import percent
from controller.store.port.reports import Receipt, Submission

PATH: Final = REPORTS
ACCESS: Final = Access(agent=True)
LARGE: Final = 64 * 1024
"""From this size on, reading the JSON is work for another thread."""


class ReceiptScore(TypedDict):
    """The machine's overall score after the report."""

    score: float | None
    risk_level: RiskLevel
    compliant: bool | None


class ReceiptBody(TypedDict):
    """What became of a report."""

    report_id: str
    accepted: int
    changed: int
    duplicate: bool
    superseded: bool
    unknown_checks: tuple[str, ...]
    outdated_checks: tuple[str, ...]
    score: ReceiptScore


RECEIPT: Final[TypeAdapter[ReceiptBody]] = TypeAdapter(ReceiptBody)


class ReportRoute:
    """The ASGI application behind the path."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ROUTE_KEY] = PATH
        gate: Gate = scope[GATE_KEY]
        try:
            receipt = await _take(gate, scope[CHARGE_KEY], Request(scope, receive))
        except (ControllerError, RequestError) as error:
            gate.metrics.reports.labels(word_of(error)).inc()
            response: Response = respond(error)
        else:
            gate.metrics.reports.labels(result_of(receipt)).inc()
            response = Response(RECEIPT.dump_json(shown(receipt)), media_type="application/json")
        await response(scope, receive, send)


async def _take(gate: Gate, charge: Charge, request: Request) -> Receipt:
    uuid, token_hash = _sender(gate, charge)
    zipped = require_encoding(request, allow_gzip=True)
    require_json(request)
    intake = gate.services.intake
    body = await _read(intake, uuid, request, gate.services.limits.body_seconds)
    try:
        report, heard, size = await _parse(gate.hearing, uuid, body, zipped)
    except MachineNamedError as error:
        await gate.foreign.note(uuid, error.named, "body")
        raise
    submission = Submission(uuid, token_hash, report, gate.services.clock())
    try:
        receipt = await intake.submit(submission, size)
        if heard is not None and repeatable(receipt):
            gate.hearing.accepted(uuid, heard)
        return receipt
    except UnauthenticatedError:
        charge.disown()
        raise


def _sender(gate: Gate, charge: Charge) -> tuple[str, str]:
    """The machine that a token was seen to belong to; looked up once, then remembered."""
    if charge.known is None or charge.known.machine_uuid is None or charge.token_hash is None:
        principal = identify(gate, charge, gate.services.clock())
        ACCESS.check(principal, {})
        return principal.machine_uuid or "", principal.token_hash
    return charge.known.machine_uuid, charge.token_hash


async def _read(intake: TakesReports, uuid: str, request: Request, seconds: float) -> bytes:
    """Read a body, as long as there is room for what arrives."""
    held = 0

    def hold(size: int) -> None:
        nonlocal held
        if intake.full:
            raise intake.refusal(uuid)
        intake.room.take(size)
        held += size

    try:
        return await read_bounded(request, MAX_BYTES, seconds, hold)
    finally:
        intake.room.give_back(held)


async def _parse(
    hearing: Hearing, uuid: str, body: bytes, zipped: bool
) -> tuple[Report, Heard | None, int]:
    """The report, what to remember of it, and how many bytes it has."""

    def read() -> tuple[Report, Heard | None, int]:
        plain = unpack(body, MAX_BYTES) if zipped else body
        report, heard = hearing.read(uuid, plain)
        if report.since is not None and report.since.size is None and len(plain) > LARGE:
            # Here, so that the writer need not.
            report = report._replace(results=report.since.whole(), since=None)
        return report, heard, len(plain)

    return await asyncio.to_thread(read) if zipped or len(body) > LARGE else read()


def shown(receipt: Receipt) -> ReceiptBody:
    """The answer to a report that was taken."""
    return {
        "report_id": receipt.report_id,
        "accepted": receipt.accepted,
        "changed": receipt.changed,
        "duplicate": receipt.duplicate,
        "superseded": receipt.superseded,
        "unknown_checks": receipt.unknown_checks,
        "outdated_checks": receipt.outdated_checks,
        "score": {
            "score": percent(receipt.hundredths),
            "risk_level": cast("RiskLevel", receipt.risk),
            "compliant": receipt.compliant,
        },
    }


def repeatable(receipt: Receipt) -> bool:
    """Whether the store took the report as it was, so that it means the same when it comes again."""
    return not (
        receipt.duplicate or receipt.superseded or receipt.unknown_checks or receipt.outdated_checks
    )


def result_of(receipt: Receipt) -> str:
    """The word that an accepted report is counted under."""
    if receipt.duplicate:
        return "duplicate"
    return "superseded" if receipt.superseded else "accepted"


def word_of(error: ControllerError | RequestError) -> str:
    """The word that a refused report is counted under."""
    match error:
        case OverloadedError() | StoreUnavailableError():
            return "unavailable"
        case UnauthenticatedError():
            return "unauthenticated"
        case _:
            return "rejected"
