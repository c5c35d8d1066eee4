"""
What customers wrote and crews answered: stored sealed, opened when it is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.credentials.sealing import Sealer, Sealing
from odoo_ai_config.application.errors import SealBrokenError
from odoo_ai_config.application.messages.payloads import (
    customer_message,
    persons_in,
    seen_in,
    utterance_in,
)
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.conversations.state import Seen
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SecretText,
    TenantKey,
)
from odoo_ai_config.domain.crews import CustomerMessage, Utterance
from odoo_ai_config.domain.errors import CredentialNotFoundError, InvalidValueError
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.answer_bodies import answer_in, body_of
from odoo_ai_config.domain.messages.answers import NO_REPLY, Answer
from odoo_ai_config.domain.messages.inbox import InboxMessage, answer_context, body_context
from odoo_ai_config.domain.messages.persons import Person

# The marks of a stored note, and of an answer that is more than one text. No text begins with
# them: a version of the hub that does not know them finds no answer there, and cannot post it.
_NOTE: Final = "\x00note\x00"
_MORE: Final = "\x00answer1\x00"


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

    async def told(self, message: InboxMessage) -> tuple[CustomerMessage, Seen]:
        """
        What the customer wrote, and what the event says about the conversation.
        """
        body = await self.body_of(message)
        return await run_off_loop(lambda: seen_in(body), cost=len(body.reveal()))

    async def utterance(self, message: InboxMessage) -> Utterance | None:
        """
        Who said what by a message; None if it has no text.
        """
        body, at = await self.body_of(message), message.received_at
        return await run_off_loop(lambda: utterance_in(body, at=at), cost=len(body.reveal()))

    async def named_in(
        self, message: InboxMessage, body: SecretText, *, under: TenantKey | None = None
    ) -> tuple[Fingerprint, ...]:
        """
        The digests of the names in *body*, the opened payload, for the owner of *message*.

        *under*: the data key of the owner, if the store does not have it yet.
        """
        account, vault = message.origin.account, self.sealer.vault
        persons = await run_off_loop(
            lambda: persons_in(body, account), cost=len(body.reveal_utf8())
        )
        key = under or await self.sealer.secrets.active_key(message.holder.tenant)
        return digests_of(persons, vault, key)

    async def answer_to(self, message: InboxMessage) -> Answer:
        """
        What the crew has answered.
        """
        stored = await self._opened(answer_context(message), message.answer)
        return await run_off_loop(lambda: read_back(stored), cost=len(stored.reveal()))

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
        cost = 0 if answer.plain else cost_of(body_of(answer))
        stored = await run_off_loop(lambda: kept(answer), cost=cost)
        return await self.sealer.one(answer_context(message), stored, at=at)

    async def _opened(self, context: SealContext, fingerprint: Fingerprint | None) -> SecretText:
        if fingerprint is None:
            raise SealBrokenError
        try:
            return await self.sealer.opened(context, fingerprint)
        except CredentialNotFoundError:
            raise SealBrokenError from None


def digests_of(
    persons: Iterable[Person], vault: SecretVault, key: TenantKey | None
) -> tuple[Fingerprint, ...]:
    """
    The digests of *persons* under the data key that seals a text; none without one.
    """
    if key is None:
        return ()
    return tuple(vault.fingerprint(key, *person.place(key.tenant)) for person in persons)


def kept(answer: Answer) -> SecretText:
    """
    *answer* as it is stored, before it is sealed.
    """
    only = answer.plain
    if only is None:
        why = {} if answer.silence is None else {"silence": answer.silence.value}
        return SecretText(_MORE + json.dumps({"answer": body_of(answer)} | why))
    return SecretText(f"{_NOTE if only.private else ''}{only.text}")


def read_back(stored: SecretText) -> Answer:
    """
    The answer that is stored as `kept` writes it.

    Raises:
        SealBrokenError: It is none that this version of the hub knows.
    """
    text = stored.reveal()
    try:
        if not text.startswith(_MORE):
            return Answer.of_text(text.removeprefix(_NOTE), private=text.startswith(_NOTE))
        body: JsonObject = json.loads(text.removeprefix(_MORE))
        silence = body.pop("silence", None)
        answer = answer_in(body)
        if answer is NO_REPLY:
            raise SealBrokenError
        return evolve(answer, silence=None if silence is None else Silence(silence))
    except (InvalidValueError, ValueError):
        # A later version of the hub kept it.
        raise SealBrokenError from None
