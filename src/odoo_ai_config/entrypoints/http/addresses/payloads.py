"""
Reads what a new secret address is for, and describes the records that come to it.
"""

from __future__ import annotations

from typing import Annotated, Final

from attrs import frozen

from odoo_ai_config.domain.addresses import MOST_FIELDS, Feed, RecordKind
from odoo_ai_config.domain.collections import CollectionName
from odoo_ai_config.domain.identifiers import TenantArea, TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.platform.fields import read_exactly
from odoo_ai_config.entrypoints.http.platform.schema import Body, lenient
from odoo_ai_config.entrypoints.http.platform.wire_types import (
    DEFAULT_DOMAIN,
    LENIENT_ID,
    BrokenRuleError,
    DomainName,
    WireType,
)

_KINDS: Final = [kind.value for kind in RecordKind]


def _kind(value: Json, _: object) -> RecordKind:
    if value not in _KINDS:
        raise BrokenRuleError("address_kind")
    return RecordKind(value)


def _fields(value: Json, _: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BrokenRuleError("object")
    fields = {name: source for name, source in value.items() if isinstance(source, str)}
    if len(fields) != len(value):
        raise BrokenRuleError("address_field")
    return fields


@frozen
class NewAddress:
    """
    What a new secret address is for.
    """

    name: str
    tenant_id: TenantId
    kind: Annotated[RecordKind, WireType(_kind, {"type": "string", "enum": _KINDS})]
    domain: DomainName = DEFAULT_DOMAIN
    collection: CollectionName | None = None
    model: str | None = None
    fields: (
        Annotated[
            dict[str, str],
            WireType(
                _fields,
                {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "maxProperties": MOST_FIELDS,
                    "description": "Fields of Odoo by the field of the event or item that they "
                    "fill. Other fields come from the field of the same name, with or without "
                    "`x_` or `x_studio_`. `_id` is the id of the record.",
                },
            ),
        ]
        | None
    ) = None


NEW_ADDRESS: Final = Body(
    parts=(NewAddress,),
    more={"additionalProperties": False},
    example={
        "name": "Odoo Online",
        "tenant_id": "123456",
        "domain": "retail",
        "kind": "credentials",
        "model": "x_ai_client",
        "fields": {"odoo_url": "x_studio_endereco"},
    },
)
# What Odoo's own webhook action sends.
RECORD: Final = Body(
    name="Record",
    description="A record of Odoo with any fields. Those that the address knows are taken in; "
    "`false` is an empty one.",
    members={
        "_model": {"type": "string", "description": "The technical name of its model."},
        "_id": LENIENT_ID,
        "_action": {"description": "The name of the action; ignored."},
        "account_id": lenient(LENIENT_ID, "If it is there, it must be the tenant's."),
    },
    example={
        "_action": "Send Webhook Notification(#312)",
        "_id": 5,
        "_model": "x_ai_client",
        "id": 5,
        "x_studio_odoo_url": "https://odoo.example.com",
        "x_studio_odoo_db": False,
    },
)


def new_address(body: JsonObject) -> tuple[str, Feed]:
    """
    The name of the address that *body* asks for, and what becomes of its records.

    Raises:
        IncompleteDataError: A required field is missing.
        InvalidFieldsError: A field is invalid or unknown.
        InvalidValueError: The field map names fields that the event does not have, or the
            collection does not go with the kind.
    """
    said = read_exactly(NewAddress, body)
    owner = TenantArea(said.tenant_id, said.domain.domain)
    return said.name, Feed(owner, said.kind, said.collection, said.model, said.fields or {})
