"""
What Odoo is answered.
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
    The event is stored for good, or was so already.
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
    # The replaced service's name for it.
    version: Annotated[Version, Meta(description="The same as `mapping_version`.")] | UnsetType = (
        UNSET
    )
    timestamp: Moment
    changed: Changed
    warnings: list[Notice]


@answer
class SeenRoute:
    """
    A route; of one to a tenant that the key may not see, only that it is hidden.
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
    Where messages go now and would go then.
    """

    account_id: Annotated[
        ChatwootIdText | None, Meta(description="Null for any that is not mapped.")
    ]
    inbox_id: Annotated[
        ChatwootIdText | None,
        Meta(description="Null for every inbox that has no mapping of its own."),
    ]
    number: Annotated[str | None, Meta(description="Null for every number that is not special.")]
    before: SeenRoute
    after: SeenRoute


@answer
class MessageRerouting(Rerouting):
    """
    Where one message goes now and would go then.
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
    What the event would do.
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
        int, Meta(description="The version that the channel would be at.", ge=1)
    ]
    changed: Annotated[bool, Meta(description="Whether the event would change anything.")]
    refusal: Annotated[
        str | None, Meta(description="The code of the error that the event would meet.")
    ]
    moves: Annotated[list[Move], Meta(description="Who would lose the channel to whom.")]
    effects: Annotated[list[Rerouting], Meta(description="What would be routed otherwise.")]
    truncated: Annotated[
        bool, Meta(description="There are more effects than are shown, or were looked for.")
    ]
    messages: Annotated[
        list[MessageRerouting],
        Meta(description="Those that were asked about, in their order."),
    ]
    warnings: list[Notice]
