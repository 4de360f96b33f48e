"""Reports as they are handed to the store, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from controller.model.report import Report


class Submission(NamedTuple):
    """A report with who sent it, as intake hands it over."""

    machine_uuid: str
    token_hash: str
    report: Report
    received_at: datetime


class Receipt(NamedTuple):
    """What became of a report."""

    report_id: str
    accepted: int
    changed: int
    duplicate: bool
    superseded: bool
    unknown_checks: tuple[str, ...]
    outdated_checks: tuple[str, ...]
    hundredths: int | None
    risk: str
    compliant: bool | None


class ReportsWriting(Protocol):
    """What agents hand in."""

    def record_reports(self, submissions: Sequence[Submission]) -> list[Receipt | Exception]:
        """Take reports, in order; one outcome each. Errors concern that report alone.

        An entry is an ``UnauthenticatedError`` when the token no longer speaks for the machine, and a
        ``WholeWantedError`` when nothing was done since the report must be read whole first.
        """
        ...
