"""What a query may give back, and its text form. Pure."""

from __future__ import annotations

import re
from typing import Final

from controller.errors import QueryFailedError

MOST_ROWS: Final = 1000
MOST_BYTES: Final = 256 * 1024
"""Of all names and values of an answer together."""
MOST_QUERY: Final = 16 * 1024
"""Characters of one query."""
_UNSENDABLE: Final = re.compile("[\x00\ud800-\udfff]")
"""What JSON or a database at the other end would refuse: NUL and halves of surrogate pairs."""

Rows = tuple[dict[str, str], ...]


def clean(text: str) -> str:
    """The text with what cannot be sent replaced by the replacement character."""
    return _UNSENDABLE.sub("\ufffd", text)


class Answer:
    """Rows as they come, within bounds. A cut answer would be judged wrongly, so none is cut."""

    def __init__(self) -> None:
        self._rows: list[dict[str, str]] = []
        self._bytes = 0

    def add(self, row: dict[str, str]) -> None:
        """Take a row.

        Raises:
            QueryFailedError: The answer became larger than allowed.
        """
        self._rows.append(row)
        self._bytes += sum(len(name) + len(value.encode()) for name, value in row.items())
        if len(self._rows) > MOST_ROWS:
            raise QueryFailedError(f"the query returned more than {MOST_ROWS} rows; narrow it")
        if self._bytes > MOST_BYTES:
            raise QueryFailedError(f"the query returned more than {MOST_BYTES} bytes; narrow it")

    def rows(self) -> Rows:
        """All of them."""
        return tuple(self._rows)
