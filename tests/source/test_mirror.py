from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from controller.errors import (
    AccessDeniedError,
    FetchFailedError,
    RevisionNotFoundError,
    SourceRefusedError,
    TreeRefusedError,
)
from controller.source.git import require_git
from controller.source.limits import Limits
from controller.source.mirror_folder import CONFIG
from tests.require import require
from tests.source.conftest import pull

POLICY = "name: a policy\n"


def test_documents_below_the_root_are_listed_and_read(repo, source_of):
    sha = repo.commit(
        {"policies/a.yaml": POLICY, "policies/deep/b.yml": "b", "README.md": "x"}, "Add a"
    )
    source = source_of(str(repo.top))

    snapshot = source.snapshot(pull(source))

    assert snapshot.sha == sha
    assert snapshot.revision == f"main@sha1:{sha}"
    assert [(file.path, file.size) for file in snapshot.files] == [
        ("policies/a.yaml", len(POLICY)),
        ("policies/deep/b.yml", 1),
    ]
    assert set(source.read(snapshot.files).values()) == {POLICY.encode(), b"b"}


def test_a_commit_carries_its_author_subject_time_and_trailers(repo, source_of):
    repo.commit(
        {"policies/a.yaml": POLICY},
        "Drop it\n\nBecause.\n\nGitward-Allow-Delete: 3\nReviewed-by: Bo <b@x>",
    )
    source = source_of(str(repo.top))

    commit = source.snapshot(pull(source)).commit

    assert (commit.author, commit.email, commit.subject) == (
        "Rita Reviewer", "rita@example.com", "Drop it",
    )  # fmt: skip
    assert commit.trailers == (("Gitward-Allow-Delete", "3"), ("Reviewed-by", "Bo <b@x>"))
    assert commit.committed_at.utcoffset() is not None


def test_the_root_may_be_a_folder_of_the_repository(repo, source_of):
    repo.commit({"security/policies/a.yaml": POLICY, "policies/b.yaml": POLICY})
    source = source_of(str(repo.top), path="security")

    snapshot = source.snapshot(pull(source))

    assert [file.path for file in snapshot.files] == ["policies/a.yaml"]


@pytest.mark.parametrize("path", ["missing", "policies/a.yaml", "a tree"])
def test_a_missing_root_is_an_error_and_not_an_empty_listing(repo, source_of, path):
    repo.commit({"policies/a.yaml": POLICY})
    source = source_of(str(repo.top), path=path)
    sha = pull(source)

    with pytest.raises(TreeRefusedError, match="no folder"):
        source.snapshot(sha)


def test_the_remotes_own_branch_is_followed_when_none_is_named(repo, source_of):
    repo.git("checkout", "--quiet", "-b", "trunk")
    sha = repo.commit({"policies/a.yaml": POLICY})
    source = source_of(str(repo.top), ref="HEAD")

    assert source.snapshot(pull(source)).revision == f"trunk@sha1:{sha}"


def test_an_annotated_tag_means_its_commit(repo, source_of):
    sha = repo.commit({"policies/a.yaml": POLICY})
    repo.git("tag", "--annotate", "--message", "one", "v1")
    source = source_of(str(repo.top), ref="refs/tags/v1")

    assert source.snapshot(pull(source)).revision == f"v1@sha1:{sha}"


def test_a_ref_is_not_taken_for_a_longer_one_with_the_same_end(repo, source_of):
    repo.commit({"policies/a.yaml": POLICY})
    repo.git("branch", "x/refs/heads/wanted")
    source = source_of(str(repo.top), ref="wanted")

    with pytest.raises(RevisionNotFoundError, match="refs/heads/wanted"):
        source.head()


def test_an_empty_repository_and_a_deleted_branch_have_no_head(repo, source_of):
    source = source_of(str(repo.top))
    with pytest.raises(RevisionNotFoundError):
        source.head()
    repo.commit({"policies/a.yaml": POLICY})
    pull(source)
    repo.git("checkout", "--quiet", "-b", "other")
    repo.git("branch", "--delete", "--force", "main")

    with pytest.raises(RevisionNotFoundError):
        source.head()


def test_a_folder_that_is_no_repository_is_denied_and_a_file_refused(tmp_path, source_of):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")

    with pytest.raises(AccessDeniedError, match=r"not a git repository|does not appear"):
        source_of(str(tmp_path / "empty")).head()
    with pytest.raises(SourceRefusedError, match="is a file"):
        source_of(str(tmp_path / "file"), name="file").head()


def test_history_between_two_revisions_is_newest_first(repo, source_of):
    old = repo.commit({"policies/a.yaml": "1"}, "one")
    repo.commit({"policies/a.yaml": "2"}, "two")
    new = repo.commit({"policies/b.yaml": "3", "README.md": "x"}, "three")
    source = source_of(str(repo.top), limits=Limits(commits=2))
    pull(source)

    assert [c.subject for c in source.commits(old, new)] == ["three", "two"]
    assert [c.subject for c in source.commits(None, new)] == ["three", "two"]
    assert source.changed_paths(old, new) == ("README.md", "policies/a.yaml", "policies/b.yaml")
    assert source.is_ancestor(old, new)
    assert not source.is_ancestor(new, old)


def test_a_folder_that_was_not_there_before_has_changed_as_a_whole(repo, source_of):
    old = repo.commit({"README.md": "x"})
    new = repo.commit({"security/policies/a.yaml": "1", "README.md": "y"})
    source = source_of(str(repo.top), path="security")
    pull(source)

    assert source.changed_paths(old, new) == ("policies/a.yaml",)
    assert source.changed_paths(new, old) == ("policies/a.yaml",)


@pytest.mark.parametrize("unrelated", [False, True])
def test_a_rewritten_branch_is_fetched_and_is_no_descendant(repo, source_of, unrelated):
    base = repo.commit({"policies/a.yaml": "1"})
    old = repo.commit({"policies/a.yaml": "2"})
    source = source_of(str(repo.top))
    pull(source)
    if unrelated:
        repo.git("checkout", "--quiet", "--orphan", "fresh")
    else:
        repo.git("reset", "--quiet", "--hard", base)
    new = repo.commit({"policies/a.yaml": "3"})
    repo.git("branch", "--force", "main", new) if unrelated else None

    assert pull(source) == new
    assert not source.is_ancestor(old, new)
    assert source.is_ancestor(base, new) is not unrelated


def test_a_commit_that_is_nowhere_is_in_no_history_and_cannot_be_listed(repo, source_of):
    repo.commit({"policies/a.yaml": "1"})
    source = source_of(str(repo.top))
    sha = pull(source)

    assert not source.is_ancestor("1" * 40, sha)
    with pytest.raises(RevisionNotFoundError):
        source.snapshot("1" * 40)
    with pytest.raises(FetchFailedError, match="moved away"):
        source.fetch("1" * 40)


def test_an_emptied_repository_lists_nothing_rather_than_failing(repo, source_of):
    repo.commit({"policies/a.yaml": "1"})
    source = source_of(str(repo.top))
    source.snapshot(pull(source))
    repo.commit({"policies/a.yaml": None})

    assert source.snapshot(pull(source)).files == ()


def test_the_last_change_of_each_file_is_found_in_one_walk(repo, source_of):
    repo.commit({"policies/a.yaml": "1", "policies/b.yaml": "1", "policies/ü.yaml": "1"}, "all")
    repo.commit({"policies/b.yaml": "2"}, "b again")
    repo.git("checkout", "--quiet", "-b", "side", "HEAD~1")
    repo.commit({"policies/a.yaml": "2"}, "a on the side")
    repo.git("checkout", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-ff", "--message", "merge", "side")
    source = source_of(str(repo.top))
    sha = pull(source)

    found = source.last_change(
        sha, ["policies/a.yaml", "policies/b.yaml", "policies/ü.yaml", "policies/no.yaml"]
    )

    assert {path: commit.subject for path, commit in found.items()} == {
        "policies/a.yaml": "a on the side", "policies/b.yaml": "b again", "policies/ü.yaml": "all",
    }  # fmt: skip
    assert source.last_change(sha, []) == {}


def test_the_walk_for_last_changes_is_bounded(repo, source_of):
    repo.commit({"policies/a.yaml": "1"}, "first")
    repo.commit({"policies/b.yaml": "1"}, "second")
    source = source_of(str(repo.top), limits=Limits(walk_commits=1))

    found = source.last_change(pull(source), ["policies/a.yaml", "policies/b.yaml"])

    assert set(found) == {"policies/b.yaml"}


def test_a_file_cannot_pass_for_a_commit_in_the_walk(repo, source_of):
    repo.commit({"policies/\x02" + "a" * 40: "x", "policies/z.yaml": "1"}, "real")
    source = source_of(str(repo.top))

    found = source.last_change(pull(source), ["policies/z.yaml"])

    assert found["policies/z.yaml"].subject == "real"


def test_two_thousand_blobs_come_through_one_process(repo, source_of, tmp_path):
    big = {f"policies/p{n}.yaml": f"name: {n}\n" + "x" * (n * 7 % 5000) for n in range(2000)}
    repo.commit(dict(big))
    log, environment = logged_git(tmp_path)
    source = source_of(str(repo.top), inherited=environment)
    snapshot = source.snapshot(pull(source))
    log.write_text("")

    contents = source.read(snapshot.files)

    assert {f.path: contents[f.blob].decode() for f in snapshot.files} == big
    assert [line.split()[-1] for line in log.read_text().splitlines()] == ["--buffer"]


def test_a_head_that_did_not_move_costs_one_process(repo, source_of, tmp_path):
    repo.commit({"policies/a.yaml": "1"})
    log, environment = logged_git(tmp_path)
    source = source_of(str(repo.top), inherited=environment)
    pull(source)
    log.write_text("")

    source.head()

    assert log.read_text().count("ls-remote") == len(log.read_text().splitlines()) == 1


def logged_git(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """The real git behind a script that notes how it was called."""
    log, folder = tmp_path / "log", tmp_path / "bin"
    folder.mkdir()
    script = folder / "git"
    real = shutil.which("git")
    script.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    script.chmod(0o755)
    return log, {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_listing_from_differences_equals_a_fresh_one(repo, tmp_path, source_of):
    chance = random.Random(7)
    repo.commit({f"policies/{n}.yaml": "x" for n in range(20)})
    source = source_of(str(repo.top))
    source.snapshot(pull(source))
    for step in range(8):
        present = sorted(p.name for p in (repo.top / "policies").glob("*.yaml"))
        edits: dict[str, str | bytes | None] = {
            f"policies/{name}": chance.choice([None, "y" * chance.randrange(50)])
            for name in chance.sample(present, 3)
        }
        edits[f"policies/sub/{step}.yaml"] = "z"
        edits[f"docs/{step}.md"] = "z"
        repo.commit(edits)

        changed = source.snapshot(pull(source))
        fresh = source_of(str(repo.top), name=f"fresh{step}")
        assert changed.files == fresh.snapshot(pull(fresh)).files


def test_only_the_one_ref_is_kept_and_the_configuration_is_the_template(repo, source_of, tmp_path):
    repo.commit({"policies/a.yaml": "1"})
    repo.git("branch", "evil/$(touch${IFS}canary)")
    repo.git("tag", "v1")
    source = source_of(str(repo.top))
    mirror = tmp_path / "data/mirrors/main/mirror.git"
    for n in range(3):
        repo.commit({"policies/a.yaml": str(n)})
        pull(source)

    listed = repo.git(f"--git-dir={mirror}", "for-each-ref", "--format=%(refname)")
    assert listed.split() == ["refs/gitward/main"]
    assert (mirror / "config").read_bytes() == CONFIG
    assert not list(tmp_path.rglob("canary*"))
    assert not list(mirror.rglob("FETCH_HEAD"))


def test_a_repository_of_another_user_can_be_read(repo, source_of):
    require("the right to give files away", os.geteuid() == 0)
    repo.commit({"policies/a.yaml": "1"})
    for place in (repo.top, *repo.top.rglob("*")):
        os.chown(place, 12345, 12345)
    source = source_of(str(repo.top))

    assert len(source.snapshot(pull(source)).files) == 1


def test_a_shallow_clone_a_linked_working_tree_and_a_bare_one_can_be_read(
    repo, source_of, tmp_path
):
    repo.commit({"policies/a.yaml": "1"})
    repo.commit({"policies/b.yaml": "1"})
    repo.git("clone", "--quiet", "--depth=1", f"file://{repo.top}", str(tmp_path / "shallow"))
    repo.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "linked")
    repo.git("clone", "--quiet", "--bare", str(repo.top), str(tmp_path / "bare"))
    for place, ref in (("shallow", "main"), ("linked", "HEAD"), ("bare", "main")):
        source = source_of(str(tmp_path / place), name=place, ref=ref)

        assert len(source.snapshot(pull(source)).files) == 2


def test_a_second_process_is_kept_off_the_mirror(repo, source_of):
    repo.commit({"policies/a.yaml": "1"})
    first, second = source_of(str(repo.top)), source_of(str(repo.top))
    first.head()

    with pytest.raises(FetchFailedError, match="in use"):
        second.head()
    first.close()
    assert second.head()


def test_a_closed_source_starts_nothing(repo, source_of, started):
    repo.commit({"policies/a.yaml": "1"})
    source = source_of(str(repo.top))
    pull(source)
    source.close()
    source.close()

    with pytest.raises(FetchFailedError, match="closed"):
        source.head()
    assert started() == []


def test_git_on_this_machine_is_new_enough():
    assert require_git().count(".") >= 1
