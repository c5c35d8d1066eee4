"""
``/api/v1/collections``: what Odoo knows many of, pushed whole or in part, read by what changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar
from zlib import crc32

import structlog
from aiohttp import hdrs, web
from attrs import asdict
from multidict import CIMultiDict
from structlog.contextvars import bind_contextvars

from odoo_ai_config.application.collections import (
    LARGEST_PAGE,
    CollectionOverview,
    CollectionReading,
)
from odoo_ai_config.application.off_loop import run_off_loop
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import Claim
from odoo_ai_config.domain.collections import (
    CollectionHead,
    CollectionKey,
    CollectionName,
    CollectionPage,
    CollectionSync,
    Item,
    ItemState,
    item_id,
)
from odoo_ai_config.domain.identifiers import BusinessDomain, TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.entrypoints.http.collections.payloads import account_of, patch, snapshot
from odoo_ai_config.entrypoints.http.platform.app_keys import METRICS, SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import json_object
from odoo_ai_config.entrypoints.http.platform.conditional import is_known
from odoo_ai_config.entrypoints.http.platform.idempotency import REPLAYED, claim_of
from odoo_ai_config.entrypoints.http.platform.paths import named, page_size
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes, timestamp

_log = structlog.get_logger()

T = TypeVar("T")

DEFAULT_PAGE: Final = 500
_HEADERS: Final = CIMultiDict(
    {hdrs.CONTENT_TYPE: "application/json; charset=utf-8", hdrs.CACHE_CONTROL: "no-cache"}
)
_UNCHANGED: Final = CIMultiDict({hdrs.CACHE_CONTROL: "no-cache"})


async def list_collections(request: web.Request, caller: ApiKey) -> web.Response:
    """
    The collections of a tenant, with their versions and sizes, enabled or not.
    """
    tenant = queried_tenant(request, caller)
    found = await request.app[SERVICES].read_collection.all_of(
        tenant, caller=caller, domain=_domain(request)
    )
    shown: list[Json] = [_overview(one) for one in found]
    body = json_bytes({"tenant_id": str(tenant), "collections": shown})
    return web.Response(body=body, headers=_HEADERS)


async def read_collection(request: web.Request, caller: ApiKey) -> web.Response:
    """
    What changed since a cursor, or all items; page by page.
    """
    key = CollectionKey(queried_tenant(request, caller), _name(request))
    bind_contextvars(collection=str(key))
    known = request.headers.get(hdrs.IF_NONE_MATCH)
    reading = await request.app[SERVICES].read_collection(
        key,
        caller=caller,
        domain=_domain(request),
        since=request.query.get("since") or None,
        limit=page_size(request, default=DEFAULT_PAGE, most=LARGEST_PAGE),
        known=lambda head: known is not None and is_known(known, _tag(head)),
    )
    page = reading.page
    # The last page leaves its reader with the whole collection: its tag stands for that, and
    # is told from the head alone. That of another page stands for the page.
    tag = _tag(reading.head, "" if page is None or page.complete else reading.cursor)
    if page is None or (known is not None and is_known(known, tag)):
        return web.Response(status=304, headers=[*_UNCHANGED.items(), (hdrs.ETAG, tag)])
    shown = web.Response(body=_page(reading, page), headers=_HEADERS)
    shown.headers[hdrs.ETAG] = tag
    return shown


async def read_item(request: web.Request, caller: ApiKey) -> web.Response:
    """
    One item.
    """
    key = CollectionKey(queried_tenant(request, caller), _name(request))
    id_ = named("id", item_id, request.match_info["id"])
    item = await request.app[SERVICES].read_collection.item(
        key, id_, caller=caller, domain=_domain(request)
    )
    tag = f'"{item.digest}"'
    known = request.headers.get(hdrs.IF_NONE_MATCH)
    if known is not None and is_known(known, tag):
        return web.Response(status=304, headers=[*_UNCHANGED.items(), (hdrs.ETAG, tag)])
    shown = web.Response(body=b"{" + _item(item) + b"}", headers=_HEADERS)
    shown.headers[hdrs.ETAG] = tag
    return shown


async def replace_collection(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    """
    Make the collection what the body says, whatever it was.
    """
    return await _written(request, caller, raw, snapshot)


async def amend_collection(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    """
    Put in and take out what the body says, and leave the rest alone.
    """
    return await _written(request, caller, raw, patch)


async def _written(
    request: web.Request,
    caller: ApiKey,
    raw: bytes,
    read: Callable[[JsonObject], CollectionSync],
) -> web.Response:
    name = _name(request)
    tenant, sync, claim = await taken_in(request, caller, raw, read)
    outcome = await pushed(request, CollectionKey(tenant, name), sync, caller, claim)
    headers = {**_HEADERS, **(REPLAYED if outcome.replayed else {})}
    # Pushes that older versions recorded have none, and neither has a collection of nothing.
    answer = told(outcome)
    for digest in outcome.digests.values():
        answer["digest"] = digest
    return web.Response(body=json_bytes(answer), headers=headers)


async def taken_in(
    request: web.Request, caller: ApiKey, raw: bytes, read: Callable[[JsonObject], T]
) -> tuple[TenantId, T, Claim | None]:
    """
    Whom the body *raw* is about, what *read* makes of it, and the claim to be done once.
    """

    def make() -> tuple[TenantId, T, Claim | None]:
        body = json_object(request, raw)
        tenant = account_of(caller, request.query.getall("account_id", []), body)
        return tenant, read(body), claim_of(request, caller, raw, about=f" {tenant}")

    return await run_off_loop(make, cost=len(raw))


async def pushed(
    request: web.Request,
    key: CollectionKey,
    sync: CollectionSync,
    caller: ApiKey,
    claim: Claim | None,
) -> Outcome:
    """
    Commit a push, and note it.
    """
    bind_contextvars(tenant=str(key.tenant), collection=str(key.name))
    outcome = await request.app[SERVICES].sync_collection(key, sync, caller=caller, claim=claim)
    metrics = request.app[METRICS]
    if outcome.replayed:
        metrics.replay()
    elif outcome.changed:
        metrics.version("collection")
    _log.info("collection_pushed", **counted(outcome), replayed=outcome.replayed)
    return outcome


def queried_tenant(request: web.Request, caller: ApiKey) -> TenantId:
    """
    The tenant whose collections are read.
    """
    tenant = account_of(caller, request.query.getall("account_id", []), None)
    bind_contextvars(tenant=str(tenant))
    return tenant


def told(outcome: Outcome) -> JsonObject:
    """
    What a push did.
    """
    (name,) = outcome.versions
    return {
        "tenant_id": str(outcome.owner.tenant),
        "collection": name,
        **counted(outcome),
        "timestamp": timestamp(outcome.at),
    }


def counted(outcome: Outcome) -> JsonObject:
    """
    The numbers of a push.
    """
    (version,) = outcome.versions.values()
    counts = {} if outcome.items is None else asdict(outcome.items)
    return {"version": version, "changed": outcome.changed, "counts": counts}


def _name(request: web.Request) -> CollectionName:
    return named("collection", CollectionName.from_text, request.match_info["name"])


def _domain(request: web.Request) -> BusinessDomain | None:
    text = request.query.get("domain", "")
    return named("domain", BusinessDomain.from_text, text) if text else None


def _tag(head: CollectionHead, cursor: str = "") -> str:
    # The moment counts too: after a restore from a backup, the same number may come to stand
    # for other items.
    seed = f"{head.key}/{head.created_at.timestamp()}/{head.updated_at.timestamp()}/{cursor}"
    return f'"{head.version}-{crc32(seed.encode()):08x}"'


def _overview(one: CollectionOverview) -> JsonObject:
    head = one.head
    return {
        "collection": str(one.name),
        "enabled": one.enabled,
        "version": 0 if head is None else head.version,
        "count": 0 if head is None else head.size,
        "updated_at": None if head is None else timestamp(head.updated_at),
    }


def _page(reading: CollectionReading, page: CollectionPage) -> bytes:
    head = reading.head
    start = json_bytes(
        {
            "tenant_id": str(head.key.tenant),
            "collection": str(head.key.name),
            "version": head.version,
            "count": head.size,
            "updated_at": timestamp(head.updated_at),
        }
    )
    end = json_bytes(
        {
            "removed": [
                {"id": state.id, "version": state.version}
                for state in page.states
                if state.item is None
            ],
            "cursor": reading.cursor,
            "more": not page.complete,
        }
    )
    # The texts are JSON already, possibly megabytes of it: they go in as they are.
    items = b",".join(_state(state, state.item) for state in page.states if state.item is not None)
    return start[:-1] + b',"items":[' + items + b"]," + end[1:]


def _state(state: ItemState, item: Item) -> bytes:
    return b'{"version":%d,' % state.version + _item(item) + b"}"


def _item(item: Item) -> bytes:
    return b'"id":%b,"digest":"%b","data":%b' % (
        json_bytes(item.id),
        item.digest.encode(),
        item.text.encode(),
    )
