"""What is read only in part must end as if it had been read whole."""

from __future__ import annotations

import json
import random
import uuid
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from controller.errors import MalformedError, RejectedError
from controller.intake.hearing import Hearing
from controller.intake.wire import parse_report
from controller.model.machine import Machine
from controller.model.posture import definition_digest
from controller.store.port.reports import Receipt, Submission
from controller.store.store import SqlStore, open_store
from tests.builders import NOW, add_key, enroll, make_check, make_policy, sha

CHECKS = [f"c{n}" for n in range(8)]
MACHINE = str(uuid.uuid4())


def result(check_id: str, status: str = "passed", **fields: Any) -> dict[str, Any]:
    return {"check_id": check_id, "status": status, **fields}


def body(results: list[dict[str, Any]], at: int = 0, **fields: Any) -> bytes:
    report = {
        "report_id": str(uuid.UUID(int=random.Random(at).getrandbits(128), version=4)),
        "collected_at": (NOW + timedelta(minutes=at)).isoformat(),
        "results": results,
        **fields,
    }
    return json.dumps(report, separators=(",", ":")).encode()


def heard(hearing: Hearing, data: bytes, machine: str = MACHINE) -> None:
    """As when the store has none of it on record: it reads the whole, and takes it."""
    report, found = hearing.read(machine, data)
    assert report.since is not None
    assert found is not None
    if report.since.size is None:
        report.since.whole()
    hearing.accepted(machine, found)


def test_only_results_that_differ_from_the_last_report_are_read() -> None:
    hearing = Hearing()
    heard(hearing, body([result(id_) for id_ in CHECKS]))
    changed = [result(id_, "failed" if id_ == "c3" else "passed") for id_ in CHECKS]

    report, _ = hearing.read(MACHINE, body(changed, at=1))

    assert [(each.check_id, each.status) for each in report.results] == [("c3", "failed")]
    assert report.since is not None
    assert report.since.size == len(CHECKS)
    assert report.since.whole() == parse_report(body(changed, at=1)).results


def test_what_the_store_did_not_take_is_not_remembered() -> None:
    hearing = Hearing()
    hearing.read(MACHINE, body([result(id_) for id_ in CHECKS]))

    report, _ = hearing.read(MACHINE, body([result(id_) for id_ in CHECKS], at=1))

    assert report.since is not None
    assert report.since.size is None
    assert len(report.since.whole()) == len(CHECKS)


def test_memory_is_bounded_and_the_longest_unheard_is_forgotten() -> None:
    hearing = Hearing(most=len(CHECKS))
    heard(hearing, body([result(id_) for id_ in CHECKS]))
    heard(hearing, body([result(id_) for id_ in CHECKS]), "another")

    again, _ = hearing.read(MACHINE, body([result(id_) for id_ in CHECKS], at=1))

    assert again.since is not None
    assert again.since.size is None


KNOWN = [result(id_, rows=[{"a": "1"}]) for id_ in CHECKS]
HOSTILE = {
    "a duplicate key beside known results": body(KNOWN)[:-1] + b',"report_id":"x"}',
    "results twice": body(KNOWN)[:-1] + b',"results":[]}',
    "results twice, known first": body(KNOWN)[:-1]
    + b","
    + body(KNOWN)[body(KNOWN).find(b'"results"') :],
    "an unknown field": body(KNOWN, agent_uuid=MACHINE),
    "an escaped unknown field": body(KNOWN)[:-1] + b',"\\u0061":1}',
    "a changed result with a duplicate key": body(KNOWN).replace(
        b'"status":"passed"', b'"status":"passed","status":"failed"', 1
    ),
    "a changed result with an unknown field": body([*KNOWN[:-1], result("c7", extra=1)]),
    "a changed result of another check that is there": body([*KNOWN[:-1], result("c0")]),
    "a changed result that is NaN": body(KNOWN).replace(b'"1"', b"NaN", 1),
    "a changed result with half a character": body(KNOWN).replace(b'"1"', b'"\\ud800"', 1),
    "a changed result with a number beyond 64 bits": body(
        [result("c0", actual_value=2**64), *KNOWN[1:]]
    ),
    "a changed result that closes early": body(KNOWN).replace(
        b'"1"}]}', b'"1"}]}],"x":[{"a":1}', 1
    ),
    "something behind": body(KNOWN) + b"x",
    "no end": body(KNOWN)[:-1],
    "results in the report's id": body(KNOWN, report_id='"results":[]'),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_what_is_refused_whole_is_refused_after_a_known_report_too(hostile: bytes) -> None:
    hearing = Hearing()
    heard(hearing, body(KNOWN))
    with pytest.raises(RejectedError) as whole:
        parse_report(hostile)

    with pytest.raises(RejectedError) as partly:
        report, _ = hearing.read(MACHINE, hostile)
        assert report.since is not None
        report.since.whole()

    assert type(partly.value) is type(whole.value)
    assert isinstance(partly.value, MalformedError) or partly.value.problems


def prepare(folder: Path) -> tuple[SqlStore, Machine, dict[str, str]]:
    store = open_store(folder)
    with store.write() as tx:
        checks = [
            make_check(id_, comparison_operator="equals", expected_result={"value": "1"})
            for id_ in CHECKS
        ]
        tx.seed_checks(checks, actor="t", as_of=NOW)
        tx.put_object("policy", make_policy(), actor="t", as_of=NOW, create=True)
        add_key(tx)
        machine = enroll(tx, "token")
    return store, machine, {each.id: definition_digest(each) for each in checks}


def send(store: SqlStore, machine: Machine, hearing: Hearing | None, data: bytes, at: int) -> Any:
    report, said = hearing.read(machine.uuid, data) if hearing else (parse_report(data), None)
    with store.write() as tx:
        submission = Submission(machine.uuid, sha("token"), report, NOW + timedelta(hours=at))
        (answer,) = tx.record_reports([submission])
    if isinstance(answer, Exception):
        return type(answer)
    # As the route does: only what was taken as it was is remembered.
    plain = not (
        answer.duplicate or answer.superseded or answer.unknown_checks or answer.outdated_checks
    )
    if hearing and said is not None and plain:
        hearing.accepted(machine.uuid, said)
    return answer


def test_a_process_that_has_just_started_reads_nothing_of_what_the_store_knows(
    tmp_path: Path,
) -> None:
    store, machine, _ = prepare(tmp_path)
    results = [result(id_) for id_ in CHECKS]
    first: Receipt = send(store, machine, Hearing(), body(results), 0)
    report, _ = Hearing().read(machine.uuid, body(results, at=1))
    assert report.since is not None

    def unread() -> Any:
        raise AssertionError("it was read")

    report = report._replace(since=report.since._replace(whole=unread))
    with store.write() as tx:
        later = NOW + timedelta(hours=1)
        (again,) = tx.record_reports([Submission(machine.uuid, sha("token"), report, later)])

    assert isinstance(again, Receipt)
    assert (first.accepted, first.changed) == (len(CHECKS), len(CHECKS))
    assert (again.accepted, again.changed) == (len(CHECKS), 0)
    store.close()


@pytest.mark.parametrize("at", [0, -5], ids=["a known id", "an older time"])
def test_what_is_no_report_is_refused_even_where_it_would_change_nothing(
    tmp_path: Path, at: int
) -> None:
    store, machine, _ = prepare(tmp_path)
    send(store, machine, Hearing(), body([result(id_) for id_ in CHECKS]), 0)
    wrong = body([result("c1", "well")], at=at)
    assert send(store, machine, Hearing(), wrong, 0) is RejectedError
    store.close()


def state(store: SqlStore, machine: Machine) -> Any:
    with store.read() as reading:
        found = reading.machine_state(machine.uuid, NOW)
        assert found is not None
        totals = reading.fleet_totals(NOW)
        return (
            found.posture,
            found.times,
            reading.evidence(machine.uuid),
            totals.overall,
            totals.checks,
        )


_STEP = st.tuples(
    st.dictionaries(st.sampled_from(CHECKS), st.sampled_from(["1", "0", "é"]), max_size=3),
    st.sampled_from(
        ["next", "next", "next", "restart", "late", "again", "fewer", "outdated", "edit", "catalog"]
    ),
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example([({}, "next"), ({}, "next"), ({}, "catalog")])
@example([({}, "next"), ({}, "restart"), ({"c1": "0"}, "next"), ({}, "restart")])
@given(st.lists(_STEP, min_size=3, max_size=14))
def test_reports_read_in_part_end_as_if_read_whole(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[dict[str, str], str]]
) -> None:
    folder = tmp_path_factory.mktemp("hearing")
    (one, first, digests), (two, second, _) = prepare(folder / "a"), prepare(folder / "b")
    hearing = Hearing()
    values = dict.fromkeys(CHECKS, "1")
    sent = [body([], at=-1)]
    for number, (changes, kind) in enumerate(steps):
        values.update(changes)
        if kind == "restart":
            hearing = Hearing()
        if kind == "catalog":
            for store in (one, two):
                with store.write() as tx:
                    check = make_check("c1", query=f"SELECT {number} AS value")
                    tx.seed_checks([check], actor="t", as_of=NOW + timedelta(hours=number))
        results = [
            result(id_, "passed", rows=[{"value": value}], digest=digests[id_])
            for id_, value in values.items()
        ]
        if kind == "outdated":
            results[2]["digest"] = "0" * 32
        if kind == "fewer":
            results = results[1:]
        data = (
            sent[-1] if kind == "again" else body(results, at=-number if kind == "late" else number)
        )
        sent.append(data)
        if kind == "edit":
            edited = body([result("c5", "error")], at=number)
            assert send(one, first, None, edited, number) == send(two, second, None, edited, number)
            data = body(results, at=number + 1)

        mine: Receipt = send(one, first, hearing, data, number)
        theirs: Receipt = send(two, second, None, data, number)

        assert mine == theirs
        assert state(one, first) == state(two, second)
    one.close()
    two.close()


@pytest.mark.parametrize("size", [900, 3_000], ids=["as one line", "with the whole"])
@pytest.mark.parametrize(
    "older",
    [
        None,
        zlib.compress(b'{"c1":[null,"changed",null]}'),
        b'{"c1":[1,"",null]}\n{"c1":[null,"changed",null]}\n',
    ],
    ids=["lines", "packed by an older release", "lines of an older release"],
)
def test_evidence_of_few_changes_stands_over_the_whole_until_all_is_packed_anew(
    tmp_path: Path, older: bytes | None, size: int
) -> None:
    store, machine, _ = prepare(tmp_path)
    hearing = Hearing()
    said = {id_: f"{id_} at first" for id_ in CHECKS}

    def report(at: int) -> None:
        results = [result(id_, details=text) for id_, text in said.items()]
        assert isinstance(send(store, machine, hearing, body(results, at=at), at), Receipt)

    report(0)
    said["c1"] = "changed"
    report(1)
    if older:
        with store.write() as tx:
            tx.db.run("UPDATE evidence_line SET body = ?", (older,))
    for at in range(2, 22):
        said[f"c{at % 3}"] = f"{at} {'x' * size}"
        report(at)
        with store.read() as reading:
            found = reading.evidence(machine.uuid)
            assert {id_: each.details for id_, each in found.items()} == said
