"""
The official client calls the tools of a running hub, over HTTP and over pipes, in each of the ways
that it knows to begin.
"""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.e2e.hub_process import PROGRAM, HubProcess, environment, run, serving
from tests.unit.entrypoints.http.web_hub import fixture

MODES = ("2026-07-28", "auto", "legacy")
TOOLS = {
    "compare_versions",
    "document_history",
    "explain_route",
    "list_collections",
    "list_stuck_messages",
    "list_tenants",
    "pause_conversation",
    "publish_document",
    "read_document",
    "replay_message",
    "resume_conversation",
    "roll_back_document",
    "search_collection",
    "show_message",
    "simulate_route",
}
CHANGES = {
    "pause_conversation",
    "publish_document",
    "replay_message",
    "resume_conversation",
    "roll_back_document",
}
CREDENTIALS = {
    "event_type": "credentials_sync",
    "account_id": "123456",
    "domain": "retail",
    "name": "Loja",
    "token": "token_referencia",
    "odoo_password": "canario-do-odoo-4711",
    "enabled_collections": ["products_informations"],
}
AREA = {"tenant": "123456", "domain": "retail"}
CHANNEL = {"chatwoot_account_id": 1, "internal_account_id": "123456", "domain": "retail"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with serving(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture(scope="module")
def message(hub: HubProcess) -> str:
    """
    A stuck message, in a hub with a client, a collection and a channel.
    """
    return asyncio.run(filled(hub))


async def filled(hub: HubProcess) -> str:
    channel = {"event_type": "mapping_sync", "account_id": "123456", "mapping": CHANNEL}
    items = {"account_id": "123456", "items": [{"id": 7, "name": "Camisa"}]}
    token = (hub.folder / "var" / "chatwoot-token").read_text().strip()
    async with hub.client() as client:
        for method, path, body in (
            ("POST", "/odoo-webhook", CREDENTIALS),
            ("POST", "/odoo-webhook", {**CREDENTIALS, "name": "Loja 2"}),
            ("PUT", "/api/v1/collections/products", items),
            ("POST", f"/webhook/{token}", fixture("chatwoot_message_created_whatsapp")),
            ("POST", "/odoo-webhook", channel),
        ):
            async with client.request(method, path, json=body) as answer:
                assert answer.status == 200, await answer.text()
        async with client.get("/v1/messages?stage=unresolved") as answer:
            (found,) = (await answer.json())["messages"]
    name: str = found["message_id"]
    return name


@asynccontextmanager
async def over_http(hub: HubProcess, mode: str, key: str = "") -> AsyncIterator[Client]:
    headers = {"X-API-Key": key or hub.api_key}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(f"{hub.url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


def over_pipes(folder: Path, *arguments: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=str(PROGRAM), args=["mcp", *arguments], env=environment(), cwd=folder
    )


async def done(client: Client, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    assert "canario" not in str(result)
    return result.structured_content


async def tried(client: Client, message: str) -> None:
    """
    Call each tool once.
    """
    assert (await done(client, "list_tenants"))["tenants"][0]["tenant_id"] == "123456"
    config = await done(client, "read_document", **AREA)
    assert config["json_data"]["name"] == "Loja 2"
    assert len((await done(client, "document_history", **AREA))["versions"]) == 2
    assert (await done(client, "compare_versions", **AREA))["changes"][0]["pointer"] == "/name"
    (listed,) = (await done(client, "list_collections", tenant="123456"))["collections"]
    found = await done(
        client, "search_collection", tenant="123456", collection=listed["collection"], text="CAM"
    )
    assert [item["id"] for item in found["items"]] == ["7"]
    assert (await done(client, "explain_route", account="1"))["tenant_id"] == "123456"
    assert "effects" in await done(client, "simulate_route", mapping=CHANNEL)
    (stuck,) = (await done(client, "list_stuck_messages"))["messages"]
    assert stuck == await done(client, "show_message", message_id=message)
    text = "name: Loja 3\n"
    conversation = {"account": "1", "conversation": stuck["conversation_id"]}
    calls: dict[str, dict[str, Any]] = {
        "publish_document": {**AREA, "yaml": text},
        "roll_back_document": {**AREA, "version": 1},
        "replay_message": {"message_id": message},
        "pause_conversation": conversation,
        "resume_conversation": conversation,
    }
    for tool, arguments in calls.items():
        assert (await done(client, tool, **arguments))["done"] is False
    missing = await client.call_tool("read_document", {"tenant": "nobody"})
    assert missing.is_error
    assert "Documento" in missing.content[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", MODES)
async def test_official_client_calls_every_tool_over_http(
    hub: HubProcess, message: str, mode: str
) -> None:
    async with over_http(hub, mode) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        await tried(client, message)
        assert client.protocol_version == ("2025-11-25" if mode == "legacy" else "2026-07-28")


@pytest.mark.parametrize("mode", MODES)
async def test_official_client_calls_every_tool_over_pipes(
    hub: HubProcess, message: str, mode: str
) -> None:
    async with Client(over_pipes(hub.folder, "--write"), mode=mode) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        await tried(client, message)
    async with Client(over_pipes(hub.folder), mode=mode) as reader:
        assert {tool.name for tool in (await reader.list_tools()).tools} == TOOLS - CHANGES
        refused = await reader.call_tool("publish_document", {**AREA, "yaml": "a: 1"})
        assert refused.is_error
        assert refused.structured_content["code"] == "scope_missing"


async def test_what_is_confirmed_over_pipes_is_in_the_store_and_in_the_audit_trail(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as hub:
        async with Client(over_pipes(tmp_path, "--write", "--tenant", "123456")) as client:
            published = await done(client, "publish_document", **AREA, yaml="a: 1", confirm=True)
            assert published["result"]["version"] == 1
            other = await client.call_tool("read_document", {"tenant": "other"})
            assert other.structured_content["code"] == "tenant_forbidden"
            # There is none.
            assert "chave" not in other.structured_content["detail"]
            await done(
                client, "publish_document", **AREA, yaml="a: 2", confirm=True, reason="INC-7"
            )
        async with over_http(hub, "auto") as client:
            assert (await done(client, "read_document", **AREA))["json_data"] == {"a": 2}
            history = await done(client, "document_history", **AREA)
            assert [one["author"] for one in history["versions"]] == ["mcp", "mcp"]


async def test_bound_key_is_bound_and_a_wrong_one_is_refused(
    hub: HubProcess, message: str
) -> None:
    made = run(
        hub.folder, "keys", "create", "--name", "ia", "--scope", "config:read", "--tenant", "other"
    )
    key = made.stdout.strip().splitlines()[-1]
    async with over_http(hub, "auto", key) as client:
        refused = await client.call_tool("read_document", dict(AREA))
        assert refused.structured_content["code"] == "tenant_forbidden"
        assert (await done(client, "list_tenants"))["tenants"] == []
    with pytest.raises(ExceptionGroup):
        async with over_http(hub, "legacy", "none") as client:
            await client.list_tools()


def test_pipe_gets_one_answer_for_each_line_whatever_it_is(tmp_path: Path) -> None:
    with serving(tmp_path):
        pass
    ping = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    lines = [ping, "{", "x" * 300_000, "", "[]", ping]
    talked = subprocess.run(
        [str(PROGRAM), "mcp"],
        cwd=tmp_path,
        env=environment(ODOO_AI_CONFIG_MAX_BODY_BYTES="100000"),
        input="\n".join(lines) + "\nthe last line has no end",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (talked.returncode, talked.stderr) == (0, "")
    answers = [json.loads(line) for line in talked.stdout.splitlines()]
    codes = [answer.get("error", {}).get("code") for answer in answers]
    assert codes == [None, -32700, -32600, -32700, -32600, None, -32700]


def begun(folder: Path, stdin: int) -> tuple[int, str, str]:
    ended = subprocess.run(
        [str(PROGRAM), "mcp"],
        cwd=folder,
        env=environment(),
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_pipes_need_a_store_and_somebody_at_the_other_end(tmp_path: Path) -> None:
    status, out, _ = begun(tmp_path, subprocess.DEVNULL)
    assert (status, out) == (3, "")
    with serving(tmp_path):
        pass
    assert begun(tmp_path, subprocess.DEVNULL) == (0, "", "")
    parent, terminal = pty.openpty()
    status, out, told = begun(tmp_path, terminal)
    os.close(parent)
    os.close(terminal)
    assert (status, out) == (1, "")
    assert told.startswith("Erro: mcp é iniciado por um cliente de IA")
