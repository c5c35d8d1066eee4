"""
Answers about the mapping of channels, and about routes.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.application.channels.routing import MOST_OWNERS
from odoo_ai_config.domain.channels.routing import Rule, Verdict
from odoo_ai_config.entrypoints.http.platform.notices import Notice
from odoo_ai_config.entrypoints.http.platform.schema import (
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
    The business area of a channel.
    """

    domain: BusinessAreaText
    account_id: TenantIdText


@answer
class MappedFallback(MappedArea):
    """
    A business area that takes messages that no other rule claims.
    """

    sequence: int


@answer
class ChannelNumber:
    """
    A number and the crew that it goes to.
    """

    number: PhoneNumberText
    crew: CrewText


@answer
class MappedNumber(MappedArea, ChannelNumber):
    """
    A number whose messages go to their own crew.
    """


@answer
class ChannelState:
    """
    A Chatwoot channel and all that its mapping says.

    If `account` and `inbox` are null, there is no channel: the entry holds a fallback and special
    numbers of its owner.
    """

    account: Annotated[ChatwootIdText | None, Meta(description="Null is any account.")]
    inbox: Annotated[ChatwootIdText | None, Meta(description="Null is any inbox of the account.")]
    tenant: TenantIdText
    domain: BusinessAreaText
    fallback: bool
    sequence: int
    numbers: list[ChannelNumber]
    active: Annotated[bool, Meta(description="False if it is switched off.")]


@answer
class Mapping:
    """
    The current mapping.
    """

    accounts: Annotated[
        dict[str, MappedArea],
        Meta(
            description="By Chatwoot account: the owner that it is mapped to, or else the one "
            "owner of all of its channels."
        ),
    ]
    inboxes: Annotated[
        dict[str, MappedArea],
        Meta(description="By Chatwoot inbox, if it has the same owner in every account."),
    ]
    fallbacks: Annotated[list[MappedFallback], Meta(description="The lowest sequence first.")]
    special_numbers: list[MappedNumber]
    channels: Annotated[
        list[ChannelState], Meta(description="Every channel, those switched off included.")
    ]


@answer
class WrittenMapping(Mapping):
    """
    The mapping after a write.
    """

    warnings: list[Notice]


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
    The verdict on one rule.
    """

    rule: Rule
    verdict: Verdict
    owners: Annotated[
        list[RouteOwner],
        Meta(description=f"The owners that the rule would choose, at most {MOST_OWNERS}."),
    ]


@answer
class Route:
    """
    Where a message goes. A message that no rule claims is not an error.
    """

    resolved: Annotated[bool, Meta(description="False if no rule claims the message.")]
    tenant_id: TenantIdText | None
    domain: BusinessAreaText | None
    crew: CrewText | None
    matched_by: Rule
    considered: Annotated[list[Considered], Meta(description="With `explain=1`.")] | UnsetType = (
        UNSET
    )
