"""
Commit decisions: decide again if another writer was faster, and commit a repeated request once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

from attrs import evolve

from odoo_ai_config.application.errors import STATE_CHANGED, ContentionError
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import NO_OCCASION, Occasion
from odoo_ai_config.domain.changes import Changeset, Claim, IdempotencyRecord
from odoo_ai_config.domain.errors import IdempotencyKeyReusedError
from odoo_ai_config.domain.outcomes import Outcome

T = TypeVar("T")

# One of the writers of a document wins each round. Nobody waits longer for that, and rounds of
# those who are gone would keep a slow store from ever serving the others.
_PATIENCE_SECONDS: Final = 15.0
_LONGEST_PAUSE: Final = 0.02
_RECORD_TTL: Final = timedelta(hours=24)


async def commit_decided(
    store: ConfigStore,
    decide: Callable[[], Awaitable[tuple[Changeset, T]]],
    occasion: Occasion = NO_OCCASION,
    *,
    dry_run: bool = False,
) -> T:
    """
    Commit the changeset of *decide* with the *occasion* of the caller; with *dry_run* only decide.

    Decide again if the state changed meanwhile, as the commit or *decide* itself finds.

    Raises:
        ContentionError: It changed for 15 seconds.
    """
    loop = asyncio.get_running_loop()
    ends_at, round_ = loop.time() + _PATIENCE_SECONDS, 0
    while loop.time() < ends_at:
        try:
            changeset, result = await decide()
            if dry_run or changeset.empty:
                return result
            if occasion != NO_OCCASION:
                changeset = evolve(changeset, occasion=occasion)
            await store.commit(changeset)
        except STATE_CHANGED:
            await asyncio.sleep(min(_LONGEST_PAUSE, round_ / 10_000))
            round_ += 1
        else:
            return result
    raise ContentionError


async def commit_once(
    store: ConfigStore,
    claim: Claim | None,
    decide: Callable[[], Awaitable[tuple[Changeset, Outcome]]],
    occasion: Occasion = NO_OCCASION,
) -> Outcome:
    """
    Commit the changeset of *decide* with a record of *claim*, if there is one.

    If an earlier request had the same idempotency key, commit nothing and return its outcome,
    marked `replayed`.

    Raises:
        IdempotencyKeyReusedError: An earlier request used the key with another body.
        ContentionError: The state changed for 15 seconds.
    """
    if claim is None:
        return await commit_decided(store, decide, occasion)

    async def decide_once() -> tuple[Changeset, Outcome]:
        earlier = await store.idempotency_record(claim.id)
        if earlier is not None:
            if earlier.claim.digest != claim.digest:
                raise IdempotencyKeyReusedError
            return Changeset(), evolve(earlier.outcome, replayed=True)
        changeset, outcome = await decide()
        at = outcome.at
        record = IdempotencyRecord(claim, outcome, recorded_at=at, expires_at=at + _RECORD_TTL)
        return evolve(changeset, idempotency_record=record), outcome

    return await commit_decided(store, decide_once, occasion)
