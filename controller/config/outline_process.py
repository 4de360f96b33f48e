"""The short reading as a process of its own: texts come in, their outlines go out (``second_reader``).

It imports little, holds no secret, and ends when nobody listens any more.
"""

from __future__ import annotations

import gc
import sys
from typing import Final

import msgspec

from controller.config.files import SourceFile
from controller.config.short_way import outlines_of

LENGTH_BYTES: Final = 4
"""Before each message: how long it is, big-endian."""


def framed(message: bytes) -> bytes:
    """A message as it is sent."""
    return len(message).to_bytes(LENGTH_BYTES, "big") + message


def serve() -> None:
    """Answer every portion of texts with the outlines of each, until the other side hangs up."""
    texts_of = msgspec.msgpack.Decoder(list[bytes]).decode
    encode = msgspec.msgpack.Encoder().encode
    taking, giving = sys.stdin.buffer, sys.stdout.buffer
    while head := taking.read(LENGTH_BYTES):
        texts = texts_of(taking.read(int.from_bytes(head, "big")))
        giving.write(framed(encode([outlines_of(SourceFile("", text)) for text in texts])))
        giving.flush()


if __name__ == "__main__":
    gc.disable()  # what is made here has no cycles
    serve()
