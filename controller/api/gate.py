"""What every request passes first: counting, a straight path, safe headers, and one catch-all.

It is plain ASGI around the application, so that pages nobody wrote, refused requests and bugs get the same
treatment as answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.api.errors import error_response, internal_error, respond
from controller.api.foreign import ForeignNames
from controller.api.metrics import Metrics
from controller.api.rate_limit import Allowance, RateLimiter, address_key
from controller.api.services import Services
from controller.api.tokens import Known, KnownTokens, bearer_hash
from controller.errors import MachineNamedError, StoreError
from controller.intake.hearing import Hearing

LARGE_BODIES: Final = 2
"""How many requests beyond the usual size are held at once."""
SERVICE_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"})
_UNCOUNTED: Final = frozenset({"/healthz", "/readyz"})
"""Probes come often and from one address."""
REPORTS: Final = "/api/v1/compliance/results"
RawHeader = tuple[bytes, bytes]
SAFE_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""What every answer of the API carries."""
WEBHOOKS: Final = "/api/v1/webhooks/"
GATE_KEY: Final = "gitward.gate"
CHARGE_KEY: Final = "gitward.charge"
ROUTE_KEY: Final = "gitward.route"
REFUSED_KEY: Final = "gitward.refused"
"""In the scope of a report that was read and refused before it came here: the error to answer."""
_log = logging.getLogger(__name__)


class Gate:
    """What the whole process shares between requests."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.limiter = RateLimiter(services.monotonic)
        self.known = KnownTokens()
        self.metrics = Metrics(services)
        self.hearing = Hearing()
        self.room_for_large = asyncio.Semaphore(LARGE_BODIES)
        self.foreign = ForeignNames(services, self.metrics)

    def whose(self, token_hash: str) -> Known | None:
        """Whom a token belongs to, as far as it takes to count and to route.

        A token that was not seen before is looked up at once, by its key: a process that has just
        started must not take a whole fleet behind one address for people who guess.
        """
        known = self.known.get(token_hash)
        if known is not None:
            return known
        with contextlib.suppress(StoreError):
            principal = self.services.store.bearer(token_hash, self.services.clock())
            if principal is not None:
                return self.known.remember(token_hash, principal)
        return None


class Charge:
    """Whose account a request goes on.

    A valid token has its own account (an agent's costs nothing); any other request goes on its
    address's before anything waits, so that guessing is bounded however parallel.
    """

    def __init__(self, gate: Gate, scope: Scope) -> None:
        self._gate = gate
        self._limits = gate.services.limits
        self._address = address_key(scope["client"][0] if scope.get("client") else None)
        self._anonymous = self._limits.anonymous_requests_per_minute
        if scope["path"].startswith(WEBHOOKS):
            # A host's deliveries must not use up what people at the same address may ask.
            self._address = f"webhooks {self._address}"
            self._anonymous = self._limits.unproven_webhooks_per_minute
        self.token_hash = bearer_hash(scope["headers"])
        self.known: Known | None = gate.whose(self.token_hash) if self.token_hash else None
        self.allowance: Allowance | None = None
        self._account: tuple[str, int] | None = None
        if scope["path"] not in _UNCOUNTED:
            self.allowance = self._charge()

    def _charge(self) -> Allowance | None:
        self._account = None
        if self.known is None:
            self._account = (self._address, self._anonymous)
        elif self.known.machine_uuid is None and self.token_hash is not None:
            limit = self._limits.user_requests_per_minute
            self._account = (account_of(self.token_hash), limit)
        return self._gate.limiter.charge(*self._account) if self._account else None

    def disown(self) -> None:
        """The store does not know the token any more: it goes on the address after all."""
        if self.token_hash is not None and self.known is not None:
            self._gate.known.forget(self.token_hash)
            self.known = None
            self.allowance = self._charge()

    def forgive(self) -> None:
        """Take the request off its account: its credential was good."""
        if self._account is not None:
            self._gate.limiter.refund(*self._account)
        self.allowance = self._account = None


def account_of(token_hash: str) -> str:
    """The account that a person's requests go on."""
    return f"token:{token_hash}"


class GateKeeper:
    """The middleware."""

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate,
        fallback: ASGIApp | None = None,
        reads: Callable[[ASGIApp], ASGIApp] | None = None,
        quick_paths: Collection[str] = (),
    ) -> None:
        """Put the gate before an application.

        Args:
            app: What answers.
            gate: What the whole process shares.
            fallback: What answers paths that are not the API's.
            reads: What is put around the application for ``GET`` on ``quick_paths``.
            quick_paths: Paths whose answers are asked for again and again.
        """
        self._app = app
        self._gate = gate
        self._fallback = fallback
        self._reads = reads(app) if reads is not None else None
        self._quick_paths = quick_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if len(path) > 1 and path.endswith("/"):
            path = scope["path"] = path[:-1]
        if self._fallback is not None and not is_api_path(path):
            await self._fallback(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # Answered like GET; the server below still knows better and sends no body.
            scope = {**scope, "method": "GET"}
        app = self._app
        if self._reads is not None and path in self._quick_paths and scope["method"] == "GET":
            app = self._reads
        refused = scope.get(REFUSED_KEY)
        if refused is not None:
            scope[ROUTE_KEY] = REPORTS
            app = partial(self._refuse, refused)
        await self._answer(app, scope, receive, send)

    async def _refuse(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a report that was read and refused before it came here."""
        known: Known | None = scope[CHARGE_KEY].known
        if isinstance(error, MachineNamedError) and known is not None:
            await self._gate.foreign.note(known.machine_uuid or "", error.named, "body")
        await respond(error)(scope, receive, send)

    async def _answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        charge = Charge(self._gate, scope)
        scope[GATE_KEY], scope[CHARGE_KEY] = self._gate, charge
        status = 0

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                allowance = charge.allowance
                now = self._gate.services.clock().timestamp()
                message["headers"] = [
                    *with_safe_headers(message["headers"]),
                    *(rate_headers(allowance, now) if allowance is not None else ()),
                ]
            await send(message)

        try:
            if charge.allowance is not None and charge.allowance.exceeded:
                await _too_many(charge.allowance)(scope, receive, send_safely)
            else:
                await app(scope, receive, send_safely)
        except ClientDisconnect:
            return
        except Exception:  # the catch-all of this edge
            _log.exception("this is a bug")
            if status:
                raise
            await internal_error()(scope, receive, send_safely)
        finally:
            self._gate.metrics.count_request(scope["method"], _route(scope), status)


def with_safe_headers(headers: Iterable[RawHeader]) -> list[RawHeader]:
    """An answer's headers, and of those that every answer carries the ones it lacks."""
    found = list(headers)
    present = {name for name, _ in found}
    return found + [each for each in SAFE_HEADERS if each[0] not in present]


def rate_headers(allowance: Allowance, now: float) -> tuple[RawHeader, ...]:
    """How a caller's account stands; ``now`` in seconds since 1970."""
    return (
        (b"x-ratelimit-limit", b"%d" % allowance.limit),
        (b"x-ratelimit-remaining", b"%d" % allowance.remaining),
        (b"x-ratelimit-reset", b"%d" % (now + allowance.resets_in)),
    )


def is_api_path(path: str) -> bool:
    """Whether this application answers the path, be it with a 404."""
    return path in SERVICE_PATHS or path == "/api" or path.startswith("/api/")


def _route(scope: Scope) -> str:
    """The route's template; one word for everything that no route answers."""
    named = scope.get(ROUTE_KEY)
    return str(named) if named is not None else str(getattr(scope.get("route"), "path", "none"))


def _too_many(allowance: Allowance) -> ASGIApp:
    seconds = allowance.resets_in
    return error_response(
        429,
        "RATE_LIMITED",
        f"more than {allowance.limit} requests a minute; wait {seconds} s",
        headers={"Retry-After": str(seconds)},
    )
