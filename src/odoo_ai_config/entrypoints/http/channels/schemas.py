"""
Answers about the mapping of channels, and about routes.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias, TypedDict

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.application.channels.history import MOST_CHANGES
from odoo_ai_config.domain.channels.history import HISTORY_PLACE, ChannelChangeKind, Unshown
from odoo_ai_config.domain.channels.mapping import CHANNEL_TEXT
from odoo_ai_config.domain.channels.routing import MOST_OWNERS, Rule, Verdict
from odoo_ai_config.entrypoints.http.conversations.schemas import Answering
from odoo_ai_config.entrypoints.http.platform.notices import Notice
from odoo_ai_config.entrypoints.http.platform.schema import (
    AuthorText,
    BusinessAreaText,
    Changed,
    ChatwootIdText,
    CrewText,
    NextPage,
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


MappingChannelText: TypeAlias = Annotated[
    str,
    Meta(
        description="A channel as text: account and inbox, `*` for any; or a holder, which has "
        "only the fallback and the numbers of an owner.",
        pattern=f"^{CHANNEL_TEXT.pattern}$",
        examples=["channel/1/7", "channel/1/*", "holder/123456/default"],
    ),
]
MomentText: TypeAlias = Annotated[
    str,
    Meta(
        description="In ISO 8601 with a time zone; answers have microseconds, in UTC.",
        extra_json_schema={"format": "date-time"},
        examples=["2026-04-23T19:14:20.512345Z"],
    ),
]
HistoryPlaceText: TypeAlias = Annotated[
    str,
    Meta(pattern=f"^{HISTORY_PLACE.pattern}$", examples=["1776971660512345.3.channel/1/7"]),
]


_ABSENT: Final = "Null if the channel did not exist, or if the state is not shown."
_UNSHOWN: Final = "Why the state is not shown: it is another client's, or its version is pruned."


@answer
class ChannelChange:
    """
    A channel before and after.
    """

    channel: MappingChannelText
    kind: Annotated[
        ChannelChangeKind,
        Meta(description="What happened to the channel; the first one that applies."),
    ]
    before: Annotated[ChannelState | None, Meta(description=_ABSENT)]
    before_unshown: Annotated[Unshown, Meta(description=_UNSHOWN)] | UnsetType = UNSET
    after: Annotated[ChannelState | None, Meta(description=_ABSENT)]
    after_unshown: Annotated[Unshown, Meta(description=_UNSHOWN)] | UnsetType = UNSET
    fields: Annotated[
        list[str], Meta(description="The members that differ, if both states are shown.")
    ]


@answer
class MappingHistoryEntry(ChannelChange):
    """
    A change of a channel: who, when, from what to what.
    """

    version: Annotated[int, Meta(description="Counts from 1, for each channel.", ge=1)]
    at: MomentText
    author: AuthorText


@answer
class MappingHistory:
    """
    One page of the history of the mapping.
    """

    entries: list[MappingHistoryEntry]
    next: NextPage


MappingComparison = TypedDict(
    "MappingComparison",
    {
        "from": MomentText,
        "to": Annotated[MomentText | None, Meta(description="Null is now.")],
        "changes": Annotated[list[ChannelChange], Meta(description="By the text of the channel.")],
        "truncated": Annotated[
            bool, Meta(description=f"There are more than {MOST_CHANGES:,} changes.")
        ],
    },
)


@answer
class MappingRollback:
    """
    What a rollback changed, or with `dry_run` would change.
    """

    changed: Changed
    changes: Annotated[list[ChannelChange], Meta(description="By the text of the channel.")]
    truncated: Annotated[bool, Meta(description=f"There are more than {MOST_CHANGES:,} changes.")]


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
    answering: (
        Annotated[
            Answering | None,
            Meta(description="With `explain=1` and `conversation`; null if no rule claims it."),
        ]
        | UnsetType
    ) = UNSET


@answer
class RouteLimits:
    """
    The first line of the route table: how many channels follow, and where its knowledge ends.
    """

    whole: Annotated[
        bool, Meta(description="Whether it has every tenant's channels, or those of the key's.")
    ]
    version: Annotated[int, Meta(description="Of the whole mapping; 0 for a part.", ge=0)]
    channels: Annotated[int, Meta(description="How many lines follow.", ge=0)]
    unserved: Annotated[list[TenantIdText], Meta(description="Tenants that are not active.")]
    left: Annotated[
        list[MappingChannelText], Meta(description="Channels of tenants that have left.")
    ]
    shared: Annotated[
        list[ChatwootIdText],
        Meta(description="Accounts of the key's tenant in which others have channels."),
    ]


@answer
class RoutedChannel(ChannelState):
    """
    A channel that routes messages.
    """

    version: Annotated[int, Meta(description="Counts from 1, for each channel.", ge=1)]
