"""Passes that read only what changed come to the same as one that reads everything."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.terms import KINDS
from controller.store.store import SqlStore
from tests.reconcile.documents import policy as policy_document
from tests.reconcile.repository import base, catalog, exception, policy
from tests.reconcile.rig import Rig

TEXTS: dict[str, list[str | None]] = {
    "policies/a.yaml": [policy("A"), policy("A", enabled=False), policy("A", id="moved"), None],
    "policies/deep/b.yaml": [policy("B"), policy("B", id="moved"), "# x\n" + policy("B"), None],
    "checks/more.yaml": [catalog("four"), catalog("four", "five"), "name: [\n", None],
    "exceptions/e.yaml": [exception("two"), exception("four"), None],
    "gitward.yaml": ["exceptions: {max_days: 300}\n", "exceptions: {max_days: 10}\n", None],
}
EDITS = st.lists(
    st.dictionaries(st.sampled_from(sorted(TEXTS)), st.integers(0, 3), min_size=1, max_size=3),
    min_size=1,
    max_size=5,
)


def in_force(rig: Rig) -> dict[Any, Any]:
    with rig.store.read() as reading:
        found = reading.in_force()
    return {
        (kind, id_): (managed.document, managed.origin)
        for kind in KINDS
        for id_, managed in found.of_kind(kind).items()
    }


@settings(max_examples=8, deadline=None)
@given(EDITS)
def test_incremental_equals_fresh(edits: list[dict[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder) / "incremental")
        fresh = Rig(Path(folder) / "fresh")
        rig.commit(base())
        rig.reconcile()
        for edit in edits:
            files = {path: TEXTS[path][at % len(TEXTS[path])] for path, at in edit.items()}
            there = {path for path in files if (rig.repository.path / path).exists()}
            rig.commit({path: text for path, text in files.items() if text or path in there})
            rig.reconcile()
        # The last good revision, read by a controller that knows nothing.
        applied = str(rig.status.last_applied_revision).rpartition(":")[2]
        fresh.connect(at=rig.repository.path)
        rig.repository.git("reset", "--quiet", "--hard", applied)
        assert fresh.reconcile().kind == "applied"
        assert in_force(rig) == in_force(fresh)
        rig.close()
        fresh.close()


TABLES = (
    "object",
    "definition",
    "ended",
    "revision",
    "event",
    "audit",
    "meta",
    "source",
    "movement",
)


def stored(rig: Rig) -> dict[str, list[Any]]:
    """Everything that a pass writes, row by row."""
    with rig.store._driver.reading() as session:
        return {name: session.all(f"SELECT * FROM {name}") for name in TABLES}


def derived(store: SqlStore) -> Any:
    """What a store takes to be in force, compiled."""
    with store.read() as reading:
        found = reading.in_force()
    tables = [dict(found.of_kind(kind)) for kind in KINDS]
    book = found.rulebook
    selected = {id_: book.selected[id_] for id_ in found.policies}
    compiled = (book.positions, book.fits, selected, book.ended, book.timeline.instants)
    order = [list(table) for table in tables]
    return tables, order, dict(found.versions), found.settings, found.revision, compiled


def write_by_api(rig: Rig) -> None:
    """A change of the store that no pass made."""
    with rig.store.read() as reading:
        create = "by-hand" not in reading.in_force().policies
    with rig.store.write() as writing:
        if create:
            document = policy_document("by-hand")
            writing.put_object("policy", document, actor="eve", as_of=rig.clock(), create=True)
        else:
            writing.delete_object("policy", "by-hand", actor="eve", as_of=rig.clock())


GENTLE: dict[str, list[str | None]] = {
    "policies/laptops.yaml": [
        policy(),
        policy(description="Said better"),
        "# lower down\n" + policy(enabled=False),
        policy(include_checks="[one, two]"),
    ],
    "policies/second.yaml": [policy("Second"), policy("Third"), None],
    "checks/base.yaml": [
        catalog("one", "two", "three"),
        catalog("one", "two", "three", title="Told otherwise"),
        catalog("one", "two", "three", query="SELECT uid AS state FROM users"),
        catalog("one", "two", "three", "four"),
    ],
    "exceptions/old-app.yaml": [
        exception("one"),
        exception("two", "2026-06-20"),
        exception("one", owner="ada@example.com"),
    ],
    "exceptions/lab.yaml": [
        exception("one", "2026-08-01", scope="tag", tag="lab"),
        exception("three", "2026-07-01", scope="policy", policy_id="laptops"),
        None,
    ],
}
BETWEEN = st.lists(st.sampled_from(["", "", "", "api", "days", "merge"]), min_size=6, max_size=6)


@settings(max_examples=12, deadline=None)
@given(EDITS, BETWEEN)
def test_a_pass_that_remembers_equals_one_that_does_not(
    edits: list[dict[str, int]], between: list[str]
) -> None:
    follow(TEXTS, edits, between)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(sorted(GENTLE)), st.integers(0, 3), min_size=1, max_size=2),
        min_size=3,
        max_size=6,
    ),
    BETWEEN,
)
def test_a_pass_over_small_changes_equals_one_that_starts_anew(
    edits: list[dict[str, int]], between: list[str]
) -> None:
    follow(GENTLE, edits, between)


def follow(
    texts: dict[str, list[str | None]], edits: list[dict[str, int]], between: list[str]
) -> None:
    """The same passes over the same commits, one reconciler made anew for each of its passes."""
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder) / "remembers")
        other = Rig(Path(folder) / "forgets")
        rig.commit(base())
        for edit, event in zip([{}, *edits], ["", *between], strict=False):
            files = {path: texts[path][at % len(texts[path])] for path, at in edit.items()}
            there = {path for path in files if (rig.repository.path / path).exists()}
            rig.commit({path: text for path, text in files.items() if text or path in there})
            if event == "merge":
                rig.repository.git("commit", "--quiet", "--allow-empty", "--message", "between")
            for each in (rig, other):
                if event == "days":
                    each.clock.forward(days=45)
                if event == "api":
                    write_by_api(each)
            other.connect(at=rig.repository.path)

            assert rig.reconcile() == other.reconcile()

            assert stored(rig) == stored(other)
            assert derived(rig.store) == derived(SqlStore(rig.store._driver))
        rig.close()
        other.close()
