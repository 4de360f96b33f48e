"""Whether what git manages in the store is what git declares at the applied revision."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from controller.config.builtin import builtin_checks_if_wanted
from controller.config.load import SourceFile, assemble, is_document, read_file
from controller.model.configuration import Configuration
from controller.model.integrity import Finding
from controller.model.source import SourceStatus
from controller.model.terms import KINDS
from controller.reconcile.plan import differences
from controller.source.local import LocalRepository
from controller.source.mirror_folder import MirrorFolder
from controller.store.port.store import Reading


def check_inventory(reading: Reading, status: SourceStatus, data: Path) -> Iterator[Finding]:
    """Compare one source's objects with its mirror, without talking to anybody.

    Args:
        reading: The store.
        status: Of the source.
        data: The controller's data folder, where the mirror is.

    Raises:
        SourceError: The mirror cannot be read; nothing was compared.
    """
    _, mark, sha = (status.last_applied_revision or "").rpartition("@sha1:")
    if not mark:
        return  # nothing applied yet, or a working tree that has moved on
    declared = _declared(MirrorFolder(data.absolute(), status.name).mirror, status.path, sha)
    stored = reading.declared(status.name)
    for kind in KINDS:
        want, have = declared.of_kind(kind), stored.of_kind(kind)
        for id_ in sorted(want.keys() | have.keys()):
            about = f"{kind}/{id_}"
            if id_ not in have:
                if status.removed:
                    continue  # another source has taken it over
                message = f"is declared at {want[id_].place.path} in {sha[:12]} and is not in force"
                yield Finding("inventory", about, message)
            elif id_ not in want:
                yield Finding("inventory", about, f"is in force and not declared in {sha[:12]}")
            elif changed := differences(want[id_].document, have[id_].document):
                fields = ", ".join(each.field for each in changed)
                yield Finding("inventory", about, f"differs from git at {sha[:12]} in: {fields}")


def _declared(mirror: Path, path: str, sha: str) -> Configuration:
    repository = LocalRepository(mirror, path=path, wanted=is_document)
    try:
        snapshot = repository.snapshot(sha)
        texts = repository.read(snapshot)
    finally:
        repository.close()
    contents = [read_file(SourceFile(file.path, texts[file.blob])) for file in snapshot.files]
    return assemble(
        contents,
        as_of=snapshot.commit.committed_at,
        builtin_checks=builtin_checks_if_wanted(contents),
    ).configuration
