"""
Two checkouts of the hub in one run: ``python -m benchmarks.paired CHECKOUT [ROUNDS [KIND...]]``.

The other checkout has an environment of its own in ``.venv``. Servers of both run at the same time
and are asked in turns in short slices, so that a machine that becomes slower does so for both.
A kind is what is asked, as `_KINDS` names it, for instance ``message``; without one, all of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from math import exp, log
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from time import sleep

from benchmarks.load import request, send
from benchmarks.messages import PRIVATE, hanging_crew, prepare, signed
from benchmarks.over_http import credentials_event
from benchmarks.processes import API_KEY, PROGRAM, Server, hub, keep_off_the_servers_processor

_HEADERS = {"X-API-Key": API_KEY}
_SLICES = 8
_TENANTS = 200
_GET = request("GET", "/configs/account_1/retail/config", headers=_HEADERS)


def _event(number: int) -> bytes:
    body = credentials_event(number % _TENANTS, number)
    return request("POST", "/odoo-webhook", headers=_HEADERS, body=body)


def _mapping_event(number: int) -> bytes:
    mapping = {
        # 0 is no account.
        "chatwoot_account_id": str(number % _TENANTS + 1),
        "chatwoot_inbox_id": "1",
        "internal_account_id": f"account_{number % _TENANTS}",
        "domain": "retail",
        # Every event changes its channel.
        "sequence": number,
    }
    body = json.dumps({"event_type": "mapping_sync", "mapping": mapping}).encode()
    return request("POST", "/odoo-webhook", headers=_HEADERS, body=body)


# What is asked, and how many requests are a slice.
_KINDS: dict[str, tuple[Callable[[int], bytes], int]] = {
    "credentials event": (_event, 200),
    "mapping event": (_mapping_event, 300),
    "message": (signed, 300),
    "GET config": (lambda _number: _GET, 1500),
}


def main() -> int:
    """
    Print the ratios of this checkout to the other as rows of a Markdown table.
    """
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    programs = (Path(sys.argv[1]) / ".venv/bin" / PROGRAM.name, PROGRAM)
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    kinds = sys.argv[3:] or list(_KINDS)
    keep_off_the_servers_processor()
    ratios: dict[str, list[float]] = {}
    with hanging_crew() as crew:
        for number in range(rounds):
            for name, ratio in _round(programs, crew, kinds, first=number % 2):
                ratios.setdefault(name, []).append(ratio)
    print("| work | this / the other, geometric mean | spread |\n| --- | --- | --- |")
    for name, found in ratios.items():
        mean = exp(fmean(map(log, found)))
        print(f"| {name} | {mean:.3f} x | {min(found):.3f} to {max(found):.3f} |")
    return 0


def _round(
    programs: tuple[Path, Path], crew: str, kinds: Sequence[str], *, first: int
) -> Iterator[tuple[str, float]]:
    with ExitStack() as stack:
        servers: dict[int, Server] = {}
        for one in (first, 1 - first):
            folder = Path(stack.enter_context(TemporaryDirectory()))
            servers[one] = stack.enter_context(hub(folder, program=programs[one], **PRIVATE))
        other, this = servers[0], servers[1]
        yield "start to ready, seconds", this.seconds_to_ready / other.seconds_to_ready
        sleep(1)
        yield "memory, idle", this.resident_mib() / other.resident_mib()
        for server in (other, this):
            prepare(server, crew)
        for name in kinds:
            make, size = _KINDS[name]
            rates, costs = _slices((other, this), make, size, first=first)
            yield f"{name}, rate", rates
            yield f"{name}, processor time", costs


def _slices(
    servers: tuple[Server, Server], make: Callable[[int], bytes], size: int, *, first: int
) -> tuple[float, float]:
    numbers = count()
    rates: tuple[list[float], list[float]] = ([], [])
    costs: tuple[list[float], list[float]] = ([], [])
    for slice_ in range(_SLICES + 1):
        requests = [make(next(numbers)) for _ in range(size)]
        for one in (first, 1 - first):
            before = servers[one].processor_seconds()
            load = send(servers[one].port, requests, count=size)
            cost = servers[one].processor_seconds() - before
            if load.statuses != {200: size}:
                raise RuntimeError(f"not all answered: {load.statuses}")
            # The first slice warms up.
            if slice_:
                rates[one].append(load.rate)
                costs[one].append(cost)
    return median(rates[1]) / median(rates[0]), sum(costs[1]) / sum(costs[0])


if __name__ == "__main__":
    sys.exit(main())
