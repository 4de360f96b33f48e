"""The style sheets, the script and the icon: a fixed table, read once, named by their content.

Nothing is looked up in the file system when a request comes, so no path can lead out of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

_TYPES: Final = {
    "gitward.css": "text/css; charset=utf-8",
    "charts.css": "text/css; charset=utf-8",
    "print.css": "text/css; charset=utf-8",
    "gitward.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    body: bytes
    media_type: str


@cache
def table() -> dict[str, Asset]:
    """Every asset by its public name, which changes with its content."""
    return {address(name): Asset(_read(name), kind) for name, kind in _TYPES.items()}


@cache
def address(name: str) -> str:
    """The public name of an asset, ``gitward.1a2b3c4d.css``."""
    stem, _, ending = name.partition(".")
    return f"{stem}.{hashlib.sha256(_read(name)).hexdigest()[:10]}.{ending}"


@cache
def _read(name: str) -> bytes:
    return (files("controller.dashboard") / "static" / name).read_bytes()


async def serve(request: Request) -> Response:
    """An asset, which a browser may keep for ever."""
    found = table().get(request.path_params["name"])
    if found is None:
        return PlainTextResponse("no such file\n", 404)
    return Response(
        found.body,
        media_type=found.media_type,
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )
