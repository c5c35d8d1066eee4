"""
Schemas of bodies, derived from the classes that the bodies are read into.

They show a sender the recommended form. The hub also accepts other forms, such as the fields of an
object beside that object.
"""

from __future__ import annotations

from inspect import getdoc
from types import FunctionType

from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.platform.fields import ListType, field_type, shape_of
from odoo_ai_config.entrypoints.http.platform.schema import Body, BodySchema, Component, lenient
from odoo_ai_config.entrypoints.http.platform.wire_types import WireType


def schema_of(body: BodySchema, components: JsonObject) -> Json:
    """
    *body* as plain JSON. A part with a name becomes a reference, and one of *components*.
    """
    match body:
        case dict():
            return {name: schema_of(part, components) for name, part in body.items()}
        case list():
            return [schema_of(part, components) for part in body]
        case FunctionType():
            # The class did not exist yet where it is used.
            return schema_of(body(), components)
        case type():
            component = _component(Body(parts=(body,)))
        case Body():
            component = _component(body)
        case Component():
            component = body
        case _:
            plain: Json = body
            return plain
    schema = schema_of(component.schema, components)
    if components.setdefault(component.name, schema) != schema:
        raise ValueError(f"Two schemas are called {component.name}.")
    return {"$ref": f"#/components/schemas/{component.name}"}


def _component(body: Body) -> Component:
    shapes = [shape_of(part) for part in body.parts]
    members = {name: _attribute(type_) for shape in shapes for name, type_ in shape.types.items()}
    required = body.required
    if required is None:
        required = [name for shape in shapes for name in shape.required]
    schema = {"type": "object", "properties": {**members, **body.members}, **body.more}
    if required:
        schema["required"] = [*required]
    docstring = getdoc(body.parts[0]) if body.parts else None
    if about := body.description or docstring:
        schema["description"] = " ".join(about.split())
    if body.example:
        schema["examples"] = [body.example]
    return Component(body.name or body.parts[0].__name__, schema)


def _attribute(type_: object) -> BodySchema:
    match field_type(type_):
        case WireType(schema=schema):
            return schema
        case ListType(element=element, most=most):
            return lenient({"type": "array", "items": _attribute(element), "maxItems": most})
        case cls:
            return lenient(cls)
