"""
The protocol: which messages are answered, and how the others are refused.
"""

from __future__ import annotations

import asyncio
import io
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from structlog.testing import capture_logs

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.mcp.json_rpc import reply_to
from odoo_ai_config.entrypoints.http.mcp.tools import TOOLS
from odoo_ai_config.entrypoints.http.platform.fields import shape_of
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.mcp.rpc import META, MODERN, asked, headers_of, sent
from tests.unit.entrypoints.http.web_hub import WebHub, serving

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}


def handshake(version: str) -> dict[str, Any]:
    params = {
        "protocolVersion": version,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    return {"jsonrpc": "2.0", "id": "a", "method": "initialize", "params": params}


def code_in(answer: Any) -> int:
    code: int = answer["error"]["code"]
    assert "result" not in answer
    return code


async def test_server_says_what_it_speaks(web: WebHub) -> None:
    status, answer = await asked(web, "server/discover")
    assert (status, answer["id"]) == (200, 7)
    result = answer["result"]
    assert result["supportedVersions"] == [MODERN]
    assert (result["resultType"], result["cacheScope"]) == ("complete", "private")
    assert result["capabilities"] == {"tools": {}}
    name = result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"]
    assert name == "odoo-ai-config"


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
    ],
)
async def test_older_client_shakes_hands(web: WebHub, offered: str, agreed: str) -> None:
    status, answer = await sent(web, handshake(offered))
    assert (status, answer["id"]) == (200, "a")
    assert answer["result"]["protocolVersion"] == agreed
    assert answer["result"]["serverInfo"]["name"] == "odoo-ai-config"
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert await sent(web, ready, MCP_Protocol_Version=agreed) == (202, None)
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    assert await sent(web, ping) == (200, {"jsonrpc": "2.0", "id": 2, "result": {}})
    plain = {"jsonrpc": "2.0", "id": 3, "method": "tools/list"}
    status, answer = await sent(web, plain, MCP_Protocol_Version=agreed)
    assert (status, answer["result"].keys()) == (200, {"tools"})


async def test_tools_are_listed_for_what_the_key_may_do(web: WebHub) -> None:
    async def listed(*scopes: Scope) -> dict[str, Any]:
        key = web.with_key(await web.new_key(*scopes))
        _, answer = await asked(key, "tools/list")
        assert answer["result"]["ttlMs"] > 0
        return {tool["name"]: tool for tool in answer["result"]["tools"]}

    every = await listed(Scope.ADMIN)
    assert every.keys() == TOOLS.keys()
    for tool in every.values():
        changes = "confirm" in tool["inputSchema"]["properties"]
        assert tool["annotations"]["readOnlyHint"] is not changes
        assert tool["annotations"]["destructiveHint"] is changes
        assert tool["description"]
    assert list(await listed(Scope.MESSAGES_READ)) == ["list_stuck_messages", "show_message"]
    assert await listed(Scope.WEBHOOK) == {}
    reader = await listed(Scope.CONFIG_READ, Scope.MESSAGES_READ)
    assert all(tool["annotations"]["readOnlyHint"] for tool in reader.values())


# With the code and the status of a modern and of an older message.
@pytest.mark.parametrize(
    ("change", "code", "statuses"),
    [
        ({"jsonrpc": "1.0"}, -32600, (400, 400)),
        ({"jsonrpc": None}, -32600, (400, 400)),
        ({"method": 5}, -32600, (400, 400)),
        ({"id": None}, -32600, (400, 400)),
        ({"id": True}, -32600, (400, 400)),
        ({"id": 1.5}, -32600, (400, 400)),
        ({"id": [1]}, -32600, (400, 400)),
        ({"method": "tools/none"}, -32601, (404, 200)),
        ({"method": "subscriptions/listen"}, -32601, (404, 200)),
        ({"params": {"cursor": "x"}}, -32602, (400, 200)),
        ({"method": "tools/call"}, -32602, (400, 200)),
        ({"method": "tools/call", "params": {"name": "none"}}, -32602, (400, 200)),
        ({"method": "tools/call", "params": {"name": 5}}, -32602, (400, 200)),
        (
            {"method": "tools/call", "params": {"name": "list_tenants", "arguments": [1]}},
            -32602,
            (400, 200),
        ),
    ],
)
async def test_message_that_cannot_be_answered_is_refused(
    web: WebHub, change: dict[str, Any], code: int, statuses: tuple[int, int]
) -> None:
    for params, status in zip(({"_meta": META}, {}), statuses, strict=True):
        message = {**LIST, **change, "params": {**change.get("params", {}), **params}}
        headers = headers_of({**message, "method": str(message["method"])}) if params else {}
        if not isinstance(headers.get("Mcp-Name", ""), str):
            del headers["Mcp-Name"]
        got, answer = await sent(web, message, **headers)
        assert (got, code_in(answer)) == (status, code)
        assert answer.get("id") == (1 if change.get("id", 1) == 1 else None) or "id" in change


@pytest.mark.parametrize("body", ["[]", json.dumps([LIST, LIST]), "5", "null", '"a"', '{"id": 1}'])
async def test_anything_but_one_message_is_refused(web: WebHub, body: str) -> None:
    assert code_in((await sent(web, json.loads(body)))[1]) == -32600


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b'{"id": 1, "id": 2}', -32700),
        (b"\xff", -32700),
        (b"[" * 100 + b"]" * 100, -32600),
        (b'{"jsonrpc": "2.0", "method": "a\\u0000"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 99999999999999999999, "method": "ping"}', -32600),
    ],
)
async def test_body_that_is_not_json_is_refused(web: WebHub, body: bytes, code: int) -> None:
    answer = await web.ask("POST", "/mcp", data=body, headers={"Content-Type": "application/json"})
    assert answer.status == 400
    assert code_in(await answer.json()) == code


async def test_params_must_be_an_object(web: WebHub) -> None:
    status, answer = await sent(web, {**LIST, "params": [1]})
    assert (status, code_in(answer), answer["id"]) == (200, -32602, 1)
    status, answer = await sent(web, {**handshake("x"), "params": {}})
    assert (status, code_in(answer)) == (200, -32602)


@pytest.mark.parametrize(
    "meta",
    [
        None,
        5,
        {},
        {"io.modelcontextprotocol/protocolVersion": MODERN},
        {**META, "io.modelcontextprotocol/protocolVersion": 5},
    ],
)
async def test_modern_message_without_its_envelope_is_malformed(web: WebHub, meta: Any) -> None:
    message = {**LIST, "params": {"_meta": meta}}
    status, answer = await sent(web, message, **headers_of(message))
    assert (status, code_in(answer)) == (400, -32602)
    bare = {"jsonrpc": "2.0", "id": 1, "method": "server/discover"}
    assert code_in((await sent(web, bare))[1]) == -32602


@pytest.mark.parametrize(
    "wrong",
    [
        {"MCP-Protocol-Version": "2025-11-25"},
        {"MCP-Protocol-Version": None},
        {"Mcp-Method": "tools/list"},
        {"Mcp-Method": None},
        {"Mcp-Name": "read_document"},
        {"Mcp-Name": None},
        {"Mcp-Name": "=?base64?%%%?="},
        {"Mcp-Name": "=?base64?/w==?="},
    ],
)
async def test_headers_that_say_something_else_than_the_body_are_refused(
    web: WebHub, wrong: dict[str, str | None]
) -> None:
    message = {**LIST, "method": "tools/call", "params": {"name": "list_tenants", "_meta": META}}
    headers: dict[str, str | None] = {**headers_of(message), **wrong}
    given = {name: value for name, value in headers.items() if value is not None}
    status, answer = await sent(web, message, **given)
    assert (status, code_in(answer), answer["id"]) == (400, -32020, 1)
    ((name, value),) = wrong.items()
    said = "is missing." if value is None else "does not match the body."
    assert answer["error"]["message"] == f"{name} {said}"


async def test_name_in_a_header_may_be_encoded(web: WebHub) -> None:
    message = {**LIST, "method": "tools/call", "params": {"name": "list_tenants", "_meta": META}}
    encoded = f"=?base64?{b64encode(b'list_tenants').decode()}?="
    status, _ = await sent(web, message, **{**headers_of(message), "Mcp-Name": encoded})
    assert status == 200


async def test_unknown_revision_is_told_which_ones_there_are(web: WebHub) -> None:
    meta = {**META, "io.modelcontextprotocol/protocolVersion": "1900-01-01"}
    message = {**LIST, "params": {"_meta": meta}}
    headers = {**headers_of(message), "MCP-Protocol-Version": "1900-01-01"}
    for body, said in ((message, headers), ({**LIST, "params": {}}, headers)):
        status, answer = await sent(web, body, **said)
        assert (status, code_in(answer)) == (400, -32022)
        assert answer["error"]["data"] == {
            "supported": [MODERN, "2025-11-25", "2025-06-18"],
            "requested": "1900-01-01",
        }


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_there_is_no_stream_and_no_session(web: WebHub, method: str) -> None:
    answer = await web.ask(method, "/mcp", headers={"Mcp-Session-Id": "x"})
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert (await sent(web, LIST, **headers_of(LIST), Mcp_Session_Id="x"))[0] == 200


async def test_pages_of_other_sites_are_kept_out() -> None:
    listed = HttpOptions(version="1", cors_origins=frozenset({"https://ia.example.com"}))
    async with serving(MemoryHub(), listed) as web:
        known = await web.post("/mcp", LIST, **headers_of(LIST), Origin="https://ia.example.com")
        other = await web.post("/mcp", LIST, **headers_of(LIST), Origin="https://evil.example")
        assert (known.status, other.status) == (200, 403)
        assert (await other.json())["code"] == "origin_forbidden"
        preflight = await web.ask(
            "OPTIONS",
            "/mcp",
            headers={
                "Origin": "https://ia.example.com",
                "Access-Control-Request-Method": "POST",
            },
        )
        allowed = preflight.headers["Access-Control-Allow-Headers"]
        assert {"Mcp-Method", "Mcp-Name", "MCP-Protocol-Version", "X-API-Key"} <= {
            *allowed.split(", ")
        }


async def test_what_holds_for_every_address_holds_here(web: WebHub) -> None:
    answer = await web.with_key("none").post("/mcp", LIST)
    assert answer.status == 401
    large = await web.ask("POST", "/mcp", data=io.BytesIO(b"x" * (2**20 + 1)))
    assert (large.status, (await large.json())["code"]) == (413, "body_too_large")
    other = await web.ask("POST", "/mcp", data=b"{}", headers={"Content-Type": "text/plain"})
    assert other.status == 415
    reason = await web.post("/mcp", LIST, X_Reason="senha=segredo-1234-abcd")
    assert (await reason.json())["code"] == "invalid_fields"
    slow = HttpOptions(version="1", requests_per_second=1)
    async with serving(MemoryHub(), slow) as limited:
        statuses = [(await sent_raw(limited)) for _ in range(5)]
        assert 429 in statuses


async def sent_raw(web: WebHub) -> int:
    return (await web.post("/mcp", LIST, **headers_of(LIST))).status


async def test_server_without_the_app_says_so() -> None:
    async with serving(MemoryHub(), HttpOptions(version="1", apps=frozenset({App.CONFIG}))) as web:
        answer = await web.post("/mcp", LIST)
        assert (await answer.json())["code"] == "app_not_served"


async def test_unexpected_error_is_answered_under_its_id_and_logged_without_its_message(
    web: WebHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "canary"

    async def fails(*_: object, **__: object) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr(type(web.services.list_tenants), "__call__", fails)
    with capture_logs() as logs:
        status, answer = await asked(web, "tools/call", name="list_tenants")
    assert (status, code_in(answer), answer["id"]) == (500, -32603, 7)
    (line,) = [line for line in logs if line["event"] == "request_failed"]
    assert line["error"] == "RuntimeError"
    assert text not in str(logs) + str(answer)
    assert b"odoo_ai_config_unexpected_errors_total 1.0" in web.metrics.exposition()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)
METHODS = st.sampled_from(
    ["server/discover", "initialize", "tools/list", "tools/call", "ping", "notifications/x"]
)


@st.composite
def messages(draw: st.DrawFn) -> Any:
    """
    Any JSON, or a message with anything in some of its places.
    """
    if draw(st.integers(0, 9)) == 0:
        return draw(JSON)
    tool = draw(st.sampled_from(sorted(TOOLS)))
    names = list(shape_of(TOOLS[tool].arguments).types)
    texts = st.sampled_from(["acme", "1", "config", "2099-12-01T09:00:00Z", "a: 1"])
    arguments = draw(
        st.dictionaries(st.sampled_from(names), texts | JSON | st.integers(0, 5), max_size=6)
    )
    params = {
        "name": tool,
        "arguments": draw(st.just(arguments) | JSON),
        "_meta": draw(st.just(META) | JSON),
        "protocolVersion": draw(st.just("2025-11-25") | JSON),
    }
    kept = draw(st.sets(st.sampled_from(sorted(params))))
    chosen = {name: value for name, value in params.items() if name in kept or draw(st.booleans())}
    return {
        "jsonrpc": "2.0",
        "id": draw(st.integers() | st.text(max_size=5) | JSON),
        "method": draw(METHODS | st.just("tools/call")),
        "params": draw(st.just(chosen) | JSON),
    }


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[asyncio.Runner, WebHub]]:
    with asyncio.Runner() as runner:
        context = serving(MemoryHub(), HttpOptions(version="1"))
        web = runner.run(context.__aenter__())
        yield runner, web
        runner.run(context.__aexit__(None, None, None))


@given(message=messages(), says=st.booleans())
def test_no_message_is_an_error_of_the_server(
    shared: tuple[asyncio.Runner, WebHub], message: Any, says: bool
) -> None:
    runner, web = shared
    headers = {"Mcp-Method": "tools/call", "MCP-Protocol-Version": MODERN} if says else {}

    async def go() -> tuple[int, Any]:
        return await sent(web, message, **headers)

    status, answer = runner.run(go())
    assert status in {200, 202, 400, 404}
    assert (answer is None) == (status == 202)
    if answer is not None:
        assert ("result" in answer) != ("error" in answer)


@pytest.mark.parametrize("stated", ["\udce9\udcff", "<script>", "2026-07-28 x"])
async def test_header_that_names_no_revision_is_refused_and_not_repeated(stated: str) -> None:
    headers = CIMultiDictProxy(CIMultiDict({"MCP-Protocol-Version": stated}))
    ping = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'

    call = cast("Any", None)  # It calls no tool.
    reply = await reply_to(ping, call, max_depth=9, headers=headers)
    assert reply.status == 400
    assert "requested" not in json.loads(reply.body or b"{}")["error"]["data"]
