"""
``POST /odoo-webhook/{token}``: records of Odoo at a secret address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Final, TypeAlias

from aiohttp import web
from attrs import frozen
from msgspec import Meta
from structlog.contextvars import bind_contextvars

from odoo_ai_config.application.errors import (
    NOT_NOW,
    SpoolUnavailableError,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.application.keys import TokenPrefix, TokenText
from odoo_ai_config.application.messages.spooling import Settled
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.addresses import Address, AddressMismatchError
from odoo_ai_config.domain.changes import Claim
from odoo_ai_config.domain.channels.mapping import MAPPING_REFUSALS
from odoo_ai_config.domain.collections import CollectionKey, CollectionName, CollectionSync
from odoo_ai_config.domain.errors import (
    AddressNotFoundError,
    EncryptedValueError,
    InvalidValueError,
    InvalidYamlError,
)
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import Outcome, WriteKind
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.addresses.payloads import RECORD
from odoo_ai_config.entrypoints.http.addresses.schemas import SpooledRecord
from odoo_ai_config.entrypoints.http.collections.payloads import patch
from odoo_ai_config.entrypoints.http.odoo_events.handlers import (
    Event,
    outcome_of,
    read_event,
    receive,
    taken_in,
)
from odoo_ai_config.entrypoints.http.odoo_events.schemas import EventAccepted
from odoo_ai_config.entrypoints.http.platform.app_keys import (
    EVENT,
    LIMITS,
    LOG,
    METRICS,
    OPTIONS,
    REQUEST_ID,
    SERVICES,
)
from odoo_ai_config.entrypoints.http.platform.authentication import address_of
from odoo_ai_config.entrypoints.http.platform.bodies import (
    read_body,
    read_json,
    refuse_announced_excess,
    require_json,
)
from odoo_ai_config.entrypoints.http.platform.errors import (
    BodyTooLargeError,
    IncompleteDataError,
    InvalidFieldsError,
    RateLimitedError,
)
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    VAULT,
    Access,
    Operation,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.representations import shown
from odoo_ai_config.entrypoints.http.platform.spool import (
    SPOOL,
    Replayed,
    Source,
    settled,
)
from odoo_ai_config.entrypoints.wiring import Services

RECORDS: Final = RouteGroup("events", App.CONFIG, "odoo-webhook")


@frozen
class _ItemPush:
    """
    An item of a collection, or its removal.
    """

    key: CollectionKey
    sync: CollectionSync


_Told: TypeAlias = Event | _ItemPush


@Operation(
    RECORDS,
    "POST",
    "/odoo-webhook/{token}",
    access=Access.OPEN,
    path_parts={
        "token": Annotated[
            str,
            Meta(
                description="The token of a secret address.",
                extra_json_schema={"format": "password"},
            ),
        ]
    },
    body=RECORD,
    idempotent=True,
    answer=EventAccepted | SpooledRecord,
    says="The record is taken in, or waits for the store.",
    refusals=(
        *COMMIT,
        *VAULT,
        AddressNotFoundError,
        AddressMismatchError,
        BodyTooLargeError,
        RateLimitedError,
        IncompleteDataError,
        InvalidFieldsError,
        InvalidValueError,
        InvalidYamlError,
        EncryptedValueError,
        *MAPPING_REFUSALS,
        SpoolUnavailableError,
        StoreUnavailableError,
        StoreUnusableError,
    ),
)
async def receive_record(request: web.Request) -> web.Response:
    """
    Receive a record of Odoo at a secret address.

    It is what the action *Send Webhook Notification* of Odoo 17 and later sends. The address says
    whose it is and what it stands for; it is then taken in as the same event is with a key, and
    needs no signature.

    While the store is away, a hub on MongoDB keeps the record on its own disk and answers
    `spooled`; it checks the address when the store is back.
    """
    app, token = request.app, request.match_info["token"]
    text = TokenText.parse(TokenPrefix.ADDRESS, token)
    if SPOOL not in app or text is None:
        return await _received(request, await address_of(request), partial(read_body, request))
    spool, at, raw = app[SPOOL], app[OPTIONS].unix_time(), None

    async def raw_body() -> bytes:
        nonlocal raw
        if raw is None:
            raw = await read_body(request)
        return raw

    # Records of one address keep their order.
    lane = f"record/{text.id}"

    async def keep(holder: str | None) -> web.Response:
        refuse_announced_excess(request)
        require_json(request)
        body = await raw_body()
        await read_json(request, body, lambda body: body)
        id_ = await spool.keep(Source.RECORD, request, body, at=at, lane=lane, holder=holder)
        app[METRICS].event("unknown", "spooled")
        app[LOG].info("event_spooled", message=id_.value)
        return shown(SpooledRecord(success=True, status="spooled", message_id=id_.value))

    try:
        async with spool.attempt():
            address = await address_of(request)
        spool.senders.note(f"address {token}", address.id)
        require_json(request)
        # It may come more slowly than the store.
        await raw_body()
        if await spool.is_before(lane):
            # If there is no room, its order matters less than the record.
            with suppress(SpoolUnavailableError):
                return await keep(address.id)
        async with spool.attempt():
            return await _received(request, address, raw_body)
    except NOT_NOW as error:
        spool.noted(error)
    return await keep(_known_holder(request, f"address {token}"))


def _known_holder(request: web.Request, credential: str) -> str | None:
    limits = request.app[LIMITS]
    holder = request.app[SPOOL].senders.holder_of(credential)
    wait = limits.failures.wait(request.remote) if holder is None else limits.keys.take(holder)
    if wait:
        raise RateLimitedError(wait)
    return holder


async def _received(
    request: web.Request, address: Address, raw_body: Callable[[], Awaitable[bytes]]
) -> web.Response:
    feed = address.feed
    # Known even if the body is refused.
    event = request[EVENT] = feed.kind.event
    require_json(request)
    return await receive(
        request,
        address.caller.because(None, request[REQUEST_ID]),
        raw_body(),
        lambda body: (event, feed.event_in(body)),
        _read,
        _taken_in,
    )


async def take_in_record(request: Replayed) -> Settled:
    """
    Receive a record that comes from the spool.
    """

    async def take_in(address: Address) -> None:
        feed = address.feed
        event = feed.kind.event
        body = await read_json(request, request.raw, feed.event_in)
        caller = address.caller.because(None, request.request_id)
        await outcome_of(request, event, body, request.raw, caller, _read, _taken_in)

    proof = request.app[SERVICES].open_address(request.match_info["token"])
    return await settled(request, proof, take_in, area=RECORDS.area or "")


def _read(event: WriteKind, body: JsonObject) -> _Told:
    if event is not WriteKind.COLLECTION:
        return read_event(event, body)
    # The address knows both.
    tenant, name = str(body["account_id"]), str(body["collection"])
    return _ItemPush(CollectionKey(TenantId(tenant), CollectionName(name)), patch(body))


async def _taken_in(
    services: Services,
    told: _Told,
    caller: ApiKey,
    claim: Claim | None,
    event_at: datetime | None,
) -> Outcome:
    if not isinstance(told, _ItemPush):
        return await taken_in(services, told, caller, claim, event_at)
    bind_contextvars(tenant=str(told.key.tenant), collection=str(told.key.name))
    return await services.sync_collection(
        told.key, told.sync, caller=caller, claim=claim, event_at=event_at
    )
