"""A JSON schema's fields in words."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api.fields import Field, Shapes, parameter

NAMED: dict[str, Any] = {
    "Part": {
        "type": "object",
        "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 9}},
        "required": ["name"],
    },
    "Ring": {
        "type": "object",
        "properties": {"next": {"$ref": "#/components/schemas/Ring"}},
    },
}
PART = {"$ref": "#/components/schemas/Part"}


def fields(**properties: Any) -> list[Field]:
    return list(Shapes(NAMED).fields({"type": "object", "properties": properties}))


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "maxLength": 40}, "text (at most 40 characters)"),
        ({"type": "string", "format": "date-time"}, "time (RFC 3339)"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "whole number (1 to 9)"),
        ({"type": "integer", "minimum": 1, "maximum": 2**63 - 1}, "whole number (at least 1)"),
        ({"type": "number", "maximum": 1.5}, "number (at most 1.5)"),
        ({"type": "boolean", "default": True}, "true or false; true if left out"),
        ({"enum": ["low", "high"], "default": "low"}, "low | high; low if left out"),
        ({"const": "ok"}, "'ok'"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or null"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "text or whole number"),
        ({"type": "array", "items": {"type": "string"}}, "list of text"),
        ({"type": "object"}, "object"),
        ({}, "any value"),
    ],
)
def test_a_field_says_what_it_takes(schema: Any, kind: str) -> None:
    assert fields(one=schema) == [Field("one", kind)]


@pytest.mark.parametrize(
    ("schema", "kind", "name"),
    [
        (PART, "object", "part.name"),
        ({"anyOf": [PART, {"type": "null"}]}, "object or null", "part.name"),
        ({"type": "array", "items": PART}, "list of object", "part[].name"),
    ],
)
def test_fields_of_fields_carry_the_whole_name(schema: Any, kind: str, name: str) -> None:
    inner = Field(name, "text (1 to 9 characters)", required=True)
    assert fields(part=schema) == [Field("part", kind), inner]


def test_a_schema_that_holds_itself_ends() -> None:
    found = fields(ring={"$ref": "#/components/schemas/Ring"})
    assert found[-1].name.startswith("ring.next.next")
    assert len(found) < 10


def test_a_parameter_says_where_it_goes_and_what_it_is_for() -> None:
    given = {
        "name": "limit", "in": "query", "description": "How many.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
    }  # fmt: skip
    assert parameter(given) == Field("limit", "whole number (1 to 50); 10 if left out", "How many.")
    path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    assert parameter(path) == Field("id", "text, in the path", required=True)
