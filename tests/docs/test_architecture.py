from __future__ import annotations

import asyncio
import re
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from odoo_ai_config.adapters.sqlite.writer import GroupWriter
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.http.app import build_app
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.library import Hub
from odoo_ai_config.entrypoints.serving import http_options
from odoo_ai_config.entrypoints.settings import read_settings
from odoo_ai_config.entrypoints.startup import ensure_first_key, opened
from tests.source_tree import PACKAGE, ROOT, TESTS
from tests.unit.application.messages.deliveries import payload
from tests.unit.entrypoints.http.web_hub import HubServer

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
TREE = re.search(r"^```text\nsrc/odoo_ai_config/\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)

ECHO = "default_crew: echo\ncrews: {echo: {type: echo}}"
CALL = re.compile(r"^([\w/]+\.py) +(\w+)", re.MULTILINE)

Stack: TypeAlias = list[tuple[str, str]]


async def stacks_at_the_writer(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Hub, TestClient[web.Request, web.Application]], Awaitable[None]],
) -> list[Stack]:
    """
    The frames of the package that lead to each write while *act* runs.
    """
    stacks: list[Stack] = []
    write = GroupWriter.write

    async def traced(writer: GroupWriter, work: Any, *, long: bool) -> Any:
        frames = [
            (Path(frame.filename).relative_to(PACKAGE).as_posix(), frame.name)
            for frame in traceback.extract_stack()
            if Path(frame.filename).is_relative_to(PACKAGE)
        ]
        stacks.append([*frames, ("adapters/sqlite/writer.py", "write")])
        return await write(writer, work, long=long)

    settings = read_settings(flags={"data_dir": str(folder)}, environment={}, folder=folder)
    async with opened(Container(settings=settings)) as services:
        key = await ensure_first_key(services, settings)
        assert key is not None
        app = build_app(services, http_options(settings), Metrics())
        headers = {"X-API-Key": key.reveal()}
        async with TestClient(HubServer(app), headers=headers) as client:
            hub = Hub(services)
            await hub.sync_mapping(chatwoot_account_id="1", tenant="1")
            await hub.publish("1", "default", "crews", ECHO)
            monkeypatch.setattr(GroupWriter, "write", traced)
            await act(hub, client)
            monkeypatch.undo()
    return stacks


def described_after(heading: str) -> Stack:
    section = PAGE.partition(heading)[2].partition("```text\n")[2]
    return CALL.findall(section.partition("```")[0])


def assert_names(described: Stack, stack: Stack) -> None:
    """
    Require that the page names calls of the stack in order; it may omit some.
    """
    assert described
    frames = iter(stack)
    assert [
        (module, name)
        for module, name in described
        if not any(f"/{at}".endswith(f"/{module}") and made == name for at, made in frames)
    ] == []


async def test_way_of_an_event_is_as_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def push(_hub: Hub, client: TestClient[web.Request, web.Application]) -> None:
        event = {"account_id": "1", "token": "odoo", "odoo_password": "x"}
        body = {"event_type": "credentials_sync", **event}
        answer = await client.post("/odoo-webhook", json=body)
        assert answer.status == 200

    (stack,) = await stacks_at_the_writer(tmp_path, monkeypatch, push)
    assert_names(described_after("## The path of an event"), stack)


async def test_way_of_a_message_is_as_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(hub: Hub, client: TestClient[web.Request, web.Application]) -> None:
        answer = await client.post("/webhook", json=payload())
        assert answer.status == 200
        async with hub.deliveries():
            while not await hub.messages("dead"):
                await asyncio.sleep(0.001)

    received, claimed, answered, given_up = await stacks_at_the_writer(
        tmp_path, monkeypatch, write
    )
    assert_names(described_after("## The path of a message"), received)
    assert_names(described_after("A claim is"), claimed)
    assert_names(described_after("What the crew says"), answered)
    # The address of this Chatwoot is not set.
    assert ("application/messages/posting.py", "post") in given_up


def test_every_module_that_is_named_exists() -> None:
    modules = [path.as_posix() for folder in (PACKAGE, TESTS) for path in folder.rglob("*.py")]
    named = set(re.findall(r"[\w/]*\w\.py\b", PAGE))
    assert {
        name for name in named if not any(module.endswith(f"/{name}") for module in modules)
    } == set()


def test_tree_names_every_package_and_every_module_beside_packages() -> None:
    assert TREE is not None
    tree = TREE[1]
    packages = [path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    missing = [path.name for path in packages if f"{path.name}/" not in tree]
    for layer in ("domain", "application", "entrypoints"):
        modules = (path.name for path in (PACKAGE / layer).glob("*.py"))
        missing += [name for name in modules if name != "__init__.py" and name not in tree]
    assert missing == []
