"""
Crews that need no network, an echo and functions of this program, and the choice by kind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from attrs import frozen

from odoo_ai_config.application.errors import CrewRefusedError, CrewUnavailableError
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.application.ports.crew_registry import CrewFunction, CrewRegistry, Said
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew, CrewKind, CrewTask
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.messages.answers import NO_REPLY, Answer, Deferred, NoReply, said

_log = structlog.get_logger(area="hub")


@frozen(eq=False)
class CrewClientByKind(CrewClient):
    """
    Asks each crew by the client for its kind.
    """

    clients: Mapping[CrewKind, CrewClient]

    async def ask(
        self, crew: Crew, task: CrewTask, *, secret: SecretText | None
    ) -> Answer | Deferred | NoReply:
        return await self.clients[crew.kind].ask(crew, task, secret=secret)


@frozen(eq=False)
class EchoCrewClient(CrewClient):
    """
    A crew that says what the customer said, for trying a channel out.
    """

    async def ask(
        self,
        crew: Crew,  # noqa: ARG002 - the port's signature
        task: CrewTask,
        *,
        secret: SecretText | None,  # noqa: ARG002 - the port's signature
    ) -> Answer | Deferred | NoReply:
        return said(task.message.text)


class InProcessCrewClient(CrewClient, CrewRegistry):
    """
    Crews that are functions of this program.

    Each call runs as a task of its own. Of its exceptions only the type is logged: their text
    may hold what the customer wrote.
    """

    def __init__(self) -> None:
        self._handlers: dict[str, CrewFunction] = {}

    def register(self, name: str, crew: CrewFunction) -> None:
        self._handlers[name] = crew

    async def ask(
        self,
        crew: Crew,
        task: CrewTask,
        *,
        secret: SecretText | None,  # noqa: ARG002 - the port's signature
    ) -> Answer | Deferred | NoReply:
        function = self._handlers.get(crew.name)
        if function is None:
            # Perhaps not yet, perhaps in another process over the same store.
            _log.warning("crew_not_registered", crew=crew.name)
            raise CrewUnavailableError
        run = asyncio.create_task(_run(function, task))
        run.add_done_callback(_notice)
        try:
            await asyncio.wait((run,), timeout=crew.timeout.total_seconds())
        finally:
            run.cancel()
        if not run.done() or run.cancelled():
            _log.warning("crew_failed", crew=crew.name, error="TimeoutError")
            raise CrewUnavailableError
        error = run.exception()
        if isinstance(error, CrewUnavailableError | CrewRefusedError):
            raise error
        if error is not None:
            _log.warning("crew_failed", crew=crew.name, error=type(error).__name__)
            raise CrewUnavailableError
        return _understood(run.result())


async def _run(function: CrewFunction, task: CrewTask) -> Said:
    return await function(task)


def _notice(run: asyncio.Task[Said]) -> None:
    # An exception that nobody looks at would be logged, text and all, by asyncio.
    if not run.cancelled():
        run.exception()


def _understood(answer: Said) -> Answer | Deferred | NoReply:
    match answer:
        case Answer() | Deferred() | NoReply():
            return answer
        case None:
            return NO_REPLY
        case str():
            try:
                return said(answer)
            except InvalidValueError:
                raise CrewRefusedError from None
        case _:
            raise CrewRefusedError
