"""
Chatwoot, as far as the hub acts there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from attrs import field, frozen

from odoo_ai_config.domain.conversations.state import Seen, Status
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import JsonObject, ReadOnlyJsonObject
from odoo_ai_config.domain.messages.answers import Priority
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage


@frozen
class AccountAccess:
    """
    An account of Chatwoot, and what the hub needs to act there.
    """

    base_url: str
    token: SecretText
    account: ChatwootId


@frozen
class ConversationAccess(AccountAccess):
    """
    A conversation in Chatwoot, and what the hub needs to act there.
    """

    id: ChatwootId


@frozen
class ListedConversation:
    """
    A conversation as Chatwoot lists it.

    Args:
        active_at: When the last message came.
        status: None if it is none that the hub knows.
        state: As an event of Chatwoot shows a conversation.
    """

    id: ChatwootId
    active_at: datetime | None
    status: Status | None
    state: JsonObject = field(repr=False, hash=False)


@frozen
class ListedMessage:
    """
    A message as Chatwoot lists it.

    Args:
        deleted: Its text is gone.
        event: The body of the event that told, or was to tell, that it was created.
    """

    id: ChatwootId
    at: datetime | None
    deleted: bool
    event: JsonObject = field(repr=False, hash=False)


class ChatwootClient(Protocol):
    """
    Acts in conversations: posts messages, reads and changes who has them.

    Every action but `post` may be repeated: it says what is to be, and does nothing if it is so.
    All but `typing` raise `ChatwootUnavailableError` if trying again may help, and
    `ChatwootRefusedError` if it is useless.
    """

    @abstractmethod
    async def post(
        self,
        conversation: ConversationAccess,
        message: OutgoingMessage,
        *,
        mark: str,
        at_hand: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """
        Post *message* with the mark *mark*. Its files are fetched before.

        *at_hand* is called right before, and nothing is posted if it raises.

        Raises:
            AttachmentUnavailableError: A file cannot be fetched now.
            AttachmentRefusedError: A file cannot be fetched at all, or is too large.
        """

    @abstractmethod
    async def has_mark(
        self, conversation: ConversationAccess, mark: str, *, private: bool
    ) -> bool:
        """
        Whether one of the newest messages of the conversation has *mark*.

        Asked before a message is posted, if it may have been posted before. If *private* is
        false, notes do not count. A token that may write but not read finds nothing.
        """

    @abstractmethod
    async def live(self, conversation: ConversationAccess) -> Seen | None:
        """
        The state of the conversation now; None if the token may not read it.
        """

    @abstractmethod
    async def conversations(
        self, account: AccountAccess, *, page: int
    ) -> Sequence[ListedConversation] | None:
        """
        A page of the account's conversations, those with the newest messages first.

        Pages count from 1; there is nothing behind the last one. None: the token may not read.
        """

    @abstractmethod
    async def messages(
        self,
        account: AccountAccess,
        conversation: ListedConversation,
        *,
        before: ChatwootId | None = None,
    ) -> Sequence[ListedMessage]:
        """
        The newest messages of *conversation*, or the newest *before* one; oldest first.

        There is nothing before the first one. Private notes are among them.
        """

    @abstractmethod
    async def set_status(
        self,
        conversation: ConversationAccess,
        status: Status,
        *,
        snoozed_until: datetime | None = None,
    ) -> None:
        """
        Set the status. A snoozed conversation without a time waits for the customer.

        The token of an agent, not that of a bot, makes the agent its assignee when it opens the
        conversation: so assign after this.
        """

    @abstractmethod
    async def assign(self, conversation: ConversationAccess, assignee: ChatwootId) -> None:
        """
        Assign the conversation to a person.

        Chatwoot takes an unknown person for nobody; that is refused afterwards.
        """

    @abstractmethod
    async def assign_team(self, conversation: ConversationAccess, team: ChatwootId) -> None:
        """
        Assign the conversation to a team. An unknown team is as in `assign`.
        """

    @abstractmethod
    async def set_labels(
        self,
        conversation: ConversationAccess,
        *,
        added: Iterable[str] = (),
        removed: Iterable[str] = (),
    ) -> None:
        """
        Add and remove labels; the others stay. Refused if the token may not read them.

        Chatwoot can only replace all labels, so one that a person changes in the same instant
        may be lost.
        """

    @abstractmethod
    async def set_custom_attributes(
        self, conversation: ConversationAccess, attributes: ReadOnlyJsonObject
    ) -> None:
        """
        Set *attributes*; the others stay. As `set_labels`.
        """

    @abstractmethod
    async def set_priority(self, conversation: ConversationAccess, priority: Priority) -> None:
        """
        Set the priority.
        """

    @abstractmethod
    async def typing(self, conversation: ConversationAccess, *, on: bool) -> None:
        """
        Show the customer that an answer is being written, or no longer. Raises nothing.
        """
