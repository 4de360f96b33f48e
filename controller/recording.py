"""The process that records reports: ``python -m controller.recording DATA``, started by the controller.

Its standard input is a socket. It takes no other orders, and ends when the controller hangs up, so that
it never outlives it.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
from contextlib import closing, suppress
from pathlib import Path

from controller.errors import ControllerError
from controller.intake.recorder import messages
from controller.intake.recorder.channel import Channel
from controller.intake.recorder.service import serve
from controller.store.store import open_store


def main() -> None:
    """Serve the controller at the other end of standard input."""
    # A service manager tells the whole group to end; the controller drains what it took first.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        _serve()
    except ControllerError as error:
        sys.exit(f"gitward: reports cannot be recorded in a process of its own: {error}")


def _serve() -> None:
    # A connection that breaks is a controller that is gone.
    with (
        suppress(OSError, EOFError),
        Channel(socket.socket(fileno=sys.stdin.fileno())) as channel,
    ):
        hello = messages.hello_of(channel.receive())
        with closing(open_store(Path(sys.argv[1]))) as store:
            if hello.lease is not None:
                store.join(hello.lease)
            gc.freeze()
            serve(channel, store)


if __name__ == "__main__":
    main()
