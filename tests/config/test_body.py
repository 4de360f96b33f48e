from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controller.config.body import check_api_document, document_from_body
from controller.config.load import load
from controller.errors import RejectedError
from controller.model.documents import RepositorySettings, Waiver
from tests.config.repository import AS_OF, repository

LOADED = load(repository(), as_of=AS_OF).configuration
POLICIES = {i: d.document for i, d in LOADED.policies.items()}
CHECKS = {i: d.document for i, d in LOADED.checks.items()}
POLICY = {"name": "Büro Nord", "cis_level": "level_1", "target_os": "linux"}
EXCEPTION = {
    "check_id": "linux-firewall-on",
    "scope": "tag",
    "tag": "lab",
    "reason": "Replaced in January by a new one.",
    "expires_at": "2026-12-31T00:00:00Z",
}


def judge(document, *, created_at=None):
    check_api_document(
        document,
        policies=POLICIES,
        checks=CHECKS,
        settings=RepositorySettings(),
        as_of=AS_OF,
        created_at=created_at,
    )


@pytest.mark.parametrize(
    ("kind", "body", "made"),
    [
        ("policy", POLICY, "buro-nord"),
        ("exception", EXCEPTION, "linux-firewall-on-lab"),
        ("policy", POLICY | {"name": "日本"}, "policy"),
        ("policy", POLICY | {"name": "x" * 200}, "x" * 63),
        ("policy", POLICY | {"id": "mine"}, "mine"),
    ],
)
def test_an_id_is_made_when_none_is_given(kind, body, made):
    assert document_from_body(kind, body).id == made


def test_a_partial_body_keeps_the_rest_and_null_restores_the_default():
    base = document_from_body(
        "policy", POLICY | {"passing_score_threshold": 90, "target_tags": ["a"]}
    )

    changed = document_from_body(
        "policy", {"passing_score_threshold": None, "target_tags": ["b"]}, base=base
    )

    assert (changed.id, changed.name) == (base.id, base.name)
    assert (changed.passing_score_threshold, changed.target_tags) == (80, ("b",))


def test_writing_back_what_was_read_changes_nothing():
    policy = document_from_body("policy", POLICY)
    waiver = document_from_body("exception", EXCEPTION)

    assert document_from_body("policy", policy.model_dump(mode="json"), base=policy) == policy
    assert document_from_body("exception", waiver.model_dump(mode="json"), base=waiver) == waiver


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("policy", {"name": "x"}, "cis_level"),
        ("policy", POLICY | {"enabeld": True}, "enabeld"),
        ("policy", POLICY | {"name": 5}, "name"),
        ("policy", POLICY | {"name": None}, "name"),
        ("policy", POLICY | {"schedule_type": "scheduled"}, "schedule"),
        ("policy", POLICY | {"passing_score_threshold": float("inf")}, "passing_score_threshold"),
        ("policy", POLICY | {"target_tags": "office"}, "target_tags"),
        ("exception", EXCEPTION | {"scope": "global"}, "tag"),
        ("exception", EXCEPTION | {"expires_at": "2026-12-31T00:00:00"}, "expires_at"),
        ("check", {"title": "T", "query": "DROP TABLE x"}, "category"),
    ],
)
def test_a_wrong_body_is_refused_naming_the_field(kind, body, field):
    with pytest.raises(RejectedError) as caught:
        document_from_body(kind, body)

    assert field in [name for name, _ in caught.value.problems]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"check_id": "nope"}, "check_id"),
        ({"expires_at": None}, "expires_at"),
        ({"expires_at": "2030-01-01"}, "expires_at"),
        ({"expires_at": "2026-06-30"}, "expires_at"),
        ({"scope": "policy", "tag": None, "policy_id": "nope"}, "policy_id"),
    ],
)
def test_an_exception_from_the_api_is_under_the_repository_s_limits(change, field):
    document = document_from_body("exception", EXCEPTION | change)

    with pytest.raises(RejectedError) as caught:
        judge(document)

    assert [name for name, _ in caught.value.problems] == [field]


def test_the_span_counts_from_when_the_exception_was_made():
    document = document_from_body("exception", EXCEPTION | {"expires_at": "2027-06-01"})

    judge(document)
    with pytest.raises(RejectedError, match="at most 365"):
        judge(document, created_at=datetime(2026, 1, 1, tzinfo=UTC))


def test_objects_that_await_others_are_taken():
    judge(document_from_body("policy", POLICY | {"exclude_checks": ["*"]}))
    waiver = document_from_body("exception", EXCEPTION | {"check_id": "linux-audit-on"})
    assert isinstance(waiver, Waiver)
    judge(waiver)
    ended = document_from_body("exception", EXCEPTION | {"expires_at": "2026-01-31"})
    judge(ended, created_at=datetime(2025, 12, 1, tzinfo=UTC))
