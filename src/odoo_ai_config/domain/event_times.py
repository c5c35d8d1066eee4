"""
The order of a source's events, by the times that they claim.

Requests overtake each other, and a source sends an event again if it had no answer. A late event
that is older than the one behind the stored state must not win.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from odoo_ai_config.domain.outcomes import Notice

STALE: Final = Notice("stale", "timestamp")


def believed(claimed: datetime | None, *, now: datetime) -> datetime | None:
    """
    The time of an event that claims to be of *claimed*.

    A source whose clock is ahead is believed only up to *now*: otherwise one event could block
    all others for years.
    """
    return None if claimed is None else min(claimed, now)


def is_stale(event_at: datetime | None, *stored: datetime | None) -> bool:
    """
    Whether an event is older than one of those that led to the *stored* states.

    Equal times are not: a source sends the same event again. None is an event, or a state, of
    unknown time.
    """
    return event_at is not None and any(at is not None and event_at < at for at in stored)


def latest(*times: datetime | None) -> datetime | None:
    """
    The latest of *times*; None if all are unknown.
    """
    return max((at for at in times if at is not None), default=None)
