"""A new document as YAML that a person would have written. Pure.

What comes out is read again with the reader that will read it from git, and says the same.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from controller.config.parse import read
from controller.errors import RejectedError
from controller.model.documents import AnyDocument

_PLAIN: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9 _./@+-]*[A-Za-z0-9_./@+-])?")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_WIDTH: Final = 92


def document_text(document: AnyDocument, path: str = "document.yaml") -> str:
    """The YAML of a document, only with the fields that it states.

    Raises:
        RejectedError: It holds a text that no YAML document may hold.
    """
    fields = document.model_dump(mode="python", exclude_unset=True)
    fields = {"id": document.id} | {name: _plain(value) for name, value in fields.items()}
    text = "".join(_line(name, value) for name, value in fields.items() if value is not None)
    reading = read(path, text.encode())
    said = reading.documents[0].value if len(reading.documents) == 1 else None
    if reading.problems or json.dumps(said, sort_keys=True) != json.dumps(fields, sort_keys=True):
        wrong = (
            str(reading.problems[0].message) if reading.problems else "it would read differently"
        )
        raise RejectedError(f"this cannot be written as a document: {wrong}")
    return text


def _plain(value: object) -> object:
    match value:
        case datetime():
            stamp = value.astimezone(UTC)
            midnight = (stamp.hour, stamp.minute, stamp.second, stamp.microsecond) == (0, 0, 0, 0)
            return f"{stamp:%Y-%m-%d}" if midnight else stamp.isoformat().replace("+00:00", "Z")
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case tuple() | list():
            return [_plain(each) for each in value]
        case _:
            return value


def _line(name: str, value: object) -> str:
    if isinstance(value, str) and len(value) > _WIDTH - len(name) and _folds(value):
        lines = textwrap.wrap(value, _WIDTH, break_long_words=False, break_on_hyphens=False)
        return f"{name}: >-\n" + "".join(f"  {line}\n" for line in lines)
    return f"{name}: {_flow(value, name)}\n"


def _folds(text: str) -> bool:
    """Whether folding gives back the very same text."""
    return text.isprintable() and text == " ".join(text.split()) and "\u00a0" not in text


def _flow(value: object, name: str = "") -> str:
    match value:
        case list():
            return "[" + ", ".join(_flow(each) for each in value) + "]"
        case dict():
            return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items()) + "}"
        case str() if name in {"starts_at", "expires_at"}:
            return value
        case str() if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        case _:
            return json.dumps(value, ensure_ascii=not str(value).isprintable())
