"""
A Chatwoot that remembers what was posted.
"""

from __future__ import annotations

from collections import deque

from attrs import define, field, frozen

from odoo_ai_config.application.errors import ApplicationError, ChatwootRefusedError
from odoo_ai_config.application.ports.chatwoot_client import ChatwootClient, Conversation
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Answer
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.inbox import MessageId


@frozen
class Posted:
    """
    An answer in a conversation, and the message that it is marked with.
    """

    account: ChatwootId
    conversation: ChatwootId
    answer: Answer
    to: MessageId


@define
class MemoryChatwootClient(ChatwootClient):
    """
    Every conversation exists except the *missing* ones; a caller with the *token* may use them.

    Args:
        failures: What the next calls raise, one each.
        posted: What was posted, in that order.
    """

    token: SecretText = field(factory=lambda: SecretText("chatwoot-token"))
    missing: set[ChatwootId] = field(factory=set)
    failures: deque[ApplicationError] = field(factory=deque)
    posted: list[Posted] = field(factory=list)

    async def post(self, conversation: Conversation, answer: Answer, *, to: MessageId) -> None:
        self._let_in(conversation)
        self.posted.append(Posted(conversation.account, conversation.id, answer, to))

    async def has_answer(
        self, conversation: Conversation, answer: Answer, *, to: MessageId
    ) -> bool:
        self._let_in(conversation)
        place = (conversation.account, conversation.id, to)
        return any(
            (one.account, one.conversation, one.to) == place
            for one in self.posted
            if answer.private or not one.answer.private
        )

    def _let_in(self, conversation: Conversation) -> None:
        if self.failures:
            raise self.failures.popleft()
        if conversation.token != self.token or conversation.id in self.missing:
            raise ChatwootRefusedError
