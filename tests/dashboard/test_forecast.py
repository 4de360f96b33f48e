from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from controller.dashboard.charts.forecast import forecast_chart
from controller.dashboard.charts.plot import WIDTHS
from controller.fleet.forecast import Forecast, ForecastDay, Turn, forecast
from controller.store.port.store import Writing
from controller.store.store import open_store
from tests.builders import NOW as STORE_NOW
from tests.builders import make_check, make_policy, make_waiver, sha
from tests.dashboard.seed import Seeded
from tests.dashboard.serving import serving
from tests.dashboard.sizes import ADMIN, store_of

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def turn(id_: str, change: str = "ends") -> Turn:
    return Turn(id_, change, NOW, ("check-1",), 1, "A reason to read.", None)  # type: ignore[arg-type]


def ahead(*days: tuple[float | None, tuple[Turn, ...]]) -> Forecast:
    points = tuple(
        ForecastDay((NOW + timedelta(days=number)).date(), score, 50.0, 2, 1, turns)
        for number, (score, turns) in enumerate(days)
    )
    return Forecast(NOW, days[0][0], 50.0, 10, points)


def read(site: str, path: str, token: str) -> str:
    answer = httpx.get(site + path, cookies={"gitward": token}, trust_env=False)
    assert answer.status_code == 200
    return answer.text


def test_only_days_on_which_an_exception_moves_the_score_are_marked() -> None:
    found = forecast_chart(
        ahead(
            (80.0, ()),
            (78.5, (turn("b", "starts"), turn("a"))),
            (78.5, (turn("without-effect"),)),
            (79.0, ()),
        ),
        1000,
    )

    assert found is not None
    (mark,) = found.marks
    assert mark.title == "a, ends 2 Jun, 1 more: \u22121.50 points"
    assert mark.label
    assert 0 <= mark.x <= found.plot.width


def test_without_a_score_or_an_exception_ahead_there_is_no_chart() -> None:
    assert forecast_chart(ahead((80.0, ()), (80.0, ())), 1000) is None
    assert forecast_chart(ahead((None, ()), (None, (turn("a"),))), 1000) is None


def test_the_page_shows_what_the_forecast_says(fleet: Seeded, site: str) -> None:
    with fleet.store.read() as reading:
        found = forecast(reading, fleet.now, 90)
    page = read(site, "/exceptions/forecast", fleet.tokens["viewer"])

    assert 'href="/exceptions/forecast"' in read(site, "/exceptions", fleet.tokens["viewer"])
    assert page.count('<svg class="chart') == len(WIDTHS)
    assert "<title" in page
    assert "<desc" in page
    table = page.partition("The numbers")[2].partition("</table>")[0]
    assert table.count("<tr>") == 1 + len(found.points)
    assert f"{found.points[-1].average_score:.2f}" in table
    ends = [each for point in found.points for each in point.turns]
    assert ends
    assert all(f"{each.exception_id}</a> {each.change}" in table for each in ends)


def test_an_exception_that_hides_a_failure_takes_its_effect_along(tmp_path: Path) -> None:
    store = store_of(tmp_path, 20)
    with serving(store, lambda: STORE_NOW) as site:
        page = read(site, "/exceptions/forecast", ADMIN)
    store.close()

    assert "waiver-0, ends 1 Jul, 2 more" in page
    assert "No longer compliant" in page


def test_where_nothing_ends_the_link_is_hidden_and_the_page_says_so(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.write() as writing:
        _settle(writing)
    with serving(store, lambda: STORE_NOW) as site:
        listed = read(site, "/exceptions", ADMIN)
        page = read(site, "/exceptions/forecast", ADMIN)
    store.close()

    assert "/exceptions/forecast" not in listed
    assert "No exception ends or starts within 90 days." in page


def _settle(writing: Writing) -> None:
    """A check, a policy, and an exception that ends in half a year."""
    check, far = make_check("check-1"), STORE_NOW + timedelta(days=180)
    writing.put_object("check", check, actor="tests", as_of=STORE_NOW, create=True)
    writing.put_object("policy", make_policy(), actor="tests", as_of=STORE_NOW, create=True)
    waiver = make_waiver("far", expires_at=far, starts_at=STORE_NOW - timedelta(days=1))
    writing.put_object("exception", waiver, actor="tests", as_of=STORE_NOW, create=True)
    hash_ = sha(ADMIN)
    writing.add_token(
        "admin", "admin", "admin", hash_, actor="tests", as_of=STORE_NOW, expires_at=None
    )
