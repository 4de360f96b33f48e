from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.dashboard import words
from controller.dashboard.charts.bars import WIDTH, stacked
from controller.dashboard.charts.history import history_chart, steps_of
from controller.dashboard.charts.plot import WIDTHS
from controller.dashboard.charts.scale import score_range
from controller.dashboard.charts.trend import points_of, trend_chart
from controller.dashboard.session import safe_path
from controller.fleet.history import HistoryPoint, PointCause
from controller.store.port.fleet import Cause, Movement, Totals

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_599, "59 min"), (7_200, "2 h"), (86_400, "1 day"),
     (700 * 86_400, "700 days"), (800 * 86_400, "2 years")],
)  # fmt: skip
def test_a_span_is_said_in_its_largest_unit(seconds: int, text: str) -> None:
    assert words.span(timedelta(seconds=seconds)) == text


def test_times_before_and_after_now_and_missing_ones_have_words() -> None:
    hour = timedelta(hours=1)

    assert [words.ago(each, NOW) for each in (None, NOW, NOW - hour)] == ["never", "now", "1 h ago"]
    told = [words.ahead(each, NOW) for each in (None, NOW + hour, NOW - hour)]
    assert told == ["no end", "in 1 h", "ended 1 h ago"]


@given(st.floats(0, 100))
def test_a_percentage_never_shows_more_than_there_is(value: float) -> None:
    assert float(words.percent(value).removesuffix("%")) <= value + 1e-9


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.44, "+3.4"), (-2.06, "\u22122.1"), (0.01, "0.0"), (-0.01, "0.0"), (None, "\u2013")],
)
def test_a_change_has_a_sign_unless_it_is_nothing(value: float | None, text: str) -> None:
    assert words.signed(value) == text


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JAVASCRIPT:x", "data:text/html,x", "//evil.example", "https://", "ftp://x/y",
     "http:\n//x", "https://x/\u202e", " https://x", "", None, 5, "https://[", "x" * 3000],
)  # fmt: skip
def test_only_http_and_https_become_links(address: object) -> None:
    assert words.safe_link(address) is None


def test_an_ordinary_address_becomes_a_link() -> None:
    assert words.safe_link("https://example.com/a?b#c") == "https://example.com/a?b#c"


@given(st.text())
def test_where_to_go_on_to_is_always_a_path_of_ours(path: str) -> None:
    found = safe_path(path)

    assert found.startswith("/")
    assert not found.startswith("//")
    assert found in {path, "/"}


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 10**7), min_size=1))
def test_a_stacked_bar_stays_within_its_width_and_shows_whatever_is_there(
    counts: dict[str, int],
) -> None:
    parts = stacked(counts)

    assert all(part.width > 0 for part in parts if part.count)
    assert all(part.width == 0 for part in parts if not part.count)
    assert max(part.x + part.width for part in parts) <= WIDTH + 1


@given(st.lists(st.floats(0, 100), min_size=1))
def test_an_axis_holds_its_values_between_few_round_lines(values: list[float]) -> None:
    low, high, lines = score_range(values)

    assert low <= min(values) <= max(values) <= high
    assert 2 <= len(lines) <= 7
    assert all(line == round(line) for line in lines)


def totals(score: float, assessed: int = 4) -> Totals:
    hundredths = round(score * 100) * assessed
    return Totals(assessed, assessed, 1, hundredths, assessed, 1, hundredths - 100 * assessed)


def moved(day: int, before: float, after: float | None, name: str) -> Movement:
    return Movement(
        datetime(2026, 5, day, 9, tzinfo=UTC),
        Cause("commit", f"main@sha1:{name}", f"Commit {name}"),
        totals(before),
        None if after is None else totals(after),
    )


def test_the_trend_marks_the_commits_that_moved_the_score_and_no_others() -> None:
    points = points_of([(date(2026, 5, day), totals(70 + day / 10)) for day in range(1, 31)])
    moves = [moved(5, 70, 73.4, "a" * 40), moved(9, 73, 73, "b" * 40), moved(9, 73, None, "c" * 40),
             moved(20, 75, 72.9, "d" * 40)]  # fmt: skip

    chart = trend_chart(points, moves, 760)

    assert chart is not None
    assert [(mark.name[0], round(mark.effect, 1)) for mark in chart.marks] == [
        ("a", 3.4),
        ("d", -2.1),
    ]
    assert chart.marks[0].title.endswith("+3.40 points")
    assert chart.marks[0].tip is not None
    assert chart.marks[0].tip.lines[2].startswith("70.00 → 73.40")
    assert all(chart.plot.left <= mark.x <= chart.plot.right for mark in chart.marks)


@given(
    st.lists(st.tuples(st.integers(1, 30), st.floats(-20, 20)), max_size=40),
    st.sampled_from(WIDTHS),
)
def test_labels_of_marks_never_cover_each_other(
    effects: list[tuple[int, float]], width: int
) -> None:
    points = points_of([(date(2026, 5, day), totals(60)) for day in range(1, 31)])
    moves = [moved(day, 60, 60 + effect, f"{i:040x}") for i, (day, effect) in enumerate(effects)]
    chart = trend_chart(points, moves, width)
    assert chart is not None

    labelled = [mark for mark in chart.marks if mark.label]
    for tier in (0, 1):
        spans = sorted(
            (mark.x - mark.room, mark.x) if mark.to_left else (mark.x, mark.x + mark.room)
            for mark in labelled
            if mark.tier == tier
        )
        assert all(one[1] <= two[0] + 1 for one, two in pairwise(spans))
        assert all(0 <= left <= right <= width for left, right in spans)
        # The lines of the upper row go down through the lower one.
        crossing = [mark.x for mark in labelled if mark.tier < tier]
        assert not any(left + 1 < x < right - 1 for x in crossing for left, right in spans)
    for mark in chart.marks:
        assert mark.tip is not None
        assert 0 <= mark.tip.x <= mark.tip.x + mark.tip.width <= width
        assert 0 <= mark.tip.y <= mark.tip.y + mark.tip.height <= chart.plot.height


@given(st.text(), st.integers(0, 40))
def test_a_cut_text_is_never_longer_than_its_room(text: str, most: int) -> None:
    assert len(words.cut(text, most)) <= max(most, 1)


def test_one_day_makes_no_line() -> None:
    assert trend_chart(points_of([(date(2026, 5, 1), totals(70))]), [], 760) is None


def test_a_machines_history_names_every_cause_and_links_what_has_a_page() -> None:
    def point(hours: int, score: float | None, kind: str, ref: str) -> HistoryPoint:
        at = NOW - timedelta(hours=hours)
        return HistoryPoint(at, score, "low", True, PointCause(kind, ref, "detail"))  # type: ignore[arg-type]

    points = [point(9, 70.0, "report", "r"), point(5, 75.5, "commit", "main@sha1:abc"),
              point(2, 72.0, "exception_end", "kiosks")]  # fmt: skip
    steps = steps_of(points)

    assert [step.change for step in steps] == [None, 5.5, -3.5]
    assert [step.link for step in steps] == [None, "/revisions/abc", "/exceptions/kiosks"]
    chart = history_chart(steps, None, NOW - timedelta(days=30), NOW, 400)
    assert chart is not None
    assert len(chart.dots) == 3
