from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from controller.model.plan import FieldChange
from controller.store.differences import LONGEST, MOST_FIELDS, ROOM, kept

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=600),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
CHANGES = st.lists(st.builds(FieldChange, st.text(max_size=600), VALUES, VALUES), max_size=40)


def test_a_changed_value_is_kept_with_what_it_was() -> None:
    changes = [FieldChange("severity", "high", "critical"), FieldChange("owner", None, "ann")]

    assert list(kept([changes, []])) == [
        {
            "fields": [
                {"field": "severity", "from": "high", "to": "critical"},
                {"field": "owner", "from": None, "to": "ann"},
            ]
        },
        {},
    ]


def test_of_a_list_is_kept_what_came_and_what_went() -> None:
    change = FieldChange("check_ids", ["a", "b", "c"], ["b", "c", "d"])

    assert list(kept([[change]])) == [
        {"fields": [{"field": "check_ids", "removed": "a", "added": "d"}]}
    ]


def test_a_list_in_another_order_is_kept_whole() -> None:
    change = FieldChange("check_ids", ["a", "b"], ["b", "a"])

    assert list(kept([[change]])) == [
        {"fields": [{"field": "check_ids", "from": "a, b", "to": "b, a"}]}
    ]


@given(st.lists(CHANGES, max_size=5))
def test_whatever_git_says_is_kept_within_bounds_and_in_order(objects: list[list[object]]) -> None:
    found = list(kept(objects))  # type: ignore[arg-type]

    assert len(found) == len(objects)
    for each, changes in zip(found, objects, strict=True):
        fields = each.get("fields", [])
        assert len(fields) + each.get("fields_left_out", 0) == len(changes)
        assert len(fields) <= MOST_FIELDS
        assert all(len(v) <= LONGEST for entry in fields for v in entry.values() if v is not None)
        json.dumps(each)


def test_a_revision_that_changes_very_much_keeps_the_first_and_counts_the_rest() -> None:
    long = FieldChange("description", "x" * 5_000, "y" * 5_000)

    found = list(kept([[long] * 3] * 1_000))

    assert len(json.dumps(found)) < 2 * ROOM
    assert found[0]["fields"]
    assert found[-1] == {"fields_left_out": 3}
