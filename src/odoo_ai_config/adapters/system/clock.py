"""
The machine's clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from odoo_ai_config.application.ports.clock import Clock


class SystemClock(Clock):
    """
    The time as the operating system tells it.
    """

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
