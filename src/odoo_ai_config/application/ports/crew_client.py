"""
Asks crews.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew, CrewTask
from odoo_ai_config.domain.messages.answers import Answer, Deferred, NoReply


class CrewClient(Protocol):
    """
    Gives a message to a crew and brings back what it says.
    """

    @abstractmethod
    async def ask(
        self, crew: Crew, task: CrewTask, *, secret: SecretText | None
    ) -> Answer | Deferred | NoReply:
        """
        Ask *crew*, for at most `Crew.timeout`.

        After a crash the same task, with the same id, may be asked again.

        Raises:
            CrewUnavailableError: It does not answer now.
            CrewRefusedError: It refuses the task, or its answer cannot be read.
            TargetForbiddenError: The hub may not call its address.
        """
