"""Whole messages over a socket, each with its length before it."""

from __future__ import annotations

import os
import socket
import struct
from typing import Final

_LENGTH: Final = struct.Struct(">I")
_MOST_BYTES: Final = 1024 * 1024 * 1024
"""Of one message; a batch of 200 reports of 4 MiB is smaller."""
_BUFFER_BYTES: Final = 256 * 1024


class Channel:
    """One end, for one user at a time; messages go to and fro in turn."""

    def __init__(self, connection: socket.socket, patience: float | None = None) -> None:
        """Take over a socket.

        Args:
            connection: A blocking one.
            patience: Seconds of silence after which it counts as lost; none waits for ever, and has
                nothing that never waits.
        """
        self._connection = connection
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._into, self._filled = self._buffer, 0
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            connection.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
        connection.settimeout(patience)

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """For whoever watches it."""
        return self._connection.fileno()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def send(self, message: bytes) -> None:
        """Send one message. Raises ``OSError``."""
        self._connection.sendall(_LENGTH.pack(len(message)) + message)

    @property
    def room(self) -> int:
        """Bytes of a message that certainly can be sent at once, when the other side has read all."""
        # What the system counts is the room it takes itself: up to twice the bytes of a message.
        return self._connection.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 4

    def send_now(self, message: bytes) -> None:
        """As ``send``, for a message that there is room for; never waits."""
        data = _LENGTH.pack(len(message)) + message
        if os.write(self._connection.fileno(), data) < len(data):
            raise BlockingIOError(
                "there is no room for a message of the size that there is room for"
            )

    def receive(self) -> bytes:
        """Wait for one message.

        Raises:
            EOFError: The other side has hung up, or says something else.
            OSError: It is lost, or was silent for too long.
        """
        while True:
            message = self._more(self._connection.recv_into(self._into[self._filled :]))
            if message is not None:
                return message

    def receive_now(self) -> bytes | None:
        """As ``receive``, but never waits; none while the message is not whole."""
        try:
            # Past the socket object, which would wait.
            count = os.readv(self._connection.fileno(), [self._into[self._filled :]])
        except BlockingIOError:
            return None
        return self._more(count)

    def _more(self, count: int) -> bytes | None:
        """Take in so many bytes that came; the message, once it is whole."""
        if not count:
            raise EOFError
        self._filled += count
        if self._filled < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._into)
        end = _LENGTH.size + length
        if length > _MOST_BYTES or self._filled > end:
            raise EOFError
        if self._filled == end:
            message = bytes(self._into[_LENGTH.size : end])
            self._into, self._filled = self._buffer, 0
            return message
        if end > len(self._into):
            whole = memoryview(bytearray(end))
            whole[: self._filled] = self._into[: self._filled]
            self._into = whole
        return None
