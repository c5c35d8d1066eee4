"""
Read, decide, commit; again if another writer was faster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from odoo_ai_config.application.errors import (
    ContentionError,
    DeliveryRecordedError,
    TenantKeyChangedError,
)
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.errors import RevisionConflictError

T = TypeVar("T")

# One of n writers wins each round, so this many may write one document at a time.
_MAX_ROUNDS: Final = 1000
_LONGEST_PAUSE: Final = 0.02


async def commit_decided(
    store: ConfigStore, decide: Callable[[], Awaitable[tuple[Changeset, T]]]
) -> T:
    """
    Commit what *decide* makes of the current state; decide again if the state changed.

    Raises:
        ContentionError: It changed a thousand times.
    """
    for round_ in range(_MAX_ROUNDS):
        changeset, result = await decide()
        if changeset.empty:
            return result
        try:
            await store.commit(changeset)
        except (RevisionConflictError, TenantKeyChangedError, DeliveryRecordedError):
            await asyncio.sleep(min(_LONGEST_PAUSE, round_ / 10_000))
        else:
            return result
    raise ContentionError
