"""The short way to read a file that is as it should be: plain values, without a place for each.

Most files of most revisions are right, and places are only asked for once something is wrong. What
neither reading of the short way takes is read by ``parse``, which can say what it is and where.
"""

from __future__ import annotations

from controller.config.files import Outline, SourceFile
from controller.config.lines import outline_of_lines
from controller.config.text_guard import decode


def outlines_of(file: SourceFile) -> tuple[Outline, ...] | None:
    """The documents of a file; none when anything about it is unusual."""
    text, _ = decode(file.path, file.content)
    if text is None:
        return None
    found = outline_of_lines(text)
    if found is not None:
        return (found,)
    from controller.config.outline import outlines  # with libyaml, which plain files do not need

    return outlines(text)
