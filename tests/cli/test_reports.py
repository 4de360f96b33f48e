"""The forms that other programs read, each read back by a reader that is not ours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from controller.cli.reports import github, gitlab, junit, sarif
from controller.cli.reports.outcome import Outcome
from controller.config.codes import CODES
from controller.model.problem import Problem
from tests.cli.runner import run

HOSTILE = "a%0A::error::x\r\n::stop-commands::y <b>&\"' ]]> \x00 \ud800 \u202e"
PROBLEMS = (
    Problem("checks/a, b:c.yaml", 0, 0, "GW101", "", "the file is unreadable"),
    Problem("policies/ä ö.yaml", 3, 7, "GW201", "name", HOSTILE),
    Problem("policies/ä ö.yaml", 4, 7, "GW201", "name", HOSTILE),
    Problem("policies/x.yaml", 1, 1, "GW501", "query", "an older agent refuses it", "warning"),
)
OUTCOME = Outcome(".", PROBLEMS, 3, 2, strict=False)
EMPTY = Outcome(".", (), 3, 2, strict=False)


@pytest.mark.parametrize("outcome", [OUTCOME, EMPTY], ids=["problems", "none"])
def test_sarif_fits_the_published_schema(outcome: Outcome) -> None:
    # The models were generated from the schema that OASIS publishes; unknown fields are refused.
    read = Sarif.model_validate_json(sarif.render(outcome))
    assert len(read.runs[0].results or []) == len(outcome.problems)


def test_sarif_names_rule_place_level_and_a_fingerprint_that_outlives_moved_lines() -> None:
    (found,) = json.loads(sarif.render(OUTCOME))["runs"]
    first, second, third, last = found["results"]
    rules = found["tool"]["driver"]["rules"]

    assert "region" not in first["locations"][0]["physicalLocation"]
    place = second["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "policies/%C3%A4%20%C3%B6.yaml"
    assert place["region"] == {"startLine": 3, "startColumn": 7}
    assert rules[second["ruleIndex"]]["id"] == "GW201"
    assert last["level"] == "warning"
    assert second["partialFingerprints"] != third["partialFingerprints"]
    moved = Outcome(
        ".", (Problem("policies/ä ö.yaml", 30, 7, "GW201", "name", HOSTILE),), 1, 1, False
    )
    (again,) = json.loads(sarif.render(moved))["runs"][0]["results"]
    assert again["partialFingerprints"] == second["partialFingerprints"]


def test_sarif_describes_every_code_there_is() -> None:
    every = tuple(Problem("a.yaml", 1, 1, code, "", "x") for code in CODES)
    Sarif.model_validate_json(sarif.render(Outcome(".", every, 1, 1, strict=False)))


def command(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as the runner reads it."""
    name, properties, data = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]

    def plain(text: str, marks: dict[str, str]) -> str:
        for code, mark in marks.items():
            text = text.replace(code, mark)
        return text.replace("%25", "%")

    lines = {"%0D": "\r", "%0A": "\n"}
    pairs = dict(pair.split("=", 1) for pair in properties.split(","))
    return (
        name,
        {key: plain(value, {**lines, "%3A": ":", "%2C": ","}) for key, value in pairs.items()},
        plain(data, lines),
    )


def test_github_gets_one_command_a_line_whatever_a_document_says() -> None:
    lines = github.render(OUTCOME).split("\n")
    assert len(lines) == len(PROBLEMS)
    first, second, _, last = map(command, lines)
    assert first[1]["file"] == "checks/a, b:c.yaml"
    assert second[1]["line"] == "3"
    assert "::stop-commands::" in second[2]
    assert (last[0], second[0]) == ("warning", "error")


def test_gitlab_gets_what_its_code_quality_report_requires() -> None:
    remarks = json.loads(gitlab.render(OUTCOME))
    for each in remarks:
        assert each.keys() == {"description", "check_name", "fingerprint", "severity", "location"}
        assert each["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert each["location"]["lines"]["begin"] >= 1
    assert len({each["fingerprint"] for each in remarks}) == len(remarks)
    assert json.loads(gitlab.render(EMPTY)) == []


def xml(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 - our own


def test_junit_is_well_formed_and_counts_its_failures() -> None:
    root = xml(junit.render(OUTCOME))
    suite = root[0]
    assert suite.attrib["failures"] == "3" == str(len(suite.findall("testcase/failure")))
    assert suite.attrib["tests"] == "4" == str(len(suite.findall("testcase")))
    assert len(xml(junit.render(EMPTY)).findall("testsuite/testcase")) == 1


@pytest.mark.parametrize("form", ["sarif", "gitlab", "junit", "github"])
def test_every_form_names_paths_as_seen_from_where_the_command_ran(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    (tmp_path / "config/policies").mkdir(parents=True)
    (tmp_path / "config/policies/a.yaml").write_text("name: [\n")
    monkeypatch.chdir(tmp_path)
    for root in ("config", tmp_path / "config"):
        ran = run(capsys, "validate", root, "--format", form)
        assert ran.code == 1
        assert "config/policies/a.yaml" in ran.out


def test_strict_makes_warnings_errors_in_every_form() -> None:
    strict = Outcome(".", PROBLEMS, 3, 2, strict=True)
    levels: Any = [r["level"] for r in json.loads(sarif.render(strict))["runs"][0]["results"]]
    assert set(levels) == {"error"}
    assert "::warning" not in github.render(strict)
    assert 'failures="4"' in junit.render(strict)
