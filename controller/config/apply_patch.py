"""Apply a unified diff, exactly or not at all. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from controller.errors import RejectedError

_HUNK: Final = re.compile(r"@@ -(\d{1,7})(?:,(\d{1,7}))? \+(\d{1,7})(?:,(\d{1,7}))? @@.*")
_NOTHING: Final = "/dev/null"
_NO_NEWLINE: Final = "\\ No newline at end of file"
_SKIPPED: Final = ("diff ", "index ", "new file mode ", "deleted file mode ", "similarity ")


@dataclass(slots=True)
class _File:
    old: str | None
    new: str | None
    hunks: list[_Hunk] = field(default_factory=list)


@dataclass(slots=True)
class _Hunk:
    start: int
    """From 0, in the old text; the lines count is checked while reading."""
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


def apply_patch(patch: str, text_of: Callable[[str], str | None]) -> dict[str, str | None]:
    """The files that a diff leads to.

    Args:
        patch: As ``git diff`` and the 409 of a refused write have it.
        text_of: A path's text now; none when there is no such file.

    Returns:
        Path to its new text; none for a file that goes.

    Raises:
        RejectedError: It is no unified diff, or does not fit the texts exactly.
    """
    changed: dict[str, str | None] = {}
    for file in _files(patch):
        path = file.new or file.old
        if path is None or path in changed:
            raise _refused(f"{path or 'a file'} occurs twice, or has no name")
        if file.old is not None and file.new is not None and file.old != file.new:
            raise _refused(
                f"{file.old} would be renamed; give its removal and the new file instead"
            )
        before = text_of(path)
        if (before is None) != (file.old is None):
            there = "is not there" if before is None else "is there already"
            raise _refused(f"{path} {there}")
        after = _applied(path, before or "", file.hunks)
        if file.new is None and after:
            raise _refused(f"{path} would be removed, but the patch leaves text of it")
        changed[path] = None if file.new is None else after
    if not changed:
        raise _refused("it changes no file")
    return changed


def _files(patch: str) -> list[_File]:
    files: list[_File] = []
    lines = patch.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    number = 0
    while number < len(lines):
        line = lines[number]
        if line.startswith("--- ") and number + 1 < len(lines):
            files.append(_File(_name(line, "a/"), _name(lines[number + 1], "b/")))
            number += 2
        elif (found := _HUNK.fullmatch(line)) and files:
            number = _hunk(files[-1], found, lines, number + 1)
        elif line.startswith(_SKIPPED) or not line:
            number += 1
        else:
            raise _refused(f"line {number + 1} is no line of a unified diff")
    return files


def _name(line: str, prefix: str) -> str | None:
    mark = "--- " if prefix == "a/" else "+++ "
    name = line.removeprefix(mark).split("\t", 1)[0]
    if not line.startswith(mark) or (name != _NOTHING and not name.startswith(prefix)):
        raise _refused(f"{line[:100]!r} names no file; expected {mark}{prefix}PATH")
    return None if name == _NOTHING else name.removeprefix(prefix)


def _hunk(file: _File, found: re.Match[str], lines: list[str], number: int) -> int:
    start, old, _, new = (1 if part is None else int(part) for part in found.groups())
    # An empty range names the line before it.
    hunk = _Hunk(start if old == 0 else start - 1)
    while len(hunk.old) < old or len(hunk.new) < new or _ends_without_newline(lines, number):
        if number >= len(lines):
            raise _refused("it ends within a hunk")
        mark, text = lines[number][:1], lines[number][1:] + "\n"
        if lines[number] == _NO_NEWLINE:
            _chop(hunk, lines[number - 1][:1])
        elif mark not in {" ", "-", "+"}:
            raise _refused(f"line {number + 1} is no line of a hunk")
        if mark in {" ", "-"}:
            hunk.old.append(text)
        if mark in {" ", "+"}:
            hunk.new.append(text)
        number += 1
    if (len(hunk.old), len(hunk.new)) != (old, new):
        raise _refused("a hunk has other lines than its head says")
    file.hunks.append(hunk)
    return number


def _ends_without_newline(lines: list[str], number: int) -> bool:
    return number < len(lines) and lines[number] == _NO_NEWLINE


def _chop(hunk: _Hunk, mark: str) -> None:
    for side, marks in ((hunk.old, " -"), (hunk.new, " +")):
        if mark and mark in marks and side:
            side[-1] = side[-1].removesuffix("\n")


def _applied(path: str, before: str, hunks: list[_Hunk]) -> str:
    # Only a line feed ends a line here, as in a diff; splitlines knows many more.
    parts = before.split("\n")
    lines = [f"{line}\n" for line in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
    result: list[str] = []
    at = 0
    for hunk in hunks:
        end = hunk.start + len(hunk.old)
        if hunk.start < at or lines[hunk.start : end] != hunk.old:
            raise _refused(f"{path} is not what the patch was made from; make it again")
        result += lines[at : hunk.start] + hunk.new
        at = end
    return "".join(result + lines[at:])


def _refused(message: str) -> RejectedError:
    return RejectedError(f"the patch cannot be applied: {message}", (("patch", message),))
