"""
``POST /v1/reconcile``: whether the hub still has the data of a source.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import structlog
from aiohttp import web

from odoo_ai_config.application import reconciliation as application
from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.reconciliation import ActualState, Drift, DriftStatus
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import read_json
from odoo_ai_config.entrypoints.http.platform.errors import IncompleteDataError
from odoo_ai_config.entrypoints.http.platform.operations import Operation, RouteGroup
from odoo_ai_config.entrypoints.http.platform.representations import channel_shown, json_bytes
from odoo_ai_config.entrypoints.http.reconciliation.payloads import KNOWN, known_areas
from odoo_ai_config.entrypoints.http.reconciliation.schemas import (
    AreaDrift,
    ChannelDrift,
    CollectionDrift,
    DocumentDrift,
    DriftSummary,
    Reconciliation,
    Unknown,
    UnknownChannel,
    UnknownCollection,
    UnknownDocument,
)

_log = structlog.get_logger()

ROUTES: Final = RouteGroup("events", App.CONFIG, "config")


@Operation(
    ROUTES,
    "POST",
    "/v1/reconcile",
    scope=Scope.WEBHOOK,
    body=KNOWN,
    answer=Reconciliation,
    refusals=(IncompleteDataError, TenantForbiddenError),
)
async def reconcile(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    """
    Compare what a source expects with what the hub has.

    The source pushes again what is missing or differs. If the source has a digest, the digest
    decides: after a restore from a backup the same version may have another content. A bound key
    may only ask about its tenant.
    """
    known = await read_json(request, raw, known_areas)
    found = await request.app[SERVICES].reconcile(known, caller=caller)
    entries = sum(map(_size, found.areas))
    counts, body = await run_off_loop(lambda: _answer(found), cost=ENTRY * entries)
    _log.info("reconciled", **counts)
    return web.Response(body=body, content_type="application/json")


def _size(area: application.AreaDrift) -> int:
    return len(area.documents) + len(area.channels) + len(area.collections)


def _answer(found: application.Reconciliation) -> tuple[dict[str, int], bytes]:
    by_status = Counter(drift.status for area in found.areas for drift in area.all)
    counts = {status.value: by_status[status] for status in DriftStatus}
    unknown = _unknown(found.unknown)
    counts["unknown"] = len(unknown.documents) + len(unknown.mappings) + len(unknown.collections)
    answer = Reconciliation(
        summary=DriftSummary(**counts),
        entries=[_area(area) for area in found.areas],
        unknown=unknown,
        truncated=found.truncated,
    )
    return counts, json_bytes(answer)


def _area(area: application.AreaDrift) -> AreaDrift:
    return AreaDrift(
        tenant_id=str(area.expected.owner.tenant),
        domain=str(area.expected.owner.domain),
        documents=[
            DocumentDrift(config_type=str(kind), **_drift(drift))
            for kind, drift in area.documents.items()
        ],
        mappings=[
            ChannelDrift(**channel_shown(key), **_drift(drift))
            for key, drift in area.channels.items()
        ],
        collections=[
            CollectionDrift(name=str(name), **_drift(drift))
            for name, drift in area.collections.items()
        ],
    )


def _unknown(unknown: application.Unknown) -> Unknown:
    return Unknown(
        documents=[
            UnknownDocument(
                tenant_id=str(key.tenant),
                domain=str(key.domain),
                config_type=str(key.kind),
                **_state(actual),
            )
            for key, actual in unknown.documents
        ],
        mappings=[
            UnknownChannel(
                tenant_id=str(revision.mapping.owner.tenant),
                domain=str(revision.mapping.owner.domain),
                **channel_shown(revision.mapping.key),
                **_state(actual),
            )
            for revision, actual in unknown.channels
        ],
        collections=[
            UnknownCollection(tenant_id=str(key.tenant), name=str(key.name), **_state(actual))
            for key, actual in unknown.collections
        ],
    )


def _drift(drift: Drift) -> dict[str, Any]:
    actual = drift.actual
    if actual is None:
        return {"status": drift.status, "version": 0, "digest": None}
    if actual.deleted:
        return {
            "status": drift.status,
            "version": actual.version,
            "digest": None,
            "deleted": True,
        }
    return {"status": drift.status, **_state(actual)}


def _state(actual: ActualState) -> dict[str, Any]:
    return {"version": actual.version, "digest": actual.digest}
