"""Proposals and previews where there are several sources, each with what it may declare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from controller.config.patch import patch
from controller.errors import NotFoundError, RejectedError
from controller.model.operator import SourceLimit
from controller.reconcile.preview import PlanRequest, Previewer
from controller.reconcile.proposals import Proposer, TakesProposals
from tests.reconcile.repository import base, catalog, exception, policy
from tests.reconcile.several import Sources
from tests.reconcile.test_proposals import added
from tests.reconcile.test_several_sources import TEAM

LIMIT = SourceLimit(tags=("web",))
OURS: dict[str, str | None] = {**TEAM, "policies/team.yaml": policy("Team", target_tags="[web]")}


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[Sources]:
    found = Sources(tmp_path)
    found.add("central").commit(base())
    found.add("team", LIMIT).commit(OURS)
    for name in ("central", "team"):
        assert found.reconcile(name).kind == "applied"
    yield found
    found.close()


def proposer(sources: Sources) -> Proposer:
    first, *others = (cast("TakesProposals", each) for each in sources._open.values())
    limits = {"team": LIMIT}
    return Proposer(first, sources.store, *others, enabled=True, limits=limits)


def propose(sources: Sources, text: str, source: str | None = None) -> Any:
    return proposer(sources).propose(text, "A change", "ada", sources.clock(), source)


def threshold(name: str, path: str, text: str | None) -> str:
    assert text is not None
    made = patch(text, path, name, {"passing_score_threshold": 60})
    assert made is not None
    return made


def branches(sources: Sources) -> dict[str, str]:
    return {
        name: repository.git("branch", "--list", "gitward/*", "--format=%(refname:short)")
        for name, repository in sources.repositories.items()
    }


@pytest.mark.parametrize(
    ("name", "id_", "path", "files"),
    [
        ("central", "laptops", "policies/laptops.yaml", base()),
        ("team", "team", "policies/team.yaml", OURS),
    ],
)
def test_a_change_goes_to_the_source_that_owns_the_object(
    sources: Sources, name: str, id_: str, path: str, files: dict[str, str | None]
) -> None:
    made = propose(sources, threshold(id_, path, files[path]))
    assert made.source == name
    expected = {"central": "", "team": "", name: made.branch}
    assert branches(sources) == expected


def test_a_new_document_goes_where_what_it_names_is_declared(sources: Sources) -> None:
    mine = propose(
        sources, added("exceptions/x.yaml", exception("team-one", scope="tag", tag="web"))
    )
    theirs = propose(sources, added("exceptions/y.yaml", exception("one")))
    assert (mine.source, theirs.source) == ("team", "central")


def test_what_lies_outside_of_the_owners_limit_is_refused_and_says_so(sources: Sources) -> None:
    text = added("exceptions/x.yaml", exception("team-one"))
    with pytest.raises(RejectedError, match="fits no source") as refused:
        propose(sources, text)
    with pytest.raises(RejectedError, match="would not be applied") as named:
        propose(sources, text, "team")
    assert "central: " in str(refused.value)
    assert "team: " in str(refused.value)
    assert "GW605" in str(named.value.problems)
    assert set(branches(sources).values()) == {""}


def test_what_another_source_declares_is_refused(sources: Sources) -> None:
    text = added("policies/laptops-too.yaml", policy("Mine", id="laptops", target_tags="[web]"))
    with pytest.raises(RejectedError, match="would not be applied") as refused:
        propose(sources, text, "team")
    assert "GW604" in str(refused.value.problems)


def test_what_fits_several_sources_must_name_one(sources: Sources) -> None:
    sources.add("third").commit({
        "policies/third.yaml": policy("Third"),
        "checks/third.yaml": catalog("third-one").replace("catalog: base", "catalog: third"),
    })  # fmt: skip
    assert sources.reconcile("third").kind == "applied"
    text = added("policies/new.yaml", policy("New"))
    with pytest.raises(RejectedError, match="fits several sources: central, third"):
        propose(sources, text)
    assert propose(sources, text, "third").source == "third"
    with pytest.raises(NotFoundError, match="no source 'fourth'"):
        propose(sources, text, "fourth")


def test_a_preview_keeps_to_the_sources_limit_and_needs_its_name(sources: Sources) -> None:
    first, *others = sources._open.values()
    previewer = Previewer(first, sources.store, *others, limits={"team": LIMIT})
    inside = {"policies/team.yaml": policy("Ours", target_tags="[web]")}
    outside = {"policies/team.yaml": policy("Ours")}

    made = previewer.preview(PlanRequest(files=inside, source="team"), sources.clock())
    assert [each["id"] for each in made["operations"]] == ["team"]
    with pytest.raises(RejectedError, match="would not be applied") as refused:
        previewer.preview(PlanRequest(files=outside, source="team"), sources.clock())
    assert "GW605" in str(refused.value.problems)
    with pytest.raises(RejectedError, match="central, team"):
        previewer.preview(PlanRequest(files=inside), sources.clock())
