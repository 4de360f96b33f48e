"""What git prints, taken apart: pure."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config.files import is_document
from controller.errors import (
    AccessDeniedError,
    AuthenticationFailedError,
    FetchFailedError,
    RevisionNotFoundError,
    SourceRefusedError,
    TreeRefusedError,
)
from controller.source.cat_file import Contents, parse_contents, parse_headers
from controller.source.damage import DamagedError
from controller.source.environment import global_config_text
from controller.source.failures import failure, redact
from controller.source.history import parse_commits
from controller.source.interface import TreeFile
from controller.source.limits import Limits
from controller.source.link import file_url
from controller.source.listing import Documents, Listed, fold, parse_difference, parse_tree, size_of

ONE, TWO = "1" * 40, "2" * 40


@pytest.mark.parametrize(
    ("stderr", "error"),
    [
        ("fatal: Authentication failed for 'https://git.example.com/a/'", AuthenticationFailedError),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled",
         AuthenticationFailedError),
        ("git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.",
         AuthenticationFailedError),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403", AccessDeniedError),
        ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", AccessDeniedError),
        ("fatal: detected dubious ownership in repository at '/srv/a'", AccessDeniedError),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", FetchFailedError),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", FetchFailedError),
        ("fatal: couldn't find remote ref refs/heads/x", RevisionNotFoundError),
        ("fatal: transport 'ext' not allowed", SourceRefusedError),
        ("error: object 1: hasDotgit: contains '.git'\nfatal: fsck error in packed object", TreeRefusedError),
        ("", FetchFailedError),
    ],
)  # fmt: skip
def test_what_git_says_is_classed_by_what_to_do_next(stderr, error):
    made = failure("cannot fetch", stderr)

    assert type(made) is error
    assert str(made).startswith("cannot fetch: ")
    assert "\n" not in str(made)


def test_the_servers_own_words_are_kept():
    said = "ERROR: Repository not found.\nfatal: Could not read from remote repository.\n\nPlease make sure"

    assert "ERROR: Repository not found." in str(failure("cannot fetch", said))


@given(st.text(max_size=100), st.text("abc123", min_size=8, max_size=20))
def test_no_text_keeps_a_secret_user_information_or_control_characters(text, secret):
    for told in (
        f"{text}{secret}",
        f"https://me:{secret}@host/{text}",
        f"Authorization: Basic {secret}",
    ):
        cleaned = redact(told, (secret,))

        assert secret not in cleaned
        assert all(c.isprintable() or c == "\n" for c in cleaned)
    assert "hunter" not in redact("fatal: https://me:hunter@host/x")
    assert "hunter" not in redact("Authorization: Basic hunter")


def test_contents_may_hold_anything_that_looks_like_a_header():
    tricky = f"\n{TWO} blob 3\n".encode()
    answer = b"%s blob %d\n%s\n%s blob 0\n\n" % (ONE.encode(), len(tricky), tricky, TWO.encode())

    assert dict(parse_contents(answer, {ONE: len(tricky), TWO: 0})) == {ONE: tricky, TWO: b""}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        f"{ONE} missing\n".encode(),
        f"{ONE} tree 3\nabc\n".encode(),
        f"{ONE} blob 3\nab".encode(),
        f"{ONE} blob 4\nabcd\n".encode(),
        f"{TWO} blob 3\nabc\n".encode(),
        f"{ONE} blob x\nabc\n".encode(),
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_is_damage(answer):
    with pytest.raises(DamagedError):
        dict(parse_contents(answer, {ONE: 3}))
    told: list[str] = []
    contents = Contents({ONE: 3}, lambda blob, _: told.append(blob))
    with pytest.raises(DamagedError):
        contents.take(answer)
        contents.end()
    assert told == []


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6), st.data())
def test_contents_that_come_in_pieces_are_each_told_once_and_as_soon_as_they_are_whole(blobs, data):
    sizes = {f"{number:040x}": len(content) for number, content in enumerate(blobs)}
    answer = b"".join(
        b"%s blob %d\n%s\n" % (blob.encode(), len(content), content)
        for blob, content in zip(sizes, blobs, strict=True)
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=8)))
    told: list[tuple[str, bytes]] = []
    contents = Contents(sizes, lambda *each: told.append(each))

    for start, end in pairwise([0, *cuts, len(answer)]):
        assert contents.take(answer[start:end])
        come = answer[:end]
        assert len(told) == sum(come.startswith(answer[:n]) for n in whole_at(sizes))
    assert contents.end() == dict(zip(sizes, blobs, strict=True))
    assert told == list(contents.found.items())


def whole_at(sizes: dict[str, int]) -> list[int]:
    """After how many bytes of the answer each content is there."""
    return list(accumulate(len(f"{blob} blob {size}\n") + size + 1 for blob, size in sizes.items()))


def test_a_missing_object_is_damage_and_a_full_answer_is_not():
    answer = f"{ONE} blob 3\n{TWO} missing\n".encode()

    assert dict(parse_headers(answer.splitlines(keepends=True)[0], {ONE: "a"})) == {ONE: 3}
    with pytest.raises(DamagedError, match=r"b\.yaml"):
        dict(parse_headers(answer, {ONE: "a.yaml", TWO: "b.yaml"}))


def test_listings_and_differences_keep_odd_paths():
    tree = b"100644 blob %s      12\tpolicies/a\tb\n.yaml\x00120000 blob %s 1234567\t\xff\x00" % (
        ONE.encode(),
        TWO.encode(),
    )
    difference = b":100644 000000 %s %s D\0gone\0" % (ONE.encode(), b"0" * 40)

    assert [(e.mode, e.path, size_of(e)) for e in parse_tree(tree)] == [
        ("100644", "policies/a\tb\n.yaml", 12), ("120000", "\udcff", 1234567),
    ]  # fmt: skip
    assert [(e.gone, e.path) for e in parse_difference(difference)] == [(True, "gone")]


@pytest.mark.parametrize("size", [1, 7, 60, 10_000])
def test_a_listing_that_comes_in_pieces_is_that_of_the_whole(size):
    lines = [
        b"100644 blob %s      12\t%s\0" % (ONE.encode(), path)
        for path in (b"checks/a.yaml", b"README.md", b"policies/\xc3\xa9/b.yaml", b"checks/c.yaml")
    ]
    whole = b"".join(lines)
    found = Documents(is_document)

    for at in range(0, len(whole), size):
        assert found.take(whole[at : at + size])

    assert [each.path for each in found.entries] == [
        "checks/a.yaml", "policies/é/b.yaml", "checks/c.yaml",
    ]  # fmt: skip


def test_a_blob_that_git_cannot_read_is_damage():
    (entry,) = parse_tree(b"100644 blob %s     BAD\ta.yaml\0" % ONE.encode())

    with pytest.raises(DamagedError, match=r"a\.yaml"):
        size_of(entry)


NAMES = st.text("aAbBüÜ/.", min_size=1, max_size=4)
FILES = st.dictionaries(NAMES, st.integers(0, 50), max_size=8)


@given(st.lists(FILES, min_size=1, max_size=4))
def test_listing_step_by_step_equals_listing_at_once(states):
    listed = Listed()
    now: dict[str, int] = {}
    for state in states:
        gone = [path for path in now if path not in state]
        changed = [TreeFile(p, f"{s:040x}", s) for p, s in state.items() if now.get(p) != s]
        try:
            fresh = Listed().after(
                (), [TreeFile(p, f"{s:040x}", s) for p, s in state.items()], Limits()
            )
        except TreeRefusedError:
            assert len({fold(path) for path in state}) < len(state)
            with pytest.raises(TreeRefusedError):
                listed.after(gone, changed, Limits())
            continue
        listed, now = listed.after(gone, changed, Limits()), state

        assert dict(listed.files) == dict(fresh.files)
        assert list(listed.files) == sorted(state)
        assert listed.total_bytes == sum(state.values())


@pytest.mark.parametrize(
    ("seconds", "instant"),
    [
        ("1700000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("99999999999999999999", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("not a number", datetime(1970, 1, 1, tzinfo=UTC)),
        ("-99999999999999", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_commits_time_is_always_an_instant(seconds, instant):
    record = f"{ONE}\0Ann\x1b[31m\0a@x\0{seconds}\0one\0A: b\nno trailer\n:x\nB:\0".encode()

    (commit,) = parse_commits(record)

    assert commit.committed_at == instant
    assert commit.author == "Ann [31m"
    assert commit.trailers == (("A", "b"), ("B", ""))


@pytest.mark.parametrize(
    ("url", "revision", "line", "page"),
    [
        ("https://github.com/o/r.git", ONE, 7, f"https://github.com/o/r/blob/{ONE}/p/a%20b.yaml#L7"),
        ("ssh://github.com/o/r.git", "refs/heads/main", None, "https://github.com/o/r/blob/main/p/a%20b.yaml"),
        ("https://gitlab.example.com:8443/g/s/r", ONE, 1,
         f"https://gitlab.example.com:8443/g/s/r/-/blob/{ONE}/p/a%20b.yaml#L1"),
        ("ssh://gitea.example.com:2222/o/r", ONE, 2,
         f"https://gitea.example.com/o/r/src/commit/{ONE}/p/a%20b.yaml#L2"),
        ("https://codeberg.org/o/r", "main", 2, "https://codeberg.org/o/r/src/branch/main/p/a%20b.yaml#L2"),
        ("https://bitbucket.org/o/r", ONE, 3, f"https://bitbucket.org/o/r/src/{ONE}/p/a%20b.yaml#lines-3"),
        ("https://git.example.com/o/r", ONE, 3, None),
        ("https://notgithub.com/o/r", ONE, 3, None),
        ("/srv/git/r", ONE, 3, None),
    ],
)  # fmt: skip
def test_a_file_is_linked_where_its_host_is_known(url, revision, line, page):
    assert file_url(url, revision, "p/a b.yaml", line) == page


def test_a_trusted_folder_is_quoted_for_gits_configuration():
    assert global_config_text(('/srv/a "b"\\c',)) == '[safe]\n\tdirectory = "/srv/a \\"b\\"\\\\c"\n'
    with pytest.raises(SourceRefusedError):
        global_config_text(("/srv/a\n[core]",))
