"""Talk to a child process without ever waiting for one side only, and end it with all its children.

The process must lead a group of its own (``start_new_session``), have pipes at all three ends, and be
unbuffered. Its group is ended before it is reaped: until then its number cannot belong to another.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

_CHUNK: Final = 256 * 1024
_PIPE_BYTES: Final = 1024 * 1024
_MAX_ERROR_BYTES: Final = 64 * 1024
_TERM_GRACE_SECONDS: Final = 2.0
_TICK_SECONDS: Final = 0.2


@dataclass(slots=True)
class Said:
    """What a process said before it ended or was ended."""

    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    too_late: bool = False
    too_much: bool = False
    enough: bool = False
    """The consumer asked to stop."""
    cancelled: bool = False

    @property
    def cut_short(self) -> bool:
        """Whether the process was ended by us before it had finished."""
        return self.too_late or self.too_much or self.enough or self.cancelled


def converse(
    process: subprocess.Popen[bytes],
    stdin: bytes,
    *,
    seconds: float,
    max_output: int,
    consume: Callable[[bytes], bool] | None = None,
    cancel: threading.Event,
) -> Said:
    """Feed ``stdin`` and collect output until the process ends; afterwards its group is gone.

    Args:
        process: Freshly started.
        stdin: Fed as fast as it is taken.
        seconds: After this it is ended.
        max_output: Bytes of output after which it is ended.
        consume: Takes output instead of it being collected; returns whether it wants more. The time
            that it takes is its own, not the process's.
        cancel: Ends the process within a fifth of a second when set.
    """
    said = Said()
    try:
        _Pump(process, stdin, said, max_output, consume).run(time.monotonic() + seconds, cancel)
    finally:
        end_group(process, at_once=not said.cut_short)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
    return said


def end_group(process: subprocess.Popen[bytes], *, at_once: bool = False) -> None:
    """End the process and everything it started: asked first, then killed."""
    if process.returncode is not None:
        return
    if not at_once:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        _wait_for_exit(process, time.monotonic() + _TERM_GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Pump:
    """Moves bytes both ways until the process is done or has to be ended."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        stdin: bytes,
        said: Said,
        max_output: int,
        consume: Callable[[bytes], bool] | None,
    ) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("the process needs pipes at all three ends")
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        self._pending = memoryview(stdin)
        self._said = said
        self._room = max_output
        self._consume = consume
        self._deadline = 0.0

    def run(self, deadline: float, cancel: threading.Event) -> None:
        self._deadline = deadline
        with selectors.DefaultSelector() as selector:
            if self._consume is not None:  # it goes on while we are busy with what it said
                with suppress(OSError, AttributeError):  # where the system lets it
                    fcntl.fcntl(self._stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            for pipe in (self._stdout, self._stderr):
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            os.set_blocking(self._stdin.fileno(), False)
            selector.register(self._stdin, selectors.EVENT_WRITE)
            while not self._said.cut_short and self._listens(selector):
                left = self._deadline - time.monotonic()
                ready = selector.select(min(max(left, 0), _TICK_SECONDS))
                if self._is_over(left, cancel):
                    return
                if not ready and _has_exited(self._process):
                    return  # a grandchild keeps the pipes open; it goes with the group
                for key, _ in ready:
                    self._serve(key, selector)
        if not self._said.cut_short:
            self._said.too_late = not _wait_for_exit(self._process, self._deadline)

    def _is_over(self, left: float, cancel: threading.Event) -> bool:
        self._said.too_late = left <= 0
        self._said.cancelled = cancel.is_set()
        return self._said.too_late or self._said.cancelled

    def _listens(self, selector: selectors.BaseSelector) -> bool:
        return any(key.fileobj is not self._stdin for key in selector.get_map().values())

    def _serve(self, key: selectors.SelectorKey, selector: selectors.BaseSelector) -> None:
        if key.fileobj is self._stdin:
            self._feed(selector)
            return
        chunk = os.read(key.fd, _CHUNK)
        if not chunk:
            selector.unregister(key.fileobj)
        elif key.fileobj is self._stderr:
            self._said.err += chunk[: max(0, _MAX_ERROR_BYTES - len(self._said.err))]
        else:
            self._take(chunk)

    def _feed(self, selector: selectors.BaseSelector) -> None:
        try:
            if self._pending:
                written = os.write(self._stdin.fileno(), self._pending[:_CHUNK])
                self._pending = self._pending[written:]
        except BrokenPipeError:  # it has heard enough; its output and status say why
            self._pending = self._pending[:0]
        if not self._pending:
            selector.unregister(self._stdin)
            self._stdin.close()

    def _take(self, chunk: bytes) -> None:
        self._room -= len(chunk)
        if self._room < 0:
            self._said.too_much = True
        elif self._consume is None:
            self._said.out += chunk
        else:
            began = time.monotonic()
            self._said.enough = not self._consume(chunk)
            self._deadline += time.monotonic() - began


def _has_exited(process: subprocess.Popen[bytes]) -> bool:
    try:
        # WNOWAIT leaves it to be reaped, so that its group's number stays taken.
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _wait_for_exit(process: subprocess.Popen[bytes], deadline: float) -> bool:
    pause = 0.0002
    while not _has_exited(process):
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(pause, left))
        pause = min(pause * 2, 0.05)
    return True
