"""
Keep what comes while the store is away, and bring it in when the store is back.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from attrs import field, frozen

from odoo_ai_config.application.errors import (
    NOT_NOW,
    ApplicationError,
    ContentionError,
    MasterKeyMissingError,
    SealBrokenError,
    is_refused,
)
from odoo_ai_config.application.messages.intake import ID_BYTES
from odoo_ai_config.application.off_loop import cost_of_bytes, run_off_loop
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.message_spool import (
    Arrival,
    MessageSpool,
    SpooledArrival,
    context_of,
)
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import HUB
from odoo_ai_config.domain.messages.inbox import MessageId

# So many arrivals are brought in at a time, each lane one by one.
_TOGETHER: Final = 64
_UNEXPECTED: Final = "unexpected"


class Fate(enum.Enum):
    """
    What became of an arrival. The values are public.
    """

    BROUGHT_IN = "brought_in"
    # Its sender is known, so it is kept for a person.
    REFUSED = "refused"
    # Nobody vouches for it, or too much is kept already.
    DROPPED = "dropped"
    EXPIRED = "expired"


@frozen
class Settled:
    """
    The end of *count* arrivals; of *arrival*, if it is one.

    Args:
        code: Why it is refused or dropped.
        error: The unexpected error, if it is the reason.
    """

    fate: Fate
    arrival: MessageId | None = None
    code: str | None = None
    count: int = 1
    error: BaseException | None = field(default=None, repr=False)


TakeIn: TypeAlias = Callable[[Arrival], Awaitable[Settled]]
"""
Takes an arrival in as its request would have been. An error among `NOT_NOW` means that it stays.
"""
TellSettled: TypeAlias = Callable[[Settled], None]


@frozen(eq=False)
class SpoolArrival:
    """
    Keep a request until the store is back, sealed with a data key of its own.

    The tenants' data keys are in the store, so only the key ring protects it.
    """

    spool: MessageSpool
    vault: SecretVault
    tokens: TokenSource

    async def __call__(
        self, content: SecretText, *, lane: str, holder: str, known: bool, at: datetime
    ) -> MessageId:
        """
        The id that its message will have; when this returns, the arrival is durable.

        Raises:
            SpoolUnavailableError: The spool is full, or its disk fails.
        """
        id_ = MessageId.at(at, self.tokens.token(ID_BYTES))
        key = self.vault.new_tenant_key(HUB, at=at)
        sealed = await run_off_loop(
            lambda: self.vault.seal(key, context_of(id_), content),
            cost=cost_of_bytes(len(content.reveal_utf8())),
        )
        await self.spool.add(SpooledArrival(id_, at, lane, holder, known, sealed, key))
        return id_


@frozen(eq=False)
class BringInArrivals:
    """
    Bring what waits in the spool to the store: in order within a lane, each arrival once.

    An arrival leaves the spool after it is in the store. If the process dies in between, the store
    knows it again.

    Args:
        keep: How long an arrival stays in the spool.
    """

    spool: MessageSpool
    vault: SecretVault
    clock: Clock
    keep: timedelta

    async def __call__(self, take_in: TakeIn, tell: TellSettled) -> None:
        """
        Bring in everything that waits, unless another process is doing it.

        Raises:
            ApplicationError: One of `NOT_NOW`, or the spool's disk fails. The rest waits; after
                a `ContentionError` only that of the lanes that collide.
        """
        with self.spool.bringing_in() as mine:
            if not mine:
                return
            colliding: set[str] = set()
            while arrivals := await self.spool.oldest(limit=_TOGETHER, beside=colliding):
                colliding |= await self._settle(arrivals, take_in, tell)
            if colliding:
                raise ContentionError

    async def expire(self, tell: TellSettled) -> None:
        """
        Remove what has been in the spool for too long.

        Raises:
            SpoolUnavailableError: Its disk fails.
        """
        removed = await self.spool.expire(before=self.clock.now() - self.keep)
        if removed.waiting or removed.kept:
            tell(Settled(Fate.EXPIRED, count=removed.waiting + removed.kept))

    async def _settle(
        self, arrivals: Sequence[SpooledArrival], take_in: TakeIn, tell: TellSettled
    ) -> set[str]:
        """
        Bring *arrivals* in, and return the lanes that collide with other work.

        The rest of those waits, and must not hold up the other lanes.
        """
        lanes: dict[str, list[SpooledArrival]] = {}
        for arrival in arrivals:
            lanes.setdefault(arrival.lane, []).append(arrival)
        settled: list[Settled] = []
        errors = await asyncio.gather(
            *(self._go_through(lane, take_in, settled) for lane in lanes.values())
        )
        refused = {
            one.arrival: one.code or _UNEXPECTED
            for one in settled
            if one.fate is Fate.REFUSED and one.arrival is not None
        }
        done = [
            one.arrival
            for one in settled
            if one.fate is not Fate.REFUSED and one.arrival is not None
        ]
        dropped = await self.spool.settle(done=done, refused=refused)
        for one in settled:
            tell(one)
        if dropped:
            tell(Settled(Fate.DROPPED, count=dropped))
        colliding: set[str] = set()
        for lane, error in zip(lanes, errors, strict=True):
            if isinstance(error, ContentionError):
                colliding.add(lane)
            elif error is not None:
                raise error
        return colliding

    async def _go_through(
        self, lane: Sequence[SpooledArrival], take_in: TakeIn, settled: list[Settled]
    ) -> ApplicationError | None:
        for arrival in lane:
            (result,) = await asyncio.gather(
                self._taken_in(arrival, take_in), return_exceptions=True
            )
            if isinstance(result, NOT_NOW) and not is_refused(result):
                return result
            if isinstance(result, BaseException):
                # It must not stop those behind it.
                result = Settled(Fate.REFUSED, arrival.id, _UNEXPECTED, error=result)
            settled.append(result)
        return None

    async def _taken_in(self, arrival: SpooledArrival, take_in: TakeIn) -> Settled:
        try:
            content = await run_off_loop(
                lambda: self.vault.unseal(arrival.key, arrival.sealed),
                cost=cost_of_bytes(arrival.size),
            )
        except (SealBrokenError, MasterKeyMissingError) as error:
            return Settled(Fate.REFUSED, arrival.id, error.code)
        return await take_in(Arrival(arrival.id, arrival.at, content))
