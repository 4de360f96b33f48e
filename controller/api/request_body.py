"""Bodies, read with a bound on size, time and shape before any handler sees them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request

from controller.api.errors import RequestError
from controller.errors import MalformedError
from controller.intake.strict_json import parse

MAX_BYTES: Final = 1024 * 1024
"""Of a body, where the route does not say otherwise."""
_LONG: Final = 128 * 1024
"""Parsing so much would keep the event loop from others."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_CLOSE: Final = {"Connection": "close"}


class StrictRequest(Request):
    """A request whose body has been read and parsed strictly."""

    raw: bytes = b""
    parsed: Any = None

    async def load(self, seconds: float, limit: int = MAX_BYTES) -> None:
        """Read and parse the body, which must be JSON. An empty body stays empty."""
        require_encoding(self, allow_gzip=False)
        self.raw = await read_bounded(self, limit, seconds)
        if self.raw:
            require_json(self)
            long = len(self.raw) > _LONG
            self.parsed = await asyncio.to_thread(parse, self.raw) if long else parse(self.raw)

    async def body(self) -> bytes:
        return self.raw

    async def json(self) -> Any:  # noqa: ANN401 - as its base says
        return self.parsed


def require_json(request: Request) -> None:
    """Refuse what does not call itself JSON, so that no browser form reaches a handler."""
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().partition("charset=")[2].strip(' "')
    if media_type.strip().lower() != "application/json" or charset not in {"", "utf-8", "utf8"}:
        raise RequestError(
            415, "UNSUPPORTED_MEDIA_TYPE", "send the body as Content-Type: application/json"
        )


def require_encoding(request: Request, *, allow_gzip: bool) -> bool:
    """Whether the body is gzip; any other encoding is refused."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"identity", ""}:
        return False
    if encoding == "gzip" and allow_gzip:
        return True
    raise RequestError(
        415, "UNSUPPORTED_MEDIA_TYPE", "this page takes no such Content-Encoding; send it plain"
    )


async def read_bounded(
    request: Request, limit: int, seconds: float, hold: Callable[[int], None] | None = None
) -> bytes:
    """Read a body of at most ``limit`` bytes, within ``seconds``.

    Args:
        request: Whose.
        limit: In bytes.
        seconds: From now.
        hold: Told how many bytes have come before they are kept; what it raises ends the reading.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 12 or int(declared) > limit):
        raise too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                if hold is not None:
                    hold(len(chunk))
                body += chunk
                if len(body) > limit:
                    raise too_large(limit)
    except TimeoutError:
        raise RequestError(
            408, "BODY_TIMEOUT", f"the body took more than {seconds:g} s to arrive", _CLOSE
        ) from None
    return bytes(body)


def too_large(limit: int) -> RequestError:
    """The refusal of a body over the bound; the connection is not read to its end."""
    message = f"the body is larger than {limit} bytes; send it in smaller steps"
    return RequestError(413, "TOO_LARGE", message, _CLOSE)


def unpack(body: bytes, limit: int) -> bytes:
    """Inflate gzip into at most ``limit`` bytes, whatever it would become.

    Raises:
        MalformedError: It is not one whole gzip member.
        RequestError: It becomes larger.
    """
    inflater = zlib.decompressobj(_GZIP)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error as exc:
        raise MalformedError("the body is not gzip, although Content-Encoding says so") from exc
    if len(plain) > limit:
        raise too_large(limit)
    if not inflater.eof or inflater.unused_data:
        raise MalformedError("the gzip body is cut short, or something follows it")
    return plain
