"""Files that a command makes in somebody's folder, and never over what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from controller.errors import ConflictError


def written(directory: Path, made: Mapping[str, str]) -> Iterator[str]:
    """Write texts by their path in the folder, one for each step; the path of each that is there now.

    Raises:
        ConflictError: A file is there already, or cannot be written.
    """
    try:
        for path, text in made.items():
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as handle:
                handle.write(text)
            yield path
    except OSError as error:
        raise ConflictError(f"cannot write into {directory}: {error}") from error
