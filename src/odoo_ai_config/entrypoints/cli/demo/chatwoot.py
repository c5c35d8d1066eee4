"""
A Chatwoot with one account, one WhatsApp inbox and one conversation, in memory.

It has the part of Chatwoot's API that the hub uses, and sends the hub the same events. The inbox
has an agent bot, so its conversations are pending at first. The hub's token is an administrator's,
who may use every endpoint.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, Never, TypeAlias

import aiohttp
from aiohttp import web
from attrs import define, field

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.json_types import Json, JsonObject

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

ACCOUNT, INBOX, CONVERSATION = 1, 7, 301
_API: Final = f"/api/v1/accounts/{ACCOUNT}/conversations/{CONVERSATION}"
_MOST_MESSAGES: Final = 200
_PAGE: Final = 20
_NUMBER: Final = "5511999990000"
_CUSTOMER: Final[JsonObject] = {
    "id": 42, "name": "Cliente Exemplo", "phone_number": f"+{_NUMBER}", "identifier": None,
    "email": None, "blocked": False, "thumbnail": "", "additional_attributes": {},
    "custom_attributes": {},
}  # fmt: skip
_PERSON: Final[JsonObject] = {"id": 3, "name": "Ana", "email": "ana@example.com", "type": "user"}
# Chatwoot assigns to an agent, but not to an administrator, what their token opens.
_AI: Final[JsonObject] = {"id": 9, "name": "IA", "email": "ia@example.com", "type": "user"}
_WHERE: Final[JsonObject] = {
    "account": {"id": ACCOUNT, "name": "Loja Exemplo"},
    "inbox": {"id": INBOX, "name": "WhatsApp Vendas"},
}
_CONVERSATION: Final[JsonObject] = {
    "id": CONVERSATION, "inbox_id": INBOX, "channel": "Channel::Whatsapp", "can_reply": True,
    "additional_attributes": {}, "unread_count": 0,
    "contact_inbox": {
        "id": 55, "contact_id": 42, "inbox_id": INBOX, "source_id": _NUMBER,
        "hmac_verified": False,
    },
}  # fmt: skip
_CHANGED_AS: Final = {"assignee": "assignee_id", "labels": "label_list"}
_AT_FIRST: Final[JsonObject] = {
    "status": "pending", "snoozed_until": None, "assignee": None, "labels": [],
    "custom_attributes": {}, "priority": None,
}  # fmt: skip


@define(eq=False)
class DemoChatwoot:
    """
    The conversation, and what people on both sides do in it.

    Args:
        webhook: The address of the hub for events.
        secret: What the events are signed with.
        token: The access token of the API.
        state: Who has the conversation: its members that change.
        typing: Whether the customer sees that an answer is being written.
    """

    webhook: str
    secret: SecretText
    token: SecretText
    state: JsonObject = field(factory=_AT_FIRST.copy)
    typing: bool = False
    messages: deque[JsonObject] = field(factory=lambda: deque(maxlen=_MOST_MESSAGES))
    _last_id: int = 9000
    _events: asyncio.Queue[JsonObject] = field(factory=asyncio.Queue)

    def customer_writes(self, text: str | None, *attachments: JsonObject) -> None:
        """
        The customer writes, or sends *attachments*; that reopens a resolved conversation.
        """
        if self.state["status"] == "resolved":
            self.change(status="pending")
        if self.state["status"] == "snoozed":
            self.change(status="open")
        # Without files there is no such member.
        more: JsonObject = {"attachments": [*attachments]} if attachments else {}
        self._add(_CUSTOMER, text, **more)

    def person_writes(self, text: str, *, private: bool) -> None:
        """
        A person answers the customer, or leaves a note for the others.
        """
        self._add(_PERSON, text, private=private)

    def person_takes_over(self) -> None:
        """
        A person assigns the conversation to herself, which takes it from the bot.
        """
        self.change(assignee=_PERSON, status="open")

    def person_gives_back(self) -> None:
        """
        A person gives the conversation back to the bot. In Chatwoot these are two actions.
        """
        self.change(assignee=None)
        self.change(status="pending")

    def change(self, **changes: Json) -> None:
        """
        Change the state of the conversation, and tell the hub what is new.
        """
        if changes.get("status", "snoozed") != "snoozed":
            changes["snoozed_until"] = None
        changed: list[Json] = [
            {_CHANGED_AS.get(name, name): {"previous_value": before, "current_value": value}}
            for name, value in changes.items()
            if value != (before := self.state[name])
        ]
        self.state |= changes
        events = ("conversation_status_changed",) if "status" in changes else ()
        for event in (*events, "conversation_updated") if changed else ():
            told: JsonObject = {"event": event, "changed_attributes": changed}
            self._events.put_nowait({**self._described(), "account": _WHERE["account"], **told})

    async def events_told(self) -> None:
        """
        Wait until the hub has all events so far.
        """
        await self._events.join()

    async def tell(self, session: aiohttp.ClientSession) -> Never:
        """
        Send the events to the hub, one after the other.
        """
        key = SigningKey.from_text(self.secret)
        while True:
            body = json.dumps(await self._events.get(), ensure_ascii=False).encode()
            sent_at = str(int(time.time()))
            signature = key.digest(f"{sent_at}.".encode() + body).hex()
            headers = {
                "Content-Type": "application/json",
                "X-Chatwoot-Delivery": secrets.token_hex(16),
                "X-Chatwoot-Timestamp": sent_at,
                "X-Chatwoot-Signature": f"sha256={signature}",
            }
            # Chatwoot does not send again either.
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.post(self.webhook, data=body, headers=headers):
                    pass
            self._events.task_done()

    def routes(self) -> list[web.RouteDef]:
        """
        The API of the conversation.
        """
        handlers: dict[tuple[str, str], Handler] = {
            ("GET", ""): self._show,
            ("GET", "/messages"): self._list,
            ("POST", "/messages"): self._create,
            ("POST", "/toggle_status"): self._toggle_status,
            ("POST", "/toggle_priority"): self._toggle_priority,
            ("POST", "/toggle_typing_status"): self._toggle_typing,
            ("POST", "/assignments"): self._assign,
            ("GET", "/labels"): self._labels,
            ("POST", "/labels"): self._labels,
            ("POST", "/custom_attributes"): self._set_custom_attributes,
        }
        return [
            web.route(method, _API + path, self._let_in(handler))
            for (method, path), handler in handlers.items()
        ]

    def _let_in(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            token = request.headers.get("api_access_token", "")
            if not hmac.compare_digest(token.encode(), self.token.reveal().encode()):
                return web.json_response({"error": "Invalid Access Token"}, status=401)
            return await handler(request)

        return answer

    async def _show(self, _request: web.Request) -> web.Response:
        return web.json_response({**self._described(), "account_id": ACCOUNT})

    async def _list(self, request: web.Request) -> web.Response:
        public = "filter_internal_messages" in request.query
        listed = [one for one in self.messages if not (public and one["private"])]
        return web.json_response({"meta": {}, "payload": listed[-_PAGE:]})

    async def _create(self, request: web.Request) -> web.Response:
        said = await _message_in(request)
        template = said.pop("template_params", None)
        if template is not None:
            said["additional_attributes"] = {"template_params": template}
        # It writes to customers only, in the name of the token's owner.
        del said["message_type"]
        return web.json_response(self._add(_AI, said.pop("content", None), **said))

    async def _toggle_status(self, request: web.Request) -> web.Response:
        said = await request.json()
        self.change(snoozed_until=said.get("snoozed_until"), status=said["status"])
        now: JsonObject = {"success": True, "current_status": self.state["status"]}
        return web.json_response({"payload": now})

    async def _toggle_priority(self, request: web.Request) -> web.Response:
        self.change(priority=(await request.json()).get("priority"))
        return web.Response()

    async def _toggle_typing(self, request: web.Request) -> web.Response:
        self.typing = (await request.json()).get("typing_status") == "on"
        return web.Response()

    async def _assign(self, request: web.Request) -> web.Response:
        said = await request.json()
        # Whom it does not know is nobody. There are no teams.
        wanted = str(said.get("assignee_id"))
        found = next((one for one in (_PERSON, _AI) if str(one["id"]) == wanted), None)
        if "assignee_id" in said:
            self.change(assignee=found)
        return web.json_response(found)

    async def _labels(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            self.change(labels=(await request.json())["labels"])
        return web.json_response({"payload": self.state["labels"]})

    async def _set_custom_attributes(self, request: web.Request) -> web.Response:
        wanted = (await request.json())["custom_attributes"]
        self.change(custom_attributes=wanted)
        return web.json_response({"custom_attributes": wanted})

    def _add(self, sender: JsonObject, text: Json, **more: Json) -> JsonObject:
        self._last_id += 1
        incoming = sender is _CUSTOMER
        now = time.time()
        said: JsonObject = {
            "id": self._last_id,
            "content": text,
            "content_type": "text",
            "content_attributes": {},
            "additional_attributes": {},
            "private": False,
            "source_id": f"wamid.{secrets.token_hex(12)}" if incoming else None,
            "sender": sender,
            **more,
        }
        message: JsonObject = {
            **said,
            "account_id": ACCOUNT,
            "inbox_id": INBOX,
            "conversation_id": CONVERSATION,
            "message_type": 0 if incoming else 1,
            "status": "sent",
            "created_at": int(now),
        }
        self.messages.append(message)
        self._events.put_nowait(
            {
                **said,
                **_WHERE,
                "event": "message_created",
                "message_type": "incoming" if incoming else "outgoing",
                "conversation": self._described(),
                "created_at": _iso(now),
            }
        )
        return message

    def _described(self) -> JsonObject:
        """
        The conversation, as events and the API show it.
        """
        now = time.time()
        # The newest public message, not necessarily that of an event.
        public = next((one for one in reversed(self.messages) if not one["private"]), None)
        shown: JsonObject = {
            **_CONVERSATION,
            **self.state,
            "meta": {
                "sender": {**_CUSTOMER, "type": "contact"},
                "assignee": (assignee := self.state["assignee"]),
                "assignee_type": None if assignee is None else "User",
                "team": None,
                "hmac_verified": False,
            },
            "messages": [] if public is None else [public],
            **dict.fromkeys(("last_activity_at", "timestamp", "created_at"), int(now)),
            "updated_at": now,
        }
        del shown["assignee"]
        return shown


async def _message_in(request: web.Request) -> JsonObject:
    """
    A message to create: JSON, or a form if it has files. Their content is not kept.
    """
    if not request.content_type.startswith("multipart/"):
        said: JsonObject = await request.json()
        return said
    form = await request.post()
    files = [one for one in form.getall("attachments[]", ()) if isinstance(one, web.FileField)]
    return {
        "message_type": "outgoing",
        "content": str(form["content"]) if "content" in form else None,
        "private": form.get("private") == "true",
        "content_attributes": {
            name.removeprefix("content_attributes[").removesuffix("]"): str(value)
            for name, value in form.items()
            if name.startswith("content_attributes[")
        },
        "attachments": [
            {"file_type": "file", "data_url": "", "fallback_title": file.filename}
            for file in files
        ],
    }


def _iso(at: float) -> str:
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
