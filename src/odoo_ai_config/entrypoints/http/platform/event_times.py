"""
The time that a request claims for its event.
"""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from odoo_ai_config.domain.event_times import time_in
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.platform.app_keys import EVENT_AT, OPTIONS


def event_time(request: web.Request, stated: Json) -> datetime | None:
    """
    When the event of *request* is from: *stated*, its `timestamp`, or else `webhook-timestamp`.

    The latter is the time of an attempt to send it. None if the order of events does not matter to
    the operator, or if neither is a time.
    """
    if not request.app[OPTIONS].ignore_stale:
        return None
    return time_in(stated) or time_in(request.headers.get("webhook-timestamp"))


def note_event_time(request: web.Request, body: JsonObject) -> None:
    """
    Keep the `event_time` of *request* with it, for where the event is taken in.
    """
    event_at = event_time(request, body.get("timestamp"))
    if event_at is not None:
        request[EVENT_AT] = event_at
