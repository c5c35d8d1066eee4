"""
Answers about conversations, and about when the AI is silent.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.conversations.state import Status, Wrote
from odoo_ai_config.entrypoints.http.platform.schema import (
    BusinessAreaText,
    ChatwootIdText,
    CrewText,
    Moment,
    NextPage,
    TenantIdText,
    answer,
)

ConversationText: TypeAlias = Annotated[
    str, Meta(description="Account and conversation.", examples=["1/301"])
]


@answer
class Pause:
    """
    Somebody has made the AI silent.
    """

    by: Annotated[
        str, Meta(description="The id of a key, `cli` or `library`; `note` for a private note.")
    ]
    until: Annotated[Moment | None, Meta(description="Null until somebody ends it.")]


@answer
class SilenceRule:
    """
    The verdict of one rule on a conversation.
    """

    rule: Annotated[Silence, Meta(description="Why the AI is silent, if `silent` is true.")]
    silent: bool
    sees: Annotated[
        str | None,
        Meta(description="What the rule looks at, such as the labels.", examples=["humano"]),
    ]


@answer
class Answering:
    """
    Whether the AI answers in a conversation now.
    """

    answers: bool
    reason: Annotated[Silence | None, Meta(description="The first rule that makes it silent.")]
    why: Annotated[str | None, Meta(description="The reason in words.")]
    rules: Annotated[
        list[SilenceRule],
        Meta(description="What they say of any message; a message may give other reasons."),
    ]


@answer
class Conversation:
    """
    What the hub knows about a conversation.
    """

    account_id: ChatwootIdText
    conversation_id: ChatwootIdText
    tenant_id: Annotated[
        TenantIdText | None, Meta(description="Null if no message of it went to a client.")
    ]
    domain: BusinessAreaText | None
    inbox_id: Annotated[ChatwootIdText | None, Meta(description="Of its last routed message.")]
    crew: Annotated[CrewText | None, Meta(description="Null for the default crew.")]
    status: Annotated[Status | None, Meta(description="Null if no event has said it.")]
    assignee_id: Annotated[str | None, Meta(description="The person who has it, in Chatwoot.")]
    team: str | None
    labels: list[str]
    can_reply: bool
    blocked: Annotated[bool, Meta(description="Whether the contact is blocked.")]
    last_wrote: Annotated[Wrote | None, Meta(description="Who wrote the last public message.")]
    customer_wrote_at: Moment | None
    person_wrote_at: Moment | None
    ai_wrote_at: Moment | None
    handed_over_at: Annotated[Moment | None, Meta(description="When the AI gave it to people.")]
    handed_back_at: Annotated[
        Moment | None, Meta(description="When people gave it back to the AI, or resolved it.")
    ]
    pause: Annotated[Pause | None, Meta(description="Of this conversation only.")]
    updated_at: Moment


@answer
class ConversationState(Conversation):
    """
    A conversation, and whether the AI would answer in it now.
    """

    answering: Annotated[
        Answering | None, Meta(description="Null if no message of it went to a client.")
    ]


@answer
class ConversationPage:
    """
    One page of conversations.
    """

    conversations: list[Conversation]
    next: NextPage


@answer
class PausePlace:
    """
    The pause of a channel, or of a whole client.
    """

    tenant_id: TenantIdText
    account_id: Annotated[ChatwootIdText, Meta(description="Of a channel.")] | UnsetType = UNSET
    inbox_id: Annotated[ChatwootIdText, Meta(description="Of a channel.")] | UnsetType = UNSET
    pause: Pause | None
