"""
``/api/v1/business-rules`` and the like: what Odoo's older modules push, and what they read of it.

Beside the answer that they know, each has the same numbers as a push to the collection itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import web

from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.collections import (
    PRODUCTS,
    SUPPORT_DOCUMENTS,
    CollectionKey,
    CollectionSync,
)
from odoo_ai_config.domain.identifiers import METADATA
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.entrypoints.http.collections.handlers import pushed, taken_in, told
from odoo_ai_config.entrypoints.http.collections.payloads import (
    DOCUMENTS,
    PRODUCT_BATCH,
    RULES,
    SCHEDULING,
    LegacyPush,
    LegacyShape,
    old_push,
    product,
)
from odoo_ai_config.entrypoints.http.legacy_odoo.payloads import old_company
from odoo_ai_config.entrypoints.http.platform.app_keys import METRICS, REQUEST_ID, SERVICES
from odoo_ai_config.entrypoints.http.platform.authentication import PushHandler
from odoo_ai_config.entrypoints.http.platform.errors import AiServiceTaskError
from odoo_ai_config.entrypoints.http.platform.idempotency import REPLAYED
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes, timestamp

# What a sync is said to have become: the hub keeps it, an indexer fetches it from there.
_STORED: Final = "stored"


def _syncing(shape: LegacyShape, tell: Callable[[LegacyPush, Outcome], JsonObject]) -> PushHandler:
    async def sync(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
        tenant, push, claim = await taken_in(
            request, caller, raw, lambda body: old_push(body, shape)
        )
        outcome = await pushed(
            request, CollectionKey(tenant, shape.name), push.sync, caller, claim
        )
        top = tell(push, outcome)
        return _enveloped(request, outcome, {**told(outcome), "hidden": push.hidden}, top)

    return sync


def _rules_told(push: LegacyPush, outcome: Outcome) -> JsonObject:
    return {
        "permanent_rules": push.received - push.temporary,
        "temporary_rules": push.temporary,
        # Its readers show it as the number of rules that have arrived.
        "vectorized_rules": len(push.sync.items),
        "removed_rules": _removed(outcome),
        "sync_status": _STORED,
    }


def _documents_told(push: LegacyPush, outcome: Outcome) -> JsonObject:
    synced = len(push.sync.items)
    return {
        "synced_docs": synced,
        "vectorized_rules": synced,
        "removed_docs": _removed(outcome),
        "sync_status": _STORED,
    }


def _products_told(push: LegacyPush, _outcome: Outcome) -> JsonObject:
    return {"synced_products": len(push.sync.items), "sync_status": _STORED}


def _removed(outcome: Outcome) -> int:
    return 0 if outcome.items is None else outcome.items.removed


sync_rules: Final = _syncing(RULES, _rules_told)
sync_scheduling: Final = _syncing(SCHEDULING, _rules_told)
sync_documents: Final = _syncing(DOCUMENTS, _documents_told)
sync_products: Final = _syncing(PRODUCT_BATCH, _products_told)


async def clear_documents(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    """
    Take every support document out.
    """
    tenant, sync, claim = await taken_in(request, caller, raw, _nothing)
    key = CollectionKey(tenant, SUPPORT_DOCUMENTS)
    outcome = await pushed(request, key, sync, caller, claim)
    removed: JsonObject = {"removed_docs": _removed(outcome)}
    return _enveloped(request, outcome, told(outcome), removed)


def _nothing(_body: JsonObject) -> CollectionSync:
    return CollectionSync(whole=True)


async def sync_product(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    """
    Put fields of one product in, and leave its others alone.
    """
    place = request.match_info.get("id")
    tenant, sync, claim = await taken_in(request, caller, raw, lambda body: product(body, place))
    key = CollectionKey(tenant, PRODUCTS)
    outcome = await pushed(request, key, sync, caller, claim)
    (item,) = sync.items
    # What the old server called the place in its vector store: the id to find the product by.
    found: JsonObject = {"vector_id": item.id, "product_id": item.id, "sync_status": _STORED}
    return _enveloped(request, outcome, told(outcome), found)


async def sync_company(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    """
    Merge what a company says of itself into its ``metadata`` document.
    """
    tenant, body, claim = await taken_in(request, caller, raw, dict)
    outcome = await request.app[SERVICES].sync_company_metadata(
        old_company(body, tenant), caller=caller, claim=claim
    )
    metrics = request.app[METRICS]
    if outcome.replayed:
        metrics.replay()
    elif outcome.changed:
        metrics.version(str(METADATA))
    data: JsonObject = {
        "tenant_id": str(outcome.owner.tenant),
        "domain": str(outcome.owner.domain),
        "metadata_version": outcome.versions[str(METADATA)],
        "changed": outcome.changed,
        "timestamp": timestamp(outcome.at),
    }
    return _enveloped(request, outcome, data, {"vectorized_rules": 1, "sync_status": _STORED})


async def refuse_push(_request: web.Request, _caller: ApiKey, _raw: bytes) -> web.Response:
    """
    Say that the old server did this and no configuration hub can do it.

    Raises:
        AiServiceTaskError: Always.
    """
    raise AiServiceTaskError


async def refuse_search(_request: web.Request, caller: ApiKey) -> web.Response:
    """
    Say the same of what only reads.

    Raises:
        ScopeMissingError: *caller* may not read.
        AiServiceTaskError: Always.
    """
    caller.require(Scope.CONFIG_READ)
    raise AiServiceTaskError


def _enveloped(
    request: web.Request, outcome: Outcome, data: JsonObject, top: JsonObject
) -> web.Response:
    body: JsonObject = {
        "success": True,
        "data": {**data, **top},
        "meta": {"request_id": request[REQUEST_ID], "timestamp": timestamp(outcome.at)},
        "error": None,
        # Some readers look for the numbers here.
        **top,
    }
    return web.Response(
        body=json_bytes(body),
        content_type="application/json",
        headers=REPLAYED if outcome.replayed else None,
    )
