"""
The OpenAPI description, built on the first request for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.apps import ALL_APPS, App
from odoo_ai_config.entrypoints.http.openapi.components import headers, parameters
from odoo_ai_config.entrypoints.http.openapi.described import Describer
from odoo_ai_config.entrypoints.http.platform.operations import RouteGroup

_ABOUT = """\
The configuration hub between Odoo, Chatwoot and AI services.

Every path works with and without its last slash, without a redirect, and `HEAD` works wherever
`GET` does. Refusals are problem documents (RFC 9457), in Portuguese unless `Accept-Language`
prefers English. A path that does not exist is a 404 with the code `route_not_found`; a method that
a path does not have is a 405 with `method_not_allowed`, and `Allow` lists the others.
"""


def description(
    groups: Iterable[RouteGroup], version: str, apps: frozenset[App] = ALL_APPS
) -> JsonObject:
    """
    The OpenAPI document of a hub of this *version* that serves the *groups* of *apps*.
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
            {"name": "events", "description": "Events of Odoo."},
            {"name": "documents", "description": "Settings of tenants, with their history."},
            {"name": "mapping", "description": "The owners of Chatwoot channels."},
            {"name": "tenants", "description": "Tenants, their channels and credentials."},
            {"name": "audit", "description": "The audit trail."},
            {"name": "chatwoot", "description": "Events and accounts of Chatwoot."},
            {"name": "messages", "description": "Messages, their stages and their answers."},
            {
                "name": "conversations",
                "description": "Conversations, when the AI is silent, and its pauses.",
            },
            {"name": "collections", "description": "Products, rules and other items to index."},
            {"name": "mcp", "description": "Tools for AI clients (Model Context Protocol)."},
            {"name": "pages", "description": "Pages for the browser."},
            {"name": "status", "description": "Health and metrics, without a key."},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "ApiKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-API-Key",
                    "description": "A key needs the scope of the operation; `admin` includes all "
                    "others. It may be bound to one tenant.",
                },
                "Bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The same key, in the form of Odoo's older modules.",
                },
                **described.security_schemes,
            },
            "parameters": parameters(),
            "headers": headers(),
            "responses": described.responses,
            "schemas": described.schemas,
        },
    }
