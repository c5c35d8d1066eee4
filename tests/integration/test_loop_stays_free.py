"""
The longest time for which one request blocks the event loop.

It is measured as the processor time of the loop's thread per iteration, which does not depend on
other load, and is compared with plain Python on this machine, because coverage slows every line.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import http.client
import json
import resource
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from attrs import define, field, frozen

from odoo_ai_config.application.messages.tasks import MOST_TOLD
from odoo_ai_config.domain.conversations.answering import MOST_HISTORY
from odoo_ai_config.domain.conversations.pauses import MOST_CHANNELS
from odoo_ai_config.domain.conversations.state import MOST_LABELS
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.messages.inbox import OPEN, Stage
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.delivery_worker import Capacity, delivering
from odoo_ai_config.entrypoints.http.app import build_app
from odoo_ai_config.entrypoints.http.legacy_odoo.handlers import ROUTES
from odoo_ai_config.entrypoints.http.platform.connections import HubRunner
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.http.platform.signature import SignaturePolicy
from odoo_ai_config.entrypoints.server import collect_garbage_seldom
from odoo_ai_config.entrypoints.settings import read_settings
from odoo_ai_config.entrypoints.startup import opened
from tests.stand_ins.chatwoot import LONGEST_CONTENT, TOKEN, ChatwootStandIn
from tests.stand_ins.crew import CrewStandIn, replies
from tests.stand_ins.local_server import listening

KEY: Final = "p3rfect-key-of-whoever-measures-2026"
# Seconds that the largest bodies may take, and bodies of an eighth of their size.
LONGEST_TURN: Final = {2**20: 0.250, 2**17: 0.060}
# KiB by which the process may grow for any body of that size.
MOST_MEMORY: Final = {2**20: 2**20, 2**17: 2**18}
# Seconds that `plain_work` took on the machine on which the limits were set.
PLAIN_SECONDS: Final = 0.004
PLACES: Final = {
    "tenant": "acme",
    "domain": "retail",
    "kind": "config",
    "version": "1",
    "ref": "odoo",
    "name": "products",
    "id": "1",
    "account": "1",
    "inbox": "5",
    "conversation": "7",
    "token": "chatwoot",
    "file": "client.js",
}
MODULES: Final = tuple(
    operation.path
    for operation, _ in ROUTES.served
    if operation.body and operation.path.startswith("/api/v1/") and "product" not in operation.path
)


@frozen
class Attack:
    """
    One request.

    Args:
        route: Method and path; names in braces are in `PLACES` or in the last answer.
        reaches: Whether it must be accepted; otherwise it would prove nothing.
    """

    route: str
    body: bytes | None = field(default=None, repr=False)
    query: str = ""
    headers: Mapping[str, str] = field(factory=dict)
    reaches: bool = False
    places: Mapping[str, str] = field(factory=dict)


def filled(size: int, part: Callable[[int], str]) -> str:
    """
    As many parts, separated by commas, as fit.
    """
    parts: list[str] = []
    while size > 0:
        parts.append(part(len(parts)))
        size -= len(parts[-1]) + 1
    return ",".join(parts[:-1])


def unsealable(number: int) -> str:
    return f'"{number:x}token":5'


def reference(number: int) -> str:
    return f'"{number:x}":1,"{number:x}_ref":"config:{number:x}"'


# Two halves of a surrogate pair, which must each be checked.
ESCAPED: Final = r'"\ud83d\ude00"'


def shapes(size: int) -> dict[str, str]:
    """
    Objects that are very expensive for their length, as members of an object.
    """
    return {
        "numbers": f'"l":[{filled(size, lambda _: "1")}]',
        "objects": f'"l":[{filled(size, lambda _: "{}")}]',
        "lists": f'"l":[{filled(size, lambda _: "[[]]")}]',
        "names": filled(size, lambda number: f'"{number:x}":1'),
        "deep": filled(size, lambda number: f'"{number:x}":' + '{"a":' * 27 + "1" + "}" * 27),
        "escapes": f'"l":[{filled(size, lambda _: ESCAPED)}]',
        "lines": f'"l":[{filled(size, lambda number: str(number * 7919 % 997))}]',
        "lines in another order": f'"l":[{filled(size, lambda number: str(number * 7877 % 997))}]',
        "faults": f'"items":[{filled(size, lambda _: "[]")}]',
        "secret": '"password":"x",' + filled(size, lambda number: f'"{number:x}":1'),
        "long name": f'"{"x" * (size // 2)}":{{{filled(size // 2, unsealable)}}}',
        "references": f'"{"x" * (size // 2)}":{{"pwd":"x",{filled(size // 2, reference)}}}',
        "unsealable": filled(size, unsealable),
    }


def encoded(**members: Any) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()


def with_more(start: dict[str, Any], members: str) -> bytes:
    return (json.dumps(start)[:-1] + f",{members}}}").encode()


def credentials_event(**more: Any) -> dict[str, Any]:
    return {
        "event_type": "credentials_sync",
        "account_id": "acme",
        "domain": "retail",
        "token": "odoo",
        **more,
    }


MESSAGE: Final[dict[str, Any]] = {
    "event": "message_created",
    "message_type": "incoming",
    "content": "Oi",
    "account": {"id": 1},
    "inbox": {"id": 5},
    "conversation": {"id": 7},
    "sender": {"phone_number": "+5511900000001"},
}
LABELS: Final = [f"{number:0100}" for number in range(MOST_LABELS)]
# The conversation of that message, and what an event says that is about nothing else.
CHANGE: Final[dict[str, Any]] = {
    "event": "conversation_status_changed",
    "id": 7,
    "account": {"id": 1},
    "inbox_id": 5,
    "status": "pending",
    "labels": LABELS,
    "meta": {"assignee": None, "team": None},
}
TOOLS: Final = ("/tools/sync_product_to_vector_db", "/tools/sync_support_documents")
MOST_GATHERED: Final = 50
# No channel was mapped then.
BEFORE: Final = "2020-01-01T00:00:00Z"
DOCUMENT: Final = "/configs/{tenant}/{domain}/{kind}"
MESSAGE_PATH: Final = "/v1/messages/{message_id}"
CONVERSATION: Final = "/v1/conversations/{account}/{conversation}"
PAUSED: Final = (CONVERSATION, "/v1/channels/{account}/{inbox}", "/v1/tenants/{tenant}")


def on_documents(size: int) -> Iterator[Attack]:
    yield Attack("POST /odoo-webhook", encoded(**credentials_event()), reaches=True)
    signed = {"X-Webhook-Signature": "0"}
    for members in shapes(size).values():
        body = f"{{{members}}}".encode()
        yield Attack(f"POST {DOCUMENT}", encoded(yaml_content="a: 1"), reaches=True)
        yield Attack(f"PATCH {DOCUMENT}", body, reaches=True)
        yield Attack(f"GET {DOCUMENT}", reaches=True)
        yield Attack(f"GET {DOCUMENT}/yaml", reaches=True)
        yield Attack(f"GET {DOCUMENT}/diff", reaches=True)
        yield Attack(f"GET {DOCUMENT}/diff", query="?from=1", reaches=True)
        yield Attack("POST /odoo-webhook", encoded(**credentials_event(name="n")), reaches=True)
        event = with_more(credentials_event(), f'"integrations":{{{members}}}')
        yield Attack("POST /odoo-webhook", event, reaches=True)
        yield Attack("POST /odoo-webhook", body, headers=signed)
        yield Attack(f"POST {DOCUMENT}/rollback", encoded(version=1), reaches=True)
        yield Attack(f"DELETE {DOCUMENT}", body, places={"kind": "other"})
        yield Attack("PUT /v1/tenants/{tenant}/retention", body)
    yield Attack(f"GET {DOCUMENT}/history", query="?limit=1000", reaches=True)
    yield Attack(f"GET {DOCUMENT}/version/{{version}}", reaches=True)
    yield Attack("GET /configs/{tenant}", reaches=True)


def on_yaml(size: int) -> Iterator[Attack]:
    size = min(size, 2**18) - 200
    texts = {
        "config": filled(size, lambda number: f"\na{number:x}: 1").replace(",", ""),
        "credentials": "credentials:"
        + filled(size, lambda number: f"\n a{number:x}: x").replace(",", ""),
        "crews": "crews:"
        + filled(size, lambda number: f"\n a{number:x}: {{type: echo}}").replace(",", ""),
    }
    for kind, text in texts.items():
        places = {"kind": kind}
        yield Attack(f"POST {DOCUMENT}", encoded(yaml_content=text), reaches=True, places=places)
        yield Attack(f"PATCH {DOCUMENT}", encoded(), reaches=True, places=places)
        yield Attack(f"GET {DOCUMENT}/diff", reaches=True, places=places)
    services = "/company-services/{tenant}/metadata"
    yield Attack(f"POST {services}", encoded(yaml_content=texts["config"]), reaches=True)
    yield Attack(f"GET {services}", reaches=True)
    event = credentials_event(odoo_password="p", yaml_content=texts["config"])
    yield Attack("POST /odoo-webhook", encoded(**event), reaches=True)
    yield Attack("GET /v1/tenants/{tenant}/{domain}/credentials/{ref}", reaches=True)
    yield Attack("DELETE /v1/tenants/{tenant}/{domain}/credentials/{ref}", reaches=True)
    yield Attack("PUT /v1/tenants/{tenant}/retention", encoded(versions=5), reaches=True)
    yield Attack("GET /v1/tenants/{tenant}/retention", reaches=True)


def known_of(number: int) -> str:
    channels = ",".join(f'{{"chatwoot_account_id":{number * 100 + n}}}' for n in range(100))
    return f'{{"tenant_id":"t{number}","mappings":[{channels}]}}'


def on_mappings(size: int) -> Iterator[Attack]:
    accounts = filled(size, lambda n: f'"{n + 1}":{{"account_id":"t{n}","domain":"d"}}')
    yield Attack("POST /mapping", f'{{"accounts":{{{accounts}}}}}'.encode(), reaches=True)
    # The owners of the inboxes are found among the accounts.
    half = filled(size // 2, lambda number: f'"{number + 1}":"d"')
    yield Attack("POST /mapping", f'{{"accounts":{{{half}}},"inboxes":{{{half}}}}}'.encode())
    faulty = filled(size, lambda number: f'"{number + 1}":[]')
    yield Attack("POST /mapping", f'{{"accounts":{{{faulty}}}}}'.encode())
    yield Attack("PATCH /mapping", encoded(accounts={"1": {"account_id": "acme"}}), reaches=True)
    yield Attack("GET /mapping", reaches=True)
    yield Attack("GET /mapping/export", reaches=True)
    numbers = [{"number": f"55119{number:08}", "crew": f"c{number}"} for number in range(200)]
    mapping = {
        "chatwoot_account_id": 1,
        "chatwoot_inbox_id": 5,
        "internal_account_id": "acme",
        "domain": "retail",
        "special_whatsapp_numbers": numbers,
    }
    event = encoded(event_type="mapping_sync", mapping=mapping)
    yield Attack("POST /odoo-webhook", event, reaches=True)
    messages = [{"account_id": 1, "number": one["number"]} for one in numbers]
    moved = {**mapping, "internal_account_id": "t1"}
    asked = encoded(event_type="mapping_sync", mapping=moved, messages=messages)
    yield Attack("POST /v1/route/simulate", asked, reaches=True)
    number = "?account_id=1&number=5511900000001&explain=1"
    yield Attack("GET /v1/route", query=number, reaches=True)
    yield Attack("GET /v1/route/table", reaches=True)
    yield Attack("GET /v1/tenants", query="?limit=200", reaches=True)
    yield Attack("GET /v1/tenants/{tenant}", reaches=True)
    yield Attack("GET /v1/tenants/{tenant}/channels", reaches=True)
    yield Attack("GET /v1/tenants/{tenant}/standing", reaches=True)
    yield Attack("POST /v1/tenants/{tenant}/suspension", reaches=True)
    yield Attack("DELETE /v1/tenants/{tenant}/suspension", reaches=True)
    yield Attack("DELETE /v1/tenants/{tenant}", query="?dry_run=1", reaches=True)
    yield Attack("POST /v1/tenants/{tenant}/reopening", reaches=True)
    yield Attack("GET /v1/tenants/{tenant}/certificate")
    to_other = "?to=other&dry_run=1"
    yield Attack("POST /v1/tenants/{tenant}/{domain}/move", query=to_other, reaches=True)
    yield Attack("POST /v1/tenants/{tenant}/rename", query=to_other, reaches=True)
    yield Attack("GET /v1/certificates/keys", reaches=True)
    known = filled(size - 2000, known_of)
    yield Attack("POST /v1/reconcile", f'{{"known":[{known}]}}'.encode(), reaches=True)
    yield Attack("GET /v1/mapping/history", query="?limit=500", reaches=True)
    yield Attack("GET /v1/mapping/diff", query=f"?from={BEFORE}", reaches=True)
    for dry_run in (True, False):
        back = encoded(at=BEFORE, dry_run=dry_run)
        yield Attack("POST /v1/mapping/rollback", back, reaches=True)
    faults = filled(size, lambda _: '{"mappings":[' + "[]," * 300 + "[]]}")
    yield Attack("POST /v1/reconcile", f'{{"known":[{faults}]}}'.encode())
    yield Attack("GET /v1/audit", query="?limit=500", reaches=True)
    yield Attack("GET /v1/audit/export", query="?limit=1000", reaches=True)
    yield Attack("GET /v1/changes", query="?since=0", reaches=True)
    # It has the same pages, and no end.
    yield Attack("GET /v1/changes/stream", query="?since=" + "x" * 2**12)


def on_messages(size: int) -> Iterator[Attack]:
    for members in shapes(size - 500).values():
        yield Attack("POST /webhook", with_more(MESSAGE, members), reaches=True)
        yield Attack("POST /webhook/{token}", with_more(MESSAGE, members), reaches=True)
        body = f"{{{members}}}".encode()
        yield Attack(f"POST {MESSAGE_PATH}/answer", body)
        yield Attack(f"POST {MESSAGE_PATH}/replay", body)
        yield Attack("POST /v1/messages/replay", body)
        for place in PAUSED:
            yield Attack(f"POST {place}/pause", body)
        for act in ("find", "export", "erase"):
            yield Attack(f"POST /v1/persons/{act}", body)
        event = "conversation_status_changed"
        yield Attack("POST /webhook", with_more({**CHANGE, "event": event}, members))
        yield Attack("PUT /v1/chatwoot/accounts/{account}", body)
        yield Attack("PUT /v1/chatwoot/installation", body)
    files = filled(size - 500, lambda _: '{"data_url":"h"}')
    yield Attack("POST /webhook", with_more(MESSAGE, f'"attachments":[{files}]'), reaches=True)
    yield Attack(f"GET {MESSAGE_PATH}", query="?open=1", reaches=True)
    answer = encoded(answer={"text": "x" * (size - 100)})
    yield Attack(f"POST {MESSAGE_PATH}/answer", answer)
    yield Attack(f"GET {MESSAGE_PATH}", query="?open=1", reaches=True)
    yield Attack(f"POST {MESSAGE_PATH}/discard")
    yield Attack("GET /v1/messages", query="?limit=500", reaches=True)
    yield Attack("POST /webhook", encoded(**CHANGE), reaches=True)
    yield from on_pauses(size)
    yield Attack("GET /v1/chatwoot/accounts", reaches=True)
    yield Attack("GET /v1/chatwoot/accounts/{account}", reaches=True)
    yield Attack("GET /v1/chatwoot/installation", reaches=True)
    yield Attack("GET /webhook", reaches=True)
    yield Attack("GET /webhook/{token}", reaches=True)


def on_pauses(size: int) -> Iterator[Attack]:
    inboxes = [str(number) for number in range(5, 5 + min(MOST_CHANNELS, size // 2**11))]
    mapped = {inbox: {"account_id": "acme", "domain": "retail"} for inbox in inboxes}
    yield Attack("POST /mapping", encoded(inboxes=mapped), reaches=True)
    for number in range(size // 2**10):
        yield Attack("POST /webhook", encoded(**{**CHANGE, "id": 7 + number}), reaches=True)
    for inbox in inboxes:
        places = {"inbox": inbox}
        yield Attack(f"POST {PAUSED[1]}/pause", b"{}", places=places, reaches=True)
    until = encoded(until="2999-01-01T00:00:00Z")
    for place in PAUSED:
        yield Attack(f"POST {place}/pause", until, reaches=True)
    yield Attack("GET /v1/conversations", query="?limit=500", reaches=True)
    yield Attack("GET /v1/conversations", query="?tenant=acme&limit=500", reaches=True)
    yield Attack(f"GET {CONVERSATION}", reaches=True)
    for place in PAUSED:
        yield Attack(f"DELETE {place}/pause", reaches=True)


def on_collections(size: int) -> Iterator[Attack]:
    collection = "/api/v1/collections/{name}"
    # Not more than 100,000 of them.
    many = filled(4 * size, lambda number: f'{{"id":{number},"name":"{"x" * 40}"}}')
    items = f'{{"account_id":"acme","items":[{many}]}}'.encode()
    for _ in range(2):
        yield Attack(f"PUT {collection}", items, reaches=True)
        yield Attack(f"PATCH {collection}", items, reaches=True)
    yield Attack(f"GET {collection}", query="?account_id=acme&limit=1000", reaches=True)
    numbers = filled(size - 100, lambda _: "1")
    large = f'{{"account_id":"acme","l":[{numbers}]}}'.encode()
    one = "/api/v1/products/{id}/sync"
    yield Attack(f"POST {one}", large, reaches=True)
    yield Attack(f"POST {one}", encoded(account_id="acme", m=1), reaches=True)
    yield Attack(f"GET {collection}/items/{{id}}", query="?account_id=acme", reaches=True)
    yield Attack("GET /api/v1/collections", query="?account_id=acme", reaches=True)
    bodies = [large, items, *(with_more({"account_id": "acme"}, m) for m in shapes(size).values())]
    for path in (*MODULES, "/api/v1/products/sync-batch", *TOOLS):
        for body in bodies[:2] if path != MODULES[0] else bodies:
            yield Attack(f"POST {path}", body)
    for path in (
        "/api/v1/products/{id}/description",
        "/api/v1/products/search",
        "/api/v1/products/update-prices",
        "/tools/generate_product_description",
    ):
        yield Attack(f"POST {path}", items)
    yield Attack("GET /api/v1/business-rules/semantic-search")


def on_addresses(size: int) -> Iterator[Attack]:
    record = "POST /odoo-webhook/{token}"
    new = {"name": "Odoo", "tenant_id": "acme"}
    for kind in ("credentials", "mapping", "metadata"):
        yield Attack("POST /v1/addresses", encoded(**new, kind=kind), reaches=True)
        for members in shapes(size).values():
            yield Attack(record, f"{{{members}}}".encode())
    items = encoded(**new, kind="collection", collection="products")
    yield Attack("POST /v1/addresses", items, reaches=True)
    for members in shapes(size - 100).values():
        yield Attack(record, with_more({"_id": 1, "x_name": "n"}, members))
    names = filled(size, lambda number: f'"a{number:x}":"b"')
    fields = f'"fields":{{{names}}}'
    yield Attack("POST /v1/addresses", with_more({**new, "kind": "credentials"}, fields))
    yield Attack("GET /v1/addresses", query="?limit=500", reaches=True)
    yield Attack("GET /v1/addresses/{id}", reaches=True)
    yield Attack("POST /v1/addresses/{id}/revoke", reaches=True)


def on_keys(size: int) -> Iterator[Attack]:
    new = {"name": "Odoo", "scopes": ["webhook"], "tenant_id": "acme"}
    yield Attack("POST /v1/keys", encoded(**new), reaches=True)
    yield Attack("POST /v1/keys/{id}/rotate", encoded(overlap="7d"), reaches=True)
    yield Attack("POST /v1/keys/{id}/revoke", reaches=True)
    scopes = filled(size - 100, lambda _: '"admin"')
    yield Attack("POST /v1/keys", f'{{"name":"Odoo","scopes":[{scopes}]}}'.encode())
    for members in shapes(size).values():
        for route in ("POST /v1/keys", "POST /v1/keys/{id}/rotate"):
            yield Attack(route, f"{{{members}}}".encode())
    yield Attack("GET /v1/keys", reaches=True)


def on_subscriptions(size: int) -> Iterator[Attack]:
    new = {"url": "https://receiver.example.com/hook", "kinds": ["config"]}
    one = "/v1/subscriptions/{id}"
    yield Attack("POST /v1/subscriptions", encoded(**new), reaches=True)
    yield Attack("GET /v1/subscriptions", reaches=True)
    kinds = filled(size - 100, lambda _: '"config"')
    for members in (*shapes(size).values(), f'"url":"{new["url"]}","kinds":[{kinds}]'):
        for route in ("POST /v1/subscriptions", f"PATCH {one}", f"POST {one}/rotate"):
            yield Attack(route, f"{{{members}}}".encode())
    yield Attack(f"POST {one}/test")
    yield Attack(f"DELETE {one}")


def tool(name: str, **arguments: Any) -> Attack:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    return Attack(
        "POST /mcp",
        encoded(**message, params={"name": name, "arguments": arguments}),
        reaches=True,
    )


def on_tools(size: int) -> Iterator[Attack]:
    place = {"tenant": "acme", "domain": "retail"}
    for members in shapes(size - 200).values():
        body = f"{{{members}}}".encode()
        yield Attack("POST /mcp", body)
        with_arguments = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
        for name in ("read_document", "simulate_route"):
            arguments = b'{"name":"%b","arguments":%b}}' % (name.encode(), body)
            yield Attack("POST /mcp", with_arguments + arguments, reaches=True)
        yield Attack(f"POST {DOCUMENT}", encoded(yaml_content="a: 1"), reaches=True)
        yield Attack(f"PATCH {DOCUMENT}", body, reaches=True)
        yield tool("read_document", **place)
        yield tool("read_document", **place, as_yaml=True)
        yield tool("compare_versions", **place)
        yield tool("publish_document", **place, yaml="a: 1")
        yield tool("roll_back_document", **place, version=1)
    lines = filled(min(size, 2**18) - 200, lambda number: f"\na{number:x}: 1").replace(",", "")
    yield tool("publish_document", **place, yaml=lines)
    yield tool("search_collection", tenant="acme", collection="products", text="a" * (size - 500))
    many = filled(size, lambda number: f'{{"id":{number},"name":"{"É" * 20}"}}')
    items = f'{{"account_id":"acme","items":[{many}]}}'.encode()
    yield Attack("PUT /api/v1/collections/{name}", items, reaches=True)
    for text in ("e", "z", ""):
        yield tool("search_collection", tenant="acme", collection="products", text=text, limit=200)
    yield tool("list_tenants", limit=200)
    yield tool("list_stuck_messages", limit=200)
    yield Attack("POST /mcp", encoded(jsonrpc="2.0", id=1, method="tools/list"), reaches=True)


def on_pages(_size: int) -> Iterator[Attack]:
    for path in ("/", "/health", "/ready", "/metrics", "/openapi.json", "/docs", "/ui"):
        yield Attack(f"GET {path}", reaches=True)
    yield Attack("GET /docs/{file}", places={"file": "openapi.js"})
    yield Attack("GET /ui/{file}", reaches=True)
    yield Attack("GET /ui/clients/{tenant}/{domain}", reaches=True)


GROUPS: Final = (
    *(on_documents, on_yaml, on_mappings, on_messages, on_collections, on_addresses, on_keys),
    *(on_subscriptions, on_tools, on_pages),
)


@define
class WatchedServer:
    """
    A server on its own loop, whose longest iteration is recorded.
    """

    port: int
    routes: frozenset[str]
    loop: asyncio.AbstractEventLoop
    longest: float = 0
    last: float = field(factory=time.thread_time)
    answered: dict[str, Any] = field(factory=dict)
    told: dict[str, Any] = field(factory=dict)

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(0.005)
            self.look()

    def look(self) -> None:
        now = time.thread_time()
        self.longest = max(self.longest, now - self.last)
        self.last = now

    def turn_for(self, attack: Attack) -> tuple[int, float]:
        """
        The status of the answer, and the longest iteration since the last one.
        """
        method, _, path = attack.route.partition(" ")
        path = path.format_map({**PLACES, **self.answered, **attack.places})
        asked = {"X-API-Key": KEY, "Accept-Encoding": "gzip"}
        headers = {**asked, "Content-Type": "application/json", **attack.headers}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)) as client:
            client.request(method, path + attack.query, attack.body, headers)
            response = client.getresponse()
            text = response.read()
        if response.headers.get("Content-Encoding") == "gzip":
            text = gzip.decompress(text)
        # The iteration that sent the answer may go on.
        looked = threading.Event()
        self.loop.call_soon_threadsafe(self.look)
        self.loop.call_soon_threadsafe(looked.set)
        assert looked.wait(60)
        longest, self.longest = self.longest, 0
        if path.startswith("/webhook"):
            self.answered |= json.loads(text)
        if path.startswith("/v1/messages/"):
            self.told = json.loads(text)
        if attack.route == "POST /v1/addresses" and response.status == HTTPStatus.OK:
            told = json.loads(text)
            self.answered |= {"id": told["id"], "token": told["path"].rpartition("/")[2]}
        if attack.route == "POST /v1/keys" and response.status == HTTPStatus.OK:
            self.answered["id"] = json.loads(text)["id"]
        return response.status, longest


@contextmanager
def watched(folder: Path, *, delivers: bool = False) -> Iterator[WatchedServer]:
    settings = read_settings(
        environment={
            "ODOO_AI_CONFIG_DATA_DIR": str(folder),
            "ODOO_AI_CONFIG_API_KEY": KEY,
            "ODOO_AI_CONFIG_LOG_DIR": "",
            "ODOO_AI_CONFIG_PRIVATE_TARGETS": "127.0.0.1",
        },
        folder=folder,
    )
    signatures = SignaturePolicy(odoo_module=[SigningKey.from_text(SecretText("old secret"))])
    started = threading.Event()
    found: list[tuple[WatchedServer, asyncio.Event]] = []

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            services = await stack.enter_async_context(opened(Container(settings=settings)))
            if delivers:
                await stack.enter_async_context(delivering(services, Capacity()))
            app = build_app(services, HttpOptions("1", signatures=signatures), Metrics())
            runner = HubRunner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            loop = asyncio.get_running_loop()
            server = WatchedServer(runner.addresses[0][1], routes_of(app), loop)
            watching = asyncio.create_task(server.watch())
            stop = asyncio.Event()
            found.append((server, stop))
            started.set()
            await stop.wait()
            watching.cancel()
            await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    # As a server does at its start.
    gc.collect()
    thresholds = gc.get_threshold()
    collect_garbage_seldom()
    assert started.wait(30)
    server, stop = found[0]
    try:
        yield server
    finally:
        gc.set_threshold(*thresholds)
        server.loop.call_soon_threadsafe(stop.set)
        thread.join(60)


def heavy_answers(size: int, files: str) -> Iterator[tuple[bytes, Stage]]:
    """
    What crews may answer at most, and what else they answer, with the stage that follows.

    *files*: The URL of files, which ends before their size.
    """
    attachments = [{"url": f"{files}/100?{number}", "name": f"{number}"} for number in range(10)]
    yield encoded(answer={"messages": [{"attachments": attachments}] * 10}), Stage.DONE
    large = [{"url": f"{files}/{35 * size}"}]
    yield encoded(answer={"text": "x", "attachments": large}), Stage.DONE
    choices = [{"title": "x" * 255, "value": "y" * 255}] * 20
    asking = [{"text": "?", "choices": choices}] * 10
    yield encoded(answer={"messages": asking, "labels_added": LABELS}), Stage.DONE
    longest = min(size - 100, LONGEST_CONTENT)
    yield encoded(answer={"text": "{{" * (longest // 4)}), Stage.DONE
    yield encoded(answer={"text": "x", "handover": {"note": "x" * longest}}), Stage.DONE
    for name in ("numbers", "objects", "names", "deep", "escapes"):
        inner = f"{{{shapes(size // 20 - 200)[name]}}}"
        template = f'{{"name":"n","language":"pt_BR","parameters":{inner}}}'
        form = f'{{"content_type":"form","items":[{{"options":{inner}}}]}}'
        messages = ",".join([f'{{"text":"?","template":{template}}}', form] * 5)
        attributes = ",".join(f'"{number}":{inner}' for number in range(10))
        said = f'"messages":[{messages}],"custom_attributes":{{{attributes}}}'
        yield f'{{"answer":{{{said}}}}}'.encode(), Stage.DONE
    for members in shapes(size - 100).values():
        yield f'{{"answer":{{{members}}}}}'.encode(), Stage.DEAD


@define
class Shop:
    """
    A tenant of a hub that delivers, with its crew and its Chatwoot.
    """

    server: WatchedServer
    crew: CrewStandIn
    chatwoot: ChatwootStandIn
    files: str
    written: int = 0

    async def turn_for(self, attack: Attack) -> float:
        status, turn = await asyncio.to_thread(self.server.turn_for, attack)
        assert status == HTTPStatus.OK, attack
        return turn

    async def has(self, **rules: object) -> None:
        """
        Publish its crew and the rules for that.
        """
        crew = {"type": "http", "url": self.crew.url, "timeout_seconds": 60}
        lenient = {"most_answers": {"answers": 100, "minutes": 1}}
        lenient |= {"history": {"messages": MOST_HISTORY, "hours": 1}}
        document = {"default_crew": "a", "crews": {"a": crew}, "answer_when": lenient | rules}
        body = encoded(yaml_content=json.dumps(document))
        await self.turn_for(Attack(f"POST {DOCUMENT}", body, places={"kind": "crews"}))

    async def receives(self, text: str, conversation: int) -> float:
        """
        The longest turn for a message of a customer.
        """
        self.chatwoot.conversation(conversation, inbox=5)
        self.written += 1
        said = {"content": text, "id": self.written, "conversation": {"id": conversation}}
        return await self.turn_for(Attack("POST /webhook", encoded(**MESSAGE | said)))

    async def settled(self) -> tuple[Stage, float]:
        """
        The stage of the last message once all are delivered, and the longest turn until then.
        """
        longest = 0.0
        while True:
            await asyncio.sleep(0.02)
            longest = max(longest, await self.turn_for(Attack(f"GET {MESSAGE_PATH}")))
            stage = Stage(self.server.told["stage"])
            if stage not in OPEN:
                return stage, longest


@asynccontextmanager
async def open_shop(folder: Path) -> AsyncIterator[Shop]:
    async def give(request: web.Request) -> web.Response:
        return web.Response(body=bytes(int(request.match_info["size"])))

    app = web.Application()
    app.router.add_get("/{size}", give)
    crew, chatwoot = CrewStandIn(), ChatwootStandIn(per_minute=10_000)
    async with crew.open(), chatwoot.open(), listening(app) as files:
        with watched(folder, delivers=True) as server:
            shop = Shop(server, crew, chatwoot, files)
            mapped = {"5": {"account_id": "acme", "domain": "retail"}}
            access = {"base_url": chatwoot.url, "api_access_token": TOKEN}
            for attack in (
                Attack("POST /odoo-webhook", encoded(**credentials_event())),
                Attack("POST /mapping", encoded(inboxes=mapped)),
                Attack("PUT /v1/chatwoot/accounts/{account}", encoded(**access)),
            ):
                await shop.turn_for(attack)
            yield shop


def routes_of(app: web.Application) -> frozenset[str]:
    """
    Method and path of all routes, each once.
    """
    paths = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method not in {"HEAD", "*"}
    }
    return frozenset(f"{method} /{path.strip('/')}" for method, path in paths)


def plain_work() -> float:
    """
    Processor seconds for a fixed amount of plain Python.
    """
    start = time.thread_time()
    total = 0
    for number in range(100_000):
        total += number * number
    return time.thread_time() - start


@pytest.fixture(scope="module")
def slowness() -> float:
    """
    How much slower this machine is than the one on which the limits were set.
    """
    return max(1.0, min(plain_work() for _ in range(5)) / PLAIN_SECONDS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WatchedServer]:
    with watched(tmp_path) as server:
        yield server


def test_each_route_has_its_worst_requests(server: WatchedServer) -> None:
    attacked = {attack.route for group in GROUPS for attack in group(2**10)}
    assert attacked == server.routes


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
@pytest.mark.parametrize(
    "size", [2**17, pytest.param(2**20 - 200, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
@pytest.mark.bulk
def test_no_request_keeps_the_loop_from_others(
    server: WatchedServer, slowness: float, group: Callable[[int], Iterator[Attack]], size: int
) -> None:
    # The subjects of some attacks.
    server.turn_for(Attack("POST /odoo-webhook", encoded(**credentials_event())))
    allowed = min(largest for largest in LONGEST_TURN if size <= largest)
    limit = LONGEST_TURN[allowed] * slowness
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    too_long = []
    for attack in group(size):
        status, turn = server.turn_for(attack)
        assert status < 500, attack
        assert status == 200 or not attack.reaches, (status, attack)
        if turn > limit:
            too_long.append((attack.route, attack.query, f"{turn * 1000:.0f} ms"))
    assert too_long == []
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    assert grown < MOST_MEMORY[allowed]


@pytest.mark.parametrize(
    "size", [2**17, pytest.param(2**20 - 200, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
@pytest.mark.bulk
async def test_no_delivery_keeps_the_loop_from_others(
    tmp_path: Path, slowness: float, size: int
) -> None:
    limit = LONGEST_TURN[min(largest for largest in LONGEST_TURN if size <= largest)] * slowness
    too_long = []
    async with open_shop(tmp_path) as shop:
        await shop.has()
        for number, (answer, expected) in enumerate(heavy_answers(size, shop.files)):
            headers = {"Content-Type": "application/json"}
            shop.crew.script.append(replies(body=answer, headers=headers))
            await shop.receives("Oi", 100 + number)
            stage, turn = await shop.settled()
            assert stage is expected, answer[:100]
            if turn > limit:
                too_long.append((answer[:100], f"{turn * 1000:.0f} ms"))
        # The crew repeats what the customer says, and is told both. What it is not told is read.
        long, short = "x" * min(size - 500, LONGEST_CONTENT), "\xe9" * (MOST_TOLD // MOST_HISTORY)
        turn = 0.0
        for text in [long] * 5 + [short] * (MOST_HISTORY // 2 + 1):
            await shop.receives(text, 1)
            stage, turn = await shop.settled()
            assert stage is Stage.DONE
        assert len(shop.crew.asked[-1].task["history"]) == MOST_HISTORY
        if turn > limit:
            too_long.append((b"history", f"{turn * 1000:.0f} ms"))
        await shop.has(gather_seconds=1)
        shop.crew.then = replies()
        await shop.receives("x" * 10_000, 2)
        first = shop.server.answered["message_id"]
        for _ in range(MOST_GATHERED - 1):
            await shop.receives("x" * 10_000, 2)
        shop.server.answered["message_id"] = first
        _, turn = await shop.settled()
        assert len(shop.crew.asked[-1].task["parts"]) == MOST_GATHERED - 1
        if turn > limit:
            too_long.append((b"burst", f"{turn * 1000:.0f} ms"))
    assert too_long == []
