"""
A clock that tests set.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import define

from odoo_ai_config.application.ports.clock import Clock


@define
class ManualClock(Clock):
    """
    Stands still until it is told to go on.
    """

    time: datetime

    def now(self) -> datetime:
        return self.time

    def tick(self, by: timedelta = timedelta(seconds=1)) -> datetime:
        """
        Go on by *by* and tell the new time.
        """
        self.time += by
        return self.time
