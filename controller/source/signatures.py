"""What git says of signatures, in our words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from controller.model.source import Signature, Verdict
from controller.source.trust import FORGE

FORMAT: Final = "--format=tformat:%H%x00%G?%x00%GF%x00%GP%x00%GS%x00%an%x00%s"
"""With ``-z``: seven fields a commit, each ended by NUL."""
_FIELDS: Final = 7
_LONGEST: Final = 200
_VERDICTS: Final[dict[str, Verdict]] = {
    "G": "good",
    "B": "bad",
    "U": "foreign",
    "E": "foreign",
    "X": "expired",
    "Y": "expired",
    "R": "revoked",
    "N": "unsigned",
}


def parse_signatures(
    text: bytes, forges: Mapping[str, str], expired: frozenset[str]
) -> Iterator[Signature]:
    """Read ``git log -z`` in ``FORMAT``.

    Args:
        text: What git said.
        forges: Fingerprint to the forge that owns it.
        expired: Fingerprints of SSH keys that were left out because their time is over.
    """
    fields = [field.decode("utf-8", "replace") for field in text.split(b"\0")]
    for start in range(0, len(fields) - _FIELDS, _FIELDS):
        sha, letter, key, primary, signer, author, subject = fields[start : start + _FIELDS]
        verdict = _VERDICTS.get(letter, "bad")
        if verdict == "foreign" and key in expired:
            verdict = "expired"
        forge = forges.get(key) or forges.get(primary)
        if signer.startswith(FORGE):
            forge = signer.removeprefix(FORGE)
        yield Signature(
            sha=sha,
            verdict=verdict,
            signer=_plain(signer),
            key=_plain(key),
            forge=forge,
            author=_plain(author),
            subject=_plain(subject),
        )


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST])
