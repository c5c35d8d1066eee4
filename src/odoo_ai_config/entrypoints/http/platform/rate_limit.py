"""
How often one caller may ask, and how often one address may fail to prove who it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

from attrs import frozen

from odoo_ai_config.application.errors import ApplicationError
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.entrypoints.http.platform.errors import RateLimitedError

_MAX_HOLDERS: Final = 10_000
_LONGEST_DEBT: Final = 60.0
# How many times as often as one address all addresses together may fail.
_ADDRESSES: Final = 100
_FRESH_SECONDS: Final = 2.0


class TokenBuckets:
    """
    One bucket per holder, which fills steadily and has room for the requests of one second.

    Args:
        rate: Requests a second; 0 for no limit.
        clock: Seconds that never go back.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_a_token = 1 / rate if rate else 0.0
        self._clock = clock
        # A bucket that needs longer than this to be full has no whole token left.
        self._slack = (max(rate, 1.0) - 1) * self._seconds_a_token
        # How long after its last charge any bucket is full again.
        self.longest = self._slack + max(_LONGEST_DEBT, self._seconds_a_token)
        # When each bucket is full. Buckets that are not here are full already.
        self._full_at: dict[str, float] = {}

    def take(self, holder: str) -> float:
        """
        Take one token: 0 if there was one, or else the seconds until there will be.
        """
        if not self._seconds_a_token:
            return 0.0
        now = self._clock()
        full_at = self._full_at.get(holder)
        if full_at is None:
            self._make_room(now)
            full_at = now
        elif full_at < now:
            full_at = now
        wait = full_at - now - self._slack
        if wait > 0:
            return wait
        self._full_at[holder] = full_at + self._seconds_a_token
        return 0.0

    def wait(self, holder: str) -> float:
        """
        The seconds until there is a token; 0 if there is one.
        """
        full_at = self._full_at.get(holder)
        return 0.0 if full_at is None else max(0.0, full_at - self._clock() - self._slack)

    def charge(self, holder: str) -> None:
        """
        Take one token that may not be there yet.

        Requests that began together all find one; what they take beyond that has to come in
        first, for a minute at most.
        """
        if not self._seconds_a_token:
            return
        now = self._clock()
        if holder not in self._full_at:
            self._make_room(now)
        full_at = max(self._full_at.get(holder, now), now) + self._seconds_a_token
        self._full_at[holder] = min(full_at, now + self.longest)

    def _make_room(self, now: float) -> None:
        if len(self._full_at) >= _MAX_HOLDERS:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}
            while len(self._full_at) >= _MAX_HOLDERS:
                del self._full_at[next(iter(self._full_at))]


class KnownKeys:
    """
    Every API key as it was a moment ago.

    They tell callers from strangers at addresses that have failed too often, without asking the
    store for each. They are read at most every two seconds. While they cannot be read, nobody
    counts as a stranger.
    """

    def __init__(self, api_keys: ApiKeyStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._api_keys = api_keys
        self._clock = clock
        self._keys: Mapping[str, ApiKey] = {}
        self._failure: ApplicationError | None = None
        self._stale_at = clock()
        self._reading = asyncio.Lock()

    async def all(self) -> Mapping[str, ApiKey]:
        """
        The keys by id.

        Raises:
            StoreUnavailableError: The store is away; for two seconds it is not asked again.
        """
        async with self._reading:
            asked_at = self._clock()
            if asked_at >= self._stale_at:
                try:
                    keys = await self._api_keys.api_keys()
                except ApplicationError as error:
                    # As of now: those who wait for the lock must not wait for the store too.
                    self._failure, self._stale_at = error, self._clock() + _FRESH_SECONDS
                else:
                    self._keys = {key.id: key for key in keys}
                    self._failure, self._stale_at = None, asked_at + _FRESH_SECONDS
            if self._failure is not None:
                # Or else its traceback would grow with each request.
                raise self._failure.with_traceback(None)
            return self._keys


class FailureLimits:
    """
    How often one address may come with a key, a signature or a secret address that is wrong.

    An address that has failed too often may still be right the next time. To find that out must
    not cost more than an honest request does.

    Args:
        rate: Failures a second of one address; all addresses together may fail a hundred times
            as often. 0 for no limit.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_address = TokenBuckets(rate, clock)
        self._altogether = TokenBuckets(rate * _ADDRESSES, clock)
        # When each bucket of an address is full again; 0 while nobody has failed.
        self._calm_at = 0.0

    @property
    def calm(self) -> bool:
        """
        Whether nobody has failed lately. Every request asks.
        """
        return not self._calm_at or self._clock() >= self._calm_at

    def wait(self, address: str | None) -> float:
        """
        The seconds until *address* may fail again; 0 if it may now.
        """
        return 0.0 if self.calm else self._by_address.wait(source_of(address or ""))

    @property
    def exhausted(self) -> bool:
        """
        Whether all addresses together have just failed too often.
        """
        return self._altogether.wait("") > 0

    def failed(self, address: str | None, wait: float = 0.0) -> None:
        """
        Count a failure of *address*, or refuse it if `wait` said that it had to wait.

        Raises:
            RateLimitedError: *wait* is not 0.
        """
        if wait:
            raise RateLimitedError(wait) from None
        self._calm_at = self._clock() + self._by_address.longest
        self._by_address.charge(source_of(address or ""))
        # Nothing is owed beyond the limit: the effect of a flood ends with it.
        self._altogether.take("")


@lru_cache(maxsize=4096)
def source_of(address: str) -> str:
    """
    What *address* counts as: an IPv4 address, or its network of 64 bits in IPv6.
    """
    host = address.partition("%")[0]
    if ":" not in host:
        return host
    number = IPv6Address(host)
    return str(number.ipv4_mapped or IPv6Address(int(number) >> 64 << 64))


@frozen
class CallerLimits:
    """
    Limits that keep one caller from taking the place of all others.

    Args:
        keys: Buckets by API key, and by account for Chatwoot.
    """

    keys: TokenBuckets
    failures: FailureLimits
    known_keys: KnownKeys
