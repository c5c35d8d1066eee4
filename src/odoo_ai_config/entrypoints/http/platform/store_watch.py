"""
Watches whether the store works, and logs when that changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from odoo_ai_config.application.errors import (
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)

_log = structlog.get_logger(area="config")

# An idle hub also finds out that its disk is full or its log is gone.
_IDLE_LOOKS: Final = 30


class StoreWatch:
    """
    Is told of every request that the store failed, and checks the store itself while it fails.

    The log has one line when a failure begins, one when its cause changes and one when it is over,
    with the number of requests that failed.

    Args:
        check: Returns if the store can be read and written now.
        count: Takes the cause of each request's failure.
        idle: Looks for each check of a store that does not fail.
    """

    def __init__(
        self,
        check: Callable[[], Awaitable[None]],
        count: Callable[[str], None],
        *,
        idle: int = _IDLE_LOOKS,
    ) -> None:
        self._check = check
        self._count = count
        self._failure: StoreFailure | None = None
        self._requests = 0
        self._idle = idle
        self._looks = 0

    def failed(self, error: Exception) -> None:
        """
        Note the error that a request ended with.
        """
        if isinstance(error, StoreUnavailableError | StoreUnusableError):
            self._requests += 1
            self._count(error.failure.value)
            self._tell(error)

    async def ready(self) -> None:
        """
        Return if the store can be read and written now.

        Raises:
            StoreUnavailableError, StoreUnusableError: It cannot.
        """
        await self._check()
        if self._failure is not None:
            _log.warning("store_back", cause=self._failure.value, failures=self._requests)
            self._failure, self._requests = None, 0

    async def look(self) -> None:
        """
        Check the store while it fails, else at each *idle*-th look.
        """
        self._looks += 1
        if self._failure is not None or self._looks % self._idle == 0:
            try:
                await self.ready()
            except (StoreUnavailableError, StoreUnusableError) as error:
                self._tell(error)

    def _tell(self, error: StoreUnavailableError | StoreUnusableError) -> None:
        if error.failure is not self._failure:
            self._failure = error.failure
            _log.error("store_failed", cause=error.failure.value, code=error.code)
