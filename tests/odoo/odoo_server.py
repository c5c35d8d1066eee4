"""
A real Odoo: a server, and users who log in and press buttons.

The lab in which it runs is made by scripts/odoo_lab.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError

import aiohttp
from attrs import frozen

from tests.e2e.hub_process import PATIENCE
from tests.source_tree import ROOT

LAB = ROOT / "scripts" / "odoo_lab" / "lab.sh"
DATABASE = "proof"
ADDONS = "odoo_ai_config,odoo_ai_config_product"


def in_lab(*arguments: str, given: str | None = None) -> str:
    """
    Run one command of the lab to its end.
    """
    finished = subprocess.run(
        [str(LAB), *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
    )
    assert finished.returncode == 0, (finished.stdout + finished.stderr)[-4000:]
    return finished.stdout


def sql(statement: str) -> list[str]:
    return in_lab("sql", "-d", DATABASE, "-Atc", statement).splitlines()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RefusedByOdooError(Exception):
    """
    An error that Odoo shows in a dialogue.
    """


@frozen
class User:
    """
    A logged-in user.
    """

    session: aiohttp.ClientSession

    async def call(self, model: str, method: str, *arguments: Any, **options: Any) -> Any:
        return await self._ask(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": list(arguments), "kwargs": options},
        )

    async def press(self, model: str, button: str, *ids: int) -> Any:
        return await self._ask(
            f"/web/dataset/call_button/{model}/{button}",
            {"model": model, "method": button, "args": [list(ids)], "kwargs": {}},
        )

    async def save(self, model: str, values: dict[str, Any], record: int | None = None) -> int:
        """
        Save a form as the web client does.
        """
        ids = [] if record is None else [record]
        [saved] = await self.call(model, "web_save", ids, values, specification={})
        identifier: int = saved["id"]
        return identifier

    async def read(self, model: str, record: int, *fields: str) -> Any:
        [values] = await self.call(model, "read", [record], list(fields))
        return values

    async def set_up(self, **settings: str) -> Any:
        """
        Fill in the settings, save them and test the connection with the button.
        """
        record = await self.save(
            "res.config.settings", {f"ai_hub_{name}": text for name, text in settings.items()}
        )
        await self.press("res.config.settings", "execute", record)
        action = await self.press("res.config.settings", "action_ai_hub_check", record)
        return action["params"]

    async def _ask(self, path: str, params: dict[str, Any]) -> Any:
        request = {"jsonrpc": "2.0", "method": "call", "params": params}
        async with self.session.post(path, json=request) as response:
            answer = await response.json()
        if "error" in answer:
            data = answer["error"]["data"]
            raise RefusedByOdooError(f"{data['name']}: {data['message']}")
        # Absent if a method returns nothing.
        return answer.get("result")


@frozen
class OdooServer:
    """
    A running Odoo.
    """

    url: str
    log: Path

    async def user(self, login: str, password: str, jar: aiohttp.ClientSession) -> User:
        """
        Log *login* in, in its own browser session.
        """
        request = {"params": {"db": DATABASE, "login": login, "password": password}}
        async with jar.post("/web/session/authenticate", json=request) as response:
            answer = await response.json()
        assert answer["result"]["uid"], answer
        return User(jar)

    def browser(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            self.url,
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
            cookie_jar=aiohttp.CookieJar(unsafe=True),
        )


@contextmanager
def serving_odoo(folder: Path) -> Iterator[OdooServer]:
    """
    Odoo with the add-ons on a new database, with a running cron.
    """
    in_lab("fresh", DATABASE)
    in_lab(
        "odoo", "server", "-d", DATABASE, "-i", ADDONS, "--no-http", "--stop-after-init",
        "--log-level", "warn",
    )  # fmt: skip
    url = f"http://127.0.0.1:{free_port()}"
    log = folder / "odoo.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [str(LAB), "odoo", "server", "-d", DATABASE, "--http-port", url.rpartition(":")[2],
             "--max-cron-threads", "1"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # The tests stop it; their Ctrl+C must not.
            start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            wait_for(f"{url}/web/login", process, log)
            yield OdooServer(url, log)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE):
                return
        except URLError:
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-4000:])
