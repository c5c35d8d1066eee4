"""
What the client loads into a program: names of modules, never times.
"""

from __future__ import annotations

import json
import subprocess
import sys

LIGHT = {"aiohttp", "attr", "attrs", "odoo_ai_config"}
# What aiohttp needs, with what its compiled parts bring.
OF_AIOHTTP = {
    "aiohappyeyeballs",
    "aiosignal",
    "brotli",
    "frozenlist",
    "idna",
    "multidict",
    "propcache",
    "typing_extensions",
    "yarl",
}

_PROBE = """
import json, sys
before = {*sys.modules}
from odoo_ai_config.client import open_hub, open_hub_sync
imported = {*sys.modules} - before
import asyncio
async def main():
    async with open_hub("http://127.0.0.1:9", api_key="k", deadline=0.3) as hub:
        try:
            await hub.config("acme")
        except Exception as error:
            assert type(error).__name__ == "StoreUnavailableError", error
asyncio.run(main())
print(json.dumps([sorted(imported), sorted({*sys.modules} - before)]))
"""


def packages(modules: list[str]) -> set[str]:
    tops = {name.partition(".")[0] for name in modules}
    compiled = {top for top in tops if top.startswith(("_cython", "cython_", "_sysconfig"))}
    return tops - {*sys.stdlib_module_names} - compiled


def test_client_loads_aiohttp_and_attrs_only() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True
    )
    imported, opened = json.loads(found.stdout)
    assert packages(imported) == {"odoo_ai_config"}
    assert packages(opened) - OF_AIOHTTP == LIGHT
    own = {name.removeprefix("odoo_ai_config.") for name in opened}
    layers = {name.partition(".")[0] for name in own if name != "odoo_ai_config"}
    assert layers & {"adapters", "entrypoints"} == set()
    # No use case, and no port.
    assert {name for name in own if name.startswith("application.")} == {
        "application.errors",
        "application.off_loop",
    }
