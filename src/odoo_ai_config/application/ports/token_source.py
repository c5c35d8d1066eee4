"""
Makes unguessable text.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol


class TokenSource(Protocol):
    """
    Randomness fit for keys.
    """

    @abstractmethod
    def token(self, size: int) -> str:
        """
        Text of letters, digits, ``-`` and ``_`` made of *size* random bytes.
        """
