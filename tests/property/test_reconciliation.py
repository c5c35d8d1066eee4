"""
Whatever a hub lost, a source restores it by pushing what the hub reports as drifted.
"""

from __future__ import annotations

import asyncio
import copy
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.documents.syncs import CompanyMetadataSync
from odoo_ai_config.domain.identifiers import METADATA, ChatwootId, TenantArea
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.domain.reconciliation import DriftStatus, ExpectedArea, ExpectedState
from tests.contract.samples import owner
from tests.unit.application.memory_hub import ANYBODY, MemoryHub

Pushed: TypeAlias = ChannelMapping | CompanyMetadataSync
Subject: TypeAlias = ChannelKey | TenantArea
Memory: TypeAlias = dict[Subject, tuple[Pushed, ExpectedState]]

INBOXES = [ChatwootId("7"), ChatwootId("8")]
AREAS = [owner(tenant, domain) for tenant in ("a", "b") for domain in ("default", "sales")]
pushes = st.one_of(
    st.builds(
        ChannelMapping,
        st.builds(ChannelKey, st.just(ChatwootId("1")), st.sampled_from(INBOXES)),
        st.sampled_from(AREAS),
        sequence=st.integers(1, 3),
        active=st.booleans(),
    ),
    st.builds(
        CompanyMetadataSync,
        st.sampled_from(AREAS),
        st.builds(lambda name: {"name": name}, st.sampled_from("xyz")),
    ),
)


async def push(hub: MemoryHub, pushed: Pushed, memory: Memory) -> Outcome:
    if isinstance(pushed, ChannelMapping):
        outcome = await hub.sync_mapping(pushed, caller=ANYBODY)
        subject: Subject = pushed.key
    else:
        outcome = await hub.sync_company_metadata(pushed, caller=ANYBODY)
        subject = pushed.owner
    # Other notices tell of unknown tenants, and of channels that still route.
    if "channel_of_another_tenant" not in {notice.code for notice in outcome.notices}:
        ((name, version),) = outcome.versions.items()
        memory[subject] = pushed, ExpectedState(version, outcome.digests[name])
    return outcome


async def statuses(hub: MemoryHub, memory: Memory) -> dict[Subject, DriftStatus]:
    known = [
        ExpectedArea(pushed.owner, {METADATA: acknowledged})
        if isinstance(pushed, CompanyMetadataSync)
        else ExpectedArea(pushed.owner, channels={pushed.key: acknowledged})
        for pushed, acknowledged in memory.values()
    ]
    told = await hub.reconcile(known, caller=ANYBODY)
    assert told.unknown.channels == ()
    found = [next(area.all).status for area in told.areas]
    return dict(zip(memory, found, strict=True))


@given(
    before=st.lists(pushes, max_size=6),
    lost=st.lists(pushes, max_size=6),
    strange=st.lists(pushes, max_size=4),
)
def test_pushing_everything_that_drifted_restores_the_hub(
    before: list[Pushed], lost: list[Pushed], strange: list[Pushed]
) -> None:
    async def go() -> None:
        hub, memory = MemoryHub(), Memory()
        for pushed in before:
            await push(hub, pushed, memory)
        backup = copy.deepcopy(hub.state)
        for pushed in lost:
            await push(hub, pushed, memory)
        assert set((await statuses(hub, memory)).values()) <= {DriftStatus.EQUAL}

        restored = MemoryHub(state=backup)
        # Another writer may reuse the numbers of the lost versions.
        for pushed in strange:
            if (pushed.key if isinstance(pushed, ChannelMapping) else pushed.owner) in memory:
                await push(restored, pushed, {})
        for subject, status in (await statuses(restored, memory)).items():
            if status is not DriftStatus.EQUAL:
                await push(restored, memory[subject][0], memory)

        for subject, status in (await statuses(restored, memory)).items():
            last = memory[subject][0]
            if isinstance(last, ChannelMapping):
                current = (await restored.ports.channels.current((last.key,)))[last.key].mapping
                # A deactivation is not a claim: another tenant keeps the channel.
                given_up = not last.active and current.owner.tenant != last.owner.tenant
                assert status is (DriftStatus.TAKEN if given_up else DriftStatus.EQUAL)
                assert given_up or current == last
            else:
                assert status is DriftStatus.EQUAL

    asyncio.run(go())
