"""
A program that uses the hub as a library does not load what it does not need.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio
import sys

from odoo_ai_config.entrypoints.library import open_hub

CREWS = "default_crew: sales\\ncrews: {sales: {type: in_process}}"
EVENT = {
    "event": "message_created",
    "message_type": "incoming",
    "id": 1,
    "content": "Hello",
    "account": {"id": 1},
    "conversation": {"id": 1, "inbox_id": 1},
}


async def main():
    asked = asyncio.Event()
    async with open_hub("memory://") as hub:
        await hub.sync_mapping(chatwoot_account_id="1", tenant="acme")
        await hub.publish("acme", "default", "crews", CREWS)

        @hub.crew("sales")
        async def sales(task):
            asked.set()

        async with hub.deliveries():
            await hub.receive(EVENT)
            await asked.wait()
    print(*{"aiohttp", "motor"} & sys.modules.keys())


asyncio.run(main())
"""


def test_program_with_crews_of_its_own_loads_no_http_client(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={
            "ODOO_AI_CONFIG_CHATWOOT_URL": "https://chatwoot.example",
            "ODOO_AI_CONFIG_CHATWOOT_API_TOKEN": "chatwoot-token",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    # Log lines come before it.
    assert finished.stdout.splitlines()[-1].split() == []
