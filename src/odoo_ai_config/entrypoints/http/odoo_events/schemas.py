"""
The events of Odoo, as the description shows them, and the answers to them.
"""

from __future__ import annotations

from typing import Annotated, Final, TypedDict

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.outcomes import WriteKind
from odoo_ai_config.entrypoints.http.odoo_events.channel_mapping import (
    MappedChannel,
    RouteQuestions,
)
from odoo_ai_config.entrypoints.http.odoo_events.company_metadata import CompanyMetadata
from odoo_ai_config.entrypoints.http.odoo_events.payloads import Credentials
from odoo_ai_config.entrypoints.http.platform.notices import Notice
from odoo_ai_config.entrypoints.http.platform.schema import (
    Always,
    Body,
    BodySchema,
    BusinessAreaText,
    Changed,
    ChatwootIdText,
    CollectionNameText,
    Component,
    CrewText,
    Digest,
    Moment,
    TenantIdText,
    Version,
    answer,
    lenient,
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
    version: (
        Annotated[
            Version, Meta(description="The same as `mapping_version`, or that of the collection.")
        ]
        | UnsetType
    ) = UNSET
    collection: CollectionNameText | UnsetType = UNSET
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


def _told_by(*kinds: WriteKind) -> dict[str, BodySchema]:
    return {
        "event_type": lenient({"type": "string", "enum": [kind.value for kind in kinds]}),
        "event": {"description": "Read where there is no `event_type`."},
        "source": {"description": "Read where nothing else tells the event."},
    }


# The fields of these objects may be beside them instead.
_CREDENTIALS: Final = Body(parts=(Credentials,), required=())
_MAPPED_CHANNEL: Final = Body(parts=(MappedChannel,), required=())
_CREDENTIALS_EVENT: Final = Body(
    parts=(Credentials,),
    name="CredentialsEvent",
    description="Merges settings into the tenant's `config` document and seals its secrets.",
    members={**_told_by(WriteKind.CREDENTIALS), "credentials": lenient(_CREDENTIALS)},
    required=(),
    example={
        "event_type": "credentials_sync",
        "account_id": "123456",
        "domain": "retail",
        "name": "Loja Exemplo",
        "odoo_url": "https://odoo.example.com",
        "odoo_db": "loja",
        "token": "token_referencia",
        "enabled_collections": ["business_rules"],
    },
)
_MAPPING_EVENT: Final = Body(
    name="MappingEvent",
    description="Sets the owner of a Chatwoot channel.",
    members={**_told_by(WriteKind.MAPPING), "mapping": _MAPPED_CHANNEL},
    required=["mapping"],
    example={
        "event_type": "mapping_sync",
        "mapping": {
            "chatwoot_account_id": 1,
            "chatwoot_inbox_id": 7,
            "internal_account_id": "123456",
            "domain": "retail",
            "is_fallback": True,
            "sequence": 10,
            "special_whatsapp_numbers": [{"number": "+55 11 99999-9999", "crew": "analytics"}],
        },
    },
)
_MAPPING_DELETE_EVENT: Final = Body(
    name="MappingDeleteEvent",
    description="Switches a channel off.",
    members={**_told_by(WriteKind.MAPPING_DELETE), "mapping": _MAPPED_CHANNEL},
    required=["event_type", "mapping"],
    example={**_MAPPING_EVENT.example, "event_type": "mapping_delete"},
)
_COMPANY_EVENT: Final = Body(
    parts=(CompanyMetadata,),
    name="CompanyMetadataEvent",
    description="Stores a company's description in its `metadata` document.",
    members=_told_by(WriteKind.METADATA),
    required=["event_type", "account_id"],
    example={
        "event_type": "company_metadata_sync",
        "account_id": "123456",
        "domain": "retail",
        "website": "https://loja.example.com",
        "mention_website_at_end": True,
        "business_hours": {"monday": True, "business_hours_start": 9, "business_hours_end": 18},
    },
)
EVENT_BODY: Final = Component(
    "Event",
    {"anyOf": [_CREDENTIALS_EVENT, _MAPPING_EVENT, _MAPPING_DELETE_EVENT, _COMPANY_EVENT]},
)
SIMULATED_EVENT: Final = Body(
    parts=(RouteQuestions,),
    name="SimulatedEvent",
    description="A `mapping_sync` or `mapping_delete` event of the webhook, and messages "
    "whose routes are asked for.",
    members={
        **_told_by(WriteKind.MAPPING, WriteKind.MAPPING_DELETE),
        "mapping": _MAPPED_CHANNEL,
    },
    required=["mapping"],
    example={
        **_MAPPING_EVENT.example,
        "messages": [{"account_id": 1, "inbox_id": 7, "number": "5511999999999"}],
    },
)
