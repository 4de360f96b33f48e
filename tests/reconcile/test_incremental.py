"""Passes that read only what changed come to the same as one that reads everything."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.terms import KINDS
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
