"""A proposal to a real bare repository over HTTP: where it may be written to, and where it may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.config.load import is_document
from controller.config.patch import patch
from controller.errors import AccessDeniedError, AuthenticationFailedError, ConflictError
from controller.reconcile.proposals import Proposed, Proposer
from controller.reconcile.reconciler import Reconciler
from controller.source.address import parse_address
from controller.source.mirror import GitSource
from controller.store.store import open_store
from tests.reconcile.repository import Repository, base
from tests.reconcile.rig import Clock
from tests.source.servers import git_http


class Remote:
    """A bare repository behind a web server, and a controller of it."""

    def __init__(self, folder: Path, url: str, repository: Repository) -> None:
        self.clock = Clock()
        self.repository = repository
        self.bare = f"--git-dir={folder}/bare.git"
        self.store = open_store(folder / "data")
        self.source = GitSource(
            name="default",
            address=parse_address(url),
            ref="main",
            path="",
            data=folder / "data",
            wanted=is_document,
        )
        ending = Reconciler(self.source, self.store, clock=self.clock).run().ending
        assert ending.kind == "applied", ending

    def propose(self) -> Proposed:
        before = base()["policies/laptops.yaml"]
        assert before is not None
        text = patch(before, "policies/laptops.yaml", "laptops", {"passing_score_threshold": 60})
        assert text is not None
        proposer = Proposer(self.source, self.store, enabled=True)
        return proposer.propose(text, "Lower the bar", "ada@example.com", self.clock())

    def refs(self) -> str:
        return self.repository.git(self.bare, "for-each-ref")

    def close(self) -> None:
        self.source.close()
        self.store.close()


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Remote]:
    repository = Repository(tmp_path / "work")
    repository.commit(base())
    repository.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    with git_http(tmp_path) as server:
        remote = Remote(tmp_path, server.url("bare.git"), repository)
        yield remote
        remote.close()


def test_it_is_a_new_branch_by_the_caller_and_the_tracked_one_stays(remote: Remote) -> None:
    remote.repository.git(remote.bare, "config", "http.receivepack", "true")
    main = remote.repository.head
    made = remote.propose()
    assert remote.repository.git(remote.bare, "rev-parse", made.branch) == made.commit
    assert remote.repository.git(remote.bare, "rev-parse", "main", f"{made.branch}^") == (
        f"{main}\n{main}"
    )
    author = remote.repository.git(remote.bare, "log", "-1", "--format=%an|%cn", made.branch)
    assert author == "ada@example.com|Gitward"

    remote.clock.forward(minutes=1)
    before = remote.refs()
    with pytest.raises(ConflictError, match="proposed before"):
        remote.propose()
    assert remote.refs() == before


def test_a_branch_of_that_name_by_somebody_else_is_never_moved(remote: Remote) -> None:
    remote.repository.git(remote.bare, "config", "http.receivepack", "true")
    made = remote.propose()
    main = remote.repository.head
    remote.repository.git(remote.bare, "update-ref", f"refs/heads/{made.branch}", main)
    remote.clock.forward(minutes=1)
    with pytest.raises(ConflictError):
        remote.propose()
    assert remote.repository.git(remote.bare, "rev-parse", made.branch) == main


def test_a_remote_that_may_only_be_read_is_said_so_and_nothing_is_left_behind(
    remote: Remote,
) -> None:
    before = remote.refs()
    with pytest.raises((AccessDeniedError, AuthenticationFailedError)) as refused:
        remote.propose()
    assert "gitward/lower-the-bar" in str(refused.value)
    assert remote.refs() == before
    with remote.store.read() as reading:
        assert "propose" not in {each.action for each in reading.audit(1, 50).items}
