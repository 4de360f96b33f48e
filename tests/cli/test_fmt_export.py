from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.config.directory import read_directory
from controller.config.load import load
from tests.api.documents import base
from tests.api.server import Api, controller, serve
from tests.cli.runner import run

Capture = pytest.CaptureFixture[str]


def test_fmt_rewrites_once_and_check_only_tells(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "policies/a.yaml"
    file.parent.mkdir()
    file.write_text("name: A # n\nid: a\n")
    file.chmod(0o640)
    assert run(capsys, "fmt", "--check", tmp_path).code == 1
    assert file.read_text().startswith("name")
    ran = run(capsys, "fmt", tmp_path)
    assert (ran.code, ran.out) == (0, "policies/a.yaml\n")
    assert file.read_text() == "id: a\nname: A # n\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in file.parent.iterdir()] == ["a.yaml"]
    assert run(capsys, "fmt", "--check", tmp_path).code == 0


def test_fmt_leaves_what_it_cannot_read(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    for name, content in (("a", b"name: [\n"), ("b", b"name: \xff\nid: b\n")):
        (tmp_path / f"policies/{name}.yaml").write_bytes(content)
    ran = run(capsys, "fmt", tmp_path)
    assert ran.code == 1
    assert "policies/a.yaml: left as it is" in ran.err
    assert (tmp_path / "policies/b.yaml").read_bytes() == b"name: \xff\nid: b\n"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with controller(tmp_path / "data") as made, serve(made.app) as address:
        made.apply(base() | {"gitward.yaml": "api_exceptions: allow\n"})
        client = Api(made, address)
        check = {
            "id": "made", "title": "no: \"quotes\" # here", "category": "firewall", "severity": "low",
            "cis_level": "level_1", "platforms": ["linux"], "description": "Two\nlines: é",
            "query": "SELECT username FROM users", "comparison_operator": "equals",
            "expected_result": {"username": "no"}, "references": ["x" * 80, "yes"],
        }  # fmt: skip
        policy = {
            "id": "laptops", "name": "Laptops", "cis_level": "level_2", "target_os": "linux",
            "passing_score_threshold": 72.5, "include_checks": ["made"], "target_tags": ["on"],
        }  # fmt: skip
        waiver = {
            "id": "own", "check_id": "made", "scope": "global", "reason": "Made through the API, 1_000.",
            "expires_at": "2026-09-01T12:00:00Z",
        }  # fmt: skip
        for kind, body in (("checks", check), ("policies", policy), ("exceptions", waiver)):
            answer = client.post(f"/api/v1/compliance/{kind}", json=body)
            assert answer.status_code == 201, answer.text
        yield client
        client.http.close()


def test_what_the_api_made_is_exported_and_adopting_it_changes_no_field(
    capsys: Capture, api: Api, tmp_path: Path
) -> None:
    access = ("--server", api.address, "--token", api.controller.tokens["viewer"])
    ran = run(capsys, "export", tmp_path / "git", *access)
    assert ran.code == 0
    assert ran.out.split() == [
        "policies/laptops.yaml",
        "exceptions/own.yaml",
        "checks/from-api.yaml",
    ]
    files, _ = read_directory(tmp_path / "git")
    assert not [
        p for p in load(files, as_of=api.controller.clock.now).problems if p.level == "error"
    ]
    made = api.controller.apply(
        dict(api.controller.files) | {file.path: file.content.decode() for file in files}
    )
    assert made.counts()["adopt"] == 3
    assert [operation.fields for operation in made.operations] == [(), (), ()]
    again = run(capsys, "export", tmp_path / "git", *access)
    assert (again.code, again.out) == (0, "")
    assert "nothing was made" in again.err


def test_an_export_never_overwrites(capsys: Capture, api: Api, tmp_path: Path) -> None:
    (tmp_path / "git/policies").mkdir(parents=True)
    (tmp_path / "git/policies/laptops.yaml").write_text("mine")
    access = ("--server", api.address, "--token", api.controller.tokens["viewer"])
    ran = run(capsys, "export", tmp_path / "git", *access)
    assert ran.code == 3
    assert "laptops.yaml" in ran.err
    assert not (tmp_path / "git/exceptions").exists()
