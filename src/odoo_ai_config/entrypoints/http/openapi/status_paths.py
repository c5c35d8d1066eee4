"""
What anybody may ask: who answers, how it does, and how to talk to it.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST

from odoo_ai_config.application import errors as application
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.openapi.operations import (
    FRESHNESS,
    answered,
    operation,
    unchanged,
)
from odoo_ai_config.entrypoints.http.openapi.shapes import ref, text

_TAG: Final = "status"
_KNOWN: Final = ref("If-None-Match", "parameters")
_METRICS_TYPE: Final = CONTENT_TYPE_LATEST.partition(";")[0]
_FILE_HEADERS: Final = (*FRESHNESS, "X-Content-Type-Options")


def status_paths() -> JsonObject:
    """
    The paths that need no key.
    """
    store = (application.StoreUnavailableError, application.StoreUnusableError)
    return {
        "/": {
            "get": operation(
                "showIdentity",
                "What answers here",
                tag=_TAG,
                answers=[
                    answered("Name, version, and where the documentation is.", ref("Identity"))
                ],
            )
        },
        "/health": {
            "get": operation(
                "showHealth",
                "Whether the process answers",
                tag=_TAG,
                answers=[answered("It does; nothing else was touched.", ref("Healthy"))],
            )
        },
        "/ready": {
            "get": operation(
                "showReadiness",
                "Whether the store can be read and written",
                tag=_TAG,
                answers=[answered("It can.", ref("Ready"))],
                refusals=store,
            )
        },
        "/metrics": {
            "get": operation(
                "showMetrics",
                "Metrics for Prometheus",
                tag=_TAG,
                answers=[answered("Without names of tenants.", text(), media_type=_METRICS_TYPE)],
            )
        },
        "/openapi.json": {
            "get": operation(
                "showDescription",
                "This document",
                tag=_TAG,
                parameters=[_KNOWN],
                answers=[
                    answered("OpenAPI 3.1.", {"type": "object"}, headers=_FILE_HEADERS),
                    unchanged(_FILE_HEADERS),
                ],
            )
        },
    }
