"""Options that are the same everywhere: every one has an environment variable ``GITWARD_...``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from controller.errors import UsageError


def option(parser: argparse.ArgumentParser, flag: str, **settings: Any) -> None:  # noqa: ANN401
    """Add ``--some-flag`` whose default comes from ``GITWARD_SOME_FLAG`` when that is set.

    An environment value goes through the same ``type`` and ``choices`` as the flag's own, an empty one
    too: nothing that guards is switched off by a variable that got lost.

    Raises:
        UsageError: The environment's value is none of the choices.
    """
    variable = "GITWARD_" + flag.removeprefix("--").replace("-", "_").upper()
    value = os.environ.get(variable)
    choices = settings.get("choices")
    if value is not None and choices is not None and value not in choices:  # argparse does not look
        raise UsageError(f"{variable} is {value!r}; write one of {', '.join(choices)}")
    if value is not None:
        if settings.get("action") == "store_true":
            settings["default"] = value.lower() in {"1", "true", "yes", "on"}
        elif settings.get("action") == "append":
            settings["default"] = [item for item in value.split(",") if item]
        else:
            settings["default"] = value  # argparse applies ``type`` to a text default
        settings.pop("required", None)
    settings["help"] = f"{settings.get('help', '')} [{variable}]".strip()
    parser.add_argument(flag, **settings)


def path_unless_empty(text: str) -> Path | None:
    """For ``type=``: none for an empty text, which a job sees of a variable that is not defined."""
    return Path(text) if text else None


def format_option(parser: argparse.ArgumentParser, *formats: str) -> None:
    """Add ``--format``; the first is the default."""
    option(parser, "--format", choices=formats, default=formats[0], help="how to print the result")
