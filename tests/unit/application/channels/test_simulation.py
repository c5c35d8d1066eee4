from __future__ import annotations

import pytest
from attrs import evolve

from odoo_ai_config.domain.access import ScopeMissingError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.routing import IncomingMessage, Rule
from odoo_ai_config.domain.channels.simulation import MOST_TENANTS
from odoo_ai_config.domain.identifiers import ChatwootId
from tests.contract.samples import mapping, owner
from tests.unit.application.memory_hub import ANYBODY, STRANGER, MemoryHub

NUMBER = ("5511987654321", "boss")
ONE = ChatwootId("1")


async def test_special_number_of_another_tenant_is_an_effect_of_its_own(
    hub: MemoryHub,
) -> None:
    channel = mapping("1", "7")
    special = mapping("1", "8", tenant="b", numbers=(NUMBER,))
    await hub.ports.store.commit(Changeset(mappings=(channel, special)))

    off = mapping("1", "7", active=False).mapping
    third = mapping("1", "9", tenant="c")
    await hub.ports.store.commit(Changeset(mappings=(third,)))
    plain, with_number = (await hub.simulate_mapping(off, caller=ANYBODY)).effects

    assert plain.message.number is None
    assert with_number.message.number == NUMBER[0]
    assert with_number.after is not None
    assert with_number.after.owner == owner("b")
    assert with_number.after.matched_by is Rule.SPECIAL_NUMBER


@pytest.mark.parametrize("account", ["1", "3"])
async def test_numbers_that_a_fallback_loses_are_told_of(hub: MemoryHub, account: str) -> None:
    losing = mapping(account, "7", tenant="b", fallback=True, sequence=1, numbers=(NUMBER,))
    await hub.ports.store.commit(Changeset(mappings=(losing,)))

    taking = mapping("1", None, fallback=True, sequence=0).mapping
    effects = (await hub.simulate_mapping(taking, caller=ANYBODY)).effects

    [told] = [e for e in effects if (e.message.account, e.message.number) == (None, NUMBER[0])]
    assert told.before is not None
    assert told.after is not None
    assert (told.before.owner, told.before.crew) == (owner("b"), NUMBER[1])
    assert told.after.owner == owner()


async def test_numbers_of_the_fallback_that_succeeds_are_told_of(hub: MemoryHub) -> None:
    leaving = mapping("1", "7", fallback=True, sequence=0)
    successor = mapping("3", "7", tenant="b", fallback=True, sequence=1, numbers=(NUMBER,))
    await hub.ports.store.commit(Changeset(mappings=(leaving, successor)))

    ended = evolve(leaving.mapping, active=False)
    effects = (await hub.simulate_mapping(ended, caller=ANYBODY)).effects

    [told] = [e for e in effects if (e.message.account, e.message.number) == (None, NUMBER[0])]
    assert told.before is not None
    assert told.after is not None
    assert told.before.owner == owner()
    assert (told.after.owner, told.after.crew) == (owner("b"), NUMBER[1])


async def test_bound_caller_sees_no_numbers_of_everybodys_fallback(hub: MemoryHub) -> None:
    fallback = mapping("3", "7", tenant="b", fallback=True, numbers=(NUMBER,))
    await hub.ports.store.commit(Changeset(mappings=(fallback,)))
    bound = evolve(ANYBODY, tenant=owner().tenant)
    simulation = await hub.simulate_mapping(mapping("1", "7").mapping, caller=bound)
    assert simulation.effects
    assert NUMBER[0] not in str(simulation)


async def test_bound_caller_sees_no_numbers_of_others_in_the_account(hub: MemoryHub) -> None:
    here, other = mapping("1", "7"), mapping("1", "8", tenant="b", numbers=(NUMBER,))
    await hub.ports.store.commit(Changeset(mappings=(here, other)))
    bound = evolve(ANYBODY, tenant=owner().tenant)
    simulation = await hub.simulate_mapping(evolve(here.mapping, active=False), caller=bound)
    # The account is the other tenant's then.
    assert [effect.after for effect in simulation.effects] == [None]
    assert NUMBER[0] not in str(simulation)


@pytest.mark.parametrize("bound", [False, True])
async def test_inbox_or_number_that_a_fallback_of_another_tenant_served_is_an_effect(
    hub: MemoryHub, *, bound: bool
) -> None:
    here = mapping("1", "7")
    fallback = mapping("1", "8", tenant="b", fallback=True)
    await hub.ports.store.commit(Changeset(mappings=(here, fallback)))
    caller = evolve(ANYBODY, tenant=owner().tenant) if bound else ANYBODY
    inbox, number = mapping("1", "9").mapping, mapping("1", "7", numbers=(NUMBER,)).mapping

    for new, message in (
        (inbox, IncomingMessage(ONE, inbox.key.inbox)),
        (number, IncomingMessage(ONE, None, NUMBER[0])),
    ):
        simulation = await hub.simulate_mapping(new, caller=caller)
        assert simulation.refusal is None
        [effect] = [one for one in simulation.effects if one.message == message]
        assert (effect.before is None) is bound
        assert effect.after is not None
        assert effect.after.owner == owner()


async def test_mapping_without_an_account_is_simulated_too(hub: MemoryHub) -> None:
    holder = mapping(None, None, fallback=True).mapping
    [effect] = (await hub.simulate_mapping(holder, caller=ANYBODY)).effects
    assert (effect.message.account, effect.after and effect.after.owner) == (None, owner())


@pytest.mark.parametrize("more", [0, 1])
async def test_account_with_very_many_tenants_is_not_tried_out(hub: MemoryHub, more: int) -> None:
    crowd = tuple(mapping("1", str(n), tenant=f"t{n}") for n in range(MOST_TENANTS + more))
    await hub.ports.store.commit(Changeset(mappings=crowd))
    simulation = await hub.simulate_mapping(mapping("1", "x").mapping, caller=ANYBODY)
    assert simulation.truncated is bool(more)


async def test_repeated_event_would_change_nothing(hub: MemoryHub) -> None:
    await hub.sync_mapping(mapping("1", "7").mapping, caller=ANYBODY)
    simulation = await hub.simulate_mapping(mapping("1", "7").mapping, caller=ANYBODY)
    assert (simulation.version, simulation.changed, simulation.effects) == (1, False, ())


async def test_simulating_takes_the_scope_to_read(hub: MemoryHub) -> None:
    with pytest.raises(ScopeMissingError):
        await hub.simulate_mapping(mapping("1", "7").mapping, caller=STRANGER)
