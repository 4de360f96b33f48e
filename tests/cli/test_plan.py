from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import Ran, run
from tests.reconcile.repository import Repository, base, catalog, exception, policy
from tests.reconcile.rig import Rig

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "repository")
    repository.commit(base())
    return repository


def plan(capsys: Capture, repository: Repository, *more: str) -> Ran:
    return run(capsys, "plan", "--repo", repository.path, *more)


def test_no_change_is_zero(capsys: Capture, repository: Repository) -> None:
    ran = plan(capsys, repository)
    assert ran.code == 0
    assert "no changes" in ran.out


def test_uncommitted_changes_are_shown_with_places_fields_and_effects(
    capsys: Capture, repository: Repository
) -> None:
    repository.write(
        {
            "policies/laptops.yaml": policy(passing_score_threshold=60),
            "exceptions/new.yaml": exception("two"),
            "checks/base.yaml": catalog("one", "two"),
        }
    )
    ran = plan(capsys, repository)
    assert ran.code == 1
    assert "~ change policy/laptops  policies/laptops.yaml:1  [weakens]" in ran.out
    assert "passing_score_threshold: 80 -> 60" in ran.out
    assert "+ add exception/new  exceptions/new.yaml:1  [weakens]" in ran.out
    assert "- delete check/three" in ran.out
    assert "1 to add, 1 to change, 1 to delete" in ran.out


def test_two_revisions_are_compared_as_json(capsys: Capture, repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "change")
    repository.commit({"policies/laptops.yaml": None, "policies/portable.yaml": policy()})
    ran = plan(capsys, repository, "--base", "main", "--head", "change", "--format", "json")
    body = json.loads(ran.out)
    assert ran.code == 1
    assert body["counts"] == {"add": 1, "change": 0, "move": 0, "adopt": 0, "delete": 1}
    assert body["impact"] is None
    hints = {each["id"]: each["hint"] for each in body["operations"]}
    assert "policies/portable.yaml" in hints["laptops"]


def test_what_would_be_held_is_said(capsys: Capture, repository: Repository) -> None:
    repository.commit({"policies/laptops.yaml": policy(protect=True)})
    repository.write({"policies/laptops.yaml": None, "policies/other.yaml": policy("Other")})
    ran = plan(capsys, repository)
    assert "PruneBlocked" in ran.out
    assert "Gitward-Allow-Delete: 1" in ran.out


def test_markdown_shows_what_documents_say_as_text_alone(
    capsys: Capture, repository: Repository
) -> None:
    repository.write(
        {
            "policies/laptops.yaml": policy('"`x` | @everyone <b>"'),
            "checks/base.yaml": catalog("one", "two"),
        }
    )
    ran = plan(capsys, repository, "--format", "markdown")
    assert ran.code == 1
    assert "- delete `check/three` at `checks/base.yaml:22` (weakens)" in ran.out
    (changed,) = [line for line in ran.out.splitlines() if "everyone" in line]
    assert changed.endswith('to ``"`x` ¦ @everyone <b>"``')


def test_a_head_with_problems_is_refused_by_place(capsys: Capture, repository: Repository) -> None:
    repository.write({"policies/laptops.yaml": "name: X\ncis_level: level_9\ntarget_os: linux\n"})
    ran = plan(capsys, repository)
    assert ran.code == 3
    assert "policies/laptops.yaml:2" in ran.err
    assert ran.out == ""


def test_a_base_with_problems_is_not_taken_for_an_empty_one(
    capsys: Capture, repository: Repository
) -> None:
    repository.commit({"policies/laptops.yaml": "name: [\n"})
    repository.write({"policies/laptops.yaml": policy()})
    ran = plan(capsys, repository)
    assert ran.code == 3
    assert "last good" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--base", "nowhere"), 3), (("--format", "xml"), 2), (("--path", "nowhere"), 3)],
)
def test_what_cannot_be_done_has_its_exit_code(
    capsys: Capture, repository: Repository, arguments: tuple[str, ...], code: int
) -> None:
    ran = plan(capsys, repository, *arguments)
    assert ran.code == code
    assert ran.err
    assert "Traceback" not in ran.err


def test_a_folder_that_declares_nothing_on_either_side_is_not_called_unchanged(
    capsys: Capture, repository: Repository
) -> None:
    ran = plan(capsys, repository, "--path", "policies")
    assert (ran.code, ran.out) == (3, "")
    assert "GW601" in ran.err
    assert "set the path" in ran.err


def test_a_repository_without_a_commit_says_what_to_do(capsys: Capture, tmp_path: Path) -> None:
    empty = Repository(tmp_path / "empty")
    for head in (".", "HEAD"):
        ran = run(capsys, "plan", "--repo", empty.path, "--head", head)
        assert (ran.code, ran.out) == (3, "")
        assert "has no commit yet" in ran.err
        assert "commit first" in ran.err


def test_a_changed_setting_that_demands_less_is_marked(
    capsys: Capture, repository: Repository
) -> None:
    repository.write({"gitward.yaml": "exceptions: {max_days: 900}\n"})
    assert "~ settings  gitward.yaml  [weakens]" in plan(capsys, repository).out


def test_a_submodule_is_refused_by_validate_and_plan_alike(
    capsys: Capture, repository: Repository
) -> None:
    inner = Repository(repository.path / "policies/shared")
    inner.commit({"more.yaml": policy("More")})
    for head in (".", "HEAD"):
        ran = plan(capsys, repository, "--base", "HEAD", "--head", head)
        assert (ran.code, ran.out) == (3, "")
        assert "policies/shared: is a submodule, which is never followed" in ran.err
        repository.commit({})
    validated = run(capsys, "validate", repository.path)
    assert validated.code == 1
    assert "policies/shared: GW122 is a submodule, which is never followed" in validated.out
    assert "More" not in validated.out


def test_a_bare_repository_has_no_files_as_they_are(
    capsys: Capture, repository: Repository
) -> None:
    bare = repository.path.parent / "bare.git"
    repository.git("clone", "--quiet", "--bare", ".", str(bare))
    ran = run(capsys, "plan", "--repo", bare)
    assert (ran.code, ran.out) == (3, "")
    assert "is a bare repository" in ran.err
    assert run(capsys, "plan", "--repo", bare, "--head", "main").code == 0


def test_a_shallow_clone_without_the_base_is_told_to_fetch_more(
    capsys: Capture, repository: Repository
) -> None:
    repository.git("checkout", "--quiet", "-b", "change")
    repository.commit({"exceptions/new.yaml": exception("two")})
    shallow = repository.path.parent / "shallow"
    origin = f"file://{repository.path}"
    repository.git("clone", "--quiet", "--depth", "1", "-b", "change", origin, str(shallow))
    ran = run(capsys, "plan", "--repo", shallow, "--base", "origin/main", "--head", "HEAD")
    assert (ran.code, ran.out) == (3, "")
    assert "fetch-depth: 0" in ran.err
    assert ran.err.count("\n") == 1


def test_a_detached_head_is_planned_against_a_remote_branch(
    capsys: Capture, repository: Repository
) -> None:
    clone = repository.path.parent / "a clone, ü"
    repository.git("clone", "--quiet", str(repository.path), str(clone))
    copy = Repository(clone)
    copy.commit({"exceptions/new.yaml": exception("two")})
    copy.git("checkout", "--quiet", "--detach")
    ran = run(capsys, "plan", "--repo", clone, "--base", "origin/main", "--head", "HEAD")
    assert ran.code == 1
    assert "+ add exception/new" in ran.out


@pytest.mark.parametrize("name", ["policies/link.yaml", "exceptions/folder"])
def test_a_link_is_refused_by_its_place(capsys: Capture, repository: Repository, name: str) -> None:
    (repository.path / "exceptions").mkdir(exist_ok=True)
    (repository.path / name).symlink_to("/etc")
    for head in (".", "HEAD"):
        ran = plan(capsys, repository, "--base", "HEAD", "--head", head)
        assert (ran.code, ran.out) == (3, "")
        assert f"{name}: is a symbolic link" in ran.err
        repository.commit({})


def test_outside_a_repository_it_says_so(capsys: Capture, tmp_path: Path) -> None:
    ran = run(capsys, "plan", "--repo", tmp_path)
    assert ran.code == 3
    assert "not in a git repository" in ran.err


def test_the_reviewed_digest_is_the_one_that_is_applied(capsys: Capture, tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.commit(base())
    rig.reconcile()
    rig.commit({"policies/laptops.yaml": policy("Portable"), "exceptions/old-app.yaml": None})
    ran = run(
        capsys, "plan", "--repo", rig.repository.path, "--base", "HEAD~1", "--head", "HEAD",
        "--format", "json",
    )  # fmt: skip
    rig.reconcile()
    with rig.store.read() as reading:
        applied = reading.revisions(1, 1).items[0]
    assert json.loads(ran.out)["digest"] == applied.plan_digest
    rig.close()


def test_control_characters_in_documents_do_not_reach_the_terminal(
    capsys: Capture, repository: Repository
) -> None:
    repository.write({"policies/laptops.yaml": policy('"a\\u001b[31mb"')})
    ran = plan(capsys, repository)
    assert "\x1b" not in ran.out + ran.err
