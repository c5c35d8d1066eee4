"""
Reads JSON objects as Odoo fills them into attrs classes, with one cattrs converter.

Odoo sends ``false`` for an empty field of almost any type, so ``false``, ``""`` and ``null``
mean that a field is absent. Only a boolean field has ``false`` as a value. HTML that shows nothing
is an empty text.

The type of an attribute says how its value is read. The hooks of the converter and the schemas of
the OpenAPI document both come from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from types import NoneType
from typing import Annotated, Any, Final, TypeAlias, TypeVar, get_args, get_origin

from attrs import NOTHING, fields, frozen, resolve_types
from cattrs import Converter
from cattrs.errors import (
    BaseValidationError,
    ClassValidationError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn

from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.collections import CollectionName
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import (
    NO_ID,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    TenantId,
    web_address,
)
from odoo_ai_config.domain.json_types import Json, JsonObject, is_blank
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    IncompleteDataError,
    InvalidFieldsError,
)
from odoo_ai_config.entrypoints.http.platform.schema import BodySchema, Component, lenient

S = TypeVar("S")
T = TypeVar("T")
_Hook: TypeAlias = Callable[[Any, Any], Any]

MAX_TEXT: Final = 16 * 1024
MAX_ITEMS: Final = 200
MOST_ERRORS: Final = 200
LONGEST_HOUR: Final = 24
_MOST_DIGITS: Final = 18

_TEXT_SCHEMA: Final = {"type": "string", "maxLength": MAX_TEXT}
LENIENT_TEXT: Final = Component("LenientText", lenient(_TEXT_SCHEMA))
LENIENT_ID: Final = Component("LenientId", lenient({"type": "integer"}, "Text or integer."))


# The converter's hooks take no arguments of their own.
_NUMBERS: Final[ContextVar[Callable[[str], PhoneNumber]]] = ContextVar(
    "numbers", default=PhoneNumber.from_text
)


class BrokenRuleError(ValueError):
    """
    A value breaks a rule of its type. The error does not carry the value.
    """

    def __init__(self, rule: str, limit: int | None = None) -> None:
        super().__init__(rule, limit)
        self.rule = rule
        self.limit = limit


@frozen(eq=False)
class WireType:
    """
    How a value is read from JSON.

    Args:
        read: Converts the value; raises a `BrokenRuleError` or an `InvalidValueError`.
        schema: Its schema in the OpenAPI document.
    """

    read: _Hook
    schema: BodySchema


@frozen(eq=False)
class ListType:
    """
    A list with a maximum length.
    """

    element: Any
    most: int


@frozen
class DomainName:
    """
    A business area, and how the Odoo user wrote it if that differs from its slug.
    """

    domain: BusinessArea
    label: str | None = None


DEFAULT_DOMAIN: Final = DomainName(BusinessArea())


def is_absent(value: Json) -> bool:
    """
    Whether *value* is what Odoo sends for an empty field.
    """
    if value.__class__ is str:
        return not value or value.isspace()
    return value is None or value is False


def names_no_channel(value: Json) -> bool:
    """
    Whether *value* stands for an account or inbox of Chatwoot that Odoo does not have.
    """
    # Chatwoot counts from 1.
    return value == 0 or str(value).strip() in NO_ID


def verbatim(value: Json, _: object = None) -> str:
    """
    A text of any length; surrounding space is kept.
    """
    if not isinstance(value, str):
        raise BrokenRuleError("text")
    return value


def _limited(value: Json) -> str:
    if not isinstance(value, str):
        raise BrokenRuleError("text")
    if len(value) > MAX_TEXT:
        raise BrokenRuleError("too_long", MAX_TEXT)
    return value


def _text(value: Json, _: object = None) -> str:
    return _limited(value).strip()


def _secret(value: Json, _: object) -> SecretText:
    return SecretText(_limited(value))


def identifier(value: Json, _: object = None) -> str:
    """
    An identifier as text; it may come as an integer.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int):
        raise BrokenRuleError("identifier")
    return str(value)


def named(make: Callable[[str], object]) -> WireType:
    """
    An identifier that *make* converts.
    """
    return WireType(lambda value, _: make(identifier(value)), LENIENT_ID)


def _channel(text: str) -> ChatwootId | None:
    return None if text in NO_ID else ChatwootId(text)


def _number(text: str) -> PhoneNumber:
    read_number = _NUMBERS.get()
    return read_number(text)


def _domain(value: Json, _: object) -> DomainName:
    text = _text(value)
    domain = BusinessArea.from_text(text)
    return DomainName(domain, None if domain.value == text else text)


def _flag(value: Json, _: object) -> bool:
    if not isinstance(value, bool):
        raise BrokenRuleError("boolean")
    return value


def _integer(value: Json, _: object = None) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    digits = value.strip() if isinstance(value, str) else ""
    # int() would also take "1_000", "+5" and full-width digits.
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        raise BrokenRuleError("integer")
    return int(digits)


def _address(value: Json, _: object) -> str:
    # The caller replaces the place.
    return web_address(_text(value), "")


@cache
def _time_zones() -> frozenset[str]:
    # Of the package: not every system has the database, and a reader must find the same zones.
    return frozenset((files("tzdata") / "zones").read_text().split())


def _time_zone(value: Json, _: object) -> str:
    name = _text(value)
    if name not in _time_zones():
        raise BrokenRuleError("timezone")
    return name


def _fallback_place(value: Json, _: object) -> int:
    place = _integer(value)
    if place < 0:
        raise BrokenRuleError("sequence")
    return place


def _hour(value: Json, _: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BrokenRuleError("number")
    if not 0 <= value <= LONGEST_HOUR:
        raise BrokenRuleError("hour")
    return value


_WIRE_TYPES: Final[Mapping[object, WireType]] = {
    str: WireType(_text, LENIENT_TEXT),
    SecretText: WireType(
        _secret,
        Component(
            "LenientSecret",
            lenient(_TEXT_SCHEMA, "Sealed as it comes; only `secrets:read` shows it again."),
        ),
    ),
    bool: WireType(_flag, Component("LenientFlag", lenient({"type": "boolean"}))),
    int: WireType(_integer, LENIENT_ID),
    float: WireType(
        _hour,
        Component(
            "LenientHour",
            lenient(
                {"type": "number", "minimum": 0, "maximum": LONGEST_HOUR},
                "Hours with a fraction: 9.5 is 09:30.",
            ),
        ),
    ),
    DomainName: WireType(_domain, LENIENT_TEXT),
    TenantId: named(TenantId),
    ChatwootId: named(ChatwootId),
    CredentialRef: named(CredentialRef),
    CollectionName: named(CollectionName.from_text),
    # A document repeats the hub's own digits; people type them in the forms of their country.
    PhoneNumber: named(_number),
}
Identifier: TypeAlias = Annotated[str, named(str)]
# None if Odoo's value means that there is no account or inbox.
AnyChannel: TypeAlias = Annotated[ChatwootId | None, named(_channel)]
WebAddress: TypeAlias = Annotated[
    str,
    WireType(
        _address,
        Component(
            "LenientAddress", lenient({**_TEXT_SCHEMA, "format": "uri"}, "Of http or https.")
        ),
    ),
]
TimeZone: TypeAlias = Annotated[
    str,
    WireType(
        _time_zone,
        Component(
            "LenientTimeZone",
            lenient(_TEXT_SCHEMA, "As the IANA database names it: `America/Manaus`."),
        ),
    ),
]
FallbackPlace: TypeAlias = Annotated[int, WireType(_fallback_place, LENIENT_ID)]


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
    return _WIRE_TYPES.get(plain, plain)


@frozen(eq=False)
class Shape:
    """
    How objects are read into a class.

    Args:
        types: The types of its attributes by name.
        flags: The attributes for which ``false`` is a value.
        texts: The attributes for which HTML that shows nothing is no value.
        required: The attributes without a default.
        structure: The function that cattrs makes for the class.
    """

    types: Mapping[str, Any]
    flags: frozenset[str]
    texts: frozenset[str]
    required: tuple[str, ...]
    structure: _Hook


@cache
def shape_of(cls: type) -> Shape:
    """
    The shape of *cls*.
    """
    attributes = [one for one in fields(resolve_types(cls)) if one.init]

    def of_type(type_: object) -> frozenset[str]:
        wire = _WIRE_TYPES[type_]
        return frozenset(one.name for one in attributes if field_type(one.type) is wire)

    return Shape(
        {one.name: one.type for one in attributes},
        of_type(bool),
        of_type(str),
        tuple(one.name for one in attributes if one.default is NOTHING),
        make_dict_structure_fn(cls, converter),
    )


def _said(shape: Shape, layers: Iterable[JsonObject]) -> JsonObject:
    flags, texts = shape.flags, shape.texts
    said: JsonObject = {}
    for layer in layers:
        said |= {
            name: value
            for name, value in layer.items()
            if (not is_absent(value) or (value is False and name in flags))
            and not (name in texts and is_blank(value))
        }
    return said


def said_fields(cls: type, layers: Iterable[JsonObject]) -> JsonObject:
    """
    The fields of *layers* that have a value for *cls*; the first layer that has a field wins.
    """
    return _said(shape_of(cls), [*layers][::-1])


def found(name: str, layers: Mapping[str, JsonObject]) -> tuple[str, Json]:
    """
    The path and value of *name* in the first layer that has it; ``{}`` if no layer does.
    """
    for prefix, layer in layers.items():
        if not is_absent(layer.get(name)):
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


def reading(numbers: Callable[[str], PhoneNumber], make: Callable[[], T]) -> T:
    """
    Return what *make* reads, with its phone numbers read by *numbers*.
    """
    token = _NUMBERS.set(numbers)
    try:
        return make()
    finally:
        _NUMBERS.reset(token)


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


def _list_hook(type_: ListType) -> _Hook:
    element, most = type_.element, type_.most
    hook = converter.get_structure_hook(element)
    empty: Json = {} if isinstance(field_type(element), type) else None

    def read_list(value: Json, _: object) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise BrokenRuleError("list")
        if len(value) > most:
            raise BrokenRuleError("too_many", most)
        entries = ((i, one) for i, one in enumerate(value) if not is_absent(one) and one != empty)
        made = collected(lambda one: hook(one, element), entries)
        return tuple(one for one in made if one is not None)

    return read_list


def _hook_of(type_: object) -> _Hook:
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
for _type, _wire in _WIRE_TYPES.items():
    # cattrs has its own hooks for the plain types.
    converter.register_structure_hook(_type, _wire.read)
