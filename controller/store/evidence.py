"""A machine's evidence as one bounded, compressed value. Pure."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Container, Mapping, Sequence
from typing import Final

import msgspec

from controller.model.documents import Check
from controller.model.report import Evidence, Row

MAX_BYTES: Final = 64 * 1024
"""Of a machine, after compression (docs/reference/api.md)."""


_DECODER: Final = msgspec.json.Decoder(
    dict[str, tuple[object, str, tuple[dict[str, str], ...] | None]]
)


_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LITTLE: Final = 4096


def pack(evidence: Mapping[str, Evidence]) -> bytes:
    """Compress; where it does not fit, rows are cut first, longest first, then details."""
    kept = dict(evidence)
    body = _compress(kept)
    if len(body) <= MAX_BYTES:
        return body
    by_size = sorted(kept, key=lambda id_: -len(msgspec.json.encode(kept[id_])))
    for count, id_ in enumerate(by_size, start=1):
        kept[id_] = Evidence(actual_value=None, details=kept[id_].details[:200], rows=None)
        if count % 8 == 0 or count == len(by_size):
            body = _compress(kept)
            if len(body) <= MAX_BYTES:
                return body
    return _compress({})


_PLAIN: Final = b"{"
"""How a line of JSON begins; what is compressed never begins so."""


def _texts(column: bytes) -> list[bytes]:
    """The JSON of a column, later over earlier: compressed, or a line; of an earlier release, lines."""
    if not column:
        return []
    return column.splitlines() if column.startswith(_PLAIN) else [zlib.decompress(column)]


def unpack(column: bytes) -> dict[str, Evidence]:
    """The reverse of ``pack`` and of lines."""
    found: dict[str, Evidence] = {}
    for text in _texts(column):
        for id_, (value, details, rows) in _DECODER.decode(text).items():
            found[id_] = Evidence(value, details, rows)
    return found


def line(evidence: Mapping[str, Evidence]) -> bytes:
    """A little evidence, to stand beside the whole: packing a little costs more than it saves."""
    return msgspec.json.encode(evidence)


def shortened(columns: Sequence[bytes], most: int) -> bytes | None:
    """Several lines as a single one, in which each check stands once, with its last evidence.

    None when that would be more than so many bytes.
    """
    body = msgspec.json.encode(_laid_over(columns))
    return body if len(body) <= most else None


def _laid_over(columns: Sequence[bytes]) -> dict[str, object]:
    """What is packed in several columns, later over earlier, as JSON that nobody looks into."""
    texts: dict[str, object] = {}
    for column in columns:
        for text in _texts(column):
            texts.update(_RAW.decode(text))
    return texts


def merged(
    columns: Sequence[bytes], newer: Mapping[str, Evidence], wanted: Container[str]
) -> bytes:
    """Pack several packed values into one, later over earlier, without reading what is in them."""
    texts = {**_laid_over(columns), **newer}
    body = _deflate(
        msgspec.json.encode({id_: each for id_, each in texts.items() if id_ in wanted})
    )
    if len(body) <= MAX_BYTES:
        return body
    return pack(unpack(body))


def _compress(evidence: Mapping[str, Evidence]) -> bytes:
    return _deflate(msgspec.json.encode(evidence))


def _deflate(text: bytes) -> bytes:
    if len(text) > _LITTLE:
        return zlib.compress(text, 1)
    packer = zlib.compressobj(1, zlib.DEFLATED, 12, 4)  # starts several times sooner
    return packer.compress(text) + packer.flush()


def telling(check: Check, rows: Sequence[Row] | None) -> object:
    """The part of the rows that any expectation on the same columns could turn on.

    What else is in them (uptimes, counters) may change at every report and need not be rewritten.
    """
    if rows is None:
        return None
    if not isinstance(check.expected_result, dict):
        return len(rows)
    return [[row.get(column) for column in check.expected_result] for row in rows]


def digest(parts: Sequence[tuple[str, object]]) -> bytes:
    """Of the telling parts of a report, by check id."""
    text = msgspec.json.encode(sorted(parts, key=lambda part: part[0]))
    return hashlib.blake2b(text, digest_size=16).digest()
