"""
Records of Odoo at secret addresses: taken in by every process, and their tokens shown nowhere.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from odoo_ai_config.entrypoints.library import open_hub
from odoo_ai_config.entrypoints.settings import read_settings
from tests.e2e.hub_process import HubProcess, environment, run, serving

# As Odoo's own action sends it: case 13 of the drop-in cases.
RECORD = {
    "_action": "Send Webhook Notification(#312)",
    "_id": 5,
    "_model": "x_ai_client",
    "account_id": "a13",
    "domain": "retail",
    "odoo_url": False,
    "token": "a13-1",
    "id": 5,
}


def created(folder: Path, *more: str) -> str:
    """
    The path of a new address.
    """
    made = run(
        folder, "addresses", "create", "--name", "Odoo Online", "--tenant", "a13",
        "--domain", "retail", "--kind", "credentials", *more,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    [address] = made.stdout.splitlines()
    assert "/odoo-webhook/oaa_" in address
    return "/odoo-webhook/" + address.rpartition("/")[2]


async def post(hub: HubProcess, path: str, record: Any = RECORD) -> tuple[int, Any]:
    """
    Post as Odoo does: a connection of its own, one second of patience, one header.
    """
    body = json.dumps(record, sort_keys=True, default=str)
    headers = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession(hub.url, connector=aiohttp.TCPConnector(force_close=True)) as odoo,
        odoo.post(path, data=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def raw(hub: HubProcess, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(request)
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_address_works_in_every_process_until_it_is_revoked(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "3") as hub:
        path = created(tmp_path, "--model", "x_ai_client")
        answers = [await post(hub, path) for _ in range(12)]
        assert {status for status, _ in answers} == {200}
        assert [answer["changed"] for _, answer in answers] == [True] + 11 * [False]
        address_id = path.split("_")[1]
        listed = run(tmp_path, "addresses", "list").stdout
        assert address_id in listed
        assert run(tmp_path, "addresses", "revoke", address_id).returncode == 0
        for _ in range(6):
            status, answer = await post(hub, path)
            assert (status, answer["code"]) == (404, "address_not_found")
        trail = run(tmp_path, "audit").stdout
        assert "address_created" in trail
        assert "address_revoked" in trail


async def test_library_makes_addresses_that_the_server_knows(tmp_path: Path) -> None:
    with serving(tmp_path) as hub:
        async with open_hub(read_settings(flags={"data_dir": str(tmp_path / "var")})) as library:
            made, token = await library.create_address(
                name="Odoo Online", tenant="a13", domain="retail", kind="credentials"
            )
            assert (await post(hub, f"/odoo-webhook/{token.reveal()}"))[0] == 200
            [listed] = await library.addresses("a13")
            assert listed.id == made.id
            assert (await library.revoke_address(made.id)).revoked_by == "library"
            assert (await post(hub, f"/odoo-webhook/{token.reveal()}"))[0] == 404


async def test_token_is_shown_nowhere(tmp_path: Path) -> None:
    env = environment(ODOO_AI_CONFIG_LOG_LEVEL="debug")
    with serving(tmp_path, env=env) as hub:
        path = created(tmp_path)
        wrong = path[:-8] + "c4n4ry00"
        mangled = "/odoo-webhook/oaa_c4n4ry1"
        seen = await asyncio.gather(
            *(raw(hub, one) for form in (path, wrong, mangled) for one in _requests(form))
        )
        assert (await post(hub, path))[0] == 200
        address_id = path.split("_")[1]
        async with hub.client() as client:
            for place in (
                "/metrics",
                "/openapi.json",
                "/v1/addresses",
                "/v1/audit",
                "/ready",
                f"/v1/addresses/{address_id}",
                "/configs/a13/retail/config/history",
            ):
                async with client.get(place) as answer:
                    seen.append(await answer.read())
        for command in (
            ("addresses", "list"), ("addresses", "show", address_id), ("audit", "--json"),
            ("doctor",), ("settings",), ("addresses", "revoke", address_id),
        ):  # fmt: skip
            ended = run(tmp_path, *command)
            seen.append(f"{ended.stdout}{ended.stderr}".encode())
        assert (await post(hub, path))[0] == 404
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {"webhook.log", "config_service.log", "stderr.txt"} <= {file.name for file in files}
    everything = b"\n".join([*seen, *(file.read_bytes() for file in files)])
    assert b"/odoo-webhook/{token}" in everything
    secret = path.split("_", 2)[2].encode()
    assert secret not in everything
    # Nor a part of it.
    assert secret[:16] not in everything
    assert secret[-16:] not in everything
    assert re.findall(rb"c4n4ry\d+", everything) == []


def _requests(path: str) -> Iterator[bytes]:
    """
    Requests to *path* and to paths that are nearly the same, right and wrong ones.
    """
    for target in (
        path, f"{path}/", f"/{path}", f"{path}//", f"{path}/x", f"{path}?a=c4n4ry2",
        path.replace("webhook/", "webhook//"), quote(path, safe="/").replace("_", "%5F"),
        f"{path}%00", f"{path}%ff", f"{path}{'x' * 9000}", f"{path}c4n4ry3",
        path.replace("odoo-webhook", "webhook"), f"/configs{path}", f"http://hub{path}",
    ):  # fmt: skip
        for method in ("POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "c4n4ry4"):
            yield _request(method, target)
    for body in (b"", b"{", b"[]", b'{"_id": "c4n4ry5", "name": ["c4n4ry6"]}', b"\xff"):
        yield _request("POST", path, body)
    yield f"POST {path} HTTP/9.9\r\n\r\n".encode()
    yield f"POST {path}\r\n\r\n".encode()


def _request(method: str, target: str, body: bytes = b"{}") -> bytes:
    return (
        f"{method} {target} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
