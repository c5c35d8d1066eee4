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

_NOT_ALL: Final = (StoreFailure.BUSY, StoreFailure.REFUSED)
# So that an idle hub also notices a full disk or a missing log.
_IDLE_LOOKS: Final = 30


class StoreWatch:
    """
    Notes requests that fail because of the store, and checks the store while it fails.

    It logs when a failure begins, when its cause changes and when it ends, with the number of
    failed requests.

    Args:
        check: Returns if the store can be read and written now.
        count: Called with the cause of each failed request.
        idle: A healthy store is checked at every *idle*-th look.
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
        self._lasting = False
        self._requests = 0
        self._idle = idle
        self._looks = 0

    def failed(self, error: Exception) -> None:
        """
        Note the error of a request.
        """
        if isinstance(error, StoreUnavailableError | StoreUnusableError):
            self._requests += 1
            self._count(error.failure.value)
            self.noted(error)

    @property
    def away(self) -> StoreFailure | None:
        """
        Why a request that needs the store would fail now, as far as it is known.

        A store that is busy, or refuses an operation, may answer the next request.
        """
        return None if self._failure in _NOT_ALL else self._failure

    @property
    def lasting(self) -> bool:
        """
        Whether the store stays as it is until somebody does something about it.
        """
        return self.away is not None and self._lasting

    async def ready(self) -> None:
        """
        Return if the store can be read and written now.

        Raises:
            StoreUnavailableError, StoreUnusableError: It cannot be.
        """
        await self._check()
        if self._failure is not None:
            _log.warning("store_back", cause=self._failure.value, failures=self._requests)
            self._failure, self._requests = None, 0

    async def look(self) -> None:
        """
        Check the store if it fails, else at every *idle*-th look.
        """
        self._looks += 1
        if self._failure is not None or self._looks % self._idle == 0:
            try:
                await self.ready()
            except (StoreUnavailableError, StoreUnusableError) as error:
                self.noted(error)

    def noted(self, error: StoreUnavailableError | StoreUnusableError) -> None:
        """
        Note that the store fails, without a request that fails because of it.
        """
        if error.failure is not self._failure:
            self._failure, self._lasting = error.failure, isinstance(error, StoreUnusableError)
            _log.error("store_failed", cause=error.failure.value, code=error.code)
