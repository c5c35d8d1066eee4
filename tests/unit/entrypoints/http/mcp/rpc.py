"""
A client of ``/mcp`` that sends exactly what a test says.
"""

from __future__ import annotations

import json
from typing import Any

from tests.unit.entrypoints.http.web_hub import WebHub

MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
Answered = tuple[int, Any]


def headers_of(message: dict[str, Any]) -> dict[str, str]:
    """
    What a client of the modern revision says of *message* in its headers.
    """
    said = {"MCP-Protocol-Version": MODERN, "Mcp-Method": message["method"]}
    name = message.get("params", {}).get("name")
    return said if name is None else {**said, "Mcp-Name": name}


async def sent(web: WebHub, message: Any, **headers: str) -> Answered:
    """
    The status and the body of the answer to *message*.
    """
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await web.ask(
        "POST",
        "/mcp",
        data=json.dumps(message).encode(),
        headers={"Content-Type": "application/json", **said},
    )
    text = await answer.text()
    assert text == "" or answer.headers["Cache-Control"] == "no-store"
    return answer.status, json.loads(text) if text else None


async def asked(web: WebHub, method: str, **params: Any) -> Answered:
    """
    The answer to a request of the modern revision.
    """
    message = {
        "jsonrpc": "2.0",
        "id": 7,
        "method": method,
        "params": {**params, "_meta": META},
    }
    return await sent(web, message, **headers_of(message))


async def called(web: WebHub, tool: str, **arguments: Any) -> Any:
    """
    What *tool* answers.
    """
    status, answer = await asked(web, "tools/call", name=tool, arguments=arguments)
    result = answer["result"]
    assert (status, result["isError"]) == (200, False), answer
    (content,) = result["content"]
    assert json.loads(content["text"]) == result["structuredContent"]
    return result["structuredContent"]


async def refused(web: WebHub, tool: str, **arguments: Any) -> Any:
    """
    The problem with which *tool* refuses.
    """
    status, answer = await asked(web, "tools/call", name=tool, arguments=arguments)
    result = answer["result"]
    assert (status, result["isError"]) == (200, True), answer
    return result["structuredContent"]
