"""
``POST /v1/reconcile``: whether the hub still has what a source pushed.
"""

from __future__ import annotations

from collections import Counter

import structlog
from aiohttp import web

from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.reconciliation import AreaDrift, Reconciliation
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.reconciliation import ActualState, Drift, DriftStatus
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import read_json
from odoo_ai_config.entrypoints.http.platform.representations import channel_shown, json_bytes
from odoo_ai_config.entrypoints.http.reconciliation.payloads import known_areas

_log = structlog.get_logger()


async def reconcile(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    """
    What is equal, what differs, what is missing, and what the source did not name.
    """
    known = await read_json(request, raw, known_areas)
    told = await request.app[SERVICES].reconcile(known, caller=caller)
    entries = sum(map(_size, told.areas))
    summary, body = await run_off_loop(lambda: _answer(told), cost=ENTRY * entries)
    _log.info("reconciled", **summary)
    return web.Response(body=body, content_type="application/json")


def _size(area: AreaDrift) -> int:
    return len(area.documents) + len(area.channels) + len(area.collections)


def _answer(told: Reconciliation) -> tuple[JsonObject, bytes]:
    counts = Counter(drift.status for area in told.areas for drift in area.all)
    summary: JsonObject = {status.value: counts[status] for status in DriftStatus}
    unknown = _unknown(told)
    summary["unknown"] = sum(len(entries) for entries in unknown.values())
    answer: JsonObject = {
        "summary": summary,
        "entries": [_area(area) for area in told.areas],
        "unknown": {**unknown},
        "truncated": told.truncated,
    }
    return summary, json_bytes(answer)


def _area(area: AreaDrift) -> JsonObject:
    return {
        "tenant_id": str(area.expected.owner.tenant),
        "domain": str(area.expected.owner.domain),
        "documents": [
            {"config_type": str(kind), **_drift(drift)} for kind, drift in area.documents.items()
        ],
        "mappings": [
            {**channel_shown(key), **_drift(drift)} for key, drift in area.channels.items()
        ],
        "collections": [
            {"name": str(name), **_drift(drift)} for name, drift in area.collections.items()
        ],
    }


def _unknown(told: Reconciliation) -> dict[str, list[Json]]:
    return {
        "documents": [
            {
                "tenant_id": str(key.tenant),
                "domain": str(key.domain),
                "config_type": str(key.kind),
                **_state(actual),
            }
            for key, actual in told.unknown.documents
        ],
        "mappings": [
            {
                "tenant_id": str(revision.mapping.owner.tenant),
                "domain": str(revision.mapping.owner.domain),
                **channel_shown(revision.mapping.key),
                **_state(actual),
            }
            for revision, actual in told.unknown.channels
        ],
        "collections": [
            {"tenant_id": str(key.tenant), "name": str(key.name), **_state(actual)}
            for key, actual in told.unknown.collections
        ],
    }


def _drift(drift: Drift) -> JsonObject:
    actual = drift.actual
    shown: JsonObject = {"status": drift.status.value}
    if actual is None:
        return {**shown, "version": 0, "digest": None}
    if actual.deleted:
        return {**shown, "version": actual.version, "digest": None, "deleted": True}
    return {**shown, **_state(actual)}


def _state(actual: ActualState) -> JsonObject:
    return {"version": actual.version, "digest": actual.digest}
