"""
A spool in memory, for tests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from attrs import evolve

from odoo_ai_config.application.errors import SpoolUnavailableError
from odoo_ai_config.application.ports.message_spool import (
    MessageSpool,
    SpoolCensus,
    SpooledArrival,
    SpoolLimits,
    SpoolUse,
)
from odoo_ai_config.domain.messages.inbox import MessageId


class MemoryMessageSpool(MessageSpool):
    """
    As durable as its process.
    """

    def __init__(self, limits: SpoolLimits) -> None:
        self._limits = limits
        self._arrivals: dict[MessageId, SpooledArrival] = {}
        self._busy = False

    @property
    def limits(self) -> SpoolLimits:
        return self._limits

    @property
    def waiting(self) -> int:
        return len(self._waiting())

    async def add(self, arrival: SpooledArrival) -> None:
        waiting = self._waiting()
        use = SpoolUse(
            _size(self._arrivals.values()),
            _size([one for one in waiting if not one.known]),
            _size([one for one in waiting if one.holder == arrival.holder]),
        )
        if not self._limits.admits(arrival, use):
            raise SpoolUnavailableError
        self._arrivals[arrival.id] = arrival

    async def holds(self, lane: str) -> bool:
        return any(one.lane == lane for one in self._waiting())

    async def oldest(
        self, *, limit: int, beside: Collection[str] = ()
    ) -> Sequence[SpooledArrival]:
        return [one for one in self._waiting() if one.lane not in beside][:limit]

    async def settle(
        self, *, done: Collection[MessageId], refused: Mapping[MessageId, str]
    ) -> int:
        for id_ in done:
            self._arrivals.pop(id_, None)
        for id_, code in refused.items():
            if id_ in self._arrivals:
                self._arrivals[id_] = evolve(self._arrivals[id_], refusal=code)
        kept = [*await self.kept()]
        dropped = 0
        while _size(kept) > self._limits.kept:
            del self._arrivals[kept.pop(0).id]
            dropped += 1
        return dropped

    async def kept(self) -> Sequence[SpooledArrival]:
        return _by_age(one for one in self._arrivals.values() if one.refusal is not None)

    async def requeue(self, ids: Collection[MessageId]) -> int:
        found = [one for one in await self.kept() if one.id in ids]
        self._arrivals |= {one.id: evolve(one, refusal=None) for one in found}
        return len(found)

    async def expire(self, *, before: datetime) -> SpoolCensus:
        old = [one for one in self._arrivals.values() if one.at < before]
        for one in old:
            del self._arrivals[one.id]
        return _census(old)

    async def census(self) -> SpoolCensus:
        return _census(self._arrivals.values())

    @contextmanager
    def bringing_in(self) -> Iterator[bool]:
        if self._busy:
            yield False
            return
        self._busy = True
        try:
            yield True
        finally:
            self._busy = False

    def _waiting(self) -> list[SpooledArrival]:
        return _by_age(one for one in self._arrivals.values() if one.refusal is None)


def _by_age(arrivals: Iterable[SpooledArrival]) -> list[SpooledArrival]:
    return sorted(arrivals, key=lambda one: one.at)


def _size(arrivals: Collection[SpooledArrival]) -> int:
    return sum(one.size for one in arrivals)


def _census(arrivals: Collection[SpooledArrival]) -> SpoolCensus:
    waiting = [one for one in arrivals if one.refusal is None]
    return SpoolCensus(
        len(waiting),
        len(arrivals) - len(waiting),
        _size(arrivals),
        min((one.at for one in waiting), default=None),
    )
