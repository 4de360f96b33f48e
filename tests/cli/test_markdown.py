from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.cli.review.markdown import code
from controller.cli.review.plan_markdown import plan_markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "</details><img src=x onerror=alert(1)>",
    "`` ` ``",
    "`",
    "@everyone see #1 and !2",
    "[link](https://example.com) https://example.com",
    "a | b",
    "line\nbreak\r\n## heading",
    "\u202egnp.exe",
    "<!-- gitward:plan -->",
    "$`x`$",
    "",
    "   ",
    "x" * 10_000,
]


def span(text: str) -> str | None:
    """The content of a code span, as CommonMark reads it; none when it is not exactly one span."""
    opening = re.match(r"`+", text)
    if opening is None:
        return None
    fence = opening.group()
    body = text[len(fence) :]
    runs = [run for run in re.finditer(r"`+", body) if len(run.group()) == len(fence)]
    if len(runs) != 1 or not body.endswith(fence):
        return None
    inner = body[: -len(fence)]
    padded = len(inner) > 1 and inner[0] == inner[-1] == " " and inner.strip()
    return inner[1:-1] if padded else inner


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_one_code_span_on_one_line(text: str) -> None:
    shown = code(text)
    assert "\n" not in shown
    assert "|" not in shown
    assert shown == "(empty)" or span(shown) is not None


@settings(deadline=None)
@given(st.text(st.sampled_from("`a |\n<>")) | st.text())
def test_whatever_is_said_is_read_back_as_text(text: str) -> None:
    shown = code(text, widest=10_000)
    plain = "".join(c if c.isprintable() else " " for c in text).strip().replace("|", "\u00a6")
    assert (span(shown) if plain else "") == plain
    assert unescape(shown) == shown or "&" in text


def body(operations: int) -> dict[str, Any]:
    each = {
        "op": "change",
        "kind": "exception",
        "path": "exceptions/x.yaml",
        "line": 1,
        "previous_path": None,
        "fields": [{"field": "reason", "from": "a", "to": "@admin <b>now</b>"}],
        "effect": "weakens",
        "weakens": [{"by": "end", "fleet": None}],
        "protected": False,
        "expired": False,
        "hint": "",
        "fleet": None,
    }
    return {
        "base": "main",
        "head": "x",
        "digest": "0" * 64,
        "counts": {"add": 0, "change": operations, "move": 0, "adopt": 0, "delete": 0},
        "held": None,
        "operations": [{**each, "id": f"waiver-{number}"} for number in range(operations)],
        "settings": [],
        "settings_effect": "neutral",
        "impact": None,
    }


def test_markup_in_a_reason_stays_in_code() -> None:
    assert '`"@admin <b>now</b>"`' in plan_markdown(body(1))[0]
