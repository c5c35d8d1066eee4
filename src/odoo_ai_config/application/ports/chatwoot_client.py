"""
Chatwoot, as far as the hub acts there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from attrs import frozen

from odoo_ai_config.domain.conversations.state import Seen, Status
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import ReadOnlyJsonObject
from odoo_ai_config.domain.messages.answers import Priority
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage


@frozen
class ConversationAccess:
    """
    A conversation in Chatwoot, and what the hub needs to act there.
    """

    base_url: str
    token: SecretText
    account: ChatwootId
    id: ChatwootId


class ChatwootClient(Protocol):
    """
    Acts in conversations: posts messages, reads and changes who has them.

    Every action but `post` may be repeated: it says what is to be, and does nothing if it is so.
    All but `typing` raise `ChatwootUnavailableError` if trying again may help, and
    `ChatwootRefusedError` if it is useless.
    """

    @abstractmethod
    async def post(
        self, conversation: ConversationAccess, message: OutgoingMessage, *, mark: str
    ) -> None:
        """
        Post *message* with the mark *mark*. Its files are fetched before.

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
    async def assign(self, conversation: ConversationAccess, assignee: ChatwootId | None) -> None:
        """
        Assign the conversation to a person, or to nobody.

        Chatwoot takes an unknown person for nobody; that is refused afterwards.
        """

    @abstractmethod
    async def assign_team(self, conversation: ConversationAccess, team: ChatwootId | None) -> None:
        """
        Assign the conversation to a team, or to none. An unknown team is as in `assign`.
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
    async def set_priority(
        self, conversation: ConversationAccess, priority: Priority | None
    ) -> None:
        """
        Set the priority, or remove it.
        """

    @abstractmethod
    async def typing(self, conversation: ConversationAccess, *, on: bool) -> None:
        """
        Show the customer that an answer is being written, or no longer. Raises nothing.
        """
