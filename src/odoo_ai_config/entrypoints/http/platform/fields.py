"""
Reads JSON objects as Odoo fills them into attrs classes, with one cattrs converter.

Odoo sends ``false`` for an empty field of almost any type, so ``false``, ``""``, ``null`` and HTML
that shows nothing mean that a field is absent. Only a boolean field has ``false`` as a value.

The type of an attribute says how its value is read. The hooks of the converter and the schemas of
the OpenAPI document both come from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

from attrs import NOTHING, fields, frozen, resolve_types
from cattrs import Converter
from cattrs.errors import (
    BaseValidationError,
    ClassValidationError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import Json, JsonObject, is_empty
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    IncompleteDataError,
    InvalidFieldsError,
)
from odoo_ai_config.entrypoints.http.platform.wire_types import (
    WIRE_TYPES,
    BrokenRuleError,
    Hook,
    WireType,
)

S = TypeVar("S")
T = TypeVar("T")

MAX_ITEMS: Final = 200
MOST_ERRORS: Final = 200


@frozen(eq=False)
class ListType:
    """
    A list with a maximum length.
    """

    element: Any
    most: int


def field_type(type_: Any) -> Any:  # noqa: ANN401 - any annotation or class
    """
    How an attribute of *type_* is read: a `WireType`, a `ListType`, or the class of an object.

    A type is annotated with its `WireType`, or with the maximum length of a list. ``None`` in a
    union is ignored: absent values are dropped before their type matters.
    """
    plain, *marks = get_args(type_) if get_origin(type_) is Annotated else (type_,)
    if marks and isinstance(marks[0], WireType):
        return marks[0]
    inner = get_args(plain)
    if NoneType in inner:
        return field_type(inner[0])
    if get_origin(plain) is tuple:
        return ListType(inner[0], *(marks or [MAX_ITEMS]))
    return WIRE_TYPES.get(plain, plain)


@frozen(eq=False)
class Shape:
    """
    How objects are read into a class.

    Args:
        types: The types of its attributes by name.
        flags: The attributes for which ``false`` is a value.
        required: The attributes without a default.
        structure: The function that cattrs makes for the class.
    """

    types: Mapping[str, Any]
    flags: frozenset[str]
    required: tuple[str, ...]
    structure: Hook


@cache
def shape_of(cls: type) -> Shape:
    """
    The shape of *cls*.
    """
    attributes = [one for one in fields(resolve_types(cls)) if one.init]
    return Shape(
        {one.name: one.type for one in attributes},
        frozenset(one.name for one in attributes if field_type(one.type) is WIRE_TYPES[bool]),
        tuple(one.name for one in attributes if one.default is NOTHING),
        make_dict_structure_fn(cls, converter),
    )


def _said(shape: Shape, layers: Iterable[JsonObject]) -> JsonObject:
    flags = shape.flags
    said: JsonObject = {}
    for layer in layers:
        said |= {
            name: value
            for name, value in layer.items()
            if not is_empty(value) or (value is False and name in flags)
        }
    return said


def said_fields(cls: type, layers: Iterable[JsonObject]) -> JsonObject:
    """
    The fields of *layers* that have a value for *cls*; the first layer that has a field wins.
    """
    return _said(shape_of(cls), [*layers][::-1])


def given_fields(part: object) -> JsonObject:
    """
    The fields of *part* that have a value.
    """
    cls: type = type(part)
    given = ((name, getattr(part, name)) for name in shape_of(cls).types)
    return {name: value for name, value in given if value is not None}


def found(name: str, layers: Mapping[str, JsonObject]) -> tuple[str, Json]:
    """
    The path and value of *name* in the first layer that has it; ``{}`` if no layer does.
    """
    for prefix, layer in layers.items():
        if not is_empty(layer.get(name)):
            return prefix + name, layer[name]
    return next(iter(layers)) + name, {}


def read(
    cls: type[T],
    layers: Mapping[str, JsonObject],
    *,
    noted: Sequence[FieldError] = (),
    required: Sequence[str] | None = None,
    most: int = MOST_ERRORS,
    exact: bool = False,
) -> T:
    """
    Make a *cls* of one object or several; the first object that has a field wins.

    Args:
        cls: A class whose attributes are named like the fields.
        layers: The objects by the path that leads to them, ``""`` for the body itself.
        noted: Errors that the caller has already found.
        required: The required fields, if they are not the attributes without a default.
        most: The maximum number of errors to report.
        exact: Whether the body is read as it is: no value in it counts as absent.

    Raises:
        IncompleteDataError: A required field is absent.
        InvalidFieldsError: Something else is wrong.
    """
    kind: type = cls
    shape = shape_of(kind)
    errors = [*noted]
    try:
        said = layers[""] if exact else _said(shape, [*layers.values()][::-1])
        structured: T = shape.structure(said, cls)
    except ClassValidationError as error:
        errors += errors_in(error, lambda name: found(name, layers)[0])
    else:
        if not errors:
            return structured
    # Outside the except block, so that no refusal chains to an error that carries a value.
    required = shape.required if required is None else required
    absent = [name for name in required if found(name, layers)[1] == {}]
    missing = [FieldError(next(iter(layers)) + name, "required") for name in absent]
    others = [error for error in dict.fromkeys(errors) if error not in missing][:most]
    if missing and len(others) < most:
        raise IncompleteDataError(required, [*missing, *others])
    raise InvalidFieldsError(others)


def read_exactly(cls: type[T], body: JsonObject, *, exact: bool = False) -> T:
    """
    Make a *cls* of *body*, which has no other fields; *exact* as for `read`.

    Raises:
        IncompleteDataError: A required field is absent.
        InvalidFieldsError: A field is invalid or unknown.
    """
    kind: type = cls
    if not body.keys() <= shape_of(kind).types.keys():
        # Its name is input, too.
        raise InvalidFieldsError([FieldError("body", "unknown_field")])
    return read(cls, {"": body}, exact=exact)


def errors_in(
    error: ClassValidationError | IterableValidationError, place: Callable[[str], str]
) -> Iterator[FieldError]:
    """
    Each broken rule in *error*; *place* returns the path of an attribute or element.
    """
    noted, bare = error.group_exceptions()
    for inner, note in noted:
        path = place(str(note.index if isinstance(note, IterableValidationNote) else note.name))
        if isinstance(inner, ClassValidationError | IterableValidationError):
            yield from errors_in(inner, f"{path}.".__add__)
        elif isinstance(inner, BrokenRuleError | InvalidValueError):
            yield FieldError(path, inner.rule, getattr(inner, "limit", None))
        elif isinstance(inner, KeyError):
            yield FieldError(path, "required")
        else:
            raise inner
    for inner in bare:
        # A validator of the class refuses the attribute.
        if not isinstance(inner, InvalidValueError):
            raise inner
        yield FieldError(place(inner.field), inner.rule)


def read_object(cls: type[T], value: Json) -> T:
    """
    Make a *cls* of an object that is part of a body.

    Raises:
        BrokenRuleError: *value* is not an object.
        ClassValidationError: A member is invalid.
    """
    if not isinstance(value, dict):
        raise BrokenRuleError("object")
    kind: type = cls
    shape = shape_of(kind)
    structured: T = shape.structure(_said(shape, [value]), cls)
    return structured


def collected(read_one: Callable[[S], T], entries: Iterable[tuple[int | str, S]]) -> list[T]:
    """
    The results of *read_one* for *entries*, which are pairs of place and value.

    Raises:
        IterableValidationError: *read_one* refuses some of them.
    """
    made, errors = [], []
    for place, entry in entries:
        try:
            made.append(read_one(entry))
        except (BrokenRuleError, InvalidValueError, BaseValidationError) as error:
            error.add_note(IterableValidationNote("", place, object))
            errors.append(error)
            if len(errors) == MOST_ERRORS:
                break
    if errors:
        raise IterableValidationError("", errors, list)
    return made


def _list_hook(type_: ListType) -> Hook:
    element, most = type_.element, type_.most
    hook = converter.get_structure_hook(element)
    empty: Json = {} if isinstance(field_type(element), type) else None

    def read_list(value: Json, _: object) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise BrokenRuleError("list")
        if len(value) > most:
            raise BrokenRuleError("too_many", most)
        entries = ((i, one) for i, one in enumerate(value) if not is_empty(one) and one != empty)
        made = collected(lambda one: hook(one, element), entries)
        return tuple(one for one in made if one is not None)

    return read_list


def _hook_of(type_: object) -> Hook:
    kind = field_type(type_)
    if isinstance(kind, WireType):
        return kind.read
    if isinstance(kind, ListType):
        return _list_hook(kind)
    if kind != type_:
        return converter.get_structure_hook(kind)
    return lambda value, _: read_object(kind, value)


converter: Final = Converter()
converter.register_structure_hook_factory(lambda _: True)(_hook_of)
for _type, _wire in WIRE_TYPES.items():
    # cattrs has its own hooks for the plain types.
    converter.register_structure_hook(_type, _wire.read)
