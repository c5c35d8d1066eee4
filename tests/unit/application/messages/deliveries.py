"""
Deliveries over memory stores: the set-up of their tests.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

from attrs import define, evolve, field

from odoo_ai_config.application.crews import CrewLookup
from odoo_ai_config.application.messages.delivery import DeliverMessage
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.messages.progress import GOES_ON, Step, StepWriter
from odoo_ai_config.application.messages.reply_sender import ReplySender
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew, CrewTask
from odoo_ai_config.domain.identifiers import (
    CREWS,
    BusinessArea,
    ChatwootId,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.answers import Answer, Deferred, NoReply
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, write

ACME = TenantArea(TenantId("acme"), BusinessArea("retail"))
OTHER = TenantArea(TenantId("other"), BusinessArea())
PLENTY = ClaimLimits(total=1000, per_tenant=1000, in_hand={})
CREWS_DOCUMENT: JsonObject = {
    "default_crew": "sales",
    "crews": {"sales": {"type": "in_process", "answer_within_seconds": 600}},
}
ANSWER = Answer.of_text("Das 8 às 18.")
ANOTHER = Answer.of_text("Das 9 às 17.")
NOTE = Answer.of_text("Cliente em atraso.", private=True)

Reaction: TypeAlias = "Answer | Deferred | NoReply | Exception"


@define
class ScriptedCrew(CrewClient):
    """
    Gives its scripted reactions one after the other, and then repeats the last.

    Args:
        asked: All questions, with the secrets for their signatures.
        meanwhile: Runs before it answers.
    """

    says: deque[Reaction] = field(factory=lambda: deque([ANSWER]))
    asked: list[tuple[Crew, CrewTask, SecretText | None]] = field(factory=list)
    meanwhile: Callable[[], None] | None = None

    async def ask(
        self, crew: Crew, task: CrewTask, *, secret: SecretText | None
    ) -> Answer | Deferred | NoReply:
        self.asked.append((crew, task, secret))
        # Others have their turn while it thinks.
        await asyncio.sleep(0)
        if self.meanwhile is not None:
            self.meanwhile()
        said = self.says.popleft() if len(self.says) > 1 else self.says[0]
        if isinstance(said, Exception):
            raise said
        return said


def hub_with(*says: Reaction) -> tuple[MemoryHub, ScriptedCrew]:
    """
    A hub with a configured Chatwoot, and its only crew.
    """
    crew = ScriptedCrew(deque(says or [ANSWER]))
    access = ChatwootAccess("https://chatwoot.example.com", SecretText("chatwoot-token"))
    return MemoryHub(crew_client=crew, chatwoot_fallback=access), crew


async def owns(hub: MemoryHub, owner: TenantArea, *, account: str = "1") -> None:
    """
    Give an account of Chatwoot to *owner*.
    """
    mapping = ChannelMapping(ChannelKey(ChatwootId(account), None), owner)
    await hub.sync_mapping(mapping, caller=ANYBODY)


async def has_crews(
    hub: MemoryHub, owner: TenantArea, document: JsonObject = CREWS_DOCUMENT
) -> None:
    await hub.publish_document(write(owner.document(CREWS)), text=json.dumps(document))


def payload(number: int = 1, *, conversation: int = 301, account: int = 1) -> JsonObject:
    return {
        "event": "message_created",
        "id": number,
        "content": f"Olá {number}",
        "message_type": "incoming",
        "private": False,
        "account": {"id": account},
        "inbox": {"id": 7, "name": "WhatsApp"},
        "conversation": {"id": conversation, "inbox_id": 7, "channel": "Channel::Whatsapp"},
        "sender": {"id": 42, "name": "Ana", "phone_number": "+5511999990000"},
    }


async def received(
    hub: MemoryHub, number: int = 1, *, conversation: int = 301, account: int = 1
) -> MessageId:
    body = payload(number, conversation=conversation, account=account)
    event = read_event(body, request_id=f"request-{number}")
    receipt = await hub.receive_message(event, SecretText(json.dumps(body)), caller=ANYBODY)
    hub.clock.tick()
    return receipt.id


async def ready(
    *says: Reaction, document: JsonObject = CREWS_DOCUMENT
) -> tuple[MemoryHub, ScriptedCrew, MessageId]:
    """
    A hub with one message for a crew.
    """
    hub, crew = hub_with(*says)
    await owns(hub, ACME)
    await has_crews(hub, ACME, document)
    return hub, crew, await received(hub)


async def found(hub: MemoryHub, message_id: MessageId) -> InboxMessage:
    message = await hub.ports.inbox.find(message_id)
    assert message is not None
    return message


async def claimed(hub: MemoryHub) -> InboxMessage:
    """
    Claim the only message that is due.
    """
    now = hub.clock.now()
    (message,) = await hub.ports.inbox.claim(
        PLENTY, now=now, until=now + hub.deliver_message.lease
    )
    return message


async def delivered(hub: MemoryHub) -> Step:
    """
    Deliver the only message that is due as far as possible.
    """
    return await carried_on(hub, await hub.deliver_message(await claimed(hub)))


async def carried_on(hub: MemoryHub, step: Step) -> Step:
    """
    Take the next steps after *step* as the same worker does.
    """
    while step.progress in GOES_ON:
        step = await hub.deliver_message(step.message, unposted=True, answer=step.answer)
    return step


async def skip_to_due(hub: MemoryHub) -> None:
    due = await hub.ports.inbox.next_due()
    assert due is not None
    hub.clock.time = max(hub.clock.time, due)


def remade(
    deliver: DeliverMessage,
    *,
    store: ConfigStore | None = None,
    texts: MessageTexts | None = None,
    crews: CrewLookup | None = None,
    crew_client: CrewClient | None = None,
    reply_sender: ReplySender | None = None,
    lease: timedelta | None = None,
) -> DeliverMessage:
    """
    A delivery of which some parts are others.
    """
    ask, post = deliver.asking, deliver.posting
    writer = deliver.writer if store is None else StepWriter(store, deliver.writer.events)
    return evolve(
        deliver,
        writer=writer,
        asking=evolve(
            ask,
            writer=writer,
            texts=texts or ask.texts,
            crews=crews or ask.crews,
            crew_client=crew_client or ask.crew_client,
            reply_sender=reply_sender or ask.reply_sender,
            lease=lease or ask.lease,
        ),
        posting=evolve(
            post,
            writer=writer,
            texts=texts or post.texts,
            reply_sender=reply_sender or post.reply_sender,
        ),
    )
