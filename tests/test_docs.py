"""What the documentation says is held against the program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.cli.main import COMMANDS
from controller.model import documents
from tests.reconcile.repository import Repository

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

CATALOG = """\
catalog: ssh
title: SSH servers
checks:
  - id: ssh-root-login
    title: SSH does not let root log in
    category: remote_access
    severity: high
    cis_level: level_1
    platforms: [linux]
    description: Root must not log in over the network.
    query: SELECT 1 FROM file WHERE path = '/etc/ssh/sshd_config'
    comparison_operator: exists
"""
POLICY = "name: Servers\ncis_level: level_1\ntarget_os: linux\npassing_score_treshold: 80\n"


def session() -> list[tuple[str, str]]:
    """The README's commands with what they are said to print."""
    text = re.search(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert text is not None
    parts = re.split(r"^\$ (.*)\n", text.group(1), flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_the_readme_session_prints_what_the_readme_says(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repo")
    repository.commit({"checks/ssh.yaml": CATALOG, "policies/servers.yaml": POLICY})
    program = tmp_path / "bin" / "gitward"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m controller "$@"\n')
    program.chmod(0o755)
    people = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        **dict.fromkeys(people, "ada@example.com"),
    }
    for command, said in session():
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=repository.path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", done.stdout)
        printed = re.sub(r"(?<=sha1:)[0-9a-f]{40}", "COMMIT", printed)
        printed = re.sub(r"(?<=worktree@)[0-9a-f]{40}", "DIGEST", printed)
        assert printed == said, f"{command}\n{done.stderr}"


def mentioned_commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for found in re.finditer(
            r"`gitward ([a-z-]+)|^\$? ?gitward ([a-z-]+)", page.read_text(), re.M
        ):
            yield page.name, found.group(1) or found.group(2)


def test_every_command_that_a_page_names_exists() -> None:
    unknown = {(page, name) for page, name in mentioned_commands() if name not in COMMANDS}

    assert unknown == set()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "controller", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )

    assert COMMANDS[command][1].split(",")[0] in " ".join(done.stdout.split())


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if not target.startswith(("http:", "https:", "mailto:")):
                yield page, target


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = [
        (page.name, target) for page, target in links() if not (page.parent / target).exists()
    ]

    assert broken == []


def programs() -> Iterator[tuple[str, str]]:
    for program in sorted((ROOT / "controller").rglob("*.py")):
        yield program.relative_to(ROOT).as_posix(), program.read_text()


def stands_for_a_page(name: str) -> bool:
    """A path from the top of the repository, or the end of the path of one page below docs/."""
    end = "/" + re.sub(r"^(\.{1,2}/)+", "", name)
    return (ROOT / name).is_file() or sum(f"/{page}".endswith(end) for page in BELOW) == 1


BELOW = [page.relative_to(ROOT).as_posix() for page in ROOT.glob("docs/**/*.md")]
WRITES_PAGES = {"controller/cli/commands/init.py"}
"""It names files of the repository that it makes."""


def test_every_page_that_a_program_names_exists() -> None:
    wrong = {
        (program, name)
        for program, text in programs()
        if program not in WRITES_PAGES
        for name in re.findall(r"[A-Za-z0-9_./-]*[A-Za-z0-9_-]\.md\b", text)
        if not stands_for_a_page(name)
    }

    assert wrong == set()


def test_no_program_names_a_path_of_the_machine_it_was_written_on() -> None:
    foreign = re.compile(r"/work/(?!agent\b)|\bshared/")

    assert {(program, *foreign.findall(text)) for program, text in programs()} == {
        (program,) for program, _ in programs()
    }


def test_no_file_holds_both_sides_of_a_merge() -> None:
    both = re.compile(rb"^(<{7}|>{7}) ", re.MULTILINE)
    folders = ("controller", "tests", "checks", "policies", "exceptions")
    kinds = ("py", "yaml", "html", "css", "js")
    written = [
        each for name in folders for kind in kinds for each in ROOT.glob(f"{name}/**/*.{kind}")
    ]
    assert [each for each in (*PAGES, *written) if both.search(each.read_bytes())] == []


def test_the_page_of_documents_has_every_field() -> None:
    page = (ROOT / "docs/reference/documents.md").read_text()
    models: list[type[documents.Document]] = [
        documents.Policy,
        documents.Catalog,
        documents.Check,
        documents.Remediation,
        documents.Waiver,
        documents.RepositorySettings,
        documents.ExceptionSettings,
        documents.PruneSettings,
    ]
    nested = {"exceptions", "prune"}
    fields = {field for model in models for field in model.model_fields} - nested

    assert {field for field in fields if not re.search(rf"[`.]{field}`", page)} == set()


def test_the_page_for_operators_has_every_variable_without_an_option() -> None:
    page = (ROOT / "docs/operations/running.md").read_text()
    quoted = {
        name for _, text in programs() for name in re.findall(r'"(GITWARD_[A-Z_]+[A-Z])"', text)
    }
    for_tests_alone = {"GITWARD_FAIL_AT"}

    assert {name for name in quoted - for_tests_alone if f"`{name}`" not in page} == set()


@pytest.mark.parametrize(
    "unit", sorted(ROOT.glob("docs/operations/*.service")), ids=lambda p: p.name
)
def test_units_call_the_program_with_options_that_it_has(unit: Path) -> None:
    (call,) = re.findall(r"^ExecStart=\S+/gitward (.*)$", unit.read_text(), re.M)
    command, *words = call.split()
    done = subprocess.run(
        [sys.executable, "-m", "controller", command, "--help"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    variables = re.findall(r"^Environment=(\w+)=", unit.read_text(), re.M)

    for word in (*(each for each in words if each.startswith("--")), *variables):
        assert word in done.stdout


def test_the_index_of_decisions_lists_each_of_them() -> None:
    folder = ROOT / "docs/adr"
    listed = re.findall(r"^\| \[\d{4}\]\(([^)]+)\)", (folder / "README.md").read_text(), re.M)

    assert listed == sorted(page.name for page in folder.glob("[0-9]*.md"))


def test_every_package_that_is_depended_on_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["agent"]
    names = {re.split(r"[<>=;\[ ]", each)[0].lower() for each in wanted}
    reasons = (ROOT / "docs/dependencies.md").read_text().lower()

    assert {name for name in names if name not in reasons} == set()


def test_lock_files_carry_hashes_and_no_address() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / lock).read_text()
        pins = re.findall(r"^[a-z0-9][^\s=]*==\S+", text, re.M)

        assert "://" not in text
        assert len(pins) <= text.count("--hash=sha256:")
        assert pins
