"""
A store, sealed values and a Chatwoot that fail, stall, or whose callers die, at any call.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from attrs import define, field, frozen

from odoo_ai_config.adapters.memory.chatwoot_client import MemoryChatwootClient
from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.adapters.memory.secret_store import MemorySecretStore
from odoo_ai_config.application.errors import ChatwootUnavailableError, StoreUnavailableError
from odoo_ai_config.application.ports.chatwoot_client import ConversationAccess
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.conversations.state import Seen, Status
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SealContext, SealedSecret
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import ChatwootId, DocumentKey
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage

T = TypeVar("T")


class Fate(enum.Enum):
    """
    The fate of one call of a port.
    """

    WORKS = "works"
    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"
    FAILS_BEFORE = "fails before"
    FAILS_AFTER = "fails after"
    STALLS = "stalls"


class KilledError(BaseException):
    """
    The worker's process dies here.
    """


@define
class Fates:
    """
    The fates of the next calls; after the last of them every call works.

    Args:
        meanwhile: What happens before a call that stalls.
    """

    left: deque[Fate]
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def meet(self, work: Coroutine[Any, Any, T], failure: Exception) -> T:
        fate = self.left.popleft() if self.left else Fate.WORKS
        if fate in {Fate.DIES_BEFORE, Fate.FAILS_BEFORE}:
            work.close()
            raise KilledError if fate is Fate.DIES_BEFORE else failure
        if fate is Fate.STALLS and self.meanwhile is not None:
            await self.meanwhile()
        result = await work
        if fate is Fate.DIES_AFTER:
            raise KilledError
        if fate is Fate.FAILS_AFTER:
            raise failure
        return result


@frozen
class PerilousStore(MemoryConfigStore):
    """
    A store that fails, or whose callers die, at any call.
    """

    fates: Fates

    async def commit(self, changeset: Changeset) -> None:
        await self.fates.meet(super().commit(changeset), StoreUnavailableError())

    async def current(self, keys: Sequence[DocumentKey]) -> Mapping[DocumentKey, Revision]:
        return await self.fates.meet(super().current(keys), StoreUnavailableError())


@frozen
class PerilousSecrets(MemorySecretStore):
    """
    A store of sealed values that fails, or whose callers die, at any call.
    """

    fates: Fates

    async def sealed(self, context: SealContext, fingerprint: Fingerprint) -> SealedSecret | None:
        return await self.fates.meet(super().sealed(context, fingerprint), StoreUnavailableError())


@define
class PerilousChatwoot(MemoryChatwootClient):
    """
    A Chatwoot that may have posted a message although it reports a failure.
    """

    chatwoot: MemoryChatwootClient = field(kw_only=True)
    fates: Fates = field(kw_only=True)

    async def post(
        self,
        conversation: ConversationAccess,
        message: OutgoingMessage,
        *,
        mark: str,
        at_hand: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        await self._met(self.chatwoot.post(conversation, message, mark=mark, at_hand=at_hand))

    async def has_mark(
        self, conversation: ConversationAccess, mark: str, *, private: bool
    ) -> bool:
        return await self._met(self.chatwoot.has_mark(conversation, mark, private=private))

    async def live(self, conversation: ConversationAccess) -> Seen | None:
        return await self._met(self.chatwoot.live(conversation))

    async def set_status(
        self,
        conversation: ConversationAccess,
        status: Status,
        *,
        snoozed_until: datetime | None = None,
    ) -> None:
        work = self.chatwoot.set_status(conversation, status, snoozed_until=snoozed_until)
        await self._met(work)

    async def assign_team(self, conversation: ConversationAccess, team: ChatwootId) -> None:
        await self._met(self.chatwoot.assign_team(conversation, team))

    async def _met(self, work: Coroutine[Any, Any, T]) -> T:
        return await self.fates.meet(work, ChatwootUnavailableError())
