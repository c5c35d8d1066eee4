"""
The connections of a hub to crews and to Chatwoot, kept open from one message to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from odoo_ai_config.adapters.outbound.egress_policy import (
    Gate,
    GuardedResolver,
    Network,
    PrivateTargets,
    target_at,
)

_HEADERS: Final = {"User-Agent": "odoo-ai-config", "Accept-Encoding": "identity"}
_CONNECT_SECONDS: Final = 5.0


class HttpSessions:
    """
    Sessions that are opened when they are first needed, on the loop that needs them.

    None of them follows a redirect, keeps a cookie, asks the environment for a proxy, or
    limits how many connections there are: who asks how many crews at a time is decided
    elsewhere, and one crew that hangs must not use up the connections of the others.

    Args:
        private: Where crews may be although it is no public place.
        resolver: Makes what names are resolved with.
    """

    def __init__(
        self,
        private: Iterable[Network | str] = (),
        *,
        resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
    ) -> None:
        self._private = PrivateTargets.of(private)
        self._resolver = resolver
        self._to_crews: dict[Gate, aiohttp.ClientSession] = {}
        self._to_chatwoot: aiohttp.ClientSession | None = None

    def to_crew(self, address: str) -> tuple[aiohttp.ClientSession, URL]:
        """
        A session that reaches *address*, but no place where crews must not be.

        Raises:
            TargetForbiddenError: The address says by itself that it is not allowed. One whose
                name resolves to such a place raises it when it is called.
        """
        url, gate = target_at(address, self._private)
        if gate not in self._to_crews:
            self._to_crews[gate] = _session(GuardedResolver(gate, self._resolver()))
        return self._to_crews[gate], url

    def to_chatwoot(self) -> aiohttp.ClientSession:
        """
        A session that reaches wherever the operator says that Chatwoot is.
        """
        if self._to_chatwoot is None:
            self._to_chatwoot = _session(self._resolver())
        return self._to_chatwoot

    async def close(self) -> None:
        """
        Close every connection. What is called after it opens new ones.
        """
        sessions = [*self._to_crews.values()]
        if self._to_chatwoot is not None:
            sessions.append(self._to_chatwoot)
        self._to_crews = {}
        self._to_chatwoot = None
        for session in sessions:
            await session.close()


def time_allowed(seconds: float) -> aiohttp.ClientTimeout:
    """
    So long for everything, of which connecting may take no more than its share.
    """
    return aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, _CONNECT_SECONDS))


def _session(resolver: AbstractResolver) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, resolver=resolver),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        auto_decompress=False,
        trust_env=False,
    )
