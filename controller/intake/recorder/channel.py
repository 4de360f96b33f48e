"""Whole messages over a socket, each with its length before it."""

from __future__ import annotations

import socket
import struct
from typing import Final

_LENGTH: Final = struct.Struct(">I")
_MOST_BYTES: Final = 1024 * 1024 * 1024
"""Of one message; a batch of 200 reports of 4 MiB is smaller."""
_BUFFER_BYTES: Final = 256 * 1024
_TIME: Final = struct.Struct("@ll")


class Channel:
    """One end, for one thread; messages go to and fro in turn."""

    def __init__(self, connection: socket.socket, patience: float | None = None) -> None:
        """Take over a socket.

        Args:
            connection: A blocking one.
            patience: Seconds of silence after which it counts as lost; none waits for ever.
        """
        self._connection = connection
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            connection.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
        if patience is not None:
            # The system's own time-outs: the interpreter's would have every message waited for
            # twice, and the interpreter's lock taken twice as often.
            seconds, rest = divmod(patience, 1)
            limit = _TIME.pack(int(seconds), int(rest * 1_000_000))
            for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
                connection.setsockopt(socket.SOL_SOCKET, option, limit)

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def send(self, message: bytes) -> None:
        """Send one message. Raises ``OSError``."""
        self._connection.sendall(_LENGTH.pack(len(message)) + message)

    def waits(self) -> bool:
        """Whether there is something to receive; never waits.

        Raises:
            EOFError: The other side has hung up.
            OSError: It is lost.
        """
        try:
            if self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                return True
        except BlockingIOError:
            return False
        raise EOFError

    def receive(self) -> bytes:
        """Wait for one message.

        Raises:
            EOFError: The other side has hung up, or says something else.
            OSError: It is lost, or was silent for too long.
        """
        filled = self._fill(self._buffer, 0, _LENGTH.size)
        (length,) = _LENGTH.unpack_from(self._buffer)
        end = _LENGTH.size + length
        if length > _MOST_BYTES or filled > end:
            raise EOFError
        if end > len(self._buffer):
            whole = memoryview(bytearray(end))
            whole[:filled] = self._buffer[:filled]
            self._fill(whole, filled, end)
            return bytes(whole[_LENGTH.size :])
        self._fill(self._buffer, filled, end)
        return bytes(self._buffer[_LENGTH.size : end])

    def _fill(self, into: memoryview, filled: int, least: int) -> int:
        """Receive until so much is there; how much it is."""
        while filled < least:
            more = self._connection.recv_into(into[filled:])
            if not more:
                raise EOFError
            filled += more
        return filled
