from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from threading import enumerate as threads

import pytest

from odoo_ai_config.client import open_hub_sync
from odoo_ai_config.client.blocking_hub import BlockingCollection, BlockingHub
from odoo_ai_config.client.disk import Disk, Kept
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


def share(url: str, key: str) -> list[str]:
    with open_hub_sync(url, api_key=key) as hub:
        changes = hub.changes(hub.cursor(), kinds=["config"])
        with ThreadPoolExecutor(4) as pool:
            waiting = [pool.submit(next, changes) for _ in range(4)]
            for name in "abcd":
                hub.sync_credentials(account_id="acme", token="ref", name=name)
            return [str(one.result().version) for one in waiting]


async def test_threads_that_share_changes_take_turns() -> None:
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        heard = await asyncio.to_thread(share, str(web.client.make_url("/")), web.key)
    assert sorted(heard) == ["1", "2", "3", "4"]


def test_changes_end_behind_an_error() -> None:
    with open_hub_sync("http://127.0.0.1:9", api_key="k", deadline=0.2) as hub:
        changes = hub.changes("1", kinds=["of_tomorrow"])
        with pytest.raises(InvalidValueError):
            next(changes)
        assert list(islice(changes, 1)) == []


def test_call_after_the_end_is_refused() -> None:
    with open_hub_sync("http://127.0.0.1:9", api_key="k") as hub:
        changes = hub.changes()
        collection = hub.collection("acme", "products")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for call in (lambda: hub.config("acme"), lambda: next(changes), collection.read):
            with pytest.raises(RuntimeError, match="closed"):
                call()
        gc.collect()


def wait_on(url: str, key: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        with open_hub_sync(url, api_key=key) as hub:
            changes = hub.changes(hub.cursor())
            waiting = pool.submit(next, changes)
            hub.cursor()
        with pytest.raises(RuntimeError, match="closed"):
            waiting.result()


async def test_thread_that_waits_hears_of_the_end() -> None:
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        await asyncio.to_thread(wait_on, str(web.client.make_url("/")), web.key)


def read_twice(url: str, key: str, folder: Path) -> None:
    with (
        ThreadPoolExecutor(2) as pool,
        open_hub_sync(url, api_key=key, cache_dir=folder) as hub,
    ):
        hub.sync_credentials(account_id="acme", token="ref", name="Loja")
        pool.submit(hub.config, "acme")
        while not hub._processes.running().hub.cache._entries:
            time.sleep(0.01)
        assert hub.config("acme")["name"] == "Loja"


async def test_what_a_thread_has_read_is_on_disk_although_another_one_still_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Disk.write

    async def slow(disk: Disk, kept: Kept, *, secret: bool) -> None:
        await asyncio.sleep(1.0)
        await write(disk, kept, secret=secret)

    monkeypatch.setattr(Disk, "write", slow)
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        url = str(web.client.make_url("/"))
        await asyncio.to_thread(read_twice, url, web.key, tmp_path)
    assert any(b"acme" in one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())


FORKS = """
import os, sys
from odoo_ai_config.client import open_hub_sync

url, key = sys.argv[1:]
with open_hub_sync(url, api_key=key) as hub:
    begin = hub.cursor()
    hub.sync_credentials(account_id="acme", token="ref", enabled_collections=["products"])
    products, changes = hub.collection("acme", "products"), hub.changes(begin)
    products.replace({"7": {"name": "Camisa"}})
    first = next(changes)
    child = os.fork()
    name = products.item("7")["name"]
    following = next(changes)
    assert following.cursor != first.cursor
    hub.config("acme")
    assert hub.stale_since is None
    if child:
        _, status = os.waitpid(child, 0)
        assert status == 0
        assert hub.collection("acme", "products").item("7")["name"] == name
        print(name)
"""


async def run_beside_a_hub(program: str, *options: str) -> tuple[str, str]:
    """
    Run *program* to its end; what it writes to stdout and stderr.
    """
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *options,
            "-c",
            program,
            str(web.client.make_url("/")),
            web.key,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            told, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return told.decode().strip(), complaints.decode()


async def test_process_that_is_forked_goes_on_with_the_hub() -> None:
    # From 3.12 on Python warns of every fork beside threads.
    found = await run_beside_a_hub(FORKS, "-X", "dev", "-W", "ignore:::__main__")
    assert found == ("Camisa", "")


READS = """
import sys
from odoo_ai_config.client import open_hub_sync

with open_hub_sync(sys.argv[1], api_key=sys.argv[2]) as hub:
    hub.sync_credentials(account_id="acme", token="ref", name="Loja")
    print(hub.config("acme")["name"])
"""
LEAVES = """
import sys
from odoo_ai_config.client import open_hub_sync

with open_hub_sync(sys.argv[1], api_key=sys.argv[2]) as hub:
    begin = hub.cursor()
    for name in "abc":
        hub.sync_credentials(account_id="acme", token="ref", name=name)
    changes = hub.changes(begin, kinds=["config"])
    print(next(changes).version)
"""
LISTENS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from odoo_ai_config.client import open_hub_sync

with ThreadPoolExecutor(2) as pool:
    with open_hub_sync(sys.argv[1], api_key=sys.argv[2]) as hub:
        begin = hub.cursor()
        changes = hub.changes(begin)
        waiting = [pool.submit(next, changes), pool.submit(next, hub.changes(begin))]
        hub.cursor()
    print(*(one.exception() for one in waiting), sep=", ")
"""
FAILS = """
import sys
from odoo_ai_config.client import open_hub_sync

try:
    with open_hub_sync(sys.argv[1], api_key=sys.argv[2]) as hub:
        changes = hub.changes(hub.cursor())
        raise KeyError
except KeyError:
    print("failed")
"""


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (READS, "Loja"),
        (LEAVES, "1"),
        (LISTENS, "the hub is closed, the hub is closed"),
        (FAILS, "failed"),
    ],
    ids=["reads", "leaves", "listens", "fails"],
)
async def test_program_that_ends_writes_no_complaint(program: str, told: str) -> None:
    assert await run_beside_a_hub(program, "-X", "dev") == (told, "")
