"""
A browser without a window, told what to do by the DevTools protocol.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import define, field

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 60


def installed_browser() -> str:
    """
    A Chromium, or none with the reason in the test's report.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: install one of {', '.join(NAMES)}")
    return found


@define
class Page:
    """
    One tab.
    """

    socket: aiohttp.ClientWebSocketResponse
    complaints: list[str] = field(factory=list)
    _count: int = 0

    async def command(self, method: str, **parameters: Any) -> Any:
        self._count += 1
        await self.socket.send_json({"id": self._count, "method": method, "params": parameters})
        while True:
            told = await self.socket.receive_json(timeout=PATIENCE)
            if told.get("id") == self._count:
                assert "error" not in told, told
                return told["result"]
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        """
        Keep what a page with nothing wrong in it does not cause.
        """
        method, params = told["method"], told["params"]
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["source"] == "security":
            self.complaints.append(params["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"a dialogue: {params['message']}")

    async def value(self, expression: str) -> Any:
        """
        What *expression* is in the page; it may be a promise.
        """
        told = await self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def until(self, expression: str) -> None:
        """
        Wait until *expression* is true in the page.
        """
        for _ in range(PATIENCE * 20):
            if await self.value(f"Boolean({expression})"):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never: {expression}\n{await self.value('document.body.innerText')}")

    async def open(self, url: str) -> None:
        await self.command("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def type_into(self, selector: str, text: str) -> None:
        await self.value(f"document.querySelector('{selector}').focus()")
        await self.command("Input.insertText", text=text)

    async def press(self, key: str, code: int) -> None:
        pressed = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        await self.command("Input.dispatchKeyEvent", type="rawKeyDown", **pressed)
        text = {"text": "\r"} if key == "Enter" else {}
        if text:
            await self.command("Input.dispatchKeyEvent", type="char", **pressed, **text)
        await self.command("Input.dispatchKeyEvent", type="keyUp", **pressed)

    async def size(self, width: int, height: int = 900) -> None:
        await self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip

    async def picture(self, file: Path) -> None:
        told = await self.command("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(told["data"]))


@asynccontextmanager
async def browsing(folder: Path, *, language: str = "pt-BR") -> AsyncIterator[Page]:
    """
    A browser with one empty tab.
    """
    command = [
        installed_browser(), "--headless=new", "--no-sandbox", "--disable-gpu",
        "--disable-dev-shm-usage", "--no-first-run", f"--accept-lang={language}",
        f"--user-data-dir={folder}", "--remote-debugging-port=0", "about:blank",
    ]  # fmt: skip
    environment = os.environ | {"LANGUAGE": language.replace("-", "_")}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            async with aiohttp.ClientSession() as session:
                port = await _port(folder / "DevToolsActivePort", process)
                async with session.get(f"http://127.0.0.1:{port}/json/list") as listed:
                    tab = next(one for one in await listed.json() if one["type"] == "page")
                async with session.ws_connect(
                    tab["webSocketDebuggerUrl"], max_msg_size=0
                ) as socket:
                    page = Page(socket)
                    for part in ("Page", "Runtime", "Log"):
                        await page.command(f"{part}.enable")
                    yield page
        finally:
            process.terminate()
            process.wait(PATIENCE)


async def _port(told: Path, process: subprocess.Popen[bytes]) -> int:
    for _ in range(PATIENCE * 20):
        lines = told.read_text().split() if told.exists() else []
        if len(lines) == 2:
            return int(lines[0])
        assert process.poll() is None, "the browser did not start"
        await asyncio.sleep(0.05)
    raise AssertionError("the browser has no port")
