"""
Stands in for the package ``ngrok`` on the path of a process: what `tunnel` calls of 1.4 and 1.7.

There, too, `forward` gives a task where a loop runs, and fails with ``ValueError`` whose
arguments may quote the token. What it was asked is written to the file ``NGROK_CALLS``;
``NGROK_FAILS`` is what it fails with, and ``hang`` lets it wait for ever.
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
