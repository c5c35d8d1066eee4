from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, SpecialNumber
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable, Rule
from odoo_ai_config.domain.channels.simulation import (
    MOST_PROBES,
    Rerouting,
    probes_of,
    reroutings,
    telling,
)
from odoo_ai_config.domain.identifiers import ChatwootId
from tests.contract.samples import mapping, owner

NUMBER = "5511987654321"


# With it, account 1 has no single owner.
BESIDE = mapping("1", "6", tenant="beside").mapping


def changes(table: RoutingTable, new: ChannelMapping) -> list[Rerouting]:
    old = next((one for one in table if one.key == new.key), None)
    tenants = {state.owner.tenant for state in (old, new) if state is not None}
    neighbours = [one for one in table if one.owner.tenant in tenants]
    present = {one.owner.tenant for one in table if one.key.account == new.key.account}
    others = [one for one in table if one.owner.tenant in present - tenants]
    probes = probes_of(old, new, neighbours, others)
    return list(telling(reroutings(table, [new], probes.messages)))


def test_channel_that_is_switched_off_goes_to_the_fallback() -> None:
    channel = mapping("1", "7").mapping
    table = RoutingTable([channel, mapping("2", "1", tenant="z", fallback=True).mapping])
    effect, rest = changes(table, evolve(channel, active=False))
    assert effect.message == IncomingMessage(ChatwootId("1"), ChatwootId("7"))
    assert (effect.before.owner, effect.after.owner) == (owner(), owner("z"))
    assert effect.after.matched_by is Rule.FALLBACK
    # The account has no channel left.
    assert rest.message == IncomingMessage(ChatwootId("1"))
    assert (rest.before.matched_by, rest.after.owner) == (Rule.ACCOUNT_OWNER, owner("z"))


def test_second_owner_takes_the_account_from_the_first_and_gives_it_back() -> None:
    number = mapping(numbers=((NUMBER, "boss"),)).mapping.numbers
    first = evolve(mapping("1", "7").mapping, numbers=number)
    second = mapping("1", "8", tenant="b").mapping
    effects = {one.message: one for one in changes(RoutingTable([first]), second)}
    account, inbox = ChatwootId("1"), second.key.inbox
    channel, rest = IncomingMessage(account, inbox), IncomingMessage(account)
    assert (effects[channel].before.owner, effects[channel].after.owner) == (owner(), owner("b"))
    # Every other inbox that is not mapped.
    assert effects[rest].before.matched_by is Rule.ACCOUNT_OWNER
    assert (effects[rest].before.owner, effects[rest].after.owner) == (owner(), None)
    # The number still decides, but by another rule.
    called = effects[evolve(rest, number=NUMBER)]
    assert (called.before.crew, called.after.crew) == ("boss", "boss")
    assert called.after.matched_by is Rule.SPECIAL_NUMBER
    back = changes(RoutingTable([first, second]), evolve(second, active=False))
    assert {(one.message, one.after, one.before) for one in back} == {
        (one.message, one.before, one.after) for one in effects.values()
    }


def test_second_fallback_takes_over_from_the_first() -> None:
    first = mapping("1", "1", fallback=True, sequence=1).mapping
    table = RoutingTable(
        [
            first,
            mapping("2", "1", tenant="b", fallback=True, sequence=2).mapping,
            mapping("3", "1", tenant="c", fallback=True, sequence=3).mapping,
            BESIDE,
        ]
    )
    effect, own = changes(table, evolve(first, fallback=False))
    assert effect.message == IncomingMessage(None)
    assert (effect.before.owner, effect.after.owner) == (owner(), owner("b"))
    # In its own account there is no other fallback.
    assert own.message == IncomingMessage(ChatwootId("1"))
    assert (own.before.owner, own.after.owner) == (owner(), None)
    [returned] = changes(table, evolve(first, sequence=9))
    assert returned.after.owner == owner("b")


def test_third_fallback_may_become_the_first() -> None:
    third = mapping("3", "1", tenant="c", fallback=True, sequence=3).mapping
    others = [mapping("1", str(n), fallback=True, sequence=n).mapping for n in (1, 2)]
    [effect] = changes(RoutingTable([*others, third]), evolve(third, sequence=0))
    assert (effect.message.account, effect.after.owner) == (None, owner("c"))


def test_fallback_of_a_tenant_changes_in_all_accounts_of_the_tenant() -> None:
    here, there = mapping("1", "1").mapping, mapping("2", "2").mapping
    common = mapping(None, None, tenant="z", fallback=True, sequence=0).mapping
    table = RoutingTable([here, there, common, BESIDE, mapping("2", "6", tenant="beside").mapping])
    effects = changes(table, evolve(here, fallback=True))
    assert {effect.message.account for effect in effects} == {ChatwootId("1"), ChatwootId("2")}
    assert {effect.after.matched_by for effect in effects} == {Rule.FALLBACK}


def test_number_changes_the_crew_in_all_channels_of_the_tenant() -> None:
    one, two = mapping("1", "1").mapping, mapping("2", "2").mapping
    table = RoutingTable([one, two])
    effects = changes(
        table, evolve(one, numbers=mapping(numbers=((NUMBER, "boss"),)).mapping.numbers)
    )
    assert {(effect.message.account, effect.message.inbox) for effect in effects} == {
        (ChatwootId("1"), ChatwootId("1")),
        (ChatwootId("1"), None),
        (ChatwootId("2"), ChatwootId("2")),
        (ChatwootId("2"), None),
    }
    assert {effect.after.crew for effect in effects} == {"boss"}
    assert {effect.message.number for effect in effects} == {NUMBER}


def test_tenant_that_enters_an_account_brings_its_numbers() -> None:
    elsewhere = mapping("2", "2", numbers=((NUMBER, "boss"),)).mapping
    effects = changes(RoutingTable([elsewhere, BESIDE]), mapping("1", "1").mapping)
    lost, effect = (effect for effect in effects if effect.message.inbox is None)
    assert (lost.message, lost.after.owner) == (IncomingMessage(ChatwootId("1")), None)
    assert effect.message == IncomingMessage(ChatwootId("1"), None, NUMBER)
    assert (effect.after.crew, effect.after.matched_by) == ("boss", Rule.SPECIAL_NUMBER)


def test_channel_that_stays_switched_off_is_not_probed() -> None:
    off = mapping("1", "1", active=False).mapping
    probes = probes_of(off, evolve(off, sequence=3), [])
    assert (probes.messages, probes.complete) == ((), True)


def test_probes_are_limited_in_number() -> None:
    numbers = tuple(
        SpecialNumber(PhoneNumber.from_text(str(30_000_000 + n)), "c") for n in range(100)
    )
    new = evolve(mapping("1", "1").mapping, numbers=numbers)
    neighbours = [
        evolve(new, key=ChannelKey(ChatwootId("2"), ChatwootId(str(n))), numbers=())
        for n in range(100)
    ]
    probes = probes_of(None, new, neighbours)
    assert (len(probes.messages), probes.complete) == (MOST_PROBES, False)
    assert probes_of(None, new, []).complete


def test_supposing_does_not_go_through_the_mappings() -> None:
    class Watched(dict[Any, Any]):
        def __iter__(self) -> Iterator[Any]:
            raise AssertionError

        keys = values = items = copy = __iter__  # type: ignore[assignment]

    table = RoutingTable(mapping(str(n), "1").mapping for n in range(1, 50))
    table._mappings = Watched(table._mappings)
    table._channels = Watched(table._channels)
    asked = IncomingMessage(ChatwootId("1"), ChatwootId("1"))
    with table.supposing(mapping("1", "1", tenant="b").mapping):
        assert table.resolve(asked).owner == owner("b")
    assert table.resolve(asked).owner == owner()


def test_supposing_ends_with_an_error_inside_it() -> None:
    table = RoutingTable([mapping("1", "1").mapping])
    asked = IncomingMessage(ChatwootId("1"), ChatwootId("1"))
    with pytest.raises(KeyError), table.supposing(mapping("1", "1", tenant="b").mapping):
        raise KeyError
    assert table.resolve(asked).owner == owner()
