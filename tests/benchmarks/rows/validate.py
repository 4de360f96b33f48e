"""Validate 1,000 files, whole process, beside check-jsonschema with our schema and yamllint."""

from __future__ import annotations

import json
from pathlib import Path

from controller.cli.commands.schema import schema
from tests.benchmarks.measure import GITWARD, PYTHON, Outcome, faster, interleave, process, timed
from tests.benchmarks.repository import mixed_repository, write
from tests.benchmarks.server import scratch

FILES = 1_000
ROUNDS = 5
FOLDERS = {"policy": "policies", "catalog": "checks", "exception": "exceptions"}


def check_jsonschema(folder: Path) -> None:
    """Once for each kind of document, each with its schema."""
    for kind, name in FOLDERS.items():
        file = folder.parent / f"{kind}.json"
        if not file.exists():
            file.write_text(json.dumps(schema(kind)))
        files = sorted((folder / name).rglob("*.yaml"))
        process(PYTHON, "-m", "check_jsonschema", "--schemafile", file, *files)


def yamllint(folder: Path) -> None:
    process(
        PYTHON, "-m", "yamllint", "-d", "{extends: relaxed, rules: {line-length: disable}}", folder
    )


def rows() -> list[Outcome]:
    with scratch() as scratched:
        folder = scratched / "repository"
        write(folder, mixed_repository(FILES))
        peer, linter, ours = interleave(
            ROUNDS,
            timed(lambda: check_jsonschema(folder)),
            timed(lambda: yamllint(folder)),
            timed(lambda: process(*GITWARD, "validate", folder)),
        )
        name = f"`validate` of {FILES:,} files (600 checks, 300 policies, 100 exceptions), whole process"
        return [
            faster(name, "check-jsonschema with our schema", peer, ours, 8),
            faster(name, "yamllint", linter, ours, 8),
        ]
