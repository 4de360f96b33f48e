"""Documents and configurations for the pure parts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controller.model.configuration import Configuration, Declared, Place
from controller.model.documents import Check, Policy, RepositorySettings, Waiver
from controller.model.managed import GitOrigin, Managed
from controller.model.plan import Plan
from controller.model.terms import KINDS, Kind

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)


def policy(id: str = "p", **fields: object) -> Policy:
    return Policy.model_validate(
        {"id": id, "name": f"Name of {id}", "cis_level": "level_1", "target_os": "linux", **fields}
    )


def check(id: str = "c", **fields: object) -> Check:
    return Check.model_validate(
        {
            "id": id,
            "title": f"Title of {id}",
            "category": "firewall",
            "severity": "medium",
            "cis_level": "level_1",
            "platforms": ["linux"],
            "description": "Why.",
            "query": "SELECT 1 AS state",
            "comparison_operator": "exists",
            **fields,
        }
    )


def waiver(id: str = "w", **fields: object) -> Waiver:
    return Waiver.model_validate(
        {
            "id": id,
            "check_id": "c",
            "scope": "global",
            "reason": "A long enough reason.",
            "expires_at": "2026-12-31",
            **fields,
        }
    )


FOLDERS = {Policy: "policies", Check: "checks", Waiver: "exceptions"}


def configuration(
    *documents: Policy | Check | Waiver,
    paths: Mapping[str, str] | None = None,
    lines: Mapping[str, int] | None = None,
    settings: RepositorySettings | None = None,
) -> Configuration:
    """Each document in a file named by its id, unless told otherwise."""
    tables: dict[type, dict[str, Any]] = {Policy: {}, Check: {}, Waiver: {}}
    for document in documents:
        default = f"{FOLDERS[type(document)]}/{document.id}.yaml"
        place = Place((paths or {}).get(document.id, default), (lines or {}).get(document.id, 1))
        tables[type(document)][document.id] = Declared(document, place)
    return Configuration(
        tables[Policy], tables[Check], tables[Waiver], settings or RepositorySettings()
    )


def managed(
    declared: Configuration, manager: str = "git:default"
) -> dict[tuple[Kind, str], Managed[Any]]:
    """The configuration as if it were in force."""
    found: dict[tuple[Kind, str], Managed[Any]] = {}
    for kind in KINDS:
        for id_, each in declared.of_kind(kind).items():
            origin = GitOrigin("default", each.place.path, each.place.line, "0" * 40)
            found[kind, id_] = Managed(
                each.document, manager, origin if manager.startswith("git:") else None, AS_OF, AS_OF
            )
    return found


def applied(
    current: Mapping[tuple[Kind, str], Managed[Any]], plan: Plan
) -> dict[tuple[Kind, str], Managed[Any]]:
    """What is in force after the plan, by the plan's words alone."""
    after = dict(current)
    for each in plan.operations:
        if each.document is None:
            del after[each.kind, each.id]
        else:
            origin = GitOrigin("default", each.place.path, each.place.line, "1" * 40)
            after[each.kind, each.id] = Managed(each.document, "git:default", origin, AS_OF, AS_OF)
    return after
