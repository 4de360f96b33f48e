"""Options that are the same everywhere: every one has an environment variable ``GITWARD_...``."""

from __future__ import annotations

import argparse
import os
from typing import Any


def option(parser: argparse.ArgumentParser, flag: str, **settings: Any) -> None:  # noqa: ANN401
    """Add ``--some-flag`` whose default comes from ``GITWARD_SOME_FLAG`` when that is set.

    An environment value goes through the same ``type`` and ``choices`` as the flag's own. An empty one
    counts as unset: that is what a job sees of a variable that its project does not define.
    """
    variable = "GITWARD_" + flag.removeprefix("--").replace("-", "_").upper()
    value = os.environ.get(variable)
    if value:
        if settings.get("action") == "store_true":
            settings["default"] = value.lower() in {"1", "true", "yes", "on"}
        elif settings.get("action") == "append":
            settings["default"] = [item for item in value.split(",") if item]
        else:
            settings["default"] = value  # argparse applies ``type`` to a text default
        settings.pop("required", None)
    settings["help"] = f"{settings.get('help', '')} [{variable}]".strip()
    parser.add_argument(flag, **settings)


def format_option(parser: argparse.ArgumentParser, *formats: str) -> None:
    """Add ``--format``; the first is the default."""
    option(parser, "--format", choices=formats, default=formats[0], help="how to print the result")
