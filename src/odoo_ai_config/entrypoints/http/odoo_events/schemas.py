"""
Answers to Odoo.
"""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.outcomes import WriteKind
from odoo_ai_config.entrypoints.http.platform.notices import Notice
from odoo_ai_config.entrypoints.http.platform.schema import (
    Always,
    BusinessAreaText,
    Changed,
    ChatwootIdText,
    CrewText,
    Digest,
    Moment,
    TenantIdText,
    Version,
    answer,
)


@answer
class EventAccepted:
    """
    The event is stored, or was already.
    """

    success: Always
    message: Annotated[str, Meta(description="For people, in their language.")]
    tenant_id: TenantIdText
    domain: BusinessAreaText
    config_version: Version | UnsetType = UNSET
    credentials_version: Version | UnsetType = UNSET
    metadata_version: Version | UnsetType = UNSET
    mapping_version: Version | UnsetType = UNSET
    config_digest: Digest | UnsetType = UNSET
    credentials_digest: Digest | UnsetType = UNSET
    metadata_digest: Digest | UnsetType = UNSET
    mapping_digest: Digest | UnsetType = UNSET
    # The old server's name for it.
    version: Annotated[Version, Meta(description="The same as `mapping_version`.")] | UnsetType = (
        UNSET
    )
    timestamp: Moment
    changed: Changed
    warnings: list[Notice]


@answer
class SeenRoute:
    """
    A route, or only that it is hidden, if the key may not see its tenant.
    """

    resolved: bool
    hidden: Always | UnsetType = UNSET
    tenant_id: TenantIdText | UnsetType | None = UNSET
    domain: BusinessAreaText | UnsetType | None = UNSET
    crew: CrewText | UnsetType | None = UNSET
    matched_by: Rule | UnsetType = UNSET


@answer
class Rerouting:
    """
    Where messages go now, and where they would go.
    """

    account_id: Annotated[
        ChatwootIdText | None, Meta(description="Null for every unmapped account.")
    ]
    inbox_id: Annotated[
        ChatwootIdText | None,
        Meta(description="Null for every inbox without its own mapping."),
    ]
    number: Annotated[str | None, Meta(description="Null for every number that is not special.")]
    before: SeenRoute
    after: SeenRoute


@answer
class MessageRerouting(Rerouting):
    """
    Where one message goes now, and where it would go.
    """

    changed: Annotated[bool, Meta(description="Whether it would go elsewhere.")]


Move = TypedDict(
    "Move",
    {
        "chatwoot_account_id": ChatwootIdText | None,
        "chatwoot_inbox_id": ChatwootIdText | None,
        "from": TenantIdText,
        "to": TenantIdText,
    },
)


@answer
class Simulation:
    """
    The effects of the event.
    """

    event: Annotated[
        str,
        Meta(
            extra_json_schema={"enum": [WriteKind.MAPPING.value, WriteKind.MAPPING_DELETE.value]}
        ),
    ]
    tenant_id: TenantIdText
    domain: BusinessAreaText
    mapping_version: Annotated[
        int, Meta(description="The version that the channel would have.", ge=1)
    ]
    changed: Annotated[bool, Meta(description="Whether the event would change anything.")]
    refusal: Annotated[
        str | None, Meta(description="The code of the refusal, if the hub would refuse the event.")
    ]
    moves: Annotated[list[Move], Meta(description="The losers and winners of the channel.")]
    effects: Annotated[list[Rerouting], Meta(description="The messages whose route would change.")]
    truncated: Annotated[bool, Meta(description="There may be more effects than the answer has.")]
    messages: Annotated[
        list[MessageRerouting],
        Meta(description="The messages of the request, in their order."),
    ]
    warnings: list[Notice]
