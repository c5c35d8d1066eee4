"""
Bring what waits in the spool to the store, as soon as the store is back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import structlog
from aiohttp import web
from attrs import define, field

from odoo_ai_config.application.errors import (
    ApplicationError,
    SpoolUnavailableError,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.application.messages.spooling import BringInArrivals, Fate, Settled
from odoo_ai_config.application.ports.message_spool import Arrival
from odoo_ai_config.entrypoints.http.addresses.records import take_in_record
from odoo_ai_config.entrypoints.http.chatwoot.webhook import take_in_event
from odoo_ai_config.entrypoints.http.platform.app_keys import METRICS
from odoo_ai_config.entrypoints.http.platform.spool import SPOOL, Replayed, Source

_TAKE_IN: Final[Mapping[Source, Callable[[Replayed], Awaitable[Settled]]]] = {
    Source.CHATWOOT: take_in_event,
    Source.RECORD: take_in_record,
}
# Expired arrivals are looked for, and an empty spool is counted, at every so many looks.
_IDLE_LOOKS: Final = 40

_log = structlog.get_logger(area="hub")


@define(eq=False)
class BringingIn:
    """
    The work of one process beside its requests.
    """

    app: web.Application
    bring_in: BringInArrivals
    _looks: int = field(default=0, init=False)
    _failed: bool = field(default=False, init=False)

    async def count(self) -> None:
        """
        Count what an earlier process left, so that requests go behind it from the first one on.
        """
        with suppress(SpoolUnavailableError):
            census = await self.app[SPOOL].spool.census()
            self.app[METRICS].spool.counted(census, self.bring_in.clock.now)

    async def look(self) -> None:
        """
        Bring in what waits, unless the store is known to be away.
        """
        try:
            await self._look()
        except SpoolUnavailableError as error:
            if not self._failed:
                cause = None if error.failure is None else error.failure.value
                _log.error("spool_failed", cause=cause)
            self._failed = True
        else:
            self._failed = False

    async def _look(self) -> None:
        spool = self.app[SPOOL]
        idle_look = self._looks % _IDLE_LOOKS == 0
        self._looks += 1
        waiting = spool.spool.waiting > 0
        if idle_look:
            await self.bring_in.expire(self._tell)
        if waiting and spool.watch.away is None:
            await self._bring_in()
        if waiting or idle_look:
            await self.count()

    async def _bring_in(self) -> None:
        fates: Counter[Fate] = Counter()
        try:
            await self.bring_in(self._take_in, partial(self._count, fates))
        except (StoreUnavailableError, StoreUnusableError) as error:
            self.app[SPOOL].watch.noted(error)
        except SpoolUnavailableError:
            raise
        except ApplicationError as error:
            _log.warning("bringing_in_failed", code=error.code)
        if fates:
            _log.info(
                "arrivals_brought_in",
                **{fate.value: count for fate, count in fates.items()},
            )

    async def _take_in(self, arrival: Arrival) -> Settled:
        request = Replayed.of(self.app, arrival)
        return await _TAKE_IN[request.source](request)

    def _count(self, fates: Counter[Fate], settled: Settled) -> None:
        fates[settled.fate] += settled.count
        self._tell(settled)

    def _tell(self, settled: Settled) -> None:
        self.app[METRICS].spooled(settled.fate.value, settled.count)
        if settled.fate is Fate.BROUGHT_IN:
            return
        _log.warning(
            f"arrival_{settled.fate.value}",
            message=settled.arrival and settled.arrival.value,
            code=settled.code,
            count=settled.count,
            exc_info=settled.error,
        )
