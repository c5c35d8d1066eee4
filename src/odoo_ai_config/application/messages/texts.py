"""
What customers wrote and crews answered: stored sealed, opened when it is needed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import frozen

from odoo_ai_config.application.credentials.sealing import Sealer, Sealing
from odoo_ai_config.application.errors import SealBrokenError
from odoo_ai_config.application.messages.payloads import customer_message
from odoo_ai_config.application.off_loop import run_off_loop
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SealContext, SecretText
from odoo_ai_config.domain.crews import Answer, CustomerMessage
from odoo_ai_config.domain.errors import CredentialNotFoundError
from odoo_ai_config.domain.messages.inbox import InboxMessage, answer_context, body_context

# The mark of a stored note. No answer begins with it: a version of the hub that knows no notes
# finds no answer there, and cannot post it to the customer.
_NOTE: Final = "\x00note\x00"


@frozen(eq=False)
class MessageTexts:
    """
    The sealed texts of messages.

    Every method raises `SealBrokenError` or `MasterKeyMissingError` if a text does not open or is
    gone.
    """

    sealer: Sealer

    async def body_of(self, message: InboxMessage) -> SecretText:
        """
        The payload of *message* as Chatwoot sent it.
        """
        return await self._opened(body_context(message), message.body)

    async def read(self, message: InboxMessage) -> CustomerMessage:
        """
        What the customer wrote.
        """
        body = await self.body_of(message)
        return await run_off_loop(lambda: customer_message(body), cost=len(body.reveal()))

    async def answer_to(self, message: InboxMessage) -> Answer:
        """
        What the crew has answered.
        """
        return _answer_of(await self._opened(answer_context(message), message.answer))

    async def sealed_body(
        self, message: InboxMessage, body: SecretText, *, at: datetime
    ) -> tuple[Fingerprint, Sealing]:
        """
        Seal the payload *body* for the owner of *message*.
        """
        return await self.sealer.one(body_context(message), body, at=at)

    async def sealed_answer(
        self, message: InboxMessage, answer: Answer, *, at: datetime
    ) -> tuple[Fingerprint, Sealing]:
        """
        Seal *answer* for the owner of *message*.
        """
        return await self.sealer.one(answer_context(message), _kept(answer), at=at)

    async def _opened(self, context: SealContext, fingerprint: Fingerprint | None) -> SecretText:
        if fingerprint is None:
            raise SealBrokenError
        try:
            return await self.sealer.opened(context, fingerprint)
        except CredentialNotFoundError:
            raise SealBrokenError from None


def _kept(answer: Answer) -> SecretText:
    return SecretText(f"{_NOTE}{answer.text}" if answer.private else answer.text)


def _answer_of(kept: SecretText) -> Answer:
    text = kept.reveal()
    return Answer(text.removeprefix(_NOTE), text.startswith(_NOTE))
