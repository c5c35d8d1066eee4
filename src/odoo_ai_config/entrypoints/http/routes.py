"""
Registers the paths of all handlers.

Every path works with and without its last slash, and with a doubled first one, because clients
disagree about that. A redirect would cost a round trip, and some clients would lose the body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.addresses.handlers import ROUTES as ADDRESSES
from odoo_ai_config.entrypoints.http.addresses.records import RECORDS
from odoo_ai_config.entrypoints.http.audit.handlers import ROUTES as AUDIT
from odoo_ai_config.entrypoints.http.channels.handlers import ROUTES as CHANNELS
from odoo_ai_config.entrypoints.http.channels.history import ROUTES as CHANNEL_HISTORY
from odoo_ai_config.entrypoints.http.channels.routing import ROUTES as ROUTING
from odoo_ai_config.entrypoints.http.chatwoot.accounts import ROUTES as CHATWOOT_ACCOUNTS
from odoo_ai_config.entrypoints.http.chatwoot.webhook import ROUTES as CHATWOOT
from odoo_ai_config.entrypoints.http.collections.handlers import ROUTES as COLLECTIONS
from odoo_ai_config.entrypoints.http.conversations.handlers import ROUTES as CONVERSATIONS
from odoo_ai_config.entrypoints.http.cors import CrossOrigin, preflight_answer
from odoo_ai_config.entrypoints.http.credentials.handlers import ROUTES as CREDENTIALS
from odoo_ai_config.entrypoints.http.documents.handlers import ROUTES as DOCUMENTS
from odoo_ai_config.entrypoints.http.feed.handlers import ROUTES as FEED
from odoo_ai_config.entrypoints.http.keys.handlers import ROUTES as KEYS
from odoo_ai_config.entrypoints.http.legacy_odoo.handlers import COMPANY_SERVICES
from odoo_ai_config.entrypoints.http.legacy_odoo.handlers import ROUTES as LEGACY_ODOO
from odoo_ai_config.entrypoints.http.mcp.handlers import ROUTES as MCP
from odoo_ai_config.entrypoints.http.messages.answers import ANSWERS
from odoo_ai_config.entrypoints.http.messages.handlers import ROUTES as MESSAGES
from odoo_ai_config.entrypoints.http.messages.persons import ROUTES as PERSONS
from odoo_ai_config.entrypoints.http.odoo_events.handlers import ROUTES as ODOO_EVENTS
from odoo_ai_config.entrypoints.http.odoo_events.simulation import SIMULATION
from odoo_ai_config.entrypoints.http.openapi.handlers import DESCRIPTION, VIEWER
from odoo_ai_config.entrypoints.http.platform.authentication import (
    signed,
)
from odoo_ai_config.entrypoints.http.platform.bodies import expect_continue
from odoo_ai_config.entrypoints.http.platform.errors import (
    AppNotServedError,
    MethodNotAllowedError,
    RouteNotFoundError,
)
from odoo_ai_config.entrypoints.http.platform.operations import (
    Access,
    AnyHandler,
    Operation,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.request_trace import NOWHERE
from odoo_ai_config.entrypoints.http.reconciliation.handlers import ROUTES as RECONCILIATION
from odoo_ai_config.entrypoints.http.status.handlers import ROUTES as STATUS
from odoo_ai_config.entrypoints.http.subscriptions.handlers import ROUTES as SUBSCRIPTIONS
from odoo_ai_config.entrypoints.http.tenants.handlers import ROUTES as TENANTS
from odoo_ai_config.entrypoints.http.tenants.lifecycle import ROUTES as TENANT_LIFECYCLE
from odoo_ai_config.entrypoints.http.ui.handlers import ROUTES as PAGES

# Too short for an id, so it only has the methods of its own path.
_NO_MESSAGE: Final = ("{message_id}", "{message_id:(?!replay(?:/|$))[^/]+}")

GROUPS: Final = (
    STATUS,
    ODOO_EVENTS,
    DESCRIPTION,
    VIEWER,
    DOCUMENTS,
    CHANNELS,
    CHANNEL_HISTORY,
    ROUTING,
    SIMULATION,
    RECONCILIATION,
    PAGES,
    TENANTS,
    TENANT_LIFECYCLE,
    CREDENTIALS,
    COLLECTIONS,
    LEGACY_ODOO,
    COMPANY_SERVICES,
    CHATWOOT,
    CHATWOOT_ACCOUNTS,
    MESSAGES,
    ANSWERS,
    PERSONS,
    CONVERSATIONS,
    AUDIT,
    FEED,
    SUBSCRIPTIONS,
    ADDRESSES,
    RECORDS,
    KEYS,
    MCP,
)


def add_routes(
    router: web.UrlDispatcher,
    *,
    apps: frozenset[App],
    cross_origin: CrossOrigin | None = None,
    let_in: Callable[..., Handler],
    compressed: Callable[[Handler], Handler],
    served: Callable[[str, str, Handler, str | None], Handler],
) -> None:
    """
    Register every path in all its forms.

    Args:
        router: The application's router.
        apps: The apps that are served; paths of other apps are refused with their own error.
        cross_origin: The origins whose preflights are answered; None for none.
        let_in: Wraps a handler that needs a key with the check of the key; `keyed`, for the
            application.
        compressed: Wraps a handler whose answers may be compressed.
        served: Wraps a handler for aiohttp; takes the path's template, the method, the handler and
            the area of its log lines.
    """
    final: dict[str, dict[str, Handler]] = {}
    for group in GROUPS:
        for path, method, handler in _served(group, apps, let_in, compressed):
            final.setdefault(path, {})[method] = served(path, method, handler, group.area)
    for form in ("{}", "{}/", "/{}", "/{}/"):
        for path, methods in final.items():
            pattern = path.removesuffix("/").replace(*_NO_MESSAGE)
            resource = router.add_resource(form.format(pattern) or "/")
            # A refusal of every method comes after the methods that are served.
            for method, handler in sorted(methods.items(), key=lambda entry: entry[0] == "*"):
                resource.add_route(method, handler, expect_handler=expect_continue)
    # A path may contain line breaks.
    nowhere = router.add_resource("/{path:(?s:.*)}")
    unrouted = partial(answer_unrouted, cross_origin=cross_origin, headers=_headers(apps))
    refused = served(NOWHERE, "any", unrouted, None)
    nowhere.add_route("*", refused, expect_handler=expect_continue)


def _headers(apps: frozenset[App]) -> Mapping[str, frozenset[str]]:
    """
    The headers that pages may send, by path.
    """
    found: dict[str, frozenset[str]] = {}
    for group in GROUPS:
        for operation, _ in group.served:
            if operation.is_served(apps):
                known = found.get(operation.path, frozenset())
                found[operation.path] = known | operation.headers_of_pages
    return found


def _served(
    group: RouteGroup,
    apps: frozenset[App],
    let_in: Callable[..., Handler],
    compressed: Callable[[Handler], Handler],
) -> Iterator[tuple[str, str, Handler]]:
    for operation, handler in group.served:
        if operation.is_served(apps):
            guarded = _guarded(operation, handler, let_in)
            if operation.is_compressed:
                guarded = compressed(guarded)
            yield operation.path, operation.method, guarded
            if operation.method == "GET":
                # aiohttp omits the body.
                yield operation.path, "HEAD", guarded
        else:
            yield operation.path, "*", refuse_app


def _guarded(operation: Operation, handler: AnyHandler, let_in: Callable[..., Handler]) -> Handler:
    audited = operation.takes_reason
    match operation.access:
        case Access.OPEN:
            return handler
        case Access.KEYED:
            return let_in(handler, audited=audited)
        case Access.PUSHED:
            return let_in(signed(handler), audited=audited)


# The signature is aiohttp's; the answer does not need the request.
async def refuse_app(_request: web.Request) -> web.StreamResponse:
    """
    Refuse a path of an app that this process does not serve.

    Raises:
        AppNotServedError: Always.
    """
    raise AppNotServedError


async def answer_unrouted(
    request: web.Request,
    *,
    cross_origin: CrossOrigin | None,
    headers: Mapping[str, frozenset[str]],
) -> web.StreamResponse:
    """
    Refuse an unknown path, or an unknown method of a known path.

    The preflight of a page of *cross_origin* is answered with the path's *headers*.

    Raises:
        MethodNotAllowedError: The path has other methods.
        RouteNotFoundError: The path does not exist.
    """
    allowed: set[str] = set()
    accepted: set[str] = set()
    for resource in request.app.router.resources():
        if resource is not request.match_info.route.resource:
            _, methods = await resource.resolve(request)
            allowed |= methods
            if methods:
                accepted |= headers["/" + resource.canonical.strip("/")]
    if cross_origin is not None and cross_origin.asks_for(request, allowed):
        return preflight_answer(allowed, accepted)
    if allowed:
        raise MethodNotAllowedError(allowed)
    raise RouteNotFoundError
