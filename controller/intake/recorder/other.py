"""The process that records, as its controller holds it."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from socket import socketpair
from typing import Final

from controller.failpoints import VARIABLE
from controller.intake.recorder import messages
from controller.intake.recorder.channel import Channel
from controller.own_process import start

_PATIENCE_SECONDS: Final = 30.0
"""For an answer. The process itself gives up waiting for the store after five."""
_KILL_SECONDS: Final = 10.0


class Other:
    """A process that was started, and the channel to it."""

    def __init__(self, data: Path, hello: messages.Hello) -> None:
        """Start it.

        Raises:
            OSError: It cannot be started.
        """
        ours, its = socketpair()
        with its:
            self._process = start(
                "controller.recording",
                str(data.absolute()),
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                environment={name: os.environ[name] for name in (VARIABLE,) if name in os.environ},
            )
        self._channel = Channel(ours, _PATIENCE_SECONDS)
        self.room = self._channel.room
        self._ready = False
        try:
            self._channel.send(messages.encode(hello))
        except OSError:
            self.end(0.0)
            raise

    @property
    def process_id(self) -> int:
        return self._process.pid

    def ready(self) -> bool:
        """Whether it can be asked; never waits.

        Raises:
            OSError, EOFError: It is lost.
        """
        if not self._ready:
            said = self._channel.receive_now()
            if said not in {None, messages.READY}:
                raise EOFError
            self._ready = said is not None
        return self._ready

    def send(self, message: bytes) -> None:
        """Send a batch. Raises ``OSError`` when it is lost."""
        self._channel.send(message)

    def hear(self) -> bytes:
        """Wait for the answer to a batch. Raises ``OSError`` or ``EOFError`` when it is lost."""
        return self._channel.receive()

    def ask(self, message: bytes, told: Callable[[bytes | Exception], None]) -> Question:
        """Send a batch of at most ``room`` bytes, and have the running event loop hear the answer.

        Args:
            message: The batch.
            told: Called with the answer, once, or with why there is none.

        Raises:
            OSError: It is lost.
        """
        self._channel.send_now(message)
        return Question(self._channel, told)

    def end(self, seconds: float) -> str:
        """Hang up, wait so long, then kill; how it ended, in words."""
        self._channel.close()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):  # it cannot even be killed: the disk hangs
                self._process.wait(_KILL_SECONDS)
            return "it did not answer"
        return f"it ended with signal {-code}" if code < 0 else f"it ended with code {code}"


class Question:
    """An answer that the event loop waits for."""

    def __init__(self, channel: Channel, told: Callable[[bytes | Exception], None]) -> None:
        self._channel, self._told = channel, told
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(channel.fileno(), self.look)
        self._patience = self._loop.call_later(_PATIENCE_SECONDS, self._end, TimeoutError())

    def look(self) -> None:
        """Tell of the answer, if it is there."""
        try:
            heard = self._channel.receive_now()
        except (OSError, EOFError) as error:
            self._end(error)
        else:
            if heard is not None:
                self._end(heard)

    def _end(self, heard: bytes | Exception) -> None:
        self.drop()
        self._told(heard)

    def drop(self) -> None:
        """Wait no more."""
        self._patience.cancel()
        if not self._loop.is_closed():
            self._loop.remove_reader(self._channel.fileno())
