"""``gitward export``: the objects that were made through the API, as documents to bring under git."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from controller.cli import exit_codes
from controller.cli.access.interface import Access
from controller.cli.access.opening import access_options, open_access
from controller.cli.new_files import written
from controller.config.emit import catalog_text, document_text, reads_back
from controller.errors import ConflictError
from controller.model.documents import AnyDocument, Check, Policy, Waiver

_KINDS: Final[dict[str, tuple[str, type[Policy] | type[Waiver]]]] = {
    "policies": ("policies", Policy),
    "exceptions": ("exceptions", Waiver),
}
_CATALOG: Final = "checks/from-api.yaml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the options."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="the repository's root")
    access_options(parser)


def run(options: argparse.Namespace) -> int:
    """Write one file an object, all or none; what is there already is never overwritten."""
    with open_access(options) as controller:
        made = exported(controller)
    taken = sorted(path for path in made if (options.directory / path).exists())
    if taken:
        raise ConflictError(
            f"{options.directory} has {', '.join(taken[:5])} already; nothing was written, move them"
        )
    for path in written(options.directory, made):
        print(path)
    if not made:
        print("nothing was made through the API", file=sys.stderr)
    elif any(path.startswith("policies/") for path in made):
        print(
            "policies of git select from git's own checks; set builtin_checks: true in gitward.yaml "
            "where they also need the built-in ones. gitward plan --server shows what that does",
            file=sys.stderr,
        )
    return exit_codes.OK


def exported(controller: Access) -> dict[str, str]:
    """Path to text of everything that the API's callers made.

    Raises:
        ConflictError: An object cannot be written so that git would read the same.
    """
    made: dict[str, str] = {}
    for listed, (folder, model) in _KINDS.items():
        for document in _made(controller, listed, model.model_validate):
            path = f"{folder}/{document.id}.yaml"
            made[path] = _checked(path, document_text(document), [document])
    checks = _made(controller, "checks", Check.model_validate)
    if checks:
        text = catalog_text("from-api", "Checks that were made through the API", checks)
        made[_CATALOG] = _checked(_CATALOG, text, [*checks])
    return made


def _made(controller: Access, listed: str, read: Callable[[Any], Any]) -> list[Any]:
    found = [each for each in controller.entries(listed) if each["managed_by"] == "api"]
    return sorted((_document(each, read) for each in found), key=lambda each: each.id)


def _document(entry: dict[str, Any], read: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    own = {
        "state", "agents_affected", "managed_by", "git", "check_count", "agent_count",
        "created_at", "updated_at",
    }  # fmt: skip
    return read({key: value for key, value in entry.items() if key not in own})


def _checked(path: str, text: str, documents: list[AnyDocument]) -> str:
    if not reads_back(path, text, documents):
        raise ConflictError(
            f"{path} cannot be written so that it says the same: it has characters or lengths that "
            "documents in git may not have; change the object first"
        )
    return text
