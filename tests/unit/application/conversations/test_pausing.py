"""
Pauses keep the AI silent, and every other reason for silence can be explained.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.messages.progress import Progress
from odoo_ai_config.application.retention import CONVERSATIONS_KEPT
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.chatwoot import ChatwootChange
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.conversations.pauses import inbox_named
from odoo_ai_config.domain.conversations.state import (
    ConversationKey,
    Pause,
    Seen,
    Sighting,
    Status,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import successor
from odoo_ai_config.domain.errors import (
    ConversationNotFoundError,
    InvalidValueError,
    MappingNotFoundError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.identifiers import PAUSES, ChatwootId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import Stage
from tests.contract.samples import MINUTE, owner
from tests.strategies import sightings
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to, write
from tests.unit.application.messages.deliveries import (
    ACME,
    CREWS_DOCUMENT,
    OTHER,
    ScriptedCrew,
    carried_on,
    delivered,
    found,
    has_crews,
    hub_with,
    owns,
    payload,
    ready,
    received,
)

KEY = ConversationKey(ChatwootId("1"), ChatwootId("301"))
INBOX = inbox_named("1/7")
NOTE = {"message_type": "outgoing", "private": True, "sender": {"id": 3, "type": "user"}}


async def send(hub: MemoryHub, number: int, **changes: Any) -> None:
    """
    Receive an event of conversation 301.
    """
    body: JsonObject = payload(number) | changes
    await hub.receive_message(read_event(body), SecretText(json.dumps(body)), caller=ANYBODY)
    hub.clock.tick()


async def is_answered(hub: MemoryHub, crew: ScriptedCrew, number: int, **changes: Any) -> bool:
    """
    Whether the crew is asked about the next message; if not, its reason is that of a pause.
    """
    asked, before = len(crew.asked), set(hub.state.messages)
    await send(hub, number, **changes)
    (name,) = set(hub.state.messages) - before
    if (await found(hub, name)).stage is Stage.QUEUED:
        await delivered(hub)
    message = await found(hub, name)
    if len(crew.asked) == asked:
        assert (message.stage, message.reason) == (Stage.IGNORED, "paused")
        return False
    return True


async def hub_of_acme() -> tuple[MemoryHub, ScriptedCrew]:
    hub, crew = hub_with()
    await owns(hub, ACME)
    await has_crews(hub, ACME)
    await send(hub, 1)
    await delivered(hub)
    return hub, crew


@pytest.mark.parametrize("place", ["conversation", "channel", "tenant"])
async def test_pause_makes_the_ai_silent_until_it_ends(place: str) -> None:
    hub, crew = await hub_of_acme()
    pauses = {
        "conversation": (hub.pause_conversation, hub.pause_conversation.end, KEY),
        "channel": (hub.pause_tenant, hub.pause_tenant.end, INBOX),
        "tenant": (hub.pause_tenant, hub.pause_tenant.end, ACME.tenant),
    }
    pause, end, where = pauses[place]
    await pause(where, caller=ANYBODY)  # type: ignore[operator]
    assert not await is_answered(hub, crew, 2)
    await end(where, caller=ANYBODY)  # type: ignore[operator]
    assert await is_answered(hub, crew, 3)
    until = hub.clock.now() + MINUTE
    await pause(where, caller=ANYBODY, until=until)  # type: ignore[operator]
    assert not await is_answered(hub, crew, 4)
    hub.clock.time = until
    assert await is_answered(hub, crew, 5)


async def test_rehearsed_pause_changes_nothing() -> None:
    hub, crew = await hub_of_acme()
    paused = await hub.pause_conversation(KEY, caller=ANYBODY, dry_run=True)
    assert paused.pause == Pause(ANYBODY.id)
    assert await is_answered(hub, crew, 2)
    await hub.pause_conversation(KEY, caller=ANYBODY)
    resumed = await hub.pause_conversation.end(KEY, caller=ANYBODY, dry_run=True)
    assert resumed.pause is None
    assert not await is_answered(hub, crew, 3)


@pytest.mark.parametrize("place", ["conversation", "channel", "tenant"])
async def test_pause_that_comes_while_the_crew_thinks_keeps_the_answer_from_the_customer(
    place: str,
) -> None:
    hub, _, message_id = await ready()
    await owns(hub, ACME)
    step = await delivered_once(hub)
    if place == "conversation":
        await hub.pause_conversation(KEY, caller=ANYBODY)
    elif place == "channel":
        await hub.pause_tenant(INBOX, caller=ANYBODY)
    else:
        await hub.pause_tenant(ACME.tenant, caller=ANYBODY)
    step = await carried_on(hub, step)
    assert step.progress is Progress.WITHHELD
    message = await found(hub, message_id)
    assert (message.stage, message.reason) == (Stage.DONE, "paused")
    assert [posted.message.private for posted in hub.chatwoot.posted] == [True]


async def delivered_once(hub: MemoryHub) -> Any:
    from tests.unit.application.messages.deliveries import claimed

    step = await hub.deliver_message(await claimed(hub))
    assert step.progress is Progress.ANSWERED
    return step


async def test_pauses_of_one_place_leave_the_others_alone() -> None:
    hub, crew = await hub_of_acme()
    await owns(hub, OTHER, account="2")
    await has_crews(hub, OTHER)
    await hub.pause_tenant(OTHER.tenant, caller=ANYBODY)
    await hub.pause_tenant(inbox_named("1/8"), caller=ANYBODY)
    await send(hub, 2, conversation={"id": 302, "inbox_id": 7})
    await delivered(hub)
    await hub.pause_conversation(evolve(KEY, id=ChatwootId("302")), caller=ANYBODY)
    assert await is_answered(hub, crew, 3)
    await hub.pause_tenant(ACME.tenant, caller=ANYBODY)
    await hub.pause_tenant.end(inbox_named("1/8"), caller=ANYBODY)
    assert not await is_answered(hub, crew, 4)


async def test_channel_that_moves_leaves_its_pause_behind() -> None:
    hub, crew = await hub_of_acme()
    await has_crews(hub, OTHER)
    await hub.pause_tenant(INBOX, caller=ANYBODY)
    mapping = ChannelMapping(ChannelKey(ChatwootId("1"), ChatwootId("7")), OTHER)
    await hub.sync_mapping(mapping, caller=ANYBODY)
    assert await is_answered(hub, crew, 2)
    assert (await hub.pause_tenant(INBOX, caller=ANYBODY)).tenant == OTHER.tenant
    assert not await is_answered(hub, crew, 3)


async def test_agent_pauses_and_gives_back_by_a_private_note() -> None:
    hub, crew = await hub_of_acme()
    await send(hub, 2, content="/bot off", **NOTE)
    assert not await is_answered(hub, crew, 3)
    known = await hub.ports.conversations.find(KEY)
    assert known is not None
    assert known.pause == Pause("note")
    await send(hub, 4, content=" /BOT  on ", **NOTE)
    assert await is_answered(hub, crew, 5)


async def test_customer_cannot_pause_by_writing_the_words() -> None:
    hub, crew = await hub_of_acme()
    assert await is_answered(hub, crew, 2, content="/bot off")
    assert await is_answered(hub, crew, 3)


async def test_agent_silences_by_a_label() -> None:
    hub, crew = await hub_of_acme()
    conversation = {"id": 301, "inbox_id": 7, "labels": ["humano"], "status": "pending"}
    await send(hub, 2, conversation=conversation)
    assert len(crew.asked) == 1
    (name,) = [one for one, kept in hub.state.messages.items() if kept.stage is Stage.IGNORED]
    assert (await found(hub, name)).reason == "silencing_label"


async def test_open_conversation_is_for_people_if_chatwoot_uses_a_bot() -> None:
    hub, crew = await hub_of_acme()
    opened = {"id": 302, "inbox_id": 7, "status": "open"}
    await send(hub, 2, conversation=opened)
    await delivered(hub)
    assert len(crew.asked) == 2
    for account, agent_bot in ((None, True), (ChatwootId("1"), False), (ChatwootId("1"), True)):
        change = ChatwootChange(agent_bot=(agent_bot,))
        await hub.set_chatwoot_account(account, change, caller=ANYBODY)
        explained = await hub.explain_silence.at(
            ConversationKey(ChatwootId("1"), ChatwootId("302")),
            ACME,
            None,
            None,
            caller=ANYBODY,
        )
        assert explained.silence is (Silence.NOT_ITS_STATUS if agent_bot else None)
    await send(hub, 3, conversation=opened)
    await delivered(hub)
    assert len(crew.asked) == 2
    await hub.set_chatwoot_account(ChatwootId("1"), ChatwootChange(agent_bot=()), caller=ANYBODY)
    assert await hub.chatwoot_accounts.has_bot(ChatwootId("1"))
    await hub.set_chatwoot_account(None, ChatwootChange(agent_bot=()), caller=ANYBODY)
    assert not await hub.chatwoot_accounts.has_bot(ChatwootId("1"))
    # No more accounts are remembered than there is room for.
    for number in range(2, 1100):
        assert not await hub.chatwoot_accounts.has_bot(ChatwootId(str(number)))
    # An id that no account of Chatwoot has.
    assert not await hub.chatwoot_accounts.has_bot(ChatwootId("A"))


# Who may do it.


async def test_bound_key_pauses_and_sees_only_its_own() -> None:
    hub, _ = await hub_of_acme()
    await owns(hub, OTHER, account="2")
    own, other = bound_to("acme"), bound_to("other")
    await has_crews(hub, OTHER)
    with pytest.raises(TenantForbiddenError):
        await hub.pause_conversation(KEY, caller=other)
    with pytest.raises(TenantForbiddenError):
        await hub.pause_conversation.end(KEY, caller=other)
    with pytest.raises(TenantForbiddenError):
        await hub.explain_silence(KEY, caller=other)
    with pytest.raises(TenantForbiddenError):
        await hub.explain_silence.at(KEY, OTHER, None, None, caller=other)
    with pytest.raises(TenantForbiddenError):
        await hub.pause_tenant(INBOX, caller=other)
    with pytest.raises(TenantForbiddenError):
        await hub.pause_tenant(inbox_named("9/7"), caller=other)
    with pytest.raises(MappingNotFoundError):
        await hub.pause_tenant(inbox_named("9/7"), caller=ANYBODY)
    with pytest.raises(TenantForbiddenError):
        await hub.pause_tenant(ACME.tenant, caller=other)
    with pytest.raises(TenantForbiddenError):
        await hub.list_conversations(caller=other, tenant=ACME.tenant)
    assert await hub.list_conversations(caller=other) == []
    assert [one.key for one in await hub.list_conversations(caller=own)] == [KEY]
    assert (await hub.pause_conversation(KEY, caller=own)).pause == Pause("bound")
    assert (await hub.pause_tenant(INBOX, caller=own)).tenant == ACME.tenant
    assert (await hub.pause_tenant(ACME.tenant, caller=own)).pause == Pause("bound")


async def test_pause_needs_the_scope_to_write_messages() -> None:
    hub, _ = await hub_of_acme()
    reader = bound_to("acme", Scope.MESSAGES_READ, Scope.CONFIG_WRITE)
    for refused in (
        hub.pause_conversation(KEY, caller=reader),
        hub.pause_conversation.end(KEY, caller=reader),
        hub.pause_tenant(ACME.tenant, caller=reader),
        hub.pause_tenant.end(ACME.tenant, caller=reader),
        hub.pause_tenant(INBOX, caller=reader),
        hub.pause_tenant.end(INBOX, caller=reader),
    ):
        with pytest.raises(ScopeMissingError):
            await refused
    writer = bound_to("acme", Scope.MESSAGES_WRITE)
    with pytest.raises(ScopeMissingError):
        await hub.list_conversations(caller=writer)
    with pytest.raises(ScopeMissingError):
        await hub.explain_silence(KEY, caller=writer)


async def test_conversation_is_known_and_paused_while_its_first_message_waits() -> None:
    hub, crew, message_id = await ready()
    assert await hub.ports.conversations.find(KEY) is None
    with pytest.raises(TenantForbiddenError):
        await hub.pause_conversation(KEY, caller=bound_to("other"))
    conversation, explanation = await hub.explain_silence(KEY, caller=bound_to("acme"))
    assert (conversation.owner, explanation is None) == (ACME, False)
    paused = await hub.pause_conversation(KEY, caller=bound_to("acme"))
    assert (paused.owner, paused.inbox) == (ACME, ChatwootId("7"))
    assert [one.key for one in await hub.list_conversations(caller=bound_to("acme"))] == [KEY]
    await delivered(hub)
    assert (await found(hub, message_id)).reason == "paused"
    assert crew.asked == []


async def test_conversation_of_a_message_that_nobody_claims_is_known() -> None:
    hub, _ = hub_with()
    await send(hub, 1)
    conversation, explanation = await hub.explain_silence(KEY, caller=ANYBODY)
    assert (conversation.owner, explanation) == (None, None)


async def test_conversation_of_nobody_is_only_for_unbound_keys() -> None:
    hub, _ = await hub_of_acme()
    key = ConversationKey(ChatwootId("5"), ChatwootId("1"))
    sighting = Sighting(key, Seen(), hub.clock.now())
    await hub.ports.store.commit(Changeset(sightings=(sighting,)))
    with pytest.raises(TenantForbiddenError):
        await hub.explain_silence(key, caller=bound_to("acme"))
    conversation, explanation = await hub.explain_silence(key, caller=ANYBODY)
    assert (conversation.key, explanation) == (key, None)
    with pytest.raises(ConversationNotFoundError):
        await hub.explain_silence(evolve(key, id=ChatwootId("2")), caller=ANYBODY)


# The document.


async def test_garbage_is_refused_at_the_document_too() -> None:
    hub, _ = await hub_of_acme()
    key = owner("acme", "default").document(PAUSES)
    for text in ('{"channels": {"x": {}}}', '{"tenant": true}', '{"anything": 1}'):
        with pytest.raises(InvalidValueError):
            await hub.publish_document(write(key), text=text)
    with pytest.raises(InvalidValueError):
        await hub.publish_document(write(ACME.document(PAUSES)), text="{}")
    assert await hub.ports.store.current((key,)) == {}


async def test_document_that_was_written_before_the_kind_had_a_meaning_pauses_nothing() -> None:
    hub, crew = await hub_of_acme()
    key = owner("acme", "default").document(PAUSES)
    old = successor(None, key, Document.of({"tenant": "yes"}), author="a", at=hub.clock.now())
    assert old is not None
    await hub.ports.store.commit(Changeset(revisions=(old,)))
    assert await is_answered(hub, crew, 2)
    await hub.pause_tenant(ACME.tenant, caller=ANYBODY)
    assert not await is_answered(hub, crew, 3)
    assert await hub.body(key) == {"tenant": {"by": ANYBODY.id}}


# What explains a silence.


async def test_explanation_tells_what_each_rule_sees() -> None:
    hub, _ = await hub_of_acme()
    await hub.pause_tenant(ACME.tenant, caller=ANYBODY)
    await hub.pause_conversation(KEY, caller=ANYBODY)
    await send(
        hub,
        2,
        conversation={
            "id": 301,
            "inbox_id": 7,
            "labels": ["humano", "vip"],
            "status": "open",
            "meta": {"assignee": {"id": 3}, "team": {"name": "vendas"}},
        },
    )
    _, explanation = await hub.explain_silence(KEY, caller=ANYBODY)
    assert explanation is not None
    assert explanation.silence is Silence.PAUSED
    told = {one.rule: (one.silent, one.sees) for one in explanation.verdicts}
    assert told[Silence.PAUSED] == (True, "conversation, tenant")
    assert told[Silence.LABEL] == (True, "humano, vip")
    assert told[Silence.OTHER_TEAM] == (False, "vendas")
    assert told[Silence.HUMAN_HAS_IT] == (True, "3")
    assert told[Silence.HUMAN_WROTE] == (False, None)
    assert told[Silence.NOT_ITS_STATUS] == (False, "open")
    assert told[Silence.TOO_MANY_ANSWERS] == (False, "1")
    assert told[Silence.OUTSIDE_HOURS][0] is False


async def test_explanation_reads_the_rules_of_the_crew_and_channel_of_the_last_message() -> None:
    hub, _ = hub_with()
    await owns(hub, ACME)
    rules: JsonObject = {"channels": {"1/7": {"answer_when": {"labels_any": ["ia"]}}}}
    await has_crews(hub, ACME, {**CREWS_DOCUMENT, **rules})
    await received(hub)
    await delivered(hub)
    _, explanation = await hub.explain_silence(KEY, caller=ANYBODY)
    assert explanation is not None
    assert explanation.silence is Silence.NO_LABEL
    elsewhere = await hub.explain_silence.at(KEY, ACME, None, ChatwootId("8"), caller=ANYBODY)
    assert elsewhere.silence is None


async def test_unknown_conversation_is_explained_as_a_new_one() -> None:
    hub, _ = await hub_of_acme()
    key = evolve(KEY, id=ChatwootId("999"))
    explained = await hub.explain_silence.at(key, ACME, None, None, caller=ANYBODY)
    assert explained.silence is None
    assert not any(verdict.silent for verdict in explained.verdicts)


async def test_conversation_of_nobody_yet_is_explained_to_the_owner_of_the_channel() -> None:
    hub, _ = await hub_of_acme()
    key = evolve(KEY, id=ChatwootId("999"))
    snoozed = Sighting(key, Seen(status=Status.SNOOZED), hub.clock.now())
    await hub.ports.store.commit(Changeset(sightings=(snoozed,)))
    explained = await hub.explain_silence.at(key, ACME, None, None, caller=bound_to("acme"))
    assert explained.silence is Silence.NOT_ITS_STATUS


@given(st.lists(sightings(st.just(KEY)), max_size=4), st.booleans(), st.booleans())
async def test_explanation_and_delivery_agree(
    seen: list[Sighting], paused: bool, agent_bot: bool
) -> None:
    hub, crew = await hub_of_acme()
    now = hub.clock.now()
    owned = [evolve(one, at=now, seen=evolve(one.seen, owner=ACME)) for one in seen]
    await hub.ports.store.commit(Changeset(sightings=tuple(owned)))
    if paused:
        await hub.pause_tenant(ACME.tenant, caller=ANYBODY)
    if agent_bot:
        change = ChatwootChange(agent_bot=(True,))
        await hub.set_chatwoot_account(ChatwootId("1"), change, caller=ANYBODY)
    _, explanation = await hub.explain_silence(KEY, caller=ANYBODY)
    before = set(hub.state.messages)
    await send(hub, 2)
    (name,) = set(hub.state.messages) - before
    await delivered(hub)
    message = await found(hub, name)
    assert explanation is not None
    if explanation.silence is None:
        assert len(crew.asked) == 2
    else:
        assert (len(crew.asked), message.reason) == (1, explanation.silence.value)


async def test_conversations_are_forgotten_after_a_year() -> None:
    hub, _ = await hub_of_acme()
    await send(hub, 2, conversation={"id": 302, "inbox_id": 7})
    await delivered(hub)
    await hub.pause_conversation(evolve(KEY, id=ChatwootId("302")), caller=ANYBODY)
    hub.clock.tick(CONVERSATIONS_KEPT - MINUTE)
    await hub.prune_messages()
    assert len(await hub.list_conversations(caller=ANYBODY)) == 2
    hub.clock.tick(MINUTE)
    await hub.prune_messages()
    known = await hub.list_conversations(caller=ANYBODY)
    assert [str(one.key) for one in known] == ["1/302"]
