"""One file to its documents and problems: the part of reading that depends on that file alone. Pure.

The result of ``read_file`` can be kept for as long as path and bytes stay the same. A file is read the
short way first (``proof``), which only proves that it is right; one with anything to tell is read the
long way (``telling``), which says what and where. What a way needs is imported when it is taken.
"""

from __future__ import annotations

from controller.config.contents import FileContent
from controller.config.files import Outline, SourceFile, kind_of_path
from controller.config.proof import proved


def read_file(file: SourceFile) -> FileContent:
    """Read one file. Never raises; a path that is no document's has no content."""
    from controller.config.short_way import outlines_of

    return judge(file, outlines_of(file))


def judge(file: SourceFile, plain: tuple[Outline, ...] | None) -> FileContent:
    """What ``read_file`` returns, of a file whose plain values are known already.

    Args:
        file: The file.
        plain: What ``outlines_of`` says of it.
    """
    kind = kind_of_path(file.path)
    if kind is None:
        return FileContent(file.path)
    found = proved(file, kind, plain) if plain else None
    if found is None:
        from controller.config.telling import told

        found = told(file, kind)
    return found
