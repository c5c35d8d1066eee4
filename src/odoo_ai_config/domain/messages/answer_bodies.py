"""
Answers as crews write them, in the present form and in older ones.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, TypeVar

from attrs import frozen

from odoo_ai_config.domain.conversations.state import MOST_LABELS, Status
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.messages.answers import (
    MOST_MESSAGES,
    NO_REPLY,
    Answer,
    HandOver,
    NoReply,
    Priority,
)
from odoo_ai_config.domain.messages.outgoing import (
    MOST_FILES,
    MOST_ITEMS,
    OutgoingFile,
    OutgoingMessage,
    Template,
    require_known,
    require_words,
)

_Kind = TypeVar("_Kind", bound=enum.Enum)

# Older crews send these members beside the answer; they do not change it.
_IGNORED: Final = frozenset({"error", "routing"})
_ACTIONS: Final = frozenset(
    {
        "handover",
        "resolve",
        "snooze_until",
        "custom_attributes",
        "labels_added",
        "labels_removed",
    }
)
_OF_MESSAGE: Final = frozenset(
    {"private", "attachments", "choices", "content_type", "items", "template"}
)
# The members of a message in Chatwoot's own API, which older crews write.
_OF_CHATWOOT: Final = frozenset({"content", "message_type", "content_attributes"})
_OF_HANDOVER: Final = frozenset(
    {
        "status",
        "assignee",
        "team",
        "labels_added",
        "labels_removed",
        "priority",
        "note",
        "text",
    }
)
# A body without any of these is no answer.
_SAYS: Final = _ACTIONS | {
    "text",
    "content",
    "messages",
    "attachments",
    "choices",
    "items",
    "template",
}
_END_OF_NAME: Final = re.compile(r"[.\[]")
_ITEMS: Final = re.compile(r"\Aitems")


def answer_in(body: Json) -> Answer | NoReply:
    """
    Read a crew's body: ``{"answer": {"messages": [...], "handover": ..., ...}}``.

    In place of ``messages`` the answer may have the members of a single one, or be its text.
    ``{"content": ...}`` and ``{"response": {"content": ...}}``, which older crews return, work
    too. What is to be done may stand in the answer or beside it. No body, ``{}`` and a blank text
    mean no answer.

    Raises:
        InvalidValueError: The body has another form, asks for more than the hub can do, or a
            store cannot keep it. The hub never does a part of an answer.
    """
    if not isinstance(body, dict | None):
        raise InvalidValueError("answer", "answer")
    if not body:
        return NO_REPLY
    top = _Members(body)
    match body:
        case {"answer": dict(answer)}:
            top.require_known(_IGNORED | _ACTIONS | {"answer"})
            within = _Members(answer, "answer.")
            within.require_known(_OF_MESSAGE | _ACTIONS | {"text", "messages"})
        case {"answer": None | str() as text}:
            top.require_known(_IGNORED | _ACTIONS | {"answer"})
            within = _Members({"text": text}, "answer.")
        case {"content": _}:
            top.require_known(_IGNORED | _ACTIONS | _OF_MESSAGE | _OF_CHATWOOT)
            within = top
        case {"response": dict(response)}:
            top.require_known(_IGNORED | _ACTIONS | {"response"})
            within = _Members(response, "response.")
            within.require_known(_ACTIONS | _OF_MESSAGE | _OF_CHATWOOT)
        case {"response": None}:
            top.require_known(_IGNORED | _ACTIONS | {"response"})
            within = _Members({"content": None}, "response.")
        case _ if body.keys() & _ACTIONS:
            top.require_known(_IGNORED | _ACTIONS)
            within = top
        case _:
            raise InvalidValueError("answer", "answer")
    return _answer(within, top)


@frozen(repr=False)
class _Members:
    """
    An object of a crew's body, and the path to its members. A null member counts as absent.
    """

    of: JsonObject
    path: str = ""

    def require_known(self, known: frozenset[str]) -> None:
        require_known(self.of, known, within=self.path)

    def value(self, name: str) -> Json:
        return self.of.get(name)

    def text(self, name: str) -> str | None:
        value = self.of.get(name)
        if not isinstance(value, str | None):
            raise InvalidValueError(self.path + name, "text")
        return value

    def needed(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise InvalidValueError(self.path + name, "required")
        return value

    def words(self, name: str) -> str | None:
        """
        The text, if it is not blank.
        """
        value = self.text(name)
        if value is None or not value.strip():
            return None
        require_words(value, self.path + name)
        return value

    def flag(self, name: str) -> bool:
        value = self.of.get(name)
        if not isinstance(value, bool | None):
            raise InvalidValueError(self.path + name, "boolean")
        return value is True

    def id(self, name: str) -> ChatwootId | None:
        value = self.of.get(name)
        if value is None:
            return None
        # Tasks tell Chatwoot's numbers as texts.
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InvalidValueError(self.path + name, "positive")
        try:
            return ChatwootId(str(value))
        except (InvalidValueError, ValueError):
            raise InvalidValueError(self.path + name, "positive") from None

    def members(self, name: str) -> JsonObject:
        value = self.of.get(name)
        if not isinstance(value, dict | None):
            raise InvalidValueError(self.path + name, "object")
        return value or {}

    def array(self, name: str, most: int) -> list[Json]:
        value = self.of.get(name)
        if not isinstance(value, list | None):
            raise InvalidValueError(self.path + name, "list")
        if value is not None and len(value) > most:
            raise InvalidValueError(self.path + name, f"at_most_{most}")
        return value or []

    def objects(self, name: str, most: int) -> Iterator[_Members]:
        for number, item in enumerate(self.array(name, most)):
            where = f"{self.path}{name}[{number}]"
            if not isinstance(item, dict):
                raise InvalidValueError(where, "object")
            yield _Members(item, f"{where}.")

    def labels(self, name: str) -> Iterator[str]:
        for number, item in enumerate(self.array(name, MOST_LABELS)):
            if not isinstance(item, str):
                raise InvalidValueError(f"{self.path}{name}[{number}]", "text")
            yield item

    def choice(self, name: str, kind: type[_Kind]) -> _Kind | None:
        value = self.of.get(name)
        for one in kind:
            if one.value == value:
                return one
        if value is not None:
            raise InvalidValueError(self.path + name, "unknown_value")
        return None

    def moment(self, name: str) -> datetime | None:
        text = self.text(name)
        try:
            return None if text is None else datetime.fromisoformat(text)
        except ValueError:
            raise InvalidValueError(self.path + name, "moment") from None

    @contextmanager
    def placed(self, *, items: str = "items") -> Iterator[None]:
        """
        The fields of refusals within are members of this object.

        Args:
            items: How this object calls the items of a message.
        """
        try:
            yield
        except InvalidValueError as fault:
            path = self.path + _ITEMS.sub(items, fault.field)
            raise InvalidValueError(path, fault.rule) from None


def _answer(within: _Members, top: _Members) -> Answer | NoReply:
    if not (within.of.keys() | top.of.keys()) & _SAYS:
        raise InvalidValueError("answer", "answer")
    at = {name: _holder_of(name, within, top) for name in sorted(_ACTIONS)}
    messages = [*_messages(within)]
    handover = None
    added = [*at["labels_added"].labels("labels_added")]
    removed = [*at["labels_removed"].labels("labels_removed")]
    to_people = _to_people(at["handover"])
    if to_people is not None:
        handover = _handover(to_people)
        added += to_people.labels("labels_added")
        removed += to_people.labels("labels_removed")
        messages += map(OutgoingMessage, filter(None, [to_people.words("text")]))
    resolve, until = at["resolve"].flag("resolve"), at["snooze_until"].moment("snooze_until")
    attributes = at["custom_attributes"].members("custom_attributes")
    labels = (tuple(dict.fromkeys(added)), tuple(dict.fromkeys(removed)))
    try:
        return Answer(tuple(messages), handover, resolve, until, attributes, *labels)
    except InvalidValueError as fault:
        if fault.rule == "answer":
            return NO_REPLY
        holder = at.get(_END_OF_NAME.split(fault.field)[0], within)
        raise InvalidValueError(holder.path + fault.field, fault.rule) from None


def _holder_of(name: str, within: _Members, top: _Members) -> _Members:
    if within is top or top.value(name) is None:
        return within
    if within.value(name) is not None:
        raise InvalidValueError(name, "contradiction")
    return top


def _to_people(holder: _Members) -> _Members | None:
    value = holder.value("handover")
    if value is None or value is False:
        return None
    if not isinstance(value, dict) and value is not True:
        raise InvalidValueError(f"{holder.path}handover", "object")
    details = _Members({} if value is True else value, f"{holder.path}handover.")
    details.require_known(_OF_HANDOVER)
    return details


def _handover(details: _Members) -> HandOver:
    status, priority = details.choice("status", Status), details.choice("priority", Priority)
    assignee, team, note = details.id("assignee"), details.id("team"), details.words("note")
    with details.placed():
        return HandOver(status or Status.OPEN, assignee, team, priority, note)


def _messages(within: _Members) -> Iterator[OutgoingMessage]:
    if within.value("messages") is None:
        several = [within]
    else:
        for name in sorted(_OF_MESSAGE | {"text"}):
            if within.value(name):
                raise InvalidValueError(within.path + name, "contradiction")
        several = [*within.objects("messages", MOST_MESSAGES)]
    for one in several:
        if one is not within:
            one.require_known(_OF_MESSAGE | {"text"})
            if not one.of.keys() & _SAYS:
                raise InvalidValueError(f"{one.path}text", "required")
        message = _message(one)
        if message is not None:
            yield message


def _message(of: _Members) -> OutgoingMessage | None:
    text = of.words("content" if "content" in of.of else "text")
    private, content_type = of.flag("private"), of.text("content_type") or "text"
    if of.value("message_type") not in (None, "outgoing"):
        raise InvalidValueError(f"{of.path}message_type", "unknown_value")
    attributes = _Members(of.members("content_attributes"), f"{of.path}content_attributes.")
    attributes.require_known(frozenset({"items"}))
    holders = (of, attributes)
    items = tuple(one.of for holder in holders for one in holder.objects("items", MOST_ITEMS))
    choices = tuple(_choices(of))
    if choices:
        if items or content_type not in {"text", "input_select"}:
            raise InvalidValueError(f"{of.path}choices", "contradiction")
        content_type, items = "input_select", choices
    files, template = tuple(_files(of)), _template(of)
    if content_type == "text" and not (text or items or files or template):
        return None
    with of.placed(items="choices" if choices else "items"):
        return OutgoingMessage(text, private, content_type, items, files, template)


def _choices(of: _Members) -> Iterator[JsonObject]:
    for one in of.objects("choices", MOST_ITEMS):
        one.require_known(frozenset({"title", "value"}))
        title = one.needed("title")
        yield {"title": title, "value": one.words("value") or title}


def _files(of: _Members) -> Iterator[OutgoingFile]:
    for one in of.objects("attachments", MOST_FILES):
        one.require_known(frozenset({"url", "name"}))
        url, name = one.needed("url"), one.words("name")
        with one.placed():
            file = OutgoingFile(url, name)
        yield file


def _template(of: _Members) -> Template | None:
    if of.value("template") is None:
        return None
    one = _Members(of.members("template"), f"{of.path}template.")
    one.require_known(frozenset({"name", "language", "category", "parameters"}))
    name, language, category = one.needed("name"), one.needed("language"), one.words("category")
    parameters = one.members("parameters")
    with one.placed():
        return Template(name, language, category, parameters)


def body_of(answer: Answer) -> JsonObject:
    """
    The ``answer`` of a crew's body from which `answer_in` reads *answer*.
    """
    handover = answer.handover
    to_people: JsonObject | None = None
    if handover is not None:
        to_people = _said_parts(
            status=handover.status.value,
            assignee=None if handover.assignee is None else int(handover.assignee.value),
            team=None if handover.team is None else int(handover.team.value),
            priority=None if handover.priority is None else handover.priority.value,
            note=handover.note,
        )
    snoozed = answer.snooze_until
    return _said_parts(
        messages=[_message_body(message) for message in answer.messages],
        resolve=answer.resolve,
        snooze_until=None if snoozed is None else snoozed.isoformat(),
        custom_attributes={**answer.custom_attributes},
        labels_added=[*answer.labels_added],
        labels_removed=[*answer.labels_removed],
        handover=to_people,
    )


def _message_body(message: OutgoingMessage) -> JsonObject:
    template = message.template
    return _said_parts(
        text=message.text,
        private=message.private,
        content_type=message.content_type if message.content_type != "text" else None,
        items=[*message.items],
        attachments=[_said_parts(url=file.url, name=file.name) for file in message.attachments],
        template=None
        if template is None
        else _said_parts(
            name=template.name,
            language=template.language,
            category=template.category,
            parameters=template.parameters,
        ),
    )


def _said_parts(**parts: Json) -> JsonObject:
    return {name: value for name, value in parts.items() if value}
