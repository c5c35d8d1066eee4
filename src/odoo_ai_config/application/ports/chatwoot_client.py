"""
The customer's side of a conversation.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from attrs import frozen

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Answer
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.inbox import MessageId


@frozen
class Conversation:
    """
    A conversation in Chatwoot, and what lets the hub write there.
    """

    base_url: str
    token: SecretText
    account: ChatwootId
    id: ChatwootId


class ChatwootClient(Protocol):
    """
    Posts answers where the customer reads them, and private ones where only others do.

    Both methods raise `ChatwootUnavailableError` if it may be tried again and
    `ChatwootRefusedError` if that is of no use.
    """

    @abstractmethod
    async def post(self, conversation: Conversation, answer: Answer, *, to: MessageId) -> None:
        """
        Post *answer*, marked as the one to the message *to*.
        """

    @abstractmethod
    async def has_answer(
        self, conversation: Conversation, answer: Answer, *, to: MessageId
    ) -> bool:
        """
        Whether an answer marked as the one to *to* is among the newest of the conversation.

        Asked before *answer* is posted, if it is not known whether it was posted before. A note
        does not count for an answer that the customer is to read. To a token that may write
        there but not read, nothing ever is.
        """
