"""What is hashed is written just as it always was, so that stores of earlier releases go on."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from controller.model.documents import AnyDocument
from controller.model.posture import definition_digest
from controller.store.audit import FIRST, chained
from controller.store.object_rows import body_of
from tests.builders import make_check, make_policy, make_waiver

COLUMNS = st.lists(st.text() | st.integers(-(2**63), 2**63 - 1) | st.none(), max_size=8)


def plainly(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


@given(COLUMNS)
def test_a_row_of_the_trail_has_the_hash_of_its_plain_json(columns: list[str | int | None]) -> None:
    text = FIRST.encode() + b"\n" + plainly(columns)

    assert chained(FIRST, tuple(columns)) == hashlib.sha256(text).hexdigest()


@given(
    st.text(min_size=1, max_size=50), st.dictionaries(st.text(max_size=20), st.text(max_size=20))
)
def test_a_definition_has_the_digest_of_its_plain_json(
    query: str, expected: dict[str, str]
) -> None:
    check = make_check(query=query, expected_result=expected, comparison_operator="equals")
    facts = [check.id, "osquery", query, "equals", expected, None]

    assert definition_digest(check) == hashlib.blake2b(plainly(facts), digest_size=16).hexdigest()


TEXTS = st.text(max_size=60)
DOCUMENTS = (
    st.builds(
        lambda text, threshold, tags: make_policy(
            description=text, passing_score_threshold=threshold, target_tags=tags
        ),
        TEXTS,
        st.integers(0, 100) | st.floats(0, 100),
        st.lists(st.sampled_from("abc")),
    )
    | st.builds(
        lambda steps, texts: make_check(
            comparison_operator="equals",
            expected_result=texts,
            remediation={"steps": steps},
            frameworks={key: [value] for key, value in texts.items()},
        ),
        st.lists(TEXTS, max_size=3),
        st.dictionaries(TEXTS, TEXTS, max_size=3),
    )
    | st.builds(
        lambda reason, ends: make_waiver(
            reason=f"A long enough reason: {reason}", expires_at=ends.isoformat()
        ),
        TEXTS,
        st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0)),
    )
)


@given(DOCUMENTS)
def test_a_document_is_stored_as_its_own_json_and_read_back_the_same(document: AnyDocument) -> None:
    body = body_of(document)

    assert json.loads(body) == json.loads(document.model_dump_json())
    assert type(document).model_validate_json(body) == document
