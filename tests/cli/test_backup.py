from __future__ import annotations

import threading
from pathlib import Path

import pytest

from controller.store.port.reports import Submission
from controller.store.store import open_store
from tests.builders import NOW, add_key, enroll, make_check, make_policy, make_report, sha
from tests.cli.runner import run


def filled(data: Path) -> str:
    """A store with one machine; its uuid."""
    store = open_store(data)
    report = make_report({"check-1": "failed"})
    with store.write() as tx:
        tx.seed_checks([make_check()], actor="t", as_of=NOW)
        tx.put_object("policy", make_policy(), actor="t", as_of=NOW, create=True)
        add_key(tx)
        machine = enroll(tx, "token")
        tx.record_reports([Submission(machine.uuid, sha("token"), report, NOW)])
    store.close()
    return machine.uuid


def test_what_was_backed_up_is_there_after_a_restore(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uuid = filled(tmp_path / "data")

    saved = run(capsys, "backup", tmp_path / "saved.db", "--data", tmp_path / "data")
    restored = run(capsys, "restore", tmp_path / "saved.db", "--data", tmp_path / "new")

    assert (saved.code, restored.code) == (0, 0)
    assert "2 objects, 1 machines" in restored.out
    store = open_store(tmp_path / "new")
    with store.read() as reading:
        assert reading.fleet_totals(NOW).overall.assessed == 1
        assert reading.machine(uuid) is not None
    store.close()


def test_a_backup_taken_under_load_holds_everything_committed_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path / "data")
    store = open_store(tmp_path / "data")
    committed: list[str] = []
    some, stop = threading.Event(), threading.Event()

    def enroll_more() -> None:
        while not stop.is_set():
            with store.write() as tx:
                machine = enroll(tx, f"token-{len(committed)}")
            committed.append(machine.uuid)
            some.set()

    writer = threading.Thread(target=enroll_more)
    writer.start()
    assert some.wait(20)
    before = list(committed)
    saved = run(capsys, "backup", tmp_path / "saved.db", "--data", tmp_path / "data")
    stop.set()
    writer.join()
    store.close()
    assert saved.code == 0
    run(capsys, "restore", tmp_path / "saved.db", "--data", tmp_path / "new")

    copy = open_store(tmp_path / "new")
    with copy.read() as reading:
        missing = [uuid for uuid in before if reading.machine(uuid) is None]
    copy.close()
    assert missing == []


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 50], ids=["empty", "foreign"])
def test_a_file_that_is_no_backup_is_refused_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (tmp_path / "wrong.db").write_bytes(content)

    refused = run(capsys, "restore", tmp_path / "wrong.db", "--data", tmp_path / "new")

    assert refused.code == 3
    assert "not a database of this program" in refused.err
    assert not (tmp_path / "new").exists()


def test_a_damaged_backup_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(tmp_path / "data")
    run(capsys, "backup", tmp_path / "saved.db", "--data", tmp_path / "data")
    body = bytearray((tmp_path / "saved.db").read_bytes())
    for page in range(2, len(body) // 4096, 3):
        body[page * 4096 : page * 4096 + 64] = b"\xa5" * 64
    (tmp_path / "saved.db").write_bytes(body)

    refused = run(capsys, "restore", tmp_path / "saved.db", "--data", tmp_path / "new")

    assert refused.code == 3


def test_nothing_is_ever_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(tmp_path / "data")
    run(capsys, "backup", tmp_path / "saved.db", "--data", tmp_path / "data")

    twice = run(capsys, "backup", tmp_path / "saved.db", "--data", tmp_path / "data")
    onto = run(capsys, "restore", tmp_path / "saved.db", "--data", tmp_path / "data")

    assert (twice.code, onto.code) == (3, 3)
    assert "exists already" in twice.err
    assert "exists already" in onto.err


def test_a_folder_without_a_store_has_nothing_to_back_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(capsys, "backup", tmp_path / "saved.db", "--data", tmp_path)

    assert found.code == 3
    assert "name the controller's data folder" in found.err


def test_the_doctor_names_what_is_there_and_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open").chmod(0o755)

    fine = run(capsys, "doctor", "--data", tmp_path / "none")
    wrong = run(capsys, "doctor", "--data", tmp_path / "open")

    assert fine.code == 0, fine.out
    assert {line.split()[1] for line in fine.out.splitlines()} >= {
        "python",
        "git",
        "sqlite",
        "data",
    }
    assert wrong.code == 1
    assert "is open to others" in wrong.out
