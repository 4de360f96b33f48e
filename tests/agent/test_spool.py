import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.agent.spool import Spool


class CrashError(BaseException):
    """The process ends here."""


class Disk:
    """The system calls of a spool, which end the process at a chosen one."""

    def __init__(self, patch: pytest.MonkeyPatch, crash_at: int) -> None:
        self.left = crash_at
        for name in ("open", "write", "fsync"):
            patch.setattr(os, name, self._wrapped(getattr(os, name)))
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, self._wrapped(getattr(Path, name)))

    def _wrapped(self, real):
        def call(*arguments, **named):
            self.left -= 1
            if self.left == 0:
                if real.__name__ == "write":
                    descriptor, data = arguments
                    real(descriptor, bytes(data)[: len(data) // 2])
                raise CrashError
            return real(*arguments, **named)

        return call


def bodies(spool):
    return [report.path.read_bytes() for report in spool.waiting()]


def test_reports_come_back_oldest_first_after_a_restart(tmp_path):
    spool = Spool(tmp_path / "s", pytest.fail)
    for number in range(12):
        spool.put(f"aa-{number}", b"%d" % number)

    again = Spool(tmp_path / "s", pytest.fail)
    assert bodies(again) == [b"%d" % number for number in range(12)]
    again.remove(again.waiting()[0])
    again.put("bb", b"last")

    assert bodies(again) == [b"%d" % number for number in range(1, 12)] + [b"last"]
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0
    assert again.waiting()[0].path.stat().st_mode & 0o077 == 0


def test_the_oldest_makes_room_and_that_is_said(tmp_path):
    said: list[str] = []
    spool = Spool(tmp_path, said.append, most_reports=2, most_bytes=100)

    for name in "abc":
        spool.put(name, b"x" * 40)
    assert [report.report_id for report in spool.waiting()] == ["b", "c"]
    spool.put("d", b"x" * 90)

    assert [report.report_id for report in spool.waiting()] == ["d"]
    assert [line.split()[2] for line in said] == ["a,", "b,", "c,"]


def test_the_newest_stays_even_when_it_alone_is_too_large(tmp_path):
    spool = Spool(tmp_path, pytest.fail, most_bytes=10)

    spool.put("a", b"x" * 50)

    assert bodies(spool) == [b"x" * 50]


def test_foreign_files_are_left_alone(tmp_path):
    (tmp_path / "README").write_text("mine")
    (tmp_path / ".unfinished-x").write_text("half")

    assert Spool(tmp_path, pytest.fail).waiting() == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README"]


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(0, 200), min_size=1, max_size=5),
    taken=st.integers(0, 2),
    crash_at=st.integers(1, 40),
)
def test_a_crash_at_any_point_leaves_whole_reports_and_all_that_were_kept(sizes, taken, crash_at):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        spool = Spool(Path(folder), pytest.fail)
        put = [b"%d:" % number + b"x" * size for number, size in enumerate(sizes)]
        kept: list[bytes] = []
        Disk(patch, crash_at)
        in_flight: set[bytes] = set()
        try:
            for number, body in enumerate(put):
                in_flight = {body}
                spool.put(f"a{number}", body)
                kept.append(body)
                in_flight = set()
            for report in spool.waiting()[:taken]:
                in_flight = {kept[0]}
                spool.remove(report)
                kept.pop(0)
                in_flight = set()
        except CrashError:
            pass
        patch.undo()

        found = bodies(Spool(Path(folder), pytest.fail))

        assert set(kept) - in_flight <= set(found) <= set(kept) | in_flight
        assert found == [body for body in put if body in found]
