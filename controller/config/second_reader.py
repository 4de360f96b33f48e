"""Read many files with the help of a second process, which parses while this one judges.

Parsing is half of the work on a file, and here it would also keep the interpreter's lock from everybody
else. The second process is a fresh interpreter, since a fork is not safe beside threads. It takes
portions from the front while this one, whenever nothing has come back, goes on from the end. Whatever
it does not answer is read here: the result is that of ``read_file`` for each file.
"""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

from controller.config.contents import FileContent
from controller.config.files import Outline, SourceFile
from controller.config.outline_process import LENGTH_BYTES, framed
from controller.config.reading import judge, read_file

MANY: Final = 500
"""So many files are worth a second process."""
_PORTION: Final = 32
_OWN_PORTION: Final = 8
_MOST_ASKED: Final = 4
"""Portions that may be unanswered at a time: they are what is waited for in the end."""
_PATIENCE_SECONDS: Final = 30.0
"""For an answer when nothing else is left to do; that the process died is known at once."""
_MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one answer."""
_PIPE_BYTES: Final = 1024 * 1024

_outlines = msgspec.msgpack.Decoder(list[tuple[Outline, ...] | None]).decode
_encode = msgspec.msgpack.Encoder().encode


class FilesReader:
    """Reads the files of one revision; used as a context, so that the second process never outlives it."""

    def __init__(self, count: int) -> None:
        """Start the second process, so that it is ready when ``count`` files have been fetched."""
        self._second = _Second() if count >= MANY and (os.cpu_count() or 1) > 1 else None

    def __enter__(self) -> FilesReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._second is not None:
            self._second.close()

    def read(self, files: Sequence[SourceFile]) -> list[FileContent]:
        """The content of each file, in order. Never raises."""
        contents: list[FileContent | None] = [None] * len(files)
        if self._second is not None:
            with suppress(OSError, msgspec.DecodeError):
                _share(files, contents, self._second)
        return [content or read_file(file) for file, content in zip(files, contents, strict=True)]


def _share(
    files: Sequence[SourceFile], contents: list[FileContent | None], second: _Second
) -> None:
    """Fill in what this process and the second one read, each at its own pace.

    Raises:
        OSError: The second process is lost.
        msgspec.DecodeError: It said something else.
    """
    first, last = 0, len(files)
    while first < last or second.asked:
        while first < last and len(second.asked) < _MOST_ASKED:
            portion = range(first, min(first + _PORTION, last))
            second.ask(portion, [files[index].content for index in portion])
            first = portion.stop
        answer = second.answer(0 if first < last else _PATIENCE_SECONDS)
        if answer is not None:
            for index, plain in zip(*answer, strict=True):
                contents[index] = judge(files[index], plain)
        elif first < last:
            own = range(max(first, last - _OWN_PORTION), last)
            last = own.start
            for index in own:
                contents[index] = read_file(files[index])


class _Second:
    """The second process: asked and heard without ever waiting for it to take what it is asked."""

    def __init__(self) -> None:
        self.asked: deque[range] = deque()
        """What has no answer yet, in order."""
        self._unsent = b""
        self._heard = bytearray()
        self._process: subprocess.Popen[bytes] | None = None
        self._poll = select.poll()
        with suppress(OSError, ValueError):  # asked without a process, it is lost
            self._process = _started()

    def ask(self, portion: range, texts: Sequence[bytes]) -> None:
        self.asked.append(portion)
        self._unsent += framed(_encode(texts))

    def answer(self, seconds: float) -> tuple[range, list[tuple[Outline, ...] | None]] | None:
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
        portion, plain = self.asked.popleft(), _outlines(message)
        if len(plain) != len(portion):
            raise BrokenPipeError
        return portion, plain

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


def _started() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-s", "-m", "controller.config.outline_process"],
        cwd="/",
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,
    )
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
            with suppress(OSError, AttributeError):  # larger where the system lets it be
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return process
