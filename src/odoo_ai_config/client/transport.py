"""
Requests to a hub: attempts within a deadline, and what is an answer and what is an outage.

Whatever a hub decided is an answer: a success, or a problem document with a code. All else is an
outage and may pass: no connection, a cut or foreign body, a page of a proxy, an overloaded hub.

The attempts are counted here and not by stamina: its hooks belong to the whole process and load
prometheus-client and structlog into a program at the first retry.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from random import uniform
from typing import Final, TypeVar

import aiohttp
from attrs import frozen
from yarl import URL

from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.application.off_loop import run_off_loop
from odoo_ai_config.client.refusals import refusal_of
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import CodedError, DomainError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject, unique_members

T = TypeVar("T")

# Another attempt may do better, whoever says so.
_PASSING: Final = frozenset({408, 425, 429})
_SERVER_FAILED: Final = 500
_UNCHANGED: Final = 304
_REDIRECTED: Final = 300
_SHORTEST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
# Whatever a hub or a proxy asks for.
_LONGEST_REST: Final = 300.0
_FIRST_PAUSE: Final = 0.5
# A route table of half a million channels.
_LARGEST_BODY: Final = 128 * 2**20
_CONNECTING_SECONDS: Final = 5.0


class OutageError(Exception):
    """
    The hub gives no answer at the moment.

    Args:
        retry_after: The seconds that it asks to wait, if it does.
        refusal: What it says about it, if it does.
        reached: The hub may have got the request.
        of_hub: The hub as a whole is away; otherwise only one of its answers is of no use.
    """

    def __init__(
        self,
        retry_after: float | None = None,
        refusal: CodedError | None = None,
        *,
        reached: bool = True,
        of_hub: bool = True,
    ) -> None:
        super().__init__()
        self.retry_after = retry_after
        self.refusal = refusal
        self.reached = reached
        self.of_hub = of_hub

    @property
    def told(self) -> CodedError:
        """
        What the caller is told in its place.
        """
        return self.refusal or StoreUnavailableError()


@frozen
class Answer:
    """
    A success. *body* is None if what the reader has is unchanged.
    """

    body: bytes | None
    tag: str | None
    replayed: bool = False
    # A page of a proxy is not.
    is_json: bool = False


def json_object(body: bytes) -> JsonObject:
    """
    *body*, if it is a JSON object.

    Raises:
        ValueError, RecursionError: It is not.
    """
    found: Json = json.loads(body, object_pairs_hook=unique_members)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of the text, not of an argument
    return found


# What a reader of an answer may raise if it is none.
NO_ANSWER: Final = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
    DomainError,
)


def understood(read: Callable[[], T]) -> T:
    """
    What an answer to a write says.

    Raises:
        StoreUnavailableError: It cannot be understood; the write may have been done.
    """
    try:
        return read()
    except NO_ANSWER:
        # Not chained: it may quote the answer.
        raise StoreUnavailableError from None


class Transport:
    """
    The one way to a hub, for one event loop.

    Args:
        url: Where the hub is.
        deadline: The seconds that one call may take with all its attempts.
    """

    def __init__(self, url: str, api_key: SecretText, *, deadline: float) -> None:
        self._url = url
        self._api_key = api_key
        self.deadline = deadline
        self._session: aiohttp.ClientSession | None = None
        # When the hub answered last, in seconds since 1970; None if it has not yet.
        self.last_contact: float | None = None
        self.away = False
        self._answered = 0.0
        self._next_try = 0.0
        self._pause = _FIRST_PAUSE

    @property
    def is_resting(self) -> bool:
        """
        Whether the hub was away a moment ago: whoever can do without it does not ask it yet.
        """
        return self.away and time.monotonic() < self._next_try

    def missed(self, outage: OutageError) -> None:
        """
        The hub has not answered.
        """
        self.away = True
        wait = max(uniform(self._pause / 2, self._pause), outage.retry_after or 0.0)  # noqa: S311
        self._next_try = time.monotonic() + wait
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def has_answered_since(self, moment: float) -> bool:
        """
        Whether anything was answered after *moment* of the monotonic clock.
        """
        return self._answered >= moment

    def _reached(self) -> None:
        self.last_contact, self.away, self._pause = time.time(), False, _FIRST_PAUSE
        self._answered = time.monotonic()

    async def close(self) -> None:
        """
        End all connections.
        """
        if self._session is not None:
            await self._session.close()

    async def read(
        self,
        path: str,
        understand: Callable[[bytes], T],
        *,
        tag: str | None = None,
        tenant: TenantId | None = None,
        insist: bool = True,
    ) -> tuple[T | None, Answer]:
        """
        Get *path* and *understand* the body; None if what has the *tag* is unchanged.

        Whoever does not *insist* asks only once if the hub's answer is of no use.

        Raises:
            CodedError: The hub refuses it.
            OutageError: There was no answer before the deadline, or none that can be understood.
        """
        headers = {} if tag is None else {"If-None-Match": tag}

        async def attempt() -> tuple[T | None, Answer]:
            answer = await self.ask("GET", path, headers=headers, tenant=tenant)
            if answer.body is None:
                return None, answer
            body = answer.body
            try:
                return await run_off_loop(lambda: understand(body), cost=len(body)), answer
            except NO_ANSWER:
                # Not chained: it may quote the body.
                raise OutageError(of_hub=not answer.is_json) from None

        return await self._attempts(attempt, repeatable=True, insist=insist)

    async def send(
        self,
        method: str,
        path: str,
        body: JsonObject,
        *,
        headers: Mapping[str, str] | None = None,
        tenant: TenantId | None = None,
        repeatable: bool = True,
    ) -> tuple[JsonObject, Answer]:
        """
        Send *body*. If the call is not *repeatable*, one that may have arrived is not sent again.

        Raises:
            CodedError: The hub refuses it, or there was no answer before the deadline.
        """
        raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")

        async def attempt() -> tuple[JsonObject, Answer]:
            answer = await self.ask(method, path, raw, headers=headers, tenant=tenant)
            try:
                return json_object(answer.body or b""), answer
            except NO_ANSWER:
                raise OutageError from None

        try:
            return await self._attempts(attempt, repeatable=repeatable, insist=True)
        except OutageError as outage:
            raise outage.told from outage

    async def _attempts(
        self, attempt: Callable[[], Awaitable[T]], *, repeatable: bool, insist: bool
    ) -> T:
        outage = OutageError(reached=False)
        try:
            async with asyncio.timeout(self.deadline) as limit:
                for pause in _pauses():
                    try:
                        return await self.once(attempt)
                    except OutageError as error:
                        outage = error
                    wait = max(pause, outage.retry_after or 0.0)
                    late = asyncio.get_running_loop().time() + wait >= (limit.when() or 0.0)
                    useless = not (insist or outage.of_hub)
                    if late or useless or (outage.reached and not repeatable):
                        break
                    await asyncio.sleep(wait)
        except TimeoutError:
            if outage.of_hub:
                self.missed(outage)
        raise outage

    async def once(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """
        Do one *attempt*, and note whether the hub is there.

        Raises:
            CodedError: The hub refuses it.
            OutageError: There is no answer.
        """
        try:
            found = await attempt()
        except OutageError as outage:
            if outage.of_hub:
                self.missed(outage)
            raise
        except CodedError:
            self._reached()
            raise
        self._reached()
        return found

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        tenant: TenantId | None = None,
    ) -> Answer:
        """
        One attempt.

        Raises:
            CodedError: The hub refuses it.
            OutageError: There is no answer.
        """
        url = URL(f"{self._url}{path}", encoded=True)
        try:
            async with self._opened().request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return _answer(response, await _read(response), headers or {}, tenant)
        except aiohttp.ClientConnectorError:
            # Not chained, here and below: aiohttp's errors may hold the request with its key.
            raise OutageError(reached=False) from None
        except (aiohttp.ClientError, OSError):
            raise OutageError from None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={
                    "X-API-Key": self._api_key.reveal(),
                    "Content-Type": "application/json",
                    "User-Agent": "odoo-ai-config-client",
                },
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECTING_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise OutageError
    return bytes(body)


def _answer(
    response: aiohttp.ClientResponse,
    body: bytes,
    asked: Mapping[str, str],
    tenant: TenantId | None,
) -> Answer:
    status, headers = response.status, response.headers
    if status == _UNCHANGED and "If-None-Match" in asked:
        return Answer(None, headers.get("ETag"))
    if response.ok and status < _REDIRECTED:
        replayed = headers.get("Idempotent-Replayed") == "true"
        return Answer(body, headers.get("ETag"), replayed, response.content_type.endswith("json"))
    refusal: CodedError | None = None
    try:
        problem = json_object(body)
        # A page of a proxy has none, and says nothing about what the hub has.
        if isinstance(problem.get("code"), str) and problem.get("status") == status:
            refusal = refusal_of(problem, tenant)
    except NO_ANSWER:
        pass
    if refusal is None or status in _PASSING or status >= _SERVER_FAILED:
        told = headers.get("Retry-After", "")
        wait = min(float(told[:6]), _LONGEST_REST) if told.isdecimal() else None
        raise OutageError(wait, refusal)
    raise refusal


def _pauses() -> Iterator[float]:
    pause = _SHORTEST_PAUSE
    while True:
        yield uniform(pause / 2, pause)  # noqa: S311 - so that readers do not come together
        pause = min(2 * pause, _LONGEST_PAUSE)
