from __future__ import annotations

from difflib import unified_diff

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.config.apply_patch import apply_patch
from controller.errors import RejectedError

TEXTS = st.lists(st.sampled_from(["a", "b", "", "é", "x\r", "\u2028y", "- c"]), max_size=12).map(
    "\n".join
)


def lines(text: str) -> list[str]:
    parts = text.split("\n")
    return [f"{each}\n" for each in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def diff(before: str | None, after: str | None, path: str = "policies/a.yaml") -> str:
    told = unified_diff(
        lines(before or ""),
        lines(after or ""),
        "/dev/null" if before is None else f"a/{path}",
        "/dev/null" if after is None else f"b/{path}",
        n=1,
    )
    return "".join(
        each if each.endswith("\n") else f"{each}\n\\ No newline at end of file\n" for each in told
    )


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_what_a_diff_was_made_from_becomes_what_it_was_made_for(before: str, after: str) -> None:
    patch = diff(before, after)
    if patch:
        assert apply_patch(patch, lambda _: before) == {"policies/a.yaml": after}


@settings(deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_another_text_is_refused_or_changed_at_the_very_same_lines(
    before: str, after: str, other: str
) -> None:
    patch = diff(before, after)
    if patch and other != before:
        try:
            found = apply_patch(patch, lambda _: other)["policies/a.yaml"]
        except RejectedError:
            return
        assert found is not None
        assert apply_patch(diff(other, found) or patch, lambda _: other) == {
            "policies/a.yaml": found
        }


def test_files_come_and_go() -> None:
    new, gone = diff(None, "a\n", "policies/new.yaml"), diff("a\n", None, "policies/gone.yaml")
    texts = {"policies/gone.yaml": "a\n"}
    assert apply_patch(new + gone, texts.get) == {
        "policies/new.yaml": "a\n",
        "policies/gone.yaml": None,
    }


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ("", "no file"),
        ("hello", "no line of a unified diff"),
        ("--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n", "renamed"),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n", "within a hunk"),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-other\n+b\n", "not what the patch was made from"),
        ("--- a/x\n+++ b/x\n@@ -9 +9 @@\n-a\n+b\n", "not what the patch was made from"),
        ("--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+b\n", "is there already"),
        ("--- a/nothing\n+++ b/nothing\n@@ -1 +1 @@\n-a\n+b\n", "is not there"),
        ("--- a/x\n+++ /dev/null\n@@ -1,2 +1 @@\n-a\n b\n", "leaves text"),
        ("--- /dev/null\n+++ /dev/null\n", "no name"),
        ("--- x\n+++ y\n", "names no file"),
        ("--- a/x\n+++ b/x\n@@ -1,9999999 +1 @@\n-a\n", "within a hunk"),
        (("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n" * 2), "occurs twice"),
    ],
)
def test_what_does_not_fit_exactly_is_refused(patch: str, words: str) -> None:
    texts = {"x": "a\nb\n"}
    with pytest.raises(RejectedError, match=words):
        apply_patch(patch, texts.get)


@settings(deadline=None)
@given(st.text(st.sampled_from("-+@ ab/1,\n\\"), max_size=200))
def test_nonsense_is_refused_and_never_crashes(text: str) -> None:
    with pytest.raises(RejectedError):
        apply_patch(text, {"x": "a\n"}.get)
