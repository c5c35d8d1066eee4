"""
Servers as separate processes, on their own processor if there are two.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

from attrs import frozen

_PORT = re.compile(rb":(\d+)\b")
# It refuses a field that the first command of a transaction has.
_MONGODB = (
    "import signal, sys; from secantus import SecantusDBServer, commands; "
    "commands._BULK_WRITE_KNOWN_FIELDS |= {'readConcern'}; "
    "server = SecantusDBServer(storage_path=sys.argv[1]); server.start(); "
    "print(server.port, flush=True); signal.pause()"
)
API_KEY = "benchmark-key-of-enough-length"
PROGRAM = Path(sys.executable).with_name("odoo-ai-config")


@frozen
class Server:
    """
    A running server.

    Args:
        seconds_to_ready: From its start until it says that it listens.
    """

    port: int
    pid: int
    seconds_to_ready: float

    def resident_mib(self) -> float:
        """
        Memory that the process holds, in MiB.
        """
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def processor_seconds(self) -> float:
        """
        Processor time that the process has used so far.
        """
        # Of all threads, in nanoseconds: clock ticks are too coarse for short loads.
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((one / "schedstat").read_text().split()[0]) for one in threads) / 1e9


def keep_off_the_servers_processor() -> None:
    """
    Leave processor 0 to the servers, if there is another one.
    """
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        os.sched_setaffinity(0, processors[1:])


@contextmanager
def floor(kind: str, file: Path, **environment: str) -> Iterator[Server]:
    """
    Run one of the floors.
    """
    command = [sys.executable, "-m", "benchmarks.floors", kind, str(file)]
    with _running(command, {**os.environ, **environment}, rb"^(\d+)") as server:
        yield server


@contextmanager
def hub(data_dir: Path, *, program: Path = PROGRAM, **settings: str) -> Iterator[Server]:
    """
    Run the hub as users do, on *data_dir*; *program* may be that of another checkout.
    """
    environment = {
        **os.environ,
        "ODOO_AI_CONFIG_DATA_DIR": str(data_dir),
        "ODOO_AI_CONFIG_LOG_DIR": str(data_dir / "logs"),
        "ODOO_AI_CONFIG_API_KEY": API_KEY,
        **settings,
    }
    command = [str(program), "serve", "--port", "0"]
    with _running(command, environment, rb"http://[^:]+:(\d+)") as server:
        yield server


@contextmanager
def mongodb(folder: Path) -> Iterator[str]:
    """
    Run a SecantusDB, which speaks MongoDB's protocol, and yield its URL.
    """
    command = [sys.executable, "-c", _MONGODB, str(folder)]
    with _running(command, dict(os.environ), rb"^(\d+)") as server:
        yield f"mongodb://127.0.0.1:{server.port}/"


@contextmanager
def far(uri: str, milliseconds: float) -> Iterator[str]:
    """
    Yield the URL of the MongoDB at *uri* from so far away, there and back.
    """
    parts = urlsplit(uri)
    place = [parts.hostname or "", str(parts.port or 27017), str(milliseconds / 1000)]
    command = [sys.executable, "-m", "benchmarks.distance", *place]
    with _running(command, dict(os.environ), rb"^(\d+)") as proxy:
        user, at, _ = parts.netloc.rpartition("@")
        # Members of a set tell their own addresses, which are near.
        options = "&".join(filter(None, [parts.query, "directConnection=true"]))
        netloc = f"{user}{at}127.0.0.1:{proxy.port}"
        yield parts._replace(netloc=netloc, query=options).geturl()


@contextmanager
def _running(
    command: Sequence[str], environment: dict[str, str], ready: bytes
) -> Iterator[Server]:
    start = perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0) | {0})})
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(ready, line)
            if found is not None:
                yield Server(int(found[1]), process.pid, perf_counter() - start)
                break
        else:
            raise RuntimeError(f"{command[0]} did not start")
    finally:
        process.terminate()
        process.wait(timeout=30)
