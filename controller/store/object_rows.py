"""Rows of objects, and what follows from a change of any of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from controller.model.configuration import kind_of
from controller.model.documents import AnyDocument, Check
from controller.model.managed import GitOrigin
from controller.model.terms import Kind
from controller.scoring.carry import Carry, same_facts
from controller.scoring.rulebook import Moment
from controller.store.audit import AuditWriting
from controller.store.columns import instant
from controller.store.context import Written
from controller.store.definitions import Definitions
from controller.store.driver import Value
from controller.store.expiry import ExpiryWriting
from controller.store.port.configuration import InForce
from controller.store.port.fleet import Cause
from controller.store.sources import SourcesWriting

SAVE_OBJECT: Final = (
    "INSERT INTO object (kind, id, manager, document, path, line, commit_sha, url, position,"
    " created_at, updated_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (kind, id) DO UPDATE SET manager = excluded.manager,"
    " document = excluded.document, path = excluded.path, line = excluded.line,"
    " commit_sha = excluded.commit_sha, url = excluded.url, position = excluded.position,"
    " updated_at = excluded.updated_at, version = object.version + 1, deleted_at = NULL"
)

_body: Final = msgspec.json.Encoder(enc_hook=vars).encode
_NOWHERE: Final = (None, None, None, None)


class ObjectRows(ExpiryWriting, SourcesWriting, AuditWriting):
    """Writes of single objects."""

    def store_object(
        self, document: AnyDocument, manager: str, origin: GitOrigin | None, as_of: datetime
    ) -> list[Carry]:
        """Write an object; definitions that may be judged again from evidence."""
        definitions = Definitions(self.db)
        position, carry = position_of(document, definitions, self.in_force())
        definitions.write()
        self.db.run(SAVE_OBJECT, self.row_for(document, manager, origin, position, instant(as_of)))
        return carry

    def row_for(
        self,
        document: AnyDocument,
        manager: str,
        origin: GitOrigin | None,
        position: int | None,
        now: int,
    ) -> Sequence[Value]:
        """An object as a row that is about to be written."""
        kind, text = kind_of(document), body_of(document)
        self._stored[kind, document.id] = Written(document, origin)
        place = (origin.path, origin.line, origin.commit, origin.url) if origin else _NOWHERE
        return (kind, document.id, manager, text, *place, position, now, now, 1)

    def bury(self, kind: Kind, id_: str, as_of: datetime) -> None:
        self.db.run(
            "UPDATE object SET deleted_at = ?, updated_at = ?, version = version + 1"
            " WHERE kind = ? AND id = ?",
            (instant(as_of), instant(as_of), kind, id_),
        )
        self._stored[kind, id_] = None

    def configuration_changed(
        self,
        before: Moment,
        cause: Cause,
        as_of: datetime,
        numbers: Sequence[int] | None,
        carry: Sequence[Carry],
    ) -> None:
        """Score by what is in force now; ``before`` is what was, at the same instant."""
        self.bump("generation")
        in_force = self.in_force()
        old, new = before.rulebook, in_force.rulebook
        active = before.active if old.timeline is new.timeline else new.timeline.active(as_of)
        after = self.cache.moment(in_force.generation, in_force.rulebook, active)
        self.rejudge(before, after, cause, as_of, numbers=numbers, carry=carry)


def position_of(
    document: AnyDocument, definitions: Definitions, in_force: InForce
) -> tuple[int | None, list[Carry]]:
    """A definition's bit position, and what may be judged again at another; checks have one."""
    if document.__class__ is not Check:  # a look at the class itself, thousands of times
        return None, []
    position = definitions.position(document)
    stored = in_force.checks.get(document.id)
    if stored is None:
        return position, []
    old = in_force.rulebook.positions[document.id]
    carried = same_facts(stored.document, document) and old != position
    return position, [Carry(document.id, old, position)] if carried else []


def body_of(document: AnyDocument) -> str:
    """A document as it is stored; maps keep the order in which they were written."""
    # As ``model_dump_json``, in half of its time: a first pass does this ten thousand times.
    return _body(vars(document)).decode()
