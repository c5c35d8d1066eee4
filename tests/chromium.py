"""
A browser without a window, driven over its DevTools protocol.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractCookieJar
from attrs import field, frozen
from yarl import URL

from tests.e2e.hub_process import PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 1280, 1100
# Pictures must come out the same each time, so nothing blinks or fades.
STILL = """
document.head.appendChild(document.createElement("style")).textContent =
  "* { caret-color: transparent !important; transition: none !important;"
  + " animation: none !important }"
"""


@frozen
class Page:
    """
    The one tab of a browser.

    Args:
        complaints: Errors in the page, and violations of its policy.
    """

    socket: aiohttp.ClientWebSocketResponse
    numbers: Iterator[int] = field(factory=lambda: count(1))
    complaints: list[str] = field(factory=list)

    async def command(self, method: str, **params: Any) -> Any:
        number = next(self.numbers)
        await self.socket.send_json({"id": number, "method": method, "params": params})
        while (told := await self.socket.receive_json(timeout=PATIENCE)).get("id") != number:
            self._note(told["method"], told["params"])
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']['message']}")
        return told["result"]

    def _note(self, event: str, params: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif event == "Log.entryAdded" and params["entry"]["source"] == "security":
            self.complaints.append(params["entry"]["text"])
        elif event == "Page.javascriptDialogOpening":
            self.complaints.append(f"a dialogue: {params['message']}")

    async def complain(self) -> None:
        """
        Collect `complaints` from now on.
        """
        for part in ("Page", "Runtime", "Log"):
            await self.command(f"{part}.enable")

    async def evaluate(self, expression: str) -> Any:
        """
        The value of the JavaScript *expression* in the page.
        """
        told = await self.command("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    async def log_in(self, jar: AbstractCookieJar, url: str) -> None:
        """
        Log in at the server *url* with the cookies of *jar*.
        """
        session = jar.filter_cookies(URL(url))["session_id"].value
        await self.command("Network.setCookie", name="session_id", value=session, url=url)

    async def open(self, url: str) -> None:
        await self.command("Page.navigate", url=url)

    async def shown(self, selector: str) -> None:
        """
        Wait until an element of the page matches *selector*.
        """
        await self.until(f"document.querySelector({json.dumps(selector)})")

    async def until(self, expression: str) -> None:
        """
        Wait until *expression* is true in the page.
        """
        async with asyncio.timeout(PATIENCE):
            while not await self.evaluate(f"Boolean({expression})"):
                await asyncio.sleep(0.1)

    async def click(self, selector: str) -> None:
        await self.shown(selector)
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    async def type(self, selector: str, text: str) -> None:
        """
        Replace the content of a field with *text*.
        """
        await self.shown(selector)
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).select()")
        await self.command("Input.insertText", text=text)

    async def press_enter(self) -> None:
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        await self.command("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        await self.command("Input.dispatchKeyEvent", type="keyUp", **key)

    async def resize(self, width: int, height: int = HEIGHT) -> None:
        await self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip

    async def point_at(self, selector: str) -> None:
        """
        Move the mouse to the element and leave it there.
        """
        box = await self._box(selector)
        await self.command(
            "Input.dispatchMouseEvent", type="mouseMoved", x=box["x"] + 4, y=box["y"] + 4
        )

    async def picture(self, top: str, bottom: str, *, margin: int) -> bytes:
        """
        The area between *top* and *bottom* as a PNG, once it no longer changes.
        """
        await self.shown(bottom)
        await self.evaluate(STILL)
        taken, before = b"", None
        async with asyncio.timeout(PATIENCE):
            while taken != before:
                await asyncio.sleep(0.5)
                await self.evaluate("document.activeElement.blur()")
                before, taken = taken, await self._taken(top, bottom, margin)
        return taken

    async def _taken(self, top: str, bottom: str, margin: int) -> bytes:
        box, last = await self._box(top), await self._box(bottom)
        left, upper = max(box["x"] - margin, 0), max(box["y"] - margin, 0)
        clip = {
            "x": left,
            "y": upper,
            "width": min(box["right"] + margin, WIDTH) - left,
            "height": last["bottom"] + margin - upper,
            "scale": 1,
        }
        told = await self.command("Page.captureScreenshot", format="png", clip=clip)
        return base64.b64decode(told["data"])

    async def _box(self, selector: str) -> dict[str, float]:
        box: dict[str, float] = await self.evaluate(
            f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()"
        )
        return box


def browser() -> str:
    """
    The installed browser; without one, the test is skipped.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"There is no browser here: install {NAMES[0]}.")
    return found


@asynccontextmanager
async def browsing() -> AsyncIterator[Page]:
    """
    A new browser without history, which prefers Portuguese.
    """
    with (
        # Its helper processes still write for a moment after it has ended.
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        subprocess.Popen(
            [browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--lang=pt-BR", "--accept-lang=pt-BR", "--remote-debugging-port=0",
             f"--user-data-dir={profile}", "about:blank"],
            # It leaves a folder behind wherever it can.
            env=os.environ | {"TMPDIR": profile},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):  # fmt: skip
        try:
            port = await _port_of(Path(profile) / "DevToolsActivePort")
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                async with session.get("/json/list") as response:
                    tabs = await response.json(content_type=None)
                [address] = [tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"]
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    page = Page(socket)
                    await page.resize(WIDTH)
                    yield page
        finally:
            process.terminate()
            process.wait(PATIENCE)


async def _port_of(told: Path) -> int:
    async with asyncio.timeout(PATIENCE):
        while not (told.exists() and (lines := told.read_text().splitlines())):
            await asyncio.sleep(0.1)
    return int(lines[0])
