"""
The cost of starting: imports, time to the first request, memory.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, at_most
from benchmarks.load import request, send
from benchmarks.over_http import credentials_event
from benchmarks.processes import API_KEY, hub

_IMPORT = """
import pkgutil, time
start = time.perf_counter()
import odoo_ai_config.domain
package = time.perf_counter()
names = [module.name for module in pkgutil.iter_modules(odoo_ai_config.domain.__path__)]
again = time.perf_counter()
import attrs
third_party = time.perf_counter()
for name in names:
    __import__("odoo_ai_config.domain." + name)
end = time.perf_counter()
print((package - start) * 1000, (third_party - again) * 1000, (end - third_party) * 1000)
"""
_HEADERS = {"X-API-Key": API_KEY}


def importing() -> Iterator[Figure]:
    """
    Importing the domain into a fresh interpreter: the package, and all its modules.
    """
    runs = [
        [float(part) for part in subprocess.check_output([sys.executable, "-c", _IMPORT]).split()]
        for _ in range(11)
    ]
    package, third_party, modules = (median(times) for times in zip(*runs, strict=True))
    yield at_most("import odoo_ai_config.domain", 60, package, "ms")
    yield at_most(
        "import of every module of the domain",
        60,
        third_party + modules,
        "ms",
        f"attrs itself {third_party:.0f} ms",
    )


def idling() -> Iterator[Figure]:
    """
    The time from the start of the process to the first request, and the memory at that moment.
    """
    ready, memory = [], []
    with TemporaryDirectory() as folder:
        for _ in range(5):
            with hub(Path(folder) / "hub") as server:
                ready.append(server.seconds_to_ready)
                memory.append(server.resident_mib())
    yield at_most("start to ready", 1.5, median(ready), "s")
    yield at_most("memory, idle", 90, median(memory), "MiB")


def many_tenants(count: int = 100_000) -> Iterator[Figure]:
    """
    Memory after 100,000 tenants are synced and mapped, and one message is routed.
    """
    with TemporaryDirectory() as folder, hub(Path(folder) / "hub") as server:
        events = [
            request("POST", "/odoo-webhook", headers=_HEADERS, body=credentials_event(n, 0))
            for n in range(count)
        ]
        mappings = [
            request(
                "POST",
                "/odoo-webhook",
                headers=_HEADERS,
                body=(
                    f'{{"event": "mapping_sync", "mapping": {{"chatwoot_account_id": {n}, '
                    f'"chatwoot_inbox_id": null, "internal_account_id": "account_{n}", '
                    f'"domain": "retail"}}}}'
                ).encode(),
            )
            for n in range(1, count)
        ]
        route = [request("GET", "/v1/route?account_id=7", headers=_HEADERS)]
        for messages in (events, mappings, route):
            load = send(server.port, messages, count=len(messages), connections=64)
            if set(load.statuses) != {200}:
                raise RuntimeError(f"not every answer was 200: {load.statuses}")
        yield at_most("memory with 100,000 tenants", 450, server.resident_mib(), "MiB")
