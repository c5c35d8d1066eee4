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
from odoo_ai_config.domain.errors import CrewNotFoundError, InvalidValueError
from odoo_ai_config.domain.identifiers import CredentialRef, TenantArea, web_address
from odoo_ai_config.domain.json_types import (
    Json,
    JsonObject,
    ReadOnlyJsonObject,
    is_storable,
    unknown_names,
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
    """

    name: str
    owner: TenantArea
    kind: CrewKind
    url: str | None = field(default=None, repr=False)
    secret: CredentialRef | None = None
    timeout: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(minutes=15)


@frozen
class Contact:
    """
    The customer who wrote, as far as Chatwoot says.
    """

    id: str | None = None
    name: str | None = None
    number: str | None = None
    identifier: str | None = None


@frozen
class Attachment:
    """
    A file of a message, which Chatwoot stores.
    """

    kind: str
    url: str = field(repr=False)


@frozen
class CustomerMessage:
    """
    What a customer wrote.

    Args:
        channel: Chatwoot's name for the kind of channel, for instance ``Channel::Whatsapp``.
        sent_at: By Chatwoot's clock.
    """

    text: str | None = field(repr=False)
    contact: Contact = field(repr=False)
    channel: str | None = None
    inbox_name: str | None = None
    attachments: tuple[Attachment, ...] = ()
    sent_at: datetime | None = None


@frozen
class CrewTask:
    """
    A received message, unsealed for a crew. Its id identifies repeated requests.
    """

    received: InboxMessage
    message: CustomerMessage


@frozen
class Answer:
    """
    A crew's answer to a message.

    Args:
        private: It is a note for the people in Chatwoot, which the customer does not see.

    Raises:
        InvalidValueError: The text is blank, or a store cannot keep it.
    """

    text: str = field(repr=False)
    private: bool = False

    @text.validator
    def _check(self, _attribute: object, value: str) -> None:
        if not is_storable(value):
            raise InvalidValueError("text", "text")
        if not value.strip():
            raise InvalidValueError("text", "required")


class Deferred(enum.Enum):
    """
    The crew took the message and answers later.
    """

    DEFERRED = "later"


class NoReply(enum.Enum):
    """
    The crew took the message and does not answer it.
    """

    NO_REPLY = "silence"


DEFERRED: Final = Deferred.DEFERRED
NO_REPLY: Final = NoReply.NO_REPLY


# Older crews send these members beside the answer; they do not change it.
_IGNORED_MEMBERS: Final = frozenset({"error", "routing"})
# The members of a message in Chatwoot's own API that the hub supports.
_CHATWOOT_MEMBERS: Final = frozenset({"content", "private", "message_type", "content_type"})
_POSTED_AS: Final = {"message_type": "outgoing", "content_type": "text"}


def said(text: str | None, *, private: bool = False) -> Answer | NoReply:
    """
    Read a crew's *text*: a blank one is no answer.
    """
    return NO_REPLY if text is None or not text.strip() else Answer(text, private)


def answer_in(body: Json) -> Answer | NoReply:
    """
    Read a crew's body: ``{"answer": {"text": ..., "private": ...}}``.

    ``{"content": ...}`` and ``{"response": {"content": ...}}``, which older crews return, work
    too. No body, ``{}`` and a blank text mean no answer.

    Raises:
        InvalidValueError: The body has another form, asks for more than the hub can do, or a
            store cannot keep its text. The hub never does a part of an answer.
    """
    if not isinstance(body, dict | None):
        raise InvalidValueError("answer", "answer")
    if not body:
        return NO_REPLY
    match body:
        case {"answer": dict(answer)}:
            _require_known(body, _IGNORED_MEMBERS | {"answer"})
            _require_known(answer, frozenset({"text", "private"}), within="answer.")
            return _said(answer, "text", within="answer.")
        case {"answer": None | str() as text}:
            _require_known(body, _IGNORED_MEMBERS | {"answer"})
            return said(text)
        case {"content": _}:
            _require_known(body, _IGNORED_MEMBERS | _CHATWOOT_MEMBERS)
            return _said(body, "content")
        case {"response": dict(response)}:
            _require_known(body, _IGNORED_MEMBERS | {"response"})
            _require_known(response, _CHATWOOT_MEMBERS, within="response.")
            return _said(response, "content", within="response.")
        case {"response": None}:
            _require_known(body, _IGNORED_MEMBERS | {"response"})
            return NO_REPLY
        case _:
            raise InvalidValueError("answer", "answer")


def _require_known(of: JsonObject, known: frozenset[str], *, within: str = "") -> None:
    for name in unknown_names(of, known):
        raise InvalidValueError(f"{within}{name}", "unknown_member")


def _said(of: JsonObject, words: str, *, within: str = "") -> Answer | NoReply:
    text, private = of.get(words), of.get("private")
    if not isinstance(private, bool | None):
        raise InvalidValueError(f"{within}private", "boolean")
    for member, only in _POSTED_AS.items():
        if of.get(member) not in (None, only):
            raise InvalidValueError(f"{within}{member}", "unknown_value")
    if words not in of or not isinstance(text, str | None):
        raise InvalidValueError("answer", "answer")
    return said(text, private=private is True)


_SECTIONS: Final = frozenset({"default_crew", "crews"})
_FIELDS: Final[Mapping[CrewKind, frozenset[str]]] = {
    CrewKind.HTTP: frozenset(
        {"type", "url", "secret_ref", "timeout_seconds", "answer_within_seconds"}
    ),
    CrewKind.IN_PROCESS: frozenset({"type", "timeout_seconds", "answer_within_seconds"}),
    CrewKind.ECHO: frozenset({"type"}),
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
    )


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
