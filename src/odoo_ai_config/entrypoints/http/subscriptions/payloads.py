"""
Reads what a subscription is told of.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Annotated, Any, Final, TypeVar

from attrs import frozen

from odoo_ai_config.domain.access import lifetime
from odoo_ai_config.domain.feed import FeedKind
from odoo_ai_config.domain.identifiers import web_address
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.domain.subscriptions import MessageOutcome
from odoo_ai_config.entrypoints.http.platform.schema import Body
from odoo_ai_config.entrypoints.http.platform.wire_types import BrokenRuleError, WireType

E = TypeVar("E", bound=Enum)


def _names_of(members: type[E], rule: str) -> WireType:
    known = [member.value for member in members]

    def read(value: Json, _: object) -> frozenset[E]:
        if not isinstance(value, list):
            raise BrokenRuleError("list")
        if not all(isinstance(one, str) and one in known for one in value):
            raise BrokenRuleError(rule)
        return frozenset(map(members, value))

    return WireType(
        read, {"type": "array", "items": {"type": "string", "enum": known}, "uniqueItems": True}
    )


def _checked(type_: type, check: Callable[[Any], Any], rule: str) -> Callable[[Json, object], Any]:
    def read(value: Json, _: object) -> Any:  # noqa: ANN401 - as *check* says
        if not isinstance(value, type_):
            raise BrokenRuleError(rule)
        return check(value)

    return read


Url = Annotated[
    str,
    WireType(
        _checked(str, lambda text: web_address(text, "url"), "text"),
        {"type": "string", "format": "uri", "description": "Where it is told; https."},
    ),
]
Kinds = Annotated[frozenset[FeedKind], _names_of(FeedKind, "feed_kind")]
Outcomes = Annotated[frozenset[MessageOutcome], _names_of(MessageOutcome, "message_outcome")]
On = Annotated[
    bool,
    WireType(
        _checked(bool, bool, "boolean"),
        {"type": "boolean", "description": "False switches it off, true on again."},
    ),
]
Overlap = Annotated[
    timedelta,
    WireType(
        _checked(str, lifetime, "text"),
        {
            "type": "string",
            "pattern": "^[0-9]{1,6}[dhm]$",
            "description": "How long the old secret signs, too.",
        },
    ),
]


@frozen
class NewSubscription:
    """
    Who is told of what: kinds of changes, outcomes of messages, or both.
    """

    url: Url
    kinds: Kinds = frozenset()
    outcomes: Outcomes = frozenset()


@frozen
class ChangedSubscription:
    """
    What changes; what is left out stays.
    """

    url: Url | None = None
    kinds: Kinds | None = None
    outcomes: Outcomes | None = None
    on: On | None = None


@frozen
class SecretRotation:
    """
    How its secret is rotated.
    """

    overlap: Overlap = timedelta(days=1)


NEW_SUBSCRIPTION: Final = Body(
    parts=(NewSubscription,),
    more={"additionalProperties": False},
    example={
        "url": "https://odoo.example.com/hub/events",
        "kinds": ["config", "mapping"],
        "outcomes": ["handed_over", "dead"],
    },
)
CHANGED_SUBSCRIPTION: Final = Body(
    parts=(ChangedSubscription,), more={"additionalProperties": False}, example={"on": False}
)
SECRET_ROTATION: Final = Body(
    parts=(SecretRotation,), more={"additionalProperties": False}, example={"overlap": "1d"}
)
