"""What each machine said last, so that only what is new in a report has to be read.

Most reports say what the one before said, but for an id, a time and a few results. Results whose bytes
are those of the machine's last accepted report were read and checked then. This memory is a hint: the
store takes changes only on top of the results it has on record, and asks for the whole otherwise.

What a machine shows may hold text that somebody without rights on it chose. So the digest of a whole
report is one that cannot be forged (BLAKE3, at a third of SHA-256's cost), and prints, which live as long
as the process, have a secret seed: nobody can write text that makes a turned result look as it did.
"""

from __future__ import annotations

import secrets
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Annotated, Final, NamedTuple

import msgspec
from blake3 import blake3
from xxhash import xxh3_64_intdigest as _print
from xxhash import xxh3_128_digest as _print_of_all

from controller.errors import RejectedError
from controller.intake.wire import instant, parse_report, parse_result
from controller.model.documents import UUID_PATTERN
from controller.model.report import Report, Result, Since

MOST_REMEMBERED: Final = 4_000_000
"""Results of all machines together; 8 bytes each, and a little for every machine."""
_KEY: Final = b'"results":'
_SHAPES: Final = ((b'[{"check_id":', b'},{"check_id":'), (b'[{"check_id": ', b'}, {"check_id": '))
"""How a list of results begins, and what then stands between two of them."""
_GROUP: Final = 16
"""So many results are looked at together, and one by one only where the group has changed."""
_MOST_CHANGED: Final = 4
"""When more than one in so many results changed, the whole is read: that is quicker then."""

_SEED: Final = secrets.randbits(64)

_Uuid = Annotated[str, msgspec.Meta(pattern=UUID_PATTERN)]


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    report_id: _Uuid
    collected_at: Annotated[str, msgspec.Meta(max_length=40)]
    results: Annotated[list[int], msgspec.Meta(max_length=0)]
    run_id: _Uuid | msgspec.UnsetType | None = msgspec.UNSET


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


class Order(NamedTuple):
    """Which results stand in a report, one after the other; shared by machines that are asked alike."""

    ids: tuple[str, ...]
    shape: int
    """How they are written; an index into the shapes."""
    marks: tuple[bytes, ...]
    """Where each group but the first begins."""


class Said(NamedTuple):
    """What is kept of a machine's last report. A print is a digest of 64 bits."""

    digest: bytes
    """Of all results as they came."""
    print: bytes
    """The same in 128 bits; five times as quick to make, and known to this process alone."""
    groups: array[int]
    """Prints of every ``_GROUP`` results together."""
    sizes: array[int]
    """How many bytes each of these groups had."""
    prints: array[int]
    """Of every result."""
    order: Order


class Heard:
    """A report that is being taken: what is to be remembered of it, once it is known."""

    __slots__ = ("_body", "_results", "said")

    def __init__(self, body: bytes, results: memoryview, said: Said | None = None) -> None:
        self._body, self._results, self.said = body, results, said

    def whole(self) -> tuple[Result, ...]:
        """Read all results.

        Raises:
            MalformedError: The bytes are not JSON as this program takes it.
            RejectedError: They are not a report.
        """
        report = parse_report(self._body)
        self.said = _said(bytes(self._results), report.results)
        return report.results


class Hearing:
    """The memory of one process; bounded, the longest unheard machine is forgotten first."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._size = 0
        self._said: OrderedDict[str, Said] = OrderedDict()
        self._orders: dict[Order, Order] = {}
        self._lock = Lock()

    def read(self, uuid: str, body: bytes) -> tuple[Report, Heard | None]:
        """Read a machine's report, as far as it is new.

        What this process has not heard from the machine yet is left unread: the store may know that
        it says what the one before said.

        Returns:
            The report, and what to hand to ``accepted`` when the store took it.

        Raises:
            MalformedError: The bytes are not JSON as this program takes it.
            RejectedError: They are not a report.
        """
        cut = _cut(body)
        if cut is None:
            return parse_report(body), None
        envelope, results = cut
        said = self._said.get(uuid)
        print_ = _print_of_all(results, _SEED)
        heard = Heard(body, results, said)
        changed: tuple[Result, ...] = ()
        if said is not None and said.print == print_:
            digest = said.digest
            since = Since(digest, len(said.prints), heard.whole)
        else:
            digest = blake3(results).digest()
            since = Since(digest, None, heard.whole)
            found = None if said is None else _changes(said, bytes(results))
            if said is not None and found is not None:
                changed, prints, groups, sizes = found
                heard.said = Said(digest, print_, groups, sizes, prints, said.order)
                since = Since(said.digest, len(prints), heard.whole)
        run_id = None if envelope.run_id is msgspec.UNSET else envelope.run_id
        collected_at = instant(envelope.collected_at)
        return Report(envelope.report_id, collected_at, changed, run_id, digest, since), heard

    def accepted(self, uuid: str, heard: Heard) -> None:
        """Remember what a machine said in a report that the store took as it was."""
        said = heard.said
        if said is None:
            return
        with self._lock:
            if self._said.get(uuid) is said:
                self._said.move_to_end(uuid)
                return
            if len(self._orders) > 10_000:
                self._orders.clear()
            before = self._said.pop(uuid, None)
            if before is None or before.order is not said.order:
                # Machines of one kind are asked for the same checks: their lists of ids are one.
                said = said._replace(order=self._orders.setdefault(said.order, said.order))
            self._size += len(said.prints) - (len(before.prints) if before else 0)
            self._said[uuid] = said
            while self._size > self._most:
                _, gone = self._said.popitem(last=False)
                self._size -= len(gone.prints)


def _cut(body: bytes) -> tuple[_Envelope, memoryview] | None:
    """The envelope, checked, and the bytes of the results, unchecked; none when it is not that simple.

    The envelope is what is left when the results are replaced by an empty list: it must be a report's
    to the last quotation mark, so the results can stand at no other place than where they belong.
    """
    found = body.find(_KEY)
    start = body.find(b"[", found, found + len(_KEY) + 2)
    end = body.rfind(b"}]") + 2
    if found < 0 or start < 0 or end <= start:
        return None
    rest = body[:start] + b"[]" + body[end:]
    try:
        envelope = _ENVELOPE.decode(rest)
    except (ValueError, RecursionError):
        return None
    marks = 10
    if envelope.run_id is not msgspec.UNSET:
        marks += 2 if envelope.run_id is None else 4
    # One quotation mark too many is a key that stood twice.
    if b"\\" in rest or rest.count(b'"') != marks:
        return None
    return envelope, memoryview(body)[start:end]


def _shape_of(results: bytes) -> int | None:
    """How a list of results is written; none when it is in no way that is known here."""
    for shape in (1, 0):
        if results.startswith(_SHAPES[shape][0]):
            return shape
    return None


def _said(results: bytes, read: Sequence[Result]) -> Said | None:
    """What to remember of results that were read whole; none when they cannot be told apart."""
    ids = tuple([each.check_id for each in read])
    shape = _shape_of(results)
    if shape is None:
        return None
    begins, between = _SHAPES[shape]
    pieces = results[len(begins) : -2].split(between)
    if not _aligned(pieces, ids):
        return None
    marks = tuple([b'%s"%s"' % (between, id_.encode()) for id_ in ids[_GROUP::_GROUP]])
    order = Order(ids, shape, marks)
    bounds = _bounds(results, order)
    if bounds is None:
        return None
    prints = array("Q", [_print(piece, _SEED) for piece in pieces])
    groups = array("Q", [_print(results[start:end], _SEED) for start, end in bounds])
    sizes = array("I", [end - start for start, end in bounds])
    whole = _print_of_all(results, _SEED)
    return Said(blake3(results).digest(), whole, groups, sizes, prints, order)


def _aligned(pieces: list[bytes], ids: tuple[str, ...]) -> bool:
    """Whether each piece is the result of that check and nothing else."""
    return len(pieces) == len(ids) and all(
        piece.startswith(b'"%s"' % id_.encode()) for piece, id_ in zip(pieces, ids, strict=True)
    )


def _bounds(
    results: bytes, order: Order, sizes: Sequence[int] = ()
) -> list[tuple[int, int]] | None:
    """Where each group begins and ends; none when one does not begin as it did.

    Nearly every group is as long as it was: then its end need not be looked for.
    """
    begins, between = _SHAPES[order.shape]
    if not results.startswith(begins):
        return None
    starts_with, skip = results.startswith, len(between)
    found, start = [], len(begins)
    for number, mark in enumerate(order.marks):
        end = start + sizes[number] if sizes else start
        if not starts_with(mark, end):
            end = results.find(mark, start)
            if end < 0:
                return None
        found.append((start, end))
        start = end + skip
    found.append((start, len(results) - 2))
    return found


def _changes(
    said: Said, results: bytes
) -> tuple[tuple[Result, ...], array[int], array[int], array[int]] | None:
    """The results that are not as they were, and the new prints; none when the whole must be read.

    What has the print of what stood at its place was read and checked then; what has not is read now,
    and must be one result of the same check. So all of them together are a list of results.
    """
    bounds = _bounds(results, said.order, said.sizes)
    if bounds is None:
        return None
    prints, groups, sizes = said.prints[:], said.groups[:], said.sizes[:]
    ids, between = said.order.ids, _SHAPES[said.order.shape][1]
    found: list[Result] = []
    for number, (start, end) in enumerate(bounds):
        group = results[start:end]
        print_ = _print(group, _SEED)
        if print_ == groups[number]:
            continue
        groups[number], sizes[number] = print_, end - start
        first = number * _GROUP
        pieces = group.split(between)
        if len(pieces) != len(ids[first : first + _GROUP]):
            return None
        for place, piece in enumerate(pieces, start=first):
            print_ = _print(piece, _SEED)
            if print_ == prints[place]:
                continue
            prints[place] = print_
            result = _read_piece(piece, ids[place])
            if result is None or (len(found) + 1) * _MOST_CHANGED > len(ids):
                return None
            found.append(result)
    return tuple(found), prints, groups, sizes


def _read_piece(piece: bytes, check_id: str) -> Result | None:
    try:
        result = parse_result(b'{"check_id":' + piece + b"}")
    except RejectedError:
        return None
    return result if result.check_id == check_id else None
