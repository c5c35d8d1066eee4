"""
Times how long crews take.
"""

from __future__ import annotations

from odoo_ai_config.adapters.instrumented.timing import Observe, Timed
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Answer, Crew, CrewTask, Later, Silence


class InstrumentedCrewClient(CrewClient):
    """
    Another line, with what is asked on it timed by the kind of crew.
    """

    def __init__(self, line: CrewClient, observe: Observe) -> None:
        self._line = line
        self._observe = observe

    async def ask(
        self, crew: Crew, task: CrewTask, *, secret: SecretText | None
    ) -> Answer | Later | Silence:
        with Timed(self._observe, crew.kind.value):
            return await self._line.ask(crew, task, secret=secret)
