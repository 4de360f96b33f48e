from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from controller.config.load import SourceFile, load
from tests.builders import NOW
from tests.cli.runner import run

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def made(capsys: Capture, tmp_path: Path) -> Path:
    folder = tmp_path / "new"
    assert run(capsys, "init", folder).code == 0
    return folder


def test_a_new_repository_passes_strict_validation_at_once(capsys: Capture, made: Path) -> None:
    ran = run(capsys, "validate", "--strict", made)
    assert (ran.code, ran.out) == (0, "")
    assert "3 documents" not in ran.err


def test_what_to_type_next_can_be_typed_for_any_folder(capsys: Capture, tmp_path: Path) -> None:
    ran = run(capsys, "init", tmp_path / "new ü; rm")
    assert f"next: cd '{tmp_path}/new ü; rm' && git init --initial-branch=main" in ran.err


def test_the_hook_runs_for_the_documents_that_are_read(made: Path) -> None:
    (repo,) = yaml.safe_load((made / ".pre-commit-config.yaml").read_text())["repos"]
    (hook,) = repo["hooks"]
    offered = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[0]
    assert (hook["id"], hook["entry"], hook["files"]) == (
        offered["id"],
        offered["entry"],
        offered["files"],
    )


def test_every_command_that_its_texts_name_can_be_typed(capsys: Capture, made: Path) -> None:
    texts = "\n".join(each.read_text() for each in made.rglob("*.md"))
    texts += (made / "gitward.yaml").read_text()
    named = set(re.findall(r"gitward ((?:explain|schema) \w+)", texts))
    assert named >= {"explain GW4", "schema policy", "schema settings"}
    for command in named:
        ran = run(capsys, *command.split())
        assert (ran.code, ran.err) == (0, ""), command


def test_the_example_exception_of_its_readme_is_valid(made: Path) -> None:
    text = (made / "exceptions/README.md").read_text()
    example = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert example is not None
    files = [SourceFile("exceptions/printer-lab.yaml", example[1].encode())] + [
        SourceFile(str(each.relative_to(made)), each.read_bytes())
        for each in [*made.glob("policies/*.yaml"), *made.glob("checks/*.yaml")]
    ]
    assert load(files, as_of=NOW).problems == ()


def test_what_is_there_is_never_overwritten_and_nothing_is_half_written(
    capsys: Capture, tmp_path: Path
) -> None:
    (tmp_path / "policies").mkdir()
    mine = tmp_path / "policies/linux-servers.yaml"
    mine.write_text("mine")
    ran = run(capsys, "init", tmp_path)
    assert ran.code == 3
    assert "policies/linux-servers.yaml" in ran.err
    assert mine.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == ["policies"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--hooks-repo", "https://example.com/x"),
        ("--hooks-repo", "x\n- repo: y", "--hooks-rev", "v1"),
        ("--hooks-repo", "--upload-pack", "--hooks-rev", "v1"),
    ],
)
def test_a_hook_repository_needs_a_plain_address_and_a_revision(
    capsys: Capture, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ran = run(capsys, "init", tmp_path / "new", *arguments)
    assert ran.code == 2
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-workflows", ".github/workflows/gitward.yml"),
        ("vendor.gitlab-ci", ".gitlab-ci.yml"),
        ("vendor.github-actions", ROOT / "action.yml"),
    ],
)
def test_workflows_fit_the_schema_of_their_host(made: Path, schema: str, file: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(made / file)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", [".github/workflows/gitward.yml", ROOT / "action.yml"])
def test_nothing_of_a_pull_request_is_put_into_a_script(made: Path, file: str | Path) -> None:
    text = (made / file).read_text()
    body = yaml.safe_load(text)
    steps = body["runs"]["steps"] if "runs" in body else body["jobs"]["review"]["steps"]
    assert not [step["run"] for step in steps if "${{" in step.get("run", "")]
    assert "pull_request_target" not in text
