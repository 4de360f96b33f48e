"""Errors as HTTP: one table, one body.

The status of every error class stands in ``STATUS``; a class without a row takes its parent's. The
code is the class's ``reason`` in capitals, so that logs, conditions, documents and answers say the
same word. Everything else that can go wrong in a request is a ``RequestError``.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from controller import errors as tree

STATUS: Final[dict[type[tree.ControllerError], int]] = {
    tree.ControllerError: 500,
    tree.UsageError: 400,
    tree.ConfigError: 422,
    tree.SourceError: 503,
    tree.SourceRefusedError: 422,
    tree.RevisionNotFoundError: 404,
    tree.TreeRefusedError: 422,
    tree.VerificationFailedError: 409,
    tree.StoreError: 503,
    tree.NotFoundError: 404,
    tree.ConflictError: 409,
    tree.GitOnlyError: 403,
    tree.RejectedError: 422,
    tree.MalformedError: 400,
    tree.PreconditionError: 412,
    tree.ForbiddenError: 403,
    tree.UnauthenticatedError: 401,
    tree.OverloadedError: 503,
    tree.RemoteRefusedError: 503,
    tree.TryLaterError: 503,
    tree.TableUnreadableError: 422,
    tree.QueryFailedError: 422,
}
_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_log = logging.getLogger(__name__)


class RequestError(Exception):
    """Raised when a request is refused for a reason that only HTTP knows."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


def code_of(error: type[tree.ControllerError]) -> str:
    """The stable code of an error class: ``GitManaged`` is ``GIT_MANAGED``."""
    return _WORD_START.sub("_", error.reason).upper()


def status_of(error: type[tree.ControllerError]) -> int:
    """The status of an error class: its own row, or that of its nearest parent."""
    return next(STATUS[each] for each in error.__mro__ if each in STATUS)


def error_response(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    fields: Mapping[str, object] | None = None,
) -> JSONResponse:
    """The one error body, with the fields of that code."""
    # A half character in what the caller sent must not break the answer about it.
    text = detail.encode("utf-8", "replace").decode("utf-8")
    body: dict[str, object] = {"detail": text, "status": "error", "code": code}
    return JSONResponse({**body, **(fields or {})}, status, dict(headers or {}))


def internal_error() -> JSONResponse:
    """For a bug; what happened is in the log."""
    return error_response(
        500, "INTERNAL", "a bug in the controller; its log has the details, please report them"
    )


def respond(error: Exception) -> JSONResponse:
    """Turn any error into its answer."""
    match error:
        case tree.ControllerError():
            return _controller_error(error)
        case RequestError():
            return error_response(error.status, error.code, str(error), headers=error.headers)
        case RequestValidationError():
            problems = [(_field(each["loc"]), each["msg"]) for each in error.errors()]
            return _controller_error(
                tree.RejectedError("the request is not valid", tuple(problems))
            )
        case HTTPException():
            return _http_error(error)
        case _:
            _log.error("this is a bug", exc_info=error)
            return internal_error()


def _controller_error(error: tree.ControllerError) -> JSONResponse:
    status, code = status_of(type(error)), code_of(type(error))
    if status == 500:
        _log.error("this is a bug", exc_info=error)
        return internal_error()
    headers: dict[str, str] = {}
    fields: dict[str, object] = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="gitward"'
    if status == 503:
        headers["Retry-After"] = str(_retry_after(error))
    if isinstance(error, tree.RejectedError):
        fields["errors"] = [{"field": field, "message": text} for field, text in error.problems]
    if isinstance(error, tree.GitManagedError):
        fields.update(error.detail)
    return error_response(status, code, _sentence(error), headers=headers, fields=fields)


def _sentence(error: tree.ControllerError) -> str:
    if not isinstance(error, tree.RejectedError) or not error.problems:
        return str(error)
    field, message = error.problems[0]
    # A problem of a document says its own place.
    first = message if message.startswith(field) else f"{field}: {message}"
    more = len(error.problems) - 1
    if first in str(error):
        return str(error)
    return f"{error}: {first}" + (f" (and {more} more)" if more else "")


def _retry_after(error: tree.ControllerError) -> int:
    """Seconds, jittered so that callers do not come back together."""
    if isinstance(error, tree.OverloadedError):
        return error.retry_after
    return random.randint(1, 5)  # noqa: S311 - spreading, not secrecy


def _http_error(error: HTTPException) -> JSONResponse:
    cause = error.__cause__
    if isinstance(cause, tree.ControllerError | RequestError):
        return respond(cause)
    words = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    details = {
        404: "no such page; /docs lists what there is",
        405: "this page does not take that method; see the Allow header",
    }
    return error_response(
        error.status_code,
        words.get(error.status_code, "MALFORMED"),
        details.get(error.status_code, str(error.detail)),
        headers=error.headers,
    )


def _field(location: Sequence[Any]) -> str:
    """``("body", "tags", 0)`` is ``tags[0]``."""
    field = ""
    for part in location[1:]:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    return field


def install(app: FastAPI, methods_of: Callable[[str], Iterable[str]]) -> None:
    """Answer every error with the one body.

    Args:
        app: Where.
        methods_of: The methods that a path takes, for the ``Allow`` header of a 405.
    """

    async def handle(request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, HTTPException) and error.status_code == 405:
            error.headers = {"Allow": ", ".join(sorted(methods_of(request.url.path)))}
        return respond(error)

    for kind in (tree.ControllerError, RequestError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)
