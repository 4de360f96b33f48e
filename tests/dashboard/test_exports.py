from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.dashboard.csv_text import cell, csv_text
from tests.dashboard.seed import Seeded

CELLS = st.one_of(st.none(), st.booleans(), st.integers(), st.text())


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3)))
def test_no_cell_of_an_export_begins_like_a_formula_unless_it_is_a_number(
    rows: list[list[object]],
) -> None:
    text = csv_text(("a", "b", "c"), rows)

    read = list(csv.reader(io.StringIO(text, newline="")))[1:]
    for row, said in zip(rows, read, strict=True):
        for value, shown in zip(row, said, strict=True):
            if not isinstance(value, int):
                assert not shown.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_what_a_spreadsheet_would_run_gets_an_apostrophe_and_the_rest_stays() -> None:
    told = [cell(each) for each in ("=1+1", "-2", -2, 3.5, True, None, "plain", "\tx", "@SUM(A1)")]

    assert told == ["'=1+1", "'-2", "-2", "3.5", "yes", "", "plain", "'\tx", "'@SUM(A1)"]


def get(fleet: Seeded, site: str, path: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {fleet.tokens['viewer']}"}
    return httpx.get(site + path, headers=headers, trust_env=False)


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("/machines.csv", 36),
        ("/machines.csv?os=darwin&search=mbp-ada", 1),
        ("/policies.csv", 14),
        ("/checks.csv?severity=critical&os=linux", None),
        ("/exceptions.csv?state=expired", 1),
        ("/revisions.csv", 9),
    ],
)
def test_a_program_gets_what_the_table_shows_as_a_download(
    fleet: Seeded, site: str, path: str, rows: int | None
) -> None:
    answer = get(fleet, site, path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    read = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert rows is None or len(read) == rows


def test_the_results_of_a_machine_are_all_in_its_export(fleet: Seeded, site: str) -> None:
    with fleet.store.read() as reading:
        machine = reading.lowest_scores(1, fleet.now)[0].machine

    read = list(
        csv.DictReader(io.StringIO(get(fleet, site, f"/machines/{machine.uuid}/results.csv").text))
    )

    assert {each["outcome"] for each in read} >= {"passed", "failed"}
    assert read[0]["outcome"] == "failed"


def test_the_badge_says_the_share_of_compliant_machines(fleet: Seeded, site: str) -> None:
    answer = get(fleet, site, "/badge.svg")

    with fleet.store.read() as reading:
        overall = reading.fleet_totals(fleet.now).overall
    assert answer.headers["content-type"] == "image/svg+xml"
    title = ElementTree.fromstring(answer.text)[0].text or ""  # noqa: S314 - our own answer
    shown = float(title.removeprefix("compliant: ").removesuffix("%"))
    assert 0 <= 100 * overall.compliant / overall.assessed - shown < 0.1
