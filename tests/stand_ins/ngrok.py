"""
Stands in for the package ``ngrok``: the calls of `tunnel` in versions 1.4 and 1.7.

As in the package, `forward` returns a task if a loop runs, and fails with ``ValueError``, whose
arguments may quote the token. Calls are written to the file ``NGROK_CALLS``; ``NGROK_FAILS`` is
the failure, and ``hang`` makes it wait for ever.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

URL = "https://abc-123.ngrok-free.app"


def _note(**call: object) -> None:
    with Path(os.environ["NGROK_CALLS"]).open("a") as file:
        file.write(f"{json.dumps(call)}\n")


class Listener:
    def url(self) -> str:
        return URL

    async def close(self) -> None:
        _note(close=True)
        raise ValueError("failed to close listener", "session closed")


def forward(addr: str | int | None = None, **options: object) -> asyncio.Task[Listener]:
    _note(addr=addr, **options)
    return asyncio.get_running_loop().create_task(_forward(options))


async def _forward(options: dict[str, object]) -> Listener:
    failure = os.environ.get("NGROK_FAILS", "")
    if failure == "hang":
        await asyncio.Event().wait()
    if failure:
        quoted = f"Your authtoken: {options['authtoken']}\r\n\r\n{failure}\r\n\r\n"
        raise ValueError("failed to connect session", "authentication failed", quoted)
    return Listener()
