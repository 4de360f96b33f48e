from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cli.main import main
from controller.cli.serving.demo_machines import machines, rows
from controller.errors import UsageError
from controller.model.terms import OPERATORS
from controller.scoring.judge import judge
from controller.store.store import open_store
from tests.builders import NOW, add_key, make_check, make_policy
from tests.dashboard.serving import serving


@given(
    st.sampled_from(OPERATORS), st.sampled_from(["1", "14 days", "true", "no", "-3"]), st.booleans()
)
def test_what_a_demonstration_machine_reports_is_judged_as_it_was_meant(
    operator: str, expected: str, good: bool
) -> None:
    found = rows(operator, {"value": expected}, good=good)
    if operator in {"gte", "lte", "gt", "lt"} and not expected[0].isdigit():
        return

    assert judge(operator, {"value": expected}, found).outcome == ("passed" if good else "failed")


def test_equal_seeds_give_equal_fleets_with_three_platforms_and_distinct_names() -> None:
    fleet = machines(300, 5)

    assert fleet == machines(300, 5)
    assert fleet != machines(300, 6)
    assert len({each.hostname for each in fleet}) == 300
    assert {each.os for each in machines(3, 1)} == {"linux", "windows", "darwin"}


@pytest.mark.parametrize("count", [0, -1, 10**6])
def test_a_fleet_has_a_sensible_size(count: int) -> None:
    with pytest.raises(UsageError, match="--machines"):
        machines(count, 1)


def test_the_simulator_enrols_and_reports_over_the_real_api(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(tmp_path)
    with store.write() as writing:
        for number in range(12):
            check = make_check(f"check-{number}", platforms=("linux", "windows", "darwin"))
            writing.put_object("check", check, actor="tests", as_of=NOW, create=True)
        policy = make_policy(target_os="all")
        writing.put_object("policy", policy, actor="tests", as_of=NOW, create=True)
        add_key(writing, secret="the-key")
    with serving(store, lambda: NOW) as site:
        arguments = [
            "--server",
            site,
            "--enrollment-key",
            "the-key",
            "--machines",
            "9",
            "--days",
            "2",
        ]
        code = main(["demo-fleet", *arguments])

    with store.read() as reading:
        totals = reading.fleet_totals(NOW)
    store.close()
    assert code == 0, capsys.readouterr().err
    assert totals.overall.agents == totals.overall.assessed == 9
    assert (
        sum(each.passed + each.failed + each.errored for each in totals.checks.values()) == 9 * 12
    )


def test_a_key_that_is_unknown_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(tmp_path)
    with serving(store, lambda: NOW) as site:
        code = main(["demo-fleet", "--server", site, "--enrollment-key", "no", "--machines", "3"])
    store.close()

    assert code == 3
    assert "401" in capsys.readouterr().err
