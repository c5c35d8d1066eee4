"""
Chatwoot, as far as the hub writes there.
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
    A conversation in Chatwoot, and what the hub needs to write there.
    """

    base_url: str
    token: SecretText
    account: ChatwootId
    id: ChatwootId


class ChatwootClient(Protocol):
    """
    Posts answers to the customer, and private ones as notes to people in Chatwoot.

    Both methods raise `ChatwootUnavailableError` if trying again may help, and
    `ChatwootRefusedError` if it is useless.
    """

    @abstractmethod
    async def post(self, conversation: Conversation, answer: Answer, *, to: MessageId) -> None:
        """
        Post *answer*, marked as the answer to the message *to*.
        """

    @abstractmethod
    async def has_answer(
        self, conversation: Conversation, answer: Answer, *, to: MessageId
    ) -> bool:
        """
        Whether one of the newest messages of the conversation is marked as the answer to *to*.

        Asked before *answer* is posted, if it may have been posted before. A note does not count
        as an answer to the customer. A token that may write but not read finds nothing.
        """
