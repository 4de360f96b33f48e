"""Commands that read a data folder beside a controller, on a store that a real pass has filled."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from controller.errors import GitManagedError
from controller.reconcile.loop import Loop
from controller.reconcile.reconciler import Reconciler
from controller.store.port.machines import Claim
from controller.store.port.reports import Submission
from tests.builders import make_report
from tests.cli.runner import Ran, run
from tests.reconcile.repository import Repository, base, catalog, policy
from tests.reconcile.rig import Rig

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    rig.commit(base())
    rig.reconcile()
    yield rig
    rig.close()


def on(capsys: Capture, rig: Rig, *arguments: str) -> Ran:
    return run(capsys, *arguments, "--data", rig.folder / "data")


def test_a_ready_source_is_zero_and_names_its_revision(capsys: Capture, filled: Rig) -> None:
    ran = on(capsys, filled, "status")
    assert ran.code == 0
    assert f"in force   main@sha1:{filled.repository.head}" in ran.out


def test_a_broken_revision_is_one_and_names_file_and_line(capsys: Capture, filled: Rig) -> None:
    filled.commit({"policies/laptops.yaml": "name: X\ncis_level: level_9\ntarget_os: linux\n"})
    filled.reconcile()
    ran = on(capsys, filled, "status")
    assert ran.code == 1
    assert "policies/laptops.yaml:2:" in ran.out
    assert "Stalled    True InvalidConfiguration" in ran.out
    body = json.loads(on(capsys, filled, "status", "--format", "json").out)
    (source,) = body["sources"]
    assert source["problems"][0]["path"] == "policies/laptops.yaml"
    assert {c["type"] for c in source["conditions"]} == {"Ready", "Stalled"}


def test_warnings_are_counted_by_code_and_errors_are_listed(capsys: Capture, filled: Rig) -> None:
    text = catalog("one", "two", "three", query="SELECT username AS state FROM shadow")
    filled.commit({"checks/base.yaml": text})
    filled.reconcile()
    ran = on(capsys, filled, "status")
    assert ran.code == 0
    assert "3 GW505" in ran.out
    assert "checks/base.yaml" not in ran.out


def test_a_folder_without_data_is_a_usage_error(capsys: Capture, tmp_path: Path) -> None:
    ran = run(capsys, "status", "--data", tmp_path / "nothing")
    assert ran.code == 2
    assert "--server" in ran.err
    assert not (tmp_path / "nothing").exists()


def test_a_held_plan_is_shown_and_confirmed(capsys: Capture, filled: Rig) -> None:
    filled.commit(dict.fromkeys(base()))
    filled.reconcile()
    shown = on(capsys, filled, "status")
    assert shown.code == 1
    assert "deletes policy/laptops" in shown.out
    plan = filled.status.held_plan
    assert plan is not None
    wrong = on(capsys, filled, "confirm", "0" * 64)
    assert wrong.code == 3
    assert plan.digest in wrong.err
    ran = on(capsys, filled, "confirm", plan.digest)
    assert ran.code == 0
    assert "5 deletions" in ran.out
    assert filled.reconcile().kind == "applied"
    assert on(capsys, filled, "confirm", plan.digest).code == 3


def test_reconcile_waits_for_the_running_controller(capsys: Capture, filled: Rig) -> None:
    def now() -> datetime:
        return datetime.now(UTC)

    filled.reconciler = Reconciler(filled.source, filled.store, clock=now)
    loop = Loop(filled.reconciler, filled.store, interval=3600, clock=now, jitter=lambda: 0.5)
    loop.start()
    try:
        ran = on(capsys, filled, "reconcile", "--wait", "--timeout", "60")
    finally:
        loop.stop()
    assert ran.code == 0
    assert "Ready      True Applied" in ran.out


def test_reconcile_without_a_controller_says_so(capsys: Capture, filled: Rig) -> None:
    stored = on(capsys, filled, "reconcile")
    assert stored.code == 0
    assert "request 1" in stored.out
    ran = on(capsys, filled, "reconcile", "--wait", "--timeout", "0")
    assert ran.code == 3
    assert "gitward serve" in ran.err


def test_a_source_is_suspended_with_a_reason_and_resumed(capsys: Capture, filled: Rig) -> None:
    ran = on(capsys, filled, "suspend", "--reason", "Audit week", "--until", "2d")
    assert ran.code == 0
    assert "suspended until" in ran.out
    assert "Audit week" in on(capsys, filled, "status").out
    assert filled.reconcile().kind == "suspended"
    assert on(capsys, filled, "resume").code == 0
    assert not filled.status.suspended
    assert on(capsys, filled, "suspend", "--reason", "  ").code == 3


@pytest.mark.parametrize(
    ("kind", "headers", "row"),
    [
        ("policies", "ID       NAME", "laptops  Laptops  linux"),
        ("checks", "ID     SEVERITY", "one    low"),
        ("exceptions", "ID       STATE", "old-app  active  one     global"),
    ],
)
def test_objects_are_listed_in_aligned_columns(
    capsys: Capture, filled: Rig, kind: str, headers: str, row: str
) -> None:
    ran = on(capsys, filled, "get", kind)
    assert ran.code == 0
    assert ran.out.startswith(headers)
    assert row in ran.out


def test_lists_as_json_name_where_git_declares_each(capsys: Capture, filled: Rig) -> None:
    body = json.loads(on(capsys, filled, "get", "policies", "--format", "json").out)
    (entry,) = body["items"]
    assert entry["git"]["path"] == "policies/laptops.yaml"
    assert entry["git"]["commit"] == filled.repository.head
    assert entry["check_count"] == 3


def enrol(rig: Rig, hostname: str) -> str:
    key, token = f"key-{hostname}", sha256(hostname.encode()).hexdigest()
    hashed = sha256(key.encode()).hexdigest()
    at = rig.clock()
    with rig.store.write() as writing:
        writing.add_enrollment_key(
            key, key, hashed, tags=(), uses=1, actor="ada", as_of=at,
            expires_at=at + timedelta(days=1),
        )  # fmt: skip
    claim = Claim(hostname, "linux", "x86_64", "1.0")
    with rig.store.write() as writing:
        return writing.enroll(claim, hashed, token, at).uuid


def test_a_machine_is_found_by_hostname_or_uuid(capsys: Capture, filled: Rig) -> None:
    uuid = enrol(filled, "web-01")
    by_name = on(capsys, filled, "score", "WEB-01")
    assert by_name.code == 0
    assert uuid in by_name.out
    assert "laptops" in by_name.out
    body = json.loads(on(capsys, filled, "score", uuid, "--format", "json").out)
    assert body["counts"]["pending"] == 2
    assert body["counts"]["exempted"] == 1
    assert "web-01" in on(capsys, filled, "get", "machines").out


def test_a_score_lists_what_fails_and_how_to_read_on(capsys: Capture, filled: Rig) -> None:
    uuid = enrol(filled, "web-01")
    assert "SEVERITY" not in on(capsys, filled, "score", uuid).out
    report = make_report({"one": "failed", "two": "failed", "three": "passed"}, at=filled.clock())
    token_hash = sha256(b"web-01").hexdigest()
    with filled.store.write() as writing:
        (answer,) = writing.record_reports([Submission(uuid, token_hash, report, filled.clock())])
    assert not isinstance(answer, Exception)
    ran = on(capsys, filled, "score", uuid)
    (failing,) = [line for line in ran.out.splitlines() if line.startswith("low ")]
    assert failing.split()[1:3] == ["two", "failed"]
    assert failing.endswith("Title of two")
    assert "gitward explain two" in ran.out


def test_a_name_that_is_nobodys_or_several_machines_is_said(capsys: Capture, filled: Rig) -> None:
    missing = on(capsys, filled, "score", "nobody")
    assert missing.code == 3
    assert "no machine 'nobody'" in missing.err
    for _ in range(2):
        with filled.store.write() as writing:
            hashed = sha256(b"k").hexdigest()
            if not any(key.name == "k" for key in writing.enrollment_keys()):
                writing.add_enrollment_key(
                    "k", "k", hashed, tags=(), uses=None, actor="ada", as_of=filled.clock(),
                    expires_at=None,
                )  # fmt: skip
            claim = Claim("twin", "linux", "x86_64", "1.0")
            number = len(writing.every_machine())
            writing.enroll(claim, hashed, f"{number:064}", filled.clock())
    twins = on(capsys, filled, "score", "twin")
    assert twins.code == 3
    assert "2 machines" in twins.err


def test_a_token_is_printed_alone_and_works_until_revoked(capsys: Capture, filled: Rig) -> None:
    ran = on(capsys, filled, "token", "create", "ada", "--role", "manager", "--expires", "30d")
    assert ran.code == 0
    token = ran.out.strip()
    assert ran.out == token + "\n"
    hashed = sha256(token.encode()).hexdigest()
    now = datetime.now(UTC)
    with filled.store.read() as reading:
        principal = reading.principal(hashed, now)
    assert principal is not None
    assert (principal.name, principal.role) == ("ada", "manager")
    listed = on(capsys, filled, "token", "list", "--format", "json")
    assert token not in listed.out
    (entry,) = json.loads(listed.out)["items"]
    assert on(capsys, filled, "token", "revoke", entry["id"]).code == 0
    with filled.store.read() as reading:
        assert reading.principal(hashed, now) is None
    assert on(capsys, filled, "token", "revoke", "nothing").code == 3


def test_an_enrolment_key_carries_tags_uses_and_an_end(capsys: Capture, filled: Rig) -> None:
    ran = on(
        capsys, filled, "enrollment-key", "create", "--tag", "lab", "--tag", "office",
        "--uses", "3", "--expires", "12h",
    )  # fmt: skip
    assert ran.code == 0
    assert len(ran.out.split()) == 1
    listed = on(capsys, filled, "enrollment-key", "list")
    assert "lab, office" in listed.out
    assert ran.out.strip() not in listed.out
    with filled.store.read() as reading:
        (key,) = reading.enrollment_keys()
    assert key.uses_left == 3
    assert on(capsys, filled, "enrollment-key", "revoke", key.id).code == 0
    with filled.store.read() as reading:
        assert reading.enrollment_keys()[0].revoked_at is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "create", "ada", "--role", "root"),
        ("token", "create", "ada", "--role", "admin", "--expires", "soon"),
        ("token", "create", "ada", "--role", "admin", "--expires", "2020-01-01"),
        ("token",),
        ("enrollment-key", "create", "--uses", "0"),
        ("enrollment-key", "create", "--tag", "no spaces"),
        ("get", "everything"),
        ("confirm",),
        ("suspend",),
        ("suspend", "--reason", "x", "--until", "yesterday"),
    ],
)
def test_a_wrong_command_line_is_two(capsys: Capture, arguments: tuple[str, ...]) -> None:
    ran = run(capsys, *arguments)
    assert ran.code == 2
    assert ran.err


def test_a_controller_is_prepared_before_it_first_runs(capsys: Capture, tmp_path: Path) -> None:
    data = tmp_path / "new"
    ran = run(capsys, "token", "create", "ada", "--role", "admin", "--data", data)
    assert ran.code == 0
    assert (data / "gitward.db").is_file()


def test_what_a_commit_says_cannot_steer_the_terminal(capsys: Capture, filled: Rig) -> None:
    filled.commit({"policies/laptops.yaml": policy('"a\\u009b2Jb"')})
    filled.reconcile()
    for arguments in (("get", "policies"), ("status",)):
        ran = on(capsys, filled, *arguments)
        assert "\x9b" not in ran.out


def test_an_object_is_traced_to_its_author(capsys: Capture, filled: Rig) -> None:
    filled.commit({"policies/laptops.yaml": policy("Notebooks")}, "Call them notebooks")
    filled.reconcile()
    ran = on(capsys, filled, "trace", "policy/laptops")
    assert ran.code == 0
    for told in (
        "managed by git:default",
        "declared   policies/laptops.yaml:1",
        f"commit     {filled.repository.head}",
        "author     Ada <ada@example.com>: Call them notebooks",
        f"in force   main@sha1:{filled.repository.head}",
        "change by git:default",
        "add by git:default",
    ):
        assert told in ran.out
    body = json.loads(on(capsys, filled, "trace", "policy/laptops", "--format", "json").out)
    assert (body["path"], body["line"], body["source"]) == ("policies/laptops.yaml", 1, "default")


def test_a_comment_moves_the_files_commit_and_not_the_objects(capsys: Capture, filled: Rig) -> None:
    """Who is refused looks at the file as it is; who audits asks who changed the object."""
    first = filled.repository.head
    filled.commit({"policies/laptops.yaml": "# Asked about in May\n\n" + policy()}, "Explain")
    filled.reconcile()
    commented = filled.repository.head
    body = json.loads(on(capsys, filled, "trace", "policy/laptops", "--format", "json").out)
    out = on(capsys, filled, "trace", "policy/laptops").out

    assert (body["commit"], body["file_commit"], body["line"]) == (first, commented, 3)
    assert f"declared   policies/laptops.yaml:3 at {commented[:12]}" in out
    assert f"commit     {first}" in out
    with pytest.raises(GitManagedError) as refused, filled.store.write() as writing:
        writing.delete_object("policy", "laptops", actor="ada", as_of=filled.clock())
    assert f"policies/laptops.yaml:3 at {commented[:7]}" in str(refused.value)


def test_a_deleted_object_is_still_traced(capsys: Capture, filled: Rig) -> None:
    filled.commit({"exceptions/old-app.yaml": None}, "No longer needed")
    filled.reconcile()
    out = on(capsys, filled, "trace", "exception/old-app").out
    assert "deleted" in out
    assert "delete by git:default" in out
    assert on(capsys, filled, "trace", "policy/never").code == 3
    assert on(capsys, filled, "trace", "laptops").code == 3


def test_history_and_events_tell_what_was_applied_and_refused(capsys: Capture, filled: Rig) -> None:
    filled.commit({"policies/laptops.yaml": "name: [\n"}, "Break it")
    filled.reconcile()
    newest, oldest = on(capsys, filled, "history").out.splitlines()[1:]
    assert "InvalidConfiguration" in newest
    assert "Break it" in newest
    assert "applied" in oldest
    assert "5 add" in oldest
    records = json.loads(on(capsys, filled, "history", "--limit", "1", "--format", "json").out)
    assert [each["result"] for each in records] == ["rejected"]
    events = on(capsys, filled, "events").out
    assert "source/default  InvalidConfiguration" in events
    assert on(capsys, filled, "events", "--dead").out.splitlines()[1:] == []
    assert on(capsys, filled, "events", "--retry", "7").code == 3


def test_verify_is_zero_for_a_sound_folder_and_names_what_is_not(
    capsys: Capture, filled: Rig
) -> None:
    ran = on(capsys, filled, "verify")
    assert ran.code == 0
    assert "sound" in ran.out
    head = ran.out.splitlines()[-1].removeprefix("audit head ")
    assert on(capsys, filled, "verify", "--audit-head", head).code == 0
    assert on(capsys, filled, "verify", "--audit-head", "head").code == 2
    with sqlite3.connect(filled.folder / "data/gitward.db") as connection:
        connection.execute("UPDATE audit SET actor = 'nobody' WHERE number = 2")
    connection.close()
    ran = on(capsys, filled, "verify")
    assert ran.code == 1
    assert "audit: audit row 2: was edited" in ran.out
    body = json.loads(on(capsys, filled, "verify", "--format", "json").out)
    assert body["findings"][0]["about"] == "audit row 2"


def test_an_empty_variable_of_a_job_is_no_server_token_or_file(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job sees a variable that its project does not define as an empty one."""
    for name in ("SERVER", "TOKEN", "CA_FILE", "STRICT", "SOURCE"):
        monkeypatch.setenv(f"GITWARD_{name}", "")
    assert run(capsys, "init", tmp_path / "new").code == 0
    assert run(capsys, "validate", tmp_path / "new").code == 0
    repository = Repository(tmp_path / "new")
    repository.commit({})
    assert run(capsys, "plan", "--repo", repository.path).code == 0


@pytest.mark.parametrize(
    ("variable", "value", "command"),
    [
        ("GITWARD_FORMAT", "xml", ("validate",)),
        ("GITWARD_FORMAT", "", ("plan",)),
        ("GITWARD_VERIFY", "", ("serve", "--repo", "x")),
        ("GITWARD_ROLE", "root", ("token", "create", "x")),
    ],
)
def test_a_variable_that_is_none_of_the_choices_is_wrong_usage(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    command: tuple[str, ...],
) -> None:
    """An empty one too: a variable that got lost must not switch verification off."""
    monkeypatch.setenv(variable, value)
    ran = run(capsys, *command)
    assert (ran.code, ran.out) == (2, "")
    assert f"{variable} is {value!r}; write one of " in ran.err


def test_a_gate_whose_variable_got_lost_is_not_switched_off(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITWARD_MAX_NEWLY_NONCOMPLIANT", "")
    ran = run(capsys, "plan")
    assert (ran.code, ran.out) == (2, "")
    assert "--max-newly-noncompliant" in ran.err
