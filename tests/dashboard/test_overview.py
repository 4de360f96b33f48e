"""What the front page and the banner over every page say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from controller.dashboard.words import NOTHING
from controller.model.conditions import Condition
from controller.model.source import SourceStatus
from controller.store.port.store import Store
from controller.store.store import open_store
from tests.builders import (
    NOW,
    add_key,
    enroll,
    make_check,
    make_policy,
    make_report,
    sha,
    submit,
)
from tests.dashboard.conftest import Visits
from tests.dashboard.serving import serving
from tests.dashboard.sizes import ADMIN

DAY = timedelta(days=1)
TODAY = NOW + 10 * DAY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path)
    with store.write() as writing:
        for number in range(4):
            check = make_check(f"check-{number}")
            writing.put_object("check", check, actor="tests", as_of=NOW, create=True)
        writing.put_object("policy", make_policy(), actor="tests", as_of=NOW, create=True)
        add_key(writing)
        hash_ = sha(ADMIN)
        writing.add_token("a", "a", "admin", hash_, actor="x", as_of=NOW, expires_at=None)
    yield store
    store.close()


# -- conditions of a source


def _source(*conditions: Condition) -> SourceStatus:
    return SourceStatus(
        "default", "https://gitlab.example.com/x.git", "refs/heads/main", "", conditions=conditions
    )


def _condition(type_: str, status: str, reason: str, message: str) -> Condition:
    return Condition(type_, status, reason, message, 1, TODAY - 2 * DAY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("type_", "reason", "headline"),
    [
        ("Ready", "FetchFailed", "The repository cannot be reached"),
        ("SourceVerified", "VerificationFailed", "Not source verified: verification failed"),
        ("Healthy", "MachinesSilent", "Not healthy: machines silent"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/checks"])
def test_whatever_condition_of_a_source_is_false_is_a_banner_with_its_reason_and_message(
    store: Store, visit: Visits, path: str, type_: str, reason: str, headline: str
) -> None:
    message = f"What went wrong with {type_}, <b>in words</b>."
    conditions = [_condition(type_, "False", reason, message)]
    if type_ != "Ready":
        conditions.append(_condition("Ready", "True", "Applied", "All is well."))
    with store.write() as writing:
        writing.save_source(_source(*conditions))
    with serving(store, lambda: TODAY) as site:
        visitor = visit(site, ADMIN)
        (said,) = visitor.open(path).locator(".banner").all_inner_texts()

    assert headline in said
    assert message in said
    assert "since 2 days ago" in said
    visitor.seen.check()


def test_a_condition_that_is_true_or_unknown_is_no_banner(store: Store, visit: Visits) -> None:
    with store.write() as writing:
        ready = _condition("Ready", "True", "Applied", "All is well.")
        healthy = _condition("Healthy", "Unknown", "AwaitingReports", "Nobody has reported.")
        writing.save_source(_source(ready, healthy))
    with serving(store, lambda: TODAY) as site:
        assert visit(site, ADMIN).open("/").locator(".banner").count() == 0


# -- the machines that need attention


def _report(store: Store, machine: str, failed: int, at_day: float) -> None:
    """A report of that machine, in which so many of the four checks fail."""
    at = NOW + at_day * DAY
    outcomes = {f"check-{n}": "failed" if n < failed else "passed" for n in range(4)}
    with store.write() as writing:
        known = {each.hostname: each for each, _ in writing.every_machine(limit=10)}
        found = known.get(machine) or enroll(writing, machine, hostname=machine, at=at)
        submit(writing, found, machine, make_report(outcomes, at=at), at)


def test_the_change_is_against_the_score_of_seven_days_ago(store: Store, visit: Visits) -> None:
    for machine, failed, day in (
        ("fell", 1, 1), ("fell", 2, 2.9), ("fell", 4, 5), ("rose", 4, 2), ("rose", 3, 9),
        ("same", 2, 1), ("same", 2, 9), ("new", 4, 4),
    ):  # fmt: skip
        _report(store, machine, failed, day)
    with serving(store, lambda: TODAY) as site:
        page = visit(site, ADMIN).open("/")
        rows = page.locator("table.hosts tbody tr").all()
        said = {
            row.locator("a.name").inner_text(): row.locator("td").nth(2).inner_text().split()[-1]
            for row in rows
        }

    minus = "\N{MINUS SIGN}"
    assert said == {"fell": f"{minus}50.0", "rose": "+25.0", "same": "0.0", "new": NOTHING}
