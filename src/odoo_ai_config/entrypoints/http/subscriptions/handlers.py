"""
``/v1/subscriptions``: who is told of changes and of what becomes of messages.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from aiohttp import web

from odoo_ai_config.application.subscriptions import SubscriptionChange
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.errors import InvalidValueError, TenantForbiddenError
from odoo_ai_config.domain.feed import FeedKind
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.subscriptions import (
    MessageOutcome,
    Subscription,
    SubscriptionId,
    SubscriptionNotFoundError,
    SubscriptionOffError,
    TooManySubscriptionsError,
)
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import said_in
from odoo_ai_config.entrypoints.http.platform.errors import IncompleteDataError
from odoo_ai_config.entrypoints.http.platform.fields import read_exactly
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    VAULT,
    Operation,
    Query,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.paths import named
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, shown, timestamp
from odoo_ai_config.entrypoints.http.platform.schema import SubscriptionIdText, TenantIdText
from odoo_ai_config.entrypoints.http.subscriptions.payloads import (
    CHANGED_SUBSCRIPTION,
    NEW_SUBSCRIPTION,
    SECRET_ROTATION,
    ChangedSubscription,
    NewSubscription,
    SecretRotation,
)
from odoo_ai_config.entrypoints.http.subscriptions.schemas import (
    CreatedSubscription,
    RemovedSubscription,
    SentTrial,
    SubscriptionList,
    SubscriptionOff,
    SubscriptionState,
)

ROUTES: Final = RouteGroup("subscriptions", App.CHATWOOT, "hub")
_ALL: Final = "/v1/subscriptions"
_ONE: Final = "/v1/subscriptions/{id}"
_ID: Final = {"id": SubscriptionIdText}
_TENANT: Final = Query(
    "tenant",
    TenantIdText,
    TenantId,
    "Whose it is. By default the key's tenant; for an unbound key, the whole hub.",
)
_WRITES: Final = (*COMMIT, *VAULT, TenantForbiddenError)
_CHANGES: Final = (*_WRITES, SubscriptionNotFoundError)


@Operation(
    ROUTES,
    "GET",
    _ALL,
    scope=Scope.ADMIN,
    parameters=(_TENANT,),
    answer=SubscriptionList,
    answer_headers=("Cache-Control",),
    refusals=(TenantForbiddenError,),
)
async def list_subscriptions(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List the subscriptions of one tenant, or to the whole hub.
    """
    listed = request.app[SERVICES].manage_subscriptions.listed
    found = await listed(_TENANT.of(request), caller=caller)
    oldest_first = sorted(found.values(), key=lambda one: one.created_at)
    return shown(
        SubscriptionList(subscriptions=list(map(subscription_shown, oldest_first))), NO_STORE
    )


@Operation(
    ROUTES,
    "POST",
    _ALL,
    scope=Scope.ADMIN,
    parameters=(_TENANT,),
    body=NEW_SUBSCRIPTION,
    answer=CreatedSubscription,
    answer_headers=("Cache-Control",),
    refusals=(*_WRITES, IncompleteDataError, InvalidValueError, TooManySubscriptionsError),
)
async def create_subscription(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Subscribe: from now on each change or outcome is posted to the address.

    The answer shows the secret once. Posts are signed by the Standard Webhooks.
    """
    caller.require(Scope.ADMIN)
    said = await said_in(request, partial(read_exactly, NewSubscription, exact=True))
    made, secret = await request.app[SERVICES].manage_subscriptions.create(
        _tenant_of(request, caller), said.url, said.kinds, said.outcomes, caller=caller
    )
    return shown(CreatedSubscription(**_members(made), secret=secret.reveal()), NO_STORE)


@Operation(
    ROUTES,
    "PATCH",
    _ONE,
    scope=Scope.ADMIN,
    path_parts=_ID,
    parameters=(_TENANT,),
    body=CHANGED_SUBSCRIPTION,
    answer=SubscriptionState,
    answer_headers=("Cache-Control",),
    refusals=(*_CHANGES, InvalidValueError),
)
async def change_subscription(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Change what it is told of or where, or switch it off or on.

    What died while it was off can be replayed, as other messages can.
    """
    caller.require(Scope.ADMIN)
    said = await said_in(request, partial(read_exactly, ChangedSubscription, exact=True))
    change = SubscriptionChange(said.url, said.kinds, said.outcomes, said.on)
    changed = await request.app[SERVICES].manage_subscriptions.change(
        _tenant_of(request, caller), _id_of(request), change, caller=caller
    )
    return shown(subscription_shown(changed), NO_STORE)


@Operation(
    ROUTES,
    "POST",
    f"{_ONE}/rotate",
    scope=Scope.ADMIN,
    path_parts=_ID,
    parameters=(_TENANT,),
    body=SECRET_ROTATION,
    answer=CreatedSubscription,
    answer_headers=("Cache-Control",),
    refusals=_CHANGES,
)
async def rotate_subscription_secret(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Give it a new secret. Until the end of the overlap posts have a signature by each of the two.

    The answer shows the new one once.
    """
    caller.require(Scope.ADMIN)
    said = await said_in(request, partial(read_exactly, SecretRotation, exact=True))
    one, secret = await request.app[SERVICES].manage_subscriptions.rotate(
        _tenant_of(request, caller), _id_of(request), overlap=said.overlap, caller=caller
    )
    return shown(CreatedSubscription(**_members(one), secret=secret.reveal()), NO_STORE)


@Operation(
    ROUTES,
    "POST",
    f"{_ONE}/test",
    scope=Scope.ADMIN,
    path_parts=_ID,
    parameters=(_TENANT,),
    answer=SentTrial,
    answer_headers=("Cache-Control",),
    refusals=(*_CHANGES, SubscriptionOffError),
)
async def test_subscription(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Post an event of the type `test`, to see whether it arrives.
    """
    caller.require(Scope.ADMIN)
    send = request.app[SERVICES].send_trial
    message = await send(_tenant_of(request, caller), _id_of(request), caller=caller)
    return shown(SentTrial(message_id=message.id.value), NO_STORE)


@Operation(
    ROUTES,
    "DELETE",
    _ONE,
    scope=Scope.ADMIN,
    path_parts=_ID,
    parameters=(_TENANT,),
    answer=RemovedSubscription,
    answer_headers=("Cache-Control",),
    refusals=_CHANGES,
)
async def remove_subscription(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Remove it. What waits for it is told to nobody.
    """
    caller.require(Scope.ADMIN)
    id_ = _id_of(request)
    remove = request.app[SERVICES].manage_subscriptions.remove
    await remove(_tenant_of(request, caller), id_, caller=caller)
    return shown(RemovedSubscription(removed=id_.value), NO_STORE)


def _tenant_of(request: web.Request, caller: ApiKey) -> TenantId | None:
    return caller.listed_tenant(_TENANT.of(request))


def _id_of(request: web.Request) -> SubscriptionId:
    return named("id", SubscriptionId, request.match_info["id"])


def subscription_shown(one: Subscription) -> SubscriptionState:
    """
    A subscription as the API shows it.
    """
    return SubscriptionState(**_members(one))


def _members(one: Subscription) -> dict[str, Any]:
    until, off = one.old_secret_until, one.off
    return {
        "id": one.id.value,
        "url": one.url,
        "kinds": [kind for kind in FeedKind if kind in one.kinds],
        "outcomes": [outcome for outcome in MessageOutcome if outcome in one.outcomes],
        "created_at": timestamp(one.created_at),
        "old_secret_until": None if until is None else timestamp(until),
        "off": None if off is None else SubscriptionOff(at=timestamp(off.at), reason=off.reason),
    }
