"""
A store that becomes unavailable and returns while the server runs.
"""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp

from tests.e2e.hub_process import (
    PROGRAM,
    HubProcess,
    credentials_event,
    environment,
    run,
    serving,
)
from tests.e2e.load import Writer


def database(hub: HubProcess) -> Path:
    return hub.folder / "var" / "odoo-ai-config.db"


async def require_away(client: aiohttp.ClientSession) -> None:
    async with client.get("/ready") as response:
        assert response.status == 503
    event = {"event_type": "credentials_sync", "account_id": "b", "token": "t", "name": "B"}
    async with client.post("/odoo-webhook", json=event) as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert (await response.json())["code"] == "store_unavailable"
    async with client.get("/health") as response:
        assert response.status == 200


async def until_ready(client: aiohttp.ClientSession) -> None:
    while True:
        async with client.get("/ready") as response:
            if response.status == 200:
                return
        await asyncio.sleep(0.05)


async def test_removed_database_is_a_503_until_it_is_back(tmp_path: Path) -> None:
    with serving(tmp_path) as hub:
        writer = Writer("a")
        async with hub.client() as client:
            await writer.write(client)
            away = hub.folder / "away"
            away.mkdir()
            for path in (hub.folder / "var").glob("odoo-ai-config.db*"):
                path.rename(away / path.name)
            await require_away(client)
            for path in away.iterdir():
                path.rename(hub.folder / "var" / path.name)
            await until_ready(client)
            assert await writer.stored(client) == 1
            await writer.write(client)
            assert await writer.stored(client) == 2


async def test_database_that_another_program_locks_is_a_503_until_it_lets_go(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as hub:
        writer = Writer("a")
        async with hub.client() as client:
            await writer.write(client)
            with closing(sqlite3.connect(database(hub), isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                await require_away(client)
                other.execute("ROLLBACK")
            await until_ready(client)
            await writer.write(client)
            assert await writer.stored(client) == 2


async def test_backup_that_is_put_back_is_served_after_a_restart_and_not_written_over_before(
    tmp_path: Path,
) -> None:
    writer = Writer("a")
    with serving(tmp_path) as hub:
        async with hub.client() as client:
            await writer.write(client)
            backup = tmp_path / "backup.db"
            with (
                closing(sqlite3.connect(database(hub))) as source,
                closing(sqlite3.connect(backup)) as target,
            ):
                source.backup(target)
            await writer.write(client)
            for path in (hub.folder / "var").glob("odoo-ai-config.db*"):
                path.unlink()
            shutil.copy(backup, database(hub))
            await require_away(client)
        assert hub.stop() == 0
    assert (tmp_path / "var" / "odoo-ai-config.db").read_bytes() == backup.read_bytes()
    with serving(tmp_path) as hub:
        async with hub.client() as client:
            assert await writer.stored(client) == 1


def told(hub: HubProcess) -> list[tuple[str, str, str]]:
    """
    The log lines about the store: event, level and cause.
    """
    lines = map(json.loads, (hub.folder / "stderr.txt").read_text().splitlines())
    return [
        (line["event"], line["level"], line["cause"])
        for line in lines
        if line["event"].startswith("store_")
    ]


async def require_cause(client: aiohttp.ClientSession, cause: str) -> None:
    async with client.get("/ready") as response:
        assert (response.status, (await response.json())["cause"]) == (503, cause)


async def test_disk_that_takes_no_more_is_named_in_the_log_and_in_readiness(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as hub:
        writer = Writer("a")
        async with hub.client() as client:
            await writer.write(client)
            log = database(hub).with_name(database(hub).name + "-wal")
            before = resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE)
            most = log.stat().st_size, before[1]
            resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, most)
            event = credentials_event("b", 1)
            for _ in range(5):
                async with client.post("/odoo-webhook", json=event) as response:
                    assert response.status == 503
                    answer = await response.json()
                    assert (answer["code"], answer["cause"]) == ("store_unavailable", "io_error")
            await require_cause(client, "io_error")
            resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, before)
            await until_ready(client)
            await writer.write(client)
            assert await writer.stored(client) == 2
        assert hub.stop() == 0
    assert told(hub) == [
        ("store_failed", "error", "io_error"),
        ("store_back", "warning", "io_error"),
    ]


async def test_removed_log_ends_all_writing_and_what_was_acknowledged_is_kept(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as hub:
        writer = Writer("a")
        async with hub.client() as client:
            await writer.write(client)
            for suffix in ("-wal", "-shm"):
                database(hub).with_name(database(hub).name + suffix).unlink()
            event = credentials_event("b", 1)
            async with client.post("/odoo-webhook", json=event) as response:
                assert (await response.json())["cause"] == "log_removed"
            await require_cause(client, "log_removed")
        assert hub.stop() == 0
    assert told(hub) == [("store_failed", "error", "log_removed")]
    with serving(tmp_path) as hub:
        async with hub.client() as client:
            assert await writer.stored(client) == 1


async def test_wrong_or_lost_ring_does_no_harm_to_a_running_server(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with serving(tmp_path / "other"):
        pass
    with serving(tmp_path) as hub:
        ring = hub.folder / "var" / "keyring.json"
        right = ring.read_bytes()
        async with hub.client() as client:
            for number, place in enumerate(("other/var/keyring.json", "nowhere")):
                ring.unlink()
                if (tmp_path / place).exists():
                    shutil.copy(tmp_path / place, ring)
                async with client.get("/ready") as response:
                    warning = ("key_ring_foreign", "key_ring_missing")[number]
                    assert await response.json() == {"status": "ready", "warnings": [warning]}
                await Writer(f"tenant-{number}").write(client)
                examined = run(tmp_path, "doctor", "--port", "0")
                assert examined.returncode == 1, examined.stdout
                assert any(
                    line.startswith("falha  chaveiro") for line in examined.stdout.splitlines()
                )
            ring.unlink(missing_ok=True)
            ring.touch(0o600)
            ring.write_bytes(right)
            async with client.get("/ready") as response:
                assert await response.json() == {"status": "ready"}
        assert hub.stop() == 0
    # Nothing was sealed under the wrong ring: the right one opens everything.
    with serving(tmp_path) as hub:
        async with hub.client() as client:
            assert await Writer("tenant-0").stored(client) == 1


async def test_retry_of_the_sender_gets_through_once_the_store_is_back(tmp_path: Path) -> None:
    with serving(tmp_path) as hub:
        path = database(hub)
        aside = path.with_name("aside")
        path.rename(aside)
        sending = await asyncio.create_subprocess_exec(
            *(str(PROGRAM), "send", "credentials", "--url", hub.url),
            *("--api-key", hub.api_key),
            cwd=tmp_path,
            env=environment(),
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert sending.stderr is not None
        assert "indisponível" in (await sending.stderr.readline()).decode()
        aside.rename(path)
        remarks = (await sending.stderr.read()).decode()
        assert await sending.wait() == 0, remarks
        assert "OK: " in remarks
