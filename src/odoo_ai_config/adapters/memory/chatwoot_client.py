"""
A Chatwoot that remembers what was posted and done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from attrs import define, field, frozen

from odoo_ai_config.application.errors import ApplicationError, ChatwootRefusedError
from odoo_ai_config.application.ports.chatwoot_client import (
    AccountAccess,
    ChatwootClient,
    ConversationAccess,
    ListedConversation,
    ListedMessage,
)
from odoo_ai_config.domain.conversations.labels import labels_after
from odoo_ai_config.domain.conversations.state import Seen, Status
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.event_times import time_in
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import JsonObject, ReadOnlyJsonObject
from odoo_ai_config.domain.messages.answers import Priority
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@frozen
class Posted:
    """
    A message of the hub in a conversation, and its mark.
    """

    account: ChatwootId
    conversation: ChatwootId
    message: OutgoingMessage
    mark: str


@define
class Talk:
    """
    What a conversation is like.
    """

    status: Status = Status.PENDING
    snoozed_until: datetime | None = None
    assignee: ChatwootId | None = None
    team: ChatwootId | None = None
    labels: tuple[str, ...] = ()
    custom_attributes: JsonObject = field(factory=dict)
    priority: Priority | None = None
    can_reply: bool = True
    typing: bool = False


@define
class MemoryChatwootClient(ChatwootClient):
    """
    Every conversation exists except the *missing* ones; a caller with the *token* may use them.

    Args:
        agents: The people whom conversations may be assigned to.
        teams: Names of the teams.
        readable: Whether the token may read.
        failures: What the next calls raise, one each.
        posted: What was posted, in that order.
        talks: The conversations that were touched, by account and id.
        told: The events of messages that Chatwoot has, by account and conversation.
        page: How many conversations or messages are on a page.
    """

    token: SecretText = field(factory=lambda: SecretText("chatwoot-token"))
    missing: set[ChatwootId] = field(factory=set)
    agents: set[ChatwootId] = field(factory=set)
    teams: dict[ChatwootId, str] = field(factory=dict)
    readable: bool = True
    failures: deque[ApplicationError] = field(factory=deque)
    posted: list[Posted] = field(factory=list)
    talks: dict[tuple[ChatwootId, ChatwootId], Talk] = field(factory=dict)
    told: dict[tuple[ChatwootId, ChatwootId], list[JsonObject]] = field(factory=dict)
    page: int = 20

    async def post(
        self,
        conversation: ConversationAccess,
        message: OutgoingMessage,
        *,
        mark: str,
        at_hand: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        if at_hand is not None:
            await at_hand()
        self._let_in(conversation)
        self.posted.append(Posted(conversation.account, conversation.id, message, mark))

    async def has_mark(
        self, conversation: ConversationAccess, mark: str, *, private: bool
    ) -> bool:
        self._let_in(conversation)
        place = (conversation.account, conversation.id, mark)
        return self.readable and any(
            (one.account, one.conversation, one.mark) == place
            for one in self.posted
            if private or not one.message.private
        )

    async def live(self, conversation: ConversationAccess) -> Seen | None:
        talk = self._let_in(conversation)
        if not self.readable:
            return None
        return Seen(
            status=talk.status,
            assignee=talk.assignee,
            team=None if talk.team is None else self.teams[talk.team],
            labels=talk.labels,
            can_reply=talk.can_reply,
            blocked=False,
        )

    async def conversations(
        self, account: AccountAccess, *, page: int
    ) -> Sequence[ListedConversation] | None:
        self._require_token(account)
        if not self.readable:
            return None
        found = [
            ListedConversation(
                id_, _time(events[-1]), self.talks.setdefault((of, id_), Talk()).status, {}
            )
            for (of, id_), events in self.told.items()
            if of == account.account
        ]
        found.sort(key=lambda listed: listed.active_at or _NEVER, reverse=True)
        return found[(page - 1) * self.page : page * self.page]

    async def messages(
        self,
        account: AccountAccess,
        conversation: ListedConversation,
        *,
        before: ChatwootId | None = None,
    ) -> Sequence[ListedMessage]:
        self._require_token(account)
        listed = [
            ListedMessage(
                ChatwootId(str(event["id"])),
                _time(event),
                deleted=event.get("deleted") is True,
                event=event,
            )
            for event in self.told.get((account.account, conversation.id), ())
        ]
        ids = [message.id for message in listed]
        end = len(ids) if before is None else ids.index(before)
        return listed[max(0, end - self.page) : end]

    async def set_status(
        self,
        conversation: ConversationAccess,
        status: Status,
        *,
        snoozed_until: datetime | None = None,
    ) -> None:
        talk = self._let_in(conversation)
        talk.status, talk.snoozed_until = status, snoozed_until

    async def assign(self, conversation: ConversationAccess, assignee: ChatwootId) -> None:
        talk = self._let_in(conversation)
        talk.assignee = assignee if assignee in self.agents else None
        _require(talk.assignee == assignee)

    async def assign_team(self, conversation: ConversationAccess, team: ChatwootId) -> None:
        talk = self._let_in(conversation)
        talk.team = team if team in self.teams else None
        _require(talk.team == team)

    async def set_labels(
        self,
        conversation: ConversationAccess,
        *,
        added: Iterable[str] = (),
        removed: Iterable[str] = (),
    ) -> None:
        talk = self._let_in(conversation)
        _require(self.readable)
        talk.labels = labels_after(talk.labels, added=added, removed=removed)

    async def set_custom_attributes(
        self, conversation: ConversationAccess, attributes: ReadOnlyJsonObject
    ) -> None:
        talk = self._let_in(conversation)
        _require(self.readable)
        talk.custom_attributes = {**talk.custom_attributes, **attributes}

    async def set_priority(self, conversation: ConversationAccess, priority: Priority) -> None:
        self._let_in(conversation).priority = priority

    async def typing(self, conversation: ConversationAccess, *, on: bool) -> None:
        with suppress(ApplicationError):
            self._let_in(conversation).typing = on

    def _require_token(self, account: AccountAccess) -> None:
        if self.failures:
            raise self.failures.popleft()
        _require(account.token == self.token)

    def _let_in(self, conversation: ConversationAccess) -> Talk:
        self._require_token(conversation)
        _require(conversation.id not in self.missing)
        return self.talks.setdefault((conversation.account, conversation.id), Talk())


def _time(event: JsonObject) -> datetime | None:
    return time_in(event.get("created_at"))


def _require(holds: bool) -> None:  # noqa: FBT001 - its only argument
    if not holds:
        raise ChatwootRefusedError
