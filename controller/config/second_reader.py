"""A second process that reads texts the short way (``outline_process``), asked and heard without waiting.

It is a fresh interpreter, since a fork is not safe beside threads. It knows texts only, says plain values
that are read by their types, and is killed in the end.
"""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
from collections import deque
from contextlib import suppress
from typing import Final

import msgspec

from controller.config.files import Outline, SourceFile
from controller.config.outline_process import LENGTH_BYTES, framed
from controller.own_process import start

MANY: Final = 500
"""So many files are worth a second process."""
_MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one answer."""
_PIPE_BYTES: Final = 1024 * 1024

Portion = list[SourceFile]
Answer = list[tuple[Outline, ...] | None]
"""What ``outlines_of`` says of each file of a portion."""

_outlines = msgspec.msgpack.Decoder(Answer).decode
_encode = msgspec.msgpack.Encoder().encode


def second_reader() -> SecondReader | None:
    """Start one, where there is a second core for it."""
    return SecondReader() if (os.cpu_count() or 1) > 1 else None


class SecondReader:
    """The process. Every method may find that it is lost; ``close`` must be called in any case."""

    def __init__(self) -> None:
        self.asked: deque[Portion] = deque()
        """What has no answer yet, in order."""
        self._unsent = b""
        self._heard = bytearray()
        self._process: subprocess.Popen[bytes] | None = None
        self._poll = select.poll()
        with suppress(OSError, ValueError):  # asked without a process, it is lost
            self._process = _started()

    def ask(self, portion: Portion) -> None:
        """Have a portion read."""
        self.asked.append(portion)
        self._unsent += framed(_encode([file.content for file in portion]))

    def answer(self, seconds: float) -> tuple[Portion, Answer] | None:
        """The next answer; none when it has not come after so many seconds of silence.

        Raises:
            OSError: The process is lost, or was silent for longer than anybody waits.
            msgspec.DecodeError: It said something else.
        """
        while (message := self._message()) is None:
            if not self._talk(seconds):
                if seconds:
                    raise TimeoutError
                return None
        plain = _outlines(message)
        if len(plain) != len(self.asked[0]):
            raise BrokenPipeError
        return self.asked.popleft(), plain

    def _message(self) -> bytes | None:
        """The next whole message of what was heard."""
        if len(self._heard) < LENGTH_BYTES:
            return None
        end = LENGTH_BYTES + int.from_bytes(self._heard[:LENGTH_BYTES], "big")
        if end > _MOST_BYTES:
            raise BrokenPipeError
        if len(self._heard) < end:
            return None
        message = bytes(self._heard[LENGTH_BYTES:end])
        del self._heard[:end]
        return message

    def _talk(self, seconds: float) -> bool:
        """Send and hear what can be sent and heard; whether there was anything."""
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            raise BrokenPipeError
        giving, taking = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._poll.register(taking, select.POLLIN)
        self._poll.register(giving, select.POLLOUT if self._unsent else 0)
        ready = dict(self._poll.poll(seconds * 1000))
        if ready.get(giving):
            self._unsent = self._unsent[os.write(giving, self._unsent) :]
        if taking in ready:
            heard = os.read(taking, _PIPE_BYTES)
            if not heard:
                raise BrokenPipeError
            self._heard += heard
        return bool(ready)

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None


def _started() -> subprocess.Popen[bytes]:
    process = start(
        "controller.config.outline_process",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
            with suppress(OSError, AttributeError):  # larger where the system lets it be
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return process
