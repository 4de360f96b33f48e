"""Two machines get the scores that a person computes by hand from the listing beside this file."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from controller.agent.query import run_query
from controller.agent.runner import evaluate
from controller.agent.tables.system import find_tool
from controller.config.directory import read_directory
from controller.config.load import load
from controller.model.managed import GitOrigin, Managed
from controller.model.posture import Posture
from controller.scoring.profile import MachineScore
from controller.scoring.rulebook import Rulebook
from tests.content.asked import asked
from tests.content.documents import ROOT
from tests.content.two_machines import hardened, untouched
from tests.require import require

NOVEMBER = datetime(2026, 11, 20, tzinfo=UTC)
UUID = "0b8f0a9e-0000-4000-8000-000000000001"
LISTING = [
    line.split()
    for line in (Path(__file__).parent / "two_machines.txt").read_text().splitlines()
    if not line.startswith("#")
]
CHECKS = [row[3] for row in LISTING]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    require("root", os.geteuid() == 0)  # the files of the machines have to belong to root
    require("usermod", find_tool("usermod") is not None)
    found = {}
    for name, make in (("as installed", untouched), ("advice taken", hardened)):
        system = make(tmp_path_factory.mktemp("machine"))
        results = evaluate(asked(CHECKS), partial(run_query, system=system))
        found[name] = {result.check_id: str(result.status) for result in results or ()}
    return found


def test_the_listing_is_what_the_agent_finds_on_them(outcomes):
    found = [[outcomes["as installed"][i], outcomes["advice taken"][i], i] for i in CHECKS]

    assert found == [row[1:] for row in LISTING]


def test_our_advice_never_makes_anything_worse(outcomes):
    before, after = outcomes["as installed"], outcomes["advice taken"]

    assert [i for i in CHECKS if before[i] == "passed" and after[i] != "passed"] == []


@pytest.mark.parametrize(
    ("name", "bare", "risk", "with_exceptions"),
    [
        ("as installed", (135, 284, 47.53), "critical", (135, 280, 48.21)),
        ("advice taken", (284, 287, 98.95), "low", (280, 283, 98.93)),
    ],
)
def test_the_scores_are_those_of_the_arithmetic_in_the_listing(
    outcomes, name, bare, risk, with_exceptions
):
    found = score(outcomes[name])

    plain, shown = found.without_exceptions, found.overall
    assert (plain.passed_weight, plain.total_weight, plain.score) == bare
    assert (shown.passed_weight, shown.total_weight, shown.score) == with_exceptions
    assert plain.risk_level == shown.risk_level == risk
    assert (shown.exempted, plain.exempted, plain.error, plain.pending) == (2, 0, 0, 0)


def score(outcomes: dict[str, str]) -> MachineScore:
    files, _ = read_directory(ROOT)
    read = load(files, as_of=NOVEMBER).configuration
    place = GitOrigin("default", "x.yaml", 1, "0" * 40)

    def managed(documents):
        return {
            id_: Managed(each.document, "git:default", place, NOVEMBER, NOVEMBER)
            for id_, each in documents.items()
        }

    positions = {id_: number for number, id_ in enumerate(sorted(read.checks))}
    book = Rulebook(
        policies=managed({"linux-hardened": read.policies["linux-hardened"]}),
        checks=managed(read.checks),
        waivers=managed(read.waivers),
        positions=positions,
        settings=read.settings,
    )
    bits = dict.fromkeys(("passed", "failed", "error", "not_applicable"), 0)
    for id_, outcome in outcomes.items():
        bits[outcome] |= 1 << positions[id_]
    posture = Posture(bits["passed"], bits["failed"], bits["error"], bits["not_applicable"])
    return book.at(NOVEMBER).score(UUID, "linux", (), posture)
