"""
``POST /odoo-webhook``: events of Odoo.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from aiohttp import web
from msgspec import UNSET
from structlog.contextvars import bind_contextvars

from odoo_ai_config.application.off_loop import run_off_loop
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Claim
from odoo_ai_config.domain.channels.mapping import MAPPING_REFUSALS, ChannelEnd, ChannelMapping
from odoo_ai_config.domain.documents.syncs import CompanyMetadataSync, CredentialsSync
from odoo_ai_config.domain.errors import (
    CodedError,
    EncryptedValueError,
    InvalidYamlError,
    TenantForbiddenError,
    UnknownFingerprintError,
)
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import Outcome, WriteKind
from odoo_ai_config.domain.tenants import AreaInUseError, MoveTooLargeError
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.odoo_events.channel_mapping import channel_mapping
from odoo_ai_config.entrypoints.http.odoo_events.company_metadata import company_metadata_sync
from odoo_ai_config.entrypoints.http.odoo_events.payloads import (
    credentials_sync,
    event_of,
    stated_time,
)
from odoo_ai_config.entrypoints.http.odoo_events.schemas import EVENT_BODY, EventAccepted
from odoo_ai_config.entrypoints.http.platform.app_keys import EVENT, LOG, METRICS, SERVICES
from odoo_ai_config.entrypoints.http.platform.authentication import keyed, pushed_body
from odoo_ai_config.entrypoints.http.platform.bodies import read_json
from odoo_ai_config.entrypoints.http.platform.claims import REPLAYED, claim_of, event_time
from odoo_ai_config.entrypoints.http.platform.errors import (
    IncompleteDataError,
    TokenMissingError,
    UnknownEventError,
)
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.notices import shown_notices
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    VAULT,
    Access,
    Operation,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.representations import shown, timestamp
from odoo_ai_config.entrypoints.http.platform.spool import Incoming
from odoo_ai_config.entrypoints.http.platform.texts import EVENT_DONE, Language, language_of
from odoo_ai_config.entrypoints.http.platform.wire_types import reading
from odoo_ai_config.entrypoints.wiring import Services

T = TypeVar("T")

Event: TypeAlias = CredentialsSync | CompanyMetadataSync | ChannelMapping | ChannelEnd
_READERS: Final[Mapping[WriteKind, Callable[[JsonObject], Event]]] = {
    WriteKind.CREDENTIALS: credentials_sync,
    WriteKind.METADATA: company_metadata_sync,
    WriteKind.MAPPING: partial(channel_mapping, deleted=False),
    WriteKind.MAPPING_DELETE: partial(channel_mapping, deleted=True),
}


ROUTES: Final = RouteGroup("events", App.CONFIG, "odoo-webhook")
_PATH: Final = "/odoo-webhook"
REFUSALS: Final = (
    *COMMIT,
    *VAULT,
    UnknownEventError,
    IncompleteDataError,
    TokenMissingError,
    InvalidYamlError,
    TenantForbiddenError,
    EncryptedValueError,
    *MAPPING_REFUSALS,
    AreaInUseError,
    MoveTooLargeError,
    UnknownFingerprintError,
)


@Operation(
    ROUTES,
    "POST",
    _PATH,
    scope=Scope.WEBHOOK,
    # It reads the body itself, to log and count refusals.
    access=Access.KEYED,
    body=EVENT_BODY,
    idempotent=True,
    answer=EventAccepted,
    refusals=REFUSALS,
)
async def receive_event(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Receive an event of Odoo.

    `event_type` names the event, or else `event`, or else the object in the body, or else
    `source`. The answer is sent when the commit is durable.
    """
    return await _received(request, caller, None)


async def receive_misaddressed(request: web.Request, raw: bytes) -> web.StreamResponse:
    """
    Receive the event *raw* that Odoo sent to another address, as at its own.
    """
    bind_contextvars(area=ROUTES.area)

    async def receive_raw(request: web.Request, caller: ApiKey) -> web.Response:
        return await _received(request, caller, raw)

    return await keyed(receive_raw, app=request.app)(request)


async def _received(request: web.Request, caller: ApiKey, raw: bytes | None) -> web.Response:
    body = pushed_body(request, caller, raw)
    return await receive(request, caller, body, _event_in, read_event, taken_in)


def _event_in(body: JsonObject) -> tuple[WriteKind, JsonObject]:
    return event_of(body), body


def read_event(event: WriteKind, body: JsonObject) -> Event:
    """
    Read the body of one of Odoo's events.

    Raises:
        IncompleteDataError, TokenMissingError, InvalidFieldsError: It is refused.
    """
    return _READERS[event](body)


async def receive(
    request: web.Request,
    caller: ApiKey,
    raw_body: Awaitable[bytes],
    event_in: Callable[[JsonObject], tuple[WriteKind, JsonObject]],
    read: Callable[[WriteKind, JsonObject], T],
    take_in: Callable[[Services, T, ApiKey, Claim | None, datetime | None], Awaitable[Outcome]],
) -> web.Response:
    """
    Take in one event of *caller*, log and count it, and answer it.

    *raw_body* reads the body of *request*, *event_in* finds the event in it, *read* reads that,
    and *take_in* writes what it says.
    """
    app, raw, outcome = request.app, b"", None
    try:
        raw = await raw_body
        event, body = await read_json(request, raw, event_in)
        request[EVENT] = event
        outcome = await outcome_of(request, event, body, raw, caller, read, take_in)
    except CodedError as error:
        app[METRICS].event(_name_of(request), "refused", error.code)
        raise
    finally:
        if outcome is None:
            # For the log line of the answer.
            bind_contextvars(webhook_event=_name_of(request), caller=caller.id, bytes=len(raw))
    language = language_of(request)
    return shown(_answer(outcome, language), REPLAYED if outcome.replayed else None)


async def outcome_of(
    request: Incoming,
    event: WriteKind,
    body: JsonObject,
    raw: bytes,
    caller: ApiKey,
    read: Callable[[WriteKind, JsonObject], T],
    take_in: Callable[[Services, T, ApiKey, Claim | None, datetime | None], Awaitable[Outcome]],
) -> Outcome:
    """
    Read *event*, write what it says, log and count it.
    """
    app = request.app
    numbers = app[SERVICES].numbers.read
    told = await run_off_loop(lambda: reading(numbers, lambda: read(event, body)), cost=len(raw))
    claim = claim_of(request, caller, raw, path=_PATH)
    event_at = event_time(request, stated_time(event, body))
    outcome = await take_in(app[SERVICES], told, caller, claim, event_at)
    became = _counted(outcome, app[METRICS])
    # One line per event: each line costs time.
    app[LOG].info(
        "event_" + became,
        webhook_event=outcome.kind.value,
        caller=caller.id,
        bytes=len(raw),
        versions=outcome.versions,
        warnings=sorted({notice.code for notice in outcome.notices}),
    )
    return outcome


def _name_of(request: web.Request) -> str:
    known = request.get(EVENT)
    return "unknown" if known is None else known.value


async def taken_in(
    services: Services,
    event: Event,
    caller: ApiKey,
    claim: Claim | None,
    event_at: datetime | None,
) -> Outcome:
    """
    Write what one of Odoo's events says.
    """
    owner = event.owner
    bind_contextvars(tenant=str(owner.tenant), domain=str(owner.domain))
    if isinstance(event, CredentialsSync | CompanyMetadataSync) and event.moved_from is not None:
        await services.move_area.follow(event.moved_from, owner, caller=caller, event_at=event_at)
    if isinstance(event, CredentialsSync):
        return await services.sync_credentials(
            event, caller=caller, claim=claim, event_at=event_at
        )
    if isinstance(event, CompanyMetadataSync):
        return await services.sync_company_metadata(
            event, caller=caller, claim=claim, event_at=event_at
        )
    return await services.sync_mapping(event, caller=caller, claim=claim, event_at=event_at)


def _counted(outcome: Outcome, metrics: Metrics) -> str:
    collection = outcome.kind is WriteKind.COLLECTION
    metrics.written(outcome, *(("collection",) if collection else outcome.versions))
    became = "accepted" if outcome.changed else "unchanged"
    if outcome.replayed:
        became = "replayed"
    metrics.event(outcome.kind.value, became)
    return became


def _answer(outcome: Outcome, language: Language) -> EventAccepted:
    numbers: dict[str, Any]
    if outcome.kind is WriteKind.COLLECTION:
        ((name, version),) = outcome.versions.items()
        # 0 if there was nothing to remove.
        numbers = {"collection": name, "version": version or UNSET}
    else:
        numbers = {f"{kind}_version": version for kind, version in outcome.versions.items()}
        numbers |= {f"{kind}_digest": digest for kind, digest in outcome.digests.items()}
        numbers["version"] = outcome.versions.get("mapping", UNSET)
    return EventAccepted(
        success=True,
        message=EVENT_DONE[outcome.kind].to(language),
        tenant_id=str(outcome.owner.tenant),
        domain=str(outcome.owner.domain),
        **numbers,
        timestamp=timestamp(outcome.at),
        changed=outcome.changed,
        warnings=shown_notices(outcome.notices, language),
    )
