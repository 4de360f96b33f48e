from __future__ import annotations

import pytest

from controller.errors import FetchFailedError, RevisionNotFoundError, SourceRefusedError
from controller.source.local import LocalRepository
from tests.source.conftest import wanted


@pytest.fixture
def local_of(no_child_left):
    made = []

    def make(place, **settings):
        made.append(LocalRepository(place, wanted=wanted, **settings))
        return made[-1]

    yield make
    for local in made:
        local.close()


def test_two_revisions_and_the_files_as_they_are_can_be_compared(repo, local_of):
    old = repo.commit({"policies/a.yaml": "1"}, "one")
    new = repo.commit({"policies/b.yaml": "2"}, "two")
    (repo.top / "policies/c.yaml").write_text("3")
    local = local_of(repo.top)

    listed = [[f.path for f in local.snapshot(r).files] for r in ("HEAD~1", "main", ".")]
    now = local.snapshot(".")

    assert listed == [
        ["policies/a.yaml"],
        ["policies/a.yaml", "policies/b.yaml"],
        ["policies/a.yaml", "policies/b.yaml", "policies/c.yaml"],
    ]
    assert sorted(local.read(now).values()) == [b"1", b"2", b"3"]
    assert sorted(local.read(local.snapshot("main")).values()) == [b"1", b"2"]
    assert [c.subject for c in local.commits(old, new)] == ["two"]
    assert (
        local.last_change(local.snapshot("main"), ["policies/a.yaml"])["policies/a.yaml"].sha == old
    )
    assert local.last_change(now, ["policies/a.yaml"])["policies/a.yaml"].author == "working tree"


def test_the_same_content_has_the_same_id_committed_or_not(repo, local_of):
    repo.commit({"policies/a.yaml": "1"})
    local = local_of(repo.top)

    assert local.snapshot(".").files == local.snapshot("HEAD").files


def test_it_is_found_from_a_folder_below_and_bare(repo, local_of, tmp_path):
    repo.commit({"team/policies/a.yaml": "1"})
    repo.git("clone", "--quiet", "--bare", str(repo.top), str(tmp_path / "bare"))

    assert len(local_of(repo.top / "team").snapshot("HEAD").files) == 1
    assert len(local_of(repo.top, path="team").snapshot("HEAD").files) == 1
    assert len(local_of(tmp_path / "bare", path="team").snapshot("main").files) == 1


def test_nothing_is_written_into_the_repository(repo, local_of):
    repo.commit({"policies/a.yaml": "1"})
    before = {p: p.stat().st_mtime_ns for p in repo.top.rglob("*")}
    local = local_of(repo.top)
    local.read(local.snapshot("HEAD"))
    local.read(local.snapshot("."))

    assert {p: p.stat().st_mtime_ns for p in repo.top.rglob("*")} == before


def test_a_folder_outside_any_repository_is_refused(tmp_path):
    with pytest.raises(SourceRefusedError, match="not in a git repository"):
        LocalRepository(tmp_path, wanted=wanted)


def test_an_unknown_revision_is_named(repo, local_of):
    repo.commit({"policies/a.yaml": "1"})

    with pytest.raises(RevisionNotFoundError, match="'no-such'"):
        local_of(repo.top).snapshot("no-such")


def test_a_damaged_repository_is_reported_and_not_touched(repo, local_of):
    repo.commit({"policies/a.yaml": "1"})
    blob = repo.git("rev-parse", "HEAD:policies/a.yaml")
    (repo.top / ".git/objects" / blob[:2] / blob[2:]).unlink()
    local = local_of(repo.top)

    with pytest.raises(FetchFailedError, match="git fsck"):
        local.read(local.snapshot("HEAD"))


def test_the_versions_of_files_are_read_through_merges_moves_and_removals(repo, local_of):
    odd = "exceptions/ä b\n:100644.yaml"
    repo.commit({"exceptions/a.yaml": "1", odd: "x"}, "one")
    repo.git("checkout", "--quiet", "-b", "side")
    repo.commit({"exceptions/a.yaml": "side"}, "side")
    repo.git("checkout", "--quiet", "main")
    repo.commit({"exceptions/a.yaml": "main", "exceptions/b.yaml": "b"}, "two")
    repo.git("merge", "--quiet", "--no-commit", "--strategy=ours", "side")
    repo.commit({"exceptions/a.yaml": "both"}, "merged")
    repo.commit({"exceptions/b.yaml": None}, "gone")
    repo.commit({"exceptions/b.yaml": "again"}, "back")
    local = local_of(repo.top)

    paths = ["exceptions/a.yaml", odd, "exceptions/b.yaml", "exceptions/never.yaml"]
    found = local.versions(local.resolve("main"), paths, 20)
    newest = local.versions(local.resolve("main"), paths, 1)

    told = {path: [(c.subject, text) for c, text in each] for path, each in found.items()}
    assert told == {
        "exceptions/a.yaml": [
            ("merged", b"both"), ("two", b"main"), ("side", b"side"), ("one", b"1"),
        ],
        odd: [("one", b"x")],
        "exceptions/b.yaml": [("back", b"again"), ("two", b"b")],
        "exceptions/never.yaml": [],
    }  # fmt: skip
    assert [len(each) for each in newest.values()] == [1, 1, 1, 0]
