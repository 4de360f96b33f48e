"""``gitward schema``: JSON Schema of the documents, for editors and other validators."""

from __future__ import annotations

import argparse
import json
from typing import Any, Final

from controller.cli import exit_codes
from controller.model.documents import Catalog, Document, Policy, RepositorySettings, Waiver

KINDS: Final[dict[str, tuple[type[Document], str]]] = {
    "policy": (Policy, "A policy: one document below policies/"),
    "catalog": (Catalog, "A catalog of checks: one document below checks/"),
    "exception": (Waiver, "A reviewed exception: one document below exceptions/"),
    "settings": (RepositorySettings, "The repository's settings: gitward.yaml"),
}
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_DATE_OR_TIME: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2}))?$"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kind", choices=KINDS, help="the kind of document")


def run(options: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(schema(options.kind), indent=2))
    return exit_codes.OK


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of one kind of document as it may be written in a file.

    It describes shape: every document that ``gitward validate`` takes satisfies it.
    """
    model, title = KINDS[kind]
    described = model.model_json_schema()
    described.pop("description", None)
    # The id of a file with one document defaults to the file's name.
    default = {"policy": "id", "exception": "id", "catalog": "catalog"}.get(kind)
    if default is not None:
        described["required"].remove(default)
    _accept_aliases(described)
    _accept_dates(described)
    return {"$schema": _DIALECT} | described | {"title": title}


def _accept_aliases(described: dict[str, Any]) -> None:
    """Let the operator's other spellings through, which are normalised on load."""
    from controller.model.terms import OPERATOR_ALIASES

    check = described.get("$defs", {}).get("Check")
    if check is not None:
        operator = check["properties"]["comparison_operator"]
        operator["enum"] = [*operator["enum"], *OPERATOR_ALIASES]


def _accept_dates(described: object) -> None:
    """A date alone is a time here too, which the format ``date-time`` does not allow."""
    if isinstance(described, dict):
        if described.get("format") == "date-time":
            del described["format"]
            described["pattern"] = _DATE_OR_TIME
        for part in described.values():
            _accept_dates(part)
    elif isinstance(described, list):
        for part in described:
            _accept_dates(part)
