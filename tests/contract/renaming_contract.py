"""
The guarantees of giving a tenant another id, over every store.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest
from attrs import define, evolve

from odoo_ai_config.adapters.plain_records import decoded, encoded
from odoo_ai_config.application.copies import BackUpStore, RestoreStore
from odoo_ai_config.application.documents.writing import DocumentWrite
from odoo_ai_config.application.errors import ContentionError
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.messages.progress import Progress
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.application.ports.store_records import RecordKind as StoredKind
from odoo_ai_config.domain.addresses import Feed, RecordKind
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.collections import CollectionSync, Item
from odoo_ai_config.domain.conversations.state import ConversationKey, Seen, Sighting, Status
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.syncs import CredentialsSync
from odoo_ai_config.domain.errors import InvalidValueError, TenantNotFoundError
from odoo_ai_config.domain.identifiers import (
    CREWS,
    PAUSES,
    ChatwootId,
    CredentialRef,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.messages.answers import Answer
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Reception, Stage
from odoo_ai_config.domain.messages.persons import Person
from odoo_ai_config.domain.messages.receiving import ChatwootEvent
from odoo_ai_config.domain.tenants import (
    AreaMovedError,
    MoveTooLargeError,
    NotedErasure,
    Standing,
    TenantErasedError,
    TenantInUseError,
    TenantRenamedError,
    TenantState,
    standing_of,
)
from tests.contract.moving_contract import (
    FROM,
    MESSAGE,
    NOTES,
    REF,
    TO,
    Late,
    filled,
    move,
    over,
    overtaken,
    publish,
    revealed,
    seal,
)
from tests.contract.samples import AT, api_key, collection_key, destination, origin, owner
from tests.contract.stores import StoreContract, Stores
from tests.trail import acts
from tests.unit.application.memory_hub import ANYBODY, MemoryHub

ACME, NEW = TenantId("acme"), TenantId("acme-2")
THERE = TenantArea(NEW, FROM.domain)
LIMITS: Final = ClaimLimits(total=9, per_tenant=9, in_hand={})
WAITING: Final = ConversationKey(ChatwootId("1"), ChatwootId("301"))
RULES = collection_key()


class KilledError(Exception):
    """
    Simulates kill -9: nothing runs after it.
    """


@define
class Mortal:
    """
    A port whose program is killed instead of one of its calls.
    """

    port: object
    lives: list[int]

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, object]]:
        method = getattr(self.port, name)

        async def call(*args: object, **kwargs: object) -> object:
            if self.lives[0] == 0:
                raise KilledError
            self.lives[0] -= 1
            return await method(*args, **kwargs)

        return call


def incoming(number: int, conversation: int = 301) -> tuple[ChatwootEvent, SecretText]:
    body: dict[str, Any] = {
        "event": "message_created",
        "id": number,
        "content": f"text {number}",
        "message_type": "incoming",
        "account": {"id": 1},
        "inbox": {"id": 7},
        "conversation": {"id": conversation, "inbox_id": 7, "status": "pending"},
        "sender": {"id": 77, "phone_number": "+5511987654321"},
    }
    return read_event(body), SecretText(json.dumps(body))


async def receive(hub: MemoryHub, number: int, conversation: int = 301) -> None:
    await hub.receive_message(*incoming(number, conversation), caller=ANYBODY)


async def require_opens(hub: MemoryHub, id_: MessageId, text: str) -> None:
    opened = await hub.read_message.opened(id_, caller=ANYBODY)
    assert opened.text is not None
    assert opened.text.text == text


async def furnished(stores: Stores) -> MemoryHub:
    """
    A tenant with everything: `filled`, pauses, a collection, keys, messages at several stages.
    """
    hub = await filled(stores)
    await hub.pause_tenant(ACME, caller=ANYBODY)
    items = tuple(Item.of(str(number), {"name": number}) for number in range(3))
    await hub.sync_collection(RULES, CollectionSync(items, whole=True), caller=ANYBODY)
    own = api_key("own", tenant="acme")
    await stores.config.commit(
        Changeset(api_keys=(own, evolve(api_key("gone", tenant="acme"), revoked_at=AT)))
    )
    for number in (1, 2, 3):
        await receive(hub, number)
    await receive(hub, 4, conversation=302)
    (dead,) = [one for one in await of(stores, ACME) if one.origin.message == ChatwootId("4")]
    await stores.config.commit(Changeset(messages=(dead.dead(reason="x", at=AT),)))
    await hub.pause_conversation(WAITING, caller=ANYBODY)
    return hub


async def of(stores: Stores, tenant: TenantId) -> list[InboxMessage]:
    found = await stores.inbox.page(list(Stage), tenant=tenant, limit=99, oldest_first=True)
    return list(found)


async def noted_erasures(hub: MemoryHub) -> dict[TenantId, NotedErasure]:
    noted = map(NotedErasure.from_text, await hub.revoked_keys.noted())
    return {one.tenant: one for one in noted if one is not None}


async def backed_up(stores: Stores) -> list[tuple[StoredKind, bytes]]:
    """
    All that is stored.
    """
    lines: list[tuple[StoredKind, bytes]] = []
    await BackUpStore(stores.records, encoded)(lambda *line: lines.append(line), lambda *_: None)
    return lines


async def rename(hub: MemoryHub) -> Standing:
    state = await hub.rename_tenant(ACME, NEW, caller=ANYBODY.because("another contract"))
    return state.standing


async def require_whole(hub: MemoryHub, stores: Stores) -> None:
    """
    Everything is at the new id and opens there, and nothing is left of the old one.
    """
    assert await revealed(hub, THERE) == "secret 2"
    history = await hub.list_documents.history(THERE.document(NOTES), caller=ANYBODY)
    assert [one.version for one in history] == [3, 2, 1]
    messages = await of(stores, NEW)
    assert [str(one.origin.message) for one in messages] == ["1", "2", "3", "4"]
    for number, message in enumerate(messages, start=1):
        opened = await hub.read_message.opened(message.id, caller=ANYBODY)
        assert opened.text is not None
        assert opened.text.text == f"text {number}"
    person = Person.from_contact("1/77")
    (found,) = await hub.find_person(person, caller=ANYBODY)
    assert (found.tenant, found.messages) == (NEW, 4)
    assert await of(stores, ACME) == []
    assert await stores.secrets.keys_of(ACME) == []
    contents = evolve(await stores.tenants.contents(ACME), channels=0)
    assert not any(contents.counts.values())


class RenamingContract(StoreContract):
    async def test_everything_has_the_new_id(self, stores: Stores) -> None:
        hub = await furnished(stores)
        before = await hub.rename_tenant.planned(ACME, NEW, caller=ANYBODY)
        assert await stores.tenants.current(ACME) is None
        assert await rename(hub) is Standing.RENAMED
        await require_whole(hub, stores)
        after = await stores.tenants.contents(NEW)
        for kind in ("credentials", "collections", "items", "messages", "conversations"):
            assert after.counts[kind] == before.counts[kind], kind
        assert after.api_keys == 1
        assert (await hub.resolve_route(MESSAGE, caller=ANYBODY)).owner == THERE
        read = await hub.read_collection(evolve(RULES, tenant=NEW), caller=ANYBODY)
        assert read.page is not None
        assert len(read.page.states) == 3
        assert {one.feed.owner.tenant for one in await stores.addresses.addresses()} == {NEW}
        pauses = owner("acme-2").document(PAUSES)
        assert not (await stores.config.current([pauses]))[pauses].deleted

    async def test_old_id_names_the_new_one(self, stores: Stores) -> None:
        hub = await furnished(stores)
        await rename(hub)
        said = CredentialsSync(FROM, token=CredentialRef("token"))
        mapping = ChannelMapping(ChannelKey(ChatwootId("9")), FROM)
        push = CollectionSync((Item.of("9", {}),), whole=False)
        area = owner("acme", "third")
        for work in (
            hub.read_document(FROM.document(NOTES), caller=ANYBODY),
            hub.reveal_credential(FROM, REF, caller=ANYBODY),
            hub.sync_credentials(said, caller=ANYBODY),
            hub.sync_mapping(mapping, caller=ANYBODY),
            hub.sync_collection(RULES, push, caller=ANYBODY),
            hub.read_collection(RULES, caller=ANYBODY),
            hub.list_tenants.one(ACME, caller=ANYBODY),
            publish(hub, FROM, note="new"),
            publish(hub, area, note="new"),
            hub.suspend_tenant(ACME, caller=ANYBODY),
            hub.move_area(FROM, area, caller=ANYBODY),
            hub.erase_tenant(ACME, caller=ANYBODY, confirmation="acme"),
            hub.rename_tenant(ACME, TenantId("third"), caller=ANYBODY),
        ):
            with pytest.raises(TenantRenamedError) as caught:
                await work
            assert caught.value.successor == NEW

    async def test_moves_and_suspension_go_along(self, stores: Stores) -> None:
        hub = await furnished(stores)
        await move(hub)
        await hub.suspend_tenant(ACME, caller=ANYBODY.because("unpaid"))
        await rename(hub)
        state = await stores.tenants.current(NEW)
        assert state is not None
        assert (state.standing, state.reason) == (Standing.SUSPENDED, "unpaid")
        await hub.suspend_tenant.end(NEW, caller=ANYBODY)
        with pytest.raises(AreaMovedError) as caught:
            await hub.read_document(THERE.document(NOTES), caller=ANYBODY)
        there = TenantArea(NEW, TO.domain)
        assert caught.value.place == there
        assert await stores.standings.place(FROM) == there
        assert await revealed(hub, there) == "secret 2"

    async def test_message_in_hand_stays_until_it_is_done(self, stores: Stores) -> None:
        hub = await furnished(stores)
        now, lease = hub.clock.now(), timedelta(minutes=2)
        (taken,) = await stores.inbox.claim(LIMITS, now=now, until=now + lease)
        assert await rename(hub) is Standing.RENAMING
        assert [one.id for one in await of(stores, ACME)] == [taken.id]
        with pytest.raises(TenantRenamedError):
            await hub.reopen_tenant(ACME, caller=ANYBODY)
        # Its worker opens it, and stores its result.
        opened = await hub.deliver_message.asking.texts.body_of(taken)
        assert "text 1" in opened.reveal()
        await stores.config.commit(Changeset(messages=(taken.without_reply(at=now),)))
        (done,) = await hub.rename_tenant.go_on()
        assert (done.tenant, done.standing) == (ACME, Standing.RENAMED)
        await require_whole(hub, stores)
        assert await hub.rename_tenant.go_on() == []

    async def test_message_in_hand_is_answered(self, stores: Stores) -> None:
        hub = await furnished(stores)
        crew = {"type": "http", "url": "https://crew.example"}
        text = json.dumps({"crews": {"sales": crew}, "default_crew": "sales"})
        await hub.publish_document(DocumentWrite(FROM.document(CREWS), ANYBODY), text=text)
        await hub.pause_tenant.end(ACME, caller=ANYBODY)
        await hub.pause_conversation.end(WAITING, caller=ANYBODY)
        now = hub.clock.now()
        (taken,) = await stores.inbox.claim(LIMITS, now=now, until=now + timedelta(minutes=2))
        assert await rename(hub) is Standing.RENAMING
        step = await hub.deliver_message(taken)
        assert step.progress is Progress.ANSWERED
        hub.clock.tick(timedelta(minutes=3))
        assert await rename(hub) is Standing.RENAMED
        (answered,) = [one for one in await of(stores, NEW) if one.id == taken.id]
        assert answered.stage is Stage.ANSWERED

    async def test_person_is_erased_under_the_earlier_id_too(self, stores: Stores) -> None:
        hub = await furnished(stores)
        now = hub.clock.now()
        (taken,) = await stores.inbox.claim(LIMITS, now=now, until=now + timedelta(minutes=2))
        assert await rename(hub) is Standing.RENAMING
        await hub.erase_person(Person.from_contact("1/77"), NEW, caller=ANYBODY)
        await hub.rename_tenant.go_on()
        messages = await of(stores, NEW)
        assert len(messages) == 4
        assert taken.id in {one.id for one in messages}
        assert {(one.body, one.persons) for one in messages} == {(None, ())}

    async def test_person_is_found_and_exported_under_the_earlier_ids_too(
        self, stores: Stores
    ) -> None:
        hub, person, third = await furnished(stores), Person.from_contact("1/77"), owner("acme-3")
        now, new = hub.clock.now(), third.tenant
        before = await hub.find_person(person, caller=ANYBODY)
        (taken,) = await stores.inbox.claim(LIMITS, now=now, until=now + timedelta(minutes=2))
        # Many others are renamed, too.
        others = [
            TenantState(
                TenantId(f"aa{one}"), 1, Standing.RENAMING, AT, "a", successor=TenantId("b")
            )
            for one in range(101)
        ]
        await stores.config.commit(Changeset(tenant_states=tuple(others)))
        assert await rename(hub) is Standing.RENAMING
        await hub.rename_tenant(NEW, new, caller=ANYBODY)
        expected = [evolve(one, tenant=new) for one in before]
        assert await hub.find_person(person, caller=ANYBODY) == expected
        assert await hub.find_person(person, caller=ANYBODY, tenant=new) == expected
        assert await hub.erase_person(person, new, caller=ANYBODY, dry_run=True) == expected[0]
        first = await hub.export_person(person, new, caller=ANYBODY, limit=2)
        rest = await hub.export_person(person, new, caller=ANYBODY, after=first.next, limit=2)
        opened = [one.text.text for page in (first, rest) for one in page.messages if one.text]
        assert opened == [f"text {number}" for number in (1, 2, 3, 4)]
        assert taken.id in {one.message.id for one in first.messages}
        await hub.erase_person(person, new, caller=ANYBODY)
        assert await hub.find_person(person, caller=ANYBODY) == []

    async def test_person_is_erased_under_all_earlier_ids(self, stores: Stores) -> None:
        hub, third = await furnished(stores), TenantId("acme-3")
        now = hub.clock.now()
        await stores.inbox.claim(LIMITS, now=now, until=now + timedelta(minutes=2))
        assert await rename(hub) is Standing.RENAMING
        await hub.rename_tenant(NEW, third, caller=ANYBODY)
        await hub.erase_person(Person.from_contact("1/77"), third, caller=ANYBODY)
        hub.clock.tick(timedelta(minutes=3))
        (done,) = await hub.rename_tenant.go_on()
        assert done.tenant == ACME
        assert {(one.body, one.persons) for one in await of(stores, third)} == {(None, ())}

    async def test_person_whose_client_is_renamed_meanwhile_is_not_said_to_be_erased(
        self, stores: Stores
    ) -> None:
        hub, person = await furnished(stores), Person.from_contact("1/77")
        late: Any = Late(stores.config, [rename(hub)])
        with pytest.raises(TenantRenamedError):
            await evolve(hub.erase_person, store=late)(person, ACME, caller=ANYBODY)
        with pytest.raises(TenantRenamedError):
            await hub.erase_person(person, ACME, caller=ANYBODY, dry_run=True)
        await hub.erase_person(person, NEW, caller=ANYBODY)
        assert {(one.body, one.persons) for one in await of(stores, NEW)} == {(None, ())}

    async def test_label_and_team_of_rules_outlive_the_person(self, stores: Stores) -> None:
        hub, person = await furnished(stores), Person.from_contact("1/77")
        crew = {"type": "http", "url": "https://crew.example", "answer_when": {"team": "Vendas"}}
        rules = {"answer_when": {"labels_none": ["Parar"]}, "crews": {"sales": crew}}
        at = owner("acme", "another").document(CREWS)
        await hub.publish_document(DocumentWrite(at, ANYBODY), text=json.dumps(rules))
        told = Seen(labels=("parar", "humano", "ana-maria"), team="vendas", status=Status.PENDING)
        other = ConversationKey(ChatwootId("1"), ChatwootId("302"))
        elsewhere = Seen(labels=("ana-maria",), team="ana", status=Status.PENDING)
        sightings = Sighting(WAITING, told, AT), Sighting(other, elsewhere, AT)
        await stores.config.commit(Changeset(sightings=sightings))
        await hub.erase_person(person, ACME, caller=ANYBODY)
        found = await stores.conversations.find(WAITING)
        assert found is not None
        assert (found.labels, found.team) == (("parar", "humano"), "vendas")
        found = await stores.conversations.find(other)
        assert found is not None
        assert (found.labels, found.team) == ((), None)

    async def test_rules_of_the_heir_and_of_a_later_owner_count_too(self, stores: Stores) -> None:
        hub, person = await furnished(stores), Person.from_contact("1/77")
        now, later = hub.clock.now(), owner("later")
        for area, label in ((FROM, "parar"), (later, "cuidado")):
            text = json.dumps({"crews": {}, "answer_when": {"labels_none": [label]}})
            write = DocumentWrite(area.document(CREWS), ANYBODY)
            await hub.publish_document(write, text=text)
        await stores.inbox.claim(LIMITS, now=now, until=now + timedelta(minutes=2))
        assert await rename(hub) is Standing.RENAMING
        told = Seen(labels=("parar", "cuidado", "vip"), status=Status.PENDING, owner=later)
        await stores.config.commit(Changeset(sightings=(Sighting(WAITING, told, AT),)))
        await hub.erase_person(person, NEW, caller=ANYBODY)
        found = await stores.conversations.find(WAITING)
        assert found is not None
        assert found.labels == ("parar", "cuidado")

    async def test_conversation_pruned_meanwhile_does_not_come_back(self, stores: Stores) -> None:
        hub, person = await furnished(stores), Person.from_contact("1/77")
        await hub.pause_conversation.end(WAITING, caller=ANYBODY)
        assert await stores.conversations.find(WAITING) is not None
        pruning = stores.conversations.prune(before=hub.clock.now() + timedelta(days=1))
        late: Any = Late(stores.config, [pruning])
        await evolve(hub.erase_person, store=late)(person, ACME, caller=ANYBODY)
        assert await stores.conversations.find(WAITING) is None

    async def test_message_that_a_rename_overtakes_goes_to_the_new_id(
        self, stores: Stores
    ) -> None:
        hub = await furnished(stores)
        late: Any = Late(stores.config, [rename(hub)])
        receive_late = evolve(hub.receive_message, store=late)
        receipt = await receive_late(*incoming(9), caller=ANYBODY)
        assert receipt.destination is not None
        assert receipt.destination.owner == THERE
        await require_opens(hub, receipt.id, "text 9")

    async def test_message_that_an_erasure_overtakes_is_noted(self, stores: Stores) -> None:
        hub = await furnished(stores)
        faster = hub.erase_tenant(ACME, caller=ANYBODY, confirmation=ACME.value)
        late: Any = Late(stores.config, [faster])
        receive_late = evolve(hub.receive_message, store=late)
        receipt = await receive_late(*incoming(9), caller=ANYBODY)
        assert (receipt.reception, receipt.reason) == (Reception.IGNORED, "tenant_erased")
        (noted,) = await stores.inbox.page(list(Stage), limit=9)
        assert (noted.id, noted.body) == (receipt.id, None)

    async def test_order_of_a_conversation_stays(self, stores: Stores) -> None:
        hub = await furnished(stores)
        await rename(hub)
        await receive(hub, 5)
        now = hub.clock.now()
        numbers = []
        while taken := await stores.inbox.claim(LIMITS, now=now, until=now + timedelta(minutes=1)):
            for message in taken:
                assert message.holder == THERE
                numbers.append(str(message.origin.message))
                over_now = message.without_reply(at=now)
                await stores.config.commit(Changeset(messages=(over_now,)))
        assert numbers == ["1", "2", "3", "5"]

    async def test_paused_conversation_stays_paused_at_every_moment(self, stores: Stores) -> None:
        hub = await furnished(stores)
        lives = [0]
        mortal: Any = Mortal(stores.conversations, lives)
        with pytest.raises(KilledError):
            await evolve(hub.rename_tenant, conversations=mortal)(ACME, NEW, caller=ANYBODY)
        await receive(hub, 5)
        paused = await stores.conversations.find(WAITING)
        assert paused is not None
        assert paused.pause is not None
        await hub.rename_tenant.go_on()
        after = await stores.conversations.find(WAITING)
        assert after is not None
        assert (after.pause, after.tenant) == (paused.pause, NEW)

    @pytest.mark.parametrize("lives", range(0, 36, 3))
    async def test_interrupted_rename_goes_on(self, stores: Stores, lives: int) -> None:
        hub = await furnished(stores)
        left = [lives]
        ports: dict[str, Any] = {
            name: Mortal(getattr(hub.rename_tenant, name), left)
            for name in ("store", "tenants", "inbox", "conversations", "collections")
        }
        with contextlib.suppress(KilledError):
            await evolve(hub.rename_tenant, **ports)(ACME, NEW, caller=ANYBODY)
        assert await rename(hub) is Standing.RENAMED
        await require_whole(hub, stores)

    async def test_other_process_writes_nothing_under_the_old_id(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        hub, other = await furnished(stores), over(second_stores)
        await publish(other, FROM, note="before")
        await seal(other, FROM, "before")
        await rename(hub)
        push = CollectionSync((Item.of("9", {}),), whole=False)
        for work in (
            publish(other, FROM, note="after"),
            seal(other, FROM, "after"),
            other.sync_collection(RULES, push, caller=ANYBODY),
            other.sync_collection(collection_key(name="rules"), push, caller=ANYBODY),
        ):
            with pytest.raises(TenantRenamedError):
                await work
        assert await revealed(hub, THERE) == "before"

    async def test_other_process_answers_by_the_rules_of_the_new_id(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        hub, other = await furnished(stores), over(second_stores)
        text = json.dumps(
            {
                "crews": {"sales": {"type": "http", "url": "https://crew.example"}},
                "default_crew": "sales",
            }
        )
        write = DocumentWrite(FROM.document(CREWS), ANYBODY)
        await hub.publish_document(write, text=text)
        crews = other.deliver_message.asking.crews
        assert (
            await crews.crew_at(destination(FROM.tenant.value, FROM.domain.value))
        ).owner == FROM
        await rename(hub)
        assert (
            await crews.crew_at(destination(FROM.tenant.value, FROM.domain.value))
        ).owner == THERE
        answering = await crews.answering(
            destination(FROM.tenant.value, FROM.domain.value), origin("x")
        )
        assert answering.paused_in(hub.clock.now())

    async def test_while_messages_follow_nothing_new_is_sealed(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        hub, other = await furnished(stores), over(second_stores)
        await seal(other, FROM, "before")
        now = hub.clock.now()
        await stores.inbox.claim(LIMITS, now=now, until=now + timedelta(minutes=2))
        assert await rename(hub) is Standing.RENAMING
        with pytest.raises(TenantRenamedError):
            await seal(other, FROM, "after")
        with pytest.raises(TenantRenamedError):
            await seal(other, owner("acme", "third"), "after")

    async def test_push_meanwhile_is_not_lost(self, stores: Stores) -> None:
        hub = await furnished(stores)
        push = CollectionSync((Item.of("9", {"name": "late"}),), whole=False)
        pushes = [hub.sync_collection(RULES, push, caller=ANYBODY)]

        @define
        class Late:
            async def items(self, *args: Any) -> Any:
                while pushes:
                    await pushes.pop()
                return await stores.collections.items(*args)

            async def heads(self, *tenants: TenantId) -> Any:
                return await stores.collections.heads(*tenants)

            async def digests(self, *args: Any) -> Any:
                return await stores.collections.digests(*args)

        late: Any = Late()
        await evolve(hub.rename_tenant, collections=late)(ACME, NEW, caller=ANYBODY)
        items = await stores.collections.digests(evolve(RULES, tenant=NEW))
        assert "9" in items

    async def test_what_is_new_meanwhile_is_not_lost(self, stores: Stores) -> None:
        hub, third = await furnished(stores), owner("acme", "third")
        channel = ChannelKey(ChatwootId("9"))
        feed = Feed(FROM, RecordKind.CREDENTIALS)
        late = Late(
            stores.config,
            [
                publish(hub, third, note="late"),
                hub.sync_mapping(ChannelMapping(channel, FROM, sequence=9), caller=ANYBODY),
                stores.config.commit(Changeset(api_keys=(api_key("late", tenant="acme"),))),
                hub.create_address(feed, name="late", caller=ANYBODY),
            ],
        )
        store: Any = late
        await evolve(hub.rename_tenant, store=store)(ACME, NEW, caller=ANYBODY)
        place = TenantArea(NEW, third.domain).document(NOTES)
        assert (await hub.read_document(place, caller=ANYBODY)).document.body == {"note": "late"}
        assert (await stores.channels.current((channel,)))[channel].mapping.owner == THERE
        late_key = await stores.api_keys.api_key("late")
        assert late_key is not None
        assert late_key.tenant == NEW
        assert "late" in {one.name for one in await stores.addresses.addresses(tenant=NEW)}

    async def test_answer_and_its_message_follow(self, stores: Stores) -> None:
        hub = await furnished(stores)
        (first, second, *_) = await of(stores, ACME)
        texts, now = hub.deliver_message.asking.texts, hub.clock.now()
        mark, sealing = await texts.sealed_answer(first, Answer.of_text("good day"), at=now)
        answered = first.answered(mark, at=now)
        nameless = evolve(second, revision=second.revision + 1, persons=())
        await stores.config.commit(Changeset(messages=(answered, nameless), **sealing.parts))
        assert await rename(hub) is Standing.RENAMED
        (first, second, *_) = await of(stores, NEW)
        assert first.stage is Stage.ANSWERED
        assert (await texts.answer_to(first)).plain == Answer.of_text("good day").plain
        assert second.persons == ()
        (found,) = await hub.find_person(Person.from_contact("1/77"), caller=ANYBODY)
        assert found.messages == 3

    async def test_reopened_meanwhile_is_left_alone(self, stores: Stores) -> None:
        hub = await furnished(stores)
        finish: list[Callable[[], Coroutine[Any, Any, object]]] = [
            hub.rename_tenant.go_on,
            partial(hub.reopen_tenant, ACME, caller=ANYBODY),
        ]

        @define
        class Late:
            async def remove_some(self, tenant: TenantId) -> bool:
                while finish:
                    await finish.pop(0)()
                return await stores.tenants.remove_some(tenant)

            def __getattr__(self, name: str) -> Any:
                return getattr(stores.tenants, name)

        late: Any = Late()
        with pytest.raises(ContentionError):
            await evolve(hub.rename_tenant, tenants=late)(ACME, NEW, caller=ANYBODY)
        state = await stores.tenants.current(ACME)
        assert state is not None
        assert state.standing is Standing.ACTIVE

    async def test_text_that_does_not_open_stops_nothing(self, stores: Stores) -> None:
        hub = await furnished(stores)
        (first, *_) = await of(stores, ACME)
        no_text = evolve(first, revision=first.revision + 1, body=None)
        await stores.config.commit(Changeset(messages=(evolve(no_text, answer=first.body),)))
        assert await rename(hub) is Standing.RENAMED
        moved = {one.id: one for one in await of(stores, NEW)}
        assert (moved[first.id].body, moved[first.id].answer) == (None, None)

    async def test_new_id_erased_meanwhile_keeps_nothing(self, stores: Stores) -> None:
        hub = await furnished(stores)
        now = hub.clock.now()
        await stores.inbox.claim(LIMITS, now=now, until=now + timedelta(minutes=2))
        assert await rename(hub) is Standing.RENAMING
        await hub.erase_tenant(NEW, caller=ANYBODY, confirmation=NEW.value)
        assert await hub.rename_tenant.go_on() == []
        assert await of(stores, ACME) == []
        assert await of(stores, NEW) == []

    async def test_erasure_is_noted_under_each_id_that_the_client_had(
        self, stores: Stores
    ) -> None:
        hub, third = await furnished(stores), TenantId("third")
        keys = [key.key_id for key in await stores.secrets.keys_of(ACME)]
        await rename(hub)
        await hub.rename_tenant(NEW, third, caller=ANYBODY)
        # Somebody else gets the first id.
        await hub.reopen_tenant(ACME, caller=ANYBODY)
        await publish(hub, FROM, note="of another client")
        await hub.erase_tenant(third, caller=ANYBODY, confirmation=third.value)
        by_tenant = await noted_erasures(hub)
        assert set(by_tenant) == {ACME, NEW, third}
        assert by_tenant[ACME].is_undone(None, keys, restored=False)
        assert by_tenant[ACME].is_undone(None, (), restored=True)
        for restored in (False, True):
            assert await hub.erase_tenant.again(caller=ANYBODY, restored=restored) == []
        assert (await hub.read_document(FROM.document(NOTES), caller=ANYBODY)).version == 1

    async def test_erasure_while_messages_follow_is_noted_under_both_ids(
        self, stores: Stores
    ) -> None:
        hub = await furnished(stores)
        keys = [key.key_id for key in await stores.secrets.keys_of(ACME)]
        now = hub.clock.now()
        await stores.inbox.claim(LIMITS, now=now, until=now + timedelta(minutes=2))
        assert await rename(hub) is Standing.RENAMING
        await hub.erase_tenant(NEW, caller=ANYBODY, confirmation=NEW.value)
        assert (await noted_erasures(hub))[ACME].is_undone(None, keys, restored=False)

    async def test_erasure_takes_along_what_still_follows(self, stores: Stores) -> None:
        hub = await furnished(stores)
        now = hub.clock.now()
        await stores.inbox.claim(LIMITS, now=now, until=now + timedelta(minutes=2))
        assert await rename(hub) is Standing.RENAMING
        left = await of(stores, ACME)
        assert left
        contents = await hub.erase_tenant.planned(NEW, caller=ANYBODY)
        assert contents.messages == 4
        state = await hub.erase_tenant(NEW, caller=ANYBODY, confirmation=NEW.value)
        # The certificate says what is: nothing is left, and nothing opens.
        assert state.contents == contents
        assert await of(stores, ACME) == []
        assert await stores.secrets.keys_of(ACME) == []
        before = await stores.tenants.current(ACME)
        assert standing_of(before) is Standing.RENAMED

    @pytest.mark.parametrize("lives", range(0, 30, 3))
    async def test_interrupted_erasure_takes_along_what_still_follows(
        self, stores: Stores, lives: int
    ) -> None:
        hub = await furnished(stores)
        now = hub.clock.now()
        await stores.inbox.claim(LIMITS, now=now, until=now + timedelta(minutes=2))
        assert await rename(hub) is Standing.RENAMING
        left = [lives]
        store: Any = Mortal(stores.config, left)
        tenants: Any = Mortal(stores.tenants, left)
        ending = evolve(hub.rename_tenant, store=store, tenants=tenants)
        erase = evolve(hub.erase_tenant, store=store, tenants=tenants, end_rename=ending.finish)
        with contextlib.suppress(KilledError):
            await erase(NEW, caller=ANYBODY, confirmation=NEW.value)
        state = await hub.erase_tenant(NEW, caller=ANYBODY, confirmation=NEW.value)
        assert state.standing is Standing.ERASED
        assert state.contents is not None
        assert state.contents.messages == 4
        assert await of(stores, ACME) == []
        assert await stores.secrets.keys_of(ACME) == []

    async def test_who_gets_an_erased_id_by_a_rename_is_left_alone(self, stores: Stores) -> None:
        # How the client stands, it stands since before the erasure.
        hub = await furnished(stores)
        await publish(hub, TenantArea(NEW, FROM.domain), note="of another client")
        await hub.suspend_tenant(NEW, caller=ANYBODY)
        await hub.suspend_tenant.end(NEW, caller=ANYBODY)
        hub.clock.time += timedelta(days=1)
        await hub.erase_tenant(ACME, caller=ANYBODY, confirmation=ACME.value)
        hub.clock.time += timedelta(days=1)
        await hub.reopen_tenant(ACME, caller=ANYBODY)
        await hub.rename_tenant(NEW, ACME, caller=ANYBODY)
        assert await hub.erase_tenant.again(caller=ANYBODY, restored=True) == []

    @pytest.mark.parametrize("named_once_more", [False, True])
    async def test_who_had_an_erased_id_before_is_left_alone(
        self, stores: Stores, *, named_once_more: bool
    ) -> None:
        hub, third = await furnished(stores), TenantId("third")
        lines = await backed_up(stores)
        hub.clock.time += timedelta(days=1)
        await rename(hub)
        if named_once_more:
            await hub.rename_tenant(NEW, third, caller=ANYBODY)
        hub.clock.time += timedelta(days=1)
        # Somebody else gets the id, and leaves.
        await hub.reopen_tenant(ACME, caller=ANYBODY)
        await seal(hub, FROM, "of another client")
        hub.clock.time += timedelta(days=1)
        await hub.erase_tenant(ACME, caller=ANYBODY, confirmation=ACME.value)
        await RestoreStore(stores.records, encoded, decoded)(lines, lambda *_: None)
        assert await hub.erase_tenant.again(caller=ANYBODY, restored=True) == []

    async def test_rename_that_an_erasure_overtakes_is_refused(self, stores: Stores) -> None:
        hub = await furnished(stores)
        faster = partial(hub.erase_tenant, ACME, caller=ANYBODY, confirmation="acme")
        with pytest.raises(TenantErasedError):
            await overtaken(hub.rename_tenant, faster)(ACME, NEW, caller=ANYBODY)
        assert await stores.tenants.current(NEW) is None

    @pytest.mark.parametrize("planned", [False, True])
    async def test_rename_that_a_move_overtakes_takes_the_new_place_along(
        self, stores: Stores, *, planned: bool
    ) -> None:
        hub = await furnished(stores)
        late = overtaken(hub.rename_tenant, partial(hub.move_area, FROM, TO, caller=ANYBODY))
        if planned:
            contents = await late.planned(ACME, NEW, caller=ANYBODY)
            assert contents.messages == 4
        else:
            await late(ACME, NEW, caller=ANYBODY)
            assert await revealed(hub, TenantArea(NEW, TO.domain)) == "secret 2"

    async def test_rename_goes_on_and_back(self, stores: Stores) -> None:
        hub, third = await furnished(stores), TenantId("third")
        await rename(hub)
        await hub.rename_tenant(NEW, third, caller=ANYBODY)
        assert await stores.standings.place(FROM) == TenantArea(third, FROM.domain)
        with pytest.raises(TenantRenamedError):
            await hub.rename_tenant(third, ACME, caller=ANYBODY)
        await hub.reopen_tenant(ACME, caller=ANYBODY)
        state = await hub.rename_tenant(third, ACME, caller=ANYBODY)
        assert state.standing is Standing.RENAMED
        assert await revealed(hub, FROM) == "secret 2"
        await publish(hub, FROM, note="goes on")

    async def test_renames_that_cannot_be_are_refused(self, stores: Stores) -> None:
        hub = await furnished(stores)

        async def refused(new: TenantId = NEW, old: TenantId = ACME) -> Exception:
            with pytest.raises(Exception) as caught:  # noqa: PT011 - returned
                await hub.rename_tenant(old, new, caller=ANYBODY)
            return caught.value

        assert isinstance(await refused(ACME), InvalidValueError)
        assert isinstance(await refused(TenantId("odoo-ai-config")), InvalidValueError)
        assert isinstance(await refused(old=TenantId("nobody")), TenantNotFoundError)
        await publish(hub, THERE, note="x")
        assert isinstance(await refused(), TenantInUseError)
        await hub.erase_tenant(NEW, caller=ANYBODY, confirmation=NEW.value)
        assert isinstance(await refused(), TenantErasedError)
        await hub.reopen_tenant(NEW, caller=ANYBODY)
        mapping = ChannelMapping(ChannelKey(ChatwootId("9")), THERE)
        await hub.sync_mapping(mapping, caller=ANYBODY)
        assert isinstance(await refused(), TenantInUseError)
        await hub.sync_mapping(evolve(mapping, active=False), caller=ANYBODY)
        assert await rename(hub) is Standing.RENAMED

    async def test_what_one_commit_cannot_hold_is_refused(self, stores: Stores) -> None:
        hub = await furnished(stores)
        relocator = hub.rename_tenant.relocator
        revisions = sum(
            [
                len(await stores.config.history(one.key, limit=99))
                for one in await stores.config.documents(ACME)
            ]
        )
        marks = [mark for one in (await stores.secrets.stored_in(FROM)).values() for mark in one]
        most = revisions + len(marks)

        characters = [
            len(version.document.text)
            for one in await stores.config.documents(ACME)
            for version in await stores.config.history(one.key, limit=99)
        ]
        # Its items are counted by themselves.
        text = max(sum(characters), 3 * len('{"name":0}'))

        def limited(*, versions: int = most, text: int = text, items: int = 3) -> Any:
            within = evolve(relocator, most=versions, most_text=text)
            return evolve(hub.rename_tenant, relocator=within, most_items=items)

        for rename in (
            limited(versions=most - 1),
            limited(versions=len(marks) - 1),
            limited(items=2),
            limited(text=text - 1),
            limited(text=sum(characters) - 1),
        ):
            with pytest.raises(MoveTooLargeError):
                await rename(ACME, NEW, caller=ANYBODY)
        assert await stores.tenants.current(ACME) is None
        assert (await limited()(ACME, NEW, caller=ANYBODY)).standing is Standing.RENAMED

    async def test_rename_is_audited_for_both(self, stores: Stores) -> None:
        hub = await furnished(stores)
        await rename(hub)
        entries = await acts(stores.audit)
        named = [one for one in entries if one.action is AuditAction.TENANT_RENAMED]
        assert {(one.tenant, one.reason, one.subject) for one in named} == {
            (ACME, "another contract", "acme -> acme-2"),
            (NEW, "another contract", "acme -> acme-2"),
        }
        assert AuditAction.RENAME_FINISHED in {one.action for one in entries}
