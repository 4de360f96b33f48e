"""One raw document to its model, or every reason why not, in our own words. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from controller.config.finding import Finding, did_you_mean
from controller.config.nodes import Path
from controller.model.documents import (
    CHECK_ID_PATTERN,
    SLUG_PATTERN,
    UUID_PATTERN,
    Catalog,
    Check,
    Document,
)
from controller.model.terms import OPERATOR_ALIASES, OPERATORS

MOST_FINDINGS: Final = 100
"""Told about one document; nobody reads more, and each takes time to word."""

D = TypeVar("D", bound=Document)

_FORMS: Final = {
    SLUG_PATTERN: "lower-case letters, digits and dashes, at most 63, not a dash first",
    CHECK_ID_PATTERN: "lower-case letters, digits and dashes, at most 100, not a dash first",
    UUID_PATTERN: "a lower-case UUID such as 3f0c1b7e-6a55-4a0e-9d53-0d3c0f7b0a11",
    r"^[a-z0-9*?\[\]!-]{1,100}$": "a check id or a pattern such as linux-*",
    r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$": "letters, digits and ._:- , at most 63, no space",
    r"^[a-z][a-z0-9_]{0,62}$": "lower-case letters, digits and underscores",
}
_TYPES: Final = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "tuple_type": "a list",
    "dict_type": "a mapping of 'name: value' lines",
    "model_type": "a mapping of 'name: value' lines",
    "model_attributes_type": "a mapping of 'name: value' lines",
    "datetime_type": "a date or time",
}
_WORD: Final = re.compile(r"'([^']*)'")
_KEY: Final = "[key]"


Spelling = Callable[[Path, object], str]
"""How a number, a truth value or null at a place was written."""


def spell_as_json(_path: Path, value: object) -> str:
    """The spelling of a value that came in a JSON body."""
    return json.dumps(value)


def build(
    model: type[D], raw: Mapping[str, object], spell: Spelling = spell_as_json
) -> tuple[D | None, list[Finding]]:
    """The document, or none and what is wrong with each field."""
    try:
        return model.model_validate(raw), []
    except ValidationError as error:
        findings: dict[Path, Finding] = {}
        for entry in error.errors(include_url=False)[:MOST_FINDINGS]:
            for finding in _explain(model, raw, entry, spell):
                findings.setdefault(finding.field, finding)
        return None, list(findings.values())


def _explain(
    model: type[D],
    raw: Mapping[str, object],
    entry: Any,  # noqa: ANN401 - pydantic's error details
    spell: Spelling,
) -> Iterator[Finding]:
    path: Path = entry["loc"]
    if "expected_result" in path:
        yield from _expectation(path[: path.index("expected_result") + 1], raw, spell)
        return
    if path and path[-1] == _KEY:
        path = path[:-1]
    kind, value, context = entry["type"], entry["input"], entry.get("ctx", {})
    if kind == "extra_forbidden":
        known = _fields(model, path[:-1])
        hint = did_you_mean(str(path[-1]), known) or f"; known are {', '.join(sorted(known))}"
        yield Finding("GW201", path, f"unknown field{hint}")
    elif kind == "missing":
        yield Finding("GW202", path, f"missing; add '{path[-1]}: ...'{_example(path)}")
    elif value is None and kind not in {"value_error"}:
        yield Finding("GW203", path, "the value is empty; give one, or remove the line")
    elif kind in _TYPES:
        yield Finding("GW203", path, _wrong_type(_TYPES[kind], value, spell(path, value)))
    elif kind == "literal_error":
        yield Finding("GW204", path, _not_allowed(path, value, context["expected"], spell))
    elif kind == "string_pattern_mismatch":
        form = _FORMS.get(context["pattern"], f"a text like {context['pattern']}")
        yield Finding("GW206", path, f"{_show(value)} is not of the right form; write {form}")
    elif kind == "value_error" and path[-1] in {"starts_at", "expires_at"}:
        yield Finding("GW207", path, f"{_show(value)}: {_reason(context)}")
    else:
        yield Finding("GW205", path, _out_of_bounds(kind, value, context))


def _wrong_type(expected: str, value: object, spelling: str) -> str:
    if expected == "text" and isinstance(value, bool | int | float):
        return f'expected text, got {_kind(value, spelling)}; quote it: "{spelling}"'
    if expected == "true or false" and isinstance(value, str):
        return f"expected true or false, got the text {_show(value)}; write true or false"
    if expected == "a list" and isinstance(value, str):
        return f"expected a list, got the text {_show(value)}; write [{value[:40]}]"
    return f"expected {expected}, got {_kind(value, spelling)}"


def _expectation(path: Path, raw: Any, spell: Spelling) -> Iterator[Finding]:  # noqa: ANN401
    value = raw
    for step in path:
        value = value[step]
    if isinstance(value, dict):
        for column, wanted in value.items():
            if not isinstance(wanted, str):
                place = (*path, column)
                yield Finding("GW203", place, _wrong_type("text", wanted, spell(place, wanted)))
            elif max(len(wanted), len(column)) > 500:
                yield Finding("GW205", (*path, column), "is longer than 500 characters; shorten it")
    elif isinstance(value, str):
        yield Finding("GW205", path, "is longer than 500 characters; shorten it")
    else:
        expected = "a mapping of columns to text"
        yield Finding("GW203", path, _wrong_type(expected, value, spell(path, value)))


def _not_allowed(path: Path, value: object, expected: str, spell: Spelling) -> str:
    words = _WORD.findall(expected)
    if path[-1] == "comparison_operator":
        words = [*OPERATORS, *OPERATOR_ALIASES]
        expected = ", ".join(OPERATORS)
    else:
        expected = ", ".join(words)
    if not isinstance(value, str):
        return f"{_kind(value, spell(path, value))} is not allowed; write one of {expected}"
    hint = did_you_mean(value.lower(), words)
    return f"{_show(value)} is not allowed{hint or '; write one of ' + expected}"


def _out_of_bounds(kind: str, value: object, context: Mapping[str, Any]) -> str:
    match kind:
        case "greater_than_equal":
            return f"{value} is too small; write at least {context['ge']:g}"
        case "less_than_equal":
            return f"{value} is too large; write at most {context['le']:g}"
        case "string_too_short":
            return f"has {len(str(value))} characters; write at least {context['min_length']}"
        case "string_too_long":
            return f"has {len(str(value))} characters; write at most {context['max_length']}"
        case "too_short":
            return f"the list has too few entries; write at least {context['min_length']}"
        case "too_long":
            return f"the list has too many entries; write at most {context['max_length']}"
        case "value_error":
            return _reason(context)
        case _:
            return f"{_show(value)} is not taken here; write another value"


def _reason(context: Mapping[str, Any]) -> str:
    return str(context.get("error", "not taken here"))


def _example(path: Path) -> str:
    return "" if path[-1] != "cis_level" else " (level_1 or level_2)"


def _fields(model: type[BaseModel], path: Path) -> frozenset[str]:
    """The names that the model at this place knows."""
    current: type[BaseModel] = model
    for step in path:
        if isinstance(step, int):
            continue
        known = current.model_fields.get(step)
        annotation = known.annotation if known is not None else None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            current = annotation
        elif current is Catalog and step == "checks":
            current = Check
    return frozenset(current.model_fields)


def _kind(value: object, spelling: str) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return spelling
        case int() | float():
            return f"the number {spelling}"
        case str():
            return f"the text {_show(value)}"
        case Mapping():
            return "a mapping"
        case _:
            return "a list"


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:76] + "...'"
