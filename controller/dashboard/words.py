"""Values as people read them: numbers, spans of time, places. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

NOTHING: Final = "–"  # noqa: RUF001 - a dash, meant to be seen
_MINUS: Final = "\u2212"
PLATFORM_NAMES: Final = {
    "windows": "Windows",
    "darwin": "macOS",
    "linux": "Linux",
    "all": "All platforms",
}
OUTCOME_NAMES: Final = {
    "passed": "Passed",
    "failed": "Failed",
    "error": "Error",
    "not_applicable": "Not applicable",
    "exempted": "Exempted",
    "pending": "Pending",
}
RISK_SHAPES: Final = {"critical": "▲", "high": "◆", "medium": "■", "low": "●", "unknown": "○"}
OUTCOME_SHAPES: Final = {
    "passed": "✓",
    "failed": "✗",
    "error": "!",
    "not_applicable": "–",  # noqa: RUF001
    "exempted": "◇",
    "pending": "…",
}


def number(value: int) -> str:
    """1284 is ``1,284``."""
    return f"{value:,}"


def score(value: float | None) -> str:
    """Two decimals, which were rounded down before; a dash for none."""
    return NOTHING if value is None else f"{value:.2f}"


def percent(value: float | None) -> str:
    """One decimal, rounded down, so that what is shown never crosses a bound; ``0%`` and ``100%``."""
    if value is None:
        return NOTHING
    tenths = int(value * 10 + 1e-9)
    return f"{tenths // 10}%" if tenths in {0, 1000} else f"{tenths / 10:.1f}%"


def signed(value: float | None, places: int = 1) -> str:
    """``+3.4`` or ``-2.1`` with a real minus sign; zero has no sign."""
    if value is None:
        return NOTHING
    text = f"{abs(value):.{places}f}"
    if float(text) == 0:
        return text
    return ("+" if value > 0 else _MINUS) + text


def span(length: timedelta) -> str:
    """A length of time in its largest unit: ``20 s``, ``8 min``, ``3 h``, ``12 days``."""
    seconds = max(0, int(length.total_seconds()))
    for size, one, many in (
        (86_400 * 365, "year", "years"),
        (86_400, "day", "days"),
        (3_600, "h", "h"),
        (60, "min", "min"),
    ):
        if seconds >= size * (1 if size < 86_400 * 365 else 2):
            count = seconds // size
            return f"{count} {one if count == 1 else many}"
    return f"{seconds} s"


def ago(when: datetime | None, as_of: datetime) -> str:
    """``8 min ago``; ``never`` for none."""
    if when is None:
        return "never"
    return "now" if as_of - when < timedelta(seconds=1) else f"{span(as_of - when)} ago"


def ahead(when: datetime | None, as_of: datetime) -> str:
    """``in 12 days``, ``ended 3 days ago``, ``no end``."""
    if when is None:
        return "no end"
    return f"in {span(when - as_of)}" if when > as_of else f"ended {span(as_of - when)} ago"


def day(when: datetime | date | None) -> str:
    """``23 Nov 2026``."""
    if when is None:
        return NOTHING
    when = when.astimezone(UTC) if isinstance(when, datetime) else when
    return f"{when.day} {when:%b %Y}"


def short_day(when: date) -> str:
    """``23 Nov``."""
    return f"{when.day} {when:%b}"


def clock(when: datetime | None) -> str:
    """``23 Nov 2026, 09:40 UTC``."""
    if when is None:
        return NOTHING
    when = when.astimezone(UTC)
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def machine_time(when: datetime | date) -> str:
    """For the ``datetime`` attribute."""
    if isinstance(when, datetime):
        return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return when.isoformat()


def cut(text: str, most: int) -> str:
    """At most so many characters, the last one an ellipsis where some are missing."""
    if len(text) <= most:
        return text
    return text[: max(0, most - 1)].rstrip(" .,;:") + "…"


def phrase(word: str) -> str:
    """``system_updates`` is ``System updates``."""
    text = word.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def abridged(text: str) -> str:
    """A message with its commits and digests as short as people name them."""
    return re.sub(r"(?:sha1:)?\b([0-9a-f]{7})[0-9a-f]{33,57}\b", r"\1", text)


def spaced(word: str) -> str:
    """``SourceVerified`` is ``Source verified``."""
    return phrase(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", word).lower())


def short(commit: str | None) -> str:
    """The seven digits by which people name a commit, of a commit or of a whole revision."""
    return (commit or "").rpartition(":")[2][:7]


def safe_link(address: object) -> str | None:
    """The address when it is one that may be a link: http or https with a host; none otherwise."""
    if not isinstance(address, str) or len(address) > 2_000 or not address.isprintable():
        return None
    if " " in address:
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in {"http", "https"} and parts.hostname else None


def evidence(value: object) -> str:
    """What a machine gave, as one text; never markup."""
    if isinstance(value, dict):
        return "\n".join(f"{name} = {entry}" for name, entry in value.items())
    if isinstance(value, list):
        return "\n".join(evidence(entry) for entry in value)
    return "" if value is None else str(value)


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 machine``, ``3 machines``."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"
