"""
Crews and Chatwoot over HTTP, for programs that may never call them.

What calls them needs aiohttp, which costs an eighth of a second and 8 MB. It is loaded with the
first call, of which a program whose crews are functions of its own makes none.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from attrs import frozen

from odoo_ai_config.application.ports.chatwoot_client import ChatwootClient, Conversation
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Answer, Crew, CrewTask, Deferred, NoReply
from odoo_ai_config.domain.messages.inbox import MessageId

if TYPE_CHECKING:
    from odoo_ai_config.adapters.outbound.sessions import HttpSessions


class SessionsOnDemand:
    """
    The connections of a hub, if it ever needs one.

    Args:
        private: Where crews may be although it is no public place.
    """

    def __init__(self, private: Iterable[IPv4Network | IPv6Network | str] = ()) -> None:
        self._private = private
        self._sessions: HttpSessions | None = None

    def __call__(self) -> HttpSessions:
        """
        The same sessions every time, made for the first one.
        """
        if self._sessions is None:
            from odoo_ai_config.adapters.outbound.sessions import HttpSessions  # noqa: PLC0415

            self._sessions = HttpSessions(self._private)
        return self._sessions

    async def close(self) -> None:
        """
        Close every connection. What is called after it opens new ones.
        """
        if self._sessions is not None:
            await self._sessions.close()


@frozen
class HttpCrewClientOnDemand(CrewClient):
    """
    Asks crews as `HttpCrewClient` does.
    """

    sessions: SessionsOnDemand
    clock: Clock
    public_url: str | None = None

    async def ask(
        self, crew: Crew, task: CrewTask, *, secret: SecretText | None
    ) -> Answer | Deferred | NoReply:
        from odoo_ai_config.adapters.crews.http_crew_client import HttpCrewClient  # noqa: PLC0415

        line = HttpCrewClient(self.sessions(), self.clock, self.public_url)
        return await line.ask(crew, task, secret=secret)


@frozen
class HttpChatwootClientOnDemand(ChatwootClient):
    """
    Posts and looks for answers as `HttpChatwootClient` does.
    """

    sessions: SessionsOnDemand
    clock: Clock

    async def post(self, conversation: Conversation, answer: Answer, *, to: MessageId) -> None:
        await self._chatwoot().post(conversation, answer, to=to)

    async def has_answer(
        self, conversation: Conversation, answer: Answer, *, to: MessageId
    ) -> bool:
        return await self._chatwoot().has_answer(conversation, answer, to=to)

    def _chatwoot(self) -> ChatwootClient:
        from odoo_ai_config.adapters.chatwoot.chatwoot_client import HttpChatwootClient  # noqa: PLC0415

        return HttpChatwootClient(self.sessions(), self.clock)
