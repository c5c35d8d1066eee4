"""
The addresses of the Odoo API: collections, and what Odoo's older modules know them by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.entrypoints.http import collections, odoo_api
from odoo_ai_config.entrypoints.http.authentication import KeyedHandler

_API: Final = "/api/v1"
_MODULES: Final[Mapping[str, Mapping[str, KeyedHandler]]] = {
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


def odoo_routes() -> dict[str, dict[str, KeyedHandler]]:
    """
    Handlers by path and method.
    """
    collection = f"{_API}/collections/{{name}}"
    asked_of_ai = odoo_api.refusing(Scope.WEBHOOK)
    return {
        collection: {
            "GET": collections.read_collection,
            "PUT": collections.replace_collection,
            "PATCH": collections.amend_collection,
        },
        f"{collection}/items/{{id}}": {"GET": collections.read_item},
        f"{_API}/collections": {"GET": collections.list_collections},
        **{path: {"POST": handler} for path, handler in module_routes().items()},
        f"{_API}/business-rules/semantic-search": {"GET": odoo_api.refusing(Scope.CONFIG_READ)},
        f"{_API}/products/sync-batch": {"POST": odoo_api.sync_products},
        f"{_API}/products/{{id}}/sync": {"POST": odoo_api.sync_product},
        f"{_API}/products/{{id}}/description": {"POST": asked_of_ai},
        f"{_API}/products/search": {"POST": asked_of_ai},
        f"{_API}/products/update-prices": {"POST": asked_of_ai},
        "/tools/sync_product_to_vector_db": {"POST": odoo_api.sync_product},
        "/tools/generate_product_description": {"POST": asked_of_ai},
    }


def module_routes() -> dict[str, KeyedHandler]:
    """
    What Odoo's modules push to, by path; their names are spelt with hyphens or underscores.
    """
    return {
        f"{_API}/{spelling}/{operation}": handler
        for module, operations in _MODULES.items()
        for operation, handler in operations.items()
        for spelling in (module, module.replace("-", "_"))
    }
