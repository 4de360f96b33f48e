"""Notice changes on this machine. A hint only: whoever listens also polls."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from controller.source.git_folder import GitFolder

_MAX_FOLDERS: Final = 500
_LIST_AGAIN_MS: Final = 1000
_RETRY_SECONDS: Final = 1.0
_NAMES: Final = frozenset({"HEAD", "packed-refs"})


def watch_refs(folder: GitFolder, stop: threading.Event) -> Iterator[None]:
    """Yield when a ref or HEAD may have moved."""

    def concerns(path: str) -> bool:
        name = os.path.basename(path)  # noqa: PTH119 - a thousand events a second
        return name in _NAMES or (
            not name.endswith(".lock") and (f"{os.sep}refs{os.sep}" in path or "reftable" in path)
        )

    def folders() -> set[Path]:
        found = {folder.git_dir, folder.common}
        for below in (folder.common / "refs", folder.git_dir / "refs", folder.common / "reftable"):
            for place, _, _ in os.walk(below):
                found.add(Path(place))
                if len(found) >= _MAX_FOLDERS:
                    return found
        return found

    return _watch(folders, concerns, stop, recursive=False)


def watch_tree(
    root: Path, concerns: Callable[[str], bool], stop: threading.Event
) -> Iterator[None]:
    """Yield when a file that concerns the caller may have changed anywhere below ``root``."""
    return _watch(lambda: {root}, concerns, stop, recursive=True)


def _watch(
    folders: Callable[[], set[Path]],
    concerns: Callable[[str], bool],
    stop: threading.Event,
    *,
    recursive: bool,
) -> Iterator[None]:
    while not stop.is_set():
        try:
            yield from _changes(folders, concerns, stop, recursive=recursive)
        except (OSError, RuntimeError):
            # The folder is gone for the moment, or the system has no watches left: polling goes on.
            stop.wait(_RETRY_SECONDS)


def _changes(
    folders: Callable[[], set[Path]],
    concerns: Callable[[str], bool],
    stop: threading.Event,
    *,
    recursive: bool,
) -> Iterator[None]:
    # Imported late: only ``serve`` watches.
    from watchfiles import watch

    watched = folders()
    for changes in watch(
        *watched,
        watch_filter=None,
        stop_event=stop,
        debounce=100,
        step=20,
        recursive=recursive,
        # A folder made between listing and watching would go unseen: so it is listed again.
        rust_timeout=_LIST_AGAIN_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
        ignore_permission_denied=True,
    ):
        moved = not recursive and folders() != watched
        if moved or any(concerns(path) for _, path in changes):
            yield None
        if moved:
            return  # folders came or went: start anew with the right ones
