"""The fields of a JSON schema in words, as a person reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]
_DEEPEST: Final = 4
"""Fields in fields in fields; whatever lies deeper is called by its kind alone."""
_LARGE: Final = 2**53
"""A bound that no caller comes near says nothing."""
_NUMBERS: Final = {"integer": "whole number", "number": "number"}
_FORMATS: Final = {"date-time": "time (RFC 3339)", "date": "date", "uuid": "UUID"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field or parameter."""

    name: str
    """With the names of what it is in: ``results[].check_id``."""
    kind: str
    about: str = ""
    required: bool = False


def parameter(given: Schema) -> Field:
    """A parameter of an operation."""
    schema = given.get("schema", {})
    place = {"path": ", in the path", "header": ", a header"}.get(given["in"], "")
    about = given.get("description", schema.get("description", ""))
    required = bool(given.get("required"))
    return Field(given["name"], f"{_kind(schema)}{place}{_default(schema)}", about, required)


class Shapes:
    """A document's named schemas."""

    def __init__(self, named: Mapping[str, Schema]) -> None:
        self._named = named

    def fields(self, schema: Schema, within: str = "", depth: int = 0) -> Iterator[Field]:
        """Every field of an object, or of the objects of a list, each followed by its own."""
        schema = self._plain(schema)
        if schema.get("type") == "array":
            yield from self.fields(schema.get("items", {}), f"{within}[]", depth)
            return
        required = schema.get("required", ())
        for name, given in schema.get("properties", {}).items():
            inner = self._plain(given)
            whole = f"{within}.{name}" if within else name
            about = given.get("description", "")
            kind = self._kind_of(given) + ("" if name in required else _default(given))
            yield Field(whole, kind, about, name in required)
            if depth < _DEEPEST:
                yield from self.fields(inner, whole, depth + 1)

    def _plain(self, schema: Schema) -> Schema:
        """What a reference names, and what may be there when null may be there too."""
        while True:
            if "$ref" in schema:
                schema = self._named[schema["$ref"].rpartition("/")[2]]
                continue
            choices = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
            if len(choices) != 1:
                return schema
            (schema,) = choices

    def _kind_of(self, schema: Schema) -> str:
        words = _kind(self._plain(schema))
        nullable = any(each.get("type") == "null" for each in schema.get("anyOf", ()))
        if words.startswith("list"):
            items = self._plain(self._plain(schema).get("items", {}))
            words = f"list of {_kind(items)}"
        return f"{words} or null" if nullable else words


def _kind(schema: Schema) -> str:
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    choices = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if choices:
        return " or ".join(map(_kind, choices))
    match schema.get("type"):
        case "array":
            return f"list of {_kind(schema.get('items', {}))}"
        case "string":
            return _FORMATS.get(schema.get("format", ""), "text") + _bounds(schema, "Length")
        case "integer" | "number":
            return f"{_NUMBERS[schema['type']]}{_bounds(schema, 'imum')}"
        case "boolean":
            return "true or false"
        case "object":
            return "object"
        case _:
            return "any value"


def _bounds(schema: Schema, suffix: str) -> str:
    unit = " characters" if suffix == "Length" else ""
    least, most = schema.get(f"min{suffix}"), schema.get(f"max{suffix}")
    most = None if most is not None and most >= _LARGE else most
    if least is not None and most is not None:
        return f" ({least:g} to {most:g}{unit})"
    if most is not None:
        return f" (at most {most:g}{unit})"
    return f" (at least {least:g}{unit})" if least is not None else ""


def _default(schema: Schema) -> str:
    default = schema.get("default")
    if default in (None, "", [], {}):
        return ""
    shown = str(default).lower() if isinstance(default, bool) else default
    return f"; {shown} if left out"
