"""
The whole description, put together when somebody first asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.apps import ALL_APPS, App
from odoo_ai_config.entrypoints.http.openapi import request_schemas
from odoo_ai_config.entrypoints.http.openapi.collection_requests import collection_schemas
from odoo_ai_config.entrypoints.http.openapi.components import headers, parameters
from odoo_ai_config.entrypoints.http.openapi.described import Describer
from odoo_ai_config.entrypoints.http.openapi.message_requests import message_schemas
from odoo_ai_config.entrypoints.http.platform.operations import RouteGroup

_ABOUT = """\
The configuration hub between Odoo, Chatwoot and AI services.

Every path works with and without its last slash, without a redirect, and `HEAD` works wherever
`GET` does. Refusals are problem documents (RFC 9457), in Portuguese unless `Accept-Language`
prefers English. A path that does not exist is a 404 with the code `route_not_found`; a method that
a path does not have is a 405 with `method_not_allowed`, and `Allow` tells those it has.
"""


def description(
    groups: Iterable[RouteGroup], version: str, apps: frozenset[App] = ALL_APPS
) -> JsonObject:
    """
    The OpenAPI document of a hub in this *version* that serves *apps* with *groups*.
    """
    described = Describer()
    paths = described.paths(groups, apps)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "odoo-ai-config",
            "version": version,
            "summary": "Configuration hub between Odoo, Chatwoot and AI services",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "events", "description": "What Odoo pushes."},
            {"name": "documents", "description": "Settings of tenants, with their history."},
            {"name": "mapping", "description": "Whose a Chatwoot channel is."},
            {"name": "tenants", "description": "Who is configured, and sealed credentials."},
            {"name": "audit", "description": "Who did what."},
            {"name": "chatwoot", "description": "What Chatwoot pushes."},
            {"name": "messages", "description": "What became of it, and what crews answer."},
            {"name": "collections", "description": "Products, rules and the like, to be indexed."},
            {"name": "pages", "description": "For people, in the browser."},
            {"name": "status", "description": "What anybody may ask."},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "ApiKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-API-Key",
                    "description": "A key needs the scope that an operation names; `admin` "
                    "includes every other. It may be bound to one tenant.",
                },
                "Bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The same key, as Odoo's older modules send it.",
                },
                **described.security_schemes,
            },
            "parameters": parameters(),
            "headers": headers(),
            "responses": described.responses,
            "schemas": {
                **message_schemas(),
                **collection_schemas(),
                **request_schemas.lenient_values(),
                **request_schemas.bodies(),
                **described.schemas,
            },
        },
    }
