"""Documents as YAML text that the strict reader takes, and a person would have written. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from controller.config.load import SourceFile, read_file
from controller.model.documents import AnyDocument, Check

_PLAIN: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9 _./@+-]*[A-Za-z0-9_./@+-])?")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_WIDEST: Final = 60


def document_text(document: AnyDocument) -> str:
    """A policy or an exception as a file of its own; what has its default is left out."""
    return _mapping(document.model_dump(mode="json", exclude_defaults=True), "")


def catalog_text(name: str, title: str, checks: list[Check]) -> str:
    """Checks as one catalog."""
    lines = [f"catalog: {name}", f"title: {_scalar(title)}", "checks:"]
    text = "\n".join(lines) + "\n"
    for check in checks:
        fields = _mapping(check.model_dump(mode="json", exclude_defaults=True), "    ")
        text += "  - " + fields.removeprefix("    ")
    return text


def reads_back(path: str, text: str, documents: list[AnyDocument]) -> bool:
    """Whether the strict reader takes a text for exactly these documents."""
    content = read_file(SourceFile(path, text.encode("utf-8", "surrogatepass")))
    found: list[AnyDocument] = [each.document for each in content.policies]
    found += [each.document for each in content.checks]
    found += [each.document for each in content.waivers]
    errors = [each for each in content.problems if each.level == "error"]
    return not errors and found == documents


def _mapping(fields: Mapping[str, Any], indent: str) -> str:
    return "".join(_field(key, value, indent) for key, value in fields.items())


def _field(key: str, value: Any, indent: str) -> str:  # noqa: ANN401 - JSON
    name = _scalar(key)
    match value:
        case dict() if value and len(_flow(value)) > _WIDEST:
            return f"{indent}{name}:\n{_mapping(value, indent + '  ')}"
        case list() if value and len(_flow(value)) > _WIDEST:
            items = "".join(f"{indent}  - {_flow(each)}\n" for each in value)
            return f"{indent}{name}:\n{items}"
        case _:
            return f"{indent}{name}: {_flow(value)}\n"


def _flow(value: Any) -> str:  # noqa: ANN401 - JSON
    match value:
        case dict():
            return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case str():
            return _scalar(value)
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return json.dumps(value)


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)
