"""
What the mapping as one object promises on every store: what was read can be written back.
"""

from __future__ import annotations

import json

from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo_ai_config.application.channels.mapping import ReadMapping, SyncMapping, WriteMapping
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, MappingRevision
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable
from odoo_ai_config.domain.channels.sections import MappingSections
from odoo_ai_config.domain.errors import AmbiguousMappingError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.channels.payloads import mapping_object, mapping_sections
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes
from tests import strategies
from tests.contract.samples import AT
from tests.contract.stores import StoreContract, Stores
from tests.stand_ins.clock import ManualClock
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
        write = WriteMapping(stores.config, stores.channels, ManualClock(AT))
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

    @given(routing=strategies.routings().filter(lambda routing: bool(routing[0])), bound=...)
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
        ended = ChannelMapping(inbox, table[0].owner, active=False)
        caller = evolve(ANYBODY, tenant=ended.owner.tenant) if bound else ANYBODY
        sync = SyncMapping(stores.config, stores.channels, ManualClock(AT))
        outcome = await sync(ended, caller=caller)
        after = [revision.mapping for revision in await stores.channels.mappings()]
        changed = [mapping for mapping in after if before.get(mapping.key) != mapping]
        codes = [notice.code for notice in outcome.notices]
        assert outcome.changed == bool(changed)
        if codes == ["channel_of_another_tenant"]:
            assert changed == []
            return
        # Nobody else's channel, and none that says more than the channel that ends.
        twin = ChannelKey(inbox=inbox.inbox)
        assert {mapping.key for mapping in changed} <= {inbox, twin}
        for mapping in changed:
            was = before.get(mapping.key)
            assert not mapping.active
            assert was is None or was.owner.tenant == ended.owner.tenant or not was.active
        route = RoutingTable(after).resolve(IncomingMessage(inbox.account, inbox.inbox))
        expected = [] if route.owner is None else [f"still_routed_by_{route.matched_by.value}"]
        assert codes == expected
        kept = next((mapping for mapping in after if mapping.key == twin), None)
        if kept is not None and kept.active and kept.owner.tenant == ended.owner.tenant:
            others = {
                m.key.account
                for m in after
                if m.active and m.owner.tenant == ended.owner.tenant and m.key.account
            }
            assert kept.fallback or kept.numbers or others - {inbox.account}


async def stored(stores: Stores, table: list[ChannelMapping]) -> list[MappingRevision]:
    """
    Make *table* the whole mapping; what there was before stays as inactive channels.
    """
    write = WriteMapping(stores.config, stores.channels, ManualClock(AT))
    await write(MappingSections(channels=tuple(table)), caller=ANYBODY, replace=True)
    found = list(await stores.channels.mappings())
    known = {mapping.key: mapping for mapping in table}
    for revision in found:
        mapping = revision.mapping
        assert known.get(mapping.key) == mapping or not mapping.active
    return found


async def as_json(stores: Stores) -> JsonObject:
    sections = await ReadMapping(stores.channels)(caller=ANYBODY)
    read: JsonObject = json.loads(json_bytes(mapping_object(sections)))
    return read
