"""Nothing that a repository, an environment or an address carries is run, expanded or sent on."""

from __future__ import annotations

import base64
import os

import pytest

from controller.errors import SourceError, SourceRefusedError
from controller.source.address import Credential, parse_address, parse_ref
from controller.source.environment import Access
from controller.source.local import LocalRepository
from tests.source.conftest import pull, wanted
from tests.source.servers import git_http
from tests.source.test_address import HOSTILE_ADDRESSES, HOSTILE_REFS

SECRET = "s3cr3t-canary-value"


def test_hooks_filters_and_monitors_that_were_planted_do_nothing(
    repo, source_of, tmp_path, monkeypatch
):
    canary = tmp_path / "canary"
    script = tmp_path / "run.sh"
    script.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    script.chmod(0o755)
    repo.commit({"policies/a.yaml": "1", ".gitattributes": "*.yaml filter=evil diff=evil\n"})
    home = tmp_path / "home"
    home.mkdir()
    settings = (
        f"[core]\n\tfsmonitor = {script}\n\thooksPath = {tmp_path}/hooks\n\tsshCommand = {script}\n"
        f'\tpager = {script}\n[filter "evil"]\n\tsmudge = {script}\n\tclean = {script}\n\trequired = true\n'
        f'[diff "evil"]\n\ttextconv = {script}\n\tcommand = {script}\n[diff]\n\texternal = {script}\n'
        f"[uploadpack]\n\tpackObjectsHook = {script}\n[credential]\n\thelper = {script}\n"
        f"[gpg]\n\tprogram = {script}\n[log]\n\tshowSignature = true\n"
    )
    (home / ".gitconfig").write_text(settings)
    with (repo.top / ".git/config").open("a") as config:
        config.write(settings)
    for folder in (tmp_path / "hooks", repo.top / ".git/hooks", home / "template/hooks"):
        folder.mkdir(parents=True)
        for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-receive"):
            (folder / hook).symlink_to(script)
    planted = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_TEMPLATE_DIR": str(home / "template"),
        "GIT_EXTERNAL_DIFF": str(script),
        "GIT_SSH_COMMAND": str(script),
        "GIT_PAGER": str(script),
        "GIT_DIR": str(repo.top / ".git"),
        "GIT_EXEC_PATH": str(tmp_path),
    }
    monkeypatch.setenv("GITWARD_TOKEN", SECRET)
    source = source_of(str(repo.top), inherited=planted)

    snapshot = source.snapshot(pull(source))
    source.read(snapshot.files)
    source.last_change(snapshot.sha, ["policies/a.yaml"])
    local = LocalRepository(repo.top, wanted=wanted, inherited=planted)
    local.read(local.snapshot("HEAD"))
    local.read(local.snapshot("."))
    local.last_change(local.snapshot("HEAD"), ["policies/a.yaml"])

    assert not canary.exists()


@pytest.mark.parametrize("text", HOSTILE_ADDRESSES)
def test_a_hostile_address_never_reaches_git(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SourceRefusedError):
        parse_address(text.replace("canary", str(tmp_path / "canary"))[:3000], allow_local=True)
    assert not list(tmp_path.rglob("*canary*"))


@pytest.mark.parametrize("text", HOSTILE_REFS)
def test_a_hostile_ref_or_revision_creates_nothing(repo, source_of, tmp_path, text):
    repo.commit({"policies/a.yaml": "1"})

    with pytest.raises(SourceRefusedError):
        parse_ref(text)
    with pytest.raises(SourceRefusedError):
        source_of(str(repo.top), ref=text)
    assert not list(tmp_path.rglob("canary*"))


@pytest.mark.parametrize(
    "revision",
    [
        "--output=canary",
        "-x",
        "",
        "../../../etc/passwd",
        "HEAD\n--all",
        "--all",
        "a" * 300,
        "no-such",
    ],
)
def test_a_hostile_revision_is_not_found(repo, tmp_path, monkeypatch, revision):
    monkeypatch.chdir(tmp_path)
    repo.commit({"policies/a.yaml": "1"})
    local = LocalRepository(repo.top, wanted=wanted)

    with pytest.raises(SourceError, match="has no revision"):
        local.snapshot(revision)
    assert not list(tmp_path.rglob("canary*"))


def test_a_dollar_in_an_address_is_a_letter(tmp_path, repo, source_of, monkeypatch):
    monkeypatch.setenv("SECRET_CANARY", SECRET)
    with git_http(tmp_path) as server:
        source = source_of(server.url("$SECRET_CANARY/${SECRET_CANARY}"))

        with pytest.raises(SourceError) as caught:
            source.head()

    assert any("$SECRET_CANARY" in path for path in server.paths)
    assert not any(SECRET in path for path in server.paths)
    assert SECRET not in str(caught.value)


def test_a_credential_is_sent_to_its_place_and_is_in_no_file_or_text(tmp_path, repo, source_of):
    repo.commit({"policies/a.yaml": "1"})
    with git_http(tmp_path) as server:
        server.username_password = f"me:{SECRET}"
        address = server.url().replace("http://", f"http://me:{SECRET}@")
        source = source_of(address)
        source.snapshot(pull(source))
        server.status = 403
        with pytest.raises(SourceError) as caught:
            source.head()
        expected = base64.b64encode(f"me:{SECRET}".encode()).decode()

        assert set(server.authorizations) == {f"Basic {expected}"}
    for text in (str(caught.value), repr(caught.value), source.url):
        assert SECRET not in text
        assert expected not in text
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes()
            assert expected.encode() not in file.read_bytes()


def test_a_credential_for_another_place_is_not_sent(tmp_path, repo, source_of):
    repo.commit({"policies/a.yaml": "1"})
    with git_http(tmp_path) as server:
        foreign = Credential("me", SECRET, "https://git.example.com/team")
        source = source_of(server.url(), access=Access(credential=foreign))
        pull(source)

        assert server.authorizations == []


def test_a_redirect_is_not_followed(tmp_path, repo, source_of):
    repo.commit({"policies/a.yaml": "1"})
    with git_http(tmp_path) as other, git_http(tmp_path) as server:
        server.status, server.location = 301, f"http://127.0.0.1:{other.port}"
        source = source_of(server.url())

        with pytest.raises(SourceError, match="redirect"):
            source.head()
        assert other.paths == []
