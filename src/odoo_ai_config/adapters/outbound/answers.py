"""
What the other side answers, read within limits, and what went wrong when it did not.
"""

from __future__ import annotations

import email.utils
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from odoo_ai_config.application.off_loop import run_off_loop
from odoo_ai_config.domain.json_types import Json, unique_members

if TYPE_CHECKING:
    from aiohttp import ClientResponse

MOST_BYTES: Final = 1024 * 1024
LONGEST_PAUSE: Final = 3600.0
_PASSING: Final = frozenset({408, 425, 429})


class CallFailedError(Exception):
    """
    There was no answer, or its status says that another attempt may succeed.

    Args:
        event: Which of the two, as logs name it.
        retry_after: The seconds that the other side asks to wait for.
        told: Details that may be logged.
    """

    def __init__(self, event: str, retry_after: float | None = None, **told: object) -> None:
        super().__init__(event)
        self.event = event
        self.retry_after = retry_after
        self.told = told


class UnreadableError(Exception):
    """
    The body is too large, not JSON, or has a member twice.
    """


def may_pass(status: int) -> bool:
    """
    Whether *status* says that another attempt may do better.
    """
    return status in _PASSING or status >= 500  # noqa: PLR2004 - HTTP's


def pause_asked_for(response: ClientResponse, *, now: datetime) -> float | None:
    """
    The seconds of a ``Retry-After``, bounded, or None if there is none that can be read.
    """
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        # So many digits are "long" in any case, and int() would refuse thousands of them.
        return min(float(text[:9]), LONGEST_PAUSE)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, min((until - now).total_seconds(), LONGEST_PAUSE))


async def json_in(response: ClientResponse) -> Json:
    """
    The body as JSON; None if it is blank.

    Raises:
        UnreadableError: It is too large, not JSON, or has an object with the same member twice.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            raise UnreadableError
    if not body.strip():
        return None
    try:
        parsed: Json = await run_off_loop(
            lambda: json.loads(body, object_pairs_hook=unique_members), cost=len(body)
        )
    except (ValueError, RecursionError):
        raise UnreadableError from None
    return parsed
