from __future__ import annotations

import asyncio
import inspect
from threading import enumerate as threads

import pytest

from odoo_ai_config.client import open_hub_sync
from odoo_ai_config.client.blocking_hub import BlockingCollection, BlockingHub
from odoo_ai_config.client.remote_hub import RemoteCollection, RemoteHub
from odoo_ai_config.domain.errors import DocumentNotFoundError, InvalidValueError
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import serving


def script(url: str, key: str) -> tuple[str, str]:
    with open_hub_sync(url, api_key=key) as hub:
        hub.sync_credentials(
            account_id="acme", token="ref", odoo_password="senha", enabled_collections=["products"]
        )
        hub.collection("acme", "products").replace({"7": {"name": "Camisa"}})
        with pytest.raises(DocumentNotFoundError):
            hub.config("nobody")
        assert hub.stale_since is None
        name: object = hub.collection("acme", "products").item("7")["name"]
        return str(name), hub.credential("acme", "default", "ref").reveal()


async def test_script_reads_and_writes_without_a_loop() -> None:
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        told = await asyncio.to_thread(script, str(web.client.make_url("/")), web.key)
    assert told == ("Camisa", "senha")
    assert "hub-client" not in {thread.name for thread in threads()}


def test_malformed_address_leaves_no_thread() -> None:
    for url, key in (("ftp://hub", "k"), ("http://hub", "k k"), ("http://me:pw@hub", "k")):
        with pytest.raises((InvalidValueError, ValueError)), open_hub_sync(url, api_key=key):
            pass
    assert "hub-client" not in {thread.name for thread in threads()}


@pytest.mark.parametrize(
    ("blocking", "remote"), [(BlockingHub, RemoteHub), (BlockingCollection, RemoteCollection)]
)
def test_every_call_has_a_blocking_one(blocking: type, remote: type) -> None:
    calls = {name for name, one in vars(remote).items() if inspect.iscoroutinefunction(one)}
    assert {name for name in calls if not name.startswith("_")} <= vars(blocking).keys()


def listen(url: str, key: str) -> list[str]:
    with open_hub_sync(url, api_key=key) as hub:
        begin = hub.cursor()
        hub.sync_credentials(account_id="acme", token="ref", odoo_password="senha")
        changes = hub.changes(begin)
        return [next(changes).kind.value, next(changes).kind.value]


def leave_early(url: str, key: str) -> None:
    with open_hub_sync(url, api_key=key) as hub:
        begin = hub.cursor()
        for name in "abc":
            hub.sync_credentials(account_id="acme", token="ref", name=name)
        for change in hub.changes(begin):
            assert change.version == 1
            break


async def test_listening_may_end_at_any_time() -> None:
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        await asyncio.to_thread(leave_early, str(web.client.make_url("/")), web.key)
    assert "hub-client" not in {thread.name for thread in threads()}


async def test_script_hears_what_changes() -> None:
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        kinds = await asyncio.to_thread(listen, str(web.client.make_url("/")), web.key)
    assert sorted(kinds) == ["config", "credentials"]
