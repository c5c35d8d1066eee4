"""
Conversations with people in them, over memory stores.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from attrs import define, field

from odoo_ai_config.adapters.memory.chatwoot_client import Talk as Live
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.messages.progress import Step
from odoo_ai_config.domain.conversations.state import Conversation, ConversationKey, Status
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import InboxMessage, Receipt
from tests.unit.application.memory_hub import ANYBODY, MemoryHub
from tests.unit.application.messages.deliveries import (
    ACME,
    CREWS_DOCUMENT,
    Reaction,
    ScriptedCrew,
    delivered,
    found,
    has_crews,
    hub_with,
    owns,
    skip_to_due,
)

CUSTOMER: JsonObject = {"id": 42, "name": "Ana", "phone_number": "+5511999990000"}
PERSON: JsonObject = {"id": 3, "name": "Bia", "type": "user"}
BOT: JsonObject = {"id": 9, "name": "IA", "type": "agent_bot"}


@define
class Talk:
    """
    One conversation of a hub, as Chatwoot tells of it.

    Args:
        number: Chatwoot's number of the last message.
    """

    hub: MemoryHub
    crew: ScriptedCrew
    id: int = 301
    account: int = 1
    number: int = 1000
    status: str = "pending"
    assignee: int | None = None
    labels: list[str] = field(factory=list)

    @property
    def key(self) -> ConversationKey:
        return ConversationKey(ChatwootId(str(self.account)), ChatwootId(str(self.id)))

    async def state(self) -> Conversation:
        """
        What the hub knows about it.
        """
        known = await self.hub.ports.conversations.find(self.key)
        assert known is not None
        return known

    def described(self) -> JsonObject:
        """
        Its state, as every event shows it.
        """
        person: JsonObject = {"id": self.assignee, "name": "Bia", "type": "user"}
        return {
            "id": self.id,
            "inbox_id": 7,
            "channel": "Channel::Whatsapp",
            "status": self.status,
            "labels": [*self.labels],
            "meta": {"assignee": None if self.assignee is None else person},
            "updated_at": self.hub.clock.now().timestamp(),
        }

    def event(self, text: str | None, **members: Any) -> JsonObject:
        """
        The event of a new message; by default the customer's.
        """
        self.number += 1
        said: JsonObject = {
            "event": "message_created",
            "id": self.number,
            "content": text,
            "message_type": "incoming",
            "private": False,
            "created_at": self.hub.clock.now().isoformat(),
            "account": {"id": self.account},
            "inbox": {"id": 7, "name": "WhatsApp"},
            "conversation": self.described(),
            "sender": CUSTOMER,
        }
        return said | members

    async def tell(self, event: JsonObject) -> Receipt:
        """
        Give an *event* to the hub.
        """
        hub = self.hub
        receipt = await hub.receive_message(
            read_event(event), SecretText(json.dumps(event)), caller=ANYBODY
        )
        hub.clock.tick()
        return receipt

    async def customer(self, text: str | None = "Olá", **members: Any) -> InboxMessage:
        """
        Let the customer write.
        """
        receipt = await self.tell(self.event(text, **members))
        return await found(self.hub, receipt.id)

    async def person(self, text: str = "Oi, aqui é a Bia.", **members: Any) -> InboxMessage:
        """
        Let a person write to the customer.
        """
        said: JsonObject = {"message_type": "outgoing", "sender": PERSON}
        receipt = await self.tell(self.event(text, **said | members))
        return await found(self.hub, receipt.id)

    async def update(self, event: JsonObject, **members: Any) -> InboxMessage:
        """
        Let Chatwoot tell that the message of an earlier *event* is another one now.
        """
        now: JsonObject = {"event": "message_updated", "conversation": self.described()}
        receipt = await self.tell(event | now | members)
        return await found(self.hub, receipt.id)

    async def echo(self, text: str, mark: str, **members: Any) -> InboxMessage:
        """
        Let Chatwoot tell of a message of the hub.
        """
        marked: JsonObject = {"odoo_ai_config_answer_to": mark}
        said: JsonObject = {"message_type": "outgoing", "sender": BOT}
        said |= {"content_attributes": marked}
        receipt = await self.tell(self.event(text, **said | members))
        return await found(self.hub, receipt.id)

    async def changes(self, *, told: bool = True, **changes: Any) -> None:
        """
        Change its state; if *told*, the hub learns of it by an event.
        """
        for name, value in changes.items():
            setattr(self, name, value)
        live = self.hub.chatwoot.talks.setdefault((self.key.account, self.key.id), Live())
        live.status = Status(self.status)
        live.assignee = None if self.assignee is None else ChatwootId(str(self.assignee))
        if told:
            event: JsonObject = {
                "event": "conversation_status_changed",
                "account": {"id": self.account},
                **self.described(),
            }
            await self.tell(event)

    async def taken_over(self, *, told: bool = True) -> None:
        """
        Let a person assign it to themselves.
        """
        await self.changes(told=told, status="open", assignee=3)

    async def given_back(self) -> None:
        """
        Let the person give it back to the bot.
        """
        await self.changes(status="pending", assignee=None)

    def posted(self, *, private: bool = False) -> list[str]:
        """
        The texts that the hub posted to the customer, or for people.
        """
        return [
            one.message.text or ""
            for one in self.hub.chatwoot.posted
            if one.message.private is private and one.conversation == self.key.id
        ]

    def asked(self) -> list[str | None]:
        """
        The texts that crews were asked about.
        """
        return [task.message.text for _, task, _ in self.crew.asked]


async def talk_with(*says: Reaction, **rules: Any) -> Talk:
    """
    A conversation of a tenant whose ``answer_when`` has *rules*.
    """
    hub, crew = hub_with(*says)
    await owns(hub, ACME)
    await has_crews(hub, ACME, {**CREWS_DOCUMENT, "answer_when": rules})
    return Talk(hub, crew)


async def settled(talk: Talk) -> Step:
    """
    Deliver the only message that is due, as soon as it is.
    """
    await skip_to_due(talk.hub)
    return await delivered(talk.hub)


def later(talk: Talk, **by: float) -> None:
    """
    Let time go by.
    """
    talk.hub.clock.tick(timedelta(**by))
