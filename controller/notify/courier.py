"""Takes messages out of the outbox to one target each: in order, at least once, for up to a day."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal

import httpx

from controller import __version__
from controller.errors import ControllerError, UsageError
from controller.failpoints import reached
from controller.model.notice import Notice
from controller.model.operator import Target
from controller.notify.messages import request_for
from controller.store.port.store import Store

GIVE_UP_AFTER: Final = timedelta(hours=24)
"""A message that could not be brought for so long is given up, so that those behind it may go."""
_SECONDS: Final = 10.0
_FIRST: Final = 1.0
_MOST: Final = 300.0
_LOOK_SECONDS: Final = 1.0
_PASSING: Final = frozenset({408, 425, 429})
"""Refusals that may be another answer later."""
_log = logging.getLogger(__name__)

Outcome = Literal["arrived", "failed", "dead", "waiting", "empty"]


class Courier:
    """Serves one target. ``step`` is one try; ``run`` is a thread's life."""

    def __init__(
        self,
        target: Target,
        secret: str | None,
        store: Store,
        *,
        clock: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            target: Whom to tell.
            secret: Signs, or is the forge's token.
            store: Where the outbox is.
            clock: Now, aware, UTC.
            jitter: Gives a number in [0, 1).
        """
        self._target = target
        self._secret = secret
        self._store = store
        self._clock = clock
        self._jitter = jitter
        self._client = httpx.Client(
            timeout=_SECONDS,
            follow_redirects=False,
            headers={"User-Agent": f"gitward/{__version__}"},
        )

    def step(self) -> Outcome:
        """Try the oldest message, if it is due."""
        now = self._clock()
        with self._store.read() as reading:
            notice = reading.next_notice(self._target.name)
        if notice is None:
            return "empty"
        if notice.next_at is not None and notice.next_at > now:
            return "waiting"
        reached("before_send")
        problem, final = self._send(notice)
        reached("after_send")
        now = self._clock()
        with self._store.write() as writing:
            if problem is None:
                writing.notice_arrived(notice.number)
                reached("inside_note")
                return "arrived"
            dead = final or now - notice.at >= GIVE_UP_AFTER
            writing.notice_failed(
                notice.number,
                problem,
                next_at=now + timedelta(seconds=self._pause(notice.attempts)),
                dead_at=now if dead else None,
            )
        level = logging.ERROR if dead else logging.WARNING
        _log.log(
            level,
            "target %s did not take %s of %s%s: %s",
            self._target.name,
            notice.reason,
            notice.object,
            "; it is given up" if dead else "",
            problem,
        )
        return "dead" if dead else "failed"

    def run(self, stop: threading.Event) -> None:
        """Deliver until told to stop."""
        while not stop.is_set():
            try:
                outcome = self.step()
            except ControllerError as error:
                _log.warning("target %s: %s", self._target.name, error)
                outcome = "waiting"
            except Exception:  # noqa: BLE001 - the thread's edge: a bug must not silence a target
                _log.exception("target %s: this is a bug", self._target.name)
                outcome = "waiting"
            if outcome not in {"arrived", "dead"}:
                stop.wait(_LOOK_SECONDS)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _pause(self, attempts: int) -> float:
        longest = min(_MOST, _FIRST * 2.0 ** min(attempts, 16))
        return longest * (0.5 + 0.5 * self._jitter())

    def _send(self, notice: Notice) -> tuple[str | None, bool]:
        """None when it arrived, else what is wrong; and whether trying again is pointless."""
        request = request_for(notice, self._target, self._secret)
        if request is None:
            return None, False
        try:
            with self._client.stream(
                "POST", request.url, headers=request.headers, content=request.body
            ) as answer:
                status = answer.status_code
        except httpx.HTTPError as error:
            return self._plain(f"cannot be reached: {type(error).__name__}: {error}"), False
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            return self._plain(f"cannot be asked: {error}"), True
        if 200 <= status < 300:
            return None, False
        return f"answered {status}", status < 500 and status not in _PASSING

    def _plain(self, text: str) -> str:
        """Without the secret, whatever a library put into its words."""
        if self._secret:
            text = text.replace(self._secret, "*****")
        return "".join(c if c.isprintable() else " " for c in text)[:300]


def refuse_plain_http(target: Target) -> None:
    """A forge's token travels encrypted, or to this machine alone.

    Raises:
        UsageError: It would travel readable.
    """
    url = httpx.URL(target.url)
    if (
        target.is_forge
        and url.scheme == "http"
        and url.host not in {"127.0.0.1", "localhost", "::1"}
    ):
        raise UsageError(
            f"target {target.name}: use https://, its token would be readable on the way"
        )
