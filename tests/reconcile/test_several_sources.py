"""More than one source: each its own status and settings, one manager for each object, and limits."""

from __future__ import annotations

import pytest

from controller.errors import GitOnlyError
from controller.model.operator import SourceLimit
from tests.reconcile.documents import policy as policy_document
from tests.reconcile.repository import base, catalog, exception, policy
from tests.reconcile.several import Sources

TEAM: dict[str, str | None] = {
    "policies/team.yaml": policy("Team"),
    "checks/team.yaml": catalog("team-one").replace("catalog: base", "catalog: team"),
}


def test_each_source_manages_what_it_declares_and_has_its_own_status(sources: Sources) -> None:
    central, team = sources.add("central"), sources.add("team")
    central.commit(base())
    team.commit(TEAM)
    assert sources.reconcile("central").kind == "applied"
    assert sources.reconcile("team").kind == "applied"
    assert sources.managers() == {"laptops": "git:central", "team": "git:team"}

    team.commit({"policies/team.yaml": "name: [\n"})
    assert sources.reconcile("team").reason == "InvalidConfiguration"
    assert sources.reconcile("central").kind == "settled"
    for name, ready in (("central", "True"), ("team", "False")):
        condition = sources.status(name).condition("Ready")
        assert condition is not None
        assert condition.status == ready
    assert sources.status("central").problems == ()


def test_a_second_declaration_of_an_id_is_an_error_naming_both(sources: Sources) -> None:
    central, team = sources.add("central"), sources.add("team")
    central.commit(base())
    sources.reconcile("central")
    team.commit({**TEAM, "policies/laptops.yaml": policy("Mine")})
    assert sources.reconcile("team").reason == "InvalidConfiguration"
    (problem,) = sources.status("team").problems
    assert (problem.code, problem.path, problem.line) == ("GW604", "policies/laptops.yaml", 1)
    assert "'central'" in problem.message
    assert "policies/laptops.yaml:1 at" in problem.message
    assert sources.managers() == {"laptops": "git:central"}


def test_deleting_a_whole_source_touches_no_other(sources: Sources) -> None:
    central, team = sources.add("central"), sources.add("team")
    central.commit(base())
    team.commit(TEAM)
    sources.reconcile("central")
    sources.reconcile("team")
    team.commit({"policies/team.yaml": None, "checks/team.yaml": None})
    assert sources.reconcile("team").reason == "PruneBlocked"
    assert sources.managers() == {"laptops": "git:central", "team": "git:team"}


def test_each_source_prunes_by_its_own_settings(sources: Sources) -> None:
    many = {f"exceptions/e{n}.yaml": exception("one") for n in range(20)}
    gone: dict[str, str | None] = dict.fromkeys(list(many)[:8])
    for name in ("careful", "free"):
        repository = sources.add(name)
        prefix = {"careful": "c", "free": "f"}[name]
        files: dict[str, str | None] = {
            f"policies/{name}.yaml": policy(name),
            "checks/base.yaml": catalog(f"{prefix}-one").replace(
                "catalog: base", f"catalog: {name}"
            ),
            **{
                path.replace("/e", f"/{prefix}"): text.replace("one", f"{prefix}-one")
                for path, text in many.items()
            },
        }
        if name == "free":
            files["gitward.yaml"] = "prune: {max_count: 100}\n"
        repository.commit(files)
        assert sources.reconcile(name).kind == "applied"
        repository.commit({path.replace("/e", f"/{prefix}"): None for path in gone})
    assert sources.reconcile("careful").reason == "PruneBlocked"
    assert sources.reconcile("free").kind == "applied"


def test_one_source_that_denies_api_writes_denies_them_for_all(sources: Sources) -> None:
    central, team = sources.add("central"), sources.add("team")
    central.commit(base())
    team.commit({**TEAM, "gitward.yaml": "api_writes: deny\n"})
    sources.reconcile("central")
    sources.reconcile("team")
    with pytest.raises(GitOnlyError), sources.store.write() as writing:
        writing.put_object(
            "policy", policy_document("mine"), actor="ada", as_of=sources.clock(), create=True
        )
    # Settings of the other source that are not changed by it are no change of its plan either.
    assert sources.reconcile("central").kind == "settled"
    central.commit({"policies/laptops.yaml": policy("Renamed")})
    ending = sources.reconcile("central")
    assert ending.message.endswith("1 change")


@pytest.mark.parametrize(
    ("limit", "files", "fields"),
    [
        (SourceLimit(kinds=("exception",)), TEAM, ["", ""]),
        (SourceLimit(tags=("web",)), TEAM, ["target_tags"]),
        (
            SourceLimit(tags=("web",)),
            {**TEAM, "policies/team.yaml": policy("Team", target_tags="[web, db]")},
            ["target_tags"],
        ),
        (
            SourceLimit(tags=("web",)),
            {
                **TEAM,
                "policies/team.yaml": policy("Team", target_tags="[web]"),
                "exceptions/all.yaml": exception("team-one"),
                "exceptions/db.yaml": exception("team-one", scope="tag", tag="db"),
            },
            ["scope", "scope"],
        ),
    ],
)
def test_what_lies_outside_of_a_limit_is_refused(
    sources: Sources, limit: SourceLimit, files: dict[str, str | None], fields: list[str]
) -> None:
    sources.add("team", limit).commit(files)
    assert sources.reconcile("team").reason == "InvalidConfiguration"
    problems = [each for each in sources.status("team").problems if each.level == "error"]
    assert [(each.code, each.field) for each in problems] == [("GW605", field) for field in fields]
    assert sources.managers() == {}


def test_what_lies_within_its_limit_is_applied_and_another_limit_judges_it_again(
    sources: Sources,
) -> None:
    repository = sources.add("team", SourceLimit(tags=("web", "db")))
    repository.commit(
        {
            **TEAM,
            "policies/team.yaml": policy("Team", target_tags="[web]"),
            "exceptions/web.yaml": exception("team-one", scope="tag", tag="web"),
            "exceptions/own.yaml": exception("team-one", scope="policy", policy_id="team"),
        }
    )
    assert sources.reconcile("team").kind == "applied"
    sources.add("team", SourceLimit(tags=("db",)))
    assert sources.reconcile("team").reason == "InvalidConfiguration"
    assert sources.managers() == {"team": "git:team"}
    sources.add("team", SourceLimit())
    assert sources.reconcile("team").kind == "applied"
