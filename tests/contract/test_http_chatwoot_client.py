from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from odoo_ai_config.adapters.chatwoot.chatwoot_client import HttpChatwootClient
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.application.ports.chatwoot_client import ConversationAccess
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import ChatwootId
from tests.contract.chatwoot_client_contract import ChatwootBench, ChatwootContract, Looks
from tests.stand_ins.chatwoot import BOTS_UNTIL_2026, TOKEN, ChatwootStandIn, answers_with


class HttpBench(ChatwootBench):
    def __init__(self, sessions: HttpSessions, server: ChatwootStandIn) -> None:
        self.chatwoot = HttpChatwootClient(sessions, SystemClock())
        self._server = server
        self.conversation, self.other = (
            ConversationAccess(
                server.url, SecretText(TOKEN), ChatwootId("1"), ChatwootId(str(number))
            )
            for number in (301, 302)
        )
        for number in (301, 302):
            server.conversation(number).status = "pending"

    def read_by_the_customer(self, conversation: ConversationAccess) -> Sequence[str]:
        return self._server.conversation(int(conversation.id.value)).sent

    def looks(self, conversation: ConversationAccess) -> Looks:
        place = self._server.conversation(int(conversation.id.value))
        until = place.snoozed_until
        return Looks(
            place.custom_attributes,
            place.priority,
            None if until is None else datetime.fromtimestamp(until, UTC),
            place.typing == "on",
        )

    def customer_writes(self, conversation: ConversationAccess, text: str) -> None:
        self._server.customer_writes(text, conversation=int(conversation.id.value))

    def go_away_for_a_call(self) -> None:
        self._server.failures.append(answers_with(503))

    def forbid_reading(self) -> None:
        # The oldest bots: later ones may read or update.
        self._server.bots_may = BOTS_UNTIL_2026 - {"update"}
        self._server.bots.add(TOKEN)


class TestHttpChatwootClient(ChatwootContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[ChatwootBench]:
        sessions = HttpSessions()
        async with ChatwootStandIn().open() as server:
            yield HttpBench(sessions, server)
            await sessions.close()
