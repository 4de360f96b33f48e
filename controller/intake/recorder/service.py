"""The recording process's side: batches come in, what became of them goes out."""

from __future__ import annotations

from controller.failpoints import reached
from controller.intake.recorder import messages
from controller.intake.recorder.channel import Channel
from controller.store.port.store import Store


def serve(channel: Channel, store: Store) -> None:
    """Record every batch, until the controller hangs up.

    Raises:
        OSError: The channel is lost.
        msgspec.DecodeError: Something else than a batch came.
    """
    channel.send(messages.READY)
    while True:
        try:
            message = channel.receive()
        except EOFError:
            return
        channel.send(messages.answer(_recorded(message, store)))


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
