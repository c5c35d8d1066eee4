"""
Limits the requests of each caller, and the failed authentications of each address.
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
# All addresses together may fail this many times as often as one address.
_ADDRESSES: Final = 100
_FRESH_SECONDS: Final = 2.0


class TokenBuckets:
    """
    One bucket per holder. It fills steadily and holds the requests of one second.

    Args:
        rate: Requests per second; 0 for no limit.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_a_token = 1 / rate if rate else 0.0
        self._clock = clock
        # A bucket that needs longer than this to fill has no whole token left.
        self._slack = (max(rate, 1.0) - 1) * self._seconds_a_token
        # How long after its last charge any bucket is full again.
        self.longest = self._slack + max(_LONGEST_DEBT, self._seconds_a_token)
        # When each bucket is full. Buckets that are not here are full.
        self._full_at: dict[str, float] = {}

    def take(self, holder: str) -> float:
        """
        Take one token. Returns 0, or the seconds until there is a token.
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
        Take one token, even if the bucket is empty.

        Requests that begin together all see the same token. The bucket then owes the others, for
        a minute at most.
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
    A recent copy of all API keys.

    It tells callers from strangers at addresses that have failed too often, without a query for
    each request. It is read at most every two seconds. While it cannot be read, nobody counts as
    a stranger.
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
            StoreUnavailableError: The store is unavailable. It is not asked again for two seconds.
        """
        async with self._reading:
            asked_at = self._clock()
            if asked_at >= self._stale_at:
                try:
                    keys = await self._api_keys.api_keys()
                except ApplicationError as error:
                    # As of now: requests that wait for the lock must not wait for the store, too.
                    self._failure, self._stale_at = error, self._clock() + _FRESH_SECONDS
                else:
                    self._keys = {key.id: key for key in keys}
                    self._failure, self._stale_at = None, asked_at + _FRESH_SECONDS
            if self._failure is not None:
                # Otherwise its traceback would grow with each request.
                raise self._failure.with_traceback(None)
            return self._keys


class FailureLimits:
    """
    Limits how often one address may send a wrong key, signature or webhook token.

    The next request of a limited address may still be valid. Checking it must not cost more than
    an ordinary request.

    Args:
        rate: Failures per second of one address; all addresses together may fail a hundred times
            as often. 0 for no limit.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_address = TokenBuckets(rate, clock)
        self._altogether = TokenBuckets(rate * _ADDRESSES, clock)
        # When the last bucket is full again; 0 while nobody has failed.
        self._calm_at = 0.0

    @property
    def calm(self) -> bool:
        """
        Whether nobody has failed recently. Every request asks this.
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
        Count a failure of *address*, or refuse the request if `wait` was not 0.

        Raises:
            RateLimitedError: *wait* is not 0.
        """
        if wait:
            raise RateLimitedError(wait) from None
        self._calm_at = self._clock() + self._by_address.longest
        self._by_address.charge(source_of(address or ""))
        # No debt beyond the limit: the effect of a flood ends with the flood.
        self._altogether.take("")


@lru_cache(maxsize=4096)
def source_of(address: str) -> str:
    """
    The address that is counted: *address* for IPv4, its /64 network for IPv6.
    """
    host = address.partition("%")[0]
    if ":" not in host:
        return host
    number = IPv6Address(host)
    return str(number.ipv4_mapped or IPv6Address(int(number) >> 64 << 64))


@frozen
class CallerLimits:
    """
    Limits that keep one caller from crowding out all others.

    Args:
        keys: Buckets by API key, and by account for Chatwoot.
    """

    keys: TokenBuckets
    failures: FailureLimits
    known_keys: KnownKeys
