from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from controller.dashboard.charts.trend import effect_of
from controller.fleet.statistics import average
from tests.dashboard.conftest import Visits
from tests.dashboard.seed import Seeded, seeded
from tests.dashboard.serving import serving

SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Seeded, str]]:
    with (
        seeded(tmp_path_factory.mktemp("held"), count=6, days=1, ending="held") as made,
        serving(made.store, made.clock) as site,
    ):
        yield made, site


def test_every_page_says_what_git_waits_for_and_where(
    held: tuple[Seeded, str], visit: Visits
) -> None:
    made, site = held
    page = visit(site, made.tokens["viewer"]).open("/machines")

    banner = page.locator(".banner")
    assert "A plan waits for a person" in (banner.text_content() or "")
    banner.get_by_role("link", name="Look at the plan").click()
    assert "policy/linux-hardened" in (page.locator(".held-plan").text_content() or "")
    assert page.get_by_role("button", name="Confirm").count() == 0


@pytest.mark.parametrize("role", ["viewer", "technician", "manager"])
def test_only_an_administrator_confirms(held: tuple[Seeded, str], role: str) -> None:
    made, site = held
    answer = _confirm(site, made.tokens[role], _digest(made))

    assert answer.status_code == 403
    assert _digest(made)


def test_another_digest_confirms_nothing(held: tuple[Seeded, str]) -> None:
    made, site = held
    answer = _confirm(site, made.tokens["admin"], "0" * 64)

    assert answer.status_code == 409


def test_a_confirmed_plan_is_released_and_applies_with_the_next_pass(
    held: tuple[Seeded, str], visit: Visits
) -> None:
    made, site = held
    page = visit(site, made.tokens["admin"]).open("/revisions")
    page.get_by_role("button", name="Confirm this plan").click()
    page.wait_for_url("**/revisions")
    made.reconciler.run()

    with made.store.read() as reading:
        assert "linux-hardened" not in reading.in_force().policies
        (confirmed,) = [e for e in reading.audit(1, 300).items if e.action == "confirm"]
    assert confirmed.actor == "admin@example.com"
    assert page.reload()
    assert page.locator(".banner").count() == 0


def _confirm(site: str, token: str, digest: str) -> httpx.Response:
    form = {"action": "confirm", "digest": digest}
    with httpx.Client(cookies={"gitward": token}, headers=SAME, trust_env=False) as client:
        return client.post(f"{site}/revisions", data=form)


def _digest(made: Seeded) -> str:
    with made.store.read() as reading:
        plan = reading.sources()[0].held_plan
    assert plan is not None
    return plan.digest


def test_a_broken_commit_shows_its_file_and_line_on_top(
    tmp_path_factory: pytest.TempPathFactory, visit: Visits
) -> None:
    with (
        seeded(tmp_path_factory.mktemp("stalled"), count=3, days=30, ending="stalled") as made,
        serving(made.store, made.clock) as site,
    ):
        text = visit(site, made.tokens["viewer"]).open("/").locator(".banner").text_content() or ""

    assert "The newest commit has problems" in text
    assert "exceptions/kiosks.yaml:3" in text
    assert 'did you mean "tag"?' in text


def test_a_commits_effect_is_the_difference_of_the_averages_around_it(
    fleet: Seeded, site: str
) -> None:
    with fleet.store.read() as reading:
        record = next(e for e in reading.revisions(1, 20).items if e.subject.startswith("Accept"))
        move = reading.movements_of([record.revision])[record.revision]
    assert move.after is not None
    effect = effect_of(move)
    assert effect is not None
    assert effect == pytest.approx((average(move.after) or 0) - (average(move.before) or 0))
    page = httpx.get(
        f"{site}/revisions/{record.sha}",
        cookies={"gitward": fleet.tokens["viewer"]},
        trust_env=False,
    )

    assert f"{abs(effect):.2f}" in page.text
    assert "exception/sudo-log-in-journal" in page.text
    assert effect_of(replace(move, after=None)) is None


def test_an_administrator_suspends_with_a_reason_and_resumes(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    page = visit(site, fleet.tokens["admin"]).open("/revisions")
    page.get_by_text("Suspend reconciling").click()
    page.get_by_label("Reason").fill("audit week")
    page.get_by_role("button", name="Suspend", exact=True).click()
    banner = page.locator(".banner.suspended")
    assert "audit week" in (banner.text_content() or "")
    assert "admin@example.com" in (banner.text_content() or "")

    page.get_by_role("button", name="Resume").click()

    banner.wait_for(state="detached")
    with fleet.store.read() as reading:
        assert not reading.sources()[0].suspended
