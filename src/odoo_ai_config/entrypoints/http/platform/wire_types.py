"""
The types of fields: how a value of each is read from JSON, and its schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from attrs import frozen

from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.collections import CollectionName
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import (
    NO_ID,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    TenantId,
    web_address,
)
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.entrypoints.http.platform.schema import BodySchema, Component, lenient

T = TypeVar("T")
Hook: TypeAlias = Callable[[Any, Any], Any]

MAX_TEXT: Final = 16 * 1024
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

    read: Hook
    schema: BodySchema


@frozen
class DomainName:
    """
    A business area, and how the Odoo user wrote it if that differs from its slug.
    """

    domain: BusinessArea
    label: str | None = None


DEFAULT_DOMAIN: Final = DomainName(BusinessArea())


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


def _former_area(value: Json, _: object) -> BusinessArea:
    return BusinessArea.from_text(_text(value))


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


WIRE_TYPES: Final[Mapping[object, WireType]] = {
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
    BusinessArea: WireType(
        _former_area,
        Component(
            "LenientFormerArea",
            lenient(_TEXT_SCHEMA, "The former name of the business area, which moves first."),
        ),
    ),
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


def reading(numbers: Callable[[str], PhoneNumber], make: Callable[[], T]) -> T:
    """
    Return what *make* reads, with its phone numbers read by *numbers*.
    """
    token = _NUMBERS.set(numbers)
    try:
        return make()
    finally:
        _NUMBERS.reset(token)
