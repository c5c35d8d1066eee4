"""
``POST /odoo-webhook/{token}``: records of Odoo at a secret address.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, TypeAlias

from aiohttp import web
from attrs import frozen
from msgspec import Meta
from structlog.contextvars import bind_contextvars

from odoo_ai_config.application.errors import StoreUnavailableError, StoreUnusableError
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.addresses import AddressMismatchError
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
from odoo_ai_config.entrypoints.http.collections.payloads import patch
from odoo_ai_config.entrypoints.http.odoo_events.handlers import (
    Event,
    read_event,
    receive,
    taken_in,
)
from odoo_ai_config.entrypoints.http.odoo_events.schemas import EventAccepted
from odoo_ai_config.entrypoints.http.platform.app_keys import EVENT
from odoo_ai_config.entrypoints.http.platform.authentication import address_of
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, require_json
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
    answer=EventAccepted,
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
    """
    address = await address_of(request)
    feed = address.feed
    # Known even if the body is refused.
    event = request[EVENT] = feed.kind.event
    require_json(request)
    return await receive(
        request,
        address.caller,
        read_body(request),
        lambda body: (event, feed.event_in(body)),
        _read,
        _taken_in,
    )


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
