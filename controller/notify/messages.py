"""What is sent: a message in the form that a target takes. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from controller.model.notice import COMMIT_STATES, CommitState, Notice
from controller.model.operator import Target

_LONGEST_STATUS: Final = 140
_GITLAB: Final[dict[CommitState, str]] = {
    "success": "success",
    "failure": "failed",
    "pending": "pending",
}
_KINDS: Final = frozenset({"source", "policy", "check", "exception", "machine", "fleet"})


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP POST."""

    url: str
    headers: dict[str, str]
    body: bytes


def request_for(notice: Notice, target: Target, secret: str | None) -> Request | None:
    """The request that brings a message to a target; none when it has nothing to say there."""
    match target.type:
        case "webhook":
            return _cloud_event(notice, target, secret)
        case "slack":
            return _json(target.url, {"text": _slack_text(notice)}, {})
        case _:
            return _commit_status(notice, target, secret or "")


def _json(url: str, body: object, headers: dict[str, str]) -> Request:
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Request(url, {"Content-Type": "application/json", **headers}, raw)


def _cloud_event(notice: Notice, target: Target, secret: str | None) -> Request:
    kind = notice.object.partition("/")[0]
    event = {
        "specversion": "1.0",
        "id": notice.id,
        "type": f"io.gitward.{kind if kind in _KINDS else 'other'}.{notice.reason}",
        "source": f"/gitward/sources/{notice.source}" if notice.source else "/gitward",
        "subject": notice.object,
        "time": notice.at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {
            "object": notice.object,
            "reason": notice.reason,
            "revision": notice.revision,
            "message": notice.message,
        },
    }
    plain = _json(
        target.url, event, {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    )
    if secret is None:
        return plain
    digest = hmac.new(secret.encode(), plain.body, hashlib.sha256).hexdigest()
    signed = {**plain.headers, "X-Gitward-Signature": f"sha256={digest}"}
    return Request(plain.url, signed, plain.body)


def _slack_text(notice: Notice) -> str:
    text = f"{notice.object}: {notice.reason}: {notice.message}"[:3_000]
    for mark, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(mark, safe)
    # No text from git may ring everybody's phone or pass for formatting.
    return "".join("\u02cb" if c == "`" else c for c in text)


def _commit_status(notice: Notice, target: Target, token: str) -> Request | None:
    state = COMMIT_STATES.get(notice.reason)
    _, mark, sha = notice.revision.rpartition("@sha1:")
    if state is None or not mark or target.repository is None:
        return None
    description = " ".join(f"{notice.reason}: {notice.message}".split())[:_LONGEST_STATUS]
    context = f"{target.context}/{notice.source}" if notice.source != "default" else target.context
    base = target.url.rstrip("/")
    if target.type == "gitlab":
        body = {"state": _GITLAB[state], "name": context, "description": description}
        url = f"{base}/projects/{quote(target.repository, safe='')}/statuses/{sha}"
        return _json(url, body, {"PRIVATE-TOKEN": token})
    body = {"state": state, "context": context, "description": description}
    url = f"{base}/repos/{quote(target.repository)}/statuses/{sha}"
    word = "Bearer" if target.type == "github" else "token"
    return _json(url, body, {"Authorization": f"{word} {token}", "Accept": "application/json"})
