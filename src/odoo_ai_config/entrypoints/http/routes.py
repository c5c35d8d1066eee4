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
from odoo_ai_config.entrypoints.http import (
    credentials,
    description,
    documents,
    health,
    mapping,
    odoo_webhook,
    routing,
    tenants,
)
from odoo_ai_config.entrypoints.http.authentication import KeyedHandler
from odoo_ai_config.entrypoints.http.bodies import expect_continue
from odoo_ai_config.entrypoints.http.errors import (
    AppNotServedError,
    MethodNotAllowedError,
    RouteNotFoundError,
)

# By path, then by method.
Open: TypeAlias = Mapping[str, Mapping[str, Handler]]
Keyed: TypeAlias = Mapping[str, Mapping[str, KeyedHandler]]

_DOCUMENT: Final = "/configs/{tenant}/{domain}/{kind}"
_CREDENTIAL: Final = "/v1/tenants/{tenant}/{domain}/credentials/{ref}"


@frozen
class RouteGroup:
    """
    The addresses of one app.

    Args:
        keyed: Those that ask for an API key.
        open: Those that do not, or that find out in their own way who asks.
    """

    keyed: Keyed = field(factory=dict)
    open: Open = field(factory=dict)


_ALWAYS: Final[Open] = {
    "/": {"GET": health.show_identity},
    "/health": {"GET": health.show_health},
    "/ready": {"GET": health.show_readiness},
    "/metrics": {"GET": health.show_metrics},
    "/openapi.json": {"GET": description.show_description},
    "/docs": {"GET": description.show_viewer},
    "/docs/{file}": {"GET": description.show_viewer_file},
}

# The most frequent path of each prefix first: aiohttp tries them in this order.
_CONFIG: Final[Keyed] = {
    "/odoo-webhook": {"POST": odoo_webhook.receive_event},
    _DOCUMENT: {
        "GET": documents.read_document,
        "POST": documents.publish,
        "PATCH": documents.patch,
        "DELETE": documents.delete,
    },
    f"{_DOCUMENT}/yaml": {"GET": documents.read_yaml},
    f"{_DOCUMENT}/history": {"GET": documents.read_history},
    f"{_DOCUMENT}/version/{{version}}": {"GET": documents.read_version},
    f"{_DOCUMENT}/diff": {"GET": documents.compare},
    f"{_DOCUMENT}/rollback": {"POST": documents.roll_back},
    "/configs/{tenant}": {"GET": documents.list_documents},
    "/mapping": {
        "GET": mapping.read_mapping,
        "POST": mapping.replace_mapping,
        "PATCH": mapping.merge_mapping,
    },
    "/mapping/export": {"GET": mapping.export_mapping},
    "/v1/route": {"GET": routing.resolve_route},
    "/v1/tenants": {"GET": tenants.list_tenants},
    "/v1/tenants/{tenant}": {"GET": tenants.read_tenant},
    _CREDENTIAL: {"GET": credentials.read_credential},
}

_GROUPS: Final[Mapping[App, RouteGroup]] = {
    App.CONFIG: RouteGroup(keyed=_CONFIG),
    App.CHATWOOT: RouteGroup(),
    App.ODOO_API: RouteGroup(),
}


def add_routes(
    router: web.UrlDispatcher,
    *,
    apps: frozenset[App],
    let_in: Callable[[KeyedHandler], Handler],
    served: Callable[[str, str, Handler], Handler],
) -> None:
    """
    Register every path in every form in which it may be asked for.

    Args:
        router: Where to.
        apps: Whose paths are answered; those of the others are refused by name.
        let_in: Puts the check of the key before a handler that needs one.
        served: Makes of a path's template, a method and a handler what aiohttp is to call.
    """
    final = {
        path: {method: served(path, method, handler) for method, handler in methods.items()}
        for path, methods in _handlers(apps, let_in).items()
    }
    for form in ("{}", "{}/", "/{}", "/{}/"):
        for path, methods in final.items():
            resource = router.add_resource(form.format(path.removesuffix("/")) or "/")
            for method, handler in methods.items():
                resource.add_route(method, handler, expect_handler=expect_continue)
    nowhere = router.add_resource("/{path:.*}")
    nowhere.add_route("*", served("/{path}", "any", refuse_path), expect_handler=expect_continue)


def _handlers(
    apps: frozenset[App], let_in: Callable[[KeyedHandler], Handler]
) -> dict[str, dict[str, Handler]]:
    handlers = {path: dict(_with_head(methods)) for path, methods in _ALWAYS.items()}
    for app, group in _GROUPS.items():
        if app in apps:
            for path, methods in group.open.items():
                handlers.setdefault(path, {}).update(_with_head(methods))
            for path, keyed in group.keyed.items():
                lets_in = {method: let_in(handler) for method, handler in keyed.items()}
                handlers.setdefault(path, {}).update(_with_head(lets_in))
        else:
            for path in (*group.open, *group.keyed):
                handlers[path] = {"*": refuse_app}
    return handlers


def _with_head(methods: Mapping[str, Handler]) -> Iterator[tuple[str, Handler]]:
    yield from methods.items()
    if "GET" in methods:
        # aiohttp leaves the body out.
        yield "HEAD", methods["GET"]


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
