"""
The OpenAPI description, built on the first request for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

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


# In the order in which viewers show them. Those of the served routes are declared.
_TAGS: Final = {
    "events": "Events of Odoo.",
    "addresses": "Secret addresses for Odoo without an add-on.",
    "documents": "Settings of tenants, with their history.",
    "mapping": "The owners of Chatwoot channels.",
    "tenants": "Tenants, their channels, credentials and standing.",
    "audit": "The audit trail.",
    "feed": "What has changed, as it happens.",
    "keys": "API keys.",
    "chatwoot": "Events and accounts of Chatwoot.",
    "messages": "Messages, their stages and their answers.",
    "conversations": "Conversations, when the AI is silent, and its pauses.",
    "persons": "What the hub has of a person: found, exported and erased.",
    "subscriptions": "Who is told of changes and outcomes, by signed requests.",
    "collections": "Products, rules and other items to index.",
    "mcp": "Tools for AI clients (Model Context Protocol).",
    "pages": "Pages for the browser.",
    "status": "Health and metrics, without a key.",
}


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
            {"name": tag, "description": _TAGS[tag]}
            for tag in sorted(described.tags, key=[*_TAGS].index)
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
