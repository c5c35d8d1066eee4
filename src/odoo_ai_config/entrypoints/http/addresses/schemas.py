"""
Answers about secret addresses.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from odoo_ai_config.domain.addresses import RecordKind
from odoo_ai_config.entrypoints.http.platform.schema import (
    Always,
    AuthorText,
    BusinessAreaText,
    CollectionNameText,
    Moment,
    NextPage,
    TenantIdText,
    answer,
)

AddressIdText: TypeAlias = Annotated[
    str,
    Meta(
        description="Not secret; it is not the token.",
        pattern="^[A-Za-z0-9-]{12}$",
        examples=["k3Jd81LmQz0x"],
    ),
]


@answer
class SecretAddress:
    """
    A secret address, without its token.
    """

    id: AddressIdText
    name: str
    tenant_id: TenantIdText
    domain: BusinessAreaText
    kind: Annotated[RecordKind, Meta(description="What the hub makes of the records.")]
    collection: CollectionNameText | None
    model: Annotated[str | None, Meta(description="The only accepted model; null for any.")]
    fields: Annotated[
        dict[str, str], Meta(description="Fields of Odoo by the field that they fill.")
    ]
    created_at: Moment
    created_by: AuthorText
    used_at: Annotated[Moment | None, Meta(description="When a record last came, to the minute.")]
    revoked_at: Moment | None
    revoked_by: AuthorText | None


@answer
class CreatedAddress(SecretAddress):
    """
    A new secret address.
    """

    path: Annotated[
        str,
        Meta(
            description="The path of the address, shown only now. Whoever knows it can write.",
            extra_json_schema={"format": "password"},
        ),
    ]


@answer
class AddressPage:
    """
    One page of secret addresses.
    """

    addresses: Annotated[list[SecretAddress], Meta(description="By id.")]
    next: NextPage


@answer
class SpooledRecord:
    """
    The store is away: the record waits on the hub's disk until it is back.
    """

    success: Always
    status: Literal["spooled"]
    message_id: Annotated[str, Meta(description="The hub's id of what waits.")]
