"""
``/mcp``: the tools over HTTP.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import hdrs, web

from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.errors import CodedError
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.mcp.calls import Call
from odoo_ai_config.entrypoints.http.mcp.json_rpc import MODERN, McpAnswer, reply_to
from odoo_ai_config.entrypoints.http.platform.app_keys import (
    METRICS,
    OPTIONS,
    SERVICES,
    STORE_WATCH,
)
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, require_json
from odoo_ai_config.entrypoints.http.platform.errors import OriginForbiddenError
from odoo_ai_config.entrypoints.http.platform.operations import JSON, Access, Operation, RouteGroup
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE
from odoo_ai_config.entrypoints.http.platform.schema import Body
from odoo_ai_config.entrypoints.http.platform.texts import language_of

ROUTES: Final = RouteGroup("mcp", App.MCP, "config")
_MESSAGE: Final = Body(
    name="McpMessage",
    description="A message of the Model Context Protocol (JSON-RPC 2.0).",
    members={
        "jsonrpc": {"const": "2.0", "type": "string"},
        "id": {"type": ["string", "integer"], "description": "Absent if no answer is wanted."},
        "method": {"type": "string", "examples": ["tools/list"]},
        "params": {
            "type": "object",
            "description": f"With `_meta`, as in {MODERN}, the headers have to say the same.",
        },
    },
    required=["jsonrpc", "method"],
    # Of a revision that needs no headers beside it.
    example={"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}},
)


@Operation(
    ROUTES,
    "POST",
    "/mcp",
    access=Access.KEYED,
    body=_MESSAGE,
    request_headers=("MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"),
    answer=McpAnswer,
    says="The answer, also that a tool refuses: `result.isError` is true.",
    answer_headers=("Cache-Control", "Content-Language"),
    other_statuses={
        202: "A message without an id, which gets no answer.",
        400: "The message is not one of a supported revision of the protocol.",
        404: "The revision has no such method.",
        500: "An unexpected error.",
    },
    refusals=(OriginForbiddenError,),
)
async def answer_mcp(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Call a tool, or list the tools that the key may call.

    It speaks the Model Context Protocol without sessions and streams.
    """
    app = request.app
    options, language = app[OPTIONS], language_of(request)
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and origin not in options.cors_origins:
        raise OriginForbiddenError
    require_json(request)
    call = Call(
        app[SERVICES],
        caller,
        language,
        failed=partial(_failed, app),
        written=app[METRICS].written,
    )
    reply = await reply_to(
        await read_body(request), call, max_depth=options.max_json_depth, headers=request.headers
    )
    if reply.body is None:
        return web.Response(status=reply.status)
    return web.Response(
        status=reply.status,
        body=reply.body,
        content_type=JSON,
        headers={**NO_STORE, hdrs.CONTENT_LANGUAGE: language.value},
    )


def _failed(app: web.Application, error: Exception) -> None:
    app[STORE_WATCH].failed(error)
    if not isinstance(error, CodedError):
        app[METRICS].failure()
