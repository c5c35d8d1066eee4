"""
What time it is.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """
    The time, as an argument that tests can choose.

    Somebody may set the machine's clock, also back. So what lies between two moments of one
    process is measured by `monotonic`; `now` is for what is kept and for what others are told.
    """

    @abstractmethod
    def now(self) -> datetime:
        """
        The time now, aware and in UTC.
        """

    @abstractmethod
    def monotonic(self) -> float:
        """
        Seconds since some moment, which go on whatever happens to the time of day.
        """
