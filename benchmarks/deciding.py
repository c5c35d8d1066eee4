"""
One decision by each rule, of two checkouts: ``python -m benchmarks.deciding CHECKOUT [ROUNDS]``.

The other checkout has an environment of its own in ``.venv``. A process of each decides the same
messages in turns.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, SpecialNumber
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId

_HERE: Final = Path(__file__).parents[1]
_SIZES: Final = (100, 100_000)
_MESSAGES: Final = 200
_CHANNELS: Final = 10


def _mapping(number: int) -> ChannelMapping:
    """
    One of ten channels of an account: by turns of one tenant, of ten, and of ten with a fallback.
    """
    account, inbox = divmod(number, _CHANNELS)
    tenant = account if account % 3 == 0 else number
    whole = account % 3 == 0 and account % 2 == 0 and inbox == 0
    return ChannelMapping(
        ChannelKey(ChatwootId(f"a{account}"), None if whole else ChatwootId(f"i{number}")),
        TenantArea(TenantId(f"t{tenant}"), BusinessArea("retail")),
        sequence=number % 100,
        fallback=account % 3 == 2,
        numbers=(SpecialNumber(PhoneNumber(f"5511{960_000_000 + number}"), "analytics"),),
    )


def _kinds(size: int) -> Iterator[tuple[str, Callable[[int], IncomingMessage]]]:
    accounts = max(1, size // _CHANNELS)

    def of(kind: int, step: int, turn: int) -> ChatwootId:
        turns = range(kind, accounts, step)
        return ChatwootId(f"a{turns[turn * 7919 % len(turns)]}")

    number, unmapped = "+5521988887777", ChatwootId("unmapped")

    def inbox(turn: int) -> IncomingMessage:
        channel = turn * 7919 % size
        channel += channel % _CHANNELS == 0
        account = ChatwootId(f"a{channel // _CHANNELS}")
        return IncomingMessage(account, ChatwootId(f"i{channel}"), number)

    yield "inbox", inbox
    yield "account", lambda turn: IncomingMessage(of(0, 6, turn), unmapped, number)
    yield "account_owner", lambda turn: IncomingMessage(of(3, 6, turn), unmapped, number)
    yield "fallback", lambda turn: IncomingMessage(of(2, 3, turn), unmapped, number)
    yield "unresolved", lambda turn: IncomingMessage(of(1, 3, turn), unmapped, number)
    yield "common fallback", lambda _: IncomingMessage(ChatwootId("nobody"), unmapped, number)


def _decide() -> None:
    """
    Answer each line of the input with the microseconds of one decision of each kind.
    """
    tried = []
    for size in _SIZES:
        table = RoutingTable(map(_mapping, range(size)))
        for kind, made in _kinds(size):
            messages = [made(turn) for turn in range(_MESSAGES)]
            tried.append((f"{kind}, {size:,} mappings", table.resolve, messages))
    for _ in sys.stdin:
        found = {}
        for name, resolve, messages in tried:
            times = []
            for _ in range(15):
                start = perf_counter()
                for message in messages:
                    resolve(message)
                times.append((perf_counter() - start) / _MESSAGES * 1e6)
            found[name] = min(times)
        print(json.dumps(found), flush=True)


def main() -> int:
    """
    Print the times of both checkouts and their ratios as rows of a Markdown table.
    """
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    programs = (Path(sys.argv[1]) / ".venv/bin/python", Path(sys.executable))
    times: dict[str, tuple[list[float], list[float]]] = {}
    with ExitStack() as stack:
        deciders = [
            stack.enter_context(
                subprocess.Popen(
                    [program, "-m", "benchmarks.deciding", "--decide"],
                    cwd=_HERE,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for program in programs
        ]
        for number in range(rounds):
            for one in (number % 2, 1 - number % 2):
                for name, found in _asked(deciders[one]).items():
                    times.setdefault(name, ([], []))[one].append(found)
    print("| decision | this / the other | this | the other |\n| --- | --- | --- | --- |")
    for name, (other, this) in times.items():
        ratio = median(a / b for a, b in zip(this, other, strict=True))
        print(f"| {name} | {ratio:.2f} x | {median(this):.2f} µs | {median(other):.2f} µs |")
    return 0


def _asked(decider: subprocess.Popen[str]) -> dict[str, float]:
    if decider.stdin is None or decider.stdout is None:
        raise RuntimeError("a decider without pipes")
    decider.stdin.write("\n")
    decider.stdin.flush()
    found: dict[str, float] = json.loads(decider.stdout.readline())
    return found


if __name__ == "__main__":
    if sys.argv[1:] == ["--decide"]:
        _decide()
    else:
        sys.exit(main())
