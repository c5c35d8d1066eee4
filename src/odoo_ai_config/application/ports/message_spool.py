"""
Keeps arrivals on the hub's own disk while the store is away.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, Protocol

from attrs import frozen

from odoo_ai_config.domain.credentials.secrets import (
    SealContext,
    SealedSecret,
    SecretText,
    TenantKey,
)
from odoo_ai_config.domain.identifiers import HUB, BusinessArea, CredentialRef, TenantArea
from odoo_ai_config.domain.messages.inbox import MessageId

_SPOOL: Final = TenantArea(HUB, BusinessArea("spool"))
# What an arrival takes on the disk besides its sealed text.
_BESIDES: Final = 512


def context_of(arrival: MessageId) -> SealContext:
    """
    What the sealed text of *arrival* is bound to.
    """
    return SealContext(_SPOOL, CredentialRef(arrival.value), "arrival")


@frozen
class Arrival:
    """
    A request of a sender that does not come again, in clear.

    Args:
        id: The id that its message gets in the store.
        at: When it came.
        content: The request, as the HTTP boundary wrote it down.
    """

    id: MessageId
    at: datetime
    content: SecretText


@frozen
class SpooledArrival:
    """
    An arrival, sealed.

    Args:
        id: That of the arrival.
        at: When it came. Arrivals are brought to the store in this order.
        lane: What it is about. An arrival waits for earlier ones of its lane.
        holder: Who sent it, as the spool counts it.
        known: Whether a credential that this process knows vouches for it.
        key: The data key of this arrival alone, wrapped by a master key.
        refusal: The code with which the hub refused it once the store was back; None while it
            waits.
    """

    id: MessageId
    at: datetime
    lane: str
    holder: str
    known: bool
    sealed: SealedSecret
    key: TenantKey
    refusal: str | None = None

    @property
    def size(self) -> int:
        """
        The bytes that it counts for.
        """
        return len(self.sealed.envelope) + _BESIDES


@frozen
class SpoolUse:
    """
    The bytes in use.

    Args:
        total: By everything, arrivals that are kept for a person included.
        strangers: By waiting arrivals that nothing vouches for.
        holder: By waiting arrivals of the holder in question.
    """

    total: int = 0
    strangers: int = 0
    holder: int = 0


@frozen
class SpoolCensus:
    """
    What is in the spool.

    Args:
        waiting: Arrivals that are not in the store yet.
        kept: Refused ones that are kept for a person.
        bytes: The size of both.
        oldest: When the oldest waiting one came.
    """

    waiting: int = 0
    kept: int = 0
    bytes: int = 0
    oldest: datetime | None = None


@frozen
class SpoolLimits:
    """
    How much the spool takes, in *total* bytes.

    A flood of one sender leaves half of it to the others, and a flood of strangers three quarters
    to senders that are known.
    """

    total: int

    @property
    def kept(self) -> int:
        """
        The bytes of refused arrivals that are kept for a person.
        """
        return self.total // 8

    def reached(self, census: SpoolCensus) -> bool:
        """
        Whether there is hardly any room left.
        """
        return census.bytes > self.total - self.total // 64

    def admits(self, arrival: SpooledArrival, use: SpoolUse) -> bool:
        """
        Whether there is room for *arrival*.
        """
        size = arrival.size
        if use.total + size > self.total:
            return False
        if arrival.known:
            return use.holder + size <= self.total // 2
        strangers = self.total // 4
        return use.strangers + size <= strangers and use.holder + size <= strangers // 2


class MessageSpool(Protocol):
    """
    A durable queue beside the store, shared by the processes of one machine.

    Its methods raise `SpoolUnavailableError` if its disk fails.
    """

    @property
    @abstractmethod
    def limits(self) -> SpoolLimits:
        """
        How much it takes.
        """

    @property
    @abstractmethod
    def waiting(self) -> int:
        """
        How many arrivals of all processes wait. Cheap enough for each request.

        0 if it cannot be told, or before the first use of another method.
        """

    @abstractmethod
    async def add(self, arrival: SpooledArrival) -> None:
        """
        Keep *arrival*; when this returns, it is durable.

        Raises:
            SpoolUnavailableError: There is no room for it.
        """

    @abstractmethod
    async def holds(self, lane: str) -> bool:
        """
        Whether an arrival of *lane* waits.
        """

    @abstractmethod
    async def oldest(
        self, *, limit: int, beside: Collection[str] = ()
    ) -> Sequence[SpooledArrival]:
        """
        At most *limit* waiting arrivals, the oldest first; fewer if they are large.

        Those of the lanes *beside* are left out.
        """

    @abstractmethod
    async def settle(
        self, *, done: Collection[MessageId], refused: Mapping[MessageId, str]
    ) -> int:
        """
        Remove what is *done*, and keep what is *refused* with its code, out of the queue.

        If too much is kept, the oldest ones are removed; returns how many. Unknown ids do not
        matter.
        """

    @abstractmethod
    async def kept(self) -> Sequence[SpooledArrival]:
        """
        The refused arrivals, the oldest first.
        """

    @abstractmethod
    async def requeue(self, ids: Collection[MessageId]) -> int:
        """
        Let refused arrivals wait again; returns how many.
        """

    @abstractmethod
    async def expire(self, *, before: datetime) -> SpoolCensus:
        """
        Remove what came *before*; returns what was removed.
        """

    @abstractmethod
    async def census(self) -> SpoolCensus:
        """
        What is in the spool.
        """

    @abstractmethod
    def bringing_in(self) -> AbstractContextManager[bool]:
        """
        Whether only this caller, of all processes, brings arrivals to the store in the context.

        It never waits. The death of a process ends its turn.
        """
