"""
The guarantees of suspension and erasure, over every store.
"""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve

from odoo_ai_config.application.errors import TenantKeyChangedError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.phone import comparable
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import HUB, TenantId
from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.domain.tenants import (
    Standing,
    TenantContents,
    TenantErasedError,
    TenantState,
)
from tests.contract.samples import (
    AT,
    DAY,
    address,
    api_key,
    audit_entry,
    collection_key,
    credentials,
    destination,
    everything,
    full,
    item,
    mapping,
    message,
    pushed,
    request_record,
    revision,
    secret,
    sighting,
    stray,
    tenant_key,
)
from tests.contract.samples import key as document_key
from tests.contract.snapshot import snapshot_of
from tests.contract.stores import StoreContract, Stores

ACME, OTHER = TenantId("acme"), TenantId("other")
KEY = "key-of-acme"


def state(standing: Standing = Standing.SUSPENDED, number: int = 1) -> TenantState:
    return TenantState(ACME, number, standing, AT, "operator", "contract ended")


def erasing(number: int = 1, *keys: str) -> TenantState:
    return evolve(state(Standing.ERASING, number), data_keys=keys)


async def commit(stores: Stores, *states: TenantState) -> None:
    await stores.config.commit(Changeset(tenant_states=states))


async def close(stores: Stores) -> None:
    """
    Begin the erasure of a tenant that has everything.
    """
    await stores.config.commit(everything())
    await commit(stores, erasing(1, KEY))


async def empty(stores: Stores) -> None:
    while await stores.tenants.remove_some(ACME):
        pass


# Everything that would bring something of a tenant.
WRITES: dict[str, Changeset] = {
    "document": Changeset(revisions=(revision(document_key(kind="notes")),)),
    "successor": Changeset(revisions=(revision(version=2),)),
    "mapping": Changeset(mappings=(mapping("7", "7"),)),
    "first key": Changeset(
        revisions=(credentials(tenant="acme", b=2),), new_tenant_key=tenant_key()
    ),
    "collection": Changeset(collections=(pushed(item("2"), key=collection_key(name="rules")),)),
    "message": Changeset(messages=(message("new-message"),)),
    "ignored message": Changeset(
        messages=(evolve(message("new-message"), stage=Stage.IGNORED, due_at=None, body=None),)
    ),
    "pause": Changeset(sightings=(sighting("99", full()),)),
    "API key": Changeset(api_keys=(api_key("new", tenant="acme"),)),
    "address": Changeset(addresses=(address("new"),)),
}


class TenantStoreContract(StoreContract):
    async def test_erased_tenant_is_among_no_active_keys(self, stores: Stores) -> None:
        await close(stores)
        await stores.config.commit(Changeset(new_tenant_key=tenant_key("other")))
        assert list(await stores.secrets.active_keys()) == [tenant_key("other")]

    async def test_unknown_tenant_is_active(self, stores: Stores) -> None:
        assert await stores.tenants.current(ACME) is None
        assert (await stores.tenants.remembered(ACME)).standing is Standing.ACTIVE

    async def test_state_is_read_back(self, stores: Stores) -> None:
        erased = evolve(
            erasing(1, "a", "b"), contents=TenantContents(documents=3), certificate="{}"
        )
        await stores.config.commit(Changeset(tenant_states=(erased,)))
        assert await stores.tenants.current(ACME) == erased

    async def test_states_follow_one_another(self, stores: Stores) -> None:
        await commit(stores, state())
        for wrong in (1, 3):
            with pytest.raises(RevisionConflictError):
                await commit(stores, state(Standing.ACTIVE, wrong))
        assert (await stores.tenants.remembered(ACME)).standing is Standing.SUSPENDED
        await commit(stores, state(Standing.ACTIVE, 2))
        assert (await stores.tenants.remembered(ACME)).standing is Standing.ACTIVE

    async def test_one_of_two_writers_of_a_state_wins(self, stores: Stores) -> None:
        results = await asyncio.gather(
            *(commit(stores, evolve(state(), by=str(number))) for number in range(5)),
            return_exceptions=True,
        )
        assert sum(result is None for result in results) == 1
        assert sum(isinstance(result, RevisionConflictError) for result in results) == 4

    async def test_states_are_listed_by_tenant(self, stores: Stores) -> None:
        states = [evolve(state(), tenant=TenantId(name)) for name in ("b", "c", "a")]
        await commit(stores, *states, evolve(erasing(), tenant=TenantId("d")))
        listed = await stores.tenants.states({Standing.SUSPENDED})
        assert [one.tenant.value for one in listed] == ["a", "b", "c"]
        page = await stores.tenants.states(
            {Standing.SUSPENDED, Standing.ERASING}, after=TenantId("b"), limit=1
        )
        assert [one.tenant.value for one in page] == ["c"]

    async def test_other_process_sees_a_standing(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await commit(second_stores, state())
        assert await stores.tenants.current(ACME) == state()
        assert (await stores.tenants.remembered(ACME)).standing is Standing.SUSPENDED

    async def test_suspended_tenant_is_written(self, stores: Stores) -> None:
        await stores.config.commit(everything())
        await commit(stores, state())
        for name in ("document", "successor", "mapping", "message"):
            await stores.config.commit(WRITES[name])

    @pytest.mark.parametrize("name", WRITES)
    async def test_nothing_new_comes_to_a_closed_tenant(self, stores: Stores, name: str) -> None:
        await close(stores)
        write = WRITES[name]
        before = await snapshot_of(stores, everything(), write)
        with pytest.raises(TenantErasedError):
            await stores.config.commit(write)
        assert await snapshot_of(stores, everything(), write) == before
        await empty(stores)
        await commit(stores, state(Standing.ERASED, 2))
        if name == "successor":
            write = Changeset(revisions=(revision(),))
        with pytest.raises(TenantErasedError):
            await stores.config.commit(write)
        assert await stores.tenants.contents(ACME) == TenantContents(channels=2)

    async def test_nothing_is_sealed_for_a_closed_tenant(self, stores: Stores) -> None:
        await close(stores)
        under = tenant_key(key_id=KEY)
        sealed = Changeset(secrets=(secret(number=7, key_id=KEY),), sealed_under=under)
        with pytest.raises(TenantKeyChangedError):
            await stores.config.commit(sealed)
        assert await stores.secrets.sealing_key(ACME) is None

    async def test_other_process_brings_nothing_to_a_closed_tenant(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await second_stores.config.commit(everything())
        # It has used the key and may remember it.
        under = await second_stores.secrets.sealing_key(ACME)
        for number in range(3):
            await second_stores.config.commit(
                Changeset(secrets=(secret(number=number, key_id=KEY),), sealed_under=under)
            )
        await commit(stores, erasing(1, KEY))
        sealed = Changeset(secrets=(secret(number=7, key_id=KEY),), sealed_under=under)
        with pytest.raises(TenantKeyChangedError):
            await second_stores.config.commit(sealed)
        with pytest.raises(TenantErasedError):
            await second_stores.config.commit(WRITES["document"])

    async def test_closing_and_writing_at_the_same_time(self, stores: Stores) -> None:
        await stores.config.commit(everything())

        async def written(number: int) -> bool:
            where = document_key(kind=f"notes-{number}")
            try:
                await stores.config.commit(Changeset(revisions=(revision(where),)))
            except TenantErasedError:
                return False
            return True

        async def closed() -> bool:
            await commit(stores, erasing(1, KEY))
            await empty(stores)
            return True

        await asyncio.gather(*map(written, range(10)), closed(), *map(written, range(10, 20)))
        # What was accepted came before, and went.
        assert (await stores.tenants.contents(ACME)).documents == 0

    async def test_other_tenants_are_written_while_one_is_closed(self, stores: Stores) -> None:
        await close(stores)
        await stores.config.commit(everything("other", "d2", "2"))
        assert await stores.config.documents(OTHER)

    async def test_the_hub_itself_goes_on(self, stores: Stores) -> None:
        await close(stores)
        await stores.config.commit(
            Changeset(messages=(stray("stray-message"),), audit=(audit_entry(),))
        )
        assert HUB not in {one.tenant for one in await stores.tenants.states(set(Standing))}

    async def test_revocation_counts_for_a_closed_tenant(self, stores: Stores) -> None:
        await close(stores)
        key, at = api_key("api-key-of-acme", tenant="acme").revoked(AT), AT + DAY
        revoked = address("address-of-acme").revoked(at, "operator")
        await stores.config.commit(Changeset(api_keys=(key,), addresses=(revoked,)))
        found = await stores.api_keys.api_key(key.id)
        assert found == key

    async def test_stored_message_may_move_on_and_is_removed(self, stores: Stores) -> None:
        await close(stores)
        received = message("message-of-acme")
        ignored = evolve(received, revision=2, stage=Stage.IGNORED, due_at=None, reason="x")
        await stores.config.commit(Changeset(messages=(ignored,)))
        await empty(stores)
        later = evolve(ignored, revision=3)
        with pytest.raises(RevisionConflictError):
            await stores.config.commit(Changeset(messages=(later,), sightings=(sighting(),)))
        assert await stores.inbox.find(received.id) is None

    async def test_closing_destroys_the_data_keys(self, stores: Stores) -> None:
        await stores.config.commit(everything())
        await stores.config.commit(everything("other", "d2", "2"))
        await commit(stores, erasing(1, KEY))
        assert await stores.secrets.keys_of(ACME) == []
        assert await stores.secrets.active_key(ACME) is None
        assert await stores.secrets.tenant_key(ACME, KEY) is None
        assert await stores.secrets.active_key(OTHER) is not None
        assert await stores.secrets.master_ids() == {"m1": 1}

    async def test_state_names_the_keys_that_it_destroys(self, stores: Stores) -> None:
        await stores.config.commit(everything())
        first = tenant_key(key_id=KEY)
        assert await stores.secrets.keys_of(ACME) == [first]
        assert await stores.secrets.add_key(tenant_key(key_id="k2"), successor_of=first)
        for wrong in ((), (KEY,), (KEY, "k2", "k3")):
            with pytest.raises(TenantKeyChangedError):
                await commit(stores, erasing(1, *wrong))
        assert [key.key_id for key in await stores.secrets.keys_of(ACME)] == [KEY, "k2"]
        await commit(stores, erasing(1, "k2", KEY))
        assert await stores.secrets.keys_of(ACME) == []

    async def test_key_of_a_closed_tenant_does_not_come_back(self, stores: Stores) -> None:
        await close(stores)
        first = tenant_key(key_id=KEY)
        assert not await stores.secrets.add_key(tenant_key(key_id="k2"), successor_of=first)
        assert not await stores.secrets.rewrap(first, tenant_key(key_id=KEY, master_id="m2"))
        sealed = secret(key_id=KEY)
        assert not await stores.secrets.reseal(sealed, evolve(sealed, envelope=b"x"))
        assert await stores.secrets.keys_not_wrapped_by("m2", limit=5) == []

    async def test_contents_are_counted(self, stores: Stores) -> None:
        assert await stores.tenants.contents(ACME) == TenantContents()
        record = request_record()
        await stores.config.commit(everything())
        await stores.config.commit(Changeset(revisions=(revision(version=2),)))
        await stores.config.commit(evolve(everything("other", "d2", "2"), idempotency_record=None))
        assert record.outcome.owner.tenant == ACME
        assert await stores.tenants.contents(ACME) == TenantContents(
            documents=2,
            revisions=3,
            credentials=1,
            channels=2,
            collections=1,
            items=1,
            messages=1,
            conversations=1,
            requests=1,
            api_keys=1,
            addresses=1,
        )

    async def test_everything_of_one_tenant_is_removed(self, stores: Stores) -> None:
        other = everything("other", "d2", "2")
        await stores.config.commit(evolve(other, idempotency_record=None))
        untouched = await snapshot_of(stores, other)
        await close(stores)
        await empty(stores)
        assert await stores.tenants.contents(ACME) == TenantContents(channels=2)
        left = await snapshot_of(stores, everything(), other)
        for part in ("tenants", "documents", "history", "secrets", "messages", "conversations"):
            assert getattr(left, part) == getattr(untouched, part)
        for part in ("collections", "api_keys", "addresses", "masters", "active_keys"):
            assert getattr(left, part) == getattr(untouched, part)
        assert left.idempotency_records == []
        assert [entry.tenant for entry in left.audit if entry.tenant == ACME]

    async def test_removing_goes_on_where_it_ended(self, stores: Stores) -> None:
        await close(stores)
        assert await stores.tenants.remove_some(ACME)
        await empty(stores)
        assert await stores.tenants.contents(ACME) == TenantContents(channels=2)
        assert not await stores.tenants.remove_some(ACME)

    async def test_many_are_removed(self, stores: Stores) -> None:
        await stores.config.commit(everything())
        many = [message(f"message-{number}", str(number)) for number in range(120)]
        await stores.config.commit(Changeset(messages=tuple(many)))
        for version in range(2, 60):
            await stores.config.commit(Changeset(revisions=(revision(version=version),)))
        await commit(stores, erasing(1, KEY))
        await empty(stores)
        assert await stores.tenants.contents(ACME) == TenantContents(channels=2)
        assert await stores.inbox.page(list(Stage), limit=500) == []

    async def test_history_of_the_mapping_keeps_no_number(self, stores: Stores) -> None:
        numbers = (("5511987654321", "boss"),)
        first = mapping(numbers=numbers)
        moved = mapping(version=2, tenant="other")
        await stores.config.commit(Changeset(mappings=(first,)))
        await stores.config.commit(Changeset(mappings=(moved,)))
        await commit(stores, erasing(1))
        await empty(stores)
        channel = first.mapping.key
        kept = await stores.channels.revision(channel, 1)
        assert kept is not None
        assert kept.mapping == evolve(first.mapping, numbers=())
        assert (await stores.channels.current([channel]))[channel] == moved

    async def test_conversation_of_two_tenants_goes_on(self, stores: Stores) -> None:
        first, second = (
            message("first-message"),
            message("second-message", tenant="other", minute=1),
        )
        await stores.config.commit(Changeset(messages=(first,)))
        await stores.config.commit(Changeset(messages=(second,)))
        await commit(stores, erasing(1))
        await empty(stores)
        assert await stores.inbox.find(first.id) is None
        assert await stores.inbox.next_due() == second.due_at
        third = evolve(message("third-message", minute=2), destination=destination("other"))
        await stores.config.commit(Changeset(messages=(third,)))
        done = evolve(second, revision=2, stage=Stage.DONE, due_at=None, updated_at=AT + DAY)
        await stores.config.commit(Changeset(messages=(done,)))
        assert await stores.inbox.next_due() == third.due_at

    async def test_message_that_comes_again_is_new(self, stores: Stores) -> None:
        await close(stores)
        await empty(stores)
        await commit(stores, state(Standing.ERASED, 2))
        await commit(stores, state(Standing.ACTIVE, 3))
        await stores.config.commit(Changeset(messages=(message("message-of-acme"),)))

    async def test_reopened_tenant_begins_anew(self, stores: Stores) -> None:
        await close(stores)
        await empty(stores)
        await commit(stores, state(Standing.ERASED, 2))
        await commit(stores, state(Standing.ACTIVE, 3))
        assert (await stores.tenants.remembered(ACME)).standing is Standing.ACTIVE
        again = everything()
        await stores.config.commit(evolve(again, mappings=()))
        key = await stores.secrets.active_key(ACME)
        assert key == again.new_tenant_key
        for number in range(3):
            sealed = Changeset(secrets=(secret(number=number + 5, key_id=KEY),), sealed_under=key)
            await stores.config.commit(sealed)
        for name in ("document", "message", "API key"):
            await stores.config.commit(WRITES[name])

    async def test_scrubbing_leaves_the_rest(self, stores: Stores) -> None:
        await stores.config.commit(everything("other", "d2", "2"))
        before = await snapshot_of(stores, everything("other", "d2", "2"))
        assert await stores.tenants.scrub(large=True)
        assert await snapshot_of(stores, everything("other", "d2", "2")) == before

    async def test_forgets_one_number_in_the_history(self, stores: Stores) -> None:
        mobile, other = "5511987654321", "5511999990000"
        first = mapping(numbers=((mobile, "boss"), (other, "shop")))
        second = mapping(version=2, numbers=((mobile, "admin"),))
        third = mapping(version=3, tenant="other", numbers=((mobile, "boss"),))
        for one in (first, second, third, mapping(version=4, tenant="other")):
            await stores.config.commit(Changeset(mappings=(one,)))
        await stores.tenants.forget_number(ACME, comparable(mobile))
        channel = first.mapping.key
        kept = [await stores.channels.revision(channel, version) for version in (1, 2, 3)]
        left = [[special.number.digits for special in one.mapping.numbers] for one in kept if one]
        assert left == [[other], [], [mobile]]
