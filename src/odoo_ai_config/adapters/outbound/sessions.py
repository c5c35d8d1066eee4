"""
The connections of a hub to crews and to Chatwoot, kept open from one message to the next.

The first call loads aiohttp, which takes a tenth of a second and 8 MB. A program whose crews are
functions of its own makes no call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeAlias

from yarl import URL

from odoo_ai_config.adapters.outbound.egress_policy import EgressPolicy, Network

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession
    from aiohttp.abc import AbstractResolver

Response: TypeAlias = "AbstractAsyncContextManager[ClientResponse]"


class HttpSessions:
    """
    Sessions that are opened when they are first needed, on the loop that needs them.

    Args:
        private: Where crews may be although it is no public place.
        resolver: Makes what names are resolved with.
    """

    def __init__(
        self,
        private: Iterable[Network | str] = (),
        *,
        resolver: Callable[[], AbstractResolver] | None = None,
    ) -> None:
        self._policy = EgressPolicy.of(private)
        self._resolver = resolver
        # To crews and files under TLS, to those without it, and to Chatwoot (None).
        self._sessions: dict[bool | None, ClientSession] = {}

    def to_crew(self, address: str, **request: Any) -> Response:  # noqa: ANN401 - see `response_to`
        """
        Post to the crew at *address*, unless crews must not be there.

        Raises:
            TargetForbiddenError: The address says by itself that it is not allowed. One whose
                name resolves to such a place raises it when the context is entered.
        """
        return self._guarded("POST", address, request)

    def require_permitted(self, address: str) -> None:
        """
        Refuse what `to_crew` refuses before it calls anybody.

        Raises:
            TargetForbiddenError: The address says by itself that it is not allowed.
        """
        self._policy.checked(address)

    def to_file(self, address: str, **request: Any) -> Response:  # noqa: ANN401 - see `response_to`
        """
        Get the file at *address*, which a crew names: it may be where crews may be.

        Raises:
            TargetForbiddenError: As `to_crew`.
        """
        return self._guarded("GET", address, request)

    def to_chatwoot(self, method: str, url: URL, **request: Any) -> Response:  # noqa: ANN401 - see `response_to`
        """
        Call Chatwoot, wherever the operator says that it is.
        """
        return self._response(None, method, url, request)

    async def close(self) -> None:
        """
        Close every connection. What is called after it opens new ones.
        """
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _guarded(self, method: str, address: str, request: dict[str, Any]) -> Response:
        url = self._policy.checked(address)
        return self._response(url.scheme == "https", method, url, request)

    def _response(
        self,
        to: bool | None,  # noqa: FBT001 - a key of `_sessions`
        method: str,
        url: URL,
        request: dict[str, Any],
    ) -> Response:
        from odoo_ai_config.adapters.outbound import connections  # noqa: PLC0415 - see above

        if to not in self._sessions:
            resolver = (self._resolver or connections.default_resolver)()
            if to is not None:
                resolver = connections.GuardedResolver(self._policy, resolver, encrypted=to)
            self._sessions[to] = connections.new_session(resolver)
        return connections.response_to(self._sessions[to], method, url, **request)
