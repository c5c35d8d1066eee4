"""
``POST /odoo-webhook``: what Odoo says, taken in.
"""

from __future__ import annotations

import structlog
from aiohttp import web
from structlog.contextvars import bind_contextvars

from odoo_ai_config.application.errors import ApplicationError
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import Claim
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.domain.identifiers import TenantDomain
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import Outcome, WriteKind
from odoo_ai_config.entrypoints.http.app_keys import EVENT, METRICS, SERVICES
from odoo_ai_config.entrypoints.http.bodies import json_object
from odoo_ai_config.entrypoints.http.errors import HttpRefusalError
from odoo_ai_config.entrypoints.http.idempotency import REPLAYED, claim_of
from odoo_ai_config.entrypoints.http.messages import (
    EVENT_DONE,
    Language,
    preferred_language,
    shown_notices,
)
from odoo_ai_config.entrypoints.http.metrics import Metrics
from odoo_ai_config.entrypoints.http.payloads import (
    channel_mapping,
    company_metadata_sync,
    credentials_sync,
    event_of,
)
from odoo_ai_config.entrypoints.http.representations import json_bytes, timestamp
from odoo_ai_config.entrypoints.services import Services

_log = structlog.get_logger()


async def receive_event(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    """
    Take in one event; the answer is sent after its commit is durable.
    """
    services, metrics = request.app[SERVICES], request.app[METRICS]
    _log.info("event_received", bytes=len(raw), caller=caller.id)
    try:
        body = json_object(request, raw)
        event = request[EVENT] = event_of(body)
        bind_contextvars(webhook_event=event.value)
        outcome = await _taken_in(services, event, body, caller, claim_of(request, caller, raw))
    except (DomainError, ApplicationError, HttpRefusalError) as error:
        known = request.get(EVENT)
        metrics.event("unknown" if known is None else known.value, "refused", error.code)
        raise
    _record(outcome, metrics)
    language = preferred_language(request.headers.get("Accept-Language"))
    return web.Response(
        body=json_bytes(_answer(outcome, language)),
        content_type="application/json",
        headers=REPLAYED if outcome.replayed else None,
    )


async def _taken_in(
    services: Services,
    event: WriteKind,
    body: JsonObject,
    caller: ApiKey,
    claim: Claim | None,
) -> Outcome:
    if event is WriteKind.CREDENTIALS:
        sync = credentials_sync(body)
        _bind(sync.owner)
        return await services.sync_credentials(sync, caller=caller, claim=claim)
    if event is WriteKind.METADATA:
        metadata = company_metadata_sync(body)
        _bind(metadata.owner)
        return await services.sync_company_metadata(metadata, caller=caller, claim=claim)
    mapping = channel_mapping(body, deleted=event is WriteKind.MAPPING_DELETE)
    _bind(mapping.owner)
    return await services.sync_mapping(mapping, caller=caller, claim=claim)


def _bind(owner: TenantDomain) -> None:
    bind_contextvars(tenant=str(owner.tenant), domain=str(owner.domain))


def _record(outcome: Outcome, metrics: Metrics) -> None:
    if outcome.replayed:
        became = "replayed"
        metrics.replay()
    elif outcome.changed:
        became = "accepted"
        for kind in outcome.versions:
            metrics.version(kind)
    else:
        became = "unchanged"
    metrics.event(outcome.kind.value, became)
    _log.info(
        "event_" + became,
        versions=outcome.versions,
        warnings=[notice.code for notice in outcome.notices],
    )


def _answer(outcome: Outcome, language: Language) -> JsonObject:
    answer: JsonObject = {
        "success": True,
        "message": EVENT_DONE[outcome.kind].to(language),
        "tenant_id": str(outcome.owner.tenant),
        "domain": str(outcome.owner.domain),
    }
    for kind, version in outcome.versions.items():
        answer[f"{kind}_version"] = version
    for kind, digest in outcome.digests.items():
        answer[f"{kind}_digest"] = digest
    if "mapping" in outcome.versions:
        # The replaced service's name for it.
        answer["version"] = outcome.versions["mapping"]
    answer["timestamp"] = timestamp(outcome.at)
    answer["changed"] = outcome.changed
    answer["warnings"] = shown_notices(outcome.notices, language)
    return answer
