"""A refused write as a branch of a real repository."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from controller.config.patch import patch
from controller.errors import AccessDeniedError, ConflictError, ForbiddenError, RejectedError
from controller.reconcile.proposals import Proposer, TakesProposals
from controller.source.proposal import request_url
from tests.reconcile.repository import base, exception
from tests.reconcile.rig import Rig

GITLAB = "https://gitlab.example.com/g/s/r/-/merge_requests/new?merge_request"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    rig.commit(base())
    assert rig.reconcile().kind == "applied"
    yield rig
    rig.close()


def proposer(rig: Rig, enabled: bool = True) -> Proposer:
    return Proposer(cast("TakesProposals", rig.source), rig.store, enabled=enabled)


def propose(rig: Rig, text: str | None = None, **fields: Any) -> Any:
    document = text or change()
    given = {"title": "Lower the bar", "actor": "ada@example.com", **fields}
    return proposer(rig).propose(document, given["title"], given["actor"], rig.clock())


def change() -> str:
    before = base()["policies/laptops.yaml"]
    assert before is not None
    made = patch(before, "policies/laptops.yaml", "laptops", {"passing_score_threshold": 60})
    assert made is not None
    return made


def added(path: str, text: str) -> str:
    lines = text.splitlines()
    head = f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n"
    return head + "".join(f"+{line}\n" for line in lines)


def test_the_branch_holds_exactly_the_change_with_the_caller_as_author(rig: Rig) -> None:
    main = rig.repository.head
    made = propose(rig)
    show = rig.repository.git("show", "--format=%an <%ae>|%s|%P", made.branch)

    assert made.branch.startswith("gitward/lower-the-bar-")
    assert show.startswith(f"ada@example.com <ada@example.com>|Lower the bar|{main}")
    assert "+passing_score_threshold: 60" in show
    assert rig.repository.git("diff", "--name-only", main, made.branch) == "policies/laptops.yaml"
    assert rig.repository.git("rev-parse", made.branch) == made.commit
    assert rig.repository.git("rev-parse", "main") == main
    assert made.base == f"main@sha1:{main}"


def test_merging_the_proposal_puts_it_in_force(rig: Rig) -> None:
    made = propose(rig)
    rig.repository.git("merge", "--quiet", "--ff-only", made.branch)
    assert rig.reconcile().kind == "applied"
    with rig.store.read() as reading:
        assert reading.in_force().policies["laptops"].document.passing_score_threshold == 60
        actions = [entry.action for entry in reading.audit(1, 50).items]
    assert "propose" in actions


def test_the_same_proposal_twice_is_a_conflict_and_moves_nothing(rig: Rig) -> None:
    first = propose(rig)
    with pytest.raises(ConflictError, match="proposed before"):
        propose(rig)  # within the same second it would be the very same commit
    rig.clock.forward(minutes=5)
    with pytest.raises(ConflictError, match="proposed before"):
        propose(rig)
    assert rig.repository.git("rev-parse", first.branch) == first.commit


def test_a_new_file_goes_below_the_configured_path(tmp_path: Path) -> None:
    rig = Rig(tmp_path, path="config")
    rig.commit({f"config/{path}": text for path, text in base().items()})
    rig.reconcile()
    made = propose(rig, added("exceptions/new.yaml", exception("two")))
    names = rig.repository.git("diff", "--name-only", "main", made.branch)
    assert names == "config/exceptions/new.yaml"
    rig.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "cannot be applied"),
        (added("README.md", "hello"), "no document's path"),
        (added("policies/../.github/workflows/x.yaml", "on: push"), "no document's path"),
        (added("policies/x.yaml", "name: [\n"), "would not be applied"),
        (added("exceptions/x.yaml", exception("nothing")), "would not be applied"),
    ],
)
def test_what_could_not_be_merged_is_not_pushed(rig: Rig, text: str, words: str) -> None:
    with pytest.raises(RejectedError, match=words):
        propose(rig, text)
    assert rig.repository.git("branch", "--list", "gitward/*") == ""


def test_it_is_off_unless_the_operator_allows_it(rig: Rig) -> None:
    with pytest.raises(ForbiddenError, match="GITWARD_PROPOSALS"):
        proposer(rig, enabled=False).propose(change(), "x", "ada", rig.clock())


def test_a_remote_whose_rules_refuse_is_said_so_and_leaves_nothing_behind(rig: Rig) -> None:
    hook = rig.repository.path / ".git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(AccessDeniedError, match="rejects"):
        propose(rig)
    mirror = next((rig.folder / "data").rglob("HEAD")).parent
    refs = subprocess.run(
        ["git", f"--git-dir={mirror}", "for-each-ref"], check=True, capture_output=True, text=True
    ).stdout
    assert "gitward-proposals" not in refs


@pytest.mark.parametrize(
    "hostile", ["a\nfrom 0000", "<x> evil", "done\ncommit refs/heads/main", ""]
)
def test_names_and_titles_cannot_become_commands(rig: Rig, hostile: str) -> None:
    main = rig.repository.head
    made = propose(rig, actor=hostile, title=f"T {hostile}")
    assert rig.repository.git("rev-parse", "main") == main
    assert rig.repository.git("rev-list", "--count", f"main..{made.branch}") == "1"
    author = rig.repository.git("show", "--no-patch", "--format=%an%n%ae", made.branch)
    assert len(author.splitlines()) == 2


@pytest.mark.parametrize(
    ("address", "page"),
    [
        (
            "https://github.com/o/r.git",
            "https://github.com/o/r/compare/main...gitward/x-1?expand=1",
        ),
        ("ssh://git@github.com/o/r", "https://github.com/o/r/compare/main...gitward/x-1?expand=1"),
        (
            "https://gitea.example.com/o/r",
            "https://gitea.example.com/o/r/compare/main...gitward/x-1",
        ),
        (
            "https://gitlab.example.com/g/s/r.git",
            f"{GITLAB}%5Bsource_branch%5D=gitward%2Fx-1&merge_request%5Btarget_branch%5D=main",
        ),
        ("/srv/repository", None),
        ("https://git.example.com/o/r", None),
    ],
)
def test_the_page_to_open_a_pull_request_is_known_for_known_hosts(
    address: str, page: str | None
) -> None:
    assert request_url(address, "refs/heads/main", "gitward/x-1") == page
