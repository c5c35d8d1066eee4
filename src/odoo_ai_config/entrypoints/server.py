"""
The life of a server process: listen, serve, and stop without dropping a request.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from aiohttp import web

from odoo_ai_config.entrypoints.http.platform.app_keys import LAST_ORDERS
from odoo_ai_config.entrypoints.http.platform.connections import HubRunner

_log = structlog.get_logger()

# How long idle connections may still send a request when the server stops. Its answer closes the
# connection.
_LAST_REQUEST: Final = 0.5
_BACKLOG: Final = 1024
# Open files and connections of a process, if the machine allows that many.
_OPEN_FILES: Final = 65_536
_ALLOCATIONS_PER_COLLECTION: Final = 20_000


def listening_socket(host: str, port: int) -> socket.socket:
    """
    Bind and listen, so that several processes can accept from one socket.

    Raises:
        OSError: The address is taken or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _open_as_many_as_allowed() -> None:
    # The default limit is for programs that use `select`. One attacker can open ten times as many.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    _log.info("open_files", before=soft, limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def collect_garbage_seldom() -> None:
    """
    Exclude all present objects from garbage collection, and collect others less often.

    Modules and an app stay, and requests leave hardly any cycles. With Python's thresholds,
    collection takes a tenth of the time of a write, and of that of a start.
    """
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION)


@contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """
    An event that SIGTERM and SIGINT set, instead of ending the process.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        yield stopping
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def serve(
    app: web.Application,
    listener: socket.socket,
    *,
    grace: float,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """
    Serve *app* on *listener* until SIGTERM or SIGINT, then finish the accepted requests.

    On the signal the process stops accepting connections. Open connections get their answers, each
    marked as the last one. After *grace* seconds the remaining requests are cancelled and
    *listener* is closed.

    Args:
        app: What to serve.
        listener: The socket of incoming connections.
        grace: Seconds for running requests.
        ready: Called once the first request can be answered.
    """
    _open_as_many_as_allowed()
    runner = HubRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=grace, keepalive_timeout=75
    )
    with stop_signals() as stopping:
        try:
            await runner.setup()
            site = web.SockSite(runner, listener, backlog=_BACKLOG)
            await site.start()
            collect_garbage_seldom()
            ready()
            await stopping.wait()
            await site.stop()
            app[LAST_ORDERS].call()
            await asyncio.sleep(_LAST_REQUEST)
        finally:
            await runner.cleanup()
