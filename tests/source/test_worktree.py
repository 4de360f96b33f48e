from __future__ import annotations

import os
import threading

import pytest

from controller.errors import RevisionNotFoundError, TreeRefusedError
from controller.source.limits import Limits
from controller.source.worktree import WorkingTreeSource, blob_id
from tests.source.conftest import wanted


@pytest.fixture
def tree_of(tmp_path):
    def make(path: str = "", limits: Limits | None = None) -> WorkingTreeSource:
        return WorkingTreeSource(
            name="main", directory=tmp_path / "tree", path=path, wanted=wanted, limits=limits
        )

    (tmp_path / "tree/policies").mkdir(parents=True)
    (tmp_path / "tree/policies/a.yaml").write_text("1")
    return make


def test_uncommitted_documents_are_listed_and_read(tree_of, tmp_path):
    (tmp_path / "tree/policies/deep").mkdir()
    (tmp_path / "tree/policies/deep/b.yml").write_text("two")
    (tmp_path / "tree/notes.yaml").write_text("not a document")
    source = tree_of()
    sha = source.head()

    snapshot = source.snapshot(sha)

    assert snapshot.revision == f"worktree@{sha}"
    assert [file.path for file in snapshot.files] == ["policies/a.yaml", "policies/deep/b.yml"]
    assert sorted(source.read(snapshot.files).values()) == [b"1", b"two"]
    assert snapshot.commit.committed_at.utcoffset() is not None


def test_the_digest_follows_paths_and_contents_and_nothing_else(tree_of, tmp_path):
    source = tree_of()
    first = source.head()
    file = tmp_path / "tree/policies/a.yaml"
    os.utime(file, (1, 1))
    assert source.head() == first

    file.write_text("2")
    second = source.head()
    file.rename(file.with_name("b.yaml"))

    assert len({first, second, source.head()}) == 3
    assert source.is_ancestor(first, second)


def test_only_the_last_two_states_are_known(tree_of, tmp_path):
    source = tree_of()
    heads = []
    for n in range(3):
        (tmp_path / "tree/policies/a.yaml").write_text(f"state {n}")
        heads.append(source.head())

    assert source.changed_paths(heads[1], heads[2]) == ("policies/a.yaml",)
    assert source.snapshot(heads[1]).sha == heads[1]
    source.fetch(heads[2])
    with pytest.raises(RevisionNotFoundError, match="has changed since"):
        source.snapshot(heads[0])


def test_blob_ids_are_those_of_git(repo):
    assert blob_id("grüß".encode()) == repo.blob("grüß".encode())


@pytest.mark.parametrize("place", ["policies/b.yaml", "policies/sub", "checks"])
def test_a_link_where_documents_belong_is_refused(tree_of, tmp_path, place):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x.yaml").write_text("canary")
    target = tmp_path / "outside"
    (tmp_path / "tree" / place).symlink_to(target / "x.yaml" if "." in place else target)

    with pytest.raises(TreeRefusedError, match=f"{place}: is a symbolic link"):
        tree_of().head()


def test_a_root_behind_a_link_is_refused(tree_of, tmp_path):
    (tmp_path / "outside/policies").mkdir(parents=True)
    (tmp_path / "tree/linked").symlink_to(tmp_path / "outside")

    with pytest.raises(TreeRefusedError, match="link"):
        tree_of(path="linked").head()


def test_a_pipe_a_submodule_and_a_missing_root_are_refused(tree_of, tmp_path):
    pipe = tmp_path / "tree/policies/p.yaml"
    os.mkfifo(pipe)
    with pytest.raises(TreeRefusedError, match="ordinary file"):
        tree_of().head()
    pipe.unlink()
    (tmp_path / "tree/policies/sub/.git").mkdir(parents=True)
    with pytest.raises(TreeRefusedError, match="submodule"):
        tree_of().head()

    with pytest.raises(TreeRefusedError, match="no folder"):
        tree_of(path="missing").head()


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(file_bytes=3), "has 10 bytes"),
        (Limits(total_bytes=15), "bytes together"),
        (Limits(files=1), "documents, at most 1"),
    ],
)
def test_more_than_the_limits_is_refused(tree_of, tmp_path, limits, said):
    for name in "ab":
        (tmp_path / f"tree/policies/{name}.yaml").write_text("x" * 10)

    with pytest.raises(TreeRefusedError, match=said):
        tree_of(limits=limits).head()


def test_an_edit_is_noticed(tree_of, tmp_path):
    source = tree_of()
    stop, noticed = threading.Event(), threading.Event()

    def listen() -> None:
        for _ in source.watch(stop):
            noticed.set()

    listening = threading.Thread(target=listen)
    listening.start()
    try:
        for n in range(200):  # the watch may not be in place yet for the first ones
            (tmp_path / "tree/policies/a.yaml").write_text(str(n))
            if noticed.wait(0.1):
                break
        assert noticed.is_set()
    finally:
        stop.set()
        listening.join()
