"""What git said, as one of our errors: classed by what the caller must do next. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from controller.errors import (
    AccessDeniedError,
    AuthenticationFailedError,
    FetchFailedError,
    RevisionNotFoundError,
    SourceError,
    SourceRefusedError,
    TreeRefusedError,
)

_SAID: Final[tuple[tuple[str, type[SourceError], str], ...]] = (
    (
        (
            r"could not read Username|could not read Password|Authentication failed"
            r"|terminal prompts disabled|Permission denied \(|Too many authentication failures"
        ),
        AuthenticationFailedError,
        "check the token or key that is set for this source",
    ),
    (
        r"Host key verification failed",
        FetchFailedError,
        "add the host's key to the known_hosts file that is set for this source",
    ),
    (
        r"returned error: (?:403|451)|access denied|Access denied|Permission to .* denied|forbidden",
        AccessDeniedError,
        "give the account of this source read access",
    ),
    (
        r"dubious ownership",
        AccessDeniedError,
        "let the controller's user own the repository",
    ),
    (
        (
            r"repository '.*' not found|Repository not found|does not appear to be a git repository"
            r"|not a git repository|repository not exported|returned error: (?:404|410)|Project not found"
        ),
        AccessDeniedError,
        "check the address, and that the account of this source may read it",
    ),
    (
        r"unable to update url base from redirection|returned error: 30[12378]",
        FetchFailedError,
        "the remote redirects elsewhere, which is not followed; set the address it redirects to",
    ),
    (
        r"transport '.*' not allowed",
        SourceRefusedError,
        "use https:// or ssh://",
    ),
    (
        (
            r"couldn't find remote ref|[Nn]eeded a single revision|unknown revision"
            r"|[Bb]ad revision|bad object|Not a valid commit name|[Nn]ot a valid object name"
        ),
        RevisionNotFoundError,
        "check the ref's name",
    ),
    (
        (
            r"fsck error|[a-z]+: (?:contains|empty|full|invalid|not properly|has) .*"
            r"(?:'\.git'|'\.'|'\.\.'|path|name)"
        ),
        TreeRefusedError,
        "the commit holds a malformed object; rewrite it on the branch",
    ),
)
_DAMAGED: Final = re.compile(
    r"unable to read|could not read [0-9a-f]{40}|is corrupt|missing (?:blob|tree|commit|tag|object)"
    r"|bad object|bad tree|bad pack|invalid (?:object|sha1 pointer)|inflate|packfile|loose object"
    r"|[Cc]ould not parse (?:commit|object)|did not send all necessary objects|unresolved deltas"
    r"|failed to (?:read|unpack|traverse)|unable to (?:parse|unpack|open) .*objects?|not our ref"
    r"|not a git repository|missing link|reference broken|not a valid object|cannot lock ref"
)
_REMOTE: Final = re.compile(
    r"unable to access|[Cc]ould not resolve|[Cc]onnection (?:refused|reset|closed|timed out)"
    r"|couldn't find remote ref|Host key verification failed|Permission denied|not found"
    r"|does not appear to be a git repository|dubious ownership|fsck error"
)
_USER_INFORMATION: Final = re.compile(r"(://)[^/\s'\"@]*@")
_AUTHORIZATION: Final = re.compile(r"(authorization:).*", re.IGNORECASE)


def redact(text: str, secrets: Sequence[str] = ()) -> str:
    """Remove secrets, user information in addresses, and control characters but line ends."""
    for secret in secrets:
        text = text.replace(secret, "*****")
    text = _AUTHORIZATION.sub(r"\1 *****", _USER_INFORMATION.sub(r"\1", text))
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def looks_damaged(stderr: str) -> bool:
    """Whether git's complaint may be about the objects on this disk."""
    return _DAMAGED.search(stderr) is not None


def blames_remote(stderr: str) -> bool:
    """Whether git's complaint is about the other side, so that the mirror need not be looked through."""
    return _REMOTE.search(stderr) is not None


def failure(what: str, stderr: str, secrets: Sequence[str] = ()) -> SourceError:
    """Return the error for a git process that failed.

    Args:
        what: What could not be done and to what, such as ``cannot fetch main from https://...``.
        stderr: What git said.
        secrets: Texts that must not appear.
    """
    said = redact(_telling_line(stderr), secrets)[:300]
    for pattern, error, advice in _SAID:
        if re.search(pattern, stderr):
            return error(f"{what}: {said}; {advice}")
    return FetchFailedError(f"{what}: {said or 'git gave no reason'}; it is tried again later")


def _telling_line(stderr: str) -> str:
    """The line that says why: git's first own complaint, with what ssh or the server said before it."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith(("fatal:", "error:"))]
    others = [line for line in lines if line.startswith(("ERROR:", "remote:"))]
    if own:
        chosen = own[0] if "Could not read from remote repository" not in own[0] else ""
        told = [*(others[:1]), *([chosen] if chosen else lines[:1] if not others else [])]
        return "; ".join(dict.fromkeys(told))
    return lines[0] if lines else ""
