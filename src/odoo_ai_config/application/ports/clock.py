"""
What time it is.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """
    The time, so that tests can choose it.

    Somebody may set the machine's clock, even back. So durations within a process are measured
    by `monotonic`; `now` is for what is stored and for what others are told.
    """

    @abstractmethod
    def now(self) -> datetime:
        """
        The time now, aware and in UTC.
        """

    @abstractmethod
    def monotonic(self) -> float:
        """
        Seconds since some moment; setting the time of day does not change them.
        """
