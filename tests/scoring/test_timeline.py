"""Exceptions over time: what is remembered of one question never colours the next answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.model.documents import Waiver
from controller.model.managed import Managed
from controller.scoring.timeline import Timeline
from controller.scoring.waivers import active, starts_at
from tests.builders import NOW, make_waiver

HOURS = st.integers(-5, 5)


def at(hour: int) -> datetime:
    return NOW + timedelta(hours=hour)


@st.composite
def waivers(draw: st.DrawFn) -> dict[str, Managed[Waiver]]:
    found = {}
    for number in range(draw(st.integers(0, 4))):
        starts = draw(st.none() | HOURS)
        ends = draw(st.none() | HOURS)
        times: dict[str, Any] = {"expires_at": None if ends is None else at(ends)}
        if starts is not None:
            times["starts_at"] = at(starts)
        document = make_waiver(f"waiver-{number}", **times)
        found[document.id] = Managed(document, "git:default", None, at(draw(HOURS)), NOW)
    return found


@given(waivers(), st.sets(st.tuples(st.sampled_from(["waiver-0", "waiver-1"]), HOURS)), st.data())
def test_what_is_active_is_the_same_in_whatever_order_it_is_asked(
    table: dict[str, Managed[Waiver]], ended: set[tuple[str, int]], data: st.DataObject
) -> None:
    known = frozenset((id_, at(hour)) for id_, hour in ended)
    timeline = Timeline(table, known)

    for hour in data.draw(st.lists(HOURS, max_size=12)):
        now = at(hour)
        assert timeline.active(now) == {id_ for id_, w in table.items() if active(w, now, known)}
        ends = {id_: w.document.expires_at for id_, w in table.items()}
        assert set(timeline.ended_unnoticed(now)) == {
            (id_, end)
            for id_, end in ends.items()
            if end is not None and end <= now and (id_, end) not in known
        }
        instants = {starts_at(w) for w in table.values()} | {e for e in ends.values() if e}
        assert timeline.next_instant(now) == min((i for i in instants if i > now), default=None)


def test_whom_exceptions_take_in_follows_those_that_are_asked_about() -> None:
    documents = [
        make_waiver("a"),
        make_waiver("b", scope="tag", tag="web"),
        make_waiver("c", scope="agent", agent_uuid="0" * 8 + "-0000-0000-0000-" + "0" * 12),
        make_waiver("d", scope="policy", policy_id="policy-1"),
    ]
    table = {each.id: Managed(each, "git:default", None, NOW, NOW) for each in documents}
    timeline = Timeline(table, frozenset())

    everything = timeline.reach(frozenset(table))
    fewer = timeline.reach(frozenset({"b"}))

    assert everything.everywhere == ["a", "d"]
    assert dict(everything.by_tag) == {"web": ["b"]}
    assert list(everything.by_agent.values()) == [["c"]]
    assert (fewer.everywhere, dict(fewer.by_tag), dict(fewer.by_agent)) == ([], {"web": ["b"]}, {})
