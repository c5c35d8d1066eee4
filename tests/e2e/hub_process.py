"""
The program as users run it: a separate process in its own folder.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
from attrs import field, frozen

PROGRAM = Path(sys.executable).with_name("odoo-ai-config")
READY = re.compile(r"odoo-ai-config \S+ escutando em (http://\S+)")
PATIENCE = 60


def environment(**variables: str) -> dict[str, str]:
    """
    The environment of a shell, without the settings of the developer.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ODOO_AI_CONFIG_", "SERVER_", "NGROK_"))
    }
    return inherited | variables


def run(
    folder: Path,
    *arguments: str,
    env: dict[str, str] | None = None,
    patience: float = PATIENCE,
) -> subprocess.CompletedProcess[str]:
    """
    Run one command to its end, which comes within *patience* seconds.
    """
    return subprocess.run(
        [str(PROGRAM), *arguments],
        cwd=folder,
        env=env or environment(),
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )


def children_of(parent: int) -> set[int]:
    # Whichever thread started them.
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    children: set[int] = set()
    for task in tasks:
        # A thread may end before it is looked at.
        with suppress(FileNotFoundError, ProcessLookupError):
            children.update(map(int, task.read_text().split()))
    return children


@frozen
class HubProcess:
    """
    A running server.
    """

    process: subprocess.Popen[str]
    folder: Path
    url: str
    printed: list[str] = field(factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def api_key(self) -> str:
        return (self.folder / "var" / "api-key").read_text().strip()

    def client(self, **options: bool) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, force_close=options.get("force_close", False))
        return aiohttp.ClientSession(
            self.url,
            headers={"X-API-Key": self.api_key},
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
            connector=connector,
        )

    def workers(self) -> set[int]:
        """
        Its worker processes; none if it serves itself.
        """
        return children_of(self.process.pid)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextmanager
def serving(
    folder: Path, *arguments: str, env: dict[str, str] | None = None, port: int | None = 0
) -> Iterator[HubProcess]:
    """
    A server in *folder*, from its ready line until the end of the context.
    """
    place = [] if port is None else ["--port", str(port)]
    with (
        (folder / "stderr.txt").open("a") as errors,
        subprocess.Popen(
            [str(PROGRAM), "serve", *place, *arguments],
            cwd=folder,
            env=env or environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            printed: list[str] = []
            assert process.stdout is not None
            for line in process.stdout:
                printed.append(line.rstrip("\n"))
                ready = READY.search(line)
                if ready is not None:
                    yield HubProcess(process, folder, ready[1], printed)
                    return
            raise AssertionError((folder / "stderr.txt").read_text())
        finally:
            process.terminate()


def refused_start(
    folder: Path, *arguments: str, env: dict[str, str] | None = None, status: int = 1
) -> str:
    """
    The output of a start that must fail.
    """
    finished = run(folder, "serve", "--port", "0", *arguments, env=env)
    assert finished.returncode == status, finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.stdout == ""
    lines = finished.stderr.splitlines()
    assert len(lines) == 1, finished.stderr
    return lines[0]


def credentials_event(tenant: str, number: int) -> dict[str, object]:
    """
    An event that changes the config and the credentials of *tenant*.
    """
    return {
        "event_type": "credentials_sync",
        "account_id": tenant,
        "name": f"Cliente {number}",
        "odoo_url": "https://odoo.example.com",
        "odoo_password": f"senha {number}",
        "token": "odoo",
    }
