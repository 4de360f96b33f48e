"""The page docs/reference/problems.md: ``python -m controller.config.codes.page > FILE``. Pure."""

from __future__ import annotations

import sys

from controller.config.codes import CODES, SECTIONS, Code

_HEAD = """# Problem codes

<!-- Made from the code table in controller/config/codes by: python -m controller.config.codes.page -->

What `gitward validate` reports, as `path:line:column: code field: what is wrong; what to do`.
`gitward explain CODE` prints the same as here. Codes are stable: one that is no longer used is not
given to something else. Examples show those fields of a document that matter.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD]
    for prefix, title in SECTIONS:
        codes = [code for code in CODES.values() if code.id.startswith(prefix)]
        parts += [f"## {prefix}xx: {title}\n", *map(_entry, codes)]
    return "\n".join(parts)


def _entry(code: Code) -> str:
    level = "Warning." if code.level == "warning" else "Error."
    if code.clock:
        level += " Depends on the time, so the controller itself only warns."
    return (
        f"### {code.id}: {code.title}\n\n{level} {code.explanation}\n\n"
        f"Wrong:\n\n{_fenced(code.wrong)}\n\nRight:\n\n{_fenced(code.right)}\n"
    )


def _fenced(text: str) -> str:
    return f"```yaml\n{text or '# (nothing)'}\n```"


if __name__ == "__main__":
    sys.stdout.write(page())
