from __future__ import annotations

import pytest

from controller.errors import SourceError, TreeRefusedError
from controller.source.limits import Limits
from controller.source.local import LocalRepository
from tests.source.conftest import pull, wanted

CANARY = "the text outside that nobody may read"


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("{out}", "policies/a.yaml"),
        ("../../outside.txt", "policies/a.yaml"),
        ("a.yaml", "policies/a.yaml"),
        ("b.yaml", "policies/a.yaml"),
        ("..", "policies/up"),
        ("{outdir}", "policies"),
        ("missing", "policies/a.yaml"),
        ("/etc", "checks/deep/er"),
    ],
    ids=[
        "absolute",
        "relative",
        "loop",
        "chain",
        "folder",
        "root-folder",
        "dangling",
        "deep-folder",
    ],
)
def test_a_link_where_documents_belong_holds_the_commit(repo, source_of, tmp_path, target, place):
    (tmp_path / "outside.txt").write_text(CANARY)
    link = target.format(out=tmp_path / "outside.txt", outdir=tmp_path)
    blob = repo.blob(link.encode())
    tree = repo.tree(("120000", blob, place.rsplit("/", 1)[-1]))
    for folder in reversed(place.split("/")[:-1]):
        tree = repo.tree(("040000", tree, folder))
    repo.commit_tree(tree)
    source = source_of(str(repo.top))
    sha = pull(source)

    with pytest.raises(TreeRefusedError, match="symbolic link") as caught:
        source.snapshot(sha)

    assert place in str(caught.value)
    assert sha[:12] in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_link_elsewhere_in_the_repository_does_not_matter(repo, source_of):
    (repo.top / "docs").mkdir()
    (repo.top / "docs/link.md").symlink_to("/etc/passwd")
    repo.commit({"policies/a.yaml": "1"})
    source = source_of(str(repo.top))

    assert [file.path for file in source.snapshot(pull(source)).files] == ["policies/a.yaml"]


def test_a_document_that_becomes_a_link_holds_the_commit(repo, source_of):
    repo.commit({"policies/a.yaml": "1", "policies/b.yaml": "1"})
    source = source_of(str(repo.top))
    good = pull(source)
    source.snapshot(good)
    (repo.top / "policies/a.yaml").unlink()
    (repo.top / "policies/a.yaml").symlink_to("b.yaml")
    bad = repo.commit({})
    source.fetch(bad)

    with pytest.raises(TreeRefusedError, match="symbolic link"):
        source.snapshot(bad)
    assert len(source.snapshot(good).files) == 2


def test_a_submodule_where_documents_belong_holds_the_commit(repo, source_of):
    inner = repo.tree(("160000", "1" * 40, "team"))
    repo.commit_tree(repo.tree(("040000", inner, "policies")))
    source = source_of(str(repo.top))
    sha = pull(source)

    with pytest.raises(TreeRefusedError, match="submodule"):
        source.snapshot(sha)


@pytest.mark.parametrize("name", ["..", ".git", ".GIT", ".", "git~1"])
def test_a_name_that_leads_elsewhere_is_refused_at_the_door(repo, source_of, name):
    blob = repo.blob(b"x")
    odd = repo.tree(("100644", blob, "a.yaml"))
    inner = repo.tree(("040000", odd, name))
    repo.commit_tree(repo.tree(("040000", inner, "policies")))
    source = source_of(str(repo.top))
    sha = source.head()

    with pytest.raises(TreeRefusedError):
        source.fetch(sha)
    with pytest.raises(TreeRefusedError):
        LocalRepository(repo.top, wanted=wanted).snapshot("main")


@pytest.mark.parametrize("name", ["a\\b.yaml", "a\nb.yaml", "a\x1b.yaml", "a\u202e.yaml"])
def test_a_documents_name_must_be_plain(repo, source_of, name):
    inner = repo.tree(("100644", repo.blob(b"x"), name))
    repo.commit_tree(repo.tree(("040000", inner, "policies")))
    source = source_of(str(repo.top))
    sha = pull(source)

    with pytest.raises(TreeRefusedError, match="plain name") as caught:
        source.snapshot(sha)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "names", [("a.yaml", "A.yaml"), ("ü.yaml", "u\u0308.yaml"), ("straße.yaml", "STRASSE.yaml")]
)
def test_names_that_differ_by_case_or_form_only_are_refused(repo, source_of, names):
    repo.commit({"policies/z.yaml": "1"})
    source = source_of(str(repo.top))
    source.snapshot(pull(source))
    blob = repo.blob(b"x")
    inner = repo.tree(*(("100644", blob, name) for name in names))
    repo.commit_tree(repo.tree(("040000", inner, "policies")))
    sha = pull(source)

    with pytest.raises(TreeRefusedError, match="by case or Unicode form"):
        source.snapshot(sha)


def test_a_twice_listed_name_is_refused(repo, source_of):
    one, two = repo.blob(b"1"), repo.blob(b"2")
    raw = b"".join(b"100644 a.yaml\0" + bytes.fromhex(blob) for blob in (one, two))
    twice = repo.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=raw)
    repo.commit_tree(repo.tree(("040000", twice, "policies")))
    source = source_of(str(repo.top))
    sha = source.head()

    with pytest.raises(TreeRefusedError):
        source.fetch(sha)


def test_an_lfs_pointer_is_named_as_such(repo, source_of):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12\n"
    repo.commit({"policies/a.yaml": pointer})
    source = source_of(str(repo.top))
    snapshot = source.snapshot(pull(source))

    with pytest.raises(TreeRefusedError, match=r"policies/a\.yaml.*LFS pointer"):
        source.read(snapshot.files)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(file_bytes=9), "has 10 bytes"),
        (Limits(total_bytes=25), "30 bytes together"),
        (Limits(files=2), "3 documents"),
        (Limits(listing_bytes=50), "too many files"),
    ],
)
def test_more_than_the_limits_is_refused_before_it_is_read(repo, source_of, limits, said):
    repo.commit({f"policies/{n}.yaml": str(n) * 10 for n in range(3)})
    source = source_of(str(repo.top), limits=limits)
    sha = pull(source)

    with pytest.raises(TreeRefusedError, match=said):
        source.snapshot(sha)


def test_a_file_larger_than_the_disk_bound_ends_the_fetch(repo, source_of, tmp_path):
    good = repo.commit({"policies/a.yaml": "1"})
    source = source_of(str(repo.top), limits=Limits(pack_bytes=200_000))
    pull(source)
    repo.commit({"policies/a.yaml": bytes(range(256)) * 4, "big.bin": _noise(500_000)})
    sha = source.head()

    with pytest.raises(SourceError):
        source.fetch(sha)

    assert len(source.snapshot(good).files) == 1
    assert not list(tmp_path.glob("data/mirrors/main/mirror.git/objects/pack/tmp_*"))


def test_a_deep_tree_is_listed(repo, source_of):
    tree = repo.tree(("100644", repo.blob(b"x"), "a.yaml"))
    for _ in range(150):
        tree = repo.tree(("040000", tree, "d"))
    repo.commit_tree(repo.tree(("040000", tree, "policies")))
    source = source_of(str(repo.top))

    assert len(source.snapshot(pull(source)).files) == 1


def _noise(size: int) -> bytes:
    import random

    return random.Random(1).randbytes(size)
