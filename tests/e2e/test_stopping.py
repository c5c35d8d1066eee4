"""
A stop finishes the accepted requests.
"""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.hub_process import HubProcess, credentials_event, serving
from tests.e2e.load import Writer, until_writers_wrote

WRITERS = 16


async def refuses_connections(hub: HubProcess) -> None:
    """
    Return once the port is closed.
    """
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            # It was not accepted when the listener closed.
            continue
        writer.close()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")], ids=["one process", "workers"])
@pytest.mark.parametrize("force_close", [False, True], ids=["kept alive", "new connections"])
async def test_every_request_that_was_accepted_is_answered(
    arguments: tuple[str, ...], force_close: bool, tmp_path: Path
) -> None:
    writers = [Writer(f"cliente-{number}") for number in range(WRITERS)]
    with serving(tmp_path, *arguments) as hub:
        async with hub.client(force_close=force_close) as client:
            tasks = [
                asyncio.create_task(writer.write_until_it_fails(client)) for writer in writers
            ]
            await until_writers_wrote(writers, 100)
            hub.process.send_signal(signal.SIGTERM)
            await asyncio.gather(*tasks)
        assert hub.process.wait(60) == 0
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()
    with serving(tmp_path) as hub:
        async with hub.client() as client:
            for writer in writers:
                # The kernel may reset a connection that the server never saw; a request that it
                # carried out has its answer.
                assert await writer.stored(client) == writer.acknowledged
                assert all(isinstance(e, aiohttp.ClientConnectionError) for e in writer.failures)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_request_that_is_still_arriving_is_waited_for(
    number: signal.Signals, tmp_path: Path
) -> None:
    with serving(tmp_path) as hub:
        body = json.dumps(credentials_event("lento", 1)).encode()
        head = (
            "POST /odoo-webhook HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
            f"X-API-Key: {hub.api_key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write(head.encode() + body[:20])
        await writer.drain()
        async with hub.client() as client, client.get("/health") as response:
            # The server reads its connections in turn, so the head has arrived by now.
            assert response.status == 200
        hub.process.send_signal(number)
        await refuses_connections(hub)
        writer.write(body[20:])
        await writer.drain()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert hub.process.wait(60) == 0
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in answer


async def test_request_that_never_arrives_does_not_hold_a_stop_up_for_ever(tmp_path: Path) -> None:
    with serving(tmp_path, "--shutdown-seconds", "1") as hub:
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write(b"POST /odoo-webhook HTTP/1.1\r\nHost: hub\r\nContent-Length: 10\r\n\r\n{")
        await writer.drain()
        async with hub.client() as client, client.get("/health") as response:
            assert response.status == 200
        hub.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(hub.process.wait, 60) == 0
        await reader.read()
        writer.close()
