from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from controller.cli.commands.explain import explain_code
from controller.cli.commands.schema import KINDS, schema
from controller.config.codes import CODES
from controller.config.load import is_document
from tests.config.repository import repository, varied

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    for file in repository(varied("exception", "tag: lab\nscope: tag")):
        (tmp_path / file.path).parent.mkdir(exist_ok=True)
        (tmp_path / file.path).write_bytes(file.content)
    return tmp_path


def gitward(*arguments: object, code: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "controller", *map(str, arguments)],
        check=False, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def test_a_valid_repository_is_fine_and_warnings_count_only_when_strict(folder):
    out, err = gitward("validate", folder, "--as-of", "2026-07-01")

    assert "GW501" in out
    assert "(warning)" in out
    assert "0 errors, 1 warning" in err
    gitward("validate", folder, "--as-of", "2026-07-01", "--strict", code=1)


def test_every_problem_is_told_with_its_place_in_order(folder):
    (folder / "policies/office.yaml").write_text(
        "name: Office\nenabeld: true\ncis_level: level_3\n"
    )
    (folder / "policies/broken.yaml").write_text("name: [\n")

    out, _ = gitward("validate", folder, "--as-of", "2026-07-01", code=1)

    lines = out.splitlines()
    assert (
        'policies/office.yaml:2:1: GW201 enabeld: unknown field; did you mean "enabled"?' in lines
    )
    assert [line.split(" ")[1] for line in lines if "policies/" in line] == [
        "GW105", "GW202", "GW201", "GW204",
    ]  # fmt: skip


def test_json_carries_the_same(folder):
    (folder / "policies/office.yaml").write_text("name: Office\n")

    out, _ = gitward("validate", folder, "--format", "json", "--as-of", "2026-07-01", code=1)

    told = json.loads(out)
    assert (told["valid"], told["files"], told["documents"]) == (False, 4, 4)
    assert {p["field"] for p in told["problems"]} >= {"cis_level", "target_os"}


@pytest.mark.parametrize(
    ("as_of", "code", "found"),
    [("2026-12-30", 0, ""), ("2026-12-31", 0, "GW404"), ("2027-01-30", 1, "GW405")],
)
def test_the_time_can_be_given(folder, as_of, code, found):
    assert found in gitward("validate", folder, "--as-of", as_of, code=code)[0]


def test_nothing_to_validate_is_a_problem_and_said(tmp_path):
    assert "no documents found" in gitward("validate", tmp_path, code=1)[1]
    gitward("validate", tmp_path / "nowhere", code=2)
    gitward("validate", tmp_path, "--as-of", "yesterday", code=2)


def test_links_and_special_files_are_named_and_never_read(folder):
    secret = folder / "canary"
    secret.write_text("canary-text: 1\n")
    (folder / "policies/link.yaml").symlink_to(secret)
    (folder / "exceptions/away").symlink_to("/etc", target_is_directory=True)
    (folder / "checks/loop").symlink_to(folder / "checks", target_is_directory=True)
    os.mkfifo(folder / "policies/pipe.yaml")

    out, err = gitward("validate", folder, "--as-of", "2026-07-01", code=1)

    assert out.count("GW118") == 4
    assert "canary-text" not in out + err


def test_a_folder_that_is_a_link_is_named(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (folder / "policies").rename(other / "policies")
    (folder / "policies").symlink_to(other / "policies", target_is_directory=True)

    assert "policies: GW118" in gitward("validate", folder, code=1)[0]


def test_validate_loads_no_web_git_or_database_library(folder):
    script = (
        "import sys; from controller.cli.main import main; main(['validate', sys.argv[1]]);"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )

    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "yaml" in loaded
    assert not loaded & {
        "fastapi", "starlette", "git", "sqlite_utils", "pysqlite3", "psycopg", "uvicorn", "httpx",
        "structlog", "rich", "jinja2", "cronsim", "asyncio",
    }  # fmt: skip


def test_explain_tells_every_code():
    for code in CODES:
        assert code in (explain_code(code) or "")
    assert "GW201" in gitward("explain", "gw201")[0]
    assert "no such problem code" in gitward("explain", "GW999", code=1)[1]


def test_explain_lists_codes_that_begin_alike():
    listed = gitward("explain", "GW4")[0]
    assert "GW401  no end" in listed
    assert "GW201" not in listed
    everything = gitward("explain", "gw")[0]
    assert all(f"{code}  " in everything for code in CODES)
    assert "no such problem code" in gitward("explain", "GW9", code=1)[1]


def test_explain_tells_a_check_with_its_policies(folder):
    out, _ = gitward("explain", "linux-firewall-on", folder)

    assert "checks/base.yaml:4" in out
    assert "Baseline (baseline, policies/baseline.yaml:1)" in out
    assert "SELECT active_state" in out
    assert "state = 'active'" in out
    assert (
        'did you mean "linux-firewall-on"'
        in gitward("explain", "linux-firewal-on", folder, code=1)[1]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_takes_what_the_program_takes(kind, tmp_path, folder):
    (tmp_path / "schema.json").write_text(json.dumps(schema(kind)))
    (folder / "gitward.yaml").write_text("exceptions: {max_days: 30}\n")
    file = {"policy": "policies/baseline.yaml", "catalog": "checks/base.yaml",
            "exception": "exceptions/example.yaml", "settings": "gitward.yaml"}[kind]  # fmt: skip

    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--schemafile", tmp_path / "schema.json", folder / file],
        check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert json.loads(gitward("schema", kind)[0]) == schema(kind)


def test_the_pre_commit_hook_runs_for_exactly_the_files_that_are_read():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    paths = [
        "policies/a.yaml", "checks/linux/a.yml", "exceptions/a/b/c.yaml", "gitward.yaml",
        "docs/a.yaml", "policies/a.json", "x/policies/a.yaml", "x/gitward.yaml", "policies.yaml",
    ]  # fmt: skip

    assert (hook["id"], hook["entry"]) == ("gitward-validate", "gitward validate")
    assert [p for p in paths if re.search(hook["files"], p)] == [p for p in paths if is_document(p)]
