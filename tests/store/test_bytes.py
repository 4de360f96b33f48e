"""What is hashed is written just as it always was, so that stores of earlier releases go on."""

from __future__ import annotations

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from controller.model.posture import definition_digest
from controller.store.audit import FIRST, chained
from tests.builders import make_check

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
