"""
Routing and mapping events, with few mappings and with many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from attrs import evolve

from benchmarks.figures import Figure, at_most
from benchmarks.mongo import address
from benchmarks.processes import mongodb
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import (
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId
from odoo_ai_config.entrypoints.library import Hub, open_hub
from odoo_ai_config.entrypoints.settings import read_settings

_CHUNK = 1000
_EVENT = "mapping event with 100,000 mappings / with 100"


def mapping(number: int) -> ChannelMapping:
    """
    The channel of one of many tenants, with a fallback and a special number.
    """
    return ChannelMapping(
        ChannelKey(ChatwootId(str(number // 10)), ChatwootId(str(number))),
        TenantArea(TenantId(f"account_{number}"), BusinessArea("retail")),
        sequence=number % 100,
        fallback=number % 10 == 0,
        numbers=(SpecialNumber(PhoneNumber(f"5511{900000000 + number}"), "analytics"),),
    )


def message(number: int) -> IncomingMessage:
    """
    A message of the mapped channel, from a number that is not special.
    """
    return IncomingMessage(
        ChatwootId(str(number // 10)), ChatwootId(str(number)), "+5521988887777"
    )


def resolving() -> Iterator[Figure]:
    """
    The time of one decision in process, with 100,000 and with 1,000,000 mappings.
    """
    small = _resolve_microseconds(100_000)
    large = _resolve_microseconds(1_000_000)
    yield at_most("resolve in process, 100,000 mappings", 5, small, "µs")
    yield at_most(
        "resolve with 1,000,000 mappings / with 100,000",
        1.5,
        large / small,
        "x",
        f"{large:.2f} µs",
    )


def _resolve_microseconds(count: int) -> float:
    table = RoutingTable(mapping(number) for number in range(count))
    step = max(1, count // 1000)
    messages = [message(number) for number in range(0, count, step)]
    rounds = []
    for _ in range(20):
        start = perf_counter()
        for incoming in messages:
            table.resolve(incoming)
        rounds.append((perf_counter() - start) / len(messages) * 1e6)
    return median(rounds)


def mapping_events(events: int = 400) -> Iterator[Figure]:
    """
    The cost of a mapping event with 100 and with 100,000 mappings stored, on SQLite and MongoDB.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        ratio, detail = asyncio.run(_mapping_ratio(folder / "sqlite", {}, events))
        yield at_most(f"{_EVENT}, SQLite", 1.3, ratio, "x", detail)
        uri = stack.enter_context(mongodb(folder / "server"))
        # Each transaction of the stand-in takes ten times as long.
        stores = {name: address(uri, name) for name in ("few", "many")}
        ratio, detail = asyncio.run(_mapping_ratio(folder / "mongo", stores, events // 8))
        yield at_most(f"{_EVENT}, MongoDB", 1.3, ratio, "x", detail)


async def _mapping_ratio(
    folder: Path, stores: Mapping[str, str], events: int
) -> tuple[float, str]:
    async with (
        hub_in(folder / "few", stores.get("few")) as few,
        hub_in(folder / "many", stores.get("many")) as many,
    ):
        await fill(few, 100)
        await fill(many, 100_000)
        few_ms, many_ms, ratios = [], [], []
        for round_ in range(7):
            few_ms.append(await _event_milliseconds(few, 100, events, round_))
            many_ms.append(await _event_milliseconds(many, 100_000, events, round_))
            ratios.append(many_ms[-1] / few_ms[-1])
    return median(ratios), f"{median(many_ms):.3f} ms; {median(few_ms):.3f} ms with 100"


def hub_in(folder: Path, store: str | None = None) -> AbstractAsyncContextManager[Hub]:
    """
    A hub on the store at an address, or else on SQLite in *folder*.
    """
    variables = {"ODOO_AI_CONFIG_DATA_DIR": str(folder)}
    if store is not None:
        variables["ODOO_AI_CONFIG_STORE_URL"] = store
    return open_hub(read_settings(environment=variables))


async def fill(hub: Hub, count: int) -> None:
    """
    Store as many mappings, in commits of many.
    """
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for start in range(0, count, _CHUNK):
        chunk = map(mapping, range(start, min(count, start + _CHUNK)))
        revisions = tuple(MappingRevision(one, 1, now, now, hub.caller.id) for one in chunk)
        await hub.services.ports.store.commit(Changeset(mappings=revisions))
    await hub.services.resolve_route(message(0), caller=hub.caller)


async def _event_milliseconds(hub: Hub, count: int, events: int, round_: int) -> float:
    hub.caller.require(Scope.WEBHOOK)
    chosen = islice(cycle(range(0, count, max(1, count // 97))), events)
    changed = [
        evolve(mapping(n), sequence=1000 + round_ * events + i) for i, n in enumerate(chosen)
    ]
    start = perf_counter()
    for new in changed:
        await hub.services.sync_mapping(new, caller=hub.caller)
    return (perf_counter() - start) / events * 1000
