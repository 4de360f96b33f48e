"""Exit codes, one meaning each (README.md)."""

from __future__ import annotations

from typing import Final

OK: Final = 0
PROBLEMS: Final = 1
"""Problems found, or a difference where none was asked for."""
USAGE: Final = 2
FAILED: Final = 3
"""The work could not be done."""
BUG: Final = 4
TAKEN_OVER: Final = 5
"""Another controller took the data folder over: starting again would take it back."""
