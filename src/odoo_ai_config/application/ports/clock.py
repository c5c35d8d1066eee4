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
    """

    @abstractmethod
    def now(self) -> datetime:
        """
        The time now, aware and in UTC.
        """
