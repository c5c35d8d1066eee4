"""
Collections: the cost of a large push, its effect on other requests, and unchanged reads.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from benchmarks.figures import Figure, at_most
from benchmarks.load import request, send
from benchmarks.processes import API_KEY, Server, hub

_HEADERS = {"X-API-Key": API_KEY, "Content-Type": "application/json"}
_PATH = "/api/v1/collections/products_informations?account_id="
_PRODUCTS = 10_000
_PROBE_SECONDS = 0.005


def product(number: int, change: int = 0) -> dict[str, object]:
    """
    A product of about a kilobyte, in the form of Odoo's product modules.
    """
    return {
        "id": number,
        "name": f"Camisa {number}",
        "default_code": f"SKU-{number:06}",
        "list_price": 59.9 + change,
        "categories": ["Roupas", "Camisas", "Verão"],
        "description": "Camisa leve de algodão, confortável e fácil de passar. " * 14,
        "active": True,
    }


def pushing() -> Iterator[Figure]:
    """
    A snapshot of 10,000 products in one request, and the latency of other requests meanwhile.
    """
    snapshot = _snapshot(_PRODUCTS)
    size = f"{len(snapshot) / 2**20:.1f} MiB"
    with TemporaryDirectory() as folder, hub(Path(folder) / "hub") as server:
        _call(server, "GET", "/health")
        quiet = _longest_while(server, lambda: sleep(2))
        first: list[float] = []
        felt = _longest_while(server, lambda: first.append(_put(server, "acme", snapshot)))
        same = median(_put(server, "acme", snapshot) for _ in range(5))
        changed = [product(number, number % 100 == 0) for number in range(_PRODUCTS)]
        few = _put(server, "acme", json.dumps({"items": changed}).encode())
        yield at_most(
            f"snapshot of {_PRODUCTS:,} new products over HTTP, SQLite",
            5,
            first[0],
            "s",
            f"{size}; memory {server.resident_mib():.0f} MiB",
        )
        yield at_most("the same snapshot again, unchanged", 3, same, "s")
        yield at_most("the same with 100 changed products", 3, few, "s")
        yield at_most(
            "longest GET /health while 10,000 new products are pushed",
            100,
            felt * 1000,
            "ms",
            f"{quiet * 1000:.1f} ms without a push",
        )


def unchanged() -> Iterator[Figure]:
    """
    Unchanged delta reads of collections with 1,000 and with 100,000 items.
    """
    with TemporaryDirectory() as folder, hub(Path(folder) / "hub") as server:
        _put(server, "small", _snapshot(1_000))
        for start in range(0, 100_000, _PRODUCTS):
            items = [product(number) for number in range(start, start + _PRODUCTS)]
            _call(server, "PATCH", f"{_PATH}large", json.dumps({"items": items}).encode())
        polls = {name: _poll(server, name) for name in ("small", "large")}
        rates: dict[str, list[float]] = {name: [] for name in polls}
        p99: dict[str, list[float]] = {name: [] for name in polls}
        for _ in range(5):
            for name, poll in polls.items():
                load = send(server.port, [poll], count=5_000)
                if set(load.statuses) != {304}:
                    raise RuntimeError(f"not every answer was 304: {load.statuses}")
                rates[name].append(load.rate)
                p99[name].append(load.p99_ms)
        ratio = median(
            small / large for small, large in zip(rates["small"], rates["large"], strict=True)
        )
        yield at_most(
            "unchanged delta read (304) of 100,000 items / of 1,000",
            1.2,
            ratio,
            "x",
            f"{median(rates['large']):.0f}/s, p99 {median(p99['large']):.1f} ms; with 1,000 "
            f"{median(rates['small']):.0f}/s, p99 {median(p99['small']):.1f} ms",
        )


def _snapshot(count: int) -> bytes:
    return json.dumps({"items": [product(number) for number in range(count)]}).encode()


def _put(server: Server, tenant: str, body: bytes) -> float:
    start = perf_counter()
    _call(server, "PUT", f"{_PATH}{tenant}", body)
    return perf_counter() - start


def _poll(server: Server, tenant: str) -> bytes:
    """
    The request of an indexer that is up to date.
    """
    since, tag, more = "", "", True
    while more:
        page, tag = _call(server, "GET", f"{_PATH}{tenant}&limit=1000&since={since}")
        read = json.loads(page)
        since, more = read["cursor"], read["more"]
    path = f"{_PATH}{tenant}&since={since}"
    return request("GET", path, headers={"X-API-Key": API_KEY, "If-None-Match": tag})


def _longest_while(server: Server, work: Callable[[], object]) -> float:
    """
    The longest response time of ``/health`` while *work* runs.
    """
    worker = threading.Thread(target=work)
    longest = 0.0
    worker.start()
    while worker.is_alive():
        start = perf_counter()
        _call(server, "GET", "/health")
        longest = max(longest, perf_counter() - start)
        sleep(_PROBE_SECONDS)
    worker.join()
    return longest


def _call(server: Server, method: str, path: str, body: bytes | None = None) -> tuple[bytes, str]:
    call = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}", data=body, headers=_HEADERS, method=method
    )
    with urllib.request.urlopen(call) as answer:
        return answer.read(), answer.headers.get("ETag", "")
