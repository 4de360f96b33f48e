"""How values lie in columns: instants, bitmaps, packed times, standings. Pure."""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import repeat
from typing import Any, Final, Literal, NamedTuple

import msgspec

from controller.model.posture import Posture
from controller.model.terms import RISK_LEVELS, RISK_NUMBER
from controller.scoring.standing import Figures, Standing

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def instant(value: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (value - _EPOCH) // _MICROSECOND


def length(value: timedelta) -> int:
    """Microseconds."""
    return value // _MICROSECOND


@lru_cache(maxsize=4096)
def moment_of(column: int) -> datetime:
    """The instant of a column; thousands of rows of one transaction share theirs."""
    return _EPOCH + timedelta(microseconds=column)


def optional_instant(value: datetime | None) -> int | None:
    """As ``instant``; none stays none."""
    return None if value is None else instant(value)


def optional_moment(column: int | None) -> datetime | None:
    """As ``moment_of``; none stays none."""
    return None if column is None else moment_of(column)


def bitmap(bits: int) -> bytes:
    """A bitmap's bytes, without trailing zeros."""
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def bits_of(column: bytes) -> int:
    """The bitmap of a column."""
    return int.from_bytes(column, "little")


def posture_of(columns: tuple[bytes, bytes, bytes, bytes]) -> Posture:
    """A posture from its four columns."""
    read = int.from_bytes
    passed, failed, errored, not_applicable = columns
    return Posture(
        read(passed, "little"),
        read(failed, "little"),
        read(errored, "little"),
        read(not_applicable, "little"),
    )


def postures_of(*columns: Iterable[bytes]) -> list[Posture]:
    """Postures of many machines, from each of the four columns of all of them.

    Records are made without a Python call for each: there are as many as machines.
    """
    bits = [map(int.from_bytes, column, repeat(_LITTLE)) for column in columns]
    return list(map(_posture, zip(*bits, strict=True)))


_LITTLE: Final[Literal["little"]] = "little"
_posture: Final = partial(tuple.__new__, Posture)


class Times(NamedTuple):
    """Seconds since 1970: since when the outcome stands, and when it first failed (0: never)."""

    since: int
    first_failed: int


def pack_times(times: Mapping[int, Times]) -> bytes:
    """Position, since, first failed as 32-bit integers, compressed: many are alike."""
    ordered = sorted(times.items())
    flat = array("I", [position for position, _ in ordered])
    flat.extend(each.since for _, each in ordered)
    flat.extend(each.first_failed for _, each in ordered)
    # A compressor with little memory starts several times sooner.
    packer = zlib.compressobj(1, zlib.DEFLATED, 12, 4)
    return packer.compress(flat.tobytes()) + packer.flush()


_NOTED: Final = b"\x00"
"""How packed times of earlier releases begin that have notes of later changes before them."""
_NOTE: Final = struct.Struct("<II")
_FAILED: Final = 1 << 31


def unpack_times(column: bytes) -> dict[int, Times]:
    """Times by position, of ``pack_times``; also as earlier releases wrote them, with notes."""
    notes = b""
    if column.startswith(_NOTED):
        end = 2 + column[1] * _NOTE.size
        notes, column = column[2:end], column[end:]
    flat = array("I")
    if column:
        flat.frombytes(zlib.decompress(column))
    count = len(flat) // 3
    times = {
        flat[index]: Times(flat[count + index], flat[2 * count + index]) for index in range(count)
    }
    for noted, seconds in _NOTE.iter_unpack(notes):
        position, failed = noted & ~_FAILED, noted & _FAILED
        first = times[position].first_failed if position in times else 0
        times[position] = Times(seconds, first or (seconds if failed else 0))
    return times


instants_of: Final = msgspec.json.Decoder(dict[str, int]).decode
"""Instants by name, from their column."""


@lru_cache(maxsize=4096)
def tags_of(column: str) -> tuple[str, ...]:
    """A machine's tags; most machines share theirs with others."""
    return tuple(json.loads(column))


def flag(value: bool | None) -> int | None:
    """A truth value's column."""
    return None if value is None else int(value)


_FLAGS: Final = {None: None, False: 0, True: 1}


def flags(values: Iterable[bool | None]) -> Iterator[int | None]:
    """Truth values as columns. A driver takes a whole number several times sooner than a bool."""
    return map(_FLAGS.__getitem__, values)


def truth(column: int | None) -> bool | None:
    """The truth value of a column."""
    return None if column is None else bool(column)


def standing_columns(standing: Standing) -> Figures:
    """A standing in numbers, in the order of the score table."""
    hundredths, risk, compliant, bare_hundredths, bare_risk, bare_compliant = standing
    return (
        hundredths,
        RISK_NUMBER[risk],
        flag(compliant),
        bare_hundredths,
        RISK_NUMBER[bare_risk],
        flag(bare_compliant),
    )


def standing_of(columns: tuple[Any, ...]) -> Standing:
    """The standing of six columns."""
    hundredths, risk, compliant, bare_hundredths, bare_risk, bare_compliant = columns
    return Standing(
        hundredths,
        RISK_LEVELS[risk],
        truth(compliant),
        bare_hundredths,
        RISK_LEVELS[bare_risk],
        truth(bare_compliant),
    )


_ENCODER: Final = msgspec.json.Encoder()


def encode(value: object) -> str:
    """JSON without blanks."""
    return _ENCODER.encode(value).decode()


canonical: Final = msgspec.json.Encoder(order="sorted").encode
"""Canonical JSON as bytes: sorted keys, no blanks."""


def to_json(value: object) -> str:
    """As ``canonical``, as a text."""
    return canonical(value).decode()
