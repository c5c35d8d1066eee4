"""
How aiohttp calls crews and Chatwoot.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from odoo_ai_config.adapters.outbound.answers import (
    CallFailedError,
    may_pass,
    pause_asked_for,
)
from odoo_ai_config.adapters.outbound.egress_policy import EgressPolicy
from odoo_ai_config.application.errors import TargetForbiddenError
from odoo_ai_config.application.ports.clock import Clock

_HEADERS: Final = {"User-Agent": "odoo-ai-config", "Accept-Encoding": "identity"}
_CONNECT_SECONDS: Final = 5.0

default_resolver: Final = aiohttp.ThreadedResolver


class GuardedResolver(AbstractResolver):
    """
    Resolves names to those of their addresses that a policy allows.

    Args:
        encrypted: Whether what is called is under TLS.
    """

    def __init__(
        self, policy: EgressPolicy, resolver: AbstractResolver, *, encrypted: bool
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._encrypted = encrypted

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """
        The addresses of *host* that may be called.

        Raises:
            TargetForbiddenError: No address is left.
            OSError: The name cannot be resolved.
        """
        allowed = [
            result
            for result in await self._resolver.resolve(host, port, family)
            if self._policy.allows(host, result["host"], encrypted=self._encrypted)
        ]
        if not allowed:
            raise TargetForbiddenError
        return allowed

    async def close(self) -> None:
        await self._resolver.close()


def new_session(resolver: AbstractResolver) -> aiohttp.ClientSession:
    """
    A session that keeps no cookie and takes no proxy from the environment.

    It has no limit of connections: one crew that hangs must not use up those of the others.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, resolver=resolver),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        auto_decompress=False,
        trust_env=False,
    )


@asynccontextmanager
async def response_to(
    session: aiohttp.ClientSession,
    method: str,
    url: URL,
    *,
    timeout: timedelta,  # noqa: ASYNC109 - aiohttp's, for each of its steps
    clock: Clock,
    **request: Any,  # noqa: ANN401 - aiohttp knows them
) -> AsyncIterator[aiohttp.ClientResponse]:
    """
    The response to a request, which may be read inside the context. Follows no redirect.

    Raises:
        ValueError: The URL or a header is not one that HTTP can have.
        CallFailedError: There is no response, or another attempt may do better. It is not
            chained: the text of aiohttp's error has the address, which may hold a token.
    """
    seconds = timeout.total_seconds()
    try:
        async with session.request(
            method,
            url,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                total=seconds, sock_connect=min(seconds, _CONNECT_SECONDS)
            ),
            **request,
        ) as response:
            if may_pass(response.status):
                pause = pause_asked_for(response, now=clock.now())
                raise CallFailedError("unavailable", pause, status=response.status)
            yield response
    except aiohttp.NonHttpUrlClientError:
        raise ValueError from None
    except ValueError:
        raise
    except (aiohttp.ClientError, OSError) as error:
        raise CallFailedError("unreachable", error=type(error).__name__) from None
