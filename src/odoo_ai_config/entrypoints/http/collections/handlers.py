"""
``/api/v1/collections``: items of Odoo, pushed as a whole or in part, and read by changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Final
from zlib import crc32

from aiohttp import hdrs, web
from msgspec import UNSET, Meta, Raw
from structlog.contextvars import bind_contextvars

from odoo_ai_config.application.collections import (
    LARGEST_PAGE,
    CollectionOverview,
    CollectionReading,
)
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.collections import (
    CollectionHead,
    CollectionKey,
    CollectionName,
    CollectionSync,
    ItemState,
    item_id,
)
from odoo_ai_config.domain.collections import CollectionPage as StoredPage
from odoo_ai_config.domain.errors import (
    CollectionNotEnabledError,
    CollectionNotFoundError,
    CursorExpiredError,
    InvalidValueError,
    ItemNotFoundError,
    PreconditionFailedError,
)
from odoo_ai_config.domain.identifiers import BusinessArea, TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.collections.payloads import (
    PATCH,
    SNAPSHOT,
    account_of,
    patch,
    snapshot,
)
from odoo_ai_config.entrypoints.http.collections.pushes import (
    ACCOUNT,
    WHOSE,
    pushed_fields,
    received,
    taken_in,
)
from odoo_ai_config.entrypoints.http.collections.schemas import (
    ChangedItem,
    CollectionItem,
    CollectionList,
    CollectionPage,
    CollectionPushed,
    CollectionSummary,
    RemovedItem,
)
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.claims import REPLAYED
from odoo_ai_config.entrypoints.http.platform.conditional import (
    Precondition,
    is_known,
    not_modified,
    shown_tagged,
    tagged,
    unchanged,
)
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    Operation,
    PageSize,
    Query,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.paths import named
from odoo_ai_config.entrypoints.http.platform.problems import refuse
from odoo_ai_config.entrypoints.http.platform.representations import (
    JSON_HEADERS,
    json_bytes,
    timestamp,
)
from odoo_ai_config.entrypoints.http.platform.schema import Body

ROUTES: Final = RouteGroup("collections", App.ODOO_API, "config")
_DOMAIN: Final = Query(
    "domain",
    Annotated[str, Meta(max_length=128, examples=["retail"])],
    BusinessArea.from_text,
    "The business area that must enable the collection.",
)
_SINCE: Final = Query("since", str, str, "The `cursor` of the previous answer.")
_LIMIT: Final = PageSize(default=500, most=LARGEST_PAGE)
# Refusals about a collection.
_OPEN: Final = (*WHOSE, CollectionNotEnabledError, CollectionNotFoundError)
_COLLECTION: Final = "/api/v1/collections/{name}"


@Operation(
    ROUTES,
    "GET",
    "/api/v1/collections",
    scope=Scope.CONFIG_READ,
    parameters=(ACCOUNT, _DOMAIN),
    conditional=True,
    answer=CollectionList,
    refusals=WHOSE,
)
async def list_collections(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List a tenant's collections.
    """
    tenant = _queried_tenant(request, caller)
    found = await request.app[SERVICES].read_collection.all_of(
        tenant, caller=caller, domain=_DOMAIN.of(request)
    )
    summaries = [summary_shown(one) for one in found]
    return shown_tagged(request, CollectionList(tenant_id=str(tenant), collections=summaries))


@Operation(
    ROUTES,
    "GET",
    _COLLECTION,
    scope=Scope.CONFIG_READ,
    parameters=(ACCOUNT, _DOMAIN, _SINCE, _LIMIT),
    conditional=True,
    answer=CollectionPage,
    refusals=(*_OPEN, InvalidValueError, CursorExpiredError),
)
async def read_collection(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read the changes since a cursor, or all items.

    A reader continues with the `cursor` of each answer: at once while there is `more`, then from
    time to time with the last `ETag` in `If-None-Match`. An unchanged collection is a 304,
    whatever its size.
    """
    key = CollectionKey(_queried_tenant(request, caller), _name(request))
    bind_contextvars(collection=str(key))
    known = request.headers.get(hdrs.IF_NONE_MATCH)
    reading = await request.app[SERVICES].read_collection(
        key,
        caller=caller,
        domain=_DOMAIN.of(request),
        since=_SINCE.of(request),
        limit=_LIMIT.of(request),
        known=lambda head: known is not None and is_known(known, _tag(head)),
    )
    page = reading.page
    # After the last page its reader has the whole collection, so its tag is that of the
    # collection and needs the head only. The tag of another page is that of the page.
    tag = _tag(reading.head, "" if page is None or page.complete else reading.cursor)
    if page is None or (known is not None and is_known(known, tag)):
        return not_modified(request, tag)
    return tagged(json_bytes(_page(reading, page)), tag)


@Operation(
    ROUTES,
    "GET",
    f"{_COLLECTION}/items/{{id}}",
    scope=Scope.CONFIG_READ,
    parameters=(ACCOUNT, _DOMAIN),
    conditional=True,
    answer=CollectionItem,
    refusals=(*_OPEN, ItemNotFoundError),
)
async def read_item(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read one item.
    """
    key = CollectionKey(_queried_tenant(request, caller), _name(request))
    id_ = named("id", item_id, request.match_info["id"])
    item = await request.app[SERVICES].read_collection.item(
        key, id_, caller=caller, domain=_DOMAIN.of(request)
    )
    tag = f'"{item.digest}"'
    answer = CollectionItem(id=item.id, digest=item.digest, data=Raw(item.text))
    return unchanged(request, tag) or tagged(json_bytes(answer), tag)


def _pushing(method: str, body: Body) -> Operation:
    return Operation(
        ROUTES,
        method,
        _COLLECTION,
        scope=Scope.WEBHOOK,
        parameters=(ACCOUNT,),
        body=body,
        idempotent=True,
        answer=CollectionPushed,
        answer_headers=("Cache-Control", "ETagIfReadable"),
        request_headers=("If-Match", "If-None-Match"),
        refusals=(*COMMIT, *WHOSE, PreconditionFailedError),
    )


@_pushing("PUT", SNAPSHOT)
async def replace_collection(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    """
    Replace a collection.

    Items that are not in the body are removed. A push without a change makes no version.
    """
    return await _written(request, caller, raw, snapshot)


@_pushing("PATCH", PATCH)
async def amend_collection(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    """
    Add, change and remove items, and leave the others as they are.
    """
    return await _written(request, caller, raw, patch)


async def _written(
    request: web.Request,
    caller: ApiKey,
    raw: bytes,
    read: Callable[[JsonObject], CollectionSync],
) -> web.Response:
    name, precondition, known = _name(request), Precondition.of(request), None

    def is_met(head: CollectionHead | None) -> bool:
        nonlocal known
        known = None if head is None else _tag(head)
        return precondition.is_met(known, 0 if head is None else head.version)

    push = await received(request, caller, raw, read)
    try:
        outcome = await taken_in(request, caller, name, push, push.content, expected=is_met)
    except PreconditionFailedError as error:
        return refuse(request, error, tag=known if caller.may(Scope.CONFIG_READ) else None)
    headers = {**JSON_HEADERS, **(REPLAYED if outcome.replayed else {})}
    # Pushes recorded by older versions have none, and neither has an empty collection.
    digest = next(iter(outcome.digests.values()), None)
    if digest is not None:
        (version,) = outcome.versions.values()
        headers[hdrs.ETAG] = _tag_of(version, digest)
    answer = CollectionPushed(**pushed_fields(request, outcome), digest=digest or UNSET)
    return web.Response(body=json_bytes(answer), headers=headers)


def _queried_tenant(request: web.Request, caller: ApiKey) -> TenantId:
    """
    The tenant whose collections are read.
    """
    tenant = account_of(caller, request.query.getall("account_id", []), None)
    bind_contextvars(tenant=str(tenant))
    return tenant


def _name(request: web.Request) -> CollectionName:
    return named("collection", CollectionName.from_text, request.match_info["name"])


def _tag(head: CollectionHead, cursor: str = "") -> str:
    return _tag_of(head.version, head.digest, cursor)


def _tag_of(version: int, digest: str, cursor: str = "") -> str:
    # The digest is part of it: after a restore from a backup, the same version may have other
    # items.
    return f'"{version}-{crc32(f"{digest}/{cursor}".encode()):08x}"'


def summary_shown(one: CollectionOverview) -> CollectionSummary:
    """
    A collection in a list.
    """
    head = one.head
    return CollectionSummary(
        collection=str(one.name),
        enabled=one.enabled,
        version=0 if head is None else head.version,
        count=0 if head is None else head.size,
        updated_at=None if head is None else timestamp(head.updated_at),
    )


def items_shown(states: Iterable[ItemState]) -> list[ChangedItem]:
    """
    The items of *states*, without those that are removed.
    """
    return [
        # The texts are already JSON, possibly megabytes of it: they are copied as they are.
        ChangedItem(
            version=state.version,
            id=state.item.id,
            digest=state.item.digest,
            data=Raw(state.item.text),
        )
        for state in states
        if state.item is not None
    ]


def _page(reading: CollectionReading, page: StoredPage) -> CollectionPage:
    head = reading.head
    return CollectionPage(
        tenant_id=str(head.key.tenant),
        collection=str(head.key.name),
        version=head.version,
        count=head.size,
        updated_at=timestamp(head.updated_at),
        items=items_shown(page.states),
        removed=[
            RemovedItem(id=state.id, version=state.version)
            for state in page.states
            if state.item is None
        ],
        cursor=reading.cursor,
        more=not page.complete,
    )
