"""Forms, read with a bound on size, time and number of fields. Files are never taken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from controller.errors import MalformedError

MAX_BYTES: Final = 64 * 1024
_MAX_FIELDS: Final = 100
_SECONDS: Final = 15.0


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form, as text without surrounding blanks; a field given twice is refused.

    Raises:
        MalformedError: It is too large, too slow, or no such form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise MalformedError("send the form as application/x-www-form-urlencoded")
    body = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise MalformedError(f"the form is larger than {MAX_BYTES} bytes")
    except TimeoutError:
        raise MalformedError("the form took too long to arrive") from None
    return fields(bytes(body))


def fields(body: bytes) -> Mapping[str, str]:
    """The fields of an urlencoded body."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        raise MalformedError("the form cannot be read; open the page again") from None
    found = {name: value.replace("\r\n", "\n").strip() for name, value in pairs}
    if len(found) != len(pairs) or any("\x00" in value for value in found.values()):
        raise MalformedError("the form has a field twice, or the character NUL")
    return found
