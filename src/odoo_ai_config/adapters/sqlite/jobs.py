"""
Work that is handed from the event loop to a thread, many pieces at a time.

Each hand-over costs a thread switch there and one back, which is more than most of the work
itself. So what comes up during one turn of the event loop goes over together.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from attrs import frozen

from odoo_ai_config.application.errors import StoreFailure, StoreUnavailableError

R = TypeVar("R")
T = TypeVar("T")


@frozen(eq=False)
class Job(Generic[R]):
    """
    Something to be done with a resource of the thread, and whoever waits for it.
    """

    work: Callable[[R], object]
    waiter: asyncio.Future[Any]

    def done(self, result: object) -> Answer:
        """
        What its waiter is told if it succeeded.
        """
        return Answer(self.waiter, result, None)

    def failed(self, error: Exception) -> Answer:
        """
        What its waiter is told if it did not.
        """
        return Answer(self.waiter, None, error)


@frozen(eq=False)
class Answer:
    """
    What a waiter is told.
    """

    waiter: asyncio.Future[Any]
    result: object
    error: Exception | None

    def give(self) -> None:
        """
        Let the waiter go on, unless it has given up; on its event loop.
        """
        if self.waiter.done():
            return
        if self.error is None:
            self.waiter.set_result(self.result)
        else:
            self.waiter.set_exception(self.error)


class Turn(Generic[R]):
    """
    Gathers what is handed in during one turn of the event loop.

    To be used from one event loop at a time.
    """

    def __init__(self, hand_over: Callable[[list[Job[R]]], object]) -> None:
        self._hand_over = hand_over
        self._jobs: list[Job[R]] = []
        self._ends_on: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def do(self, work: Callable[[R], T]) -> T:
        """
        Hand *work* in and return its result; if the caller is cancelled, it is done all the same.

        Raises:
            StoreUnavailableError: It was not done, as far as is known.
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


def answer_all(jobs: list[Job[R]], do_together: Callable[[list[Job[R]]], list[Answer]]) -> None:
    """
    Do *jobs* in this thread, and tell their waiters; if it fails as a whole, tell them that.
    """
    answers: list[Answer] = []
    failure, cause = StoreFailure.AWAY, None
    try:
        answers = do_together(jobs)
    except StoreUnavailableError as error:
        failure, cause = error.failure, error.__cause__
    finally:
        # Also after an error that nobody foresaw: nobody may wait forever.
        if not answers:
            cause = cause or sys.exc_info()[1]
            answers = [job.failed(_unavailable(failure, cause)) for job in jobs]
        _give(answers)


def _unavailable(failure: StoreFailure, cause: BaseException | None) -> StoreUnavailableError:
    # One for each waiter: a traceback grows with every task that an exception passes through.
    error = StoreUnavailableError(failure)
    error.__cause__ = cause
    return error


def _give(answers: Iterable[Answer]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_loop[answer.waiter.get_loop()].append(answer)
    for loop, group in by_loop.items():
        # A loop that was closed meanwhile has nobody waiting.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_give_here, group)


def _give_here(answers: list[Answer]) -> None:
    for answer in answers:
        answer.give()
