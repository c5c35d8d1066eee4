"""
What the mapping as one object promises on every store: what was read can be written back.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo_ai_config.application.channels.mapping import ReadMapping, SyncMapping, WriteMapping
from odoo_ai_config.application.channels.simulation import SimulateMapping
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import (
    ChannelEnd,
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    state_of,
)
from odoo_ai_config.domain.channels.routing import RULES, IncomingMessage, RoutingTable, Rule
from odoo_ai_config.domain.channels.sections import MappingSections
from odoo_ai_config.domain.channels.simulation import UNCLAIMED
from odoo_ai_config.domain.errors import (
    AmbiguousMappingError,
    PreconditionFailedError,
    RevisionConflictError,
)
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.channels.payloads import mapping_object, mapping_sections
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes
from tests import strategies
from tests.contract.samples import AT, audit_entry, mapping
from tests.contract.stores import StoreContract, Stores
from tests.stand_ins.clock import ManualClock
from tests.trail import acts
from tests.unit.application.memory_hub import ANYBODY

# The stores stay from one example to the next; each example replaces their whole mapping.
LENIENT = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
tables = st.lists(
    strategies.channel_mappings(), max_size=6, unique_by=lambda mapping: mapping.key
) | st.tuples(strategies.routings()).map(
    lambda drawn: list({mapping.key: mapping for mapping in drawn[0][0]}.values())
)


class MappingFormContract(StoreContract):
    @given(table=tables, whole=st.booleans(), old=st.booleans())
    @settings(max_examples=20, suppress_health_check=LENIENT)
    async def test_written_back_it_changes_nothing(
        self, stores: Stores, table: list[ChannelMapping], whole: bool, old: bool
    ) -> None:
        if not table:
            return
        before = await stored(stores, table)
        read = await as_json(stores)
        if old:
            del read["channels"]
        again = mapping_sections(json.loads(json_bytes(read)))
        write = WriteMapping(stores.config, stores.channels, stores.standings, ManualClock(AT))
        try:
            written = await write(again, caller=ANYBODY, replace=whole)
        except AmbiguousMappingError:
            # Two accounts give an inbox to different owners, and the old form cannot say so.
            assert old
            assert whole
        else:
            assert written.changed == 0
        assert list(await stores.channels.mappings()) == before

    @given(table=tables)
    @settings(max_examples=20, suppress_health_check=LENIENT)
    async def test_channels_say_everything(
        self, stores: Stores, table: list[ChannelMapping]
    ) -> None:
        before = await stored(stores, table)
        shown = mapping_sections(await as_json(stores)) if before else MappingSections(channels=())
        assert list(shown.channels or ()) == [revision.mapping for revision in before]

    @given(routing=strategies.routings(min_mappings=1), bound=...)
    @settings(max_examples=20, suppress_health_check=LENIENT)
    async def test_deleted_channel_routes_no_more_or_the_answer_says_by_which_rule(
        self,
        stores: Stores,
        routing: tuple[list[ChannelMapping], list[IncomingMessage]],
        bound: bool,
    ) -> None:
        table = list({mapping.key: mapping for mapping in routing[0]}.values())
        await stored(stores, table)
        before = {r.mapping.key: r.mapping for r in await stores.channels.mappings()}
        inbox = ChannelKey(ChatwootId("1"), ChatwootId("2"))
        ended = ChannelEnd(inbox, table[0].owner)
        caller = evolve(ANYBODY, tenant=ended.owner.tenant) if bound else ANYBODY
        simulate = SimulateMapping(stores.config, stores.channels, ManualClock(AT))
        simulated = await simulate(ended, caller=caller)
        sync = SyncMapping(stores.config, stores.channels, stores.standings, ManualClock(AT))
        outcome = await sync(ended, caller=caller)
        assert (simulated.changed, simulated.notices) == (outcome.changed, outcome.notices)
        after = [revision.mapping for revision in await stores.channels.mappings()]
        changed = [mapping for mapping in after if before.get(mapping.key) != mapping]
        codes = [notice.code for notice in outcome.notices]
        assert outcome.changed == bool(changed)
        if codes == ["channel_of_another_tenant"]:
            assert changed == []
            return
        # Nobody else's channel, and none that says more than the channel that ends.
        twin = ChannelKey(inbox=inbox.inbox)
        assert {one.key for one in changed} <= {inbox, twin}
        for one in changed:
            was = before.get(one.key)
            assert not one.active
            assert was is None or was.owner.tenant == ended.owner.tenant or not was.active
            assert was is None or one == evolve(was, active=False) or not was.active
        now, then = RoutingTable(before.values()), RoutingTable(after)
        numbers = {special.number.digits for mapping in after for special in mapping.numbers}
        routes = [
            then.resolve(IncomingMessage(inbox.account, inbox.inbox, number))
            for number in (None, *numbers)
        ]
        rules = {route.matched_by for route in routes} - {Rule.UNRESOLVED}
        assert codes == [f"still_routed_by_{rule.value}" for rule in RULES if rule in rules]
        if not bound:
            shown = {one.message: (one.before, one.after) for one in simulated.effects}
            for account in {m.key.account for m in after if m.active}:
                for message in (IncomingMessage(account, inbox.inbox), IncomingMessage(account)):
                    moved = now.resolve(message), then.resolve(message)
                    if moved[0] != moved[1]:
                        general = IncomingMessage(account), UNCLAIMED
                        assert moved in [shown.get(one) for one in (message, *general)]
        kept = next((mapping for mapping in after if mapping.key == twin), None)
        if kept is not None and kept.active and kept.owner.tenant == ended.owner.tenant:
            others = {
                m.key.account
                for m in after
                if m.active and m.owner.tenant == ended.owner.tenant and m.key.account
            }
            assert kept.fallback or kept.numbers or others - {inbox.account}

    async def test_commit_that_relies_on_the_whole_mapping_is_refused_after_any_change_of_it(
        self, stores: Stores
    ) -> None:
        await stores.config.commit(Changeset(mappings=(mapping("1", "7"),), mapping_state=0))
        seen = list(await stores.channels.mappings())
        await stores.config.commit(Changeset(mappings=(mapping("2", "7"),)))
        for written in (mapping("3", "7"), mapping("1", "7", version=2, active=False)):
            with pytest.raises(RevisionConflictError):
                await stores.config.commit(
                    Changeset(
                        mappings=(written,), audit=(audit_entry(),), mapping_state=state_of(seen)
                    )
                )
        assert await acts(stores.audit) == []
        now = list(await stores.channels.mappings())
        assert [revision.version for revision in now] == [1, 1]
        await stores.config.commit(
            Changeset(mappings=(mapping("3", "7"),), mapping_state=state_of(now))
        )
        assert len(await stores.channels.mappings()) == 3

    async def test_of_writers_who_saw_the_same_mapping_one_wins(self, stores: Stores) -> None:
        seen = await stored(stores, [mapping("9", "9").mapping])
        outcomes = await asyncio.gather(
            *(
                stores.config.commit(
                    Changeset(mappings=(mapping(str(number), "1"),), mapping_state=state_of(seen))
                )
                for number in range(1, 7)
            ),
            return_exceptions=True,
        )
        assert [outcome for outcome in outcomes if outcome is None] == [None]
        assert {type(outcome) for outcome in outcomes} == {type(None), RevisionConflictError}
        assert len(await stores.channels.mappings()) == 2

    async def test_writer_in_between_makes_a_conditional_write_decide_again(
        self, stores: Stores
    ) -> None:
        before = await stored(stores, [mapping("1", "7").mapping])
        asked: list[int] = []
        others = [mapping(str(number), "8") for number in range(2, 5)]

        def expected(present: Sequence[ChannelMapping], version: int) -> bool:
            asked.append(version)
            return len(present) == version

        store: Any = Interrupted(stores.config, others)
        write = WriteMapping(store, stores.channels, stores.standings, ManualClock(AT))
        sections = MappingSections(accounts={ChatwootId("5"): before[0].mapping.owner})
        written = await write(sections, caller=ANYBODY, expected=expected)
        assert asked == [1, 2, 3, 4]
        assert len(written.sections.channels or ()) == 5
        with pytest.raises(PreconditionFailedError):
            await write(
                MappingSections(channels=()),
                caller=ANYBODY,
                replace=True,
                expected=lambda _, version: version == 4,
            )
        assert len(await stores.channels.mappings()) == 5


class Interrupted:
    """
    A store in which somebody else commits a mapping right before each commit.
    """

    def __init__(self, store: ConfigStore, others: list[MappingRevision]) -> None:
        self._store, self._others = store, others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, changeset: Changeset) -> None:
        if self._others:
            await self._store.commit(Changeset(mappings=(self._others.pop(0),)))
        await self._store.commit(changeset)


async def stored(stores: Stores, table: list[ChannelMapping]) -> list[MappingRevision]:
    """
    Make *table* the whole mapping; what there was before stays as inactive channels.
    """
    # No use case accepts odd ids any more; earlier versions did.
    odd = {m.key: m for m in table if any(id_.is_odd for id_ in m.key.ids)}
    for key in odd.keys() - await stores.channels.current(list(odd)):
        revision = MappingRevision(odd[key], 1, created_at=AT, updated_at=AT, author="old")
        await stores.config.commit(Changeset(mappings=(revision,)))
    write = WriteMapping(stores.config, stores.channels, stores.standings, ManualClock(AT))
    await write(MappingSections(channels=tuple(table)), caller=ANYBODY, replace=True)
    found = list(await stores.channels.mappings())
    known = {mapping.key: mapping for mapping in table}
    for revision in found:
        mapping = revision.mapping
        assert known.get(mapping.key) == mapping or not mapping.active
    return found


async def as_json(stores: Stores) -> JsonObject:
    sections = await ReadMapping(stores.channels, stores.standings)(caller=ANYBODY)
    read: JsonObject = json.loads(json_bytes(mapping_object(sections)))
    return read
