"""
The guarantees for pauses of the AI, over every store.
"""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve

from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.conversations.pauses import inbox_named
from odoo_ai_config.domain.conversations.state import Pause, Seen
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import successor
from odoo_ai_config.domain.errors import (
    ConversationNotFoundError,
    MappingNotFoundError,
    TenantNotFoundError,
)
from odoo_ai_config.domain.identifiers import CONFIG, PAUSES, ChatwootId, TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.wiring import Services, build_services
from tests.contract.samples import AT, MINUTE, full, owner, sighting
from tests.contract.stores import StoreContract, Stores
from tests.trail import acts
from tests.unit.application.memory_hub import ANYBODY, MemoryHub

ACME = TenantId("acme")
KEY = sighting().key
END = AT + MINUTE


def over(stores: Stores) -> Services:
    """
    The use cases over *stores*.
    """
    hub = MemoryHub()
    ports = evolve(
        hub.ports,
        store=stores.config,
        channels=stores.channels,
        secrets=stores.secrets,
        inbox=stores.inbox,
        conversations=stores.conversations,
        audit=stores.audit,
    )
    return build_services(ports, hub.policies)


async def has_acme(stores: Stores) -> None:
    """
    A tenant with a document and an account.
    """
    key = owner().document(CONFIG)
    revision = successor(None, key, Document.of({}), author="a", at=AT)
    assert revision is not None
    await stores.config.commit(Changeset(revisions=(revision,)))
    mapping = ChannelMapping(ChannelKey(ChatwootId("1"), None), owner())
    await over(stores).sync_mapping(mapping, caller=ANYBODY)


async def body(stores: Stores) -> tuple[int, JsonObject]:
    key = owner().document(PAUSES)
    found = (await stores.config.current((key,)))[key]
    return found.version, found.document.body


async def audited(stores: Stores) -> list[tuple[str, str]]:
    entries = await acts(stores.audit)
    ours = {action for action in AuditAction if action.value.endswith(("_paused", "_resumed"))}
    return [(one.action.value, one.subject) for one in entries[::-1] if one.action in ours]


class PausesContract(StoreContract):
    async def test_conversation_is_paused_and_given_back(self, stores: Stores) -> None:
        seen = sighting(seen=evolve(full(), pause=None))
        await stores.config.commit(Changeset(sightings=(seen,)))
        pause = over(stores).pause_conversation
        paused = await pause(KEY, caller=ANYBODY, until=END)
        assert paused.pause == Pause(ANYBODY.id, END)
        assert await stores.conversations.find(KEY) == paused
        # A repetition changes nothing, not even the revision.
        assert await pause(KEY, caller=ANYBODY, until=END) == paused
        assert await stores.conversations.find(KEY) == paused
        resumed = await pause.end(KEY, caller=ANYBODY)
        assert (resumed.pause, resumed.with_people_since) == (None, None)
        assert await pause.end(KEY, caller=ANYBODY) == resumed
        assert await stores.conversations.find(KEY) == resumed
        assert await audited(stores) == [
            ("conversation_paused", "conversation/1/1"),
            ("conversation_resumed", "conversation/1/1"),
        ]

    async def test_conversation_that_nobody_knows_cannot_be_paused(self, stores: Stores) -> None:
        pause = over(stores).pause_conversation
        for changed in (pause(KEY, caller=ANYBODY), pause.end(KEY, caller=ANYBODY)):
            with pytest.raises(ConversationNotFoundError):
                await changed
        assert await stores.conversations.find(KEY) is None
        assert await audited(stores) == []

    async def test_no_concurrent_sighting_ends_a_pause(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await stores.config.commit(Changeset(sightings=(sighting(),)))
        pause = over(stores).pause_conversation
        marks = [sighting(seen=Seen(mark=str(number))) for number in range(8)]
        await asyncio.gather(
            pause(KEY, caller=ANYBODY),
            *(second_stores.config.commit(Changeset(sightings=(one,))) for one in marks),
        )
        found = await stores.conversations.find(KEY)
        assert found is not None
        assert (found.pause, len(found.marks)) == (Pause(ANYBODY.id), 8)

    async def test_tenant_and_channel_are_paused_and_resumed(self, stores: Stores) -> None:
        await has_acme(stores)
        pause, channel = over(stores).pause_tenant, inbox_named("1/7")
        await pause(ACME, caller=ANYBODY, until=END)
        state = await pause(channel, caller=ANYBODY)
        assert (state.tenant, state.channel, state.pause) == (ACME, channel, Pause(ANYBODY.id))
        until = "2060-03-01T00:00:59.123457Z"
        both: JsonObject = {
            "tenant": {"by": ANYBODY.id, "until": until},
            "channels": {"1/7": {"by": ANYBODY.id}},
        }
        assert await body(stores) == (2, both)
        # A repetition makes no version.
        await pause(ACME, caller=ANYBODY, until=END)
        assert await body(stores) == (2, both)
        assert (await pause.end(ACME, caller=ANYBODY)).pause is None
        assert await body(stores) == (3, {"channels": both["channels"]})
        await pause.end(channel, caller=ANYBODY)
        await pause.end(channel, caller=ANYBODY)
        assert await body(stores) == (4, {})
        assert await audited(stores) == [
            ("tenant_paused", "acme"),
            ("channel_paused", "channel/1/7"),
            ("tenant_resumed", "acme"),
            ("channel_resumed", "channel/1/7"),
        ]

    async def test_nobody_and_nowhere_cannot_be_paused(self, stores: Stores) -> None:
        pause = over(stores).pause_tenant
        with pytest.raises(TenantNotFoundError):
            await pause(ACME, caller=ANYBODY)
        with pytest.raises(MappingNotFoundError):
            await pause(inbox_named("1/7"), caller=ANYBODY)
        assert await stores.config.tenants(after=None, limit=10) == []
        assert await audited(stores) == []

    async def test_no_concurrent_pause_is_lost(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await has_acme(stores)
        pauses = [over(both).pause_tenant for both in (stores, second_stores)]
        names = [f"1/{number}" for number in range(1, 9)]
        await asyncio.gather(
            pauses[0](ACME, caller=ANYBODY),
            *(
                pauses[number % 2](inbox_named(name), caller=ANYBODY)
                for number, name in enumerate(names)
            ),
        )
        version, found = await body(stores)
        assert (version, sorted(found)) == (9, ["channels", "tenant"])
        assert found["channels"] == {name: {"by": ANYBODY.id} for name in names}

    async def test_second_instance_is_silent_at_once(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await has_acme(stores)
        crews = over(second_stores).explain_silence.silence.crews
        place = owner(), None, ChatwootId("1"), ChatwootId("7")
        assert (await crews.answering_at(*place)).paused_in(AT) == []
        await over(stores).pause_tenant(inbox_named("1/7"), caller=ANYBODY, until=END)
        assert (await crews.answering_at(*place)).paused_in(AT) == ["channel"]
        await over(stores).pause_tenant(ACME, caller=ANYBODY)
        assert (await crews.answering_at(*place)).paused_in(AT) == ["channel", "tenant"]
        assert (await crews.answering_at(*place)).paused_in(END) == ["tenant"]
