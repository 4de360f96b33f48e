"""The documentation page: made from the OpenAPI document, without scripts or foreign hosts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "code{font-family:ui-monospace,monospace}h2{margin:2rem 0 .5rem}"
    "dt{margin-top:.75rem}dd{margin:0 0 0 1.5rem}b{display:inline-block;min-width:4.5rem}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"
)


def documentation_page(document: Mapping[str, Any]) -> str:
    """Every operation by subject, with its parameters, body and answers."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    groups: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            lines = groups.setdefault(operation["tags"][0], [])
            lines += _operation(method.upper(), path, operation)
    sections = "".join(
        f"<h2>{escape(tag)}</h2><dl>{''.join(lines)}</dl>" for tag, lines in groups.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{escape(document['info']['description'])} The same for programs: "
        f'<a href="/openapi.json">/openapi.json</a>.</p>{sections}</body></html>'
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<dt><code><b>{method}</b> {escape(path)}</code></dt>"
    yield f"<dd>{escape(operation.get('description', ''))}"
    parameters = [
        f"<code>{escape(each['name'])}</code>"
        for each in operation.get("parameters", ())
        if each["in"] != "path"
    ]
    if parameters:
        yield f"<br>Parameters: {', '.join(parameters)}"
    yield f"<br>Answers: {', '.join(sorted(operation['responses']))}</dd>"
