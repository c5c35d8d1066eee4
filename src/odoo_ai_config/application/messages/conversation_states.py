"""
Reads what an event of Chatwoot says about its conversation and about the kind of its message.

As in `payloads`, nothing is refused: a field with an unexpected value counts as absent.
"""

from __future__ import annotations

import re
from typing import Final

from odoo_ai_config.domain.conversations.answering import Trait
from odoo_ai_config.domain.conversations.state import (
    LONGEST_LABEL,
    MOST_LABELS,
    UNSAID,
    Seen,
    Status,
    Unsaid,
)
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.event_times import time_in
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import Json, JsonObject, storable

# The hub writes it into every message that it posts.
MARK: Final = "odoo_ai_config_answer_to"
_MARK_FORM: Final = re.compile(r"[!-~]{1,120}", re.ASCII)
# Its body is the conversation. Agent bots hear only the other one.
_OF_STATUS: Final = frozenset({"conversation_status_changed", "conversation_resolved"})
_STATUSES: Final = {status.value: status for status in Status}
# Who has a conversation, if Chatwoot tells it in a form that the hub does not know.
UNKNOWN_PERSON: Final = ChatwootId("unknown")
# In test scripts there is none.
_USUAL: Final = ("pending", "open", None)
# What the ids of WhatsApp's groups, channels and lists end with.
_GROUP_USERS: Final = ("@g.us", "@newsletter", "@broadcast")
# The contact by which Evolution API shows QR codes and takes commands. Its id is no sign: a
# customer of a shop may have it, too.
_COMMAND_CONTACT: Final = ("123456", "+123456")
_TOLD_BY_ATTRIBUTES: Final = (
    ("is_reaction", Trait.REACTION),
    ("is_unsupported", Trait.UNSUPPORTED),
)
_NOTHING: Final[JsonObject] = {}
_NO_TRAITS: Final[frozenset[Trait]] = frozenset()
_BOTS: Final = frozenset({"agentbot", "agent_bot", "captain::assistant", "captain_assistant"})
# Who writes more behind it, or writes it as code, believes that the AI is off.
_OFF: Final = re.compile(r"[^\w/]*/bot[\W_]+off\b", re.IGNORECASE)
# It gives the AI a customer, so nothing else may stand there.
_ON: Final = re.compile(r"[^\w/]*/bot[\W_]+on\W*", re.IGNORECASE)
_LONGEST_COMMAND: Final = 40
# Chatwoot writes these by itself.
_WRITTEN_BY_RULES: Final = ("automation_rule_id", "imported_history")


def object_in(holder: JsonObject, name: str) -> JsonObject:
    """
    The member *name* of *holder*; empty if it is no object.
    """
    value = holder.get(name)
    return value if isinstance(value, dict) else _NOTHING


def state_in(conversation: JsonObject) -> Seen:
    """
    The state of a conversation, as an event or Chatwoot's API shows it.
    """
    meta = object_in(conversation, "meta")
    status = _STATUSES.get(_text(conversation.get("status")), UNSAID)
    return Seen(
        at=time_in(conversation.get("updated_at")) or time_in(conversation.get("timestamp")),
        status=status,
        assignee=_assignee(meta),
        team=_team(meta),
        labels=_labels(conversation.get("labels")),
        can_reply=_boolean(conversation, "can_reply"),
        blocked=_boolean(object_in(meta, "sender"), "blocked"),
        # Chatwoot shows a message with the state of when it sends the event. Who writes and
        # resolves at once, as macros do, writes in a resolved conversation by the event.
        resolves=status is Status.RESOLVED and _text(conversation.get("event")) in _OF_STATUS,
    )


def is_usual(conversation: JsonObject) -> bool:
    """
    Whether nobody needs this state before the delivery, which reads it again.

    An open conversation counts as usual: whether it is for people is not in its state.
    """
    meta = conversation.get("meta")
    return (
        conversation.get("status") in _USUAL
        and not conversation.get("labels")
        and not (isinstance(meta, dict) and meta.get("assignee"))
    )


def mark_in(message: JsonObject) -> str | None:
    """
    The mark of the hub on a message; None if somebody else posted it.
    """
    mark = object_in(message, "content_attributes").get(MARK)
    return mark if isinstance(mark, str) and _MARK_FORM.fullmatch(mark) is not None else None


def is_by_rules(message: JsonObject) -> bool:
    """
    Whether Chatwoot wrote a message by itself: automation, a campaign, an imported history.
    """
    attributes, more = (
        object_in(message, "content_attributes"),
        message.get("additional_attributes"),
    )
    if any(attributes.get(name) for name in _WRITTEN_BY_RULES):
        return True
    return isinstance(more, dict) and bool(more.get("campaign_id"))


def command_in(message: JsonObject) -> bool | None:
    """
    Whether a private note pauses the AI (true) or gives it the conversation (false).
    """
    text = message.get("content")
    if not isinstance(text, str):
        return None
    if _OFF.match(text[:_LONGEST_COMMAND]):
        return True
    return False if len(text) <= _LONGEST_COMMAND and _ON.fullmatch(text) else None


def traits_of(
    message: JsonObject, conversation: JsonObject, senders: list[JsonObject]
) -> frozenset[Trait]:
    """
    What makes the message one that the AI does not answer by default.
    """
    # Most messages have no attributes.
    attributes = object_in(message, "content_attributes")
    told = _TOLD_BY_ATTRIBUTES if attributes else ()
    found = [trait for name, trait in told if attributes.get(name) is True]
    for sender in filter(None, senders):
        if sender.get("blocked") is True:
            found.append(Trait.BLOCKED)
        identifier = sender.get("identifier")
        if identifier and _is_of_group(identifier):
            found.append(Trait.GROUP)
        if sender.get("phone_number") in _COMMAND_CONTACT:
            found.append(Trait.COMMAND)
    if _is_group(conversation):
        found.append(Trait.GROUP)
    if _is_automatic(attributes, conversation):
        found.append(Trait.AUTOMATIC)
    if message.get("content_type") == "voice_call":
        found.append(Trait.CALL)
    return frozenset(found) if found else _NO_TRAITS


def _is_group(conversation: JsonObject) -> bool:
    # Two forks of Chatwoot know groups themselves.
    if conversation.get("group") is True or conversation.get("group_type") == "group":
        return True
    contact = conversation.get("contact_inbox")
    return isinstance(contact, dict) and _is_of_group(contact.get("source_id"))


def _is_of_group(id_: Json) -> bool:
    return isinstance(id_, str) and id_.lower().endswith(_GROUP_USERS)


def _is_automatic(attributes: JsonObject, conversation: JsonObject) -> bool:
    if attributes.get("imported_history"):
        return True
    mail, more = attributes.get("email"), conversation.get("additional_attributes")
    # The conversation keeps what its first mail was.
    for holder in (mail, more):
        if isinstance(holder, dict) and "auto_reply" in holder:
            return holder["auto_reply"] is True
    return False


def _assignee(meta: JsonObject) -> ChatwootId | Unsaid | None:
    if "assignee" not in meta:
        return UNSAID
    said = meta["assignee"]
    if not said:
        return None
    assignee = said if isinstance(said, dict) else {"id": said}
    if not _BOTS.isdisjoint({_text(meta.get("assignee_type")), _text(assignee.get("type"))}):
        return None
    id_ = assignee.get("id")
    try:
        return ChatwootId(str(id_) if isinstance(id_, int | str) else "")
    except InvalidValueError:
        return UNKNOWN_PERSON


def _team(meta: JsonObject) -> str | Unsaid | None:
    if "team" not in meta:
        return UNSAID
    team = meta["team"]
    return _name(team.get("name")) if isinstance(team, dict) else None


def _labels(value: Json) -> tuple[str, ...] | Unsaid:
    if not isinstance(value, list):
        return UNSAID
    return tuple(filter(None, map(_name, value[:MOST_LABELS])))


def _name(value: Json) -> str | None:
    return (storable(value)[:LONGEST_LABEL] or None) if isinstance(value, str) else None


def _boolean(holder: JsonObject, name: str) -> bool | Unsaid:
    value = holder.get(name)
    return value if isinstance(value, bool) else UNSAID


def _text(value: Json) -> str:
    return value.lower() if isinstance(value, str) else ""
