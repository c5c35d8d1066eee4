"""
What every ChannelDirectory promises: routing from it is routing from all mappings.
"""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import (
    ChannelClaim,
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    Rivals,
)
from odoo_ai_config.domain.channels.phone import comparable
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route, RoutingTable, Rule
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from tests import strategies
from tests.contract.samples import AT, mapping, owner
from tests.contract.stores import StoreContract, Stores

MOBILE, MOBILE_WITHOUT_NINTH = "5511987654321", "551187654321"


def message(
    account: str = "1", inbox: str | None = "1", number: str | None = None
) -> IncomingMessage:
    return IncomingMessage(
        ChatwootId(account), None if inbox is None else ChatwootId(inbox), number
    )


async def put(stores: Stores, *mappings: ChannelMapping) -> None:
    """
    Write *mappings* one after the other, each as the next version of its channel.
    """
    for new in mappings:
        await put_at_once(stores, new)


async def put_at_once(stores: Stores, *mappings: ChannelMapping) -> None:
    """
    Write the last of *mappings* for each channel, all in one commit.
    """
    new = {mapping.key: mapping for mapping in mappings}
    current = await stores.channels.current(list(new))
    versions = {key: revision.version for key, revision in current.items()}
    written = [
        MappingRevision(mapping, versions.get(key, 0) + 1, AT, AT, "writer")
        for key, mapping in new.items()
    ]
    await stores.config.commit(Changeset(mappings=tuple(written)))


async def routed(stores: Stores, asked: IncomingMessage) -> Route:
    table = await stores.channels.table_for(asked, explaining=True)
    route = table.explain(asked)
    # Without an explanation fewer rules are read.
    found = (await stores.channels.table_for(asked)).resolve(asked)
    assert (found, found.mapping_version) == (table.resolve(asked), route.mapping_version)
    return route


class ChannelDirectoryContract(StoreContract):
    async def test_nothing_is_mapped_at_first(self, stores: Stores) -> None:
        assert await stores.channels.mappings() == []
        assert await stores.channels.mappings(TenantId("acme")) == []
        assert await stores.channels.current([mapping().mapping.key]) == {}
        route = await routed(stores, message(number=MOBILE))
        assert route == RoutingTable().explain(message(number=MOBILE))

    async def test_mapping_is_kept_as_it_was(self, stores: Stores) -> None:
        written = mapping(
            "a-1",
            "Z" * 64,
            fallback=True,
            sequence=2**31 - 1,
            numbers=((MOBILE, "boss"), ("12345678", "crew.2-b_C"), (MOBILE_WITHOUT_NINTH, "z")),
        )
        await stores.config.commit(Changeset(mappings=(written,)))
        assert await stores.channels.mappings() == [written]
        [found] = (await stores.channels.current([written.mapping.key])).values()
        assert found == written
        # A number equals itself with its ninth digit; its written form is kept.
        digits = [special.number.digits for special in found.mapping.numbers]
        assert digits == [MOBILE, "12345678", MOBILE_WITHOUT_NINTH]

    async def test_every_kind_of_key_is_a_channel_of_its_own(self, stores: Stores) -> None:
        written = [
            mapping("1", "1"),
            mapping("1", None),
            mapping(None, "1"),
            mapping(None, None),
            mapping(None, None, tenant="other"),
            mapping("11", None),
        ]
        await put(stores, *(new.mapping for new in written))
        keys = [new.mapping.key for new in written]
        found = await stores.channels.current(keys)
        assert {place: new.mapping for place, new in found.items()} == {
            new.mapping.key: new.mapping for new in written
        }
        listed = [str(new.mapping.key) for new in await stores.channels.mappings()]
        assert listed == sorted(map(str, keys))

    async def test_route_tells_the_version_of_the_mapping_that_decided(
        self, stores: Stores
    ) -> None:
        asked = message("1", "1")
        # The table is read in between, as by a running process.
        for version, tenant in enumerate(("a", "b", "c"), start=1):
            moved = mapping("1", "1", version, tenant=tenant)
            await stores.config.commit(Changeset(mappings=(moved,)))
            route = await routed(stores, asked)
            assert (route.owner, route.mapping_version) == (owner(tenant), version)
        assert (await routed(stores, message("2", "1"))).mapping_version == 0

    async def test_unknown_keys_are_left_out(self, stores: Stores) -> None:
        await put(stores, mapping("1", "1").mapping)
        unknown = [mapping("1", "2").mapping.key, ChannelKey(ChatwootId("1"))]
        assert await stores.channels.current(unknown) == {}
        assert await stores.channels.current([]) == {}

    async def test_newest_revision_counts_and_inactive_ones_are_listed(
        self, stores: Stores
    ) -> None:
        active = mapping("1", "1").mapping
        await put(stores, active, evolve(active, active=False))
        [found] = await stores.channels.mappings()
        assert (found.version, found.mapping.active) == (2, False)
        assert await stores.channels.current([active.key]) == {active.key: found}

    async def test_mappings_of_one_tenant(self, stores: Stores) -> None:
        await put(
            stores,
            mapping("1", "1").mapping,
            mapping("1", "2", tenant="acme2").mapping,
            evolve(mapping("1", "3").mapping, owner=owner("acme", "sales")),
            mapping("1", "4", tenant="Acme").mapping,
        )
        found = await stores.channels.mappings(TenantId("acme"))
        assert [str(new.mapping.key) for new in found] == ["channel/1/1", "channel/1/3"]

    async def test_moved_channel_belongs_to_its_new_owner_alone(self, stores: Stores) -> None:
        number = ((MOBILE, "boss"),)
        await put(
            stores,
            mapping("1", "1", numbers=number, fallback=True).mapping,
            mapping("1", "1", tenant="other").mapping,
        )
        assert await stores.channels.mappings(TenantId("acme")) == []
        route = await routed(stores, message())
        assert (route.owner, route.matched_by) == (owner("other"), Rule.INBOX)
        elsewhere = await routed(stores, message("1", "2", MOBILE))
        assert (elsewhere.owner, elsewhere.crew) == (owner("other"), None)

    async def test_inactive_mapping_routes_nothing_until_it_is_active_again(
        self, stores: Stores
    ) -> None:
        active = mapping("1", None, numbers=((MOBILE, "boss"),), fallback=True).mapping
        await put(stores, active, evolve(active, active=False))
        assert (await routed(stores, message(number=MOBILE))).matched_by is Rule.UNRESOLVED
        await put(stores, active)
        route = await routed(stores, message(number=MOBILE))
        assert (route.matched_by, route.crew) == (Rule.ACCOUNT, "boss")

    async def test_number_is_found_with_and_without_its_ninth_digit(self, stores: Stores) -> None:
        await put(
            stores,
            mapping("1", "1", numbers=((MOBILE_WITHOUT_NINTH, "boss"),)).mapping,
            mapping("1", "6", tenant="beside").mapping,
        )
        for written in (MOBILE, MOBILE_WITHOUT_NINTH, f"whatsapp:+{MOBILE}"):
            route = await routed(stores, message("1", "9", written))
            assert (route.matched_by, route.crew) == (Rule.SPECIAL_NUMBER, "boss")
            # Known, but of a tenant without this account.
            assert (await routed(stores, message("2", None, written))).owner is None

    async def test_landline_is_not_the_mobile_number_that_looks_like_it(
        self, stores: Stores
    ) -> None:
        landline, mobile = "551133334444", "5511933334444"
        await put(
            stores,
            mapping("1", "1", numbers=((landline, "shop"), (MOBILE, "boss"))).mapping,
            mapping("1", "2", tenant="b", numbers=((mobile, "admin"),)).mapping,
        )
        assert (await routed(stores, message("1", "9", landline))).crew == "shop"
        assert (await routed(stores, message("1", "9", mobile))).crew == "admin"
        assert (await routed(stores, message("1", "1", mobile))).crew is None
        claim = ChannelClaim(TenantId("b"), numbers=frozenset({comparable(landline)}))
        assert (await stores.channels.rivals_of(claim)).holder == owner().tenant
        claim = ChannelClaim(TenantId("b"), numbers=frozenset({comparable(mobile)}))
        assert (await stores.channels.rivals_of(claim)).holder is None

    @pytest.mark.parametrize("hidden", ["BR.13491208655302741918", "5511987654321@lid"])
    async def test_sender_who_hides_the_number_is_known_by_the_id(
        self, stores: Stores, hidden: str
    ) -> None:
        await put(
            stores,
            mapping("1", "1", numbers=((hidden, "boss"),)).mapping,
            mapping("1", "2", tenant="b").mapping,
        )
        route = await routed(stores, message("1", "9", hidden))
        assert (route.matched_by, route.crew) == (Rule.SPECIAL_NUMBER, "boss")
        assert (await routed(stores, message("1", "1", hidden))).crew == "boss"
        for other in (MOBILE, "5511987654321", "BR.13491208655302741919", "13491208655302741918"):
            assert (await routed(stores, message("1", "1", other))).crew is None
        [found] = await stores.channels.mappings(owner().tenant)
        assert [special.number.digits for special in found.mapping.numbers] == [hidden]

    async def test_number_of_a_holder_is_known_where_the_holder_has_a_channel(
        self, stores: Stores
    ) -> None:
        await put(
            stores,
            mapping(None, None, numbers=((MOBILE, "boss"),)).mapping,
            mapping("1", "1").mapping,
        )
        route = await routed(stores, message("1", "2", MOBILE))
        assert (route.owner, route.crew) == (owner(), "boss")
        assert (await routed(stores, message("2", "1", MOBILE))).owner is None

    async def test_number_that_two_tenants_claim_settles_nothing(self, stores: Stores) -> None:
        number = ((MOBILE, "boss"),)
        await put(
            stores,
            mapping("1", "1", numbers=number).mapping,
            mapping("1", "2", tenant="other", numbers=number).mapping,
            mapping(None, None, tenant="third", fallback=True).mapping,
        )
        everything = RoutingTable(new.mapping for new in await stores.channels.mappings())
        for asked in (message("1", "3", MOBILE), message("1", "2", MOBILE)):
            assert await routed(stores, asked) == everything.explain(asked)

    async def test_lowest_fallback_is_the_one_left_when_a_lower_one_goes(
        self, stores: Stores
    ) -> None:
        low = mapping(None, None, tenant="z", fallback=True, sequence=0).mapping
        middle = mapping("7", "7", tenant="b", fallback=True, sequence=1).mapping
        tied = mapping(None, None, tenant="a", fallback=True, sequence=1).mapping
        await put(stores, middle, low, tied)
        asked = message("1", None)
        assert (await routed(stores, asked)).owner == owner("z")
        await put(stores, evolve(low, fallback=False))
        assert (await routed(stores, asked)).owner == owner("a")
        await put(stores, evolve(tied, sequence=2))
        assert (await routed(stores, asked)).owner == owner("b")
        await put(stores, evolve(middle, active=False))
        assert (await routed(stores, asked)).owner == owner("a")

    async def test_fallback_stays_among_those_who_have_a_channel_in_the_account(
        self, stores: Stores
    ) -> None:
        first = mapping("1", "7").mapping
        beside = mapping("1", "6", tenant="beside").mapping
        common = mapping("9", None, tenant="z", fallback=True, sequence=0).mapping
        await put(stores, first, beside, common)
        asked = message("1", "8")
        assert (await routed(stores, asked)).matched_by is Rule.UNRESOLVED
        assert (await routed(stores, message("2", "8"))).owner == owner("z")
        own = mapping(None, None, fallback=True, sequence=5).mapping
        neighbour = mapping("1", "9", tenant="n", fallback=True, sequence=4).mapping
        await put(stores, own)
        assert (await routed(stores, asked)).owner == owner()
        await put(stores, neighbour)
        assert (await routed(stores, asked)).owner == owner("n")
        await put(stores, evolve(neighbour, active=False))
        assert (await routed(stores, asked)).owner == owner()
        await put(stores, evolve(first, active=False), evolve(beside, active=False))
        assert (await routed(stores, asked)).owner == owner("z")

    async def test_account_with_one_owner_is_the_owners(self, stores: Stores) -> None:
        number = ((MOBILE, "boss"),)
        first = mapping("1", "7", 1, sequence=3, numbers=number).mapping
        second = mapping("1", "8").mapping
        common = mapping("9", None, tenant="z", fallback=True, sequence=0, numbers=number).mapping
        await put(stores, common, first, second, evolve(second, sequence=2))
        asked = message("1", "404", MOBILE)
        owned = await routed(stores, asked)
        assert (owned.owner, owned.crew, owned.matched_by) == (
            owner(),
            "boss",
            Rule.ACCOUNT_OWNER,
        )
        # That of the channel with the lowest sequence.
        assert owned.mapping_version == 2
        # Another business area of the same tenant is another owner.
        area = evolve(mapping("1", "9").mapping, owner=owner(domain="sales"))
        await put(stores, area)
        assert (await routed(stores, asked)).matched_by is Rule.SPECIAL_NUMBER
        await put(stores, evolve(area, active=False))
        assert (await routed(stores, asked)).matched_by is Rule.ACCOUNT_OWNER
        # A channel that moves or is switched off makes no owner.
        await put(stores, mapping("1", "8", tenant="b").mapping)
        assert (await routed(stores, message("1", "404"))).matched_by is Rule.UNRESOLVED
        await put(stores, evolve(first, active=False))
        assert (await routed(stores, asked)).owner == owner("b")

    async def test_mappings_of_several_tenants_are_listed_together(self, stores: Stores) -> None:
        mine = mapping("1", "2").mapping
        yours = mapping("1", "1", tenant="you", active=False).mapping
        await put(stores, mine, yours, mapping("1", "3", tenant="other").mapping)
        both = await stores.channels.mappings_of({owner().tenant, owner("you").tenant})
        assert [new.mapping for new in both] == [yours, mine]
        assert await stores.channels.mappings_of([]) == []

    async def test_tenants_of_an_account_are_those_with_an_active_channel(
        self, stores: Stores
    ) -> None:
        await put(
            stores,
            mapping("1", "2", tenant="b").mapping,
            mapping("1", None, tenant="c").mapping,
            mapping("1", "3", tenant="b").mapping,
            mapping("1", "4", tenant="a").mapping,
            mapping("1", "5", tenant="off", active=False).mapping,
            mapping("10", "1", tenant="d").mapping,
            mapping("1-0", "1", tenant="e").mapping,
            mapping(None, "1", tenant="f").mapping,
        )
        one = ChatwootId("1")
        found = await stores.channels.tenants_in(one, limit=9)
        assert [tenant.value for tenant in found] == ["a", "b", "c"]
        assert len(await stores.channels.tenants_in(one, limit=2)) == 2
        assert await stores.channels.tenants_in(ChatwootId("9"), limit=2) == []
        accounts = [account.value for account in await stores.channels.accounts(limit=9)]
        assert accounts == ["1", "1-0", "10"]
        assert [one.value for one in await stores.channels.accounts(limit=2)] == accounts[:2]

    async def test_rivals_are_those_who_have_what_is_claimed(self, stores: Stores) -> None:
        number = ((MOBILE_WITHOUT_NINTH, "boss"),)
        await put(
            stores,
            mapping("1", "1", tenant="a", numbers=number).mapping,
            mapping("1", "2", tenant="b").mapping,
            mapping("2", "1", tenant="c").mapping,
            mapping("3", "1", tenant="off", active=False, numbers=number).mapping,
            mapping(None, None, tenant="holder", numbers=number).mapping,
        )

        async def rivals(tenant: str, account: str | None, *numbers: str) -> Rivals:
            claim = ChannelClaim(
                TenantId(tenant),
                None if account is None else ChatwootId(account),
                numbers=frozenset(map(comparable, numbers)),
            )
            return await stores.channels.rivals_of(claim)

        assert await rivals("new", "1") == Rivals(shared=True)
        assert await rivals("b", "1") == Rivals(present=True, shared=True)
        assert await rivals("c", "2") == Rivals(present=True)
        for free in ("3", "9"):
            assert await rivals("new", free, MOBILE) == Rivals()
        a = TenantId("a")
        # In the claimed account, or in another one of the same tenant.
        assert await rivals("new", "1", MOBILE) == Rivals(shared=True, holder=a)
        assert await rivals("b", "9", MOBILE) == Rivals(holder=a)
        assert await rivals("b", None, MOBILE, "12345678") == Rivals(holder=a)
        assert await rivals("c", None, MOBILE) == Rivals()
        assert await rivals("a", None, MOBILE) == Rivals()

    async def test_tenant_that_gets_a_channel_in_an_account_brings_its_numbers_and_fallbacks(
        self, stores: Stores
    ) -> None:
        number = ((MOBILE, "boss"),)
        await put(
            stores,
            mapping("1", "1", tenant="a", numbers=number).mapping,
            mapping("2", "1", tenant="b").mapping,
            mapping("5", "1", tenant="new", numbers=number, fallback=True).mapping,
            mapping("6", "1", tenant="off", numbers=number, fallback=True).mapping,
            mapping("6", "1", tenant="off", numbers=number, fallback=True, active=False).mapping,
        )

        async def rivals(tenant: str, account: str) -> Rivals:
            claim = ChannelClaim(TenantId(tenant), ChatwootId(account))
            return await stores.channels.rivals_of(claim)

        assert await rivals("new", "1") == Rivals(shared=True, holder=TenantId("a"), fallback=True)
        assert await rivals("new", "2") == Rivals(shared=True, fallback=True)
        assert await rivals("new", "9") == Rivals()
        assert await rivals("off", "1") == Rivals(shared=True)
        await put(stores, mapping("1", "2", tenant="new").mapping)
        assert await rivals("new", "1") == Rivals(present=True, shared=True)

    async def test_disputed_claim_is_refused_with_all_that_comes_along(
        self, stores: Stores
    ) -> None:
        number = ((MOBILE, "boss"),)
        new = mapping("1", "2", tenant="new")
        here = ChannelClaim(TenantId("new"), ChatwootId("1"))
        await put(stores, mapping("1", "1", numbers=number).mapping)
        with pytest.raises(RevisionConflictError):
            await stores.config.commit(Changeset(mappings=(new,), claim=here))
        assert await stores.channels.current([new.mapping.key]) == {}
        await put(stores, mapping("1", "3", tenant="new").mapping)
        called = ChannelClaim(TenantId("new"), numbers=frozenset({comparable(MOBILE)}))
        await put(stores, mapping("1", "1", numbers=number, sequence=3).mapping)
        with pytest.raises(RevisionConflictError):
            await stores.config.commit(Changeset(mappings=(new,), claim=called))
        own = evolve(here, account=ChatwootId("5"))
        await put(stores, mapping("6", "1").mapping, mapping("5", "1", tenant="new").mapping)
        await stores.config.commit(Changeset(mappings=(new,), claim=own))
        assert await stores.channels.current([new.mapping.key]) == {new.mapping.key: new}

    async def test_of_many_who_claim_an_account_at_once_one_gets_it(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        both = (stores, second_stores)
        claims = [ChannelClaim(TenantId(f"t{n}"), ChatwootId("1"), whole=True) for n in range(6)]
        outcomes = await asyncio.gather(
            *(
                both[n % 2].config.commit(
                    Changeset(
                        mappings=(mapping("1", str(n), tenant=f"t{n}"),),
                        claim=claim,
                    )
                )
                for n, claim in enumerate(claims)
            ),
            return_exceptions=True,
        )
        assert sum(outcome is None for outcome in outcomes) == 1
        refused = [outcome for outcome in outcomes if outcome is not None]
        assert all(isinstance(outcome, RevisionConflictError) for outcome in refused)
        assert len(await stores.channels.mappings()) == 1

    async def test_inbox_of_any_account_yields_to_the_accounts_own(self, stores: Stores) -> None:
        await put(
            stores,
            mapping(None, "1", tenant="old").mapping,
            mapping("1", "1", tenant="new").mapping,
            mapping("1", None, tenant="account").mapping,
        )
        assert (await routed(stores, message("1", "1"))).owner == owner("new")
        assert (await routed(stores, message("2", "1"))).owner == owner("old")
        assert (await routed(stores, message("1", "2"))).owner == owner("account")

    @settings(
        suppress_health_check=[
            HealthCheck.too_slow,
            # Each example switches off the mappings of the previous one.
            HealthCheck.function_scoped_fixture,
            # The same test runs for every technology.
            HealthCheck.differing_executors,
        ]
    )
    @given(routing=strategies.routings())
    async def test_routing_is_that_of_a_table_of_all_mappings(
        self,
        stores: Stores,
        routing: tuple[list[ChannelMapping], list[IncomingMessage]],
    ) -> None:
        leftovers = [new.mapping for new in await stores.channels.mappings()]
        left = [evolve(mapping, active=False) for mapping in leftovers if mapping.active]
        await put_at_once(stores, *left)
        mapped: dict[ChannelKey, ChannelMapping] = {}
        mappings, asked = routing
        for new in mappings:
            await put(stores, new)
            mapped[new.key] = new
            expected = RoutingTable(mapped.values()).explain(asked[0])
            assert await routed(stores, asked[0]) == expected
        table = RoutingTable.of(await stores.channels.mappings())
        for one in asked:
            route = table.explain(one)
            found_route = await routed(stores, one)
            assert (found_route, found_route.mapping_version) == (route, route.mapping_version)
        everywhere = [*asked, *(IncomingMessage(None, one.inbox, one.number) for one in asked)]
        found = await stores.channels.table_for(*everywhere)
        assert list(map(found.resolve, everywhere)) == list(map(table.resolve, everywhere))

    @settings(
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ]
    )
    @given(routing=strategies.routings(), batch=st.integers(1, 5))
    async def test_message_stays_among_those_who_have_a_channel_in_its_account(
        self,
        stores: Stores,
        routing: tuple[list[ChannelMapping], list[IncomingMessage]],
        batch: int,
    ) -> None:
        mappings, asked = routing
        # What the previous example left is moved and switched off like the rest.
        for start in range(0, len(mappings), batch):
            await put_at_once(stores, *mappings[start : start + batch])
            active = [
                new.mapping for new in await stores.channels.mappings() if new.mapping.active
            ]
            for one in asked:
                here = {m.owner.tenant for m in active if m.key.account == one.account}
                anywhere = (
                    {m.owner.tenant for m in active if m.key == ChannelKey(inbox=one.inbox)}
                    if one.inbox is not None
                    else set()
                )
                found = (await stores.channels.table_for(one)).resolve(one).owner
                if here and found is not None:
                    assert found.tenant in here | anywhere

    @settings(
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ]
    )
    @given(
        routing=strategies.routings(min_mappings=1),
    )
    async def test_supposed_routing_is_that_of_a_table_that_was_changed(
        self,
        stores: Stores,
        routing: tuple[list[ChannelMapping], list[IncomingMessage]],
    ) -> None:
        leftovers = [new.mapping for new in await stores.channels.mappings()]
        left = [evolve(mapping, active=False) for mapping in leftovers if mapping.active]
        *mappings, last = routing[0]
        asked = routing[1]
        await put_at_once(stores, *left, *mappings)
        changed = RoutingTable([*mappings, last])

        table = await stores.channels.table_for(*asked, supposing=last)

        with table.supposing(last):
            assert list(map(table.resolve, asked)) == list(map(changed.resolve, asked))
        present = RoutingTable(mappings)
        assert list(map(table.resolve, asked)) == list(map(present.resolve, asked))

    async def test_second_instance_routes_by_every_acknowledged_mapping(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        both = (stores, second_stores)
        asked = message("1", "1", MOBILE)
        for instance in both:
            assert (await routed(instance, asked)).owner is None
        moves = [
            mapping("1", "1", tenant="t1", numbers=((MOBILE, "c1"),)).mapping,
            mapping("1", "1", tenant="t2").mapping,
            mapping("1", None, tenant="t3", numbers=((MOBILE, "c3"),)).mapping,
            mapping("1", "1", tenant="t2", active=False).mapping,
            mapping("1", None, tenant="t3", active=False).mapping,
            mapping(None, None, tenant="t4", fallback=True).mapping,
            mapping("1", "2", tenant="t5", numbers=((MOBILE, "c5"),)).mapping,
            mapping("1", "2", tenant="t5").mapping,
            mapping(None, None, tenant="t4").mapping,
        ]
        mapped: dict[ChannelKey, ChannelMapping] = {}
        for number, move in enumerate(moves):
            await put(both[number % 2], move)
            mapped[move.key] = move
            expected = RoutingTable(mapped.values()).explain(asked)
            for instance in both:
                assert await routed(instance, asked) == expected
