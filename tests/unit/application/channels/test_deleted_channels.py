"""
A channel that Odoo deletes routes no more, or the answer says which rule still routes it.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.history import ChannelChangeKind
from odoo_ai_config.domain.channels.mapping import ChannelEnd, ChannelMapping, MappingRevision
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.channels.simulation import MOST_ACCOUNTS, MOST_EFFECTS
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.outcomes import Notice
from tests.contract.samples import mapping, owner
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to, claim

TWIN = mapping(None, "7")
INACTIVE = mapping("1", "7", active=False).mapping
END = ChannelEnd(INACTIVE.key, INACTIVE.owner)
NUMBER = ("5511987654321", "boss")
FOOD = evolve(
    mapping("1", "8"), mapping=evolve(mapping("1", "8").mapping, owner=owner(domain="food"))
)


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
    assert simulated.mapping.owner == outcome.owner
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


@pytest.mark.parametrize(
    ("others", "rules"),
    [
        # The number is of the same client, of another one, of both, and of one that is not there.
        ((mapping("1", "6", numbers=(NUMBER,)), mapping("1", "8", tenant="b")), True),
        ((mapping("1", "6"), mapping("1", "8", tenant="b", numbers=(NUMBER,))), True),
        (
            (
                mapping("1", "6", numbers=(NUMBER,)),
                mapping("1", "8", tenant="b", numbers=(NUMBER,)),
            ),
            False,
        ),
        (
            (
                mapping("1", "6"),
                mapping("1", "8", tenant="b"),
                mapping("2", "8", tenant="c", numbers=(NUMBER,)),
            ),
            False,
        ),
        # The number is in another account, and in another area.
        (
            (
                mapping("1", "6"),
                mapping("2", "6", numbers=(NUMBER,)),
                mapping("1", "8", tenant="b"),
            ),
            True,
        ),
        ((mapping("1", "6", numbers=(NUMBER,)), FOOD), True),
    ],
)
@pytest.mark.parametrize("fallback", [False, True])
async def test_answer_says_that_a_special_number_still_selects_a_client(
    hub: MemoryHub, others: tuple[MappingRevision, ...], *, rules: bool, fallback: bool
) -> None:
    more = (mapping("1", "9", tenant="b", fallback=True),) if fallback else ()
    _, notices = await ended(hub, mapping("1", "7"), *others, *more)
    expected = ["special_number"] * rules + ["fallback"] * fallback
    assert notices == routed_by(*expected)


async def test_numbers_of_the_owner_of_an_account_only_choose_a_crew(hub: MemoryHub) -> None:
    _, notices = await ended(hub, mapping("1", "7"), mapping("1", "8", numbers=(NUMBER,)))
    assert notices == routed_by("account_owner")


async def test_ended_channel_keeps_its_area_and_all_its_data(hub: MemoryHub) -> None:
    channel = mapping("1", "7", fallback=True, sequence=3, numbers=(NUMBER,))
    food = owner(domain="food")
    channel = evolve(channel, mapping=evolve(channel.mapping, owner=food))
    await ended(hub, channel)
    [newest, first] = await hub.read_mapping_history(caller=ANYBODY)
    assert newest.change.after == evolve(channel.mapping, active=False)
    assert newest.change.fields == ("active",)
    assert newest.change.kind is ChannelChangeKind.SWITCHED_OFF
    assert first.version == 1


async def test_channel_that_odoo_archives_gets_what_odoo_says_of_it(hub: MemoryHub) -> None:
    await hub.ports.store.commit(Changeset(mappings=(mapping("1", "7", sequence=3),)))
    await hub.sync_mapping(INACTIVE, caller=ANYBODY)
    current = await hub.ports.channels.current([INACTIVE.key])
    assert current[INACTIVE.key].mapping == INACTIVE


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


@pytest.mark.parametrize("channel", [(), (mapping("1", "7"),), (mapping("1", "7", active=False),)])
async def test_simulation_shows_every_account_in_which_the_twin_decided(
    hub: MemoryHub, channel: tuple[MappingRevision, ...]
) -> None:
    others = (
        mapping("1", "8", tenant="b", numbers=(NUMBER,)),
        mapping("2", "8", tenant="c"),
        mapping("3", "7", tenant="d"),
    )
    await hub.ports.store.commit(Changeset(mappings=(*channel, TWIN, *others)))
    simulation = await hub.simulate_mapping(END, caller=ANYBODY)
    assert not simulation.truncated
    seen = {
        one.message: (one.before and one.before.owner, one.after and one.after.owner)
        for one in simulation.effects
    }
    one, two, inbox = ChatwootId("1"), ChatwootId("2"), ChatwootId("7")
    expected = {
        IncomingMessage(one, inbox): (owner(), owner("b")),
        IncomingMessage(one, inbox, NUMBER[0]): (owner(), owner("b")),
        IncomingMessage(two, inbox): (owner(), owner("c")),
        IncomingMessage(None, inbox): (owner(), None),
    }
    assert expected.items() <= seen.items()
    assert not any(message.account == ChatwootId("3") for message in seen)
    bound = await hub.simulate_mapping(END, caller=bound_to("acme"))
    assert {effect.message.account for effect in bound.effects} <= {one, None}


@pytest.mark.parametrize("more", [0, 1])
async def test_very_many_accounts_of_a_twin_are_not_all_tried_out(
    hub: MemoryHub, more: int
) -> None:
    crowd = tuple(mapping(str(n), "8", tenant=f"t{n}") for n in range(1, MOST_ACCOUNTS + 1 + more))
    await hub.ports.store.commit(Changeset(mappings=(TWIN, *crowd)))
    simulation = await hub.simulate_mapping(END, caller=ANYBODY)
    # The other accounts are one more effect.
    assert len(simulation.effects) == MOST_EFFECTS
    assert simulation.truncated


async def test_simulation_shows_where_messages_go_without_the_twin(hub: MemoryHub) -> None:
    await hub.ports.store.commit(Changeset(mappings=(mapping("1", "7"), TWIN)))
    effect = (await hub.simulate_mapping(END, caller=ANYBODY)).effects[0]
    assert effect.before is not None
    assert effect.after is not None
    assert (effect.before.owner, effect.after.owner) == (TWIN.mapping.owner, None)
