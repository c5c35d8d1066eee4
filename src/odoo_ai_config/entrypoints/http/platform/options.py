"""
Options of the HTTP boundary.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from attrs import field, frozen

from odoo_ai_config.entrypoints.apps import ALL_APPS, App
from odoo_ai_config.entrypoints.http.platform.signature import SignaturePolicy

MEBIBYTE: Final = 1024 * 1024


@frozen
class HttpOptions:
    """
    Limits of the HTTP boundary, and the secrets that senders sign with.

    Args:
        version: The hub's version, which ``GET /`` shows.
        apps: The apps that are served.
        max_collection_bytes: As *max_body_bytes*, for whole collections and for the mapping.
        signatures: How events at the webhook are verified.
        requests_per_second: The limit of one API key or Chatwoot account; 0 for no limit.
        failed_authentications_per_second: How often one address may send a wrong key, signature or
            webhook token before it has to wait; 0 for no limit.
        ignore_stale: Whether an event that is older than the stored state changes nothing.
        cors_origins: The origins whose pages may read answers in a browser.
        connections_per_address: Open connections of one address in this process; 0 for no limit.
        header_seconds: How long a connection may take to send the headers of a request.
        body_seconds: How long a body may take, plus the time that its size adds.
        cached_bytes: Memory for rendered documents, and half as much for compressed answers.
        unix_time: The clock for the timestamps of signatures.
    """

    version: str
    apps: frozenset[App] = ALL_APPS
    signatures: SignaturePolicy = field(factory=SignaturePolicy)
    max_body_bytes: int = MEBIBYTE
    max_collection_bytes: int = 32 * MEBIBYTE
    max_json_depth: int = 32
    requests_per_second: float = 20_000
    failed_authentications_per_second: float = 10
    ignore_stale: bool = True
    cors_origins: frozenset[str] = frozenset()
    connections_per_address: int = 512
    header_seconds: float = 10
    body_seconds: float = 20
    cached_bytes: int = 16 * MEBIBYTE
    unix_time: Callable[[], float] = time.time
