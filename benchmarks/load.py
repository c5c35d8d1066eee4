"""
A cheap load generator: prepared bytes over keep-alive connections.

It runs as a separate process (``python -m benchmarks.load``), reads a job from standard input and
writes the result to standard output, both as JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from time import perf_counter

from attrs import frozen

_HEAD_END = b"\r\n\r\n"


def request(
    method: str, path: str, *, headers: dict[str, str], body: bytes | None = None
) -> bytes:
    """
    The bytes of one HTTP/1.1 request.
    """
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


@frozen
class Load:
    """
    The result of a load.

    Args:
        rate: Answers per second.
        statuses: The number of answers by status.
        p99_ms: The 99th percentile of the response time, in milliseconds.
    """

    rate: float
    statuses: dict[int, int]
    p99_ms: float


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._buffer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        message = self._run.next()
        if message is None:
            self._transport.close()
            self._run.closed()
            return
        self._sent_at = perf_counter()
        self._transport.write(message)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(_HEAD_END)
        if not separator:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._run.answered(int(head[9:12]), perf_counter() - self._sent_at)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None or not self._transport.is_closing():
            self._run.fail(exc or ConnectionResetError())


class _Run:
    def __init__(self, messages: Sequence[bytes], count: int, connections: int) -> None:
        self._messages = messages
        self._left = count
        self._open = connections
        self._sent = 0
        self.statuses: Counter[int] = Counter()
        self.times: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next(self) -> bytes | None:
        if self._left == 0:
            return None
        self._left -= 1
        self._sent += 1
        return self._messages[self._sent % len(self._messages)]

    def answered(self, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        self.times.append(seconds)

    def closed(self) -> None:
        self._open -= 1
        if self._open == 0 and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


async def _run(port: int, messages: Sequence[bytes], count: int, connections: int) -> Load:
    run = _Run(messages, count, connections)
    loop = asyncio.get_running_loop()
    start = perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(run), "127.0.0.1", port)
    await run.done
    elapsed = perf_counter() - start
    times = sorted(run.times)
    return Load(count / elapsed, dict(run.statuses), times[int(len(times) * 0.99)] * 1000)


def send(port: int, messages: Sequence[bytes], *, count: int, connections: int = 16) -> Load:
    """
    Send *count* requests, taken from *messages* in turn, over *connections* connections.
    """
    job = {
        "port": port,
        "messages": [base64.b64encode(message).decode() for message in messages],
        "count": count,
        "connections": connections,
    }
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(finished.stdout)
    statuses = {int(status): number for status, number in seen["statuses"].items()}
    return Load(seen["rate"], statuses, seen["p99_ms"])


def _main() -> None:
    job = json.load(sys.stdin)
    messages = [base64.b64decode(message) for message in job["messages"]]
    load = asyncio.run(_run(job["port"], messages, job["count"], job["connections"]))
    json.dump({"rate": load.rate, "statuses": load.statuses, "p99_ms": load.p99_ms}, sys.stdout)


if __name__ == "__main__":
    _main()
