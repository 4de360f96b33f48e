from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import SourceRefusedError
from controller.source.address import Credential, parse_address, parse_name, parse_path, parse_ref


@pytest.mark.parametrize(
    ("text", "kind", "display", "host"),
    [
        (
            "https://git.example.com/a/b.git",
            "https",
            "https://git.example.com/a/b.git",
            "git.example.com",
        ),
        (
            "HTTPS://Git.Example.com:8443/a",
            "https",
            "https://git.example.com:8443/a",
            "git.example.com",
        ),
        (
            "https://me:pw@git.example.com/a",
            "https",
            "https://git.example.com/a",
            "git.example.com",
        ),
        (
            "ssh://git@git.example.com:2222/a/b",
            "ssh",
            "ssh://git.example.com:2222/a/b",
            "git.example.com",
        ),
        ("git@git.example.com:a/b.git", "ssh", "ssh://git.example.com/a/b.git", "git.example.com"),
        ("http://127.0.0.1:8080/a", "http", "http://127.0.0.1:8080/a", "127.0.0.1"),
        ("http://[::1]:8080/a", "http", "http://[::1]:8080/a", "::1"),
        ("file:///srv/a%20b.git", "file", "/srv/a b.git", ""),
        ("/srv/git/../a.git", "file", "/srv/a.git", ""),
        ("./a", "file", "/base/a", ""),
        (".", "file", "/base", ""),
        (
            "https://git.example.com/$SECRET",
            "https",
            "https://git.example.com/$SECRET",
            "git.example.com",
        ),
    ],
)
def test_an_acceptable_address_is_taken_apart(text, kind, display, host):
    address = parse_address(text, allow_local=True, base="/base")

    assert (address.kind, address.display, address.host) == (kind, display, host)


def test_user_information_is_kept_apart_and_bound_to_its_place():
    address = parse_address("https://me:p%40ss@git.example.com/team/repo")

    assert address.remote == "https://git.example.com/team/repo"
    assert address.credential == Credential("me", "p@ss", "https://git.example.com/team/repo")
    assert "p@ss" not in repr(address)


def test_a_lone_user_name_is_a_token():
    credential = parse_address("https://ghp_secret@git.example.com/a").credential

    assert credential is not None
    assert credential.secret == "ghp_secret"


@pytest.mark.parametrize(
    ("scope", "there", "sent"),
    [
        ("https://git.example.com/team", "https://git.example.com/team/repo", True),
        ("https://git.example.com/team/", "https://git.example.com/team/repo", True),
        ("https://git.example.com/team", "https://git.example.com/team", True),
        ("https://git.example.com/team", "https://git.example.com/team2/repo", False),
        ("https://git.example.com/team", "https://evil.example.com/team/repo", False),
        ("https://git.example.com/", "https://git.example.com:8443/team", False),
        ("https://git.example.com", "https://git.example.com.evil.net/team", False),
        ("https://localhost/", "http://localhost/team", False),
    ],
)
def test_a_credential_applies_to_its_own_place_only(scope, there, sent):
    assert Credential("me", "s", scope).applies_to(parse_address(there)) is sent


HOSTILE_ADDRESSES = [
    "",
    "ext::sh -c 'touch canary'",
    "ext::touch% canary",
    "EXT::touch canary",
    "fd::17/foo",
    "transport::address",
    "https::https://git.example.com/a",
    "git://git.example.com/a",
    "git+ssh://git.example.com/a",
    "ftp://git.example.com/a",
    "rsync://git.example.com/a",
    "javascript://git.example.com/a",
    "http://git.example.com/a",
    "http://127.0.0.1.evil.net/a",
    "http://localhost.evil.net/a",
    "https://169.254.169.254/latest/meta-data",
    "https://[fe80::1]/a",
    "https://0.0.0.0/a",
    "--upload-pack=touch canary",
    "-u touch",
    "https://-oProxyCommand=touch/a",
    "ssh://-oProxyCommand=touch canary/a",
    "ssh://-oProxyCommand=touch@host/a",
    "ssh://git@-oProxyCommand=touch/a",
    "-oProxyCommand=touch:a",
    "git@-oProxyCommand=touch:a",
    "git@host:-upload-pack",
    "ssh://git@host/-x",
    "ssh://git:password@host/a",
    "https://git.example.com/a\nhooksPath=/tmp",
    "https://git.example.com/a\r\nHost: evil",
    "https://git.example.com/a\x00",
    "https://git.example.com/\x1b[2J",
    "https://git.example.com/a\u202e",
    "https://git.example.com/a b",
    "https://git.example.com/a?x=1",
    "https://git.example.com/a#x",
    "https://git.example.com\\@evil.net/a",
    "https://git.example.com:port/a",
    "https://git.example.com:99999/a",
    "https://git..example.com/a",
    "https:///a",
    "https://git.example.com/",
    "https://me:p%0aw@git.example.com/a",
    "https://[::1/a",
    "file://host/srv/a",
    "file:relative",
    "/srv/a\nb",
    "file:///srv/%0aa",
    "host:",
    "https://git.example.com/" + "a" * 3000,
]


@pytest.mark.parametrize("text", HOSTILE_ADDRESSES)
def test_a_hostile_address_is_refused(text):
    with pytest.raises(SourceRefusedError):
        parse_address(text, allow_local=True)


@pytest.mark.parametrize("text", ["/srv/a", "./a", "file:///srv/a", ".."])
def test_a_local_address_needs_the_operators_word(text):
    with pytest.raises(SourceRefusedError, match="operator"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("main", "refs/heads/main"),
        ("release/1.2", "refs/heads/release/1.2"),
        ("refs/heads/main", "refs/heads/main"),
        ("refs/tags/v1.0", "refs/tags/v1.0"),
        ("HEAD", "HEAD"),
    ],
)
def test_a_short_ref_is_a_branch(text, full):
    assert parse_ref(text) == full


HOSTILE_REFS = [
    "", "-x", "--upload-pack=touch", "refs/heads/-x", "refs/pull/1/head", "refs/notes/x", "../../etc/passwd",
    "refs/heads/../../config", "a..b", "a//b", "/a", "a/", "a.lock", "a.lock/b", ".a", "a/.b", "a.", "a b",
    "a\nb", "a\x00b", "a:b", "a~1", "a^{commit}", "a?", "a*", "a[", "a\\b", "@{u}", "+main", "refs/heads/",
    "refs/heads", "$SECRET", "a" * 300, "main\n", "\uff4dain",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE_REFS)
def test_a_hostile_ref_is_refused(text):
    with pytest.raises(SourceRefusedError):
        parse_ref(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [("", ""), (".", ""), ("./", ""), ("a", "a"), ("a/b/", "a/b"), ("./a b", "a b")],
)
def test_a_path_inside_the_repository_loses_its_outer_slashes(text, path):
    assert parse_path(text) == path


@pytest.mark.parametrize(
    "text",
    ["/", "/etc", "..", "a/../b", "../a", "a//b", "a\\b", "a\nb", "a\x00", ".git", "a/.GIT/b", ".git.",
     "git~1", "a/./b", "//", "x" * 2000],
)  # fmt: skip
def test_a_hostile_path_is_refused(text):
    with pytest.raises(SourceRefusedError):
        parse_path(text)


@pytest.mark.parametrize("text", ["", "-a", "A", "a/b", "..", "a" * 64, "a\n"])
def test_a_hostile_name_is_refused(text):
    with pytest.raises(SourceRefusedError):
        parse_name(text)


@given(st.text(max_size=60) | st.text("ghost:/@.-[]%1e\\ \n", max_size=30))
def test_any_text_gives_an_address_that_git_takes_as_one_or_a_refusal(text):
    try:
        address = parse_address(text, allow_local=True)
    except SourceRefusedError:
        return

    assert not address.remote.startswith("-")
    assert "::" not in address.remote.split("/")[0] or address.host
    assert address.remote.isprintable()


@given(st.text(max_size=40) | st.text("refs/heads.-@{}~^: main", max_size=30))
def test_any_text_gives_a_plain_full_ref_or_a_refusal(text):
    try:
        ref = parse_ref(text)
    except SourceRefusedError:
        return

    assert ref == "HEAD" or ref.startswith(("refs/heads/", "refs/tags/"))
    assert ".." not in ref
