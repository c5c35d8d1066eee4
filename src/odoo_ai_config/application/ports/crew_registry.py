"""
Where a program registers crews of its own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from odoo_ai_config.domain.crews import CrewTask
from odoo_ai_config.domain.messages.answers import Answer, Deferred, NoReply

Said: TypeAlias = "str | Answer | Deferred | NoReply | None"
CrewFunction: TypeAlias = Callable[[CrewTask], Awaitable[Said]]


class CrewRegistry(Protocol):
    """
    Crews of the kind ``in_process``, by name.
    """

    @abstractmethod
    def register(self, name: str, crew: CrewFunction) -> None:
        """
        Let *crew* answer for the crews called *name*, of every tenant.

        It returns the answer's text, an `Answer`, which may be private, `DEFERRED`, or None for no
        answer. It may raise `CrewRefusedError` or `CrewUnavailableError`; any other exception
        counts as the latter.
        """
