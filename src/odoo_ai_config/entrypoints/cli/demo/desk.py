"""
The page with the customer's telephone and the desk of the people who answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import Any, Final

import aiohttp
from aiohttp import web
from attrs import frozen

from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.cli.demo.chatwoot import DemoChatwoot
from odoo_ai_config.entrypoints.http.platform.pages import TEXT_ONLY, shown_page, shown_part
from odoo_ai_config.entrypoints.http.platform.texts import language_of
from odoo_ai_config.entrypoints.http.ui import handlers as client_page

FOLDER: Final = "cli/demo/page"
LONGEST_TEXT: Final = 4096
_WRITTEN: Final = frozenset({"customer_writes", "person_replies", "person_notes"})
_VOICE: Final[JsonObject] = {
    "file_type": "audio",
    "extension": "ogg",
    "data_url": "https://chatwoot.example.com/voz.ogg",
    "transcribed_text": "Qual o horário de funcionamento?",
}
_PLACE: Final[JsonObject] = {
    "file_type": "location",
    "coordinates_lat": -23.5503,
    "coordinates_long": -46.6339,
    "fallback_title": "Praça da Sé",
}


class DeskFile(StrEnum):
    """
    The files of the page.
    """

    STYLE = "desk.css"
    SCRIPT = "desk.js"
    WORDS = "words.js"


@frozen(eq=False)
class Desk:
    """
    Shows the conversation of *chatwoot*, and lets its two sides act.

    Args:
        hub: A session at the hub with a key that may read messages.
    """

    chatwoot: DemoChatwoot
    hub: aiohttp.ClientSession

    def routes(self) -> list[web.RouteDef]:
        """
        The page, what it loads, and what it asks for.
        """
        return [
            web.get("/", _show_page),
            web.get(f"/page/{{file:{'|'.join(DeskFile)}}}", _desk_file),
            web.get(f"/page/{{file:{client_page.ClientFile.STYLE.value}}}", _client_file),
            web.get("/conversation", self._show),
            web.post("/act/{act}", self._act),
        ]

    async def _show(self, request: web.Request) -> web.Response:
        """
        The conversation and its newest messages, at most as many as ``last`` says.
        """
        state, verdicts = self.chatwoot.state, await self._verdicts()
        assignee, last = state["assignee"], request.query.get("last", "")
        messages = [_shown(one, verdicts.get(str(one["id"]))) for one in self.chatwoot.messages]
        shown = {
            "status": state["status"],
            "assignee": assignee["name"] if isinstance(assignee, dict) else None,
            "labels": state["labels"],
            "typing": self.chatwoot.typing,
            "messages": messages[-int(last) :] if last.isdecimal() else messages,
        }
        return web.json_response(
            shown,
            dumps=partial(json.dumps, ensure_ascii=False, indent=2),
            headers={"Cache-Control": "no-store"},
        )

    async def _verdicts(self) -> Mapping[str, JsonObject]:
        """
        What the hub did with each message, by Chatwoot's id.
        """
        async with self.hub.get("/v1/messages?limit=500") as answer:
            page = await answer.json()
        return {
            one["chatwoot_message_id"]: {"stage": one["stage"], "reason": one["reason"]}
            for one in page["messages"]
            if one["event"] == "message_created"
        }

    async def _act(self, request: web.Request) -> web.Response:
        act, chatwoot, text = request.match_info["act"], self.chatwoot, await _text_in(request)
        if act in _WRITTEN and not text:
            raise web.HTTPUnprocessableEntity(text=f'{{"text": "1-{LONGEST_TEXT}"}}')
        match act:
            case "customer_writes":
                chatwoot.customer_writes(text)
            case "customer_speaks":
                chatwoot.customer_writes(None, _VOICE)
            case "customer_sends_place":
                chatwoot.customer_writes(None, _PLACE)
            case "person_replies" | "person_notes":
                chatwoot.person_writes(text, private=act == "person_notes")
            case "person_takes_over":
                chatwoot.person_takes_over()
            case "person_gives_back":
                chatwoot.person_gives_back()
            case "person_resolves":
                chatwoot.change(status="resolved")
            case _:
                raise web.HTTPNotFound
        await chatwoot.events_told()
        return web.Response(status=204)


async def _text_in(request: web.Request) -> str:
    # Pages of other origins cannot send JSON without asking first, and nobody says yes.
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    try:
        said = await request.json()
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest from None
    text = said.get("text") if isinstance(said, dict) else None
    return text.strip() if isinstance(text, str) and len(text) <= LONGEST_TEXT else ""


def _shown(message: JsonObject, verdict: JsonObject | None) -> dict[str, Any]:
    """
    A message for people: who says what to whom, and of the customer's what the hub did with it.
    """
    sender, attributes = message["sender"], message["content_attributes"]
    incoming = message["message_type"] == 0
    optional = {
        "note": message["private"],
        "attachments": message.get("attachments"),
        "choices": attributes.get("items") if isinstance(attributes, dict) else None,
        # It ignores its own and people's messages, and that is no news.
        "hub": verdict if incoming else None,
    }
    name = sender["name"] if isinstance(sender, dict) else None
    return {
        "from": "customer" if incoming else name,
        "text": message["content"],
        **{member: value for member, value in optional.items() if value},
    }


async def _show_page(request: web.Request) -> web.Response:
    language = language_of(request).value
    text = _PAGE.format(language=language)
    return shown_page(text, {"Content-Language": language}, TEXT_ONLY)


async def _desk_file(request: web.Request) -> web.Response:
    return await shown_part(request, FOLDER, DeskFile)


async def _client_file(request: web.Request) -> web.Response:
    # It looks like the hub's own page.
    return await shown_part(request, client_page.FOLDER, client_page.ClientFile)


_PAGE: Final = """\
<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>odoo-ai-config demo</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="page/client.css">
<link rel="stylesheet" href="page/desk.css">
</head>
<body>
<header>
<strong>odoo-ai-config demo</strong>
<button type="button" id="language"></button>
</header>
<main id="main">
<noscript>Esta página precisa de JavaScript. This page needs JavaScript.</noscript>
</main>
<script type="module" src="page/desk.js"></script>
</body>
</html>
"""
