"""
Which path leads to which handler.

Every path works with and without its last slash, and with a doubled first one, because its
clients do not agree on that; a redirect would cost them a round trip, and some a body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from odoo_ai_config.entrypoints.http import (
    credentials,
    documents,
    health,
    mapping,
    odoo_webhook,
    routing,
    tenants,
)
from odoo_ai_config.entrypoints.http.authentication import keyed
from odoo_ai_config.entrypoints.http.bodies import expect_continue
from odoo_ai_config.entrypoints.http.errors import MethodNotAllowedError, RouteNotFoundError

_DOCUMENT: Final = "/configs/{tenant}/{domain}/{kind}"
_CREDENTIAL: Final = "/v1/tenants/{tenant}/{domain}/credentials/{ref}"

# The most frequent path of each prefix first: aiohttp tries them in this order.
_PATHS: Final[dict[str, dict[str, Handler]]] = {
    "/": {"GET": health.show_identity},
    "/health": {"GET": health.show_health},
    "/ready": {"GET": health.show_readiness},
    "/metrics": {"GET": health.show_metrics},
    "/odoo-webhook": {"POST": keyed(odoo_webhook.receive_event)},
    _DOCUMENT: {
        "GET": keyed(documents.read_document),
        "POST": keyed(documents.publish),
        "PATCH": keyed(documents.patch),
        "DELETE": keyed(documents.delete),
    },
    f"{_DOCUMENT}/yaml": {"GET": keyed(documents.read_yaml)},
    f"{_DOCUMENT}/history": {"GET": keyed(documents.read_history)},
    f"{_DOCUMENT}/version/{{version}}": {"GET": keyed(documents.read_version)},
    f"{_DOCUMENT}/diff": {"GET": keyed(documents.compare)},
    f"{_DOCUMENT}/rollback": {"POST": keyed(documents.roll_back)},
    "/configs/{tenant}": {"GET": keyed(documents.list_documents)},
    "/mapping": {
        "GET": keyed(mapping.read_mapping),
        "POST": keyed(mapping.replace_mapping),
        "PATCH": keyed(mapping.merge_mapping),
    },
    "/mapping/export": {"GET": keyed(mapping.export_mapping)},
    "/v1/route": {"GET": keyed(routing.resolve_route)},
    "/v1/tenants": {"GET": keyed(tenants.list_tenants)},
    "/v1/tenants/{tenant}": {"GET": keyed(tenants.read_tenant)},
    _CREDENTIAL: {"GET": keyed(credentials.read_credential)},
}


def add_routes(router: web.UrlDispatcher, served: Callable[[str, Handler], Handler]) -> None:
    """
    Register every path in every form in which it may be asked for.

    *served* makes of a path's template and its handler what aiohttp is to call.
    """
    handlers = {
        (path, method): served(path, handler)
        for path, methods in _PATHS.items()
        for method, handler in methods.items()
    }
    for form in ("{}", "{}/", "/{}", "/{}/"):
        for (path, method), handler in handlers.items():
            resource = router.add_resource(form.format(path.removesuffix("/")) or "/")
            resource.add_route(method, handler, expect_handler=expect_continue)
            if method == "GET":
                resource.add_route("HEAD", handler, expect_handler=expect_continue)
    nowhere = router.add_resource("/{path:.*}")
    nowhere.add_route("*", served("/{path}", refuse_path), expect_handler=expect_continue)


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
