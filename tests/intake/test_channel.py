"""Messages arrive whole or not at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.intake.recorder.channel import Channel

EDGE = 256 * 1024


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    ours, its = socket.socketpair()
    with Channel(ours, 0.2) as channel, its:
        yield channel, its


@given(
    st.lists(
        st.sampled_from([0, 1, 3, 4, 5, 4096, EDGE - 5, EDGE - 4, EDGE - 3, EDGE, 3 * EDGE]),
        min_size=1,
        max_size=4,
    )
)
def test_messages_of_any_size_arrive_in_turn(sizes: list[int]) -> None:
    one, other = (Channel(each) for each in socket.socketpair())
    sent = [bytes([n + 1]) * size for n, size in enumerate(sizes)]

    def answer() -> None:
        for _ in sent:
            other.send(other.receive()[::-1])

    answering = threading.Thread(target=answer)
    answering.start()
    heard = []
    for message in sent:
        one.send(message)
        heard.append(one.receive())
    answering.join()
    one.close()
    other.close()

    assert heard == [each[::-1] for each in sent]


@pytest.mark.parametrize(
    "said",
    [b"", b"\0", b"\0\0\0\4abc", b"\xff\xff\xff\xffabcd", b"\0\0\0\1abc"],
    ids=["nothing", "half a length", "half a message", "no length of ours", "two things at once"],
)
def test_whatever_is_no_message_ends_it(ends: tuple[Channel, socket.socket], said: bytes) -> None:
    channel, its = ends
    its.sendall(said)
    its.shutdown(socket.SHUT_WR)

    with pytest.raises(EOFError):
        channel.receive()


def test_silence_ends_it(ends: tuple[Channel, socket.socket]) -> None:
    channel, its = ends
    its.sendall(b"\0\0\0\4abc")

    with pytest.raises(OSError, match="timed out"):
        channel.receive()


def test_one_can_look_without_waiting(ends: tuple[Channel, socket.socket]) -> None:
    channel, its = ends
    assert channel.receive_now() is None
    for part in (b"\0\0", b"\0\2a"):
        its.sendall(part)
        assert channel.receive_now() is None
    its.sendall(b"b")
    assert channel.receive_now() == b"ab"
    its.shutdown(socket.SHUT_WR)
    with pytest.raises(EOFError):
        channel.receive_now()


def test_what_there_is_room_for_is_sent_without_waiting(
    ends: tuple[Channel, socket.socket],
) -> None:
    channel, its = ends
    message = b"a" * channel.room
    channel.send_now(message)
    with Channel(its) as other:
        assert other.receive() == message


def test_what_there_is_no_room_for_is_not_waited_for_either(
    ends: tuple[Channel, socket.socket],
) -> None:
    channel, _ = ends
    with pytest.raises(BlockingIOError, match="no room"):
        channel.send_now(b"a" * 64 * channel.room)
