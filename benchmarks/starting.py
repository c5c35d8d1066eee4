"""
What the program costs before it does anything.
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

_IMPORT = (
    "import time; start = time.perf_counter(); import odoo_ai_config.domain.routing, "
    "odoo_ai_config.domain.merging, odoo_ai_config.domain.changes, "
    "odoo_ai_config.domain.mapping_sections, odoo_ai_config.domain.diffing; "
    "print((time.perf_counter() - start) * 1000)"
)
_HEADERS = {"X-API-Key": API_KEY}


def importing() -> Iterator[Figure]:
    """
    Importing the whole domain into a fresh interpreter.
    """
    times = [float(subprocess.check_output([sys.executable, "-c", _IMPORT])) for _ in range(11)]
    yield at_most("import of the domain", 60, median(times), "ms")


def idling() -> Iterator[Figure]:
    """
    From the start of the process to the first request, and the memory it holds then.
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
    Memory after 100,000 tenants were synced and mapped, and one message routed.
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
