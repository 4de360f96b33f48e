"""What hosts send: who signed it and what it is about. Pure, and total over any bytes.

A payload is a hint and nothing more. Of all that is in it only the names of refs are looked at, and those
only to say sooner that nothing of interest was pushed; whatever cannot be read counts as of interest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args
from urllib.parse import parse_qs

Provider = Literal["github", "gitlab", "gitea", "bitbucket", "generic"]
PROVIDERS: Final[tuple[Provider, ...]] = get_args(Provider)
Headers = Mapping[str, str]
"""With names in lower case."""
_LONGEST_ID: Final = 128
_MOST_REFS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one request says."""

    kind: Literal["ping", "push", "other"]
    event: str
    """The host's own word, bounded, for the answer."""
    refs: tuple[str, ...]
    """Full names; empty when none could be read."""
    id: str
    """Of the delivery, empty when the host gives none."""


@dataclass(frozen=True, slots=True)
class _Host:
    """How one host signs and what its headers are called."""

    signatures: tuple[tuple[str, str], ...]
    """Header, and what stands before the hex digest in it."""
    event: str
    ids: tuple[str, ...]
    pushes: frozenset[str]
    pings: frozenset[str] = frozenset({"ping"})
    token: str = ""
    """A header that holds the secret itself."""


_HOSTS: Final[dict[Provider, _Host]] = {
    "github": _Host(
        (("x-hub-signature-256", "sha256="),),
        "x-github-event",
        ("x-github-delivery",),
        frozenset({"push", "create", "delete"}),
    ),
    "gitlab": _Host(
        (),
        "x-gitlab-event",
        ("idempotency-key", "x-gitlab-event-uuid"),
        frozenset({"push hook", "tag push hook", "system hook"}),
        token="x-gitlab-token",  # noqa: S106 - the header's name
    ),
    "gitea": _Host(
        (
            ("x-gitea-signature", ""),
            ("x-forgejo-signature", ""),
            ("x-hub-signature-256", "sha256="),
        ),
        "x-gitea-event",
        ("x-gitea-delivery", "x-forgejo-delivery"),
        frozenset({"push", "create", "delete"}),
    ),
    "bitbucket": _Host(
        (("x-hub-signature", "sha256="), ("x-hub-signature-256", "sha256=")),
        "x-event-key",
        ("x-request-uuid", "x-request-id"),
        frozenset({"repo:push", "repo:refs_changed"}),
        frozenset({"diagnostics:ping"}),
    ),
    "generic": _Host(
        (("x-gitward-signature", "sha256="),),
        "x-gitward-event",
        ("x-gitward-delivery",),
        frozenset({"push", ""}),
    ),
}


def is_authentic(
    provider: Provider, headers: Headers, body: bytes, secrets: Sequence[bytes]
) -> bool:
    """Whether one of the secrets signed these bytes; every comparison takes the same time."""
    host = _HOSTS[provider]
    good = False
    for secret in secrets:
        if host.token:
            given = headers.get(host.token, "").encode("utf-8", "replace")
            good |= hmac.compare_digest(_fixed(given), _fixed(secret))
            continue
        wanted = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
        for header, mark in host.signatures:
            sent = headers.get(header, "")
            digest = sent.removeprefix(mark).lower().encode("utf-8", "replace")
            good |= sent.startswith(mark) and hmac.compare_digest(digest, wanted)
    return good


def _fixed(text: bytes) -> bytes:
    """So that a comparison tells nothing of the length either."""
    return hashlib.sha256(text).digest()


def read_delivery(provider: Provider, headers: Headers, body: bytes) -> Delivery:
    """Take a request apart. Never raises."""
    host = _HOSTS[provider]
    event = _word(headers.get(host.event, ""))
    id_ = next((_word(headers[name]) for name in host.ids if headers.get(name)), "")
    lowered = event.lower()
    if lowered in host.pings:
        return Delivery("ping", event, (), id_)
    if lowered not in host.pushes:
        return Delivery("other", event, (), id_)
    form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    payload = _payload(body, form=form)
    kind = payload.get("event_name", payload.get("object_kind"))
    if lowered == "system hook" and kind not in {"push", "tag_push", "repository_update"}:
        return Delivery("other", f"{event} {_word(kind)}", (), id_)
    return Delivery("push", event, _REFS[provider](payload), id_)


def _word(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(c for c in text[:_LONGEST_ID] if c.isprintable())


def _payload(body: bytes, *, form: bool) -> dict[str, Any]:
    try:
        text = body.decode("utf-8", "replace")
        if form:
            text = parse_qs(text, max_num_fields=100).get("payload", [""])[0]
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _one_ref(payload: dict[str, Any]) -> tuple[str, ...]:
    ref = payload.get("ref")
    kind = payload.get("ref_type")
    if not isinstance(ref, str) or not ref:
        return ()
    if ref.startswith("refs/"):
        return (ref[:300],)
    return (f"refs/{'tags' if kind == 'tag' else 'heads'}/{ref}"[:300],)


def _gitlab_refs(payload: dict[str, Any]) -> tuple[str, ...]:
    refs = payload.get("refs")
    if isinstance(refs, list):
        return tuple(ref[:300] for ref in refs[:_MOST_REFS] if isinstance(ref, str))
    return _one_ref(payload)


def _bitbucket_refs(payload: dict[str, Any]) -> tuple[str, ...]:
    push = payload.get("push")
    changes = push.get("changes") if isinstance(push, dict) else payload.get("changes")
    found: list[str] = []
    for change in changes[:_MOST_REFS] if isinstance(changes, list) else ():
        if not isinstance(change, dict):
            return ()
        for side in ("new", "old", "ref"):
            ref = change.get(side)
            if not isinstance(ref, dict):
                continue
            full, name = ref.get("id"), ref.get("name")
            if isinstance(full, str) and full.startswith("refs/"):
                found.append(full[:300])
            elif isinstance(name, str):
                folder = "tags" if ref.get("type") == "tag" else "heads"
                found.append(f"refs/{folder}/{name}"[:300])
    return tuple(dict.fromkeys(found))


_REFS: Final[dict[Provider, Callable[[dict[str, Any]], tuple[str, ...]]]] = {
    "github": _one_ref,
    "gitlab": _gitlab_refs,
    "gitea": _one_ref,
    "bitbucket": _bitbucket_refs,
    "generic": _one_ref,
}
