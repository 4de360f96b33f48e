"""What a file's bytes must be before a YAML parser sees them. Pure."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from controller.model.problem import Problem

MAX_BYTES: Final = 256 * 1024

# C0 and C1 controls, line separators that reviewers' tools do not show as such, marks that reorder
# or hide text (bidirectional overrides, zero-width characters, tags). Joiners U+200C and U+200D
# stay: several scripts need them.
_FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\uffff\U000e0000-\U000e007f]"
)
_ORDINARY: Final = bytes((9, 10, 13, *range(32, 127)))
_REPORTED: Final = 20


def decode(path: str, content: bytes) -> tuple[str | None, list[Problem]]:
    """The text of a file, or none and why not."""
    if len(content) > MAX_BYTES:
        message = f"the file has {len(content)} bytes, at most {MAX_BYTES} are read; split it"
        return None, [Problem(path, 0, 0, "GW104", "", message)]
    if not content.translate(None, _ORDINARY):
        return content.decode("ascii"), []  # nothing that could be invisible or misread
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        message = "the file begins with a byte order mark; save it as UTF-8 without one"
        return None, [Problem(path, 1, 1, "GW102", "", message)]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = place_of(content[: error.start].decode("utf-8"), error.start)
        message = f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        return None, [Problem(path, line, column, "GW101", "", message)]
    problems = [_forbidden(path, text, found) for found in _first(text)]
    return (None if problems else text), problems


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset."""
    offset = min(offset, len(text))
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _first(text: str) -> list[re.Match[str]]:
    return list(islice(_FORBIDDEN.finditer(text), _REPORTED))


def _forbidden(path: str, text: str, found: re.Match[str]) -> Problem:
    line, column = place_of(text, found.start())
    message = (
        f"character U+{ord(found.group()):04X} is invisible or reorders text, so that a reviewer "
        'cannot see what is there; remove it, or write it as an escape in "double quotes"'
    )
    return Problem(path, line, column, "GW103", "", message)
