"""
The words that schemas are written in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from odoo_ai_config.domain.json_types import Json, JsonObject


def ref(name: str) -> JsonObject:
    """
    A reference to a schema of the document.
    """
    return {"$ref": f"#/components/schemas/{name}"}


def text(description: str = "", **more: Json) -> JsonObject:
    """
    A text.
    """
    return _described({"type": "string", **more}, description)


def flag(description: str = "") -> JsonObject:
    """
    A boolean.
    """
    return _described({"type": "boolean"}, description)


def one_of(values: Iterable[str], description: str = "") -> JsonObject:
    """
    One of several texts.
    """
    return _described({"type": "string", "enum": list(values)}, description)


def either(*schemas: JsonObject, description: str = "") -> JsonObject:
    """
    What at least one of *schemas* takes.
    """
    return _described({"anyOf": list(schemas)}, description)


def or_null(schema: JsonObject) -> JsonObject:
    """
    What *schema* takes, or nothing.
    """
    return {**schema, "type": [schema["type"], "null"]}


def list_of(items: JsonObject, description: str = "", **more: Json) -> JsonObject:
    """
    A list.
    """
    return _described({"type": "array", "items": items, **more}, description)


def map_of(values: JsonObject, description: str = "") -> JsonObject:
    """
    An object with any keys.
    """
    return _described({"type": "object", "additionalProperties": values}, description)


def record(
    fields: Mapping[str, JsonObject],
    *,
    optional: Sequence[str] = (),
    description: str = "",
    **more: Json,
) -> JsonObject:
    """
    An object with named *fields*, which are there unless they are *optional*.
    """
    schema: JsonObject = {"type": "object", "properties": dict(fields), **more}
    required: list[Json] = [name for name in fields if name not in optional]
    if required:
        schema["required"] = required
    return _described(schema, description)


def _described(schema: JsonObject, description: str) -> JsonObject:
    return {**schema, "description": description} if description else schema
