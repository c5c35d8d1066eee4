"""
A clock that tests set.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import define, field

from odoo_ai_config.application.ports.clock import Clock


@define
class ManualClock(Clock):
    """
    A clock that stands still; `tick` or an assignment to `time` sets it.
    """

    time: datetime
    _elapsed: float = field(default=0.0, init=False)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self._elapsed

    def tick(self, by: timedelta = timedelta(seconds=1)) -> datetime:
        """
        Advance by *by*, and return the new time.
        """
        self.time += by
        self._elapsed += by.total_seconds()
        return self.time
