"""
Reads what Chatwoot sends: account webhooks, API inboxes, agent bots, and old test scripts.

The webhook reads an event when it comes. The delivery reads it again when it opens the sealed
text, perhaps with a later version of the hub. Nothing is refused here: a field with an unexpected
value counts as absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from attrs import frozen

from odoo_ai_config.domain.channels.phone import WHATSAPP_USER, digits_of, hidden_id
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Attachment, Contact, CustomerMessage
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.event_times import time_in
from odoo_ai_config.domain.identifiers import NO_ID, ChatwootId
from odoo_ai_config.domain.json_types import INTEGERS, Json, JsonObject, storable
from odoo_ai_config.domain.messages.inbox import Origin
from odoo_ai_config.domain.messages.receiving import Author, ChatwootEvent, Direction

_NOTHING: Final[JsonObject] = {}
# Events whose body is the conversation itself.
_OF_CONVERSATION: Final = frozenset(
    {
        "conversation_created",
        "conversation_updated",
        "conversation_status_changed",
        "conversation_opened",
        "conversation_resolved",
    }
)
# The type is a word at the top of a message, and Chatwoot's own number inside.
_DIRECTIONS: Final = {
    "incoming": Direction.INCOMING,
    "0": Direction.INCOMING,
    "outgoing": Direction.OUTGOING,
    "1": Direction.OUTGOING,
    "activity": Direction.OUTGOING,
    "2": Direction.OUTGOING,
    "template": Direction.OUTGOING,
    "3": Direction.OUTGOING,
}
_AUTHORS: Final = {
    "user": Author.USER,
    "agent_bot": Author.BOT,
    "agentbot": Author.BOT,
    "captain_assistant": Author.BOT,
    "captain::assistant": Author.BOT,
}
_PUBLIC: Final = frozenset({"", "0", "false", "none", "null"})
# On other channels a source id is no phone number, though a Telegram user id looks like one.
_CHANNELS_OF_NUMBERS: Final = frozenset(
    {None, "Channel::Whatsapp", "Channel::TwilioSms", "Channel::Sms"}
)
# Visitors of a website say themselves which number or id they have, and nobody checks it.
_WEBSITE: Final = "Channel::WebWidget"
_SHARED_IDS: Final = 4096
_EVENT_NAME: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}", re.ASCII)


def customer_message(sealed_text: SecretText) -> CustomerMessage:
    """
    What a customer wrote, read from the opened payload of a stored event.
    """
    return read_message(_body_in(sealed_text))


def read_message(body: JsonObject) -> CustomerMessage:
    """
    The text, if *body* is an event about a message.
    """
    parts = _Parts.of(body)
    message = parts.message
    return CustomerMessage(
        text=_text(message.get("content")),
        contact=_contact(parts),
        channel=parts.channel,
        inbox_name=_text(parts.inbox.get("name")),
        attachments=tuple(_attachments(message)),
        sent_at=time_in(message.get("created_at")),
    )


def read_event(
    body: JsonObject, *, delivery: str | None = None, request_id: str | None = None
) -> ChatwootEvent:
    """
    What *body* says, without the text, which is not needed before the delivery.

    ``conversation.messages`` is the last public message of the conversation, not the one that the
    event is about. So only the account is taken from there, if no other field has it.
    """
    parts = _Parts.of(body)
    name, conversation, message = parts.name, parts.conversation, parts.message
    origin = Origin(
        name,
        account=_first_id(_accounts(body, conversation)),
        inbox=_first_id(_inboxes(body, conversation, parts.inbox)),
        conversation=_first_id((conversation.get("id"), body.get("conversation_id"))),
        message=_id(message.get("id")) if name.startswith("message_") else None,
        delivery=delivery,
        request_id=request_id,
    )
    return ChatwootEvent(
        origin,
        direction=_DIRECTIONS.get(_word(message.get("message_type")), Direction.UNKNOWN),
        private=any(_word(level.get("private")) not in _PUBLIC for level in parts.levels),
        author=_author(parts.levels),
        sender=parts.sender,
    )


def sender_in(sealed_text: SecretText) -> str | None:
    """
    Who sent the opened payload of a stored event, as routing knows senders.
    """
    return _Parts.of(_body_in(sealed_text)).sender


def _body_in(sealed_text: SecretText) -> JsonObject:
    body = json.loads(sealed_text.reveal())
    return body if isinstance(body, dict) else {}


@frozen(repr=False)
class _Parts:
    """
    The parts of an event.

    Args:
        levels: The event and, if it is a separate object, the message in it.
        hidden: The id of a sender who hides the number.
    """

    name: str
    conversation: JsonObject
    message: JsonObject
    levels: tuple[JsonObject, ...]
    inbox: JsonObject
    senders: list[JsonObject]
    channel: str | None
    number: str | None
    hidden: str | None

    @property
    def sender(self) -> str | None:
        """
        The number, which tells more; without one, the id. None if anybody could have said it.
        """
        return None if self.channel == _WEBSITE else self.number or self.hidden

    @classmethod
    def of(cls, body: JsonObject) -> _Parts:
        name = _word(body.get("event"), lower=False)
        if _EVENT_NAME.fullmatch(name) is None:
            name = ""
        conversation = body if name in _OF_CONVERSATION else _object(body, "conversation")
        # The test scripts of the replaced service put the message into a separate object.
        message = _object(body, "message") if "message_type" not in body else body
        levels = (body,) if message is body else (body, message)
        inbox = _object(body, "inbox")
        senders = [_object(level, "sender") for level in levels]
        senders += _object(_object(conversation, "meta"), "sender"), _object(body, "contact")
        channel = _text(conversation.get("channel")) or _text(inbox.get("channel_type"))
        number = _first_number(_numbers(senders, conversation, channel))
        hidden = None if number else _first_hidden(_ids(senders, conversation, channel))
        return cls(name, conversation, message, levels, inbox, senders, channel, number, hidden)


def _accounts(body: JsonObject, conversation: JsonObject) -> Iterator[Json]:
    yield _object(body, "account").get("id")
    yield _object(conversation, "account").get("id")
    yield body.get("account_id")
    # Conversation events of older versions have it only here.
    messages = conversation.get("messages")
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, dict):
            yield message.get("account_id")


def _inboxes(body: JsonObject, conversation: JsonObject, inbox: JsonObject) -> Iterator[Json]:
    yield inbox.get("id")
    yield body.get("inbox_id")
    yield conversation.get("inbox_id")
    yield _object(conversation, "contact_inbox").get("inbox_id")


def _contact(parts: _Parts) -> Contact:
    senders = parts.senders
    contact_id = _first_id(sender.get("id") for sender in senders)
    return Contact(
        id=None if contact_id is None else contact_id.value,
        name=_first_text([sender.get("name") for sender in senders]),
        number=parts.number,
        identifier=_first_text([sender.get("identifier") for sender in senders]) or parts.hidden,
    )


def _numbers(
    senders: list[JsonObject], conversation: JsonObject, channel: str | None
) -> Iterator[Json]:
    for sender in senders:
        yield sender.get("phone_number")
    if channel in _CHANNELS_OF_NUMBERS:
        yield _object(conversation, "contact_inbox").get("source_id")
    for sender in senders:
        identifier = sender.get("identifier")
        if isinstance(identifier, str) and identifier.endswith(WHATSAPP_USER):
            yield identifier


def _first_number(candidates: Iterable[Json]) -> str | None:
    for candidate in candidates:
        digits = digits_of(_text(candidate))
        if digits is not None:
            return f"+{digits}"
    return None


def _ids(
    senders: list[JsonObject], conversation: JsonObject, channel: str | None
) -> Iterator[Json]:
    if channel in _CHANNELS_OF_NUMBERS:
        yield _object(conversation, "contact_inbox").get("source_id")
    for sender in senders:
        yield sender.get("identifier")


def _first_hidden(candidates: Iterable[Json]) -> str | None:
    return next(filter(None, (hidden_id(_text(candidate)) for candidate in candidates)), None)


def _author(levels: Iterable[JsonObject]) -> Author:
    for level in levels:
        for said in (_object(level, "sender").get("type"), level.get("sender_type")):
            author = _AUTHORS.get(_word(said))
            if author is not None:
                return author
    return Author.CUSTOMER


def _attachments(message: JsonObject) -> Iterator[Attachment]:
    found = message.get("attachments")
    for attachment in found if isinstance(found, list) else []:
        if isinstance(attachment, dict):
            url = _text(attachment.get("data_url"))
            if url is not None:
                yield Attachment(_text(attachment.get("file_type")) or "file", url)


def _first_id(candidates: Iterable[Json]) -> ChatwootId | None:
    for candidate in candidates:
        found = _id(candidate)
        if found is not None:
            return found
    return None


def _first_text(values: Iterable[Json]) -> str | None:
    return next(filter(None, map(_text, values)), None)


def _id(value: Json) -> ChatwootId | None:
    if type(value) is int and value in INTEGERS:
        return _counted(value)
    # The test scripts wrote ids as text.
    text = _word(value, lower=False)
    if text in NO_ID:
        return None
    try:
        return ChatwootId(text)
    except InvalidValueError:
        return None


@lru_cache(maxsize=_SHARED_IDS)
def _counted(number: int) -> ChatwootId | None:
    # Chatwoot counts from 1. The cache helps because the same ids come again and again.
    return ChatwootId(str(number)) if number > 0 else None


def _word(value: Json, *, lower: bool = True) -> str:
    # A short text, or a whole number as text; "?" is no name.
    if value is None or value is False:
        return ""
    if isinstance(value, str):
        return value.strip().lower() if lower else value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else "?"


def _text(value: Json) -> str | None:
    if not isinstance(value, str):
        return None
    # A message must not be lost for an invisible character.
    kept = storable(value)
    return kept if kept.strip() else None


def _object(holder: JsonObject, name: str) -> JsonObject:
    value = holder.get(name)
    return value if isinstance(value, dict) else _NOTHING
