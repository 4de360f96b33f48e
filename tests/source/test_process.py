from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from controller.source.process import converse


def start(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        bufsize=0, start_new_session=True,
    )  # fmt: skip


def talk(process, stdin=b"", **settings):
    given: dict[str, Any] = {
        "seconds": 30,
        "max_output": 10**9,
        "cancel": threading.Event(),
    } | settings
    return converse(process, stdin, **given)


ECHO = "import shutil,sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"


def test_much_more_than_a_pipe_holds_goes_both_ways(no_child_left):
    sent = bytes(range(256)) * 40_000
    process = start(ECHO)

    said = talk(process, sent)

    assert bytes(said.out) == sent
    assert process.returncode == 0


def test_a_process_that_does_not_read_is_not_waited_for(no_child_left):
    process = start("import sys; sys.stderr.write('enough'); sys.exit(3)")

    said = talk(process, b"x" * 10_000_000)

    assert process.returncode == 3
    assert said.err == b"enough"


def test_a_process_that_hangs_and_ignores_being_asked_is_killed_with_its_children(no_child_left):
    code = (
        "import signal,subprocess,sys,time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('up', flush=True); time.sleep(600)"
    )
    process = start(code)

    said = talk(process, seconds=1)

    assert said.too_late
    assert process.returncode == -9


def test_a_grandchild_that_keeps_the_pipes_goes_with_the_group(no_child_left):
    code = (
        "import subprocess,sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('done')"
    )
    process = start(code)

    said = talk(process)

    assert not said.too_late
    assert said.out == b"done\n"
    assert process.returncode == 0


def test_a_process_that_closes_its_output_and_hangs_is_given_up(no_child_left):
    process = start("import os,time; os.close(1); os.close(2); time.sleep(600)")

    assert talk(process, seconds=0.5).too_late


def test_too_much_output_and_too_many_errors_are_bounded(no_child_left):
    loud = start("import sys\nwhile True: sys.stdout.write('x' * 10000)")
    grumpy = start("import sys\nfor _ in range(1000): sys.stderr.write('x' * 1000)")

    said = talk(loud, max_output=1_000_000)

    assert said.too_much
    assert len(said.out) <= 1_000_000
    assert len(talk(grumpy).err) == 64 * 1024


def test_a_consumer_takes_output_until_it_has_enough(no_child_left):
    taken: list[bytes] = []

    def consume(chunk: bytes) -> bool:
        taken.append(chunk)
        return sum(map(len, taken)) < 100_000

    said = talk(start("import sys\nwhile True: sys.stdout.write('x' * 10000)"), consume=consume)

    assert said.enough
    assert said.out == b""


def test_a_cancelled_process_is_ended(no_child_left, started):
    cancel = threading.Event()
    cancel.set()

    assert talk(start("import time; time.sleep(600)"), cancel=cancel).cancelled
    assert started() == []


def test_pipes_at_all_three_ends_are_needed():
    process = subprocess.Popen(["true"], start_new_session=True)

    with pytest.raises(ValueError, match="three ends"):
        talk(process)
    assert process.returncode is not None


def test_what_the_consumer_does_takes_none_of_the_processs_time(monkeypatch, no_child_left):
    now = 0.0

    def slow(_chunk: bytes) -> bool:
        nonlocal now
        now += 100
        return True

    monkeypatch.setattr(time, "monotonic", lambda: now)
    process = start("import os\nfor _ in range(3): os.write(1, b'x')")

    said = talk(process, seconds=30, consume=slow)

    assert not said.cut_short
    assert process.returncode == 0
