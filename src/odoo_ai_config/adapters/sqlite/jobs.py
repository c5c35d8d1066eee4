"""
Work that the event loop hands to a thread, many jobs at a time.

Each hand-over costs a thread switch there and one back, more than most of the work itself. So
everything that comes up during one turn of the event loop goes over together.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from attrs import define

from odoo_ai_config.application.errors import StoreFailure, StoreUnavailableError

R = TypeVar("R")
T = TypeVar("T")


@define(eq=False)
class Job(Generic[R]):
    """
    Work with a resource of the thread, whoever waits for it, and how it ended.
    """

    work: Callable[[R], object]
    waiter: asyncio.Future[Any]
    result: object = None
    error: Exception | None = None

    def run(self, resource: R, *refusals: type[Exception]) -> None:
        """
        Do the work. An error among *refusals* concerns its waiter only.
        """
        self.error = None
        try:
            self.result = self.work(resource)
        except refusals as refusal:
            self.error = refusal

    def tell(self) -> None:
        """
        Let the waiter go on, unless it has given up. Runs on its event loop.
        """
        if self.waiter.done():
            return
        if self.error is None:
            self.waiter.set_result(self.result)
        else:
            self.waiter.set_exception(self.error)


class Batcher(Generic[R]):
    """
    Collects the jobs of one turn of the event loop and hands them over as a batch.

    One event loop uses it at a time.
    """

    def __init__(self, hand_over: Callable[[list[Job[R]]], object]) -> None:
        self._hand_over = hand_over
        self._jobs: list[Job[R]] = []
        self._ends_on: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def do(self, work: Callable[[R], T]) -> T:
        """
        Hand *work* in and return its result. A caller that is cancelled does not stop it.
        """
        if self._closed:
            raise StoreUnavailableError
        loop = asyncio.get_running_loop()
        if self._ends_on is not loop:
            self._ends_on = loop
            loop.call_soon(self._end)
        waiter: asyncio.Future[T] = loop.create_future()
        self._jobs.append(Job(work, waiter))
        return await waiter

    def close(self) -> None:
        """
        Hand over what is there, and take nothing more.
        """
        self._end()
        self._closed = True

    def _end(self) -> None:
        jobs, self._jobs = self._jobs, []
        self._ends_on = None
        if jobs:
            self._hand_over(jobs)


def run_batch(jobs: list[Job[R]], run_together: Callable[[list[Job[R]]], None]) -> None:
    """
    Run *jobs* in this thread and tell their waiters; an error of all of them goes to each.
    """
    failure, cause = StoreFailure.AWAY, None
    finished = False
    try:
        run_together(jobs)
        finished = True
    except StoreUnavailableError as error:
        failure, cause = error.failure, error.__cause__
    finally:
        # Also after an unexpected error: nobody may wait forever.
        if not finished:
            cause = cause or sys.exc_info()[1]
            for job in jobs:
                # One for each: a traceback grows with every task that an exception goes through.
                job.error = StoreUnavailableError(failure)
                job.error.__cause__ = cause
        _tell(jobs)


def _tell(jobs: list[Job[R]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Job[R]]] = defaultdict(list)
    for job in jobs:
        by_loop[job.waiter.get_loop()].append(job)
    for loop, group in by_loop.items():
        # On a loop that was closed meanwhile, nobody waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell_here, group)


def _tell_here(jobs: list[Job[R]]) -> None:
    for job in jobs:
        job.tell()
