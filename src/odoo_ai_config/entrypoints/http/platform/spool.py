"""
Requests that are spooled while the store is away, because their senders do not come again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Generic, TypeAlias, TypeVar

from aiohttp import web
from attrs import define, field, frozen
from multidict import CIMultiDict, CIMultiDictProxy
from structlog.contextvars import bind_contextvars

from odoo_ai_config.application.errors import (
    NOT_NOW,
    ApplicationError,
    MessageRecordedError,
    SpoolUnavailableError,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.application.messages.spooling import Fate, Settled, SpoolArrival
from odoo_ai_config.application.ports.message_spool import Arrival, MessageSpool
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.errors import CodedError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.inbox import MessageId
from odoo_ai_config.entrypoints.http.platform.app_keys import REQUEST_ID
from odoo_ai_config.entrypoints.http.platform.rate_limit import source_of
from odoo_ai_config.entrypoints.http.platform.store_watch import StoreWatch

K = TypeVar("K")
V = TypeVar("V")
P = TypeVar("P")

STORE_AWAY: Final = (StoreUnavailableError, StoreUnusableError)
# Chatwoot waits five seconds.
_PATIENCE: Final = 3.0
_MOST_KNOWN: Final = 16_384
# The headers that authenticate a request, or recognise it when it comes again.
_HEADERS: Final = (
    "Authorization",
    "Idempotency-Key",
    "X-API-Key",
    "X-Chatwoot-Delivery",
    "X-Chatwoot-Signature",
    "X-Chatwoot-Timestamp",
    "X-Webhook-Signature",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
)


class Source(Enum):
    """
    Which requests are spooled.
    """

    CHATWOOT = "chatwoot"
    RECORD = "record"


@frozen
class Replayed:
    """
    A request that comes from the spool, as far as it tells who sent it.
    """

    app: web.Application
    source: Source
    headers: CIMultiDictProxy[str] = field(repr=False)
    path: str = field(repr=False)
    match_info: Mapping[str, str] = field(repr=False)
    request_id: str
    raw: bytes = field(repr=False)
    arrival: Arrival
    method: str = "POST"

    @classmethod
    def of(cls, app: web.Application, arrival: Arrival) -> Replayed:
        """
        The request that *arrival* was.
        """
        head, _, raw = arrival.content.reveal_utf8().partition(b"\n")
        told = json.loads(head)
        return cls(
            app,
            Source(told["source"]),
            CIMultiDictProxy(CIMultiDict(told["headers"])),
            told["path"],
            told["parts"],
            told["request_id"],
            raw,
            arrival,
        )


# A request that is here, or one from the spool.
Incoming: TypeAlias = web.Request | Replayed


def written_down(source: Source, request: web.Request, request_id: str, raw: bytes) -> SecretText:
    """
    The *request* with the body *raw*, as `Replayed.of` reads it.
    """
    head = {
        "source": source.value,
        "headers": {name: request.headers[name] for name in _HEADERS if name in request.headers},
        "path": request.path,
        "parts": dict(request.match_info),
        "request_id": request_id,
    }
    return SecretText.from_utf8(json.dumps(head).encode("ascii") + b"\n" + raw)


class _Recent(Generic[K, V]):
    """
    The entries that were used last.
    """

    def __init__(self) -> None:
        self._entries: dict[K, V] = {}

    def __getitem__(self, key: K) -> V | None:
        return self._entries.get(key)

    def __setitem__(self, key: K, value: V) -> None:
        self._entries.pop(key, None)
        self._entries[key] = value
        if len(self._entries) > _MOST_KNOWN:
            del self._entries[next(iter(self._entries))]


@define(eq=False)
class KnownSenders:
    """
    The senders that this process has authenticated, to tell them from strangers without the store.

    It never decides about access: what is spooled is authenticated when the store is back. It only
    decides whose share of the spool a request takes.
    """

    _holders: _Recent[bytes, str] = field(factory=_Recent, init=False, repr=False)
    _signers: _Recent[ChatwootId, tuple[ChatwootAccess, str]] = field(
        factory=_Recent, init=False, repr=False
    )
    # Addresses of strangers are told apart, and not kept.
    _salt: bytes = field(factory=lambda: secrets.token_bytes(16), init=False, repr=False)

    def note(self, credential: str, holder: str) -> None:
        """
        Note that *credential*, with what it is for, is that of *holder*.
        """
        self._holders[digest_of(credential)] = holder

    def note_signer(self, account: ChatwootId, access: ChatwootAccess, holder: str) -> None:
        """
        Note that a secret of *access* signs what *account* sends.
        """
        self._signers[account] = access, holder

    def holder_of(self, credential: str) -> str | None:
        """
        Who had *credential*; None for a stranger.
        """
        return self._holders[digest_of(credential)]

    def signer(self, account: ChatwootId) -> tuple[ChatwootAccess, str] | None:
        """
        The secrets of *account*, and the holder; None if it has signed nothing yet.
        """
        return self._signers[account]

    def stranger_at(self, address: str | None) -> str:
        """
        The holder that stands for an unknown sender at a network address.
        """
        source = source_of(address or "").encode()
        return "?" + hashlib.blake2b(source, key=self._salt, digest_size=8).hexdigest()


@define(eq=False)
class RequestSpool:
    """
    The spool of an application.

    Args:
        count: Called with what happens to a request: ``spooled``, ``full`` or ``failed``.
        patience: How long the store may take, in seconds.
    """

    spool: MessageSpool
    spool_arrival: SpoolArrival
    watch: StoreWatch
    count: Callable[[str], None]
    patience: float = _PATIENCE
    senders: KnownSenders = field(factory=KnownSenders)

    def require_store(self) -> None:
        """
        Refuse at once what would wait for a store that is known to be away.

        Raises:
            StoreUnavailableError: It is.
        """
        away = self.watch.away
        if away is not None:
            raise StoreUnavailableError(away)

    def noted(self, error: ApplicationError) -> None:
        """
        Note why a request goes to the spool: its error among `NOT_NOW`.
        """
        if isinstance(error, STORE_AWAY):
            self.watch.noted(error)

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """
        Ask the store, unless it is known to be away, and no longer than the sender waits.

        Raises:
            StoreUnavailableError: It is away, or too slow. What was begun may have been done.
        """
        self.require_store()
        try:
            async with asyncio.timeout(self.patience):
                yield
        except TimeoutError:
            raise StoreUnavailableError from None

    async def is_before(self, lane: str) -> bool:
        """
        Whether an earlier request about the same waits; no if that cannot be told.
        """
        try:
            return self.spool.waiting > 0 and await self.spool.holds(lane)
        except SpoolUnavailableError:
            return False

    async def has_room(self) -> bool:
        """
        Whether the spool works and is not full.
        """
        try:
            return not self.spool.limits.reached(await self.spool.census())
        except SpoolUnavailableError:
            return False

    async def keep(
        self,
        source: Source,
        request: web.Request,
        raw: bytes,
        *,
        at: float,
        lane: str,
        holder: str | None,
    ) -> MessageId:
        """
        Keep *request* for later; *holder* sends it, or a stranger if that is None.

        Raises:
            SpoolUnavailableError: There is no room for it.
        """
        try:
            id_ = await self.spool_arrival(
                written_down(source, request, request[REQUEST_ID], raw),
                lane=lane,
                holder=holder or self.senders.stranger_at(request.remote),
                known=holder is not None,
                at=datetime.fromtimestamp(at, UTC),
            )
        except SpoolUnavailableError as error:
            self.count("full" if error.failure is None else "failed")
            raise
        self.count("spooled")
        return id_


SPOOL: Final = web.AppKey("spool", RequestSpool)


def moment_of(request: Incoming, unix_time: Callable[[], float]) -> float:
    """
    When *request* came, in Unix time; now, unless it comes from the spool.
    """
    return request.arrival.at.timestamp() if isinstance(request, Replayed) else unix_time()


async def settled(
    request: Replayed,
    proof: Awaitable[P],
    take_in: Callable[[P], Awaitable[object]],
    *,
    area: str,
) -> Settled:
    """
    Take a request from the spool in.

    Args:
        request: The request.
        proof: Authenticates it.
        take_in: Takes it in, given what *proof* returns.
        area: The area of its log lines.

    Raises:
        StoreUnavailableError, StoreUnusableError, ContentionError: Not now.
    """
    bind_contextvars(area=area, request_id=request.request_id)
    id_, proven = request.arrival.id, False
    try:
        proved = await proof
        proven = True
        await take_in(proved)
    except NOT_NOW:
        raise
    except MessageRecordedError:
        pass
    except CodedError as error:
        return Settled(Fate.REFUSED if proven else Fate.DROPPED, id_, error.code)
    return Settled(Fate.BROUGHT_IN, id_)
