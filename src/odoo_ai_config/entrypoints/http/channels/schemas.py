"""
What is answered about the mapping of channels, and about routes.
"""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.domain.channels.routing import Rule, Verdict
from odoo_ai_config.domain.outcomes import WriteKind
from odoo_ai_config.entrypoints.http.platform.notices import Notice
from odoo_ai_config.entrypoints.http.platform.schema import (
    Always,
    BusinessAreaText,
    ChatwootIdText,
    CrewText,
    PhoneNumberText,
    TenantIdText,
    answer,
)


@answer
class MappedArea:
    """
    The business area that something is mapped to.
    """

    domain: BusinessAreaText
    account_id: TenantIdText


@answer
class MappedFallback(MappedArea):
    """
    A business area that takes messages which no rule claims.
    """

    sequence: int


@answer
class _Special:
    number: PhoneNumberText
    crew: CrewText


@answer
class MappedNumber(MappedArea, _Special):
    """
    A sender whose messages go to a crew of their own.
    """


@answer
class Mapping:
    """
    The mapping as it is now.
    """

    accounts: Annotated[dict[str, MappedArea], Meta(description="By Chatwoot account.")]
    inboxes: Annotated[dict[str, MappedArea], Meta(description="By Chatwoot inbox.")]
    fallbacks: Annotated[list[MappedFallback], Meta(description="First one first.")]
    special_numbers: list[MappedNumber]


@answer
class RouteOwner:
    """
    A business area that a rule would choose.
    """

    tenant_id: TenantIdText
    domain: BusinessAreaText


@answer
class Considered:
    """
    What became of one rule.
    """

    rule: Rule
    verdict: Verdict
    owners: Annotated[list[RouteOwner], Meta(description="Whom the rule would have chosen.")]


@answer
class Route:
    """
    Where a message goes. One that no rule claims is not an error.
    """

    resolved: Annotated[bool, Meta(description="False if no rule claims the message.")]
    tenant_id: TenantIdText | None
    domain: BusinessAreaText | None
    crew: CrewText | None
    matched_by: Rule
    considered: Annotated[list[Considered], Meta(description="With `explain=1`.")] | UnsetType = (
        UNSET
    )


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
