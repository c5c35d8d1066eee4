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
from datetime import datetime
from functools import lru_cache
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.messages.conversation_states import (
    command_in,
    is_by_rules,
    is_usual,
    mark_in,
    object_in,
    state_in,
    traits_of,
)
from odoo_ai_config.domain.channels.phone import (
    LID,
    WHATSAPP_USERS,
    business_scoped_id,
    digits_of,
    hidden_id,
)
from odoo_ai_config.domain.conversations.state import NOTE, Pause, Seen, Wrote
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.crews import (
    Assignee,
    Attachment,
    Contact,
    ContactCard,
    ConversationAtMessage,
    CustomerMessage,
    Location,
    Reply,
    Team,
    Utterance,
)
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.event_times import time_in
from odoo_ai_config.domain.identifiers import NO_ID, ChatwootId
from odoo_ai_config.domain.json_types import INTEGERS, Json, JsonObject, storable
from odoo_ai_config.domain.messages.inbox import Origin
from odoo_ai_config.domain.messages.persons import Person, persons_named
from odoo_ai_config.domain.messages.receiving import (
    MESSAGE_CREATED,
    MESSAGE_UPDATED,
    TO_ANSWER,
    Act,
    Author,
    ChatwootEvent,
    Direction,
)

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
# Templates are outgoing too, and nobody wrote them.
_BY_SOMEBODY: Final = frozenset({"outgoing", "1"})
_SUBMITTED: Final = ("submitted_values", "submitted_email")
_EDITION_SIZE: Final = 16
_PUBLIC: Final = frozenset({"", "0", "false", "none", "null"})
# On other channels a source id is no phone number, though a Telegram user id looks like one.
_CHANNELS_OF_NUMBERS: Final = frozenset(
    {None, "Channel::Whatsapp", "Channel::TwilioSms", "Channel::Sms"}
)
# Visitors of a website say themselves which number or id they have, and nobody checks it.
_WEBSITE: Final = "Channel::WebWidget"
_CHANNELS_OF_USER_NAMES: Final = ("whatsapp", "instagram", "telegram", "facebook", "tiktok")
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
    return _message_in(_Parts.of(body))


def _message_in(parts: _Parts) -> CustomerMessage:
    message, attributes = parts.message, object_in(parts.message, "content_attributes")
    submitted, email = _submitted(attributes), _text(attributes.get("submitted_email"))
    text, quoted, reply = _text(message.get("content")), None, _reply(attributes)
    sent_at = time_in(message.get("created_at"))
    if (submitted or email) and parts.direction is Direction.OUTGOING:
        # The event is about the question, to which Chatwoot adds the customer's choice.
        quoted, reply, sent_at = text, Reply(_id(message.get("id"))), None
        text = _choice(submitted, email)
    previous = _text(attributes.get("previous_content"))
    return CustomerMessage(
        text=text,
        contact=_contact(parts),
        channel=parts.channel,
        inbox_name=_text(parts.inbox.get("name")),
        attachments=tuple(_attachments(message)),
        sent_at=sent_at,
        content_type=_text(message.get("content_type")),
        in_reply_to=reply,
        quoted=quoted,
        reaction=attributes.get("is_reaction") is True,
        unsupported=attributes.get("is_unsupported") is True,
        edited=attributes.get("is_edited") is True or previous is not None,
        previous_text=previous,
        submitted_values=submitted,
        submitted_email=email,
        conversation=_conversation(parts.conversation),
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
    direction = parts.direction
    act = Act.WRITTEN if name == MESSAGE_CREATED else _act(name, message, direction)
    origin = Origin(
        name,
        account=_first_id(_accounts(body, conversation)),
        inbox=_first_id(_inboxes(body, conversation, parts.inbox)),
        conversation=_first_id((conversation.get("id"), body.get("conversation_id"))),
        message=_id(message.get("id")) if name.startswith("message_") else None,
        edition=None if act is Act.WRITTEN else _edition(act, message),
        delivery=delivery,
        request_id=request_id,
    )
    private = any(_word(level.get("private")) not in _PUBLIC for level in parts.levels)
    author = parts.author
    traits = traits_of(message, conversation, parts.senders)
    from_customer = act is Act.WRITTEN and direction is Direction.INCOMING and not private
    usual = from_customer and not traits and is_usual(conversation)
    return ChatwootEvent(
        origin,
        direction=direction,
        private=private,
        author=author,
        sender=parts.sender,
        act=act,
        traits=traits,
        seen=None if usual else _seen(parts, private=private),
        persons=_persons(parts, origin.account),
    )


def _act(name: str, message: JsonObject, direction: Direction) -> Act | None:
    if name != MESSAGE_UPDATED:
        return None
    attributes = object_in(message, "content_attributes")
    incoming, outgoing = direction is Direction.INCOMING, direction is Direction.OUTGOING
    failed = message.get("status") == "failed" or bool(attributes.get("external_error"))
    acts = (
        (Act.DELETED, attributes.get("deleted") is True),
        # Surveys and requests for an address are Chatwoot's own.
        (Act.CHOSEN, _is_by_somebody(message) and any(map(attributes.get, _SUBMITTED))),
        (Act.EDITED, incoming and attributes.get("is_edited") is True),
        (Act.TRANSCRIBED, incoming and _is_transcribed(message)),
        (Act.FAILED, outgoing and failed),
    )
    return next((act for act, applies in acts if applies), None)


def _edition(act: Act | None, message: JsonObject) -> str | None:
    # Chatwoot says again and again that a message was updated, without a number of the update.
    if act is Act.EDITED:
        return digest_of(_text(message.get("content")) or "").hex()[:_EDITION_SIZE]
    return None if act is None else act.value


def _seen(parts: _Parts, *, private: bool) -> Seen:
    message, author = parts.message, parts.author
    state = state_in(parts.conversation)
    if parts.name != MESSAGE_CREATED:
        # A customer may send any attribute with an edit.
        edited = _act(parts.name, message, parts.direction) is Act.EDITED
        return evolve(state, wrote=_writer(parts), mark=None if edited else mark_in(message))
    at = time_in(message.get("created_at"))
    if not private:
        wrote = _writer(parts)
        # A customer may send any attribute by an inbox of type API.
        mark = None if wrote is Wrote.CUSTOMER else mark_in(message)
        return evolve(state, wrote=wrote, wrote_at=at, mark=mark)
    command = command_in(message) if author is Author.USER else None
    if command is None:
        return evolve(state, mark=mark_in(message))
    pause = Pause(NOTE) if command else None
    return evolve(state, wrote_at=at, pause=pause, resumes=not command)


def _writer(parts: _Parts) -> Wrote | None:
    message, direction, author = parts.message, parts.direction, parts.author
    if parts.name != MESSAGE_CREATED:
        return Wrote.CUSTOMER if _act(parts.name, message, direction) in TO_ANSWER else None
    if direction is Direction.INCOMING:
        return Wrote.CUSTOMER
    if direction is not Direction.OUTGOING:
        return None
    if mark_in(message) is not None or author is Author.BOT:
        return Wrote.AI
    if not _is_by_somebody(message) or is_by_rules(message):
        return None
    # Without a sender, somebody wrote on the phone.
    return Wrote.PERSON


def _is_by_somebody(message: JsonObject) -> bool:
    return _word(message.get("message_type")) in _BY_SOMEBODY


def seen_in(sealed_text: SecretText) -> tuple[CustomerMessage, Seen]:
    """
    What a customer wrote, and what its stored event says about the conversation.
    """
    parts = _Parts.of(_body_in(sealed_text))
    return _message_in(parts), _seen(parts, private=False)


def utterance_in(sealed_text: SecretText, *, at: datetime) -> Utterance | None:
    """
    Who said what by a stored event, *at* that time if it has none; None without a text.

    It reads no more than that: a history has many of them.
    """
    parts = _Parts.of(_body_in(sealed_text))
    by, message = _writer(parts), parts.message
    text, sent_at = _text(message.get("content")), time_in(message.get("created_at"))
    if by is Wrote.CUSTOMER and parts.direction is Direction.OUTGOING:
        attributes = object_in(message, "content_attributes")
        email = _text(attributes.get("submitted_email"))
        text, sent_at = _choice(_submitted(attributes), email), None
    return Utterance(sent_at or at, by, text) if by is not None and text else None


def persons_in(sealed_text: SecretText, account: ChatwootId | None) -> tuple[Person, ...]:
    """
    The names of the customer in the opened payload of a stored event of *account*.
    """
    return _persons(_Parts.of(_body_in(sealed_text)), account)


def _persons(parts: _Parts, account: ChatwootId | None) -> tuple[Person, ...]:
    senders = parts.senders
    return persons_named(
        parts.hidden if parts.number is None else parts.number.removeprefix("+"),
        account,
        next(filter(None, map(_id_text, senders)), None),
        _first_text([sender.get("identifier") for sender in senders]),
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
    author: Author
    inbox: JsonObject
    senders: list[JsonObject]
    channel: str | None
    number: str | None
    hidden: str | None

    @property
    def direction(self) -> Direction:
        """
        Of the message.
        """
        return _direction(self.message)

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
        conversation = body if name in _OF_CONVERSATION else object_in(body, "conversation")
        # The test scripts of the replaced service put the message into a separate object.
        message = object_in(body, "message") if "message_type" not in body else body
        levels = (body,) if message is body else (body, message)
        inbox = object_in(body, "inbox")
        writers = [_author(level) for level in levels]
        author = writers[0] or writers[-1] or Author.CUSTOMER
        senders = [object_in(level, "sender") for level in levels]
        if author is not Author.CUSTOMER:
            # Who asks the question that a customer answers is no customer.
            senders = [sender for sender, by in zip(senders, writers, strict=True) if by is None]
        senders += object_in(object_in(conversation, "meta"), "sender"), object_in(body, "contact")
        channel = _text(conversation.get("channel")) or _text(inbox.get("channel_type"))
        number = _first_number(_numbers(senders, conversation, channel), senders)
        hidden = None if number else _first_hidden(_ids(senders, conversation, channel))
        return cls(
            name, conversation, message, levels, author, inbox, senders, channel, number, hidden
        )


def _direction(message: JsonObject) -> Direction:
    return _DIRECTIONS.get(_word(message.get("message_type")), Direction.UNKNOWN)


def _accounts(body: JsonObject, conversation: JsonObject) -> Iterator[Json]:
    yield object_in(body, "account").get("id")
    yield object_in(conversation, "account").get("id")
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
    yield object_in(conversation, "contact_inbox").get("inbox_id")


def _contact(parts: _Parts) -> Contact:
    senders = parts.senders
    ids = map(_text, _ids(senders, parts.conversation, parts.channel))
    return Contact(
        id=next(filter(None, map(_id_text, senders)), None),
        name=_first_text([sender.get("name") for sender in senders]),
        number=parts.number,
        identifier=_first_text([sender.get("identifier") for sender in senders]) or parts.hidden,
        bsuid=next(filter(None, map(business_scoped_id, ids)), None),
        user_name=_first_text(map(_user_name, senders)),
    )


def _user_name(sender: JsonObject) -> Json:
    told = object_in(sender, "additional_attributes")
    # Chatwoot keeps it as `social_whatsapp_user_name`, and of old inboxes as `username`.
    names = (f"social_{channel}_user_name" for channel in _CHANNELS_OF_USER_NAMES)
    return _first_text(told.get(name) for name in (*names, "username"))


def _numbers(
    senders: list[JsonObject], conversation: JsonObject, channel: str | None
) -> Iterator[Json]:
    for sender in senders:
        yield sender.get("phone_number")
    if channel in _CHANNELS_OF_NUMBERS:
        yield object_in(conversation, "contact_inbox").get("source_id")
    for sender in senders:
        identifier = sender.get("identifier")
        if isinstance(identifier, str) and identifier.endswith(WHATSAPP_USERS):
            yield identifier


def _first_number(candidates: Iterable[Json], senders: list[JsonObject]) -> str | None:
    for candidate in candidates:
        digits = digits_of(_text(candidate))
        if digits is None:
            continue
        # Evolution writes the digits of a hidden sender's id as if they were a number.
        if f"{digits}{LID}" not in [sender.get("identifier") for sender in senders]:
            return f"+{digits}"
    return None


def _ids(
    senders: list[JsonObject], conversation: JsonObject, channel: str | None
) -> Iterator[Json]:
    if channel in _CHANNELS_OF_NUMBERS:
        yield object_in(conversation, "contact_inbox").get("source_id")
    for sender in senders:
        yield sender.get("identifier")


def _first_hidden(candidates: Iterable[Json]) -> str | None:
    return next(filter(None, (hidden_id(_text(candidate)) for candidate in candidates)), None)


def _author(level: JsonObject) -> Author | None:
    # None for a customer, whose type nobody says.
    by = _AUTHORS.get(_word(object_in(level, "sender").get("type")))
    return by or _AUTHORS.get(_word(level.get("sender_type")))


def _reply(attributes: JsonObject) -> Reply | None:
    reply = Reply(
        _id(attributes.get("in_reply_to")), _text(attributes.get("in_reply_to_external_id"))
    )
    return None if reply == Reply() else reply


def _submitted(attributes: JsonObject) -> tuple[JsonObject, ...]:
    values = attributes.get("submitted_values")
    # The answer to a survey is one object.
    several = values if isinstance(values, list) else [values]
    return tuple(_cleaned(value) for value in several if isinstance(value, dict) and value)


def _choice(submitted: Iterable[JsonObject], email: str | None) -> str | None:
    return email or ", ".join(filter(None, map(_chosen, submitted))) or None


def _chosen(value: JsonObject) -> str | None:
    return _first_text((value.get("title"), value.get("value")))


def _cleaned(value: JsonObject) -> JsonObject:
    return {storable(name): _clean(part) for name, part in value.items()}


def _clean(value: Json) -> Json:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_clean(part) for part in value]
    return _cleaned(value) if isinstance(value, dict) else value


def _conversation(conversation: JsonObject) -> ConversationAtMessage:
    meta = object_in(conversation, "meta")
    assignee, team = object_in(meta, "assignee"), object_in(meta, "team")
    labels, can_reply = conversation.get("labels"), conversation.get("can_reply")
    kind = _AUTHORS.get(_word(assignee.get("type") or meta.get("assignee_type")))
    return ConversationAtMessage(
        status=_text(conversation.get("status")),
        assignee=Assignee(_id_text(assignee), _text(assignee.get("name")), kind is Author.BOT)
        if assignee
        else None,
        team=Team(_id_text(team), _text(team.get("name"))) if team else None,
        labels=tuple(filter(None, map(_text, labels))) if isinstance(labels, list) else (),
        can_reply=can_reply if isinstance(can_reply, bool) else None,
        priority=_text(conversation.get("priority")),
        custom_attributes=_cleaned(object_in(conversation, "custom_attributes")),
    )


def _attachments(message: JsonObject) -> Iterator[Attachment]:
    found = message.get("attachments")
    for said in found if isinstance(found, list) else []:
        if isinstance(said, dict):
            kind, url = _text(said.get("file_type")), _text(said.get("data_url"))
            if kind is not None or url is not None:
                yield _attachment(kind or "file", url, said)


def _attachment(kind: str, url: str | None, said: JsonObject) -> Attachment:
    title = _text(said.get("fallback_title"))
    return Attachment(
        kind,
        url,
        title,
        extension=_text(said.get("extension")),
        size=_count(said.get("file_size")),
        width=_count(said.get("width")),
        height=_count(said.get("height")),
        transcription=_text(said.get("transcribed_text")),
        location=_location(said) if kind == "location" else None,
        contact=_card(title, object_in(said, "meta")) if kind == "contact" else None,
    )


def _location(said: JsonObject) -> Location | None:
    latitude = _degrees(said.get("coordinates_lat"), most=90)
    longitude = _degrees(said.get("coordinates_long"), most=180)
    # Chatwoot writes 0 if it does not know.
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None
    return Location(latitude, longitude)


def _degrees(value: Json, *, most: int) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -most <= value <= most else None


def _card(title: str | None, meta: JsonObject) -> ContactCard:
    # Chatwoot makes an attachment of each number. How it calls the names depends on the channel.
    first = _first_text((meta.get("firstName"), meta.get("first_name"), meta.get("name")))
    last = _first_text((meta.get("lastName"), meta.get("last_name")))
    name = " ".join(filter(None, (first, last))) or None
    if digits_of(title) is None:
        return ContactCard(name or title)
    return ContactCard(name, (title or "",))


def _count(value: Json) -> int | None:
    return value if type(value) is int and value >= 0 and value in INTEGERS else None


def _id_text(holder: JsonObject) -> str | None:
    found = _id(holder.get("id"))
    return None if found is None else found.value


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


def _is_transcribed(message: JsonObject) -> bool:
    found = message.get("attachments")
    attachments = found if isinstance(found, list) else []
    return any(
        isinstance(attachment, dict) and _text(attachment.get("transcribed_text")) is not None
        for attachment in attachments
    )
