"""What an agent reports, already checked for shape. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from controller.model.terms import ReportedStatus

Row = Mapping[str, str]
"""A row of a query's result: column to text, as osquery prints it."""


class Result(msgspec.Struct, frozen=True):
    """One check's result on one machine."""

    check_id: str
    status: ReportedStatus
    rows: tuple[Row, ...] | None = None
    """The facts to judge; without them ``status`` stands."""
    actual_value: object = None
    details: str = ""
    digest: str | None = None
    """The definition that was run; none means the one in force."""


class WholeWantedError(Exception):
    """Raised where a report must be read whole first, by the process that has its bytes."""


class Since(NamedTuple):
    """What a report that tells only its changes must be read against."""

    digest: bytes
    """Of the results of the machine's earlier report; only on top of those do the changes mean anything."""
    size: int | None
    """How many results the whole report has; none when nobody has read them yet."""
    whole: Callable[[], tuple[Result, ...]]
    """Reads all of them; raises ``RejectedError`` when they are not a report's, and ``WholeWantedError``
    where their bytes are not at hand."""


class Report(NamedTuple):
    """One post of results by one machine."""

    report_id: str
    collected_at: datetime
    """By the machine's clock; aware, UTC."""
    results: tuple[Result, ...]
    run_id: str | None = None
    """With it the report is complete: what was asked for and is missing becomes an error."""
    digest: bytes = b""
    """Of the results as they came over the wire; empty when that is not known."""
    since: Since | None = None
    """When set, ``results`` are only those that differ from an earlier report's."""


class Evidence(NamedTuple):
    """What a machine gave as the reason of an outcome; text, bounded, never markup."""

    actual_value: object = None
    details: str = ""
    rows: tuple[Row, ...] | None = None
    """None when there were none or when they were cut; then it cannot be judged again."""
