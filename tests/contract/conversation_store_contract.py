"""
What every ConversationStore promises.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo_ai_config.application.errors import MessageRecordedError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.conversations.state import (
    MOST_MARKS,
    NOTHING_SEEN,
    Conversation,
    ConversationKey,
    Pause,
    Seen,
    Sighting,
    succeeding,
)
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from tests import strategies
from tests.contract.samples import AT, DAY, MINUTE, full, message, owner, sighting
from tests.contract.stores import StoreContract, Stores

FEW_KEYS = st.builds(
    ConversationKey, st.just(ChatwootId("1")), st.sampled_from([ChatwootId("1"), ChatwootId("2")])
)


def after(*sightings: Sighting) -> Conversation:
    known = None
    for one in sightings:
        known = succeeding(known, one)
    assert known is not None
    return known


async def see(stores: Stores, *sightings: Sighting) -> None:
    for one in sightings:
        await stores.config.commit(Changeset(sightings=(one,)))


async def names(stores: Stores, tenant: str | None = None, **page: int | str) -> list[str]:
    behind = None
    if "after" in page:
        account, _, id_ = str(page["after"]).partition("/")
        behind = ConversationKey(ChatwootId(account), ChatwootId(id_))
    found = await stores.conversations.page(
        tenant=None if tenant is None else TenantId(tenant),
        after=behind,
        limit=int(page.get("limit", 100)),
    )
    return [str(one.key) for one in found]


class ConversationStoreContract(StoreContract):
    async def test_no_conversation_is_known_at_first(self, stores: Stores) -> None:
        assert await stores.conversations.find(sighting().key) is None
        assert await names(stores) == []

    async def test_conversation_is_found_by_account_and_id(self, stores: Stores) -> None:
        seen = [sighting("1", full()), sighting("1", account="2"), sighting("11")]
        await see(stores, *seen)
        for one in seen:
            assert await stores.conversations.find(one.key) == after(one)
        unknown = ConversationKey(ChatwootId("2"), ChatwootId("11"))
        assert await stores.conversations.find(unknown) is None

    async def test_sighting_changes_the_state_before_it(self, stores: Stores) -> None:
        seen = [sighting(seen=full()), sighting(minute=1, seen=Seen(resumes=True))]
        await see(stores, *seen)
        found = await stores.conversations.find(seen[0].key)
        assert found == after(*seen)
        assert found.pause is None
        assert found.team == "vendas"

    async def test_sightings_of_one_changeset_count_in_their_order(self, stores: Stores) -> None:
        seen = (
            sighting(seen=full()),
            sighting(seen=Seen(owner=owner("other"))),
            sighting("2", NOTHING_SEEN),
        )
        await stores.config.commit(Changeset(sightings=seen))
        assert await stores.conversations.find(seen[0].key) == after(*seen[:2])
        assert await stores.conversations.find(seen[2].key) == after(seen[2])

    async def test_refused_message_refuses_its_sighting_too(self, stores: Stores) -> None:
        await stores.config.commit(Changeset(messages=(message(),)))
        again = evolve(message(), id=message("message-2").id)
        with pytest.raises(MessageRecordedError):
            await stores.config.commit(Changeset(messages=(again,), sightings=(sighting(),)))
        assert await stores.conversations.find(sighting().key) is None

    async def test_no_concurrent_sighting_is_lost(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        marks = [f"mark-{number}" for number in range(12)]
        await asyncio.gather(
            *(
                see((stores, second_stores)[number % 2], sighting(seen=Seen(mark=mark)))
                for number, mark in enumerate(marks)
            )
        )
        found = await stores.conversations.find(sighting().key)
        assert found is not None
        assert sorted(found.marks) == sorted(marks)
        assert found.revision == len(marks)

    async def test_only_the_newest_marks_are_kept(self, stores: Stores) -> None:
        seen = [sighting(seen=Seen(mark=str(number))) for number in range(MOST_MARKS + 2)]
        await stores.config.commit(Changeset(sightings=tuple(seen)))
        found = await stores.conversations.find(sighting().key)
        assert found is not None
        assert found.marks == tuple(str(number) for number in range(2, MOST_MARKS + 2))

    async def test_conversations_are_listed_page_by_page(self, stores: Stores) -> None:
        await see(stores, *(sighting(id_, account="2") for id_ in ("3", "1", "2")))
        await see(stores, sighting("9", account="1"), sighting("1", account="3"))
        assert await names(stores) == ["1/9", "2/1", "2/2", "2/3", "3/1"]
        assert await names(stores, limit=2) == ["1/9", "2/1"]
        assert await names(stores, after="2/1", limit=2) == ["2/2", "2/3"]
        assert await names(stores, after="3/1") == []

    async def test_conversations_of_one_tenant_are_listed(self, stores: Stores) -> None:
        await see(stores, sighting("1", full()), sighting("2", full("other")))
        await see(stores, sighting("3", full()), sighting("4"))
        assert await names(stores, "acme") == ["1/1", "1/3"]
        assert await names(stores, "acme", after="1/1") == ["1/3"]
        assert await names(stores, "other", limit=1) == ["1/2"]
        assert await names(stores, "nobody") == []

    async def test_old_conversations_are_removed_but_not_a_paused_one(
        self, stores: Stores
    ) -> None:
        await see(stores, *(sighting(str(number), minute=number) for number in range(3)))
        await see(stores, sighting("4", full()))
        assert await stores.conversations.prune(before=AT + MINUTE) == 1
        assert await names(stores) == ["1/1", "1/2", "1/4"]
        assert await stores.conversations.prune(before=AT + DAY) == 2
        assert await stores.conversations.prune(before=AT + DAY) == 0
        assert await names(stores) == ["1/4"]

    async def test_paused_conversation_is_removed_when_its_pause_has_been_over_as_long(
        self, stores: Stores
    ) -> None:
        for number, until in enumerate((AT - DAY, AT + DAY, None)):
            await see(stores, sighting(str(number), Seen(pause=Pause("note", until))))
        await see(stores, sighting("3", Seen(pause=Pause("note", AT)), minute=1))
        assert await stores.conversations.prune(before=AT) == 0
        assert await stores.conversations.prune(before=AT + MINUTE) == 1
        assert await names(stores) == ["1/1", "1/2", "1/3"]
        assert await stores.conversations.prune(before=AT + DAY) == 1
        assert await names(stores) == ["1/1", "1/2"]
        assert await stores.conversations.prune(before=AT + DAY + MINUTE) == 1
        assert await stores.conversations.prune(before=AT + 999 * DAY) == 0
        assert await names(stores) == ["1/2"]

    async def test_conversation_that_is_written_or_paused_again_stays(
        self, stores: Stores
    ) -> None:
        for minute in (0, 10):
            seen = Seen(pause=Pause("note", AT + (minute + 1) * MINUTE))
            await see(stores, sighting("1", seen, minute=minute))
            await see(stores, sighting("2", seen, minute=0))
            await see(stores, sighting("3", Seen(resumes=minute > 0, mark="m"), minute=minute))
        assert await stores.conversations.prune(before=AT + 10 * MINUTE) == 0
        assert await stores.conversations.prune(before=AT + 11 * MINUTE) == 1
        assert await names(stores) == ["1/1", "1/2"]
        assert await stores.conversations.prune(before=AT + 12 * MINUTE) == 2

    @pytest.mark.bulk
    async def test_many_old_conversations_are_removed(self, stores: Stores) -> None:
        many = tuple(sighting(str(number)) for number in range(1, 502))
        await stores.config.commit(Changeset(sightings=many))
        assert await stores.conversations.prune(before=AT + DAY) == len(many)

    @settings(
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.function_scoped_fixture,
            # The same test runs for every technology.
            HealthCheck.differing_executors,
        ]
    )
    @given(seen=st.lists(strategies.sightings(FEW_KEYS), max_size=6), before=strategies.instants())
    async def test_state_is_what_the_sightings_make_of_it_until_it_is_old(
        self, stores: Stores, seen: list[Sighting], before: datetime
    ) -> None:
        # Earlier examples used the same conversations.
        model = {one.key: await stores.conversations.find(one.key) for one in seen}
        for one in seen:
            model[one.key] = succeeding(model[one.key], one)
            await see(stores, one)
        for key, expected in model.items():
            assert await stores.conversations.find(key) == expected
        await stores.conversations.prune(before=before)
        for key, expected in model.items():
            pause = None if expected is None else expected.pause
            gone = expected is not None and expected.updated_at < before
            if pause is not None:
                gone = gone and pause.until is not None and pause.until < before
            assert await stores.conversations.find(key) == (None if gone else expected)

    async def test_erased_customer_leaves_the_spared_names_only(self, stores: Stores) -> None:
        labels = ("vip", "Humano", "ana-maria")
        told = evolve(full(), team="Vendas", labels=labels)
        for number, spared in enumerate(({"humano", "vendas"}, {"vip"}, set[str]()), start=1):
            await see(stores, sighting(str(number), told))
            known = await stores.conversations.find(sighting(str(number)).key)
            assert known is not None
            forgetting = Seen(forgets_all_but=frozenset(spared))
            await see(stores, sighting(str(number), forgetting, minute=1))
            found = await stores.conversations.find(known.key)
            assert found == evolve(
                known,
                revision=2,
                team="Vendas" if "vendas" in spared else None,
                labels=tuple(one for one in labels if one.lower() in spared),
            )

    async def test_what_is_said_of_known_conversations_begins_none(self, stores: Stores) -> None:
        forgets = Seen(forgets_all_but=frozenset({"vip"}))
        moves = Seen(owner=owner("other"), moved_from=owner())
        gone, also = sighting("1", forgets), sighting("2", moves)
        await stores.config.commit(Changeset(sightings=(gone, also, sighting("3", full()))))
        assert await names(stores) == ["1/3"]
        # It was known to whoever decided, and is removed before that is committed.
        await stores.conversations.prune(before=AT + 9 * DAY)
        await see(stores, sighting("3", forgets), sighting("3", moves))
        assert await names(stores) == []

    async def test_second_instance_sees_a_new_state_at_once(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        first, second = sighting(seen=full()), sighting(minute=1, seen=Seen(resumes=True))
        await see(stores, first)
        assert await second_stores.conversations.find(first.key) == after(first)
        await see(second_stores, second)
        assert await stores.conversations.find(first.key) == after(first, second)
