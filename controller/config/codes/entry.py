"""The form of one row of the code table. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from controller.model.problem import Level

ExampleKind = Literal["file", "policy", "check", "exception", "settings"]


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of problem.

    ``wrong`` and ``right`` are a whole file when ``example`` is ``file``, otherwise those fields of
    one document of that kind that matter.
    """

    id: str
    title: str
    explanation: str
    wrong: str
    right: str
    example: ExampleKind = "policy"
    level: Level = "error"
    clock: bool = False
