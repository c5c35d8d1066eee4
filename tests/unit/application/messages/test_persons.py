from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from odoo_ai_config.adapters.memory.message_inbox import MemoryMessageInbox
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.conversations.state import ConversationKey, Seen, Sighting, Status
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.errors import (
    InvalidValueError,
    RevisionConflictError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.identifiers import HUB, ChatwootId, TenantId
from odoo_ai_config.domain.messages.inbox import ERASED_REASON, InboxMessage, Stage
from odoo_ai_config.domain.messages.persons import Person, PersonKind, one_of, persons_named
from odoo_ai_config.domain.tenants import TenantErasedError
from tests.contract.samples import AT, mapping
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to

ACME, OTHER = TenantId("acme"), TenantId("other")
ANA = Person.of_number(PhoneNumber("5511987654321"))
LIMITS = ClaimLimits(total=9, per_tenant=9, in_hand={})


def event(
    number: int, *, account: int = 1, sender: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "event": "message_created",
        "id": number,
        "content": f"c4n4ry {number}",
        "message_type": "incoming",
        "account": {"id": account},
        "inbox": {"id": 7},
        "conversation": {"id": 300 + account, "channel": "Channel::Whatsapp", "status": "pending"},
        "sender": sender
        or {"id": 77, "phone_number": "+55 11 98765-4321", "identifier": "cliente-9"},
    }


async def receive(hub: MemoryHub, body: dict[str, Any]) -> None:
    import json

    told = read_event(body)
    await hub.receive_message(told, SecretText(json.dumps(body)), caller=ANYBODY)


@pytest.fixture
async def hub() -> MemoryHub:
    hub = MemoryHub()
    numbers = (("5511987654321", "boss"), ("5511999990000", "x"))
    for account, tenant in ((1, "acme"), (2, "other")):
        one = mapping(str(account), "7", tenant=tenant, numbers=numbers if account == 1 else ())
        await hub.ports.store.commit(Changeset(mappings=(one,)))
    for number in (1, 2):
        await receive(hub, event(number))
    await receive(hub, event(3, account=2))
    await receive(hub, event(4, account=9))
    await receive(hub, event(5, sender={"id": 88, "phone_number": "+5511999990000"}))
    return hub


@pytest.mark.parametrize(
    "person",
    [
        ANA,
        # Without the ninth digit.
        Person.of_number(PhoneNumber("551187654321")),
        Person.from_contact("1/77"),
        Person.of_identifier(" cliente-9 "),
    ],
)
async def test_person_is_found_by_each_name(hub: MemoryHub, person: Person) -> None:
    [found] = await hub.find_person(person, caller=ANYBODY, tenant=ACME)
    assert (found.tenant, found.messages, found.waiting) == (ACME, 2, 2)
    assert [str(key) for key in found.conversations] == ["1/301"]
    assert len(found.numbers) == (person.kind is PersonKind.NUMBER)


async def test_person_is_found_among_the_things_of_everybody(hub: MemoryHub) -> None:
    found = await hub.find_person(ANA, caller=ANYBODY)
    assert {one.tenant: one.messages for one in found} == {ACME: 2, OTHER: 1, HUB: 1}
    reader = evolve(ANYBODY, scopes=frozenset({Scope.MESSAGES_READ}))
    assert [one.tenant for one in await hub.find_person(ANA, caller=reader)] == [ACME, OTHER]
    bound = await hub.find_person(ANA, caller=bound_to("other", Scope.MESSAGES_READ))
    assert [one.tenant for one in bound] == [OTHER]
    nobody = Person.of_number(PhoneNumber("5511900000000"))
    assert await hub.find_person(nobody, caller=ANYBODY) == []
    assert await hub.find_person(nobody, caller=ANYBODY, tenant=TenantId("new")) == []


async def test_stored_digests_show_no_name(hub: MemoryHub) -> None:
    digests = {mark.value for one in hub.state.messages.values() for mark in one.persons or ()}
    # Each tenant has others for the same person.
    assert len(digests) == 3 * 3 + 2
    assert not any("98765" in one or "cliente" in one for one in digests)


async def test_export_has_texts_in_parts(hub: MemoryHub) -> None:
    await hub.ports.store.commit(
        Changeset(
            sightings=(Sighting(ConversationKey(ChatwootId("1"), ChatwootId("301")), Seen(), AT),)
        )
    )
    first = await hub.export_person(ANA, ACME, caller=ANYBODY.because(None, "r1"), limit=1)
    rest = await hub.export_person(ANA, ACME, caller=ANYBODY, after=first.next, limit=1)
    texts = [one.text.text for page in (first, rest) for one in page.messages if one.text]
    assert texts == ["c4n4ry 1", "c4n4ry 2"]
    assert (first.next, rest.next) == (first.messages[0].message.id, None)
    assert [str(one.key) for one in first.conversations] == ["1/301"]
    assert [one.crew for one in first.numbers] == ["boss"]
    entries = [one for one in hub.state.audit if one.action is AuditAction.PERSON_EXPORTED]
    assert [one.tenant for one in entries] == [ACME, ACME]
    assert not any("98765" in one.subject for one in entries)
    empty = await hub.export_person(ANA, TenantId("new"), caller=ANYBODY)
    assert (empty.messages, empty.next) == ([], None)


async def test_erased_person_leaves_ids_and_outcomes(hub: MemoryHub) -> None:
    key = ConversationKey(ChatwootId("1"), ChatwootId("301"))
    seen = Seen(status=Status.PENDING, labels=("vip", "Sem-Bot"), team="vendas")
    await hub.ports.store.commit(Changeset(sightings=(Sighting(key, seen, AT),)))
    rehearsal = await hub.erase_person(ANA, ACME, caller=ANYBODY, dry_run=True)
    before = dict(hub.state.messages)

    found = await hub.erase_person(ANA, ACME, caller=ANYBODY.because(None, "r1"))

    assert found == rehearsal
    assert found.messages == 2
    its = [one for one in hub.state.messages.values() if one.holder.tenant == ACME]
    erased = [one for one in its if one.reason == ERASED_REASON]
    assert [(one.stage, one.body, one.answer, one.persons) for one in erased] == [
        (Stage.DISCARDED, None, None, ())
    ] * 2
    assert [one.origin for one in erased] == [before[one.id].origin for one in erased]
    assert {str(context.ref) for context, _ in hub.state.secrets}.isdisjoint(
        one.id.value for one in erased
    )
    conversation = hub.state.conversations[key]
    # By the default rules the AI is silent in it.
    assert (conversation.labels, conversation.team, conversation.status) == (
        ("Sem-Bot",),
        None,
        Status.PENDING,
    )
    [entry] = [one for one in hub.state.audit if one.action is AuditAction.PERSON_ERASED]
    assert entry.subject.startswith("person/number/")
    assert "2 messages" in entry.subject
    assert "98765" not in entry.subject
    # The others stay.
    left = await hub.find_person(ANA, caller=ANYBODY)
    assert {one.tenant: (one.messages, len(one.numbers)) for one in left} == {
        ACME: (0, 1),
        OTHER: (1, 0),
        HUB: (1, 0),
    }
    other = Person.from_contact("1/88")
    assert (await hub.find_person(other, caller=ANYBODY))[0].messages == 1
    assert (await hub.erase_person(ANA, ACME, caller=ANYBODY)).messages == 0


async def test_special_numbers_go_only_if_asked(hub: MemoryHub) -> None:
    await hub.erase_person(ANA, ACME, caller=ANYBODY, numbers=True)
    [revision] = await hub.ports.channels.mappings(ACME)
    assert [one.number.digits for one in revision.mapping.numbers] == ["5511999990000"]
    assert (revision.version, revision.author) == (2, ANYBODY.id)
    before = await hub.ports.channels.revision(revision.mapping.key, 1)
    assert before is not None
    assert [one.number.digits for one in before.mapping.numbers] == ["5511999990000"]
    await hub.erase_person(ANA, ACME, caller=ANYBODY, numbers=True)
    assert (await hub.ports.channels.mappings(ACME))[0].version == 2


async def test_worker_that_has_a_message_in_hand_finds_it_gone(hub: MemoryHub) -> None:
    taken = await hub.ports.inbox.claim(LIMITS, now=AT, until=AT + timedelta(minutes=1))
    mine = next(one for one in taken if one.holder.tenant == ACME)
    await hub.erase_person(ANA, ACME, caller=ANYBODY)
    with pytest.raises(RevisionConflictError):
        await hub.ports.store.commit(Changeset(messages=(mine.done(at=AT),)))


async def test_finished_and_stuck_messages_are_erased_too(hub: MemoryHub) -> None:
    first, second = (
        one
        for one in hub.state.messages.values()
        if one.origin.conversation
        and one.holder.tenant == ACME
        and one.origin.message in {ChatwootId("1"), ChatwootId("2")}
    )
    done, dead = first.done(at=AT), second.dead(reason="crew_refused", at=AT)
    await hub.ports.store.commit(Changeset(messages=(done, dead)))
    hub.clock.tick(timedelta(days=1))
    await hub.erase_person(ANA, ACME, caller=ANYBODY)
    stored = [hub.state.messages[one.id] for one in (first, second)]
    assert [one.stage for one in stored] == [Stage.DONE, Stage.DISCARDED]
    assert stored[0].updated_at == AT


async def test_interrupted_erasure_goes_on(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odoo_ai_config.application.messages.persons.MOST_AT_ONCE", 1)
    commit = hub.ports.store.commit
    done: list[Changeset] = []

    async def once(_self: object, changeset: Changeset) -> None:
        if done:
            raise KeyboardInterrupt
        done.append(changeset)
        await commit(changeset)

    with monkeypatch.context() as patched:
        patched.setattr(type(hub.ports.store), "commit", once)
        with pytest.raises(KeyboardInterrupt):
            await hub.erase_person(ANA, ACME, caller=ANYBODY)
    [half] = await hub.find_person(ANA, caller=ANYBODY, tenant=ACME)
    assert half.messages == 1
    assert (await hub.erase_person(ANA, ACME, caller=ANYBODY)).messages == 1
    [left] = await hub.find_person(ANA, caller=ANYBODY, tenant=ACME)
    assert left.messages == 0


async def test_messages_of_earlier_versions_are_named_once(hub: MemoryHub) -> None:
    messages = hub.state.messages
    messages.update({id_: evolve(one, persons=None) for id_, one in messages.items()})
    broken = next(iter(messages))
    for place in [place for place in hub.state.secrets if place[0].ref.value == broken.value]:
        del hub.state.secrets[place]
    assert not await hub.find_person.search.complete()
    assert await hub.name_persons() == 5
    assert await hub.find_person.search.complete()
    [found] = await hub.find_person(ANA, caller=ANYBODY, tenant=ACME)
    assert found.messages == 1
    assert await hub.name_persons() == 0


async def test_naming_ends_while_others_write_all_that_is_left(hub: MemoryHub) -> None:
    messages = hub.state.messages
    messages.update({id_: evolve(one, persons=None) for id_, one in messages.items()})
    inbox = hub.ports.inbox

    class Contended(MemoryMessageInbox):
        async def name(self, message: InboxMessage, persons: Sequence[Fingerprint]) -> bool:
            return False

    search = evolve(hub.name_persons.search, inbox=Contended(hub.state))
    assert await evolve(hub.name_persons, search=search)() == 0
    assert len(await inbox.unnamed(limit=9)) == 5


async def test_message_that_gets_an_owner_is_named_under_its_key(hub: MemoryHub) -> None:
    [stray] = [one for one in hub.state.messages.values() if one.stage is Stage.UNRESOLVED]
    await hub.ports.store.commit(Changeset(mappings=(mapping("9", "7", tenant="other"),)))
    await hub.replay_messages(stray.id, caller=ANYBODY)
    found = await hub.find_person(ANA, caller=ANYBODY)
    assert {one.tenant: one.messages for one in found} == {ACME: 2, OTHER: 2}


async def test_each_step_needs_its_scope(hub: MemoryHub) -> None:
    reader = bound_to("acme", Scope.MESSAGES_READ, Scope.SECRETS_READ)
    with pytest.raises(ScopeMissingError):
        await hub.find_person(ANA, caller=bound_to("acme", Scope.SECRETS_READ))
    with pytest.raises(ScopeMissingError):
        await hub.export_person(ANA, ACME, caller=bound_to("acme", Scope.MESSAGES_READ))
    with pytest.raises(TenantForbiddenError):
        await hub.export_person(ANA, OTHER, caller=reader)
    with pytest.raises(ScopeMissingError):
        await hub.erase_person(ANA, ACME, caller=reader)
    with pytest.raises(TenantForbiddenError):
        await hub.erase_person(ANA, OTHER, caller=bound_to("acme"))


@pytest.mark.parametrize("text", ["77", "1/", "/77", "1/7/8", "a b/1"])
def test_contact_needs_its_account(text: str) -> None:
    with pytest.raises(InvalidValueError, match="contact"):
        Person.from_contact(text)


@pytest.mark.parametrize("text", ["", " ", "x" * 513])
def test_identifier_says_something(text: str) -> None:
    with pytest.raises(InvalidValueError, match="identifier"):
        Person.of_identifier(text)
    assert persons_named(None, ChatwootId("1"), None, text) == ()


def test_person_is_named_in_exactly_one_way() -> None:
    assert one_of((None, ANA)) is ANA
    for several in ((), (None,), (ANA, ANA)):
        with pytest.raises(InvalidValueError, match="person"):
            one_of(several)
    assert "98765" not in repr(ANA)


async def test_event_without_a_conversation_is_found(hub: MemoryHub) -> None:
    [one] = [one for one in hub.state.messages.values() if one.stage is Stage.UNRESOLVED]
    bare = evolve(one.origin, conversation=None)
    hub.state.messages[one.id] = evolve(one, origin=bare)
    [found] = await hub.find_person(ANA, caller=ANYBODY, tenant=HUB)
    assert (found.messages, found.conversations) == (1, ())
    page = await hub.export_person(ANA, HUB, caller=ANYBODY)
    assert page.conversations == []


async def test_erased_client_is_said_to_be_erased(hub: MemoryHub) -> None:
    await hub.erase_tenant(ACME, caller=ANYBODY, confirmation=ACME.value)
    with pytest.raises(TenantErasedError):
        await hub.find_person(ANA, caller=ANYBODY, tenant=ACME)
    with pytest.raises(TenantErasedError):
        await hub.export_person(ANA, ACME, caller=ANYBODY)
