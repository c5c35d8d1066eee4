"""
The part of Chatwoot that the hub sees, as Chatwoot's source defines it.

Its API creates and lists messages of conversations, with the statuses and the JSON of the real
one. Every message, the hub's own included, is sent to the webhooks, signed and without retries.
Three details that are easy to miss are as in the real one: an outgoing message with a
``source_id`` counts as coming from the channel and is not sent to the customer; the text of an
outgoing message is a Liquid template; the token of a bot may write but not read.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
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
LONGEST_CONTENT = 150_000
WEBHOOK_SECONDS = 5

_FIXTURES = Path(__file__).parents[1] / "fixtures"
_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_INCOMING, _OUTGOING = 0, 1
_WORDS = {_INCOMING: "incoming", _OUTGOING: "outgoing"}


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
    """

    message_id: int
    message_type: str
    status: int | None
    seconds: float


@define
class Conversation:
    """
    A conversation of a customer, with all its messages.
    """

    account: int
    id: int
    inbox: int
    messages: list[dict[str, Any]] = field(factory=list)
    sent: list[str] = field(factory=list)


Failure: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


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
        lost_answers: How many of the next posts succeed and are cut off before their answer.
        slowness: Seconds between a successful post and its answer.
        deliveries: The deliveries of events.
    """

    url: str = ""
    accounts: set[int] = field(factory=lambda: {1})
    webhooks: list[Webhook] = field(factory=list)
    failures: deque[Failure] = field(factory=deque)
    lost_answers: int = 0
    slowness: float = 0.0
    calls: int = 0
    deliveries: list[Delivery] = field(factory=list)
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
        text: str,
        *,
        conversation: int = 301,
        account: int = 1,
        inbox: int = 7,
        told: bool = True,
    ) -> dict[str, Any]:
        """
        Let the customer of a conversation write; if *told*, the webhooks get the event.
        """
        place = self.conversation(conversation, account=account, inbox=inbox)
        source_id = f"wamid.{uuid.uuid4().hex}"
        return self._add(place, text, _INCOMING, source_id=source_id, told=told)

    async def tell(
        self, message: dict[str, Any], webhook: Webhook, *, delivery: str | None = None
    ) -> int | None:
        """
        Deliver the event of *message* to one *webhook*, and return the status of its answer.
        """
        place = self._conversations[message["account_id"], message["conversation_id"]]
        return await self._deliver(webhook, message, _encoded(place, message), delivery)

    def agent_notes(self, text: str, *, conversation: int = 301, account: int = 1) -> None:
        """
        Let an agent leave a private note in a conversation.
        """
        place = self.conversation(conversation, account=account)
        self._add(place, text, _OUTGOING, private=True)

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
        place = self._conversations[message["account_id"], message["conversation_id"]]
        self._tell(place, message)
        await self.events_told()

    @asynccontextmanager
    async def open(self, *, port: int = 0) -> AsyncIterator[ChatwootStandIn]:
        """
        Answer at `url`.
        """
        app = web.Application(client_max_size=8 * 1024 * 1024)
        path = r"/api/v1/accounts/{account:\d+}/conversations/{conversation:\d+}/messages"
        app.router.add_post(path, self._create)
        app.router.add_get(path, self._index)
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

    async def _create(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        if self.failures and (failed := await self.failures.popleft()(request)) is not None:
            return failed
        place = self._let_in(request, bots=True)
        if not isinstance(place, Conversation):
            return place
        said = await request.json()
        if len(said.get("content") or "") > LONGEST_CONTENT:
            return _error(422, "Validation failed: Content is too long (maximum is 150000 ...)")
        if said.get("message_type", "outgoing") != "outgoing":
            return _error(422, "Incoming messages are only allowed in Api inboxes")
        attributes = said.get("content_attributes")
        message = self._add(
            place,
            said.get("content"),
            _OUTGOING,
            source_id=said.get("source_id"),
            private=said.get("private") or False,
            attributes=attributes if isinstance(attributes, dict) else {},
        )
        await asyncio.sleep(self.slowness)
        if self.lost_answers:
            self.lost_answers -= 1
            if request.transport is not None:
                request.transport.abort()
        # Kept for this answer only.
        echoed = {} if said.get("echo_id") is None else {"echo_id": said["echo_id"]}
        return web.json_response(_shown(message) | echoed)

    async def _index(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        if self.failures and (failed := await self.failures.popleft()(request)) is not None:
            return failed
        place = self._let_in(request, bots=False)
        if not isinstance(place, Conversation):
            return place
        messages = [
            message
            for message in place.messages
            if not (request.query.get("filter_internal_messages") and message["private"])
            and message["id"] < int(request.query.get("before", 2**63))
        ]
        meta = {"labels": [], "additional_attributes": {}, "contact": {"id": 42}}
        return web.json_response(
            {"meta": meta, "payload": [_shown(message) for message in messages[-PAGE:]]}
        )

    def _let_in(self, request: web.Request, *, bots: bool) -> Conversation | web.Response:
        token = request.headers.get("api_access_token")
        if token not in {TOKEN, BOT_TOKEN}:
            return _error(401, "Invalid Access Token")
        if token == BOT_TOKEN and not bots:
            return _error(401, "Access to this endpoint is not authorized for bots")
        account = int(request.match_info["account"])
        if account not in self.accounts:
            return _error(404, "Resource could not be found")
        place = self._conversations.get((account, int(request.match_info["conversation"])))
        return _error(404, "Resource could not be found") if place is None else place

    def _add(
        self,
        place: Conversation,
        text: str | None,
        kind: int,
        *,
        source_id: str | None = None,
        private: bool = False,
        attributes: dict[str, Any] | None = None,
        told: bool = True,
    ) -> dict[str, Any]:
        if kind == _OUTGOING and text:
            text = _LIQUID.sub("", text)
        message = {
            "id": self._next_id,
            "content": text,
            "account_id": place.account,
            "inbox_id": place.inbox,
            "conversation_id": place.id,
            "message_type": kind,
            "content_type": "text",
            "status": "sent",
            "content_attributes": attributes or {},
            "created_at": int(time.time()),
            "private": private,
            "source_id": source_id,
        }
        self._next_id += 1
        place.messages.append(message)
        if kind == _OUTGOING and not private and not source_id:
            place.sent.append(text or "")
        if told:
            self._tell(place, message)
        return message

    def _tell(self, place: Conversation, message: dict[str, Any]) -> None:
        event = _encoded(place, message)
        for webhook in self.webhooks:
            telling = asyncio.create_task(self._deliver(webhook, message, event))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    async def _deliver(
        self,
        webhook: Webhook,
        message: dict[str, Any],
        event: bytes,
        delivery: str | None = None,
    ) -> int | None:
        headers = {
            "Content-Type": "application/json",
            "X-Chatwoot-Delivery": delivery or str(uuid.uuid4()),
        }
        if webhook.secret is not None:
            sent_at = str(int(time.time()))
            signed = hmac.digest(webhook.secret.encode(), f"{sent_at}.".encode() + event, "sha256")
            headers["X-Chatwoot-Timestamp"] = sent_at
            headers["X-Chatwoot-Signature"] = f"sha256={signed.hex()}"
        started = time.perf_counter()
        status = None
        assert self._session is not None
        try:
            async with self._session.post(webhook.url, data=event, headers=headers) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            pass
        self.deliveries.append(
            Delivery(
                message["id"],
                _WORDS[message["message_type"]],
                status,
                time.perf_counter() - started,
            )
        )
        return status


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


def _shown(message: dict[str, Any]) -> dict[str, Any]:
    """
    A message as the API shows it.
    """
    sender = {"id": 42, "name": "Cliente Exemplo", "type": "contact"}
    if message["message_type"] == _OUTGOING:
        sender = {"id": 5, "name": "Atendente", "type": "user"}
    return {key: value for key, value in message.items() if key != "account_id"} | {
        "sender": sender
    }


@cache
def _recorded(name: str) -> str:
    return (_FIXTURES / f"chatwoot_message_created_{name}.json").read_text("utf-8")


def _encoded(place: Conversation, message: dict[str, Any]) -> bytes:
    return json.dumps(_event(place, message), ensure_ascii=False).encode()


def _event(place: Conversation, message: dict[str, Any]) -> dict[str, Any]:
    """
    The event ``message_created`` of a message, in the shape of a recorded one.
    """
    incoming = message["message_type"] == _INCOMING
    name = "whatsapp" if incoming else "outgoing"
    event: dict[str, Any] = json.loads(_recorded(name))
    event["account"]["id"] = place.account
    event["id"] = message["id"]
    event["content"] = message["content"]
    event["content_attributes"] = message["content_attributes"]
    event["source_id"] = message["source_id"]
    event["private"] = message["private"]
    event["inbox"]["id"] = place.inbox
    event["created_at"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    event["conversation"]["id"] = place.id
    event["conversation"]["inbox_id"] = place.inbox
    event["conversation"]["contact_inbox"]["inbox_id"] = place.inbox
    # The newest public message of the conversation, not necessarily this one.
    public = next((one for one in reversed(place.messages) if not one["private"]), None)
    shape = event["conversation"]["messages"].pop()
    if public is not None:
        event["conversation"]["messages"].append(deepcopy(shape) | public)
    return event
