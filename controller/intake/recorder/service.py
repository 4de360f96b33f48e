"""The recording process's side: batches come in, what became of them goes out."""

from __future__ import annotations

import socket

from controller.failpoints import reached
from controller.intake.recorder import messages
from controller.store.port.store import Store


def serve(connection: socket.socket, store: Store) -> None:
    """Record every batch, until the controller hangs up.

    Raises:
        OSError: The connection is lost.
        msgspec.DecodeError: Something else than a batch came.
    """
    messages.send(connection, messages.READY)
    while True:
        try:
            message = messages.receive(connection)
        except EOFError:
            return
        messages.send(connection, messages.answer(_recorded(message, store)))


def _recorded(message: bytes, store: Store) -> messages.Outcomes:
    submissions = messages.batch_of(message)
    try:
        with store.write() as transaction:
            outcomes = transaction.record_reports(submissions)
            reached("inside_recording")
    except Exception as error:  # noqa: BLE001 - the controller is told, and tells who waits
        return error
    reached("after_recording")
    return outcomes
