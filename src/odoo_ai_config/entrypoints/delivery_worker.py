"""
The delivery worker of a process: takes messages that are due and delivers many at a time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

import structlog
from attrs import define, frozen
from structlog.contextvars import bind_contextvars

from odoo_ai_config.application.errors import ApplicationError, is_refused
from odoo_ai_config.application.messages.progress import GOES_ON, Progress, Step, Trouble
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.application.work_signal import WorkSignal
from odoo_ai_config.domain.crews import Crew
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.answers import Answer
from odoo_ai_config.domain.messages.inbox import CLOCK_SLACK, InboxMessage
from odoo_ai_config.entrypoints.background import Noted, in_background
from odoo_ai_config.entrypoints.settings import Settings
from odoo_ai_config.entrypoints.wiring import Services

Count: TypeAlias = Callable[[str, str | None], None]
"""
Takes the outcome of a step of a delivery, and its reason.
"""
CountTold: TypeAlias = Callable[[str], None]
"""
Takes the cause of which people were told.
"""

_log = structlog.get_logger(area="hub")

# The longest wait of a message that another process received and does not deliver.
_LOOK_SECONDS: Final = 1.0
# Messages that arrive in this time are taken together: receiving comes before delivering. The end
# of a delivery cuts it short, so that its place does not stay empty.
_REST_SECONDS: Final = 0.01
_BACKOFF_SECONDS: Final = (0.5, 10.0)
# How long giving messages back may take at the end.
_LAST_SECONDS: Final = 2.0
# How often people are told of customers without an answer.
_TELL_SECONDS: Final = 5.0
_UNEXPECTED: Final = Trouble.UNEXPECTED.value
_SEVERITIES: Final = {
    Progress.PUT_OFF: "warning",
    Progress.UNRESOLVED: "warning",
    Progress.DEAD: "error",
}


@frozen
class Capacity:
    """
    How much one process delivers at a time.

    Args:
        total: The maximum number of messages.
        per_tenant: The maximum number of messages of one tenant.
        grace: Seconds for running deliveries when the process stops.
    """

    total: int = 64
    per_tenant: int = 16
    grace: float = 20.0


def capacity_of(settings: Settings) -> Capacity:
    """
    The operator's settings.
    """
    return Capacity(settings.deliveries, settings.deliveries_per_tenant, settings.shutdown_seconds)


@define(eq=False)
class _Delivery:
    """
    A running delivery.

    Args:
        message: Its message after the last step.
        failed: Whether it has ended with an unexpected error.
    """

    message: InboxMessage
    failed: bool = False


class DeliveryWorker:
    """
    Takes messages and delivers them, until it is retired.

    No delivery delays another one, whatever goes wrong with it.
    """

    def __init__(
        self,
        services: Services,
        capacity: Capacity,
        *,
        count: Count = lambda _progress, _reason: None,
    ) -> None:
        self._inbox = services.ports.inbox
        self._deliver = services.deliver_message
        self._signal = services.work_signal
        self._ended = WorkSignal()
        self._capacity = capacity
        self._count = count
        self._running: dict[asyncio.Task[None], _Delivery] = {}
        self._ends_at: float | None = None
        self._failed_looks = 0
        # Wall time minus monotonic time, when last read.
        self._clock_offset = float("inf")

    def retire(self) -> float:
        """
        Take no more messages. The first call starts the grace period for running deliveries.

        Returns:
            When the grace period ends, by the loop's clock.
        """
        if self._ends_at is None:
            self._ends_at = asyncio.get_running_loop().time() + self._capacity.grace
            self._signal.ring()
        return self._ends_at

    async def work(self) -> None:
        """
        Take due messages, again and again, until `retire` is called.
        """
        pause = 0.0
        while True:
            await self._signal.wait(pause)
            if self._ends_at is not None:
                return
            pause = await self._looked()
            await self._ended.wait(_REST_SECONDS)

    async def finish(self) -> None:
        """
        Wait for running deliveries until the grace period ends, and give back the other messages.
        """
        ends_at, loop = self.retire(), asyncio.get_running_loop()
        # A failed delivery starts another task, which defers the message.
        while self._running and loop.time() < ends_at:
            await asyncio.wait(set(self._running), timeout=ends_at - loop.time())
        left = dict(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await asyncio.gather(
                    *(self._given_back(delivery.message) for delivery in left.values())
                )

    async def _looked(self) -> float:
        # For this many seconds nothing is due, unless the work signal comes.
        (looked,) = await asyncio.gather(self._taken(), return_exceptions=True)
        if isinstance(looked, BaseException):
            code = _code_of(looked)
            if not self._failed_looks:
                _log.warning("inbox_away", code=code)
            first, longest = _BACKOFF_SECONDS
            pause = min(first * 2 ** min(self._failed_looks, 10), longest)
            self._failed_looks += 1
            # The signal does not restore the store.
            await asyncio.sleep(pause)
            return 0.0
        if self._failed_looks:
            _log.info("inbox_back")
        self._failed_looks = 0
        return looked

    async def _follow_clock(self) -> None:
        # Also at the start: the clock may have been set back while no process ran.
        clock = self._deliver.clock
        now = clock.now()
        offset = now.timestamp() - clock.monotonic()
        if offset < self._clock_offset - CLOCK_SLACK.total_seconds():
            recalled = await self._inbox.recall(now=now)
            if recalled:
                _log.warning("clock_set_back", messages=recalled)
        self._clock_offset = offset

    async def _taken(self) -> float:
        await self._follow_clock()
        room = self._capacity.total - len(self._running)
        if room <= 0:
            return _LOOK_SECONDS
        # No message of these tenants can be taken until one of their deliveries ends.
        most = self._capacity.per_tenant
        full = [tenant for tenant, count in self._by_tenant().items() if count >= most]
        # Reading costs less than looking for something to take.
        due = await self._inbox.next_due(beside=full)
        now = self._deliver.clock.now()
        if due is None or due > now:
            return _LOOK_SECONDS if due is None else min(_LOOK_SECONDS, _seconds(now, due))
        claim_limits = ClaimLimits(room, most, self._by_tenant())
        messages = await self._inbox.claim(claim_limits, now=now, until=now + self._deliver.lease)
        for message in messages:
            delivery = _Delivery(message)
            self._start(delivery, self._delivered(delivery))
        # If there is none, another process was faster.
        return 0.0 if messages else _LOOK_SECONDS

    def _by_tenant(self) -> Counter[TenantId]:
        return Counter(delivery.message.holder.tenant for delivery in self._running.values())

    def _start(self, delivery: _Delivery, work: Coroutine[object, object, None]) -> None:
        # With a context of its own, log lines of adapters name the message too, and so do those
        # about the end of the task.
        context = copy_context()
        task = asyncio.create_task(work, context=context)
        self._running[task] = delivery
        task.add_done_callback(self._on_end, context=context)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        delivery = self._running.pop(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed(delivery, _code_of(error))
        # Now there is room for another message, or the next of the conversation can be taken.
        self._ended.ring()
        self._signal.ring()

    def _failed(self, delivery: _Delivery, code: str) -> None:
        if code == _UNEXPECTED and not delivery.failed:
            # If the failure is not counted, the message comes back with each claim.
            delivery.failed = True
            self._start(delivery, self._put_off(delivery))
            return
        _log.warning("delivery_left", code=code)
        self._count("left", None)

    async def _put_off(self, delivery: _Delivery) -> None:
        self._tell(await self._deliver.failed(delivery.message, reason=_UNEXPECTED))

    async def _delivered(self, delivery: _Delivery) -> None:
        message = delivery.message
        bind_contextvars(
            area="hub",
            request_id=message.origin.request_id,
            message=str(message.id),
            tenant=str(message.holder.tenant),
        )
        unposted, answer = False, None
        while True:
            step = await self._step(delivery.message, answer, unposted=unposted)
            delivery.message = step.message
            self._tell(step)
            if step.progress not in GOES_ON:
                return
            unposted, answer = True, step.answer

    async def _step(self, message: InboxMessage, answer: Answer | None, *, unposted: bool) -> Step:
        def tell(crew: Crew) -> None:
            _log.info("crew_asked", crew=crew.name, attempt=message.attempts + 1)

        claim = asyncio.timeout(_time_left(message, self._deliver.clock.now()))
        try:
            async with claim:
                return await self._deliver(
                    message, unposted=unposted, answer=answer, on_asking=tell
                )
        except TimeoutError:
            if not claim.expired():
                raise
            # Another process may have it now.
            return Step(Progress.OVERTAKEN, message)

    async def _given_back(self, message: InboxMessage) -> None:
        with suppress(ApplicationError):
            self._tell(await self._deliver.give_back(message))

    def _tell(self, step: Step) -> None:
        message = step.message
        self._count(step.progress.value, message.reason)
        log = getattr(_log, _SEVERITIES.get(step.progress, "info"))
        log(
            f"delivery_{step.progress.value}",
            message=str(message.id),
            tenant=str(message.holder.tenant),
            crew=step.crew,
            failures=message.attempts,
            reason=message.reason,
        )


async def tell_people(services: Services, count: CountTold) -> None:
    """
    Tell people in Chatwoot of customers without an answer, and *count* the causes.

    If the store is unavailable, the next call does it.
    """
    with suppress(ApplicationError):
        async for cause in services.tell_people():
            _log.warning("people_told", reason=cause)
            count(cause)


@asynccontextmanager
async def delivering(
    services: Services,
    capacity: Capacity,
    *,
    count: Count = lambda _progress, _reason: None,
    count_told: CountTold = lambda _cause: None,
    failed: Noted = lambda: None,
) -> AsyncIterator[DeliveryWorker]:
    """
    Deliver messages in the background, and tell people of those that have no answer.

    At the end it takes no more messages, and finishes or gives back those that it has.
    """
    worker = DeliveryWorker(services, capacity, count=count)
    work = asyncio.create_task(worker.work())
    try:
        async with in_background(
            partial(tell_people, services, count_told),
            name="telling_people",
            every=_TELL_SECONDS,
            failed=failed,
        ):
            yield worker
    finally:
        worker.retire()
        await asyncio.wait({work}, timeout=capacity.grace)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await worker.finish()


def _code_of(error: BaseException) -> str:
    # An unexpected error is a fault of the hub or of something that it uses. If the store refuses
    # a write, that may be about this message only, which must not come back with each claim.
    if isinstance(error, ApplicationError) and not is_refused(error):
        return error.code
    _log.error(_UNEXPECTED, exc_info=error)
    return _UNEXPECTED


def _time_left(message: InboxMessage, now: datetime) -> float:
    return 0.0 if message.due_at is None else _seconds(now, message.due_at)


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
