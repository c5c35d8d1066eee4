"""
Requests that are done once, however often they come.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from attrs import evolve

from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.changes import Claim, Delivery
from odoo_ai_config.domain.errors import IdempotencyKeyReusedError
from odoo_ai_config.domain.outcomes import Outcome

DELIVERY_TTL: Final = timedelta(hours=24)


async def earlier_outcome(store: ConfigStore, claim: Claim | None) -> Outcome | None:
    """
    What a request with the same idempotency key did, or None if it is the first.

    Raises:
        IdempotencyKeyReusedError: The key came before with another body.
    """
    if claim is None:
        return None
    delivery = await store.delivery(claim.id)
    if delivery is None:
        return None
    if delivery.claim.digest != claim.digest:
        raise IdempotencyKeyReusedError
    return evolve(delivery.outcome, replayed=True)


def delivered(claim: Claim | None, outcome: Outcome) -> Delivery | None:
    """
    The record by which a repeated request with *claim* gets *outcome* again.
    """
    if claim is None:
        return None
    return Delivery(claim, outcome, recorded_at=outcome.at, expires_at=outcome.at + DELIVERY_TTL)
