"""
The idempotency key of a request: Standard Webhooks' message id, or ``Idempotency-Key``.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from aiohttp import web

from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import Claim, IdempotencyKey
from odoo_ai_config.entrypoints.http.platform.errors import InvalidIdempotencyKeyError

_HEADERS: Final = ("webhook-id", "Idempotency-Key")
_VALID_KEY: Final = re.compile(r"[!-~]{1,256}")
REPLAYED: Final = {"Idempotent-Replayed": "true"}


def claim_of(
    request: web.Request,
    caller: ApiKey,
    raw: bytes,
    *,
    path: str | None = None,
    about: str = "",
) -> Claim | None:
    """
    The idempotency claim of a request; None without a key.

    The request's digest is of the body *raw*, the path and *about*, a part of the query. *path* is
    the address that the request was meant for, if it is not its own.

    Raises:
        InvalidIdempotencyKeyError: The key is empty, too long or not visible ASCII.
    """
    for header in _HEADERS:
        key = request.headers.get(header)
        if key is None:
            continue
        if _VALID_KEY.fullmatch(key) is None:
            raise InvalidIdempotencyKeyError
        target = f"{request.method} /{(path or request.path).strip('/')}{about}\n"
        digest = hashlib.sha256(target.encode("utf-8", "surrogateescape") + raw).hexdigest()
        return Claim(IdempotencyKey(caller.id, key), digest)
    return None
