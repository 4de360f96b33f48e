"""Which entries of a tree are documents, and which trees are refused. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn

from msgspec import Struct

from controller.errors import TreeRefusedError
from controller.source.address import plain_part
from controller.source.damage import DamagedError
from controller.source.interface import TreeFile, Wanted
from controller.source.limits import Limits

LINK: Final = "120000"
SUBMODULE: Final = "160000"
_GONE: Final = "000000"
_FILES: Final = frozenset({"100644", "100755", "100664"})
_ORDINARY: Final = re.compile(r"(?=.{1,1024}\Z)(\w[\w.-]*/)*\w[\w.-]*", re.ASCII)
"""Nearly all paths; others are looked at part by part."""
_LFS: Final = b"version https://git-lfs.github.com/spec/"


class Entry(Struct, frozen=True):
    """One line of a listing."""

    mode: str
    blob: str
    path: str
    """Bytes that are not UTF-8 stand as surrogates."""
    size: str = ""
    """Of a blob in bytes, as ``ls-tree`` says it; a difference says none."""

    @property
    def gone(self) -> bool:
        """Whether a difference says that the path no longer exists."""
        return self.mode == _GONE


def parse_tree(text: bytes) -> Iterator[Entry]:
    """Read ``ls-tree -r -l -z``."""
    for line in _records(text):
        facts, _, path = line.partition("\t")
        mode, _, blob, size = facts.split()
        yield Entry(mode, blob, path, size)


def parse_difference(text: bytes) -> Iterator[Entry]:
    """Read ``diff-tree -r -z --raw --no-abbrev --no-renames``: what each path is now."""
    records = _records(text)
    for facts in records:
        _, mode, _, blob, _ = facts.split(" ")
        yield Entry(mode, blob, next(records))


def documents(entries: Iterable[Entry], wanted: Wanted) -> Iterator[Entry]:
    """Keep the documents, and what is gone; refuse what stands where one belongs.

    Raises:
        TreeRefusedError: A link, a submodule, or a name that is not plain.
    """
    for entry in entries:
        if entry.gone:
            yield entry
        elif entry.mode in {LINK, SUBMODULE}:
            if wanted(entry.path) or wanted(entry.path + "/document.yaml"):
                refuse(entry)
        elif wanted(entry.path):
            _check_name(entry)
            yield entry


class Documents:
    """The documents of a tree, taken in while git is still listing it."""

    def __init__(self, wanted: Wanted) -> None:
        self.entries: list[Entry] = []
        self._wanted = wanted
        self._begun = b""
        """Of a line whose end has not come."""

    def take(self, chunk: bytes) -> bool:
        """Take in what git said next; always wants more.

        Raises:
            TreeRefusedError: As ``documents``.
        """
        lines, end, begun = chunk.rpartition(b"\0")
        if end:
            self.entries += documents(parse_tree(self._begun + lines + end), self._wanted)
            self._begun = begun
        else:
            self._begun += begun
        return True


def refuse(entry: Entry) -> NoReturn:
    """Refuse a link or submodule.

    Raises:
        TreeRefusedError: Always.
    """
    kind = "a symbolic link" if entry.mode == LINK else "a submodule"
    raise TreeRefusedError(
        f"{shown(entry.path)}: is {kind}, which is never followed; commit the documents themselves"
    )


def size_of(entry: Entry) -> int:
    """The size that a listing says of a blob.

    Raises:
        DamagedError: Git could not read the blob.
    """
    if not entry.size.isdigit():
        raise DamagedError(f"{shown(entry.path)}: is not a readable blob ({entry.size[:20]})")
    return int(entry.size)


def check_size(path: str, size: int, limits: Limits) -> None:
    """Refuse an oversized document.

    Raises:
        TreeRefusedError: Larger than ``Limits.file_bytes``.
    """
    if size > limits.file_bytes:
        raise TreeRefusedError(
            f"{path}: has {size} bytes, at most {limits.file_bytes} are read; split it"
        )


def check_count(count: int, limits: Limits) -> None:
    """Refuse too many documents.

    Raises:
        TreeRefusedError: More than ``Limits.files``.
    """
    if count > limits.files:
        raise TreeRefusedError(
            f"there are {count} documents, at most {limits.files} are read; "
            "split the repository or set a path inside it"
        )


def check_content(path: str, content: bytes) -> None:
    """Refuse what only stands for a document.

    Raises:
        TreeRefusedError: An LFS pointer.
    """
    if content.startswith(_LFS):
        raise TreeRefusedError(
            f"{path}: is an LFS pointer, and LFS is never run; commit the file itself"
        )


def fold(path: str) -> str:
    """The form in which two paths are the same on a forgetful file system."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def shown(path: str) -> str:
    """A path for people."""
    return path if path.isprintable() else repr(path)


def _records(text: bytes) -> Iterator[str]:
    return iter(text.decode("utf-8", "surrogateescape").split("\0")[:-1])


def _check_name(entry: Entry) -> None:
    if entry.mode not in _FILES:
        raise TreeRefusedError(f"{shown(entry.path)}: has the unknown mode {entry.mode}")
    if _ORDINARY.fullmatch(entry.path):
        return
    if (
        not all(map(plain_part, entry.path.split("/")))
        or "\\" in entry.path
        or not entry.path.isprintable()
        or len(entry.path) > 1024
    ):
        raise TreeRefusedError(
            f"{shown(entry.path)[:200]}: is not a plain name; use UTF-8 without control characters, "
            "backslashes, '..' and '.git'"
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """The documents of one tree. The next tree's are worked out from what has changed."""

    files: Mapping[str, TreeFile] = field(default_factory=dict)
    """By path, in order of path."""
    folded: Mapping[str, str] = field(default_factory=dict)
    """Folded path to path."""
    total_bytes: int = 0

    def after(self, gone: Iterable[str], present: Iterable[TreeFile], limits: Limits) -> Listed:
        """The documents once some paths are gone and some are new or different.

        Raises:
            TreeRefusedError: A document too large, too many, too much together, or two whose names
                differ by case or Unicode form only.
        """
        files, folded, total = dict(self.files), dict(self.folded), self.total_bytes
        fresh = False
        for path in gone:
            if (old := files.pop(path, None)) is not None:
                del folded[fold(path)]
                total -= old.size
        for file in present:
            check_size(file.path, file.size, limits)
            other = folded.setdefault(fold(file.path), file.path)
            if other != file.path:
                raise TreeRefusedError(
                    f"{file.path}: differs from {other} by case or Unicode form only; rename one"
                )
            before = files.get(file.path)
            fresh = fresh or before is None
            total += file.size - (before.size if before else 0)
            files[file.path] = file
        check_count(len(files), limits)
        if total > limits.total_bytes:
            raise TreeRefusedError(
                f"the documents hold {total} bytes together, at most {limits.total_bytes} are read"
            )
        if fresh:
            files = {path: files[path] for path in sorted(files)}
        return Listed(files, folded, total)
