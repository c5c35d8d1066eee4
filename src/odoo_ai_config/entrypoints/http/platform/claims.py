"""
What a request claims: that it repeats an earlier one, and when its event was.

The first is told by its idempotency key: Standard Webhooks' message id, or ``Idempotency-Key``.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Final

from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import Claim, IdempotencyKey
from odoo_ai_config.domain.event_times import time_in
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.entrypoints.http.platform.app_keys import OPTIONS
from odoo_ai_config.entrypoints.http.platform.errors import InvalidIdempotencyKeyError
from odoo_ai_config.entrypoints.http.platform.spool import Incoming, Replayed

_HEADERS: Final = ("webhook-id", "Idempotency-Key")
_VALID_KEY: Final = re.compile(r"[!-~]{1,256}")
REPLAYED: Final = {"Idempotent-Replayed": "true"}


def claim_of(
    request: Incoming,
    caller: ApiKey,
    raw: bytes,
    *,
    path: str | None = None,
    about: str = "",
) -> Claim | None:
    """
    The idempotency claim of a request; None without a key.

    A request from the spool without a key has one of its own: it may be in the store already.

    The request's digest is of the body *raw*, the path and *about*, a part of the query. *path* is
    the address that the request was meant for, if it is not its own.

    Raises:
        InvalidIdempotencyKeyError: The key is empty, too long or not visible ASCII.
    """
    given = (request.headers.get(header) for header in _HEADERS)
    key = next((key for key in given if key is not None), None)
    if key is None:
        if not isinstance(request, Replayed):
            return None
        key = f"spool-{request.arrival.id}"
    if _VALID_KEY.fullmatch(key) is None:
        raise InvalidIdempotencyKeyError
    target = f"{request.method} /{(path or request.path).strip('/')}{about}\n"
    digest = hashlib.sha256(target.encode("utf-8", "surrogateescape") + raw).hexdigest()
    return Claim(IdempotencyKey(caller.id, key), digest)


def event_time(request: Incoming, stated: Json) -> datetime | None:
    """
    When the event of *request* is from: *stated*, its `timestamp`, or else `webhook-timestamp`.

    The latter is the time of an attempt to send it. None if the order of events does not matter to
    the operator, or if neither is a time.
    """
    if not request.app[OPTIONS].ignore_stale:
        return None
    return time_in(stated) or time_in(request.headers.get("webhook-timestamp"))
