from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.errors import MalformedError, RejectedError
from controller.intake.strict_json import MAX_DEPTH, parse

TEXT = st.text(
    alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")
) | st.sampled_from(['"', "\\", '\\"', "[[[[", "}]", "\\\\", "\n", "é"])
LEAF = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(JSON, st.integers(0, MAX_DEPTH + 2), st.booleans())
@example("[" * 40, MAX_DEPTH, True)
def test_what_is_shallow_enough_is_read_as_it_is(value: Any, more: int, ascii_only: bool) -> None:
    for _ in range(more):
        value = [value]
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    if depth(value) > MAX_DEPTH:
        with pytest.raises(MalformedError, match="levels deep"):
            parse(body)
    else:
        assert parse(body) == value


@pytest.mark.parametrize("text", ["a\0", "\ud800", "x\udfffy"])
@pytest.mark.parametrize("wrap", [lambda t: t, lambda t: {"a": [t]}, lambda t: {t: 1}])
def test_what_cannot_be_stored_is_refused(text: str, wrap: Any) -> None:
    with pytest.raises(RejectedError, match="must not contain"):
        parse(json.dumps(wrap(text)).encode())


def test_an_escaped_pair_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 17 + b"]" * 17])
def test_depth_is_refused_at_any_size(body: bytes) -> None:
    with pytest.raises(MalformedError):
        parse(body)
