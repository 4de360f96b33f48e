"""What is told of machines and exceptions: once, when it happens, and not what was so before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.model.notice import Subscription
from controller.notify.lookout import MANY, Lookout
from tests.api.documents import base
from tests.api.server import Api, controller, serve


class Watched:
    def __init__(self, api: Api) -> None:
        self.api = api
        self.clock = api.controller.clock
        self.store = api.controller.store
        self.lookout = Lookout(self.store, self.clock)
        with self.store.write() as writing:
            writing.subscribe([Subscription("all")])

    def look(self) -> list[tuple[str, str]]:
        """The reasons and messages of what is told by one look."""
        before = self._messages()
        self.lookout.step()
        return self._messages()[len(before) :]

    def _messages(self) -> list[tuple[str, str]]:
        with self.store.read() as reading:
            items = reading.notices(1, 1_000, dead=False).items
        return [(each.reason, each.message) for each in reversed(items)]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with controller(tmp_path / "data") as made, serve(made.app) as address:
        made.apply(base())
        api = Api(made, address)
        yield Watched(api)
        api.http.close()


ALL = ("crit-1", "high-1", "high-2", "med-1", "med-2")


def good() -> dict[str, str]:
    return dict.fromkeys(ALL, "passed")


def test_a_machine_that_turns_is_told_once_and_again_when_it_turns_again(watched: Watched) -> None:
    assert watched.look() == []
    agent = watched.api.enroll(hostname="web-01")
    agent.report(good())
    assert watched.look() == []
    watched.clock.forward(minutes=1)
    agent.report(dict.fromkeys(ALL, "failed"))
    assert watched.look() == [
        ("NonCompliant", "web-01 is not compliant"),
        ("CriticalRisk", "web-01 is at critical risk"),
    ]
    assert watched.look() == []
    watched.clock.forward(minutes=1)
    agent.report(good())
    assert watched.look() == []
    watched.clock.forward(minutes=1)
    agent.report(dict.fromkeys(ALL, "failed"))
    assert len(watched.look()) == 2


def test_what_was_so_before_the_first_look_is_not_told(watched: Watched) -> None:
    watched.api.enroll().report(dict.fromkeys(ALL, "failed"))
    assert watched.look() == []
    assert watched.look() == []


def test_a_restart_forgets_nothing_and_repeats_nothing(watched: Watched) -> None:
    watched.look()
    agent = watched.api.enroll()
    agent.report(dict.fromkeys(ALL, "failed"))
    watched.lookout = Lookout(watched.store, watched.clock)
    assert len(watched.look()) == 2
    watched.lookout = Lookout(watched.store, watched.clock)
    assert watched.look() == []


def test_many_machines_that_turn_together_are_one_message(watched: Watched) -> None:
    watched.look()
    for number in range(MANY + 5):
        watched.api.enroll(hostname=f"web-{number:02}").report(dict.fromkeys(ALL, "failed"))
    told = watched.look()
    assert [reason for reason, _ in told] == ["NonCompliant", "CriticalRisk"]
    assert told[0][1].startswith(f"{MANY + 5} machines: ")
    assert told[0][1].endswith("and 5 more")


def test_an_exceptions_end_is_told_at_its_steps_and_when_it_has_come(watched: Watched) -> None:
    watched.look()
    ends = datetime(2026, 9, 1, tzinfo=UTC)
    files = base() | {
        "exceptions/soon.yaml": (
            "check_id: crit-1\nscope: global\nreason: While it is replaced.\nexpires_at: 2026-09-01\n"
        )
    }
    watched.api.controller.apply({path: text for path, text in files.items() if text})
    told = []
    for days in (31, 30, 20, 7, 6, 1, 0.5, 0, -1):
        watched.clock.now = ends - timedelta(days=days)
        told += [(days, *each) for each in watched.look() if "crit-1" in each[1]]
    assert [(days, reason) for days, reason, _ in told] == [
        (30, "ExceptionExpiring"),
        (7, "ExceptionExpiring"),
        (1, "ExceptionExpiring"),
        (0, "ExceptionExpired"),
    ]


def test_of_steps_that_passed_together_only_the_last_is_told(watched: Watched) -> None:
    watched.look()
    watched.clock.now = datetime(2026, 8, 31, 12, tzinfo=UTC)
    text = (
        "check_id: high-1\nscope: global\nreason: While it is replaced.\nexpires_at: 2026-09-01\n"
    )
    watched.api.controller.apply(base() | {"exceptions/soon.yaml": text})
    assert [reason for reason, message in watched.look() if "high-1" in message] == [
        "ExceptionExpiring"
    ]
