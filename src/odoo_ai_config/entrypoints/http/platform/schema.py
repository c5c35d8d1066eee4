"""
Building blocks of answers and bodies: classes that are JSON objects, and their types.

The OpenAPI description is derived from them, so their texts are for its readers. `msgspec` reads
the annotations of answers and encodes the bytes; `fields` reads bodies into their classes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, TypeAlias, TypeVar, dataclass_transform

import attrs
from msgspec import Meta

from odoo_ai_config.domain import identifiers
from odoo_ai_config.domain.channels import phone
from odoo_ai_config.domain.channels.mapping import CREW_NAME
from odoo_ai_config.domain.collections import COLLECTION_NAME
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages import inbox
from odoo_ai_config.domain.subscriptions import SUBSCRIPTION_ID

T = TypeVar("T")
# A schema. It may contain classes of bodies, `Body` and `Component` in place of their schemas.
BodySchema: TypeAlias = Any

# The values of an empty field in Odoo. They are given by type, because client generators do not
# support a list of values of several types.
_EMPTY: Final = ({"type": "string"}, {"type": "boolean"}, {"type": "null"})
_ABSENT: Final = "`false`, `null` and an empty text mean that there is none."


@attrs.frozen(eq=False)
class Component:
    """
    A named schema of the OpenAPI description.
    """

    name: str
    schema: BodySchema


@attrs.frozen(eq=False, kw_only=True)
class Body:
    """
    The schema of an object, with facts that its class, if it has one, does not contain.

    Args:
        parts: The classes that it is read into; their attributes are its members.
        name: The name of its component, if it is not the name of the first class.
        description: The description, if it is not the docstring of the first class.
        members: Additional members.
        required: The required members, if they are not the attributes without a default.
        more: Additional keywords of the schema.
    """

    parts: tuple[type, ...] = ()
    name: str = ""
    description: str = ""
    members: Mapping[str, BodySchema] = attrs.field(factory=dict)
    required: Collection[str] | None = None
    example: JsonObject = attrs.field(factory=dict)
    more: JsonObject = attrs.field(factory=dict)


def lenient(schema: BodySchema, description: str = "") -> BodySchema:
    """
    *schema*, or an empty field of Odoo.
    """
    type_ = schema.get("type") if isinstance(schema, dict) else None
    empty = [one for one in _EMPTY if one["type"] != type_]
    return {"anyOf": [schema, *empty], "description": f"{description} {_ABSENT}".strip()}


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(attrs.field,))
def answer(cls: type[T]) -> type[T]:
    """
    Make *cls* a frozen attrs class whose instances are JSON objects.

    Its docstring describes the object, `Meta` its members; a member that may be absent is
    ``| UnsetType = UNSET``. The class has no slots: Python sorts slots by name, and msgspec would
    encode the members in that order.
    """
    # Answers are neither compared nor printed: methods for it would add 30 ms to each start.
    return attrs.frozen(cls, slots=False, kw_only=True, eq=False, repr=False)


def _whole(pattern: re.Pattern[str]) -> str:
    return f"^{pattern.pattern}$"


SubscriptionIdText: TypeAlias = Annotated[
    str,
    Meta(
        description="Chosen by the hub.",
        pattern=_whole(SUBSCRIPTION_ID),
        examples=["sub_Jd81LmQz0xk3aaaa"],
    ),
]
TenantIdText: TypeAlias = Annotated[
    str,
    Meta(
        description="A client, as Odoo names it (`account_id`).",
        pattern=_whole(identifiers.TENANT_ID),
        examples=["123456"],
    ),
]
BusinessAreaText: TypeAlias = Annotated[
    str,
    Meta(
        description="A business area of a client, as a slug.",
        pattern=_whole(identifiers.SLUG),
        examples=["retail"],
    ),
]
# As people write it; the slug is derived from it.
BusinessAreaName: TypeAlias = Annotated[
    str,
    Meta(
        description="The business area: its slug, or the text from which the slug is derived.",
        min_length=1,
        max_length=128,
        examples=["retail"],
    ),
]
DocumentTypeText: TypeAlias = Annotated[
    str,
    Meta(
        description="`config`, `credentials`, `metadata`, or any other slug.",
        pattern=_whole(identifiers.SLUG),
        examples=["config"],
    ),
]
CredentialRefText: TypeAlias = Annotated[
    str,
    Meta(
        description="The name by which a config refers to a sealed value.",
        pattern=_whole(identifiers.CREDENTIAL_REF),
        examples=["token_referencia"],
    ),
]
CollectionNameText: TypeAlias = Annotated[
    str,
    Meta(
        description="A name of `enabled_collections`.",
        pattern=_whole(COLLECTION_NAME),
        examples=["products_informations"],
    ),
]
ChatwootIdText: TypeAlias = Annotated[
    str,
    Meta(
        description="A Chatwoot account, inbox or conversation.",
        pattern=_whole(identifiers.CHATWOOT_ID),
        examples=["7"],
    ),
]
MessageIdText: TypeAlias = Annotated[
    str,
    Meta(
        description="Chosen by the hub.",
        pattern=_whole(inbox.MESSAGE_ID),
        examples=["0198b6e2-7c1f-7cc3-98f5-1a3b5c7d9e0f"],
    ),
]
PhoneNumberText: TypeAlias = Annotated[
    str,
    Meta(
        description="Digits with the country code, or the id of a sender who hides the number.",
        pattern=_whole(phone.SENDER),
        examples=["5511999999999"],
    ),
]
CrewText: TypeAlias = Annotated[
    str,
    Meta(description="The crew that answers.", pattern=_whole(CREW_NAME), examples=["analytics"]),
]
Count: TypeAlias = Annotated[int, Meta(ge=0)]
Version: TypeAlias = Annotated[int, Meta(description="Counts from 1, for each document.", ge=1)]
Moment: TypeAlias = Annotated[
    str,
    Meta(
        description="In UTC.",
        extra_json_schema={"format": "date-time"},
        examples=["2026-04-23T19:14:20.512Z"],
    ),
]
Digest: TypeAlias = Annotated[
    str,
    Meta(
        description="Identifies the content, even among those that had the same version; for "
        "`POST /v1/reconcile`.",
        pattern="^[0-9a-f]{64}$",
    ),
]
Changed: TypeAlias = Annotated[
    bool, Meta(description="False if nothing changed; then there is no new version.")
]
AuthorText: TypeAlias = Annotated[
    str,
    Meta(description="Id of the API key that wrote it, or the name of a process of the hub."),
]
NextPage: TypeAlias = Annotated[
    str | None, Meta(description="The `after` of the next page; null on the last page.")
]
# True or absent, never false.
Always: TypeAlias = Annotated[bool, Meta(extra_json_schema={"const": True})]
