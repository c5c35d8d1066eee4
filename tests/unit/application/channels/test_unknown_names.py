"""
A mapping may name tenants and crews that the hub does not know; the answer names them.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from odoo_ai_config.domain.channels.mapping import ChannelMapping
from odoo_ai_config.domain.channels.sections import MappingSections
from odoo_ai_config.domain.identifiers import CONFIG, CREWS, METADATA, DocumentKey
from odoo_ai_config.domain.outcomes import MOST_NOTICES, Notice
from tests.contract.samples import mapping, owner
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, write
from tests.unit.application.messages.deliveries import has_crews

ACME, RETAIL = owner("acme"), owner("acme", "retail")
MAPPED = mapping("1", "7", numbers=(("5511987654321", "sales"), ("5511987654322", "boss"))).mapping
UNKNOWN = Notice("unknown_tenant", "acme")


async def notices(hub: MemoryHub, mapped: ChannelMapping = MAPPED) -> tuple[Notice, ...]:
    """
    The notices of an event, which the simulation and a repetition have, too.
    """
    simulated = await hub.simulate_mapping(mapped, caller=ANYBODY)
    outcome = await hub.sync_mapping(mapped, caller=ANYBODY)
    assert simulated.notices == outcome.notices
    assert (await hub.sync_mapping(mapped, caller=ANYBODY)).notices == outcome.notices
    return outcome.notices


async def test_unknown_tenant_is_named_and_its_crews_are_not(hub: MemoryHub) -> None:
    assert await notices(hub) == (UNKNOWN,)
    assert hub.state.mappings[MAPPED.key].mapping == MAPPED


@pytest.mark.parametrize("place", [ACME.document(CONFIG), RETAIL.document(METADATA)])
async def test_tenant_with_any_document_is_known(hub: MemoryHub, place: DocumentKey) -> None:
    await hub.publish_document(write(place), text='{"a": 1}')
    assert await notices(hub, evolve(MAPPED, numbers=())) == ()
    await hub.delete_document(write(place))
    moved = mapping("1", "8").mapping
    assert await notices(hub, moved) == (UNKNOWN,)


async def test_crews_that_no_document_describes_are_named(hub: MemoryHub) -> None:
    await hub.publish_document(write(ACME.document(CONFIG)), text='{"a": 1}')
    missing = tuple(Notice("unknown_crew", f"acme/default/crews/{n}") for n in ("sales", "boss"))
    assert await notices(hub) == missing
    await has_crews(hub, ACME)
    assert await notices(hub, evolve(MAPPED, sequence=3)) == missing[1:]


async def test_area_without_crews_has_those_of_the_default_area(hub: MemoryHub) -> None:
    await has_crews(hub, ACME)
    retail = evolve(MAPPED, owner=RETAIL)
    assert await notices(hub, retail) == (Notice("unknown_crew", "acme/retail/crews/boss"),)
    await has_crews(hub, RETAIL, {"crews": {"boss": {"type": "echo"}}})
    changed = evolve(retail, sequence=3)
    assert await notices(hub, changed) == (Notice("unknown_crew", "acme/retail/crews/sales"),)


async def test_older_crews_document_describes_none(hub: MemoryHub) -> None:
    await hub.publish_document(write(ACME.document(CREWS)), text='{"agents": ["sales"]}')
    assert len(await notices(hub)) == 2


async def test_deactivation_names_nobody(hub: MemoryHub) -> None:
    assert await notices(hub, evolve(MAPPED, active=False)) == ()


async def test_whole_mapping_names_them_once_and_up_to_a_limit(hub: MemoryHub) -> None:
    known, retail = mapping("1", "7", tenant="known").mapping, evolve(MAPPED, owner=RETAIL)
    await hub.publish_document(write(known.owner.document(CONFIG)), text='{"a": 1}')
    both = (known, retail, evolve(MAPPED, key=mapping("1", "8").mapping.key))
    first = await hub.write_mapping(MappingSections(channels=both), caller=ANYBODY)
    assert first.notices == (UNKNOWN,)
    again = await hub.write_mapping(MappingSections(channels=both), caller=ANYBODY)
    assert again.notices == ()
    many = tuple(mapping("2", str(n), tenant=f"t{n}").mapping for n in range(1, 1200))
    written = await hub.write_mapping(MappingSections(channels=many), caller=ANYBODY)
    assert written.changed == 1199
    assert len(written.notices) == MOST_NOTICES
