"""
Crews: the AI services of a tenant that answer its customers.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.channels.mapping import CREW_NAME
from odoo_ai_config.domain.conversations.answering import require_rules
from odoo_ai_config.domain.conversations.state import Wrote
from odoo_ai_config.domain.errors import CrewNotFoundError, InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId, CredentialRef, TenantArea, web_address
from odoo_ai_config.domain.json_types import (
    Json,
    JsonObject,
    ReadOnlyJsonObject,
)
from odoo_ai_config.domain.messages.inbox import InboxMessage

SHORTEST_TIMEOUT: Final = timedelta(seconds=0.1)
LONGEST_TIMEOUT: Final = timedelta(seconds=60)
LONGEST_PATIENCE: Final = timedelta(hours=24)


class CrewKind(enum.Enum):
    """
    How the hub reaches a crew.
    """

    HTTP = "http"
    IN_PROCESS = "in_process"
    ECHO = "echo"


@frozen
class Crew:
    """
    One crew of a tenant, as its ``crews`` document describes it.

    Args:
        url: Where the hub posts messages; set for HTTP crews only. It may contain a token.
        secret: Reference of the signing secret (``whsec_...``) among the tenant's credentials.
        timeout: How long the crew may take to respond.
        patience: How long a deferred answer may take.
        typing: The customer sees that somebody writes while the crew is asked.
    """

    name: str
    owner: TenantArea
    kind: CrewKind
    url: str | None = field(default=None, repr=False)
    secret: CredentialRef | None = None
    timeout: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(minutes=15)
    typing: bool = False


@frozen
class Contact:
    """
    The customer who wrote, as far as Chatwoot says.

    Args:
        bsuid: WhatsApp's id of the customer for this business, whether or not there is a number.
        user_name: The customer's name in the channel, such as a user name of WhatsApp.
    """

    id: str | None = None
    name: str | None = None
    number: str | None = None
    identifier: str | None = None
    bsuid: str | None = None
    user_name: str | None = None


@frozen
class Location:
    """
    A place on the map, in degrees.
    """

    latitude: float
    longitude: float


@frozen
class ContactCard:
    """
    Somebody whose number the customer passes on.
    """

    name: str | None = None
    numbers: tuple[str, ...] = ()


@frozen
class Attachment:
    """
    What a message has beside its text: a file that Chatwoot stores, a place, a contact card.

    Args:
        kind: Chatwoot's ``file_type``, which may be one that the hub does not know.
        url: None for what is no file.
        extension: Of the file's name, without the dot.
        size: In bytes.
        width: In pixels, like the height.
        transcription: What somebody says in an audio, once Chatwoot knows it.
    """

    kind: str
    url: str | None = field(default=None, repr=False)
    title: str | None = field(default=None, repr=False)
    extension: str | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    transcription: str | None = field(default=None, repr=False)
    location: Location | None = field(default=None, repr=False)
    contact: ContactCard | None = field(default=None, repr=False)


@frozen
class Reply:
    """
    The message that a customer quotes or reacts to: Chatwoot's id, and that of the channel.
    """

    id: ChatwootId | None = None
    external_id: str | None = None


@frozen
class Assignee:
    """
    Who has a conversation: a person, or a bot of Chatwoot.
    """

    id: str | None = None
    name: str | None = None
    bot: bool = False


@frozen
class Team:
    """
    The team that has a conversation.
    """

    id: str | None = None
    name: str | None = None


@frozen
class ConversationAtMessage:
    """
    The conversation when the message was written.

    Args:
        status: Chatwoot's word.
        can_reply: Whether the channel takes a text now; if not, WhatsApp takes a template. None
            if it is not known.
    """

    status: str | None = None
    assignee: Assignee | None = None
    team: Team | None = None
    labels: tuple[str, ...] = ()
    can_reply: bool | None = None
    priority: str | None = None
    custom_attributes: JsonObject = field(factory=dict, repr=False, hash=False)


@frozen
class CustomerMessage:
    """
    What a customer wrote, or chose.

    Args:
        text: For a choice, what was chosen.
        channel: Chatwoot's name for the kind of channel, for instance ``Channel::Whatsapp``.
        sent_at: By Chatwoot's clock.
        content_type: Chatwoot's kind of the message, for instance ``voice_call``.
        quoted: The text of the message that this one is a reply to.
        reaction: The text is an emoji at another message.
        unsupported: Chatwoot cannot show what the customer sent.
        previous_text: What an edited message said before.
        submitted_values: What was chosen from a list or filled into a form.
        submitted_email: The address that was asked for.
    """

    text: str | None = field(repr=False)
    contact: Contact = field(repr=False)
    channel: str | None = None
    inbox_name: str | None = None
    attachments: tuple[Attachment, ...] = ()
    sent_at: datetime | None = None
    content_type: str | None = None
    in_reply_to: Reply | None = None
    quoted: str | None = field(default=None, repr=False)
    reaction: bool = False
    unsupported: bool = False
    edited: bool = False
    previous_text: str | None = field(default=None, repr=False)
    submitted_values: tuple[JsonObject, ...] = field(default=(), repr=False, hash=False)
    submitted_email: str | None = field(default=None, repr=False)
    conversation: ConversationAtMessage = ConversationAtMessage()

    @property
    def voice_call(self) -> bool:
        """
        Whether the customer called, so that there is nothing to read.
        """
        return self.content_type == "voice_call"


@frozen
class Utterance:
    """
    What was said in the conversation before, and by whom.
    """

    at: datetime
    by: Wrote
    text: str = field(repr=False)


@frozen
class CrewTask:
    """
    A received message, unsealed for a crew. Its id identifies repeated requests.

    Args:
        message: What the customer wrote; for a burst, all of it.
        parts: The later messages of the burst, each for itself.
        history: What was said before, oldest first.
        newer_waiting: How many messages of the conversation wait behind this one.
    """

    received: InboxMessage
    message: CustomerMessage
    parts: tuple[CustomerMessage, ...] = ()
    history: tuple[Utterance, ...] = ()
    newer_waiting: int = 0


_SECTIONS: Final = frozenset({"default_crew", "crews", "answer_when", "channels"})
_EVERY: Final = frozenset({"type", "answer_when", "typing"})
_TIMED: Final = _EVERY | {"timeout_seconds", "answer_within_seconds"}
_FIELDS: Final[Mapping[CrewKind, frozenset[str]]] = {
    CrewKind.HTTP: _TIMED | {"url", "secret_ref"},
    CrewKind.IN_PROCESS: _TIMED,
    CrewKind.ECHO: _EVERY,
}


def crew_of(body: ReadOnlyJsonObject, owner: TenantArea, name: str | None) -> Crew:
    """
    Find the crew called *name*, or the default one, in the ``crews`` document of *owner*.

    Faults in the descriptions of other crews do not matter.

    Raises:
        CrewNotFoundError: There is no crew of that name, or no default one.
        InvalidValueError: The description of the crew has a fault.
    """
    described = _described(body)
    chosen = _default(body, described) if name is None else name
    if chosen is None or chosen not in described:
        raise CrewNotFoundError
    return _crew(chosen, described[chosen], owner)


def crew_names(body: ReadOnlyJsonObject) -> Collection[str]:
    """
    The names of the crews that a ``crews`` document describes, with or without a fault.
    """
    described = body.get("crews")
    return described.keys() if isinstance(described, Mapping) else ()


def require_crews(body: ReadOnlyJsonObject, owner: TenantArea) -> None:
    """
    Refuse a ``crews`` document of *owner* that has a fault.

    A document without any of the sections passes: older documents have another form, which
    their writers still read.

    Raises:
        InvalidValueError: For the first fault.
    """
    if not body.keys() & _SECTIONS:
        return
    if body.keys() - _SECTIONS:
        raise InvalidValueError("document", "unknown_field")
    described = _described(body)
    _default(body, described)
    for name, description in described.items():
        _crew(name, description, owner)
    require_rules(body)


def _described(body: ReadOnlyJsonObject) -> ReadOnlyJsonObject:
    described = body.get("crews")
    if described is None:
        raise InvalidValueError("crews", "required")
    if not isinstance(described, dict):
        raise InvalidValueError("crews", "object")
    if not all(map(CREW_NAME.fullmatch, described)):
        raise InvalidValueError("crews", "crew")
    return described


def _default(body: ReadOnlyJsonObject, described: ReadOnlyJsonObject) -> str | None:
    name = body.get("default_crew")
    if name is None:
        return None
    if not isinstance(name, str):
        raise InvalidValueError("default_crew", "text")
    if name not in described:
        raise InvalidValueError("default_crew", "unknown_crew")
    return name


def _crew(name: str, description: Json, owner: TenantArea) -> Crew:
    # The name is input, so no refusal repeats it.
    where = "crews.*"
    if not isinstance(description, dict):
        raise InvalidValueError(where, "object")
    kind = _kind(description.get("type"), f"{where}.type")
    if description.keys() - _FIELDS[kind]:
        raise InvalidValueError(where, "unknown_field")
    return Crew(
        name,
        owner,
        kind,
        url=_url(description.get("url"), f"{where}.url") if kind is CrewKind.HTTP else None,
        secret=_secret(description.get("secret_ref"), f"{where}.secret_ref"),
        timeout=_duration(
            description.get("timeout_seconds", 30), LONGEST_TIMEOUT, f"{where}.timeout_seconds"
        ),
        patience=_duration(
            description.get("answer_within_seconds", 15 * 60),
            LONGEST_PATIENCE,
            f"{where}.answer_within_seconds",
        ),
        typing=_boolean(description.get("typing", False), f"{where}.typing"),
    )


def _boolean(value: Json, where: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidValueError(where, "boolean")
    return value


def _kind(value: Json, where: str) -> CrewKind:
    if value is None:
        raise InvalidValueError(where, "required")
    for kind in CrewKind:
        if kind.value == value:
            return kind
    raise InvalidValueError(where, "crew_type")


def _url(value: Json, where: str) -> str:
    if value is None:
        raise InvalidValueError(where, "required")
    if not isinstance(value, str):
        raise InvalidValueError(where, "url")
    return web_address(value, where)


def _secret(value: Json, where: str) -> CredentialRef | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidValueError(where, "text")
    try:
        return CredentialRef(value)
    except InvalidValueError:
        raise InvalidValueError(where, "credential_ref") from None


def _duration(value: Json, longest: timedelta, where: str) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValueError(where, "number")
    # As a number, for a timedelta cannot hold every value.
    if not SHORTEST_TIMEOUT.total_seconds() <= value <= longest.total_seconds():
        raise InvalidValueError(where, "seconds")
    return timedelta(seconds=value)
