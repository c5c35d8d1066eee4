"""
Take in the answer that a crew gives later.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.crews import CrewLookup
from odoo_ai_config.application.messages.access import visible
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.work_signal import WorkSignal
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import (
    CredentialNotFoundError,
    CrewNotFoundError,
    InvalidValueError,
    MessageNotFoundError,
)
from odoo_ai_config.domain.messages.answers import Answer, NoReply
from odoo_ai_config.domain.messages.inbox import (
    NO_REPLY_REASON,
    InboxMessage,
    MessageId,
    WrongStageError,
)


@frozen(eq=False)
class AnswerMessage:
    """
    Store the answer of a crew; a delivery worker posts it.

    An answer counts even while the crew is still being asked, or asked again.
    """

    store: ConfigStore
    inbox: MessageInbox
    texts: MessageTexts
    crews: CrewLookup
    clock: Clock
    work_signal: WorkSignal

    async def __call__(
        self, message_id: MessageId, answer: Answer | NoReply, *, caller: ApiKey
    ) -> InboxMessage:
        """
        The message, answered; the same answer a second time changes nothing.

        Raises:
            WrongStageError: It has another answer already, or expects none.
        """
        caller.require(Scope.MESSAGES_WRITE)
        await visible(self.inbox, message_id, to=caller)
        return await self._answered(message_id, answer)

    async def from_crew(
        self,
        message_id: MessageId,
        answer: Answer | NoReply,
        *,
        prove: Callable[[SecretText | None], None],
    ) -> InboxMessage:
        """
        The same for the message's crew, which has no API key but signs its answer.

        *prove* gets the crew's secret and raises if the signature is not made with it. It gets
        None if there is no such message or the crew does not sign: nothing is proof then.

        Raises:
            WrongStageError: It has another answer already, or expects none.
        """
        prove(await self._secret_for(message_id))
        return await self._answered(message_id, answer)

    async def _secret_for(self, message_id: MessageId) -> SecretText | None:
        message = await self.inbox.find(message_id)
        if message is None:
            return None
        try:
            crew = await self.crews.crew_at(message.destination)
            return await self.crews.secret_of(crew)
        except (CrewNotFoundError, CredentialNotFoundError, InvalidValueError):
            return None

    async def _answered(self, message_id: MessageId, answer: Answer | NoReply) -> InboxMessage:
        async def decide() -> tuple[Changeset, InboxMessage]:
            message = await self.inbox.find(message_id)
            if message is None:
                raise MessageNotFoundError
            if message.is_notice or message.is_event:
                # Nobody has asked anything.
                raise WrongStageError(message.stage)
            now = self.clock.now()
            if isinstance(answer, NoReply):
                if message.reason == NO_REPLY_REASON:
                    return Changeset(), message
                closed = message.without_reply(at=now)
                return Changeset(messages=(closed,)), closed
            fingerprint, sealing = await self.texts.sealed_answer(message, answer, at=now)
            if message.answer == fingerprint:
                return Changeset(), message
            answered = message.answered(fingerprint, at=now)
            return Changeset(messages=(answered,), **sealing.parts), answered

        answered = await commit_decided(self.store, decide)
        self.work_signal.ring()
        return answered
