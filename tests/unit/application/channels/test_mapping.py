from __future__ import annotations

import asyncio

import pytest
from attrs import evolve

from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.channels.mapping import (
    AccountSharedError,
    ChannelKey,
    ChannelMapping,
    ChannelOwnedError,
    FallbackReservedError,
    NumberTakenError,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.routing import MOST_OWNERS, IncomingMessage, Rule, Verdict
from odoo_ai_config.domain.channels.sections import MappingSections
from odoo_ai_config.domain.errors import DomainError, MappingNotFoundError, TenantForbiddenError
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId
from odoo_ai_config.domain.outcomes import Notice
from odoo_ai_config.domain.tenants import Standing, TenantErasedError, TenantState
from tests.contract.samples import owner
from tests.trail import acts
from tests.unit.application.memory_hub import ANYBODY, STRANGER, MemoryHub, bound_to, claim

A, B = owner("a"), owner("b")
CHANNEL = ChannelKey(ChatwootId("1"), ChatwootId("7"))
MESSAGE = IncomingMessage(ChatwootId("1"), ChatwootId("7"))
OF_A, OF_B = ChannelMapping(CHANNEL, A), ChannelMapping(CHANNEL, B)


async def test_event_maps_the_channel_at_once(hub: MemoryHub) -> None:
    outcome = await hub.sync_mapping(OF_A, caller=ANYBODY)

    route = await hub.resolve_route(MESSAGE, caller=ANYBODY)
    assert (outcome.versions, outcome.changed) == ({"mapping": 1}, True)
    assert (route.owner, route.matched_by) == (A, Rule.INBOX)


async def test_repeated_event_makes_no_version(hub: MemoryHub) -> None:
    await hub.sync_mapping(OF_A, caller=ANYBODY)

    again = await hub.sync_mapping(OF_A, caller=ANYBODY)

    assert (again.versions, again.changed) == ({"mapping": 1}, False)


async def test_repeated_event_of_a_tenant_that_is_being_erased_is_refused(hub: MemoryHub) -> None:
    await hub.sync_mapping(OF_A, caller=ANYBODY)
    begun = TenantState(A.tenant, 1, Standing.ERASING, hub.clock.now(), "operator")
    await hub.ports.store.commit(Changeset(tenant_states=(begun,)))

    with pytest.raises(TenantErasedError):
        await hub.sync_mapping(OF_A, caller=ANYBODY)


async def test_unbound_key_moves_a_channel_and_the_loser_can_see_it(hub: MemoryHub) -> None:
    await hub.sync_mapping(OF_A, caller=ANYBODY)

    outcome = await hub.sync_mapping(OF_B, caller=ANYBODY)

    assert outcome.versions == {"mapping": 2}
    (entry,) = await acts(hub.ports.audit, tenant=A.tenant)
    assert entry.action is AuditAction.CHANNEL_MOVED
    assert "b/default" in entry.subject


async def test_bound_key_cannot_take_a_channel_and_is_told_both_owners(hub: MemoryHub) -> None:
    await hub.sync_mapping(OF_A, caller=ANYBODY)

    with pytest.raises(ChannelOwnedError) as refusal:
        await hub.sync_mapping(OF_B, caller=bound_to("b"))

    assert (refusal.value.owner, refusal.value.claimant) == (A.tenant, B.tenant)
    assert (await hub.resolve_route(MESSAGE, caller=ANYBODY)).owner == A


ONE, SPECIAL = ChatwootId("1"), SpecialNumber(PhoneNumber("5511987654321"), "boss")
A_NUMBER = evolve(OF_A, numbers=(SPECIAL,))
WHOLE_B = ChannelMapping(ChannelKey(ONE), B)
BESIDE_B = ChannelMapping(ChannelKey(ONE, ChatwootId("8")), B)
THIRD_B = ChannelMapping(ChannelKey(ONE, ChatwootId("9")), B)
AWAY_B = ChannelMapping(ChannelKey(ChatwootId("2"), None), B)


@pytest.mark.parametrize(
    ("before", "claimed", "refusal"),
    [
        ([OF_A], WHOLE_B, AccountSharedError),
        ([OF_A], BESIDE_B, AccountSharedError),
        ([OF_A, evolve(BESIDE_B, active=False)], BESIDE_B, AccountSharedError),
        ([OF_A, BESIDE_B], WHOLE_B, AccountSharedError),
        ([ChannelMapping(ChannelKey(ONE), A), BESIDE_B], THIRD_B, ChannelOwnedError),
        ([ChannelMapping(ChannelKey(inbox=ChatwootId("9")), A)], THIRD_B, ChannelOwnedError),
        ([A_NUMBER, BESIDE_B], evolve(BESIDE_B, numbers=(SPECIAL,)), NumberTakenError),
        ([A_NUMBER, BESIDE_B], evolve(THIRD_B, numbers=(SPECIAL,)), NumberTakenError),
        # It counts in all accounts of its tenant, whichever channel has it.
        ([A_NUMBER, BESIDE_B], evolve(AWAY_B, numbers=(SPECIAL,)), NumberTakenError),
        ([], evolve(OF_B, fallback=True), FallbackReservedError),
        ([], evolve(AWAY_B, fallback=True, sequence=0), FallbackReservedError),
        ([OF_B], evolve(OF_B, fallback=True), FallbackReservedError),
        (
            [evolve(OF_B, fallback=True)],
            evolve(OF_B, fallback=True, sequence=9),
            FallbackReservedError,
        ),
    ],
)
async def test_bound_key_touches_nothing_of_others(
    hub: MemoryHub,
    before: list[ChannelMapping],
    claimed: ChannelMapping,
    refusal: type[DomainError],
) -> None:
    for mapping in before:
        await hub.sync_mapping(mapping, caller=ANYBODY)
    state = vars(hub.state.routing).copy(), await acts(hub.ports.audit)
    # A simulation is refused in the same way.
    tried = await hub.simulate_mapping(claimed, caller=bound_to("b", Scope.CONFIG_READ))
    with pytest.raises(refusal):
        await hub.sync_mapping(claimed, caller=bound_to("b"))
    assert (tried.refusal, tried.changed) == (refusal.code, False)
    assert (vars(hub.state.routing), await acts(hub.ports.audit)) == state
    assert (await hub.sync_mapping(claimed, caller=ANYBODY)).changed


@pytest.mark.parametrize(
    ("before", "claimed"),
    [
        ([], WHOLE_B),
        ([evolve(OF_A, active=False)], WHOLE_B),
        ([OF_A], AWAY_B),
        ([OF_A, BESIDE_B], THIRD_B),
        ([OF_A, BESIDE_B], evolve(BESIDE_B, active=False)),
        ([OF_A, WHOLE_B], evolve(WHOLE_B, owner=owner("b", "sales"))),
        ([BESIDE_B], WHOLE_B),
        # A number of another tenant does not matter without a common account.
        ([A_NUMBER], evolve(AWAY_B, numbers=(SPECIAL,))),
        ([BESIDE_B], evolve(BESIDE_B, numbers=(SPECIAL,))),
        (
            [A_NUMBER, evolve(BESIDE_B, numbers=(SPECIAL,))],
            evolve(BESIDE_B, numbers=(SPECIAL,), sequence=3),
        ),
        ([evolve(OF_B, fallback=True)], evolve(OF_B, fallback=True, sequence=11)),
        ([evolve(OF_B, fallback=True)], evolve(OF_B, fallback=True, numbers=(SPECIAL,))),
        ([OF_B], evolve(OF_B, fallback=True, active=False)),
    ],
)
async def test_bound_key_may_do_what_affects_no_other_tenant(
    hub: MemoryHub, before: list[ChannelMapping], claimed: ChannelMapping
) -> None:
    for mapping in before:
        await hub.sync_mapping(mapping, caller=ANYBODY)
    entries = await acts(hub.ports.audit)
    assert (await hub.sync_mapping(claimed, caller=bound_to("b"))).changed
    assert await acts(hub.ports.audit) == entries


async def test_what_touches_others_is_written_to_the_audit_trail(hub: MemoryHub) -> None:
    await hub.sync_mapping(A_NUMBER, caller=ANYBODY)
    loud = evolve(BESIDE_B, fallback=True, numbers=(SPECIAL,))
    for _ in range(2):
        await hub.sync_mapping(loud, caller=ANYBODY)
    subject = "channel/1/8 -> b/default"
    kept = {(e.action, e.tenant, e.subject) for e in await acts(hub.ports.audit)}
    assert kept == {
        (AuditAction.ACCOUNT_ENTERED, B.tenant, subject),
        (AuditAction.FALLBACK_SET, B.tenant, subject),
        (AuditAction.NUMBER_SHARED, A.tenant, subject),
    }
    assert len(await acts(hub.ports.audit)) == 3


async def test_mapping_that_is_written_as_a_whole_leaves_the_same_traces(hub: MemoryHub) -> None:
    await hub.sync_mapping(OF_A, caller=ANYBODY)
    sections = MappingSections(accounts={ONE: B}, fallbacks={B: 0})
    await hub.write_mapping(sections, caller=ANYBODY)
    kept = {(e.action, e.tenant, e.subject) for e in await acts(hub.ports.audit)}
    assert kept == {
        (AuditAction.ACCOUNT_ENTERED, B.tenant, "channel/1/* -> b/default"),
        (AuditAction.FALLBACK_SET, B.tenant, "holder/b/default -> b/default"),
    }


C = owner("c")
TWO = ChatwootId("2")
IN_TWO = ChannelMapping(ChannelKey(TWO, ChatwootId("1")), B)
IN_TWO_A = ChannelMapping(ChannelKey(TWO, ChatwootId("2")), A)
ANYWHERE_A = ChannelMapping(ChannelKey(inbox=ChatwootId("9")), A)


@pytest.mark.parametrize(
    ("before", "written", "kept"),
    [
        # From now on the number of another channel counts in the account.
        (
            [evolve(IN_TWO_A, numbers=(SPECIAL,)), evolve(OF_B, numbers=(SPECIAL,))],
            ChannelMapping(ChannelKey(ONE, ChatwootId("8")), A),
            {(AuditAction.ACCOUNT_ENTERED, A.tenant), (AuditAction.NUMBER_SHARED, B.tenant)},
        ),
        # So it does if the channel moves.
        (
            [
                evolve(IN_TWO_A, numbers=(SPECIAL,)),
                evolve(OF_B, numbers=(SPECIAL,)),
                ChannelMapping(BESIDE_B.key, C),
            ],
            ChannelMapping(BESIDE_B.key, A),
            {(AuditAction.CHANNEL_MOVED, C.tenant), (AuditAction.NUMBER_SHARED, B.tenant)},
        ),
        # And so does the fallback of another channel.
        (
            [evolve(IN_TWO_A, fallback=True, sequence=0), evolve(OF_B, fallback=True)],
            ChannelMapping(ChannelKey(ONE, ChatwootId("8")), A),
            {(AuditAction.ACCOUNT_ENTERED, A.tenant), (AuditAction.FALLBACK_SET, A.tenant)},
        ),
        # They affect nobody in an account without other tenants.
        (
            [evolve(IN_TWO_A, fallback=True, numbers=(SPECIAL,)), evolve(IN_TWO, active=False)],
            OF_A,
            set(),
        ),
        # An inbox is taken from the owner of the whole account, or from its owner in any account.
        (
            [WHOLE_B, OF_A],
            ChannelMapping(THIRD_B.key, A),
            {(AuditAction.CHANNEL_MOVED, B.tenant)},
        ),
        ([ANYWHERE_A, WHOLE_B], THIRD_B, {(AuditAction.CHANNEL_MOVED, A.tenant)}),
        ([WHOLE_B], evolve(ANYWHERE_A, active=False), set()),
        ([WHOLE_B, evolve(ANYWHERE_A, active=False)], THIRD_B, set()),
    ],
)
async def test_what_a_write_changes_for_others_is_audited(
    hub: MemoryHub,
    before: list[ChannelMapping],
    written: ChannelMapping,
    kept: set[tuple[AuditAction, TenantId]],
) -> None:
    for mapping in before:
        await hub.sync_mapping(mapping, caller=ANYBODY)
    known = len(await acts(hub.ports.audit))
    await hub.sync_mapping(written, caller=ANYBODY)
    entries = await acts(hub.ports.audit)
    new = entries[: len(entries) - known]
    assert {(entry.action, entry.tenant) for entry in new} == kept
    assert {entry.subject for entry in new} <= {f"{written.key} -> {written.owner}"}


async def test_inbox_of_any_account_that_comes_before_the_accounts_is_audited(
    hub: MemoryHub,
) -> None:
    await hub.sync_mapping(WHOLE_B, caller=ANYBODY)
    for _ in range(2):
        await hub.write_mapping(MappingSections(inboxes={ChatwootId("9"): A}), caller=ANYBODY)
    (entry,) = await acts(hub.ports.audit)
    assert (entry.action, entry.tenant) == (AuditAction.ACCOUNT_ENTERED, A.tenant)
    assert entry.subject == "channel/*/9 -> a/default"


async def test_of_two_bound_keys_that_claim_an_account_at_once_one_loses(hub: MemoryHub) -> None:
    outcomes = await asyncio.gather(
        *(
            hub.sync_mapping(
                ChannelMapping(ChannelKey(ONE, ChatwootId(str(n))), owner(f"t{n}")),
                caller=bound_to(f"t{n}"),
            )
            for n in range(1, 6)
        ),
        return_exceptions=True,
    )
    refused = [one for one in outcomes if isinstance(one, AccountSharedError)]
    assert (len(refused), len(hub.state.mappings)) == (4, 1)


async def test_bound_key_cannot_write_for_another_tenant(hub: MemoryHub) -> None:
    with pytest.raises(TenantForbiddenError):
        await hub.sync_mapping(OF_A, caller=bound_to("b", Scope.WEBHOOK))
    with pytest.raises(ScopeMissingError):
        await hub.sync_mapping(OF_A, caller=STRANGER)


async def test_deactivated_channel_routes_nothing_and_is_free(hub: MemoryHub) -> None:
    await hub.sync_mapping(OF_A, caller=ANYBODY)

    await hub.sync_mapping(evolve(OF_A, active=False), caller=ANYBODY)

    route = await hub.resolve_route(MESSAGE, caller=ANYBODY)
    assert route.matched_by is Rule.UNRESOLVED
    taken = await hub.sync_mapping(OF_B, caller=bound_to("b"))
    assert taken.versions == {"mapping": 3}


async def test_late_deactivation_does_not_touch_the_new_owner(hub: MemoryHub) -> None:
    await hub.sync_mapping(OF_A, caller=ANYBODY)
    await hub.sync_mapping(OF_B, caller=ANYBODY)

    outcome = await hub.sync_mapping(evolve(OF_A, active=False), caller=ANYBODY)

    assert not outcome.changed
    assert outcome.notices == (Notice("channel_of_another_tenant", "mapping"),)
    assert (await hub.resolve_route(MESSAGE, caller=ANYBODY)).owner == B


async def test_same_delivery_is_done_once(hub: MemoryHub) -> None:
    first = await hub.sync_mapping(OF_A, caller=ANYBODY, claim=claim())
    await hub.sync_mapping(OF_B, caller=ANYBODY)

    again = await hub.sync_mapping(OF_A, caller=ANYBODY, claim=claim())

    assert again == first
    assert again.replayed
    assert (await hub.resolve_route(MESSAGE, caller=ANYBODY)).owner == B


async def test_parallel_events_of_many_channels_all_arrive(hub: MemoryHub) -> None:
    channels = [ChannelKey(ChatwootId(str(n))) for n in range(1, 41)]

    await asyncio.gather(
        *(hub.sync_mapping(ChannelMapping(key, A), caller=ANYBODY) for key in channels)
    )

    assert len(hub.state.mappings) == 40


async def test_bound_key_learns_nothing_of_other_tenants_from_an_explanation(
    hub: MemoryHub,
) -> None:
    await hub.sync_mapping(OF_A, caller=ANYBODY)
    await hub.sync_mapping(ChannelMapping(ChannelKey(ChatwootId("1")), B), caller=ANYBODY)

    route = await hub.resolve_route(MESSAGE, caller=bound_to("a"), explain=True)

    steps = {step.rule: (step.verdict, step.owners) for step in route.considered}
    assert steps[Rule.INBOX] == (Verdict.WON, (A,))
    assert steps[Rule.ACCOUNT] == (Verdict.NOT_NEEDED, ())
    assert steps[Rule.ACCOUNT_OWNER] == (Verdict.SEVERAL_OWNERS, (A,))
    assert {owner for _, owners in steps.values() for owner in owners} == {A}
    with pytest.raises(TenantForbiddenError):
        await hub.resolve_route(MESSAGE, caller=bound_to("b"), explain=True)


@pytest.mark.parametrize("more", [0, 1])
async def test_explanation_names_a_limited_number_of_owners(hub: MemoryHub, more: int) -> None:
    owners = [
        TenantArea(TenantId(f"t{n}"), BusinessArea()) for n in range(100, 100 + MOST_OWNERS + more)
    ]
    for n, one in enumerate(owners, start=100):
        channel = ChannelKey(ChatwootId("1"), ChatwootId(str(n)))
        await hub.sync_mapping(ChannelMapping(channel, one), caller=ANYBODY)

    route = await hub.resolve_route(MESSAGE, caller=ANYBODY, explain=True)
    last = await hub.resolve_route(MESSAGE, caller=bound_to(owners[-1].tenant.value), explain=True)

    shown, own = (
        next(step.owners for step in found.considered if step.rule is Rule.ACCOUNT_OWNER)
        for found in (route, last)
    )
    assert shown == tuple(owners[:MOST_OWNERS])
    assert own == (owners[-1],)


async def test_mapping_that_never_was(hub: MemoryHub) -> None:
    with pytest.raises(MappingNotFoundError):
        await hub.read_mapping(caller=ANYBODY)


async def test_sections_are_written_merged_and_read(hub: MemoryHub) -> None:
    await hub.sync_mapping(OF_A, caller=ANYBODY)

    sections = MappingSections(accounts={ChatwootId("2"): B})
    after = (await hub.write_mapping(sections, caller=ANYBODY)).sections

    assert after.accounts == {ChatwootId("1"): A, ChatwootId("2"): B}
    assert after.inboxes == {ChatwootId("7"): A}
    assert await hub.read_mapping(caller=ANYBODY) == after
    assert (await hub.read_mapping(caller=bound_to("b"))).inboxes == {}


async def test_tenant_is_not_shown_as_the_owner_of_an_account_that_it_shares(
    hub: MemoryHub,
) -> None:
    await hub.sync_mapping(OF_A, caller=ANYBODY)
    assert (await hub.read_mapping(caller=bound_to("a"))).accounts == {ONE: A}

    await hub.sync_mapping(ChannelMapping(ChannelKey(ONE, ChatwootId("8")), B), caller=ANYBODY)

    assert (await hub.read_mapping(caller=bound_to("a"))).accounts == {}


async def test_rehearsed_write_says_what_would_change_and_writes_nothing(hub: MemoryHub) -> None:
    sections = MappingSections({ONE: A}, {ChatwootId("7"): B}, {A: 5}, {})

    written = await hub.write_mapping(sections, caller=ANYBODY, dry_run=True)

    assert written.changed == 3
    assert hub.state.mappings == {}


async def test_channels_of_a_tenant_are_those_it_owns_switched_off_ones_included(
    hub: MemoryHub,
) -> None:
    other = ChannelMapping(ChannelKey(ChatwootId("2")), A, active=False)
    for mapping in (OF_A, other, ChannelMapping(ChannelKey(ChatwootId("3")), B)):
        await hub.sync_mapping(mapping, caller=ANYBODY)

    found = await hub.read_mapping.of(A.tenant, caller=bound_to("a"))

    assert {revision.mapping for revision in found} == {OF_A, other}
    with pytest.raises(TenantForbiddenError):
        await hub.read_mapping.of(B.tenant, caller=bound_to("a"))
    with pytest.raises(ScopeMissingError):
        await hub.read_mapping.of(A.tenant, caller=STRANGER)


async def test_replacing_sections_removes_what_is_not_in_them_and_audits_moves(
    hub: MemoryHub,
) -> None:
    await hub.sync_mapping(OF_A, caller=ANYBODY)
    await hub.sync_mapping(ChannelMapping(ChannelKey(ChatwootId("9")), A), caller=ANYBODY)

    sections = MappingSections({}, {ChatwootId("7"): B})
    after = (await hub.write_mapping(sections, caller=ANYBODY, replace=True)).sections

    assert (after.accounts, after.inboxes) == ({ChatwootId("1"): B}, {ChatwootId("7"): B})
    assert [mapping.active for mapping in after.channels or ()] == [True, False]
    assert [entry.tenant for entry in await acts(hub.ports.audit)] == [A.tenant]


async def test_writing_the_same_sections_again_makes_no_versions(hub: MemoryHub) -> None:
    sections = MappingSections({ChatwootId("1"): A}, {ChatwootId("7"): B}, {A: 5}, {})
    await hub.write_mapping(sections, caller=ANYBODY, replace=True)
    before = dict(hub.state.mappings)

    await hub.write_mapping(sections, caller=ANYBODY, replace=True)

    assert hub.state.mappings == before


async def test_bound_key_cannot_write_the_whole_mapping(hub: MemoryHub) -> None:
    with pytest.raises(TenantForbiddenError):
        await hub.write_mapping(MappingSections(), caller=bound_to("a"))


async def test_whole_mapping_may_say_that_a_channel_is_another_tenants_and_inactive(
    hub: MemoryHub,
) -> None:
    await hub.sync_mapping(OF_A, caller=ANYBODY)
    off = evolve(OF_B, active=False)

    written = await hub.write_mapping(MappingSections(channels=(off,)), caller=ANYBODY)

    assert written.sections.channels == (off,)
    assert [entry.tenant for entry in await acts(hub.ports.audit)] == [A.tenant]
