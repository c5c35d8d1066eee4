"""
Answers of crews, and answers about messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.conversations.state import LONGEST_LABEL, MOST_LABELS
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.messages.answers import MOST_ATTRIBUTES, MOST_MESSAGES, Priority
from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.domain.messages.outgoing import (
    CONTENT_TYPES,
    LONGEST_NAME,
    MOST_FILES,
    MOST_ITEMS,
)
from odoo_ai_config.entrypoints.http.platform.schema import (
    BodySchema,
    BusinessAreaText,
    Component,
    Count,
    CrewText,
    MessageIdText,
    Moment,
    NextPage,
    SubscriptionIdText,
    TenantIdText,
    answer,
)

Reason: TypeAlias = Annotated[
    str, Meta(description="A stable code.", pattern="^[a-z_]+$", examples=["no_route"])
]


def _closed(members: Mapping[str, BodySchema], **more: Json) -> BodySchema:
    # An answer with another member is refused.
    return {"type": "object", "properties": {**members}, "additionalProperties": False, **more}


def _list(of: BodySchema, most: int, description: str) -> BodySchema:
    return {
        "type": ["array", "null"],
        "items": of,
        "maxItems": most,
        "description": description,
    }


_TEXT: Final[JsonObject] = {"type": ["string", "null"]}
_FLAG: Final[JsonObject] = {"type": ["boolean", "null"]}
_NULL: Final[JsonObject] = {"type": "null"}
_WORD: Final[JsonObject] = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
_NAME: Final[JsonObject] = {"type": ["string", "null"], "maxLength": LONGEST_NAME}
_ID: Final[JsonObject] = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
        {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"},
        _NULL,
    ],
    "description": "Chatwoot's number.",
}
_LABELS: Final = _list(
    {"type": "string", "minLength": 1, "maxLength": LONGEST_LABEL, "pattern": "^[^,]+$"},
    MOST_LABELS,
    "The other labels stay.",
)
_FILE: Final = Component(
    "CrewFile",
    _closed({"url": {"type": "string", "format": "uri"}, "name": _NAME}, required=["url"]),
)
_CHOICE: Final = Component(
    "CrewChoice",
    _closed({"title": _WORD, "value": _NAME}, required=["title"]),
)
_ITEM: Final[JsonObject] = {
    "type": "object",
    "description": "With the members that Chatwoot takes for the `content_type`.",
}
_TEMPLATE: Final = Component(
    "CrewTemplate",
    _closed(
        {
            "name": _WORD,
            "language": _WORD,
            "category": _NAME,
            "parameters": {
                "type": ["object", "null"],
                "description": "Chatwoot's `processed_params`.",
            },
        },
        required=["name", "language"],
    ),
)
_OF_MESSAGE: Final[Mapping[str, BodySchema]] = {
    "private": {**_FLAG, "description": "A note in Chatwoot, which the customer does not see."},
    "attachments": _list(_FILE, MOST_FILES, "Files that the hub fetches and uploads."),
    "choices": _list(_CHOICE, MOST_ITEMS, "Short for `input_select` with these `items`."),
    "content_type": {"enum": [*CONTENT_TYPES, None], "description": "By default `text`."},
    "items": _list(_ITEM, MOST_ITEMS, "What a message of this `content_type` shows."),
    "template": {
        "anyOf": [_TEMPLATE, _NULL],
        "description": "An approved template, for WhatsApp outside of the 24 hours.",
    },
}
_MESSAGE: Final = Component("CrewMessage", _closed({"text": _TEXT, **_OF_MESSAGE}))
_HANDOVER: Final = Component(
    "CrewHandOver",
    _closed(
        {
            "status": {"enum": ["open", "pending", None], "description": "By default `open`."},
            "assignee": _ID,
            "team": _ID,
            "labels_added": _LABELS,
            "labels_removed": _LABELS,
            "priority": {"enum": [*(priority.value for priority in Priority), None]},
            "note": {**_TEXT, "description": "For the people; the customer does not see it."},
            "text": {**_TEXT, "description": "To the customer, after the messages."},
        }
    ),
)
_ACTIONS: Final[Mapping[str, BodySchema]] = {
    "handover": {
        "anyOf": [_HANDOVER, _FLAG],
        "description": "Hands the conversation over to people.",
    },
    "resolve": {**_FLAG, "description": "Resolves the conversation. Not with `handover`."},
    "snooze_until": {
        **_TEXT,
        "format": "date-time",
        "description": "Snoozes the conversation. Not with `handover` or `resolve`.",
    },
    "custom_attributes": {
        "type": ["object", "null"],
        "maxProperties": MOST_ATTRIBUTES,
        "description": "Attributes of the conversation to set; the others stay.",
    },
    "labels_added": _LABELS,
    "labels_removed": _LABELS,
}
_CHATWOOT_MEMBERS: Final[Mapping[str, BodySchema]] = {
    **_OF_MESSAGE,
    "content": {**_TEXT, "description": "The text, as older crews say it."},
    "message_type": {"enum": ["outgoing", None]},
    "content_attributes": {"anyOf": [_closed({"items": _OF_MESSAGE["items"]}), _NULL]},
}
# The form that `answer_in` of the domain reads.
CREW_ANSWER: Final = Component(
    "CrewAnswer",
    _closed(
        {
            "answer": {
                "anyOf": [
                    _closed(
                        {
                            "messages": _list(
                                _MESSAGE,
                                MOST_MESSAGES,
                                "In place of one.",
                            ),
                            "text": _TEXT,
                            **_OF_MESSAGE,
                            **_ACTIONS,
                        }
                    ),
                    {"type": "string"},
                    _NULL,
                ],
                "description": "Null for no answer. Actions may stand in it or beside it.",
            },
            "response": {
                "anyOf": [_closed({**_CHATWOOT_MEMBERS, **_ACTIONS}), _NULL],
                "description": "The same again.",
            },
            **_CHATWOOT_MEMBERS,
            **_ACTIONS,
            "routing": {"description": "Not looked at."},
            "error": {"description": "Why there is no answer; not looked at beside one."},
        },
        examples=[
            {"answer": {"text": "Das 9h às 18h."}},
            {"answer": {"messages": [{"text": "Vou te passar para a Ana."}], "handover": True}},
        ],
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
    why: Annotated[str | None, Meta(description="The `reason` in words.")]
    part_of: Annotated[
        MessageIdText | None, Meta(description="The message that it was answered together with.")
    ]
    withheld: Annotated[
        Reason | None,
        Meta(description="Why people got the answer as a note, and the customer did not get it."),
    ]
    refused: Annotated[
        list[str], Meta(description="The actions of the answer that Chatwoot refused.")
    ]
    steps: Annotated[int, Meta(description="The steps of the answer that are done.", ge=0)]
    event: Annotated[
        str,
        Meta(
            description="Chatwoot's name; `hub_notice` of what the hub tells people by itself, "
            "`hub_event` of what a subscription is told.",
            examples=["message_created"],
        ),
    ]
    account_id: str | None
    inbox_id: str | None
    conversation_id: str | None
    chatwoot_message_id: str | None
    delivery_id: Annotated[str | None, Meta(description="Chatwoot's own.")]
    subscription_id: Annotated[
        SubscriptionIdText | None, Meta(description="Of an event: the subscription that is told.")
    ]
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
    A file of a message, or what has no file: a place, a contact card.
    """

    kind: str
    url: str | None
    title: str | None
    transcription: Annotated[str | None, Meta(description="What somebody says in an audio.")]


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

    text: Annotated[str | None, Meta(description="Null if there is more than one text.")]
    private: Annotated[
        bool, Meta(description="A private note in Chatwoot, which the customer does not see.")
    ]
    said: Annotated[
        dict[str, Any], Meta(description="The whole answer: the `answer` of `CrewAnswer`.")
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
