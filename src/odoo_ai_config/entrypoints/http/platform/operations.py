"""
The metadata of an operation, beside its handler.

A resource has a `RouteGroup`, and an `Operation` on each of its handlers. `routes.py` registers
the groups, and the OpenAPI description walks them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from inspect import getdoc
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

from aiohttp import web
from attrs import field, frozen
from msgspec import Meta

from odoo_ai_config.application.errors import (
    ContentionError,
    InvalidKeyRingError,
    MasterKeyMissingError,
    SealBrokenError,
)
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.errors import CodedError
from odoo_ai_config.domain.tenants import AreaMovedError, TenantErasedError, TenantRenamedError
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.platform.paths import asked_text, named, whole_number

T = TypeVar("T")
# A handler takes the request. A keyed one also takes the key, a pushed one the key and the body.
AnyHandler: TypeAlias = Callable[..., Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=AnyHandler)

JSON: Final = "application/json"
# A stream that does not end.
EVENTS: Final = "text/event-stream"
# A parameter for the header `webhook-id` of crews, which are no pages.
_CREWS: Final = "CrewWebhookId"
# The headers of signed pushes.
_SIGNED: Final = ("webhook-id", "webhook-timestamp", "webhook-signature", "X-Webhook-Signature")
# The refusals of operations that open or seal secrets, and of those that commit.
VAULT: Final = (MasterKeyMissingError, InvalidKeyRingError, SealBrokenError)
COMMIT: Final = (ContentionError, TenantErasedError, TenantRenamedError, AreaMovedError)


class Access(Enum):
    """
    Who may call a handler.
    """

    OPEN = "anybody, or the handler identifies the caller itself"
    KEYED = "callers with an API key"
    PUSHED = "callers with the scope `webhook`, who sign if the operator requires it"


@frozen(eq=False)
class Query(Generic[T]):
    """
    A parameter of the query.

    Args:
        type: The type from which its schema is derived.
        read: Converts its text for the handler.
    """

    name: str
    type: object
    read: Callable[[str], T]
    description: str = ""
    required: bool = False

    def of(self, request: web.Request) -> T | None:
        """
        The value in the query; None if it is absent or empty.
        """
        text = asked_text(request, self.name)
        return named(self.name, self.read, text) if text else None


def number_query(name: str, description: str) -> Query[int]:
    """
    A parameter that is a positive integer.
    """
    return Query(
        name, Annotated[int, Meta(ge=1)], lambda text: whole_number(name, text), description
    )


@frozen(eq=False)
class PageSize:
    """
    The parameter ``limit``: the maximum number of items on a page.
    """

    default: int
    most: int
    name: str = "limit"
    description: str = "The maximum number of items."
    required: bool = False

    @property
    def type(self) -> object:
        """
        The type from which its schema is derived.
        """
        return Annotated[
            int, Meta(ge=1, le=self.most, extra_json_schema={"default": self.default})
        ]

    def of(self, request: web.Request) -> int:
        """
        The number of items that the query asks for.
        """
        text = asked_text(request, self.name)
        if not text:
            return self.default
        return whole_number(self.name, text, rule="page_size", most=self.most)

    async def page(
        self,
        request: web.Request,
        read: Callable[..., Awaitable[Sequence[T]]],
        cursor: Callable[[T], object],
    ) -> tuple[Sequence[T], str | None]:
        """
        The page that the query asks for, and the cursor of the next one if there is one.

        *read* gets at most *limit* items, and *cursor* names the place of one.
        """
        return await paged(read, self.of(request), cursor)


async def paged(
    read: Callable[..., Awaitable[Sequence[T]]], size: int, cursor: Callable[[T], object]
) -> tuple[Sequence[T], str | None]:
    """
    The first *size* of what *read* finds, and the *cursor* of the last one if there are more.
    """
    # One more than asked for: it shows whether there is a next page.
    found = await read(limit=size + 1)
    page = found[:size]
    return page, str(cursor(page[-1])) if len(found) > size else None


@frozen
class SignatureScheme:
    """
    How a sender without an API key signs its requests.
    """

    name: str
    header: str
    description: str


@frozen(eq=False)
class RouteGroup:
    """
    Operations that belong together.

    aiohttp tries paths with the same prefix in order: list the most frequent one first.

    Args:
        tag: Their heading in the description.
        app: The app that they belong to; None if they are always served.
        area: The area of their log lines, one of `log_files.AREAS`; None for the server itself.
    """

    tag: str
    app: App | None = None
    area: str | None = None
    served: list[tuple[Operation, AnyHandler]] = field(factory=list, init=False)


@frozen(eq=False)
class Operation:
    """
    One method of one path. It decorates the handler that serves it.

    The handler's name is the ``operationId``, in camel case; its docstring is the summary and,
    from the second paragraph on, the description.

    Args:
        answer: The type of the answer with status 200; None if there is no such answer.
        scope: The scope that the caller's key needs; None if none is needed.
        access: Who may call it. By default it follows from the scope; without one it is open.
        identity: The ``operationId``, if it is not the handler's name.
        summary: Summary and description, if they are not the docstring.
        says: The description of the answer, if it is not the docstring of its class.
        answer_headers: Headers that do not follow from the other arguments.
        path_parts: Types of parts of the path that differ from the usual ones.
        request_headers: Headers that do not follow from the other arguments.
        body: The schema of the body, as a `BodySchema`; None if it has none.
        conditional: Whether ``If-None-Match`` can lead to a 304.
        idempotent: Whether it accepts an idempotency key.
        shared_with: An app whose processes serve it, too.
        signature: The scheme that can replace an API key.
        audited: Whether the audit trail has that it was read.
        other_statuses: What it also answers, by status; with the same type, or with no content
            if that is what the status says.
        refusals: Refusals that do not follow from the other arguments.
    """

    group: RouteGroup
    method: str
    path: str
    answer: object = field(kw_only=True)
    scope: Scope | None = field(default=None, kw_only=True)
    access: Access = field(kw_only=True)
    identity: str = field(default="", kw_only=True)
    summary: str = field(default="", kw_only=True)
    says: str = field(default="", kw_only=True)
    media_types: tuple[str, ...] = field(default=(JSON,), kw_only=True)
    answer_headers: tuple[str, ...] = field(default=(), kw_only=True)
    parameters: tuple[Query[Any] | PageSize, ...] = field(default=(), kw_only=True)
    path_parts: Mapping[str, object] = field(factory=dict, kw_only=True)
    request_headers: tuple[str, ...] = field(default=(), kw_only=True)
    body: object = field(default=None, kw_only=True)
    body_media_type: str = field(default=JSON, kw_only=True)
    conditional: bool = field(default=False, kw_only=True)
    idempotent: bool = field(default=False, kw_only=True)
    shared_with: App | None = field(default=None, kw_only=True)
    signature: SignatureScheme | None = field(default=None, kw_only=True)
    audited: bool = field(default=False, kw_only=True)
    refusals: tuple[type[CodedError], ...] = field(default=(), kw_only=True)
    other_statuses: Mapping[int, str] = field(factory=dict, kw_only=True)

    @access.default
    def _access_by_scope(self) -> Access:
        if self.scope is None:
            return Access.OPEN
        return Access.PUSHED if self.scope is Scope.WEBHOOK else Access.KEYED

    def __call__(self, handler: H) -> H:
        """
        Serve the operation with *handler*.
        """
        self.group.served.append((self, handler))
        return handler

    def is_served(self, apps: frozenset[App]) -> bool:
        """
        Whether a process with *apps* serves it.
        """
        return self.group.app is None or not apps.isdisjoint({self.group.app, self.shared_with})

    @property
    def takes_key(self) -> bool:
        """
        Whether callers come with a key. Without a scope, what they ask for decides which.
        """
        return self.scope is not None or self.access is not Access.OPEN

    @property
    def takes_reason(self) -> bool:
        """
        Whether the caller may say why: the audit trail has what such operations do.
        """
        return self.takes_key and (self.method != "GET" or self.audited)

    @property
    def is_compressed(self) -> bool:
        """
        Whether its answers are compressed for readers that ask for it.
        """
        # The length of a compressed answer shows whether one part of it repeats another (BREACH).
        # So what may tell a secret is left as it is: new keys and tokens, which only writes tell,
        # and what is worth an entry in the audit trail.
        return self.method == "GET" and not self.audited and EVENTS not in self.media_types

    @property
    def headers_read(self) -> tuple[str, ...]:
        """
        The headers of requests that it reads, by the names of their parameters.
        """
        pushes = self.scope is Scope.WEBHOOK and self.signature is None
        claims = ("Idempotency-Key",) if pushes else ("Idempotency-Key", "webhook-id")
        return (
            *self.request_headers,
            *(("X-Reason",) if self.takes_reason else ()),
            *(("If-None-Match",) if self.conditional else ()),
            *(claims if self.idempotent else ()),
            *(_SIGNED if pushes else ()),
            "X-Request-ID",
            "Accept-Language",
        )

    @property
    def headers_of_pages(self) -> frozenset[str]:
        """
        The headers that a page in a browser may send with it.
        """
        key = ("X-API-Key", "Authorization") if self.takes_key else ()
        content = () if self.body is None else ("Content-Type",)
        return frozenset((*key, *content, *self.headers_read)) - {_CREWS}

    def identity_of(self, handler: AnyHandler) -> str:
        """
        The ``operationId``.
        """
        first, *others = handler.__name__.split("_")
        return self.identity or first + "".join(word.title() for word in others)

    def about(self, handler: AnyHandler) -> tuple[str, str]:
        """
        Summary and description.
        """
        text = self.summary or getdoc(handler) or ""
        summary, *rest = (" ".join(part.split()) for part in text.split("\n\n"))
        return summary.removesuffix("."), "\n\n".join(rest)
