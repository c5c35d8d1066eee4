"""
The part of Chatwoot that the hub sees, as Chatwoot's source defines it.

Its API creates and lists messages of conversations, and reads and changes who has them, with the
statuses and the JSON of the real one. Every message, the hub's own included, and every change is
sent to the webhooks, signed and without retries. People may act too.

Details that are easy to miss are as in the real one: an outgoing message with a ``source_id``
counts as coming from the channel and is not sent to the customer; the text of an outgoing message
and the parameters of a template are Liquid templates; labels and custom attributes are replaced as
a whole; an unknown assignee is nobody; an agent's token that opens a conversation makes the agent
its assignee; the token of a bot may use few endpoints.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
from aiohttp import web
from attrs import define, field, frozen

from tests.stand_ins.local_server import listening

TOKEN = "agents-access-token"
BOT_TOKEN = "bots-access-token"
SECRET = "chatwoot-webhook-secret"
PAGE = 20
CONVERSATIONS_PER_PAGE = 25
LONGEST_CONTENT = 150_000
LONGEST_ATTRIBUTE = 1500
MOST_ATTACHMENTS = 15
WEBHOOK_SECONDS = 5
# app/controllers/concerns/access_token_auth_helper.rb
BOTS_UNTIL_2026 = frozenset(
    {"create", "toggle_status", "toggle_priority", "update", "custom_attributes", "assignments"}
)
BOTS_SINCE_2026 = BOTS_UNTIL_2026 | {"show", "toggle_typing_status"}

_FIXTURES = Path(__file__).parents[1] / "fixtures"
_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_IN_BRACKETS = re.compile(r"(\w+)\[(\w+)\]")
_INCOMING, _OUTGOING = 0, 1
_WORDS = {_INCOMING: "incoming", _OUTGOING: "outgoing"}
_STATUSES = ("open", "resolved", "pending", "snoozed")
_PRIORITIES = (None, "low", "medium", "high", "urgent")
# app/models/content_attribute_validator.rb: the members that the items of a type may have.
_ITEMS: Mapping[str, frozenset[str]] = {
    "input_select": frozenset({"title", "value"}),
    "cards": frozenset({"title", "description", "media_url", "actions"}),
    "form": frozenset(
        {"type", "placeholder", "label", "name", "options", "default", "required", "title"}
        | {"pattern", "pattern_error"}
    ),
    "article": frozenset({"title", "description", "link"}),
}
_CONTENT_TYPES = {*_ITEMS, "text", "input_text", "input_textarea", "input_email", "input_csat"}
_INTERNAL = frozenset({"account_id", "at"})
# app/models/message.rb, `webhook_data`: the status is not among them.
_TOLD = (
    "id",
    "content",
    "content_type",
    "content_attributes",
    "additional_attributes",
    "source_id",
    "private",
)


@frozen
class Webhook:
    """
    A target of events; without a *secret* they are not signed, as before Chatwoot 4.11.
    """

    url: str
    secret: str | None = SECRET


@frozen
class Delivery:
    """
    The delivery of an event to a webhook; the status is None without an answer.

    Args:
        message_id: Of the message, or of the conversation if the event is about that.
        message_type: ``incoming`` or ``outgoing``; empty if the event is about a conversation.
    """

    message_id: int
    message_type: str
    status: int | None
    seconds: float
    event: str = "message_created"


@frozen
class Upload:
    """
    A file that came with a message.
    """

    name: str
    content_type: str
    content: bytes = field(repr=False)


@define
class Conversation:
    """
    A conversation of a customer, with all its messages.

    Args:
        sent: The texts that reached the customer.
        bot: The agent bot that has the conversation.
    """

    account: int
    id: int
    inbox: int
    messages: list[dict[str, Any]] = field(factory=list)
    sent: list[str] = field(factory=list)
    uploads: list[Upload] = field(factory=list)
    status: str = "open"
    snoozed_until: int | None = None
    assignee: int | None = None
    bot: int | None = None
    team: int | None = None
    labels: list[str] = field(factory=list)
    custom_attributes: dict[str, Any] = field(factory=dict)
    priority: str | None = None
    can_reply: bool = True
    blocked: bool = False
    typing: str | None = None

    @property
    def notes(self) -> list[str]:
        """
        The texts of the private messages.
        """
        return [message["content"] for message in self.messages if message["private"]]


Failure: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
Answer: TypeAlias = web.StreamResponse


def answers_with(
    status: int, *, retry_after: str | None = None, body: str = '{"error":"on demand"}'
) -> Failure:
    """
    Answer *status* without doing anything.
    """

    async def fail(_request: web.Request) -> web.StreamResponse:
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return web.Response(
            status=status, text=body, headers=headers, content_type="application/json"
        )

    return fail


def hangs() -> Failure:
    """
    Never answer, and do nothing.
    """

    async def fail(_request: web.Request) -> None:
        await asyncio.Event().wait()

    return fail


@define
class ChatwootStandIn:
    """
    One installation.

    Args:
        url: Its base URL; set while it is open.
        accounts: The existing accounts; the tokens are of users and bots of all of them.
        webhooks: The webhooks of every account.
        failures: The failures of the next calls of the API, one each.
        lost_answers: How many of the next writes succeed and are cut off before their answer.
        slowness: Seconds between a successful post and its answer.
        bots: The tokens of bots.
        bots_may: The endpoints that the token of a bot may use.
        active_bot: Whether the inboxes have a bot, which gets resolved conversations again.
        agents: Names of the people, by id; `TOKEN` is the token of the first.
        teams: Names of the teams.
        known_labels: The labels of the accounts, if others are left out; None takes any.
        per_minute: How many messages a conversation may have in a minute.
        deliveries: The deliveries of events.
        asked: The endpoints that were called, by the names of Chatwoot's actions.
    """

    url: str = ""
    accounts: set[int] = field(factory=lambda: {1})
    webhooks: list[Webhook] = field(factory=list)
    failures: deque[Failure] = field(factory=deque)
    lost_answers: int = 0
    slowness: float = 0.0
    bots: set[str] = field(factory=lambda: {BOT_TOKEN})
    bots_may: frozenset[str] = BOTS_UNTIL_2026
    active_bot: bool = False
    agents: dict[int, str] = field(factory=lambda: {5: "Atendente", 3: "Ana Atendente"})
    teams: dict[int, str] = field(factory=lambda: {2: "vendas"})
    known_labels: frozenset[str] | None = None
    per_minute: int = 200
    deliveries: list[Delivery] = field(factory=list)
    asked: deque[str] = field(factory=lambda: deque(maxlen=1000))
    calls: int = 0
    _conversations: dict[tuple[int, int], Conversation] = field(factory=dict)
    _next_id: int = 9001
    _telling: set[asyncio.Task[int | None]] = field(factory=set)
    _session: aiohttp.ClientSession | None = None

    def conversation(self, number: int = 301, *, account: int = 1, inbox: int = 7) -> Conversation:
        """
        The conversation of that number, created if it does not exist.
        """
        begun = Conversation(account, number, inbox)
        return self._conversations.setdefault((account, number), begun)

    def customer_writes(
        self,
        text: str | None,
        *,
        conversation: int = 301,
        account: int = 1,
        inbox: int = 7,
        told: bool = True,
        **more: Any,
    ) -> dict[str, Any]:
        """
        Let the customer of a conversation write; if *told*, the webhooks get the event.

        *more*: Further members of the message, such as ``attachments``.
        """
        place = self.conversation(conversation, account=account, inbox=inbox)
        if place.status == "snoozed":
            self.change(place, status="open", told=told)
        if place.status == "resolved" and not place.blocked:
            self.change(place, status="pending" if self.active_bot else "open", told=told)
        source_id = f"wamid.{uuid.uuid4().hex}"
        return self._add(place, text, _INCOMING, source_id=source_id, told=told, **more)

    async def tell(
        self, message: dict[str, Any], webhook: Webhook, *, delivery: str | None = None
    ) -> int | None:
        """
        Deliver the event of *message* to one *webhook*, and return the status of its answer.
        """
        return await self._deliver(webhook, self._news(message), delivery)

    def agent_notes(self, text: str, *, conversation: int = 301, account: int = 1) -> None:
        """
        Let an agent leave a private note in a conversation.
        """
        place = self.conversation(conversation, account=account)
        self._add(place, text, _OUTGOING, private=True)

    def person_replies(
        self, text: str, *, conversation: int = 301, account: int = 1, agent: int = 3
    ) -> dict[str, Any]:
        """
        Let a person write to the customer in Chatwoot. It changes neither status nor assignee.
        """
        place = self.conversation(conversation, account=account)
        return self._add(place, text, _OUTGOING, sender=self._agent(agent))

    def owner_writes_on_the_phone(
        self, text: str, *, conversation: int = 301, account: int = 1
    ) -> dict[str, Any]:
        """
        Let the owner of the number write with WhatsApp's own app, which echoes the message.
        """
        place = self.conversation(conversation, account=account)
        return self._add(
            place,
            text,
            _OUTGOING,
            source_id=f"wamid.{uuid.uuid4().hex}",
            content_attributes={"external_echo": True},
            sender=None,
        )

    def person_takes_over(
        self, *, conversation: int = 301, account: int = 1, agent: int = 3
    ) -> None:
        """
        Let a person assign a conversation to themselves, which opens that of a bot.
        """
        place = self.conversation(conversation, account=account)
        self.change(place, assignee=agent, bot=None, status="open")

    def person_gives_back(self, *, conversation: int = 301, account: int = 1) -> None:
        """
        Let a person give a conversation back to the bot: in Chatwoot these are two actions.
        """
        place = self.conversation(conversation, account=account)
        self.change(place, assignee=None)
        self.change(place, status="pending")

    def person_resolves(self, *, conversation: int = 301, account: int = 1) -> None:
        """
        Let a person resolve a conversation.
        """
        self.change(self.conversation(conversation, account=account), status="resolved")

    def edits(self, message: dict[str, Any], text: str) -> None:
        """
        Let the writer of a message change its text.
        """
        edited = {"is_edited": True, "previous_content": message["content"]}
        self._update(message, content=text, content_attributes=edited)

    def deletes(self, message: dict[str, Any]) -> None:
        """
        Let the writer of a message delete it.
        """
        self._update(
            message,
            content="Esta mensagem foi apagada",
            content_type="text",
            content_attributes={"deleted": True},
            attachments=[],
        )

    def transcribes(self, message: dict[str, Any], text: str) -> None:
        """
        Let Chatwoot transcribe the sound of a message.
        """
        files = [one | {"transcribed_text": text} for one in message["attachments"]]
        self._update(message, attachments=files)

    def fails(self, message: dict[str, Any], error: str) -> None:
        """
        Let the channel refuse an outgoing message after Chatwoot took it.
        """
        attributes = message["content_attributes"] | {"external_error": error}
        self._update(message, status="failed", content_attributes=attributes)

    def change(self, place: Conversation, *, told: bool = True, **changes: Any) -> None:
        """
        Change the state of a conversation; if *told*, the webhooks get the events.
        """
        changed = {
            name: {"previous_value": getattr(place, name), "current_value": value}
            for name, value in changes.items()
            if getattr(place, name) != value
        }
        for name, value in changes.items():
            setattr(place, name, value)
        if place.status != "snoozed":
            place.snoozed_until = None
        names = {"assignee": "assignee_id", "team": "team_id", "labels": "label_list"}
        listed = [{names.get(name, name): change} for name, change in changed.items()]
        if told and "status" in changed:
            status = [{"status": changed["status"]}]
            self._tell(self._change_of(place, "conversation_status_changed", status))
        if told and listed:
            self._tell(self._change_of(place, "conversation_updated", listed))

    async def events_told(self) -> None:
        """
        Wait until every event so far is answered or has timed out.
        """
        while self._telling:
            await asyncio.gather(*self._telling)

    async def tell_again(self, message: dict[str, Any]) -> None:
        """
        Deliver the event of *message* again, under another delivery id.
        """
        self._tell(self._news(message))
        await self.events_told()

    @asynccontextmanager
    async def open(self, *, port: int = 0) -> AsyncIterator[ChatwootStandIn]:
        """
        Answer at `url`.
        """
        app = web.Application(client_max_size=64 * 1024 * 1024)
        base = r"/api/v1/accounts/{account:\d+}/conversations/{conversation:\d+}"
        for method, path, action, handler in (
            ("GET", "", "show", self._show),
            ("PATCH", "", "update", self._update_conversation),
            ("POST", "/messages", "create", self._create),
            ("GET", "/messages", "index", self._index),
            ("POST", "/toggle_status", "toggle_status", self._toggle_status),
            ("POST", "/toggle_priority", "toggle_priority", self._toggle_priority),
            ("POST", "/toggle_typing_status", "toggle_typing_status", self._toggle_typing),
            ("POST", "/assignments", "assignments", self._assign),
            ("GET", "/labels", "labels", self._labels),
            ("POST", "/labels", "labels", self._labels),
            ("POST", "/custom_attributes", "custom_attributes", self._custom_attributes),
        ):
            app.router.add_route(method, base + path, self._endpoint(action, handler))
        app.router.add_get(base.removesuffix(r"/{conversation:\d+}"), self._list)
        timeout = aiohttp.ClientTimeout(total=WEBHOOK_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as self._session,
            listening(app, port=port) as self.url,
        ):
            try:
                yield self
            finally:
                for telling in self._telling:
                    telling.cancel()
                await asyncio.gather(*self._telling, return_exceptions=True)

    def _endpoint(
        self, action: str, handler: Callable[[web.Request, Conversation], Awaitable[Answer]]
    ) -> Callable[[web.Request], Awaitable[Answer]]:
        async def answer(request: web.Request) -> Answer:
            self.calls += 1
            self.asked.append(action)
            if self.failures and (failed := await self.failures.popleft()(request)) is not None:
                return failed
            place = self._let_in(request, action)
            if not isinstance(place, Conversation):
                return place
            answer = await handler(request, place)
            if self.lost_answers and request.method != "GET" and answer.status < 300:
                self.lost_answers -= 1
                if request.transport is not None:
                    request.transport.abort()
            return answer

        return answer

    def _let_in(self, request: web.Request, action: str) -> Conversation | web.Response:
        account = self._account_of(request, action)
        if not isinstance(account, int):
            return account
        place = self._conversations.get((account, int(request.match_info["conversation"])))
        return _error(404, "Resource could not be found") if place is None else place

    def _account_of(self, request: web.Request, action: str) -> int | web.Response:
        token = request.headers.get("api_access_token")
        if token not in {TOKEN, BOT_TOKEN}:
            return _error(401, "Invalid Access Token")
        if self._is_bot(request) and action not in self.bots_may:
            return _error(401, "Access to this endpoint is not authorized for bots")
        account = int(request.match_info["account"])
        return account if account in self.accounts else _error(404, "Resource could not be found")

    def _is_bot(self, request: web.Request) -> bool:
        return request.headers.get("api_access_token") in self.bots

    async def _create(self, request: web.Request, place: Conversation) -> Answer:
        said, uploads = await _parameters(request)
        refusal = self._refusal(place, said, uploads)
        if refusal is not None:
            return _error(422, refusal)
        attributes = said.get("content_attributes")
        template = said.get("template_params")
        place.uploads += uploads
        message = self._add(
            place,
            said.get("content"),
            _OUTGOING,
            source_id=said.get("source_id"),
            # Rails takes the texts of a form for booleans.
            private=said.get("private") not in (None, False, "false", "0", ""),
            sender=_BOT if self._is_bot(request) else self._agent(next(iter(self.agents), 5)),
            content_type=said.get("content_type") or "text",
            content_attributes=attributes if isinstance(attributes, dict) else {},
            additional_attributes={"template_params": _rendered(template)} if template else {},
            attachments=[self._attachment(upload) for upload in uploads],
        )
        await asyncio.sleep(self.slowness)
        # Kept for this answer only.
        echoed = {} if said.get("echo_id") is None else {"echo_id": said["echo_id"]}
        return web.json_response(_shown(message) | echoed)

    def _refusal(
        self, place: Conversation, said: dict[str, Any], uploads: list[Upload]
    ) -> str | None:
        kind, attributes = said.get("content_type") or "text", said.get("content_attributes")
        items = (attributes.get("items") if isinstance(attributes, dict) else None) or []
        recent = [one for one in place.messages if one["at"] > time.time() - 60]
        template = said.get("template_params")
        keys = _ITEMS.get(kind)
        invalid = "Validation failed: Content attributes"
        return next(
            (
                refusal
                for refused, refusal in (
                    (len(recent) >= self.per_minute, "Validation failed: Too many messages"),
                    (
                        len(said.get("content") or "") > LONGEST_CONTENT,
                        "Validation failed: Content is too long (maximum is 150000 characters)",
                    ),
                    (
                        said.get("message_type", "outgoing") != "outgoing",
                        "Incoming messages are only allowed in Api inboxes",
                    ),
                    (kind not in _CONTENT_TYPES, f"'{kind}' is not a valid content_type"),
                    (
                        len(uploads) > MOST_ATTACHMENTS,
                        "Validation failed: Attachments exceeded maximum allowed",
                    ),
                    (
                        keys is not None and not items,
                        f"{invalid} At least one item is required.",
                    ),
                    (
                        keys is not None and any(one.keys() - keys for one in items),
                        f"{invalid} contains invalid keys for items",
                    ),
                    (
                        kind == "cards" and not all(one.get("actions") for one in items),
                        f"{invalid} contains items missing actions",
                    ),
                    (
                        template and not (isinstance(template, dict) and template.get("name")),
                        "Validation failed: Template params is missing: name",
                    ),
                )
                if refused
            ),
            None,
        )

    async def _list(self, request: web.Request) -> Answer:
        self.calls += 1
        self.asked.append("list")
        if self.failures and (failed := await self.failures.popleft()(request)) is not None:
            return failed
        account = self._account_of(request, "list")
        if not isinstance(account, int):
            return account
        query = request.query
        places = [
            place
            for (of, _), place in self._conversations.items()
            if of == account and query.get("status", "open") in {"all", place.status}
        ]
        # app/finders/conversation_finder.rb: those with the newest activity first.
        places.sort(key=_last_activity, reverse=True)
        start = (int(query.get("page", 1)) - 1) * CONVERSATIONS_PER_PAGE
        shown = [self._listed(place) for place in places[start : start + CONVERSATIONS_PER_PAGE]]
        return web.json_response({"data": {"meta": {"all_count": len(places)}, "payload": shown}})

    def _listed(self, place: Conversation) -> dict[str, Any]:
        shown = self._described(place)
        # The API leaves out whom there is not, and has the channel elsewhere.
        meta = {name: value for name, value in shown["meta"].items() if value is not None}
        meta["channel"] = shown.pop("channel")
        del shown["contact_inbox"]
        activity = int(_last_activity(place))
        return shown | {"meta": meta, "account_id": place.account, "last_activity_at": activity}

    async def _index(self, request: web.Request, place: Conversation) -> Answer:
        messages = [
            message
            for message in place.messages
            if not (request.query.get("filter_internal_messages") and message["private"])
            and message["id"] < int(request.query.get("before", 2**63))
        ]
        meta = {"labels": place.labels, "additional_attributes": {}, "contact": {"id": 42}}
        return web.json_response(
            {"meta": meta, "payload": [_shown(message) for message in messages[-PAGE:]]}
        )

    async def _show(self, _request: web.Request, place: Conversation) -> Answer:
        shown = self._described(place)
        # The API leaves out whom there is not.
        meta = {name: value for name, value in shown["meta"].items() if value is not None}
        return web.json_response(shown | {"meta": meta, "account_id": place.account})

    async def _update_conversation(self, request: web.Request, place: Conversation) -> Answer:
        said = await request.json()
        if "priority" in said:
            self.change(place, priority=said["priority"])
        return await self._show(request, place)

    async def _toggle_status(self, request: web.Request, place: Conversation) -> Answer:
        said = await request.json()
        status = said.get("status") or ("resolved" if place.status == "open" else "open")
        if status not in _STATUSES:
            return _error(500, "Internal Server Error")
        changes: dict[str, Any] = {"status": status}
        if said.get("snoozed_until") is not None:
            changes["snoozed_until"] = int(str(said["snoozed_until"]))
        if status == "open" and not self._is_bot(request):
            changes |= {"assignee": next(iter(self.agents), 5), "bot": None}
        self.change(place, **changes)
        payload = {
            "success": True,
            "conversation_id": place.id,
            "current_status": place.status,
            "snoozed_until": place.snoozed_until,
        }
        return web.json_response({"meta": {}, "payload": payload})

    async def _toggle_priority(self, request: web.Request, place: Conversation) -> Answer:
        priority = (await request.json()).get("priority") or None
        if priority not in _PRIORITIES:
            return _error(500, "Internal Server Error")
        self.change(place, priority=priority)
        return web.Response()

    async def _toggle_typing(self, request: web.Request, place: Conversation) -> Answer:
        place.typing = (await request.json()).get("typing_status")
        return web.Response()

    async def _assign(self, request: web.Request, place: Conversation) -> Answer:
        said = await request.json()
        if said.get("assignee_type") == "AgentBot":
            bot = int(said["assignee_id"])
            self.change(place, assignee=None, bot=bot, status="pending")
            return web.json_response({"id": bot, "name": "IA"})
        if "assignee_id" in said:
            agent = int(said["assignee_id"] or 0)
            known = agent in self.agents
            opens = known and place.bot is not None and place.status == "pending"
            self.change(
                place,
                assignee=agent if known else None,
                bot=None,
                status="open" if opens else place.status,
            )
            return web.json_response(self._agent(agent) if known else None)
        if "team_id" in said:
            team = int(said["team_id"] or 0)
            known = team in self.teams
            self.change(place, team=team if known else None)
            return web.json_response({"id": team, "name": self.teams[team]} if known else None)
        return web.json_response(None)

    async def _labels(self, request: web.Request, place: Conversation) -> Answer:
        if request.method == "POST":
            labels = [str(label) for label in (await request.json()).get("labels") or []]
            known = self.known_labels
            kept = [label for label in labels if known is None or label in known]
            self.change(place, labels=list(dict.fromkeys(kept)))
        return web.json_response({"payload": place.labels})

    async def _custom_attributes(self, request: web.Request, place: Conversation) -> Answer:
        wanted = (await request.json()).get("custom_attributes") or {}
        for name, value in wanted.items():
            if isinstance(value, str) and len(value) > LONGEST_ATTRIBUTE:
                message = f"Custom attributes {name} length should be < {LONGEST_ATTRIBUTE}"
                told = {"message": message, "attributes": ["custom_attributes"]}
                return web.json_response(told, status=422)
        self.change(place, custom_attributes=wanted)
        return web.json_response({"custom_attributes": place.custom_attributes})

    def _agent(self, agent: int) -> dict[str, Any]:
        name = self.agents.get(agent, "Atendente")
        return {"id": agent, "name": name, "email": f"{agent}@example.com", "type": "user"}

    def _attachment(self, upload: Upload) -> dict[str, Any]:
        kind = upload.content_type.split("/")[0]
        self._next_id += 1
        return {
            "id": self._next_id,
            "file_type": kind if kind in {"image", "audio", "video"} else "file",
            "extension": None,
            "data_url": f"{self.url}/rails/active_storage/blobs/{upload.name}",
            "thumb_url": "",
            "file_size": len(upload.content),
        }

    def _add(
        self,
        place: Conversation,
        text: str | None,
        kind: int,
        *,
        source_id: str | None = None,
        private: bool = False,
        told: bool = True,
        **more: Any,
    ) -> dict[str, Any]:
        if kind == _OUTGOING and text:
            text = _LIQUID.sub("", text)
        now = time.time()
        message = {
            "id": self._next_id,
            "content": text,
            "account_id": place.account,
            "inbox_id": place.inbox,
            "conversation_id": place.id,
            "message_type": kind,
            "content_type": "text",
            "status": "sent",
            "content_attributes": {},
            "additional_attributes": {},
            "created_at": int(now),
            "private": private,
            "source_id": source_id,
            "sender": _CONTACT if kind == _INCOMING else self._agent(5),
            "attachments": [],
            "at": now,
        } | more
        self._next_id += 1
        place.messages.append(message)
        if kind == _OUTGOING and not private and not source_id:
            place.sent.append(text or "")
        if told:
            self._tell(self._news(message))
        return message

    def _update(self, message: dict[str, Any], **changes: Any) -> None:
        message |= changes
        self._tell(self._news(message, "message_updated"))

    def _news(self, message: dict[str, Any], event: str = "message_created") -> _News:
        place = self._conversations[message["account_id"], message["conversation_id"]]
        body = _event(self._described(place), message) | {"event": event}
        return _News(event, message["id"], _WORDS[message["message_type"]], _encoded(body))

    def _change_of(self, place: Conversation, event: str, changes: list[dict[str, Any]]) -> _News:
        body = self._described(place) | {"event": event, "changed_attributes": changes}
        return _News(event, place.id, "", _encoded(body))

    def _described(self, place: Conversation) -> dict[str, Any]:
        """
        A conversation as events and the API show it, in the shape of a recorded event.
        """
        shown: dict[str, Any] = json.loads(_recorded("whatsapp"))["conversation"]
        shown["id"] = place.id
        shown["inbox_id"] = shown["contact_inbox"]["inbox_id"] = place.inbox
        for name in ("status", "labels", "custom_attributes", "priority", "can_reply"):
            shown[name] = getattr(place, name)
        if place.snoozed_until is not None:
            shown["snoozed_until"] = _iso(place.snoozed_until)
        shown["updated_at"] = time.time()
        meta = shown["meta"]
        meta["sender"]["blocked"] = place.blocked
        if place.bot is not None:
            meta |= {"assignee": {"id": place.bot, "name": "IA"}, "assignee_type": "AgentBot"}
        if place.assignee is not None:
            meta |= {"assignee": self._agent(place.assignee), "assignee_type": "User"}
        if place.team is not None:
            meta["team"] = {"id": place.team, "name": self.teams[place.team]}
        # The newest public message of the conversation, not necessarily that of an event.
        public = next((one for one in reversed(place.messages) if not one["private"]), None)
        shape = shown["messages"].pop()
        if public is not None:
            said = {name: public[name] for name in public if name in shape and name != "sender"}
            files = {"attachments": public["attachments"]} if public["attachments"] else {}
            person = {} if public["sender"] is _CONTACT else {"sender": public["sender"]}
            shown["messages"].append(shape | said | files | person)
        return shown

    def _tell(self, news: _News) -> None:
        for webhook in self.webhooks:
            telling = asyncio.create_task(self._deliver(webhook, news))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    async def _deliver(
        self, webhook: Webhook, news: _News, delivery: str | None = None
    ) -> int | None:
        headers = {
            "Content-Type": "application/json",
            "X-Chatwoot-Delivery": delivery or str(uuid.uuid4()),
        }
        if webhook.secret is not None:
            sent_at = str(int(time.time()))
            signed = hmac.digest(
                webhook.secret.encode(), f"{sent_at}.".encode() + news.body, "sha256"
            )
            headers["X-Chatwoot-Timestamp"] = sent_at
            headers["X-Chatwoot-Signature"] = f"sha256={signed.hex()}"
        started = time.perf_counter()
        status = None
        assert self._session is not None
        try:
            async with self._session.post(
                webhook.url, data=news.body, headers=headers
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            pass
        seconds = time.perf_counter() - started
        self.deliveries.append(Delivery(news.id, news.kind, status, seconds, news.event))
        return status


@frozen
class _News:
    """
    An event on its way.
    """

    event: str
    id: int
    kind: str
    body: bytes = field(repr=False)


def _last_activity(place: Conversation) -> float:
    at: float = place.messages[-1]["at"] if place.messages else 0.0
    return at


_CONTACT: dict[str, Any] = {"id": 42, "name": "Cliente Exemplo", "type": "contact"}
_BOT: dict[str, Any] = {"id": 9, "name": "IA", "type": "agent_bot"}


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


async def _parameters(request: web.Request) -> tuple[dict[str, Any], list[Upload]]:
    """
    What Rails makes of a body: JSON, or a form with names in brackets.
    """
    if not request.content_type.startswith("multipart/"):
        return await request.json(), []
    said: dict[str, Any] = {}
    uploads: list[Upload] = []
    for name, value in (await request.post()).items():
        inside = _IN_BRACKETS.fullmatch(name)
        if isinstance(value, web.FileField) and name == "attachments[]":
            uploads.append(Upload(value.filename, value.content_type, value.file.read()))
        elif inside is not None:
            said.setdefault(inside[1], {})[inside[2]] = value
        else:
            said[name] = value
    return said, uploads


def _rendered(value: Any) -> Any:
    if isinstance(value, str):
        return _LIQUID.sub("", value)
    if isinstance(value, dict):
        return {name: _rendered(one) for name, one in value.items()}
    return [_rendered(one) for one in value] if isinstance(value, list) else value


def _shown(message: dict[str, Any]) -> dict[str, Any]:
    """
    A message as the API shows it.
    """
    return {
        name: value
        for name, value in message.items()
        if name not in _INTERNAL and not (name == "attachments" and not value)
    }


@cache
def _recorded(name: str) -> str:
    return (_FIXTURES / f"chatwoot_message_created_{name}.json").read_text("utf-8")


def _encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _iso(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _event(conversation: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    """
    The event of a message, in the shape of a recorded one.
    """
    incoming = message["message_type"] == _INCOMING
    event: dict[str, Any] = json.loads(_recorded("whatsapp" if incoming else "outgoing"))
    event["account"]["id"] = message["account_id"]
    event["inbox"]["id"] = message["inbox_id"]
    event["created_at"] = _iso(message["at"])
    event["conversation"] = conversation
    event |= {name: deepcopy(message[name]) for name in _TOLD}
    if incoming:
        event["sender"]["blocked"] = conversation["meta"]["sender"]["blocked"]
    else:
        event["sender"] = message["sender"]
    if message["attachments"]:
        event["attachments"] = deepcopy(message["attachments"])
    return event
