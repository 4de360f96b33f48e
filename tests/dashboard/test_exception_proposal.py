"""The form where git owns exceptions and the operator lets the controller push branches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from controller.model.terms import ROLES
from controller.reconcile.proposals import Proposer
from tests.builders import sha
from tests.dashboard.serving import serving
from tests.reconcile.repository import base
from tests.reconcile.rig import Rig

REQUEST = "https://gitlab.example.com/g/r/-/merge_requests/new"
BUTTON = "Push a branch for review"


class Hosted:
    """The local repository, with the request page of a host that is known."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def request_url(self, branch: str) -> str:
        return f"{REQUEST}?branch={branch}"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    rig.commit(base())
    assert rig.reconcile().kind == "applied"
    with rig.store.write() as writing:
        for role in ROLES:
            hash_ = sha(f"gwu_{role}")
            writing.add_token(
                role, f"{role}@example.com", role, hash_,
                actor="tests", as_of=rig.clock(), expires_at=None,
            )  # fmt: skip
    yield rig
    rig.close()


@pytest.fixture
def site(rig: Rig) -> Iterator[str]:
    proposer = Proposer(Hosted(rig.source), rig.store, enabled=True)
    with serving(rig.store, rig.clock, proposals=proposer) as site:
        yield site


def form(rig: Rig, **fields: str) -> dict[str, str]:
    return {
        "checks": "two",
        "scope": "global",
        "reason": "The vendor's appliance is replaced in the summer.",
        "expires_at": f"{rig.clock() + timedelta(days=60):%Y-%m-%d}",
        "category": "waiver",
        "owner": "platform@example.com",
        "ticket": "https://tickets.example.com/1",
        "id": "two-until-summer",
        "action": "propose",
        **fields,
    }


def post(
    site: str, rig: Rig, role: str = "manager", headers: Any = None, **fields: str
) -> httpx.Response:
    return httpx.post(
        f"{site}/exceptions/new",
        data=form(rig, **fields),
        headers={"Sec-Fetch-Site": "same-origin"} if headers is None else headers,
        cookies={"gitward": f"gwu_{role}"},
        trust_env=False,
    )


def shown(site: str, role: str) -> str:
    cookies = {"gitward": f"gwu_{role}"}
    return httpx.get(f"{site}/exceptions/new", cookies=cookies, trust_env=False).text


def branches(rig: Rig) -> list[str]:
    return rig.repository.git("branch", "--list", "--format=%(refname:short)", "gitward/*").split()


def test_a_manager_pushes_a_branch_that_takes_effect_when_it_is_merged(rig: Rig, site: str) -> None:
    assert BUTTON in shown(site, "manager")
    assert BUTTON in post(site, rig, action="file").text
    answer = post(site, rig)

    assert answer.status_code == 200
    (branch,) = branches(rig)
    assert branch in answer.text
    assert f'href="{REQUEST}?branch={branch}"' in answer.text
    author = rig.repository.git("show", "--no-patch", "--format=%ae", branch)
    assert author.strip() == "manager@example.com"
    rig.repository.git("merge", "--quiet", "--ff-only", branch)
    assert rig.reconcile().kind == "applied"
    with rig.store.read() as reading:
        assert "two-until-summer" in reading.in_force().waivers
        assert "propose" in [entry.action for entry in reading.audit(1, 50).items]


def test_the_same_proposal_again_is_said_on_the_form(rig: Rig, site: str) -> None:
    values = {"expires_at": "2026-08-01"}
    post(site, rig, **values)
    rig.clock.forward(minutes=5)
    again = post(site, rig, **values)

    assert again.status_code == 409
    assert "proposed before" in again.text
    assert "two-until-summer" in again.text
    assert len(branches(rig)) == 1


def test_nobody_else_and_no_other_site_pushes(rig: Rig, site: str) -> None:
    assert BUTTON not in shown(site, "viewer")
    assert post(site, rig, "viewer").status_code == 403
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert post(site, rig, headers=headers).status_code == 403
    assert branches(rig) == []


@pytest.mark.parametrize("operator", ["has not allowed it", "has no remote"])
def test_the_form_stays_as_it_is_where_nothing_can_be_pushed(rig: Rig, operator: str) -> None:
    off = Proposer(Hosted(rig.source), rig.store, enabled=False)
    proposals = None if operator == "has no remote" else off
    with serving(rig.store, rig.clock, proposals=proposals) as site:
        page = shown(site, "manager")
        made_up = post(site, rig)

    assert BUTTON not in page
    assert "Show the file for git" in page
    assert made_up.status_code == 403
    assert branches(rig) == []
