"""A source that follows a branch lists the same as one that sees each commit for the first time."""

from __future__ import annotations

import random

import pytest

from controller.errors import TreeRefusedError
from tests.source.conftest import pull
from tests.source.repo import Repo

PATHS = ["policies/a.yaml", "policies/deep/b.yaml", "checks/c.yaml", "README.md", "other/d.yaml"]


def edit(repo: Repo, chance: random.Random) -> None:
    files: dict[str, str | bytes | None] = {}
    for path in chance.sample(PATHS, chance.randint(0, 3)):
        gone = (repo.top / path).exists() and chance.random() < 0.3
        files[path] = None if gone else f"name: {chance.randint(0, 3)}\n"
    repo.commit(files, f"edit {sorted(files)}")


def merge(repo: Repo, chance: random.Random) -> None:
    repo.git("checkout", "--quiet", "-b", "side")
    edit(repo, chance)
    repo.git("checkout", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-ff", "--no-edit", "side")
    repo.git("branch", "--quiet", "-D", "side")


@pytest.mark.parametrize("root", ["", "policies"])
@pytest.mark.parametrize("seed", range(3))
def test_following_equals_looking_anew(repo, source_of, tmp_path, seed, root):
    chance = random.Random(seed)
    repo.commit({"policies/keep.yaml": "name: K\n", "policies/policies/in.yaml": "name: I\n"})
    following = source_of(str(repo.top), path=root)
    before = following.snapshot(pull(following))
    steps = 0
    for number in range(8):
        old = before.sha
        for _ in range(chance.randint(1, 3)):
            (merge if chance.random() < 0.15 else edit)(repo, chance)
        fresh = source_of(str(repo.top), path=root, data=tmp_path / f"fresh{number}")

        now = following.snapshot(pull(following))
        anew = fresh.snapshot(pull(fresh))

        assert (now.files, now.commit, now.revision) == (anew.files, anew.commit, anew.revision)
        assert following.read(now.files) == fresh.read(anew.files)
        paths = [file.path for file in now.files]
        assert following.last_change(now.sha, paths, old) == fresh.last_change(now.sha, paths, old)
        assert following.is_ancestor(old, now.sha)
        if now.step is not None:
            steps += 1
            differ = set(before.files) ^ set(now.files)
            assert now.step.since == old
            assert {file.path for file in differ} <= now.step.changed.keys()
        before = now
        fresh.close()
    assert steps


def test_a_merge_is_compared_as_a_whole(repo, source_of):
    repo.commit({"policies/a.yaml": "name: 1\n"})
    source = source_of(str(repo.top))
    source.snapshot(pull(source))
    repo.git("checkout", "--quiet", "-b", "side")
    repo.commit({"policies/b.yaml": "name: 2\n"}, "on the side")
    repo.git("checkout", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-ff", "--no-edit", "side")

    snapshot = source.snapshot(pull(source))

    assert snapshot.step is None
    assert [file.path for file in snapshot.files] == ["policies/a.yaml", "policies/b.yaml"]


def test_a_branch_set_back_and_forth_is_compared_as_a_whole(repo, source_of):
    first = repo.commit({"policies/a.yaml": "name: 1\n"})
    second = repo.commit({"policies/a.yaml": "name: 2\n"})
    source = source_of(str(repo.top))
    source.snapshot(pull(source))

    repo.git("reset", "--quiet", "--hard", first)
    back = source.snapshot(pull(source))
    assert back.step is None
    assert not source.is_ancestor(second, first)

    repo.git("reset", "--quiet", "--hard", second)
    forth = source.snapshot(pull(source))
    assert forth.step is not None
    assert source.is_ancestor(first, second)
    assert source.read(forth.files) == {forth.files[0].blob: b"name: 2\n"}


def test_a_large_document_in_a_step_is_refused_by_name(repo, source_of):
    repo.commit({"policies/a.yaml": "name: 1\n"})
    source = source_of(str(repo.top))
    source.snapshot(pull(source))
    repo.commit({"policies/a.yaml": "x" * 300_000, "policies/b.yaml": "x" * 900_000})

    with pytest.raises(TreeRefusedError, match=r"policies/[ab]\.yaml: has \d+ bytes"):
        source.snapshot(pull(source))


def test_a_link_in_a_step_is_refused(repo, source_of):
    repo.commit({"policies/a.yaml": "name: 1\n"})
    source = source_of(str(repo.top))
    source.snapshot(pull(source))
    (repo.top / "policies/b.yaml").symlink_to("/etc/passwd")
    repo.commit({})

    with pytest.raises(TreeRefusedError, match="symbolic link"):
        source.snapshot(pull(source))
