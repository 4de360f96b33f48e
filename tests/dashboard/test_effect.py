"""What a change would do to the scores, before anybody makes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from controller.store.port.machines import Claim
from tests.builders import sha
from tests.dashboard.conftest import Visits
from tests.dashboard.seed import Seeded, join, seeded
from tests.dashboard.serving import serving
from tests.dashboard.test_exception_form import SAME, post
from tests.dashboard.test_pages_in_browser import serious

if TYPE_CHECKING:
    from playwright.sync_api import Page

BUTTON = "What it would do to the scores"


def figure(page: Page, what: str) -> str:
    """The large number of a card."""
    card = page.locator(".figure").filter(has=page.get_by_text(what, exact=True))
    return card.locator(".value").inner_text()


def test_an_exception_shows_what_it_hides_before_it_is_committed_and_can_still_be_changed(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    visitor = visit(site, fleet.tokens["viewer"])
    page = visitor.open("/exceptions/new?check=linux-encryption-root-disk")
    page.get_by_label("Reason").fill("The array encrypts, see the architecture record.")
    page.get_by_label("Owner").fill("platform@example.com")
    page.get_by_role("button", name=BUTTON).click()

    with fleet.store.read() as reading:
        totals = reading.fleet_totals(fleet.now)
    failed = totals.checks["linux-encryption-root-disk"].failed
    assert failed
    assert figure(page, "Failures it hides") == str(failed)
    before = totals.overall.score_sum // totals.overall.assessed / 100
    assert float(figure(page, "Average score")) > before
    visitor.seen.check()

    page.get_by_role("button", name="Change it").click()
    assert page.get_by_label("Reason").input_value().startswith("The array encrypts")
    page.get_by_role("button", name="Show the file for git").click()
    assert "linux-encryption-root-disk" in page.locator("pre.yaml").inner_text()
    with fleet.store.read() as reading:
        assert "linux-encryption-root-disk" not in reading.in_force().waivers


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_step_of_making_an_exception_can_be_read_by_everybody(
    fleet: Seeded, site: str, visit: Visits, axe: str, scheme: str
) -> None:
    visitor = visit(site, fleet.tokens["viewer"], color_scheme=scheme, bypass_csp=True, width=360)
    page = visitor.open("/exceptions/new?check=linux-encryption-root-disk")
    file = page.get_by_role("button", name="Show the file for git")
    page.get_by_label("Reason").fill("Too short")
    file.click()
    assert serious(page, axe, "a refused form") == []

    page.get_by_label("Reason").fill("The array encrypts, see the architecture record.")
    page.get_by_label("Owner").fill("platform@example.com")
    file.click()
    assert serious(page, axe, "the file") == []
    page.get_by_role("button", name=BUTTON).click()
    assert figure(page, "Failures it hides")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert serious(page, axe, "the effect") == []


def test_an_exception_that_would_be_refused_has_no_effect_to_show(fleet: Seeded, site: str) -> None:
    answer = post(site, fleet.tokens["viewer"], action="effect", checks="no-such-check")

    assert answer.status_code == 422
    assert "no check has the id" in answer.text


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Seeded, str]]:
    with (
        seeded(tmp_path_factory.mktemp("held-effect"), count=6, days=1, ending="held") as made,
        serving(made.store, made.clock, preview=made.previewer) as site,
    ):
        yield made, site


def test_whoever_may_confirm_a_held_plan_sees_first_what_it_would_do(
    held: tuple[Seeded, str], visit: Visits
) -> None:
    made, site = held
    visitor = visit(site, made.tokens["viewer"])
    page = visitor.open("/revisions")
    page.get_by_role("link", name=BUTTON).click()

    with made.store.read() as reading:
        (record,) = [e for e in reading.revisions(1, 20).items if e.result == "held"]
    assert page.url.endswith(f"/revisions/{record.sha}/effect")
    assert int(figure(page, "Changes that weaken")) > 0
    row = page.get_by_role("row").filter(has_text="Linux - hardened")
    assert "would be gone" in row.inner_text()
    visitor.seen.check()


def test_what_machines_call_themselves_is_text_there_too(
    held: tuple[Seeded, str], visit: Visits
) -> None:
    made, site = held
    hostile = "<img src=x onerror=alert(1)>"
    join(made, hostile)
    with made.store.read() as reading:
        (record,) = [e for e in reading.revisions(1, 20).items if e.result == "held"]
    visitor = visit(site, made.tokens["viewer"])

    page = visitor.open(f"/revisions/{record.sha}/effect")

    assert hostile in page.locator("td a.name").all_text_contents()
    assert page.locator("main img").count() == 0
    visitor.seen.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_held_plan_its_effect_and_machines_without_a_score_can_be_read_by_everybody(
    held: tuple[Seeded, str], visit: Visits, axe: str, scheme: str
) -> None:
    made, site = held
    with made.store.read() as reading:
        (record,) = [e for e in reading.revisions(1, 20).items if e.result == "held"]
    with made.store.write() as writing:
        claim = Claim(f"new-{scheme}", "linux", "x86_64", "1.0", "Debian 13")
        silent = writing.enroll(claim, sha("seed"), sha(f"silent-{scheme}"), made.now)
        waiting = writing.enroll(claim, sha("seed"), sha(f"wait-{scheme}"), made.now)
        writing.set_machine_status(waiting.uuid, "rejected", actor="tests", as_of=made.now)
    visitor = visit(site, made.tokens["admin"], color_scheme=scheme, bypass_csp=True, width=360)

    revision = f"/revisions/{record.sha}"
    machines = [f"/machines/{each.uuid}" for each in (silent, waiting)]
    for path in ("/", "/revisions", revision, f"{revision}/effect", *machines):
        page = visitor.open(path)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert serious(page, axe, path) == []


def test_only_a_held_plan_has_an_effect_ahead_of_it(held: tuple[Seeded, str]) -> None:
    made, site = held
    with made.store.read() as reading:
        applied = next(e for e in reading.revisions(1, 20).items if e.result == "applied")

    def get(sha: str) -> httpx.Response:
        cookies = {"gitward": made.tokens["viewer"]}
        address = f"{site}/revisions/{sha}/effect"
        return httpx.get(address, cookies=cookies, headers=SAME, trust_env=False)

    assert get(applied.sha).headers["location"] == f"/revisions/{applied.sha}"
    assert get("0" * 40).status_code == 404


def test_where_no_repository_is_followed_nothing_is_offered(fleet: Seeded, visit: Visits) -> None:
    with serving(fleet.store, fleet.clock) as bare:
        page = visit(bare, fleet.tokens["viewer"]).open("/exceptions/new")

        assert page.get_by_role("button", name=BUTTON).count() == 0
        answer = post(bare, fleet.tokens["viewer"], action="effect")
    assert answer.status_code == 404
