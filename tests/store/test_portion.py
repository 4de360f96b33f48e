"""A fleet-wide change writes what differs from the stored rows, all of it and nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.scoring.many import Column
from controller.scoring.standing import Figures
from controller.store.portion import PLACE, SHOWN, WHOLE, Portion
from controller.store.store import SqlStore, open_store

SLOT, SHOWN_SLOT = 1, 0
Rows = dict[tuple[int, int], Figures]

half = st.sampled_from(
    [(None, 4, None), (0, 0, 0), (0, 0, 1), (1, 3, 0), (10_000, 3, 1), (None, 3, 1)]
)
standing = st.builds(lambda one, other: (*one, *other), half, half)
places = st.tuples(st.sampled_from([1, 2, 3, 2**31 - 1]), st.sampled_from([0, 7, 2**32 - 1]))
rows = st.dictionaries(places, standing)


@pytest.fixture(scope="module")
def empty() -> Iterator[SqlStore]:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        yield store
        store.close()


def columns(machines: list[int], policy: int, wanted: Rows) -> tuple[Column, Column]:
    def column(start: int) -> Column:
        scores, risks, compliant = zip(
            *(wanted[machine, policy][start : start + 3] for machine in machines), strict=True
        )
        # Judging gives truth values.
        return Column(
            scores, bytes(risks), [None if each is None else each == 1 for each in compliant]
        )

    return column(0), column(3)


def stored(tx: Any, slot: int) -> Rows:
    return {
        (row[0], row[1]): tuple(row[2:])
        for row in tx.db.all(
            "SELECT machine, policy, hundredths, risk, compliant, bare_hundredths, bare_risk,"
            " bare_compliant FROM score WHERE slot = ?",
            (slot,),
        )
    }


@example(  # what it would be without exceptions alone
    there={(1, 0): (0, 0, 1, 0, 0, 1)}, seen={}, changes={(1, 0): (0, 0, 1, 0, 0, 0)}, leaves=set()
)
@given(there=rows, seen=rows, changes=rows, leaves=st.sets(places))
def test_only_and_all_of_what_differs_is_written(
    empty: SqlStore, there: Rows, seen: Rows, changes: Rows, leaves: set[tuple[int, int]]
) -> None:
    wanted = {place: each for place, each in {**there, **changes}.items() if place not in leaves}
    with empty.write() as tx:
        tx.db.run("DELETE FROM score")
        tx.save_scores([(SLOT, *place, *each) for place, each in there.items()])
        tx.save_scores([(SHOWN_SLOT, *place, *each) for place, each in seen.items()])
        found = tx.db.columns((PLACE, WHOLE), "FROM score WHERE slot = ?", (SLOT,))
        visible = tx.db.columns((PLACE, SHOWN), "FROM score WHERE slot = ?", (SHOWN_SLOT,))
        portion = Portion(SLOT, (found[0], found[1]), (visible[0], visible[1]))

        for policy in {policy for _, policy in wanted}:
            machines = sorted(machine for machine, each in wanted if each == policy)
            portion.take(machines, policy, columns(machines, policy, wanted))
        gone = portion.gone()
        tx.remove_scores(gone)
        tx.save_scores(portion.new)
        tx.replace_scores(portion.changed)

        assert stored(tx, SLOT) == wanted
        assert stored(tx, SHOWN_SLOT) == seen
    assert {row[1:] for row in gone} == there.keys() - wanted.keys()
    assert {row[1:3] for row in portion.new} == wanted.keys() - there.keys()
    assert {row[7:] for row in portion.changed} == {
        place for place, each in wanted.items() if place in there and each != there[place]
    }
    assert all(machines == sorted(machines) for _, machines, *_ in portion.moved)
    assert {
        (run[1][place], run[0]): tuple(column[place] for column in run[2:])
        for run in portion.moved
        for place in range(len(run[1]))
    } == {
        place: each[:3]
        for place, each in wanted.items()
        if place not in seen or seen[place][:3] != each[:3]
    }
