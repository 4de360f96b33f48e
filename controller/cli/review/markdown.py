"""Markdown in which foreign text is only ever text. Pure.

What a document, a commit or a machine says stands in code spans: hosts read no markup, no HTML, no
mention, no reference and no address inside them.
"""

from __future__ import annotations

import re
from typing import Final

_WIDEST: Final = 200
_TICKS: Final = re.compile(r"`+")


def code(text: object, *, widest: int = _WIDEST) -> str:
    """Foreign text as one code span, on one line, cut to size, fit for a table's cell."""
    plain = "".join(c if c.isprintable() else " " for c in str(text)).strip()
    if len(plain) > widest:
        plain = plain[: widest - 1] + "…"
    if not plain:
        return "(empty)"
    fence = "`" * (1 + max((len(run) for run in _TICKS.findall(plain)), default=0))
    # A table ends a cell at a bar even inside code, and takes the backslash away again; elsewhere the
    # backslash would show, so a look-alike stands for the bar everywhere.
    plain = plain.replace("|", "\u00a6")
    space = " " if plain[0] in "` " or plain[-1] in "` " else ""
    return f"{fence}{space}{plain}{space}{fence}"
