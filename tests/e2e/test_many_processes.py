"""
Several processes on one SQLite file are one hub.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.hub_process import PATIENCE, PROGRAM, children_of, environment, run, serving
from tests.e2e.load import Writer

MAPPING = {
    "event_type": "mapping_sync",
    "mapping": {"chatwoot_account_id": 7, "internal_account_id": "a", "domain": "default"},
}


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


async def write_and_read_back(
    writing: aiohttp.ClientSession, reading: aiohttp.ClientSession
) -> None:
    writer = Writer("a")
    for number in range(1, 26):
        await writer.write(writing)
        assert await writer.stored(reading) == number
        mapping = {**MAPPING["mapping"], "internal_account_id": f"cliente-{number}"}  # type: ignore[dict-item]
        async with writing.post("/odoo-webhook", json={**MAPPING, "mapping": mapping}) as response:
            assert response.status == 200
        async with reading.get("/v1/route", params={"account_id": "7"}) as response:
            assert f'"cliente-{number}"' in await response.text()


async def test_what_one_server_writes_another_reads_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as one, serving(tmp_path) as other:
        assert one.port != other.port
        async with one.client() as writing, other.client() as reading:
            await write_and_read_back(writing, reading)
            await write_and_read_back(reading, writing)


async def test_workers_of_one_server_agree(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as hub:
        assert len(hub.workers()) == 2
        # New connections meet either worker.
        async with hub.client(force_close=True) as client:
            await write_and_read_back(client, client)
        assert hub.stop() == 0


async def test_key_that_is_revoked_on_the_command_line_is_refused_by_a_running_server(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as hub:
        made = run(tmp_path, "keys", "create", "--name", "ia", "--scope", "config:read")
        key = made.stdout.strip()
        key_id = key.split("_")[1]
        async with hub.client() as client:
            headers = {"X-API-Key": key}
            async with client.get("/configs/a", headers=headers) as response:
                assert response.status == 200
            assert run(tmp_path, "keys", "revoke", key_id).returncode == 0
            async with client.get("/configs/a", headers=headers) as response:
                assert response.status == 401


async def test_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as hub:
        victim, other = sorted(hub.workers())
        os.kill(victim, signal.SIGKILL)
        while len(hub.workers() - {victim}) < 2:
            await asyncio.sleep(0.05)
        assert other in hub.workers()
        async with hub.client(force_close=True) as client:
            for _ in range(20):
                async with client.get("/ready") as response:
                    assert response.status == 200
        assert hub.stop() == 0
        assert "worker_ended" in (tmp_path / "stderr.txt").read_text()


async def test_workers_end_with_their_parent_even_if_it_is_killed(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as hub:
        orphans = hub.workers()
        hub.kill()
        while any(is_alive(pid) for pid in orphans):
            await asyncio.sleep(0.05)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", hub.port)


async def test_worker_that_hangs_is_killed_when_its_time_is_up(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", "--shutdown-seconds", "1") as hub:
        hanging = max(hub.workers())
        os.kill(hanging, signal.SIGSTOP)
        assert hub.stop() == 0
        assert not is_alive(hanging)


async def test_stop_while_workers_still_start_is_a_stop(tmp_path: Path) -> None:
    with (
        (tmp_path / "stderr.txt").open("a") as errors,
        subprocess.Popen(
            [str(PROGRAM), "serve", "--port", "0", "--workers", "2"],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=errors,
        ) as process,
    ):
        while not children_of(process.pid):
            await asyncio.sleep(0.01)
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()


async def test_workers_that_cannot_start_end_the_server(tmp_path: Path) -> None:
    # The first worker's log is a folder: the parent can start, the worker cannot.
    (tmp_path / "logs" / "config_service.log").mkdir(parents=True)
    finished = run(tmp_path, "serve", "--port", "0", "--workers", "2")
    assert finished.returncode == 1
    assert "config_service.log" in finished.stderr
    assert "não iniciou" in finished.stderr
    assert "Traceback" not in finished.stderr
