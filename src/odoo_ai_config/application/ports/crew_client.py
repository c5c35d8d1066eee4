"""
The way to the crews.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Answer, Crew, CrewTask, Later, Silence


class CrewClient(Protocol):
    """
    Gives a message to a crew and brings back what it says.
    """

    @abstractmethod
    async def ask(
        self, crew: Crew, task: CrewTask, *, secret: SecretText | None
    ) -> Answer | Later | Silence:
        """
        Ask *crew*; `Crew.timeout` is kept to.

        A task may be asked again after a crash; it has the same id then.

        Raises:
            CrewUnavailableError: It does not answer now.
            CrewRefusedError: It does not take the task, or its answer cannot be read.
            TargetForbiddenError: Its address is not one that the hub may call.
        """
