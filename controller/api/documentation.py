"""The documentation page: made from the OpenAPI document, without scripts or foreign hosts. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from html import escape
from typing import Any, Final

from controller.api.fields import Field, Shapes, parameter

_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.1rem; text-transform: capitalize }
h3 { margin: 1rem 0 .25rem; font-size: .9rem }
nav a { display: inline-block; margin-right: 1rem; text-transform: capitalize }
details { border-top: 1px solid GrayText; padding: .5rem 0 }
details > :not(summary) { margin-left: 1.25rem }
summary { cursor: pointer }
summary > code { font-weight: 600 }
summary b { display: inline-block; min-width: 4.5rem }
summary > span { display: block; margin-left: 1.25rem }
table { border-collapse: collapse; width: calc(100% - 1.25rem) }
th, td { text-align: left; vertical-align: top; padding: .15rem .75rem .15rem 0; font-weight: 400 }
th { width: 18rem } th b { font-weight: 600 }
dl { display: grid; grid-template-columns: 4rem 1fr; gap: .15rem 0; margin-top: 0 } dd { margin: 0 }
@media (max-width: 40rem) { th, td { display: block; width: auto } }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"
)
_CODE: Final = re.compile(r"``(.+?)``")


def documentation_page(document: Mapping[str, Any]) -> str:
    """Every operation by subject, with its parameters, body and answers."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    shapes = Shapes(document["components"]["schemas"])
    groups: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            parts = groups.setdefault(operation["tags"][0], [])
            parts += _operation(method.upper(), path, operation, shapes)
    links = "".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in groups)
    sections = "".join(
        f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(parts)}'
        for tag, parts in groups.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{escape(document['info']['description'])} The same for programs: "
        '<a href="/openapi.json">/openapi.json</a>. What is required is bold.</p>'
        f"<nav>{links}</nav>{sections}</body></html>"
    )


def _operation(
    method: str, path: str, operation: Mapping[str, Any], shapes: Shapes
) -> Iterator[str]:
    yield f"<details><summary><code><b>{method}</b> {escape(path)}</code>"
    yield f"<span>{_prose(operation.get('description', ''))}</span></summary>"
    yield from _fields("Parameters", map(parameter, operation.get("parameters", ())))
    body = operation.get("requestBody", {}).get("content", {})
    yield from _fields("Body", shapes.fields(_json(body)))
    others: list[str] = []
    for status, answer in sorted(operation["responses"].items()):
        fields = list(shapes.fields(_json(answer.get("content", {})))) if status < "300" else []
        if fields:
            yield from _fields(
                f"Answer {status}", (replace(each, required=False) for each in fields)
            )
        else:
            others.append(f"<dt>{escape(status)}</dt><dd>{_prose(answer['description'])}</dd>")
    if others:
        yield f"<h3>Other answers</h3><dl>{''.join(others)}</dl>"
    yield "</details>"


def _fields(title: str, fields: Iterable[Field]) -> Iterator[str]:
    rows = [
        f"<tr><th><code>{f'<b>{escape(each.name)}</b>' if each.required else escape(each.name)}"
        f"</code></th><td>{escape(each.kind)}"
        f"{f'<br>{_prose(each.about)}' if each.about else ''}</td></tr>"
        for each in fields
    ]
    if rows:
        yield f"<h3>{_prose(title)}</h3><table>{''.join(rows)}</table>"


def _json(content: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = content.get("application/json", {}).get("schema", {})
    return found


def _prose(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))
