"""The built-in catalogs travel in the wheel: an installed copy seeds an empty controller."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.content.documents import ROOT, checks
from tests.integration.served import ENVIRONMENT, Served
from tests.reconcile.repository import Repository

OURS = "linux-ssh-root-login"
"""Declared in git as well as built in."""
FILES = {
    "policies/own.yaml": "name: Own\ncis_level: level_1\ntarget_os: linux\n",
    "checks/own.yaml": f"""\
catalog: own
title: Our own
checks:
  - id: {OURS}
    title: Our own words
    category: remote_access
    severity: low
    cis_level: level_1
    platforms: [linux]
    description: Made by us, and not by the program.
    query: SELECT username FROM users
    comparison_operator: exists
""",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``gitward`` of a fresh environment that holds the wheel; what it needs is borrowed."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("controller", "checks", "policies", "exceptions"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source)
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv/bin/python"
    (wheel,) = folder.glob("gitward-*.whl")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel)
    (places,) = (folder / "venv/lib").glob("python3*/site-packages")
    (places / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv/bin/gitward"


def run(*command: object, folder: Path | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        env=ENVIRONMENT,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def served(installed: Path, tmp_path: Path) -> Iterator[Served]:
    repository = Repository(tmp_path / "repository")
    repository.commit(FILES, "One policy")
    found = Served(repository.path, tmp_path / "data", program=(str(installed),))
    try:
        found.until_applied(found.client(), repository.head)
        yield found
    finally:
        found.close()


def test_the_program_that_runs_is_the_installed_one(installed: Path, tmp_path: Path) -> None:
    python = installed.parent / "python"
    found = run(python, "-c", "import controller; print(controller.__file__)", folder=tmp_path)

    assert Path(found.strip()).is_relative_to(installed.parents[1])
    assert os.fspath(ROOT) not in found


def test_seeding_imports_every_check_once_and_leaves_those_of_git_alone(served: Served) -> None:
    admin = served.client("manager")
    before = admin.get(f"/compliance/checks/{OURS}").json()
    selected = admin.get("/compliance/policies/own").json()

    first = admin.post("/compliance/checks/seed").json()
    second = admin.post("/compliance/checks/seed").json()

    others = len(checks()) - 1
    assert first == {"created": others, "updated": 0, "unchanged": 0, "git_managed": [OURS]}
    assert second == {"created": 0, "updated": 0, "unchanged": others, "git_managed": [OURS]}
    assert admin.get(f"/compliance/checks/{OURS}").json() == before
    assert before["title"] == "Our own words"
    assert admin.get("/compliance/policies/own").json() == selected
    assert admin.get("/compliance/checks").json()["total"] == len(checks())


def test_a_seeded_check_is_the_one_in_the_catalog(served: Served) -> None:
    admin = served.client("manager")
    admin.post("/compliance/checks/seed")

    shown = admin.get("/compliance/checks/linux-ssh-forwarding").json()

    text = (ROOT / "checks/linux/remote-access.yaml").read_text()
    written = next(c for c in yaml.safe_load(text)["checks"] if c["id"] == "linux-ssh-forwarding")
    for field in ("title", "description", "impact", "severity", "query", "expected_result"):
        assert shown[field] == written[field], field
    assert shown["managed_by"] == "builtin"


def test_the_installed_program_explains_a_built_in_check_anywhere(
    installed: Path, tmp_path: Path
) -> None:
    assert "PermitRootLogin" in run(installed, "explain", OURS, folder=tmp_path)
