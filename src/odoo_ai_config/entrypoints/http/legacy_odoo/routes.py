"""
The addresses of the Odoo API: collections, and what Odoo's older modules know them by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from odoo_ai_config.entrypoints.http.collections import handlers as collections
from odoo_ai_config.entrypoints.http.legacy_odoo import handlers as odoo_api
from odoo_ai_config.entrypoints.http.platform.authentication import KeyedHandler, PushHandler

_API: Final = "/api/v1"
_MODULES: Final[Mapping[str, Mapping[str, PushHandler]]] = {
    "business-rules": {
        "sync": odoo_api.sync_rules,
        "sync-company-metadata": odoo_api.sync_company,
        "sync-support-documents": odoo_api.sync_documents,
        "sync-scheduling-rules": odoo_api.sync_scheduling,
        "clear-support-documents": odoo_api.clear_documents,
    },
    "scheduling-rules": {"sync": odoo_api.sync_scheduling},
    "support-documents": {"sync": odoo_api.sync_documents},
    "company-metadata": {"sync": odoo_api.sync_company},
}


_COLLECTION: Final = f"{_API}/collections/{{name}}"


def odoo_reads() -> dict[str, dict[str, KeyedHandler]]:
    """
    Handlers of what is read, by path and method.
    """
    return {
        _COLLECTION: {"GET": collections.read_collection},
        f"{_COLLECTION}/items/{{id}}": {"GET": collections.read_item},
        f"{_API}/collections": {"GET": collections.list_collections},
        f"{_API}/business-rules/semantic-search": {"GET": odoo_api.refuse_search},
    }


def odoo_pushes() -> dict[str, dict[str, PushHandler]]:
    """
    Handlers of what is pushed, by path and method.
    """
    return {
        _COLLECTION: {
            "PUT": collections.replace_collection,
            "PATCH": collections.amend_collection,
        },
        **{path: {"POST": handler} for path, handler in module_routes().items()},
        f"{_API}/products/sync-batch": {"POST": odoo_api.sync_products},
        f"{_API}/products/{{id}}/sync": {"POST": odoo_api.sync_product},
        f"{_API}/products/{{id}}/description": {"POST": odoo_api.refuse_push},
        f"{_API}/products/search": {"POST": odoo_api.refuse_push},
        f"{_API}/products/update-prices": {"POST": odoo_api.refuse_push},
        "/tools/sync_product_to_vector_db": {"POST": odoo_api.sync_product},
        "/tools/generate_product_description": {"POST": odoo_api.refuse_push},
    }


def module_routes() -> dict[str, PushHandler]:
    """
    What Odoo's modules push to, by path; their names are spelt with hyphens or underscores.
    """
    return {
        f"{_API}/{spelling}/{operation}": handler
        for module, operations in _MODULES.items()
        for operation, handler in operations.items()
        for spelling in (module, module.replace("-", "_"))
    }
