"""
A channel that Odoo deletes routes no more, or the answer says which rule still routes it.
"""

from __future__ import annotations

import pytest

from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import ChannelMapping, MappingRevision
from odoo_ai_config.domain.outcomes import Notice
from tests.contract.samples import mapping
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to, claim

TWIN = mapping(None, "7")
END = mapping("1", "7", active=False).mapping
NUMBER = ("5511987654321", "boss")


def routed_by(*rules: str) -> tuple[Notice, ...]:
    return tuple(Notice(f"still_routed_by_{rule}", "mapping") for rule in rules)


async def ended(
    hub: MemoryHub, *before: MappingRevision, tenant: str | None = None
) -> tuple[set[ChannelMapping], tuple[Notice, ...]]:
    """
    The mappings that are active after channel (1, 7) was deleted, and the notices.
    """
    await hub.ports.store.commit(Changeset(mappings=before))
    caller = ANYBODY if tenant is None else bound_to(tenant)
    simulated = await hub.simulate_mapping(END, caller=caller)
    outcome = await hub.sync_mapping(END, caller=caller)
    assert (simulated.changed, simulated.notices) == (outcome.changed, outcome.notices)
    again = await hub.sync_mapping(END, caller=caller)
    assert (again.changed, again.notices) == (False, outcome.notices)
    left = [revision.mapping for revision in await hub.ports.channels.mappings()]
    return {one for one in left if one.active}, outcome.notices


@pytest.mark.parametrize("tenant", [None, "acme"])
async def test_twin_in_any_account_ends_with_the_channel(
    hub: MemoryHub, tenant: str | None
) -> None:
    assert await ended(hub, mapping("1", "7"), TWIN, tenant=tenant) == (set(), ())


async def test_twin_of_a_channel_that_never_was_ends_too(hub: MemoryHub) -> None:
    assert await ended(hub, TWIN) == (set(), ())


async def test_twin_of_an_inbox_that_is_mapped_elsewhere_is_not_needed_there(
    hub: MemoryHub,
) -> None:
    elsewhere = mapping("2", "7")
    left, notices = await ended(hub, mapping("1", "7"), TWIN, elsewhere)
    assert (left, notices) == ({elsewhere.mapping}, ())


@pytest.mark.parametrize(
    "twin",
    [
        mapping(None, "7", tenant="b"),
        mapping(None, "7", fallback=True),
        mapping(None, "7", numbers=(NUMBER,)),
    ],
)
@pytest.mark.parametrize("tenant", [None, "acme"])
async def test_twin_that_means_more_stays_and_the_answer_says_so(
    hub: MemoryHub, twin: MappingRevision, tenant: str | None
) -> None:
    left, notices = await ended(hub, mapping("1", "7"), twin, tenant=tenant)
    assert (left, notices) == ({twin.mapping}, routed_by("inbox"))


async def test_twin_stays_for_another_account_of_the_tenant(hub: MemoryHub) -> None:
    elsewhere = mapping("2", "8")
    left, notices = await ended(hub, mapping("1", "7"), TWIN, elsewhere)
    assert left == {TWIN.mapping, elsewhere.mapping}
    assert notices == routed_by("inbox")


@pytest.mark.parametrize(
    ("other", "rule"),
    [
        (mapping("1", None), "account"),
        (mapping("1", "8", tenant="b"), "account_owner"),
        (mapping("2", "8", tenant="b", fallback=True), "fallback"),
    ],
)
async def test_answer_names_the_rule_that_still_routes_the_messages(
    hub: MemoryHub, other: MappingRevision, rule: str
) -> None:
    left, notices = await ended(hub, mapping("1", "7"), other)
    assert (left, notices) == ({other.mapping}, routed_by(rule))


async def test_channel_of_another_tenant_keeps_its_twin(hub: MemoryHub) -> None:
    others = mapping("1", "7", tenant="b")
    left, notices = await ended(hub, others, TWIN)
    assert left == {others.mapping, TWIN.mapping}
    assert notices == (Notice("channel_of_another_tenant", "mapping"),)


async def test_repeated_request_gets_the_same_notices(hub: MemoryHub) -> None:
    await hub.ports.store.commit(Changeset(mappings=(mapping("1", "7"), mapping("1", None))))
    first = await hub.sync_mapping(END, caller=ANYBODY, claim=claim())
    await hub.sync_mapping(mapping("1", None, active=False).mapping, caller=ANYBODY)
    again = await hub.sync_mapping(END, caller=ANYBODY, claim=claim())
    assert (again.replayed, again.notices) == (True, first.notices)


async def test_simulation_shows_where_messages_go_without_the_twin(hub: MemoryHub) -> None:
    await hub.ports.store.commit(Changeset(mappings=(mapping("1", "7"), TWIN)))
    effect = (await hub.simulate_mapping(END, caller=ANYBODY)).effects[0]
    assert effect.before is not None
    assert effect.after is not None
    assert (effect.before.owner, effect.after.owner) == (TWIN.mapping.owner, None)
