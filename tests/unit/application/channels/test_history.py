from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve

from odoo_ai_config.application.channels import history
from odoo_ai_config.application.channels.mapping import Expected
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.changes import AuditAction
from odoo_ai_config.domain.channels.history import (
    ChannelChange,
    ChannelChangeKind,
    HistoryPrunedError,
    Unshown,
)
from odoo_ai_config.domain.channels.mapping import (
    AccountSharedError,
    ChannelKey,
    ChannelMapping,
    ChannelOwnedError,
)
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import (
    InvalidValueError,
    MappingNotFoundError,
    PreconditionFailedError,
    RevisionNotFoundError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from tests.contract.samples import AT, owner
from tests.trail import acts
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to

A, B = owner("a"), owner("b")
CHANNEL = ChannelKey(ChatwootId("1"), ChatwootId("7"))
BESIDE = ChannelKey(ChatwootId("1"), ChatwootId("8"))
OF_A, OF_B = ChannelMapping(CHANNEL, A), ChannelMapping(CHANNEL, B)
HOUR = timedelta(hours=1)


def at_version(number: int) -> Expected:
    return lambda _, version: version == number


async def write(hub: MemoryHub, *mappings: ChannelMapping) -> None:
    """
    Write *mappings* hour by hour, the first one at `AT`.
    """
    for mapping in mappings:
        await hub.sync_mapping(mapping, caller=ANYBODY)
        hub.clock.tick(HOUR)


async def now(hub: MemoryHub) -> dict[ChannelKey, ChannelMapping]:
    return {key: revision.mapping for key, revision in hub.state.mappings.items()}


async def test_history_says_who_changed_what_when(hub: MemoryHub) -> None:
    await write(hub, OF_A, OF_B)
    second, first = await hub.read_mapping_history(caller=ANYBODY)
    assert (first.version, first.at, first.author) == (1, AT, ANYBODY.id)
    assert first.change == ChannelChange.of(CHANNEL, None, OF_A)
    assert (second.version, second.at) == (2, AT + HOUR)
    assert second.change == ChannelChange.of(CHANNEL, OF_A, OF_B)


async def test_bound_key_sees_its_part_of_the_history(hub: MemoryHub) -> None:
    await write(hub, OF_A, OF_B, evolve(OF_B, sequence=1))
    lost, had = await hub.read_mapping_history(caller=bound_to("a"))
    assert (lost.change.before, lost.change.after) == (OF_A, Unshown.HIDDEN)
    assert had.change.after == OF_A
    changed, got = await hub.read_mapping_history(caller=bound_to("b"))
    assert (got.change.before, got.change.after) == (Unshown.HIDDEN, OF_B)
    assert changed.change.before == OF_B
    with pytest.raises(TenantForbiddenError):
        await hub.read_mapping_history(caller=bound_to("a"), tenant=TenantId("b"))


async def test_every_change_is_in_the_audit_trail(hub: MemoryHub) -> None:
    await write(hub, OF_A, OF_B, evolve(OF_B, active=False))
    trail = [one.entry for one in await hub.read_audit_trail(caller=ANYBODY)]
    assert [(entry.action, str(entry.tenant), entry.subject, entry.at) for entry in trail] == [
        (
            AuditAction.CHANNEL_CHANGED,
            "b",
            "channel/1/7 v3 switched_off: b/default (active)",
            AT + 2 * HOUR,
        ),
        (AuditAction.CHANNEL_MOVED, "a", "channel/1/7 -> b/default", AT + HOUR),
        (
            AuditAction.CHANNEL_CHANGED,
            "b",
            "channel/1/7 v2 moved: a/default -> b/default (owner)",
            AT + HOUR,
        ),
        (AuditAction.CHANNEL_CHANGED, "a", "channel/1/7 v1 added: a/default", AT),
    ]
    assert {entry.actor for entry in trail} == {ANYBODY.id}
    of_a = await hub.read_audit_trail(caller=ANYBODY, tenant=A.tenant)
    assert [one.entry.action for one in of_a] == [
        AuditAction.CHANNEL_MOVED,
        AuditAction.CHANNEL_CHANGED,
    ]
    assert {one.entry.tenant for one in of_a} == {A.tenant}


async def test_difference_of_two_moments(hub: MemoryHub) -> None:
    beside = ChannelMapping(BESIDE, B)
    await write(hub, OF_A, OF_B, beside)
    found = await hub.compare_mapping(AT, caller=ANYBODY)
    assert found.channels == (
        ChannelChange.of(CHANNEL, OF_A, OF_B),
        ChannelChange.of(BESIDE, None, beside),
    )
    back = await hub.compare_mapping(AT + HOUR, AT - HOUR, caller=ANYBODY)
    assert back.channels == (ChannelChange.of(CHANNEL, OF_B, None),)
    assert back.channels[0].kind is ChannelChangeKind.REMOVED
    assert (await hub.compare_mapping(AT + HOUR, AT + HOUR, caller=ANYBODY)).channels == ()
    own = await hub.compare_mapping(AT, caller=bound_to("a"))
    assert own.channels == (ChannelChange.of(CHANNEL, OF_A, OF_B).seen_by(A.tenant),)


async def test_difference_is_cut_where_nobody_reads_on(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MOST_CHANGES", 3)
    monkeypatch.setattr(history, "_PAGE", 2)
    channels = [ChannelKey(ChatwootId("1"), ChatwootId(str(n))) for n in range(1, 6)]
    await write(hub, *(ChannelMapping(key, A) for key in channels[:3]))
    found = await hub.compare_mapping(AT - HOUR, caller=ANYBODY)
    assert ([one.key for one in found.channels], found.truncated) == (channels[:3], False)
    await write(hub, *(ChannelMapping(key, A) for key in channels[3:]))
    found = await hub.compare_mapping(AT - HOUR, caller=ANYBODY)
    assert ([one.key for one in found.channels], found.truncated) == (channels[:3], True)


async def test_whole_mapping_goes_back_as_a_new_change(hub: MemoryHub) -> None:
    beside = ChannelMapping(BESIDE, B)
    await write(hub, OF_A, OF_B, beside)
    found = await hub.roll_back_mapping(AT, caller=ANYBODY, expected=at_version(3))
    assert found.channels == (
        ChannelChange.of(CHANNEL, OF_B, OF_A),
        ChannelChange.of(BESIDE, beside, evolve(beside, active=False)),
    )
    assert await now(hub) == {CHANNEL: OF_A, BESIDE: evolve(beside, active=False)}
    assert {key: one.version for key, one in hub.state.mappings.items()} == {CHANNEL: 3, BESIDE: 2}
    rolled, moved = (await acts(hub.ports.audit))[:2]
    assert {rolled.action, moved.action} == {
        AuditAction.CHANNEL_MOVED,
        AuditAction.MAPPING_ROLLED_BACK,
    }
    (entry,) = [
        one for one in await acts(hub.ports.audit) if one.action is AuditAction.MAPPING_ROLLED_BACK
    ]
    assert entry.tenant is None
    assert entry.subject == "mapping -> 2060-02-29T23:59:59.123457Z"
    # Again: nothing to do, nothing written.
    before = hub.state.audit[:]
    assert (await hub.roll_back_mapping(AT, caller=ANYBODY)).channels == ()
    assert hub.state.audit == before


async def test_rehearsed_rollback_writes_nothing(hub: MemoryHub) -> None:
    await write(hub, OF_A, OF_B)
    before, audit = hub.state.mappings, hub.state.audit[:]
    whole = await hub.roll_back_mapping(AT, caller=ANYBODY, dry_run=True)
    channel = await hub.roll_back_mapping(1, caller=ANYBODY, key=CHANNEL, dry_run=True)
    assert whole == channel
    assert whole.channels == (ChannelChange.of(CHANNEL, OF_B, OF_A),)
    assert (hub.state.mappings, hub.state.audit) == (before, audit)


async def test_channel_goes_back_to_a_version_or_a_moment(hub: MemoryHub) -> None:
    beside = ChannelMapping(BESIDE, A)
    await write(hub, OF_A, beside, evolve(OF_A, fallback=True), evolve(beside, sequence=1))
    await hub.roll_back_mapping(1, caller=ANYBODY, key=CHANNEL, expected=at_version(2))
    assert (await now(hub))[CHANNEL] == OF_A
    entry, *_ = await acts(hub.ports.audit)
    assert (entry.action, entry.tenant) == (AuditAction.MAPPING_ROLLED_BACK, A.tenant)
    assert entry.subject == "channel/1/7 -> v1"
    await hub.roll_back_mapping(AT + 2 * HOUR, caller=ANYBODY, key=CHANNEL)
    assert (await now(hub))[CHANNEL] == evolve(OF_A, fallback=True)
    # The other one stays.
    assert (await now(hub))[BESIDE] == evolve(beside, sequence=1)
    await hub.roll_back_mapping(AT - HOUR, caller=ANYBODY, key=CHANNEL)
    assert (await now(hub))[CHANNEL] == evolve(OF_A, fallback=True, active=False)
    found = await hub.roll_back_mapping(AT - HOUR, caller=ANYBODY, key=CHANNEL)
    assert found.channels == ()


async def test_rollback_restores_even_an_inactive_channel_that_was_lost(hub: MemoryHub) -> None:
    off = evolve(OF_A, active=False)
    await write(hub, off, OF_B)
    await hub.roll_back_mapping(AT, caller=ANYBODY)
    assert await now(hub) == {CHANNEL: off}


async def test_rollback_that_cannot_be_changes_nothing(hub: MemoryHub) -> None:
    await write(hub, OF_A, OF_B)
    before = hub.state.mappings
    roll_back = hub.roll_back_mapping
    with pytest.raises(MappingNotFoundError):
        await roll_back(1, caller=ANYBODY, key=BESIDE)
    with pytest.raises(RevisionNotFoundError):
        await roll_back(3, caller=ANYBODY, key=CHANNEL)
    with pytest.raises(PreconditionFailedError) as stale:
        await roll_back(1, caller=ANYBODY, key=CHANNEL, expected=at_version(1))
    assert stale.value.current == 2
    with pytest.raises(PreconditionFailedError) as stale:
        await roll_back(AT, caller=ANYBODY, expected=at_version(1))
    assert stale.value.current == 2
    with pytest.raises(InvalidValueError):
        await roll_back(1, caller=ANYBODY)
    with pytest.raises(ScopeMissingError):
        await roll_back(AT, caller=evolve(ANYBODY, scopes=frozenset({Scope.CONFIG_READ})))
    assert hub.state.mappings == before


async def test_bound_key_rolls_back_its_own_channels_only(hub: MemoryHub) -> None:
    await write(hub, OF_A, evolve(OF_A, sequence=1), OF_B, evolve(OF_B, sequence=2))
    roll_back = hub.roll_back_mapping
    with pytest.raises(TenantForbiddenError):
        await roll_back(AT, caller=bound_to("b"))
    with pytest.raises(TenantForbiddenError):
        await roll_back(1, caller=bound_to("b"), key=CHANNEL)
    with pytest.raises(ChannelOwnedError):
        await roll_back(1, caller=bound_to("a"), key=CHANNEL)
    for of_others in (1, 9, AT, AT - HOUR):
        with pytest.raises(MappingNotFoundError):
            await roll_back(of_others, caller=bound_to("c"), key=CHANNEL)
    with pytest.raises(RevisionNotFoundError):
        await roll_back(9, caller=bound_to("b"), key=CHANNEL)
    assert (await now(hub))[CHANNEL] == evolve(OF_B, sequence=2)
    found = await roll_back(3, caller=bound_to("b"), key=CHANNEL)
    assert (await now(hub))[CHANNEL] == OF_B
    assert found.channels == (ChannelChange.of(CHANNEL, evolve(OF_B, sequence=2), OF_B),)


async def test_bound_key_claims_nothing_of_others_by_a_rollback(hub: MemoryHub) -> None:
    mine = ChannelMapping(BESIDE, B)
    await write(hub, mine, evolve(mine, active=False), OF_A)
    with pytest.raises(AccountSharedError):
        await hub.roll_back_mapping(1, caller=bound_to("b"), key=BESIDE)
    # What nobody else has comes back, and the past owner stays hidden.
    elsewhere = ChannelMapping(ChannelKey(ChatwootId("2")), B)
    moved = evolve(elsewhere, owner=A)
    await write(hub, elsewhere, moved, evolve(moved, active=False))
    found = await hub.roll_back_mapping(1, caller=bound_to("b"), key=elsewhere.key)
    assert (await now(hub))[elsewhere.key] == elsewhere
    (change,) = found.channels
    assert (change.before, change.after) == (Unshown.HIDDEN, elsewhere)


async def test_pruned_past_is_refused_and_never_guessed(hub: MemoryHub) -> None:
    await write(hub, OF_A, evolve(OF_A, sequence=1), OF_B)
    await hub.ports.store.prune(RetentionPolicy(keep=2), now=hub.clock.now())
    oldest = (await hub.read_mapping_history(caller=ANYBODY))[-1]
    assert (oldest.version, oldest.change.before) == (2, Unshown.PRUNED)
    before = hub.state.mappings
    for refused in (
        hub.compare_mapping(AT, caller=ANYBODY),
        hub.compare_mapping(AT + 2 * HOUR, AT, caller=ANYBODY),
        hub.roll_back_mapping(AT, caller=ANYBODY),
        hub.roll_back_mapping(AT, caller=ANYBODY, key=CHANNEL),
    ):
        with pytest.raises(HistoryPrunedError):
            await refused
    with pytest.raises(RevisionNotFoundError):
        await hub.roll_back_mapping(1, caller=ANYBODY, key=CHANNEL)
    for past in (1, AT):
        with pytest.raises(MappingNotFoundError):
            await hub.roll_back_mapping(past, caller=bound_to("c"), key=CHANNEL)
    assert hub.state.mappings == before
    await hub.roll_back_mapping(AT + HOUR, caller=ANYBODY)
    assert await now(hub) == {CHANNEL: evolve(OF_A, sequence=1)}


async def test_rollback_gives_way_to_a_faster_writer(hub: MemoryHub) -> None:
    await write(hub, OF_A, evolve(OF_A, sequence=1))
    real = hub.ports.channels.at
    interfered = False

    class Interfering(type(hub.ports.channels)):  # type: ignore[misc]
        async def at(self, moment: object, keys: object) -> object:
            nonlocal interfered
            if not interfered:
                interfered = True
                await hub.sync_mapping(evolve(OF_A, sequence=2), caller=ANYBODY)
            return await real(moment, keys)  # type: ignore[arg-type]

    rolling = evolve(hub.roll_back_mapping, channels=Interfering(hub.state))
    await rolling(AT, caller=ANYBODY)
    assert await now(hub) == {CHANNEL: OF_A}
    assert hub.state.mappings[CHANNEL].version == 4
