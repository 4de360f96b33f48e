"""Talk to a controller: enrol, ask for work, send reports. Sorts answers by what to do next."""

from __future__ import annotations

import gzip
import ipaddress
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from controller import __version__
from controller.agent.identity import Identity
from controller.agent.wire import Enrollment, EnrollmentState, Receipt, Work, read
from controller.errors import RemoteRefusedError, TryLaterError, UsageError

GZIP_ABOVE: Final = 4 * 1024
MOST_ANSWER: Final = 16 * 1024 * 1024
MOST_WAIT: Final = 3600.0
"""Seconds; nobody may send an agent to sleep for longer."""
IDLE_SECONDS: Final = 60.0
"""When nothing is due and the controller does not say when to ask again."""
_STEP_SECONDS: Final = 30.0
_REQUEST_SECONDS: Final = 120.0
"""For a whole answer; a server that sends a byte at a time is left."""


def check_address(server: str, *, insecure_http: bool) -> str:
    """The controller's address without a final slash.

    Raises:
        UsageError: It is no address, or is plain HTTP to another machine.
    """
    try:
        parts = urlsplit(server)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"{server!r} is no address: {error}") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise UsageError(f"{server!r} is no address; give https://HOST[:PORT]")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("the controller's address has no user, password, query or fragment")
    if parts.scheme == "http" and not insecure_http and not is_loopback(host):
        raise UsageError(
            f"{server} would send this agent's secret readable to all on the way; use https://, "
            "or --insecure-http if you accept that"
        )
    return server.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Client:
    """One controller, seen from an agent.

    Every method raises ``TryLaterError`` when the same call may succeed later, and
    ``RemoteRefusedError`` when it will not.
    """

    def __init__(
        self, server: str, *, ca_file: Path | None = None, insecure_http: bool = False
    ) -> None:
        self.server = check_address(server, insecure_http=insecure_http)
        loopback = is_loopback(urlsplit(self.server).hostname or "")
        try:
            self._http = httpx.Client(
                base_url=f"{self.server}/api/v1",
                timeout=_STEP_SECONDS,
                # The machine's own trust store, unless a file is named.
                verify=ssl.create_default_context(cafile=ca_file),
                trust_env=not loopback,  # a proxy is no way to this machine itself
                headers={"User-Agent": f"gitward-agent/{__version__}"},
            )
        except (OSError, httpx.InvalidURL) as error:
            raise UsageError(f"{ca_file or server} cannot be used: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._http.close()

    def register(
        self, key: str, machine: Mapping[str, str], existing: Identity | None = None
    ) -> Identity:
        """Enrol this machine; with an ``existing`` identity, the same machine again."""
        headers = {"X-Registration-Key": key}
        body = dict(machine)
        if existing is not None:
            headers |= _bearer(existing)
            body["existing_uuid"] = existing.uuid
        answer = read(
            self._call("POST", "/enrollment/register", headers, msgspec.json.encode(body))[1],
            Enrollment,
        )
        return Identity(
            self.server,
            answer.uuid,
            answer.agent_token,
            answer.status,
            answer.poll_interval_seconds,
        )

    def enrollment_status(self, identity: Identity) -> str:
        """``pending``, ``approved`` or ``rejected``."""
        path = f"/enrollment/status/{identity.uuid}"
        return read(self._call("GET", path, _bearer(identity))[1], EnrollmentState).status

    def work(self, identity: Identity) -> Work | float:
        """What is due, or in how many seconds to ask again when nothing is."""
        path = f"/compliance/work/agent/{identity.uuid}"
        headers, body = self._call("GET", path, _bearer(identity))
        if not body:
            after = retry_after(headers.get("Retry-After"))
            return IDLE_SECONDS if after is None else after
        return read(body, Work)

    def report(self, identity: Identity, body: bytes) -> Receipt:
        """Send a report; when this returns the controller has it on disk."""
        headers = _bearer(identity)
        if len(body) > GZIP_ABOVE:
            body = gzip.compress(body, 6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return read(self._call("POST", "/compliance/results", headers, body)[1], Receipt)

    def _call(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[httpx.Headers, bytes]:
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            with self._http.stream(method, path, headers=headers, content=body) as response:
                answer = _bounded(response)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise TryLaterError(f"{self.server} gave no answer: {reason}") from error
        if response.is_success:
            return response.headers, answer
        raise _refusal(response, answer)


def _bearer(identity: Identity) -> dict[str, str]:
    return {"Authorization": f"Bearer {identity.agent_token}"}


def _bounded(response: httpx.Response) -> bytes:
    deadline = time.monotonic() + _REQUEST_SECONDS
    data = b""
    for piece in response.iter_bytes():
        data += piece
        if len(data) > MOST_ANSWER or time.monotonic() > deadline:
            raise TryLaterError("the answer is too large or too slow to be a controller's")
    return data


def _refusal(response: httpx.Response, body: bytes) -> TryLaterError | RemoteRefusedError:
    status = response.status_code
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        fields = {}
    fields = fields if isinstance(fields, dict) else {}
    detail = str(fields.get("detail", response.reason_phrase or "no reason given"))[:500]
    message = f"the controller answered {status}: {detail}"
    if status in {408, 429} or status >= 500:
        return TryLaterError(message, retry_after(response.headers.get("Retry-After")))
    return RemoteRefusedError(message, status, str(fields.get("code", ""))[:64])


def retry_after(text: str | None) -> float | None:
    """Seconds from a ``Retry-After`` header, a number or a date, between 0 and ``MOST_WAIT``."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return min(float(text), MOST_WAIT)
    try:
        seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), MOST_WAIT)
