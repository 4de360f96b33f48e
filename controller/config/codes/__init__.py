"""Every problem code, in one table. Pure.

Codes are stable: one that is no longer used is not given to something else.
"""

from __future__ import annotations

from typing import Final

from controller.config.codes.agents import AGENTS
from controller.config.codes.entry import Code
from controller.config.codes.reading import READING
from controller.config.codes.references import REFERENCES
from controller.config.codes.review import REVIEW
from controller.config.codes.revision import REVISION
from controller.config.codes.shape import SHAPE

CODES: Final[dict[str, Code]] = {
    code.id: code for code in (*READING, *SHAPE, *REFERENCES, *REVIEW, *AGENTS, *REVISION)
}
SECTIONS: Final[tuple[tuple[str, str], ...]] = (
    ("GW1", "Reading files"),
    ("GW2", "Shape of a document"),
    ("GW3", "References and uniqueness"),
    ("GW4", "Time and review of exceptions"),
    ("GW5", "Compatibility with SlimRMM's agents"),
    ("GW6", "The revision as a whole"),
)

__all__ = ["CODES", "SECTIONS", "Code"]
