"""
What all pushes to collections share, those of Odoo's older modules included.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import structlog
from aiohttp import web
from attrs import asdict, frozen
from msgspec import UNSET, UnsetType
from structlog.contextvars import bind_contextvars

from odoo_ai_config.application.off_loop import run_off_loop
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import Claim
from odoo_ai_config.domain.collections import (
    CollectionHead,
    CollectionKey,
    CollectionName,
    CollectionSync,
)
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.entrypoints.http.collections.payloads import account_of
from odoo_ai_config.entrypoints.http.platform.app_keys import METRICS, SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import json_object
from odoo_ai_config.entrypoints.http.platform.claims import claim_of, event_time
from odoo_ai_config.entrypoints.http.platform.errors import (
    AccountMismatchError,
    IncompleteDataError,
)
from odoo_ai_config.entrypoints.http.platform.notices import Notice, shown_notices
from odoo_ai_config.entrypoints.http.platform.operations import Query
from odoo_ai_config.entrypoints.http.platform.representations import timestamp
from odoo_ai_config.entrypoints.http.platform.schema import TenantIdText
from odoo_ai_config.entrypoints.http.platform.texts import language_of

_log = structlog.get_logger()

T = TypeVar("T")

# `account_of` reads it, because the body and the key may name a tenant, too.
ACCOUNT: Final = Query(
    "account_id",
    TenantIdText,
    str,
    "Required unless the key is bound to one, or the body has it. All of them must name the same.",
)
# Refusals about a tenant.
WHOSE: Final = (IncompleteDataError, AccountMismatchError, TenantForbiddenError)


@frozen
class ReceivedPush(Generic[T]):
    """
    What a push brings of a tenant, and what it claims.

    Args:
        event_at: When its event was; None if it does not say so.
    """

    tenant: TenantId
    content: T
    claim: Claim | None
    event_at: datetime | None


async def received(
    request: web.Request, caller: ApiKey, raw: bytes, read: Callable[[JsonObject], T]
) -> ReceivedPush[T]:
    """
    The push whose body is *raw*; *read* reads its content.
    """

    def make() -> ReceivedPush[T]:
        body = json_object(request, raw)
        tenant = account_of(caller, request.query.getall("account_id", []), body)
        return ReceivedPush(
            tenant,
            read(body),
            claim_of(request, caller, raw, about=f" {tenant}"),
            event_time(request, body.get("timestamp")),
        )

    return await run_off_loop(make, cost=len(raw))


async def taken_in(
    request: web.Request,
    caller: ApiKey,
    name: CollectionName,
    push: ReceivedPush[T],
    sync: CollectionSync,
    *,
    expected: Callable[[CollectionHead | None], bool] | None = None,
) -> Outcome:
    """
    Commit the *sync* of a *push*, and log it.
    """
    bind_contextvars(tenant=str(push.tenant), collection=str(name))
    outcome = await request.app[SERVICES].sync_collection(
        CollectionKey(push.tenant, name),
        sync,
        caller=caller,
        claim=push.claim,
        expected=expected,
        event_at=push.event_at,
    )
    request.app[METRICS].written(outcome, "collection")
    (version,) = outcome.versions.values()
    _log.info(
        "collection_pushed",
        version=version,
        changed=outcome.changed,
        counts=_counts(outcome),
        replayed=outcome.replayed,
    )
    return outcome


def pushed_fields(request: web.Request, outcome: Outcome) -> dict[str, Any]:
    """
    The members of every answer to a push.
    """
    ((name, version),) = outcome.versions.items()
    return {
        "tenant_id": str(outcome.owner.tenant),
        "collection": name,
        "version": version,
        "changed": outcome.changed,
        "counts": _counts(outcome),
        "timestamp": timestamp(outcome.at),
        "warnings": warnings_of(request, outcome),
    }


def warnings_of(request: web.Request, outcome: Outcome) -> list[Notice] | UnsetType:
    """
    The notices of a push, in the caller's language; none leaves the member out.
    """
    language = language_of(request)
    return shown_notices(outcome.notices, language) or UNSET


def _counts(outcome: Outcome) -> dict[str, int]:
    return {} if outcome.items is None else asdict(outcome.items)
