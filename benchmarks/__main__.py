"""
Run the benchmarks: ``python -m benchmarks [NAME...]``; without names, all of them.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator

from benchmarks import (
    client,
    collections,
    copying,
    far,
    feed,
    messages,
    mongo,
    over_http,
    routing,
    slow_disk,
    starting,
)
from benchmarks.figures import Figure
from benchmarks.processes import keep_off_the_servers_processor

BENCHMARKS: dict[str, Callable[[], Iterator[Figure]]] = {
    "credentials": over_http.credentials,
    "slow-disk": slow_disk.slow_credentials,
    "reading": over_http.reading,
    "feed": feed.listening,
    "mcp": over_http.calling_tools,
    "mongo": mongo.writing,
    "mongo-far": far.working,
    "messages": messages.acknowledging,
    "messages-slow-disk": slow_disk.slow_messages,
    "message-routing": messages.routing_added,
    "queued": messages.queued,
    "second-look": messages.looking_again,
    "deliveries": messages.delivering,
    "rest": messages.resting,
    "collections": collections.pushing,
    "unchanged": collections.unchanged,
    "mapping": routing.mapping_events,
    "resolve": routing.resolving,
    "import": starting.importing,
    "idle": starting.idling,
    "client-import": client.loading,
    "client": client.reading,
    "client-feed": client.hearing,
    "tenants": starting.many_tenants,
    "copying": copying.copying,
}


def main() -> int:
    """
    Print every figure as a row of a Markdown table; fail if a goal is missed.
    """
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
        return 2
    keep_off_the_servers_processor()
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors\n")
    print("| work | goal | found | | absolute, on this machine |")
    print("| --- | --- | --- | --- | --- |")
    missed = 0
    for name in names:
        for figure in BENCHMARKS[name]():
            mark = "met" if figure.met else "**missed**"
            missed += not figure.met
            print(
                f"| {figure.name} | {figure.goal} | {figure.found} | {mark} | {figure.detail} |",
                flush=True,
            )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
