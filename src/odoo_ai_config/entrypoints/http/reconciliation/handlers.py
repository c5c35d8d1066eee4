"""
``POST /v1/reconcile``: whether the hub still has what a source pushed.
"""

from __future__ import annotations

from collections import Counter

import structlog
from aiohttp import web

from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.reconciliation import AreaFindings, Reconciliation
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.reconciliation import Finding, Held, Standing
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


def _size(area: AreaFindings) -> int:
    return len(area.documents) + len(area.channels) + len(area.collections)


def _answer(told: Reconciliation) -> tuple[JsonObject, bytes]:
    counts = Counter(finding.standing for area in told.areas for finding in area.all)
    summary: JsonObject = {standing.value: counts[standing] for standing in Standing}
    unknown = _unknown(told)
    summary["unknown"] = sum(len(entries) for entries in unknown.values())
    answer: JsonObject = {
        "summary": summary,
        "entries": [_area(area) for area in told.areas],
        "unknown": {**unknown},
        "truncated": told.truncated,
    }
    return summary, json_bytes(answer)


def _area(area: AreaFindings) -> JsonObject:
    return {
        "tenant_id": str(area.known.owner.tenant),
        "domain": str(area.known.owner.domain),
        "documents": [
            {"config_type": str(kind), **_finding(finding)}
            for kind, finding in area.documents.items()
        ],
        "mappings": [
            {**channel_shown(key), **_finding(finding)} for key, finding in area.channels.items()
        ],
        "collections": [
            {"name": str(name), **_finding(finding)} for name, finding in area.collections.items()
        ],
    }


def _unknown(told: Reconciliation) -> dict[str, list[Json]]:
    return {
        "documents": [
            {
                "tenant_id": str(key.tenant),
                "domain": str(key.domain),
                "config_type": str(key.kind),
                **_held(held),
            }
            for key, held in told.unknown.documents
        ],
        "mappings": [
            {
                "tenant_id": str(revision.mapping.owner.tenant),
                "domain": str(revision.mapping.owner.domain),
                **channel_shown(revision.mapping.key),
                **_held(held),
            }
            for revision, held in told.unknown.channels
        ],
        "collections": [
            {"tenant_id": str(key.tenant), "name": str(key.name), **_held(held)}
            for key, held in told.unknown.collections
        ],
    }


def _finding(finding: Finding) -> JsonObject:
    held = finding.held
    shown: JsonObject = {"status": finding.standing.value}
    if held is None:
        return {**shown, "version": 0, "digest": None}
    if held.deleted:
        return {**shown, "version": held.version, "digest": None, "deleted": True}
    return {**shown, **_held(held)}


def _held(held: Held) -> JsonObject:
    return {"version": held.version, "digest": held.digest}
