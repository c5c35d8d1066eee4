"""
The parent process, which keeps several server processes running on one socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from attrs import define, field

from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.server import stop_signals

_log = structlog.get_logger()

# A worker sends this to its parent when it can answer requests.
LIFE_SIGN: Final = b"r"
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
# A worker that ran for so long did not fail at the start: the pauses begin again.
_SETTLED_SECONDS: Final = 30.0
_KILL_MARGIN: Final = 5.0


async def supervise(
    arguments: Sequence[str],
    listener: socket.socket,
    *,
    count: int,
    grace: float,
    ready: Callable[[], None],
) -> None:
    """
    Run *count* workers until SIGTERM or SIGINT, then stop them and wait for them.

    A worker that ends by itself is started again, after a pause that grows with each time. If a
    worker cannot start the first time, all are stopped.

    Args:
        arguments: The flags of the server, for each worker.
        listener: The socket that the workers accept from.
        count: The number of workers.
        grace: The seconds that a worker has to finish its requests.
        ready: Called when all workers answer.

    Raises:
        CommandError: A worker could not start.
    """
    with stop_signals() as stopping:
        workers = [_Worker(n, arguments, listener, grace, stopping) for n in range(count)]
        tasks = [asyncio.create_task(worker.keep_alive()) for worker in workers]
        try:
            if await _all_started(workers, stopping):
                ready()
            await stopping.wait()
        finally:
            stopping.set()
            await asyncio.gather(*tasks)


async def _all_started(workers: Sequence[_Worker], stopping: asyncio.Event) -> bool:
    stopped: asyncio.Task[bool] = asyncio.create_task(stopping.wait())
    for worker in workers:
        either: set[asyncio.Future[bool]] = {worker.started, stopped}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if worker.started.done() and not worker.started.result():
            raise CommandError("Um dos processos do servidor não iniciou; o motivo está acima.")
    if stopping.is_set():
        return False
    stopped.cancel()
    return True


@define(eq=False)
class _Worker:
    """
    One worker, with the processes that run for it one after the other.

    *started* is set once: whether the first process could answer requests.
    """

    _number: int
    _arguments: Sequence[str]
    _listener: socket.socket
    _grace: float
    _stopping: asyncio.Event
    started: asyncio.Future[bool] = field(init=False, factory=asyncio.Future)

    async def keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            born = loop.time()
            try:
                status = await self._one_life()
            except OSError:
                # The machine is out of processes, file descriptors or memory.
                _log.exception("worker_not_started", worker=self._number)
                self._know_start(good=False)
                status = -1
            if self._stopping.is_set():
                break
            _log.error("worker_ended", worker=self._number, status=status, restart_in=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            settled = loop.time() - born > _SETTLED_SECONDS
            pause = _FIRST_PAUSE if settled else min(pause * 2, _LONGEST_PAUSE)

    async def _one_life(self) -> int:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - the name of the parameter is hidden
        with ours:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "odoo_ai_config.entrypoints.cli",
                    "worker",
                    *self._arguments,
                    f"--listener={self._listener.fileno()}",
                    f"--lifeline={theirs.fileno()}",
                    f"--number={self._number}",
                    pass_fds=(self._listener.fileno(), theirs.fileno()),
                )
            sign = asyncio.create_task(self._await_sign(ours))
            stopped = asyncio.create_task(self._stopping.wait())
            ended = asyncio.create_task(process.wait())
            await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await self._stop(process, ended)
            stopped.cancel()
            # The worker's end of the pair is closed by now, so this cannot wait for long.
            await sign
            return ended.result()

    async def _await_sign(self, ours: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            sign = await loop.sock_recv(ours, len(LIFE_SIGN))
        except ConnectionError:
            sign = b""
        self._know_start(good=sign == LIFE_SIGN)

    def _know_start(self, *, good: bool) -> None:
        if not self.started.done():
            self.started.set_result(good)

    async def _stop(self, process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        done, _ = await asyncio.wait({ended}, timeout=self._grace + _KILL_MARGIN)
        if not done:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await ended
