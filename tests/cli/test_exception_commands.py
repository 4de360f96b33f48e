"""``gitward exceptions`` and ``gitward forecast``, beside a controller and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.documents import base
from tests.api.server import Api, controller, serve
from tests.cli.runner import run

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with controller(tmp_path / "data") as made, serve(made.app) as address:
        made.apply(base())
        client = Api(made, address)
        client.enroll().report({"low-1": "failed", "high-1": "passed"})
        yield client
        client.http.close()


def remote(api: Api) -> tuple[str, ...]:
    return ("--server", api.address, "--token", api.controller.tokens["viewer"])


def test_a_filter_that_finds_something_is_one(capsys: Capture, api: Api) -> None:
    everything = run(capsys, "exceptions", *remote(api))
    expiring = run(capsys, "exceptions", "--expiring", "300d", *remote(api))
    unused = run(capsys, "exceptions", "--unused", *remote(api))

    assert (everything.code, expiring.code, unused.code) == (0, 1, 0)
    assert "1 of 1" in everything.out
    assert "exceptions/appliance.yaml:1" in expiring.out
    assert unused.out == ""
    assert unused.err == "of 1 exception in force none is unused\n"


def test_a_forecast_names_what_causes_each_step(capsys: Capture, api: Api) -> None:
    text = run(capsys, "forecast", "--days", "250", *remote(api))
    short = run(capsys, "forecast", "--days", "5", *remote(api))
    body = json.loads(
        run(capsys, "forecast", "--days", "250", "--format", "json", *remote(api)).out
    )

    assert text.code == 0
    assert "appliance ends" in text.out
    assert "2026-12-31" in text.out
    assert "no exception starts or ends within 5 days" in short.out
    one = run(capsys, "forecast", "--days", "1", *remote(api))
    assert "within 1 day\n" in one.out
    (step,) = (point for point in body["points"] if point["turns"])
    assert step["turns"][0]["git"]["path"] == "exceptions/appliance.yaml"
    assert step["average_score"] < body["average_score"]
    assert len(body["points"]) == 250


def test_the_data_folder_answers_as_the_api_does(capsys: Capture, api: Api, tmp_path: Path) -> None:
    ran = run(capsys, "exceptions", "--format", "json", "--data", tmp_path / "data")
    assert [each["id"] for each in json.loads(ran.out)["items"]] == ["appliance"]
    ran = run(capsys, "forecast", "--days", "2", "--format", "json", "--data", tmp_path / "data")
    assert len(json.loads(ran.out)["points"]) == 2


def test_a_fleet_without_scores_and_without_exceptions_says_so(
    capsys: Capture, tmp_path: Path
) -> None:
    with controller(tmp_path / "new") as made, serve(made.app) as address:
        api = Api(made, address)
        made.apply({k: v for k, v in base().items() if not k.startswith("exceptions/")})
        found = run(capsys, "exceptions", "--redundant", "--too-broad", *remote(api))
        forecast = run(capsys, "forecast", *remote(api))
        api.http.close()
    assert (found.code, found.err) == (0, "no exception is in force\n")
    assert forecast.out.startswith("now no score: nothing to judge on 0 machines\n")


WRONG = [
    ("exceptions", "--expiring", "10000d"),
    ("exceptions", "--expiring", "-1"),
    ("forecast", "--days", "1.5"),
    ("exceptions", "--expiring", "soon"),
    ("forecast", "--days", "0"),
    ("forecast", "--days", "367"),
]


@pytest.mark.parametrize("arguments", WRONG)
def test_a_wrong_command_line_is_two(capsys: Capture, arguments: tuple[str, ...]) -> None:
    ran = run(capsys, *arguments)
    assert ran.code == 2
    assert ran.err
