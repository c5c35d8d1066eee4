"""
Answers of crews, and answers about messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.entrypoints.http.platform.schema import (
    BusinessAreaText,
    Component,
    Count,
    CrewText,
    MessageIdText,
    Moment,
    NextPage,
    TenantIdText,
    answer,
)

Reason: TypeAlias = Annotated[
    str, Meta(description="A stable code.", pattern="^[a-z_]+$", examples=["no_route"])
]


def _closed(members: Mapping[str, Json], **more: Json) -> JsonObject:
    # An answer with another member is refused.
    return {"type": "object", "properties": {**members}, "additionalProperties": False, **more}


_TEXT: Final[JsonObject] = {"type": ["string", "null"]}
_PRIVATE: Final[JsonObject] = {
    "type": ["boolean", "null"],
    "description": "A note in Chatwoot, which the customer does not see.",
}
_CHATWOOT_MEMBERS: Final[Mapping[str, Json]] = {
    "content": {**_TEXT, "description": "The same, as older crews say it."},
    "private": _PRIVATE,
    "message_type": {"enum": ["outgoing", None]},
    "content_type": {"enum": ["text", None]},
}
# The form that `answer_in` of the domain reads.
CREW_ANSWER: Final = Component(
    "CrewAnswer",
    _closed(
        {
            "answer": {
                "anyOf": [
                    _closed({"text": _TEXT, "private": _PRIVATE}, required=["text"]),
                    {"type": "string"},
                    {"type": "null"},
                ],
                "description": "Null for no answer.",
            },
            "response": {
                "anyOf": [_closed(_CHATWOOT_MEMBERS, required=["content"]), {"type": "null"}],
                "description": "The same again.",
            },
            **_CHATWOOT_MEMBERS,
            "routing": {"description": "Not looked at."},
            "error": {"description": "Why there is no answer; not looked at beside one."},
        },
        examples=[{"answer": {"text": "Das 9h às 18h."}}],
    ),
)


@answer
class MessageReceipt:
    """
    The stage of a message.
    """

    message_id: MessageIdText
    stage: Stage
    reason: Annotated[
        Reason | None, Meta(description="Why it has this stage, or why the last attempt failed.")
    ]


@answer
class Release:
    """
    The versions that a message was routed with.
    """

    config_version: Annotated[int, Meta(description="0 if there was none.", ge=0)]
    mapping_version: Annotated[
        int, Meta(description="The version of the mapping that routed it.", ge=0)
    ]


@answer
class MessageSummary(MessageReceipt):
    """
    A message without its texts.
    """

    tenant_id: Annotated[TenantIdText | None, Meta(description="Null if it belongs to no tenant.")]
    domain: BusinessAreaText | None
    crew: Annotated[CrewText | None, Meta(description="Null for the default crew.")]
    matched_by: Rule | None
    release: Release | None
    event: Annotated[str, Meta(description="Chatwoot's name.", examples=["message_created"])]
    account_id: str | None
    inbox_id: str | None
    conversation_id: str | None
    chatwoot_message_id: str | None
    delivery_id: Annotated[str | None, Meta(description="Chatwoot's own.")]
    request_id: Annotated[
        str | None,
        Meta(description="The id of the webhook's request, also in all later log lines."),
    ]
    attempts: Annotated[int, Meta(description="The number of failed attempts.", ge=0)]
    replays: Annotated[int, Meta(description="The number of replays.", ge=0)]
    received_at: Moment
    updated_at: Moment
    due_at: Annotated[Moment | None, Meta(description="When the hub continues with it.")]
    has_text: Annotated[bool, Meta(description="Whether the customer's text is stored.")]
    has_answer: Annotated[bool, Meta(description="Whether its crew has answered.")]


@answer
class MessageContact:
    """
    The customer who wrote it.
    """

    id: str | None
    name: str | None
    number: str | None
    identifier: str | None


@answer
class MessageAttachment:
    """
    A file of a message.
    """

    kind: str
    url: str


@answer
class MessageContent:
    """
    The customer's text.
    """

    text: str | None
    contact: MessageContact
    channel: Annotated[str | None, Meta(examples=["Channel::Whatsapp"])]
    inbox_name: str | None
    attachments: list[MessageAttachment]
    sent_at: Annotated[Moment | None, Meta(description="By Chatwoot's clock.")]


@answer
class MessageAnswer:
    """
    The crew's answer.
    """

    text: str
    private: Annotated[
        bool, Meta(description="A private note in Chatwoot, which the customer does not see.")
    ]


@answer
class MessageState(MessageSummary):
    """
    A message with its texts.
    """

    content: Annotated[MessageContent | None, Meta(description="With `open=1`.")] | UnsetType = (
        UNSET
    )
    answer: Annotated[MessageAnswer | None, Meta(description="With `open=1`.")] | UnsetType = UNSET


@answer
class MessagePage:
    """
    One page of messages.
    """

    messages: list[MessageSummary]
    next: NextPage


@answer
class ReplayedMessage:
    """
    The result of one replay.
    """

    message_id: MessageIdText
    reason: Annotated[Reason | None, Meta(description="Why it keeps its stage.")]


@answer
class Replays:
    """
    The result of each replay.
    """

    replayed: Count
    left: Annotated[int, Meta(description="The number of messages that keep their stage.", ge=0)]
    messages: list[ReplayedMessage]
    next: Annotated[
        str | None, Meta(description="The `after` of the next request; null if there is none.")
    ]
