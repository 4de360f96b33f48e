"""What lies outside of what a source may declare. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from controller.config.finding import problem
from controller.model.configuration import Configuration
from controller.model.documents import Policy, Waiver
from controller.model.operator import SourceLimit
from controller.model.problem import Problem
from controller.model.terms import KINDS


def outside(head: Configuration, limit: SourceLimit, source: str) -> tuple[Problem, ...]:
    """A problem for every document that the operator does not let this source declare."""
    return tuple(sorted(_found(head, limit, source))) if limit else ()


def _found(head: Configuration, limit: SourceLimit, source: str) -> Iterator[Problem]:
    for kind in KINDS:
        for id_, declared in head.of_kind(kind).items():
            document, place = declared.document, declared.place
            if limit.kinds and kind not in limit.kinds:
                field, why = "", f"it may declare {', '.join(limit.kinds)} only"
            elif limit.tags and isinstance(document, Policy):
                field, why = "target_tags", _policy(document, limit)
            elif limit.tags and isinstance(document, Waiver):
                field, why = "scope", _waiver(document, limit, head)
            else:
                continue
            if why:
                message = (
                    f"{kind} {id_!r} is outside of what the source {source!r} may declare: {why}"
                )
                yield problem("GW605", place.path, place.line, place.column, field, message)


def _policy(document: Policy, limit: SourceLimit) -> str:
    """Which machines a policy would reach beyond the limit."""
    if not document.target_tags:
        return f"set target_tags, to some of {', '.join(limit.tags)}"
    beyond = sorted(set(document.target_tags) - set(limit.tags))
    return f"not machines tagged {', '.join(beyond)}" if beyond else ""


def _waiver(document: Waiver, limit: SourceLimit, head: Configuration) -> str:
    match document.scope:
        case "tag":
            return "" if document.tag in limit.tags else f"not machines tagged {document.tag}"
        case "policy":
            # Its own policies are within the limit, or are told themselves.
            mine = document.policy_id in head.policies
            return "" if mine else f"the policy {document.policy_id!r} is not its own"
        case _:
            return f"use the scope tag, with one of {', '.join(limit.tags)}"
