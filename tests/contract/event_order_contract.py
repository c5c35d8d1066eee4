"""
The order of events, over every store: a late older event never wins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Final, TypeAlias

from attrs import evolve
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from odoo_ai_config.adapters.memory.old_cipher import MemoryOldCipher
from odoo_ai_config.adapters.memory.secret_vault import MemorySecretVault
from odoo_ai_config.application.channels.mapping import SyncMapping
from odoo_ai_config.application.collections import SyncCollection
from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.documents.sync import SyncCompanyMetadata, SyncCredentials
from odoo_ai_config.application.documents.writing import (
    DocumentWrite,
    DocumentWriter,
    PublishDocument,
)
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.collections import PRODUCTS, CollectionKey, CollectionSync, Item
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.syncs import CompanyMetadataSync, CredentialsSync
from odoo_ai_config.domain.event_times import STALE
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    METADATA,
    ChatwootId,
    CredentialRef,
    TenantArea,
)
from odoo_ai_config.domain.outcomes import ItemCounts, Outcome
from tests.contract.samples import AT, DAY, MINUTE, mapping, owner, revision, rules_over
from tests.contract.stores import StoreContract, Stores
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.yaml_codec import JsonYamlCodec
from tests.unit.application.memory_hub import ANYBODY

TENANTS: Final = count(1)
# The stores stay from one example to the next; each example has a tenant of its own.
SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
PERSON: Final = -1
# The number of an event is its time and its content; a person's write has neither.
deliveries = st.lists(st.integers(PERSON, 5), min_size=1, max_size=10)
Send: TypeAlias = Callable[[int, timedelta | None], Awaitable[Outcome]]


class Model:
    """
    What should become of events, each with a content of its own.
    """

    def __init__(self) -> None:
        self.newest: int | None = None
        self.content: int | None = None

    def takes(self, event: int) -> tuple[bool, bool]:
        """
        Whether *event* is stale, and whether it changes anything.
        """
        if self.newest is not None and event < self.newest:
            return True, False
        changed = self.content != event
        # What changes nothing writes nothing, its time included.
        self.newest, self.content = (event, event) if changed else (self.newest, self.content)
        return False, changed

    def written(self) -> None:
        self.content = PERSON


async def deliver(events: Sequence[int], send: Send, write: Send | None = None) -> int | None:
    """
    Deliver *events* and compare each answer with the model; the content that should be left.
    """
    model = Model()
    for event in events:
        if event == PERSON:
            if write is not None:
                await write(event, None)
                model.written()
            continue
        outcome = await send(event, event * MINUTE)
        assert (STALE in outcome.notices, outcome.changed) == model.takes(event)
    return model.content


class EventOrderContract(StoreContract):
    @given(events=deliveries)
    @example(events=[5, 0, 3, 5])
    @settings(max_examples=25, suppress_health_check=SHARED)
    async def test_newest_credentials_stay(self, stores: Stores, events: list[int]) -> None:
        where, writer = a_tenant(), writer_over(stores)
        rules = rules_over(stores.config)
        sync = SyncCredentials(
            stores.config, stores.standings, writer, rules, JsonYamlCodec(), ManualClock(AT)
        )

        async def send(number: int, at: timedelta | None) -> Outcome:
            said = CredentialsSync(
                where,
                CredentialRef("t"),
                name=f"n{number}",
                # The password changes with every second event only.
                password=SecretText(f"senha {number // 2}"),
            )
            return await sync(said, caller=ANYBODY, event_at=None if at is None else AT - DAY + at)

        left = await deliver(events, send)
        config, sealed = where.document(CONFIG), where.document(CREDENTIALS)
        found = await stores.config.current([config, sealed])
        if left is None:
            assert found == {}
            return
        assert found[config].document.body["name"] == f"n{left}"
        secret = await writer.sealer.credential(stores.config, where, CredentialRef("t"))
        assert secret.reveal() == f"senha {left // 2}"

    @given(events=deliveries)
    @example(events=[3, PERSON, 2, 3, 4])
    @settings(max_examples=25, suppress_health_check=SHARED)
    async def test_newest_description_stays(self, stores: Stores, events: list[int]) -> None:
        where, writer, clock = a_tenant(), writer_over(stores), ManualClock(AT)
        sync = SyncCompanyMetadata(stores.config, stores.standings, writer, clock)
        documents = DocumentWriter(
            stores.config, stores.standings, rules_over(stores.config), clock
        )
        publish = PublishDocument(documents, writer, JsonYamlCodec())
        place = where.document(METADATA)

        async def send(number: int, at: timedelta | None) -> Outcome:
            said = CompanyMetadataSync(where, {"name": f"n{number}"})
            return await sync(said, caller=ANYBODY, event_at=None if at is None else AT - DAY + at)

        async def write(number: int, _at: timedelta | None) -> Outcome:
            text = f'{{"account_id": "{where.tenant}", "name": "n{number}"}}'
            return (await publish(DocumentWrite(place, ANYBODY), text=text)).outcome

        left = await deliver(events, send, write)
        found = (await stores.config.current([place])).get(place)
        assert (None if found is None else found.document.body["name"]) == (
            None if left is None else f"n{left}"
        )

    @given(events=deliveries)
    @settings(max_examples=25, suppress_health_check=SHARED)
    async def test_newest_mapping_stays(self, stores: Stores, events: list[int]) -> None:
        where = a_tenant()
        key = ChannelKey(ChatwootId(str(next(TENANTS))))
        sync = SyncMapping(stores.config, stores.channels, stores.standings, ManualClock(AT))

        async def send(number: int, at: timedelta | None) -> Outcome:
            said = ChannelMapping(key, where, sequence=number, active=number % 2 == 0)
            return await sync(said, caller=ANYBODY, event_at=None if at is None else AT - DAY + at)

        left = await deliver(events, send)
        found = (await stores.channels.current([key])).get(key)
        assert (None if found is None else found.mapping.sequence) == left

    @given(events=deliveries)
    @settings(max_examples=25, suppress_health_check=SHARED)
    async def test_newest_complete_push_stays(self, stores: Stores, events: list[int]) -> None:
        key = CollectionKey(a_tenant().tenant, PRODUCTS)
        sync = SyncCollection(stores.config, stores.collections, ManualClock(AT))

        async def send(number: int, at: timedelta | None) -> Outcome:
            said = CollectionSync((Item.of("1", {"n": number}),), whole=True)
            event_at = None if at is None else AT - DAY + at
            return await sync(key, said, caller=ANYBODY, event_at=event_at)

        left = await deliver(events, send)
        found = await stores.collections.items(key, ["1"])
        assert (found["1"].body if found else None) == (None if left is None else {"n": left})

    async def test_part_of_a_collection_yields_to_complete_pushes_only(
        self, stores: Stores
    ) -> None:
        key = CollectionKey(a_tenant().tenant, PRODUCTS)
        sync = SyncCollection(stores.config, stores.collections, ManualClock(AT))

        async def push(minute: int, *names: str, whole: bool = False) -> bool:
            items = tuple(Item.of(name, {"n": minute}) for name in names)
            said = CollectionSync(items, whole=whole)
            at = AT - DAY + minute * MINUTE
            stored = await stores.collections.digests(key)
            outcome = await sync(key, said, caller=ANYBODY, event_at=at)
            late = STALE in outcome.notices
            if late:
                as_said = sum(item.digest == stored.get(item.id) for item in items)
                assert outcome.items == ItemCounts(len(items), 0, 0, 0, as_said)
            return late

        assert not await push(2, "a", whole=True)
        assert not await push(4, "b")
        # About other items, so it is late without harm.
        assert not await push(3, "c")
        assert await push(1, "d")
        assert await push(1, "a", "d", whole=True)
        # It lacks what came after it.
        assert await push(3, "a", whole=True)
        assert not await push(5, "a", whole=True)
        assert list(await stores.collections.digests(key)) == ["a"]

    async def test_store_keeps_the_times_of_events(self, stores: Stores) -> None:
        first = evolve(revision(), event_at=AT - MINUTE)
        channel = evolve(mapping(), event_at=AT - DAY)
        await stores.config.commit(Changeset(revisions=(first,), mappings=(channel,)))
        assert (await stores.config.current([first.key]))[first.key] == first
        assert (await stores.channels.current([channel.mapping.key])) == {
            channel.mapping.key: channel
        }
        second = evolve(revision(version=2), event_at=AT)
        moved = evolve(mapping(version=2, tenant="other"), event_at=None)
        await stores.config.commit(Changeset(revisions=(second,), mappings=(moved,)))
        assert list(await stores.config.history(first.key)) == [second, first]
        assert list(await stores.channels.mappings()) == [moved]

    async def test_time_in_the_future_counts_as_now(self, stores: Stores) -> None:
        where, clock = a_tenant(), ManualClock(AT)
        sync = SyncCompanyMetadata(stores.config, stores.standings, writer_over(stores), clock)

        async def send(name: str, at: datetime) -> Outcome:
            said = CompanyMetadataSync(where, {"name": name})
            return await sync(said, caller=ANYBODY, event_at=at)

        await send("ahead", AT + 3650 * DAY)
        clock.tick(MINUTE)
        assert (await send("late", AT - MINUTE)).notices == (STALE,)
        assert (await send("right", AT + MINUTE)).changed


def a_tenant() -> TenantArea:
    return owner(f"t{next(TENANTS)}")


def writer_over(stores: Stores) -> CredentialsWriter:
    sealer = Sealer(stores.secrets, MemorySecretVault())
    return CredentialsWriter(sealer, JsonYamlCodec(), MemoryOldCipher())
