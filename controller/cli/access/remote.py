"""A controller over HTTP."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from controller.cli.access.exchange import Answer, Exchange, said
from controller.cli.access.interface import LISTS, Body
from controller.cli.access.server_address import server_address
from controller.cli.review.plan_shape import is_plan
from controller.errors import NotFoundError, RemoteRefusedError, UsageError

_SECONDS: Final = 30.0
_PER_PAGE: Final = 100
_PLAN: Final = "/api/v1/gitops/plan"
_PLAN_SECONDS: Final = 120.0
_PAGE: Final = ("items", "pages")
_PAUSE: Final = 2.0


class Remote:
    """The API of one controller, with one person's token."""

    def __init__(self, server: str, token: str | None, ca_file: Path | None) -> None:
        """Prepare; nothing is sent yet.

        Raises:
            UsageError: No token, or an address over which it must not travel.
        """
        if not token:
            raise UsageError("--server needs --token TOKEN (or GITWARD_TOKEN)")
        self._server = server_address(server)
        headers = {"Authorization": f"Bearer {token}"}
        self._exchange = Exchange(self._server, headers, ca_file)

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self._exchange.close()

    def sources(self) -> list[Body]:
        found: list[Body] = self._call("GET", "/api/v1/gitops/status", says=("sources",))["sources"]
        return found

    def request(self, source: str | None) -> tuple[str, int]:
        answer = self._call(
            "POST", "/api/v1/gitops/reconcile", _chosen(source), says=("source", "request_token")
        )
        return answer["source"], answer["request_token"]

    def confirm(self, source: str | None, digest: str) -> Body:
        return self._call("POST", "/api/v1/gitops/confirm", _chosen(source, digest=digest))

    def suspend(self, source: str | None, reason: str, until: datetime | None) -> Body:
        body = _chosen(source, reason=reason, until=_time(until))
        return self._call("POST", "/api/v1/gitops/suspend", body)

    def resume(self, source: str | None) -> Body:
        return self._call("POST", "/api/v1/gitops/resume", _chosen(source))

    def plan(self, body: Body) -> Body:
        """Plan against the live fleet; a controller that is busy is asked again for a while."""
        end = time.monotonic() + _PLAN_SECONDS
        while True:
            try:
                found = self._call("POST", _PLAN, body, seconds=_PLAN_SECONDS)
            except RemoteRefusedError as error:
                if error.status != 503 or time.monotonic() + _PAUSE > end:
                    raise _of_a_plan(self._server, body, error) from error
                time.sleep(_PAUSE)
            else:
                if not is_plan(found):
                    raise RemoteRefusedError(
                        f"{self._server} answered with something that is no plan; is it as new as "
                        "this command?"
                    )
                return found

    def entries(self, what: str) -> list[Body]:
        return self._pages(LISTS[what])

    def newest(self, what: str, count: int) -> list[Body]:
        path, _, filters = LISTS[what].partition("?")
        query = {"per_page": str(min(count, _PER_PAGE))} | dict(parse_qsl(filters))
        items: list[Body] = []
        page = 0
        while len(items) < count:
            page += 1
            answer = self._call("GET", path, query={**query, "page": str(page)}, says=_PAGE)
            items += answer["items"]
            if page >= answer["pages"]:
                break
        return items[:count]

    def trace(self, object: str) -> Body:
        query, says = {"object": object}, ("object", "history")
        return self._call("GET", "/api/v1/gitops/trace", query=query, says=says)

    def retry(self, number: int) -> None:
        self._call("POST", f"/api/v1/gitops/notifications/{number}/retry")

    def score(self, machine: str) -> Body:
        found = [
            each["uuid"]
            for each in self._pages(LISTS["machines"], {"search": machine})
            if machine.lower() in {each["uuid"], each["hostname"].lower()}
        ]
        if len(found) != 1:
            many = f"{len(found)} machines are called {machine!r}; name one by its uuid"
            raise NotFoundError(many if found else f"no machine {machine!r}")
        path = f"/api/v1/compliance/score/agent/{quote(found[0])}"
        return self._call("GET", path, says=("policies", "counts", "without_exceptions"))

    def results(self, uuid: str) -> list[Body]:
        return self._pages(f"/api/v1/compliance/results/agent/{quote(uuid)}")

    def forecast(self, days: int) -> Body:
        query = {"days": str(days)}
        path, says = "/api/v1/compliance/forecast", ("points", "average_score", "agents")
        return self._call("GET", path, query=query, seconds=_PLAN_SECONDS, says=says)

    def findings(self, expiring_days: int) -> Body:
        query = {"expiring_days": str(expiring_days)}
        path = "/api/v1/compliance/exception-findings"
        return self._call("GET", path, query=query, seconds=_PLAN_SECONDS, says=("items",))

    def create_token(self, name: str, role: str, expires_at: datetime | None) -> str:
        body = {"name": name, "role": role, "expires_at": _time(expires_at)}
        return str(self._call("POST", LISTS["tokens"], body, says=("token",))["token"])

    def create_enrollment_key(
        self, name: str, tags: list[str], uses: int | None, expires_at: datetime | None
    ) -> str:
        body = {"name": name, "tags": tags, "uses": uses, "expires_at": _time(expires_at)}
        return str(self._call("POST", LISTS["enrollment-keys"], body, says=("key",))["key"])

    def revoke(self, what: str, id_: str) -> None:
        self._call("DELETE", f"{LISTS[what]}/{quote(id_, safe='')}")

    def _pages(self, path: str, query: dict[str, str] | None = None) -> list[Body]:
        items: list[Body] = []
        for page in count(1):
            wanted = {**(query or {}), "per_page": str(_PER_PAGE), "page": str(page)}
            answer = self._call("GET", path, query=wanted, says=_PAGE)
            items += answer["items"]
            if page >= answer["pages"]:
                break
        return items

    def _call(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        query: dict[str, str] | None = None,
        seconds: float = _SECONDS,
        says: Sequence[str] = (),
    ) -> Body:
        """The answer; without the members ``says`` it is another version's, or none of ours."""
        url = f"{self._server}{path}"
        answer = self._exchange.send(method, url, body, query=query, seconds=seconds)
        if not answer.success:
            raise _refusal(self._server, answer)
        found = _object(self._server, answer)
        if missing := [name for name in says if name not in found]:
            raise RemoteRefusedError(
                f"{self._server} answered without {', '.join(missing)}; is it as new as this command?"
            )
        return found


def _of_a_plan(server: str, body: Body, error: RemoteRefusedError) -> RemoteRefusedError:
    """What a refusal means for a plan."""
    no_such_page = error.status == 404 and "no such page" in str(error)
    unknown = any(field in body and "Extra inputs" in told for field, told in error.problems)
    if no_such_page or error.status == 405 or unknown:
        told = (
            f"{server} is older than this command and makes no such plans; update it, or leave "
            "--server out"
        )
    elif error.status == 413:
        told = (
            f"the changed documents are more than {server} takes in one plan; merge in smaller "
            "steps, or leave --server out"
        )
    else:
        return error
    return RemoteRefusedError(told, error.status, error.code)


def _object(server: str, answer: Answer) -> Body:
    try:
        found = answer.json() if answer.content else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RemoteRefusedError(f"{server} did not answer with JSON; is it a controller?")
    return found


def _refusal(server: str, answer: Answer) -> RemoteRefusedError:
    try:
        told: Any = answer.json()
        detail, code = said(told["detail"]), said(told["code"])
        problems = [(said(e["field"]), said(e["message"])) for e in told.get("errors", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        text = f"{server} answered {answer.status}; is it a controller?"
        return RemoteRefusedError(text, answer.status)
    return RemoteRefusedError(f"{server}: {detail}", answer.status, code, problems)


def _chosen(source: str | None, **more: str | None) -> Body:
    return {**({"source": source} if source else {}), **more}


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None
