"""
Which path leads to which handler.

Every path works with and without its last slash, and with a doubled first one, because its
clients do not agree on that; a redirect would cost them a round trip, and some a body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler
from attrs import field, frozen

from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.audit.handlers import ROUTES as AUDIT
from odoo_ai_config.entrypoints.http.channels import handlers as mapping
from odoo_ai_config.entrypoints.http.channels import routing
from odoo_ai_config.entrypoints.http.chatwoot.accounts import ROUTES as CHATWOOT_ACCOUNTS
from odoo_ai_config.entrypoints.http.chatwoot.webhook import ROUTES as CHATWOOT
from odoo_ai_config.entrypoints.http.collections.handlers import ROUTES as COLLECTIONS
from odoo_ai_config.entrypoints.http.credentials.handlers import ROUTES as CREDENTIALS
from odoo_ai_config.entrypoints.http.documents.handlers import ROUTES as DOCUMENTS
from odoo_ai_config.entrypoints.http.legacy_odoo.handlers import ROUTES as LEGACY_ODOO
from odoo_ai_config.entrypoints.http.messages.answers import ANSWERS
from odoo_ai_config.entrypoints.http.messages.handlers import ROUTES as MESSAGES
from odoo_ai_config.entrypoints.http.odoo_events import handlers as odoo_webhook
from odoo_ai_config.entrypoints.http.openapi.handlers import DESCRIPTION, VIEWER
from odoo_ai_config.entrypoints.http.platform import operations
from odoo_ai_config.entrypoints.http.platform.authentication import (
    KeyedHandler,
    PushHandler,
    signed,
)
from odoo_ai_config.entrypoints.http.platform.bodies import expect_continue
from odoo_ai_config.entrypoints.http.platform.errors import (
    AppNotServedError,
    MethodNotAllowedError,
    RouteNotFoundError,
)
from odoo_ai_config.entrypoints.http.platform.operations import Access, AnyHandler
from odoo_ai_config.entrypoints.http.platform.request_trace import NOWHERE
from odoo_ai_config.entrypoints.http.reconciliation import handlers as reconciling
from odoo_ai_config.entrypoints.http.status.handlers import ROUTES as STATUS
from odoo_ai_config.entrypoints.http.tenants.handlers import ROUTES as TENANTS
from odoo_ai_config.entrypoints.http.ui.handlers import ROUTES as PAGES

# By path, then by method.
Open: TypeAlias = Mapping[str, Mapping[str, Handler]]
Keyed: TypeAlias = Mapping[str, Mapping[str, KeyedHandler]]
Pushes: TypeAlias = Mapping[str, Mapping[str, PushHandler]]


@frozen
class RouteGroup:
    """
    Addresses that belong together.

    Args:
        app: The app that they belong to; None if they are always served.
        area: What their log lines are about, one of `log_files.AREAS`; None for the server
            itself.
        keyed: Those that ask for an API key.
        pushes: Those that ask for one with the scope ``webhook``, and for a signature where the
            operator demands it.
        open: Those that do not, or that find out in their own way who asks.
    """

    app: App | None
    area: str | None
    keyed: Keyed = field(factory=dict)
    pushes: Pushes = field(factory=dict)
    open: Open = field(factory=dict)


_EVENTS: Final[Keyed] = {"/odoo-webhook": {"POST": odoo_webhook.receive_event}}

# The most frequent path of each prefix first: aiohttp tries them in this order.
_CONFIG: Final[Keyed] = {
    "/mapping": {
        "GET": mapping.read_mapping,
        "POST": mapping.replace_mapping,
        "PATCH": mapping.merge_mapping,
    },
    "/mapping/export": {"GET": mapping.export_mapping},
    "/v1/route": {"GET": routing.resolve_route},
    "/v1/route/simulate": {"POST": routing.simulate_event},
}

_COMPARED: Final[Pushes] = {"/v1/reconcile": {"POST": reconciling.reconcile}}

# Too short for an id, so that it has the methods of its own path only.
_NO_MESSAGE: Final = ("{message_id}", "{message_id:(?!replay(?:/|$))[^/]+}")

_GROUPS: Final = (
    RouteGroup(App.CONFIG, "odoo-webhook", keyed=_EVENTS),
    RouteGroup(App.CONFIG, "config", keyed=_CONFIG, pushes=_COMPARED),
)


# Those that carry their operations.
GROUPS: Final = (
    STATUS,
    DESCRIPTION,
    VIEWER,
    DOCUMENTS,
    PAGES,
    TENANTS,
    CREDENTIALS,
    COLLECTIONS,
    LEGACY_ODOO,
    CHATWOOT,
    CHATWOOT_ACCOUNTS,
    MESSAGES,
    ANSWERS,
    AUDIT,
)


def add_routes(
    router: web.UrlDispatcher,
    *,
    apps: frozenset[App],
    let_in: Callable[[KeyedHandler], Handler],
    served: Callable[[str, str, Handler, str | None], Handler],
) -> None:
    """
    Register every path in every form in which it may be asked for.

    Args:
        router: Where to.
        apps: Whose paths are answered; those of the others are refused by name.
        let_in: Puts the check of the key before a handler that needs one.
        served: Makes of a path's template, a method, a handler and the area of its log lines
            what aiohttp is to call.
    """
    final: dict[str, dict[str, Handler]] = {}
    for group in _GROUPS:
        for path, method, handler in _rows(group, apps, let_in):
            final.setdefault(path, {})[method] = served(path, method, handler, group.area)
    for described in GROUPS:
        for path, method, handler in _served(described, apps, let_in):
            final.setdefault(path, {})[method] = served(path, method, handler, described.area)
    for form in ("{}", "{}/", "/{}", "/{}/"):
        for path, methods in final.items():
            pattern = path.removesuffix("/").replace(*_NO_MESSAGE)
            resource = router.add_resource(form.format(pattern) or "/")
            for method, handler in methods.items():
                resource.add_route(method, handler, expect_handler=expect_continue)
    # A path may have line breaks in it.
    nowhere = router.add_resource("/{path:(?s:.*)}")
    refused = served(NOWHERE, "any", refuse_path, None)
    nowhere.add_route("*", refused, expect_handler=expect_continue)


def _rows(
    group: RouteGroup, apps: frozenset[App], let_in: Callable[[KeyedHandler], Handler]
) -> Iterator[tuple[str, str, Handler]]:
    if group.app is None or group.app in apps:
        keyed = {
            path: {method: let_in(handler) for method, handler in methods.items()}
            for path, methods in group.keyed.items()
        }
        pushes = {
            path: {method: let_in(signed(handler)) for method, handler in methods.items()}
            for path, methods in group.pushes.items()
        }
        for path, methods in (*group.open.items(), *keyed.items(), *pushes.items()):
            for method, handler in methods.items():
                yield path, method, handler
            if "GET" in methods:
                # aiohttp leaves the body out.
                yield path, "HEAD", methods["GET"]
    else:
        for path in (*group.open, *group.keyed, *group.pushes):
            yield path, "*", refuse_app


def _served(
    group: operations.RouteGroup, apps: frozenset[App], let_in: Callable[[KeyedHandler], Handler]
) -> Iterator[tuple[str, str, Handler]]:
    for operation, handler in group.served:
        if group.app is None or group.app in apps:
            guarded = _guarded(operation.access, handler, let_in)
            yield operation.path, operation.method, guarded
            if operation.method == "GET":
                # aiohttp leaves the body out.
                yield operation.path, "HEAD", guarded
        else:
            yield operation.path, "*", refuse_app


def _guarded(
    access: Access, handler: AnyHandler, let_in: Callable[[KeyedHandler], Handler]
) -> Handler:
    match access:
        case Access.OPEN:
            return handler
        case Access.KEYED:
            return let_in(handler)
        case Access.PUSHED:
            return let_in(signed(handler))


# The handler's form is aiohttp's; the answer needs nothing of the request.
async def refuse_app(_request: web.Request) -> web.StreamResponse:
    """
    Say that the address is right and the server is not.

    Raises:
        AppNotServedError: Always.
    """
    raise AppNotServedError


async def refuse_path(request: web.Request) -> web.StreamResponse:
    """
    Tell a path that does not exist from a method that it does not have.

    Raises:
        MethodNotAllowedError: The path has others.
        RouteNotFoundError: It does not exist.
    """
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        if resource is not request.match_info.route.resource:
            _, methods = await resource.resolve(request)
            allowed |= methods
    if allowed:
        raise MethodNotAllowedError(allowed)
    raise RouteNotFoundError
