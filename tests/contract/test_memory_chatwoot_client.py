from __future__ import annotations

from collections.abc import Sequence

import pytest

from odoo_ai_config.adapters.memory.chatwoot_client import MemoryChatwootClient, Talk
from odoo_ai_config.application.errors import ChatwootUnavailableError
from odoo_ai_config.application.ports.chatwoot_client import ConversationAccess
from odoo_ai_config.domain.identifiers import ChatwootId
from tests.contract.chatwoot_client_contract import (
    ANA,
    SALES,
    ChatwootBench,
    ChatwootContract,
    Looks,
)


class MemoryBench(ChatwootBench):
    def __init__(self) -> None:
        self.chatwoot: MemoryChatwootClient = MemoryChatwootClient(
            missing={ChatwootId("404404")}, agents={ANA}, teams={SALES: "vendas"}
        )
        self.conversation, self.other = (
            ConversationAccess("", self.chatwoot.token, ChatwootId("1"), ChatwootId(number))
            for number in ("301", "302")
        )

    def read_by_the_customer(self, conversation: ConversationAccess) -> Sequence[str]:
        return [
            posted.message.text or ""
            for posted in self.chatwoot.posted
            if (posted.account, posted.conversation) == (conversation.account, conversation.id)
            and not posted.message.private
        ]

    def looks(self, conversation: ConversationAccess) -> Looks:
        talk = self.chatwoot.talks.get((conversation.account, conversation.id), Talk())
        priority = None if talk.priority is None else talk.priority.value
        return Looks(talk.custom_attributes, priority, talk.snoozed_until, talk.typing)

    def customer_writes(self, conversation: ConversationAccess, text: str) -> None:
        number = sum(map(len, self.chatwoot.told.values())) + 1
        events = self.chatwoot.told.setdefault((conversation.account, conversation.id), [])
        events.append(
            {
                "event": "message_created",
                "id": number,
                "content": text,
                "message_type": "incoming",
                "created_at": 1_800_000_000 + number,
                "account": {"id": conversation.account.value},
                "inbox": {"id": 7},
                "conversation": {"id": conversation.id.value, "status": "pending"},
                "sender": {"id": 42},
            }
        )

    def go_away_for_a_call(self) -> None:
        self.chatwoot.failures.append(ChatwootUnavailableError())

    def forbid_reading(self) -> None:
        self.chatwoot.readable = False


class TestMemoryChatwootClient(ChatwootContract):
    @pytest.fixture
    def bench(self) -> ChatwootBench:
        return MemoryBench()
