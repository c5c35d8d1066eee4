from __future__ import annotations

import asyncio

import pytest
from attrs import evolve, frozen

from odoo_ai_config.adapters.memory.collection_store import MemoryCollectionStore
from odoo_ai_config.application import collections
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.collections import (
    PRODUCTS,
    CollectionHead,
    CollectionKey,
    CollectionName,
    CollectionPage,
    CollectionSync,
    Item,
    Position,
)
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import (
    CollectionNotEnabledError,
    CollectionNotFoundError,
    CursorExpiredError,
    DomainError,
    IdempotencyKeyReusedError,
    InvalidValueError,
    ItemNotFoundError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.identifiers import METADATA, BusinessArea, TenantId
from odoo_ai_config.domain.outcomes import ItemCounts, Outcome, WriteKind
from tests.contract.samples import AT, collection_key, deleted, item, key, owner, revision
from tests.unit.application.memory_hub import ANYBODY, STRANGER, MemoryHub, bound_to, claim

KEY = collection_key()
ACME = TenantId("acme")
CREW = bound_to("acme", Scope.CONFIG_READ)
ODOO = bound_to("acme", Scope.WEBHOOK)


async def push(
    hub: MemoryHub, *items: Item, removed: tuple[str, ...] = (), **how: bool
) -> Outcome:
    return await hub.sync_collection(KEY, CollectionSync(items, removed, **how), caller=ODOO)


async def enable(
    hub: MemoryHub, *names: str, domain: str = "default", kind: str = "config"
) -> None:
    body = revision(key(domain=domain, kind=kind), enabled_collections=list(names))
    await hub.ports.store.commit(Changeset(revisions=(body,)))


async def test_push_says_what_it_did(hub: MemoryHub) -> None:
    first = await push(hub, item("1"), item("2"), whole=True)
    assert first == Outcome(
        WriteKind.COLLECTION,
        owner("acme"),
        {"products_informations": 1},
        changed=True,
        at=AT,
        items=ItemCounts(2, 2, 0, 0, 0),
        digests=first.digests,
    )
    second = await push(hub, item("1"), item("3"), whole=True)
    assert second.items == ItemCounts(2, 1, 0, 1, 1)
    assert second.versions == {"products_informations": 2}
    assert first.digests.keys() == second.digests.keys() == {"products_informations"}
    assert first.digests != second.digests


async def test_push_of_the_same_makes_no_version(hub: MemoryHub) -> None:
    await push(hub, item("1"), whole=True)
    again = await push(hub, item("1"), whole=True)
    assert (again.changed, again.versions) == (False, {"products_informations": 1})
    nothing = await push(hub, removed=("9",))
    assert (nothing.changed, nothing.versions) == (False, {"products_informations": 1})


async def test_patch_that_finds_nothing_leaves_no_collection(hub: MemoryHub) -> None:
    outcome = await push(hub, removed=("9",))
    assert outcome.versions == {"products_informations": 0}
    assert await hub.ports.collections.head(KEY) is None


async def test_merge_keeps_the_fields_that_it_does_not_name(hub: MemoryHub) -> None:
    await push(hub, item("1", name="Camisa", price=5))
    await push(hub, item("1", price=6), item("2", price=7), merging=True)
    found = await hub.ports.collections.items(KEY, ["1", "2"])
    assert found["1"].body == {"name": "Camisa", "price": 6}
    assert found["2"].body == {"price": 7}
    again = await push(hub, item("1", price=6), merging=True)
    assert not again.changed


async def test_repeated_push_answers_as_the_first_did(hub: MemoryHub) -> None:
    sync = CollectionSync((item("1"),), whole=True)
    first = await hub.sync_collection(KEY, sync, caller=ODOO, claim=claim())
    await push(hub, item("2"))
    again = await hub.sync_collection(KEY, sync, caller=ODOO, claim=claim())
    assert again == first
    assert again.replayed
    assert set(await hub.ports.collections.digests(KEY)) == {"1", "2"}


async def test_idempotency_key_with_another_body_is_refused(hub: MemoryHub) -> None:
    sync = CollectionSync((item("1"),), whole=True)
    await hub.sync_collection(KEY, sync, caller=ODOO, claim=claim())
    with pytest.raises(IdempotencyKeyReusedError):
        await hub.sync_collection(KEY, sync, caller=ODOO, claim=claim(digest="other"))


async def test_writers_of_one_collection_lose_nothing(hub: MemoryHub) -> None:
    await asyncio.gather(*(push(hub, item(str(number))) for number in range(20)))
    head = await hub.ports.collections.head(KEY)
    assert head is not None
    assert (head.version, head.size) == (20, 20)


@pytest.mark.parametrize(
    ("caller", "error"),
    [
        (STRANGER, ScopeMissingError),
        (CREW, ScopeMissingError),
        (bound_to("other"), TenantForbiddenError),
    ],
)
async def test_who_may_not_push_is_refused(
    hub: MemoryHub, caller: object, error: type[DomainError]
) -> None:
    assert isinstance(caller, type(ANYBODY))
    with pytest.raises(error):
        await hub.sync_collection(KEY, CollectionSync(whole=True), caller=caller)
    assert await hub.ports.collections.head(KEY) is None


async def test_crew_reads_what_changed_since(hub: MemoryHub) -> None:
    await enable(hub, "products_informations")
    await push(hub, item("1"), item("2"), item("3"))
    everything = await hub.read_collection(KEY, caller=CREW)
    assert everything.page is not None
    assert [state.id for state in everything.page.states] == ["1", "2", "3"]
    nothing = await hub.read_collection(KEY, caller=CREW, since=everything.cursor)
    assert nothing.page == CollectionPage(everything.head, (), complete=True)
    assert nothing.cursor == everything.cursor
    await push(hub, item("2", new=True), removed=("3",))
    changed = await hub.read_collection(KEY, caller=CREW, since=nothing.cursor)
    assert changed.page is not None
    assert [(state.id, state.item is None) for state in changed.page.states] == [
        ("2", False),
        ("3", True),
    ]


async def test_pages_lead_on(hub: MemoryHub) -> None:
    await enable(hub, "products")
    await push(hub, *(item(str(number)) for number in range(5)))
    read: list[str] = []
    cursor, position = None, None
    for _ in range(3):
        reading = await hub.read_collection(KEY, caller=CREW, since=cursor, limit=2)
        assert reading.page is not None
        read += [state.id for state in reading.page.states]
        cursor, position = reading.cursor, reading.position
    assert read == ["0", "1", "2", "3", "4"]
    assert position == Position(1, 1)


class CountingStore(MemoryCollectionStore):
    """
    Records every read of items.
    """

    looks = 0

    async def page(
        self, key: CollectionKey, position: Position, *, limit: int
    ) -> CollectionPage | None:
        CountingStore.looks += 1
        return await super().page(key, position, limit=limit)


async def test_reader_who_has_everything_costs_no_look_at_items(hub: MemoryHub) -> None:
    await enable(hub, "products_informations")
    await push(hub, item("1"))
    store = CountingStore(hub.state)
    read = evolve(hub.read_collection, collections=store)
    cursor = (await read(KEY, caller=CREW)).cursor
    looks = CountingStore.looks
    await read(KEY, caller=CREW, since=cursor)
    known = await read(KEY, caller=CREW, known=lambda head: head.version == 1)
    assert known.page is None
    assert CountingStore.looks == looks


async def test_expired_and_odd_cursors_are_refused(hub: MemoryHub) -> None:
    await enable(hub, "products_informations")
    await push(hub, item("1"), item("2"))
    old = (await hub.read_collection(KEY, caller=CREW)).cursor
    await push(hub, removed=("1",))
    await push(hub, item("3"))
    await hub.ports.store.prune(RetentionPolicy(keep=1), now=AT)
    with pytest.raises(CursorExpiredError):
        await hub.read_collection(KEY, caller=CREW, since=old)
    with pytest.raises(InvalidValueError):
        await hub.read_collection(KEY, caller=CREW, since="tomorrow")


@frozen
class Late(MemoryCollectionStore):
    """
    Always returns the first head, whatever happens later.
    """

    first: CollectionHead

    async def head(self, key: CollectionKey) -> CollectionHead | None:
        return self.first

    async def page(
        self, key: CollectionKey, position: Position, *, limit: int
    ) -> CollectionPage | None:
        return await MemoryCollectionStore(self.state).page(key, position, limit=limit)


async def test_traces_that_go_while_a_page_is_read_are_noticed(hub: MemoryHub) -> None:
    await push(hub, item("1"), item("2"))
    cursor = (await hub.read_collection(KEY, caller=ANYBODY)).cursor
    await push(hub, removed=("1",))
    head = await hub.ports.collections.head(KEY)
    assert head is not None
    await push(hub, item("3"))
    await hub.ports.store.prune(RetentionPolicy(keep=1), now=AT)
    read = evolve(hub.read_collection, collections=Late(hub.state, head))
    with pytest.raises(CursorExpiredError):
        await read(KEY, caller=ANYBODY, since=cursor)


async def test_collection_that_goes_while_it_is_read_is_not_found(hub: MemoryHub) -> None:
    head = CollectionHead(KEY, 1, 0, AT, AT)
    read = evolve(hub.read_collection, collections=Late(hub.state, head))
    with pytest.raises(CollectionNotFoundError):
        await read(KEY, caller=ANYBODY)


async def test_only_enabled_collections_are_served_to_crews(hub: MemoryHub) -> None:
    await push(hub, item("1"))
    await enable(hub, "business-rules", domain="retail")
    for domain in (None, BusinessArea("retail")):
        with pytest.raises(CollectionNotEnabledError):
            await hub.read_collection(KEY, caller=CREW, domain=domain)
        with pytest.raises(CollectionNotEnabledError):
            await hub.read_collection.item(KEY, "1", caller=CREW, domain=domain)
    await enable(hub, "products", domain="services")
    assert (await hub.read_collection(KEY, caller=CREW)).head.version == 1
    services = BusinessArea("services")
    assert (await hub.read_collection(KEY, caller=CREW, domain=services)).head.version == 1
    with pytest.raises(CollectionNotEnabledError):
        await hub.read_collection(KEY, caller=CREW, domain=BusinessArea("retail"))


async def test_settings_count_before_what_the_company_says(hub: MemoryHub) -> None:
    await push(hub, item("1"))
    await enable(hub, "products", kind=str(METADATA))
    assert (await hub.read_collection(KEY, caller=CREW)).head.version == 1
    await enable(hub, "business_rules")
    with pytest.raises(CollectionNotEnabledError):
        await hub.read_collection(KEY, caller=CREW, domain=BusinessArea())


async def test_deleted_settings_enable_nothing(hub: MemoryHub) -> None:
    await push(hub, item("1"))
    settings = revision(key(), enabled_collections=["products"])
    await hub.ports.store.commit(Changeset(revisions=(settings,)))
    await hub.ports.store.commit(Changeset(revisions=(deleted(settings),)))
    with pytest.raises(CollectionNotEnabledError):
        await hub.read_collection(KEY, caller=CREW, domain=BusinessArea())


async def test_admin_reads_what_is_not_enabled(hub: MemoryHub) -> None:
    await push(hub, item("1"))
    assert (await hub.read_collection(KEY, caller=ANYBODY)).head.version == 1


SHIRTS = [item(str(n), name=f"Camisa {n}", colours=["Azul", None]) for n in range(1, 8)]


async def test_search_finds_words_in_values_without_case_and_accents(hub: MemoryHub) -> None:
    await enable(hub, "products_informations")
    await push(hub, item("1", name="Pão de Açúcar", price=7), item("2", name="Pá", price=70))
    search = hub.read_collection.search
    for text, ids in {
        "PAO": ["1"],
        "acucar  pão": ["1"],
        "p": ["1", "2"],
        "7": ["1", "2"],
        "name": [],
        "pão pá": ["1"],
        "none": [],
        " ": ["1", "2"],
    }.items():
        found = await search(KEY, text, caller=CREW)
        assert [state.id for state in found.states] == ids, text
        assert found.complete
    with pytest.raises(CollectionNotFoundError):
        await search(collection_key(name="business_rules"), "pão", caller=ANYBODY)


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_search_goes_on_where_it_stopped(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch, page: int, limit: int
) -> None:
    monkeypatch.setattr(collections, "LARGEST_PAGE", page)
    monkeypatch.setattr(collections, "MOST_SEARCHED", 4)
    await push(hub, *SHIRTS[:4])
    await push(hub, *SHIRTS[4:], item("0", name="Chapéu"), removed=("2",))
    ids, since, complete = [], None, False
    while not complete:
        found = await hub.read_collection.search(
            KEY, "azul camisa", caller=ANYBODY, since=since, limit=limit
        )
        assert len(found.states) <= limit
        ids += [state.id for state in found.states]
        since, complete = found.cursor, found.complete
    assert ids == ["1", "3", "4", "5", "6", "7"]


async def test_collection_and_item_that_are_not_there_are_told_apart(hub: MemoryHub) -> None:
    await enable(hub, "products_informations")
    with pytest.raises(CollectionNotFoundError):
        await hub.read_collection(KEY, caller=CREW)
    with pytest.raises(CollectionNotFoundError):
        await hub.read_collection.item(KEY, "1", caller=CREW)
    await push(hub, item("1", name="Camisa"))
    assert await hub.read_collection.item(KEY, "1", caller=CREW) == item("1", name="Camisa")
    with pytest.raises(ItemNotFoundError):
        await hub.read_collection.item(KEY, "2", caller=CREW)


async def test_list_shows_what_was_pushed_and_what_is_enabled(hub: MemoryHub) -> None:
    await push(hub, item("1"))
    await enable(hub, "business_rules")
    found = await hub.read_collection.all_of(ACME, caller=CREW)
    assert [(one.name, one.enabled, one.head is None) for one in found] == [
        (CollectionName("business_rules"), True, True),
        (PRODUCTS, False, False),
    ]
    assert await hub.read_collection.all_of(TenantId("b"), caller=ANYBODY) == []


@pytest.mark.parametrize(
    ("caller", "error"),
    [(ODOO, ScopeMissingError), (bound_to("other"), TenantForbiddenError)],
)
async def test_who_may_not_read_is_refused(
    hub: MemoryHub, caller: object, error: type[DomainError]
) -> None:
    assert isinstance(caller, type(ANYBODY))
    await push(hub, item("1"))
    with pytest.raises(error):
        await hub.read_collection(KEY, caller=caller)
    with pytest.raises(error):
        await hub.read_collection.item(KEY, "1", caller=caller)
    with pytest.raises(error):
        await hub.read_collection.all_of(ACME, caller=caller)
