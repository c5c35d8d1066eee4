"""
What is asked and answered at an address, said beside the handler that does it.

A resource has a `RouteGroup`, and an `Operation` on each of its handlers. `routes.py` registers
the groups and the description walks them: neither says again what stands here.
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
    ApplicationError,
    ContentionError,
    InvalidKeyRingError,
    MasterKeyMissingError,
    SealBrokenError,
)
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.platform.errors import HttpRefusalError
from odoo_ai_config.entrypoints.http.platform.paths import named, whole_number

T = TypeVar("T")
# A handler takes the request; with a key also its holder; with a push the body, too.
AnyHandler: TypeAlias = Callable[..., Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=AnyHandler)
RefusalClass: TypeAlias = type[DomainError] | type[ApplicationError] | type[HttpRefusalError]

JSON: Final = "application/json"
# What an operation may be refused with that opens or seals secrets, and one that commits.
VAULT: Final = (MasterKeyMissingError, InvalidKeyRingError, SealBrokenError)
COMMIT: Final = (ContentionError,)


class Access(Enum):
    """
    Who is let through to a handler.
    """

    OPEN = "anybody, or the handler finds out in its own way who asks"
    KEYED = "whoever has an API key"
    PUSHED = "whoever has one with the scope `webhook`, and signs where the operator demands it"


@frozen
class Ref:
    """
    A schema that no class stands for: a component of the description, by its name.
    """

    name: str


@frozen
class Query(Generic[T]):
    """
    A parameter of the query.

    Args:
        type: What its schema is derived from.
        read: What the handler gets of its text.
    """

    name: str
    type: object
    read: Callable[[str], T]
    description: str = ""
    required: bool = False

    def of(self, request: web.Request) -> T | None:
        """
        What the query says; None if it is absent or empty.
        """
        text = request.query.get(self.name, "")
        return named(self.name, self.read, text) if text else None


def number_query(name: str, description: str) -> Query[int]:
    """
    A parameter that is a positive integer.
    """
    return Query(
        name, Annotated[int, Meta(ge=1)], lambda text: whole_number(name, text), description
    )


@frozen
class PageSize:
    """
    The parameter ``limit``: how many items a page has at most.
    """

    default: int
    most: int
    name: str = "limit"
    description: str = "How many at most."
    required: bool = False

    @property
    def type(self) -> object:
        """
        What its schema is derived from.
        """
        return Annotated[
            int, Meta(ge=1, le=self.most, extra_json_schema={"default": self.default})
        ]

    def of(self, request: web.Request) -> int:
        """
        How many items the query asks for.
        """
        text = request.query.get(self.name, "")
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
        size = self.of(request)
        # One more than asked for tells whether there is a next page.
        found = await read(limit=size + 1)
        page = found[:size]
        return page, str(cursor(page[-1])) if len(found) > size else None


@frozen
class SignatureScheme:
    """
    How a sender signs who may come without an API key.
    """

    name: str
    header: str
    description: str


@frozen(eq=False)
class RouteGroup:
    """
    Addresses that belong together.

    aiohttp tries those with the same prefix in their order: the most frequent one comes first.

    Args:
        tag: Under which heading the description has them.
        app: The app that they belong to; None if they are always served.
        area: What their log lines are about, one of `log_files.AREAS`; None for the server
            itself.
    """

    tag: str
    app: App | None = None
    area: str | None = None
    served: list[tuple[Operation, AnyHandler]] = field(factory=list, init=False)


@frozen(eq=False)
class Operation:
    """
    One method of one path; the decorator of the handler that serves it.

    The handler's name is the ``operationId``, in camel case; its docstring is the summary and,
    from the second paragraph on, the description.

    Args:
        answer: The type of what is answered with status 200; None if nothing ever is.
        scope: What the caller's key must have; None if no key is asked for.
        access: Who is let through. Follows from the scope if it is not given.
        identity: The ``operationId``, if the handler's name is not it.
        summary: Summary and description, if the docstring is not.
        says: What the answer is, if the docstring of its class does not say it.
        answer_headers: Those that do not follow from the other arguments.
        path_parts: Types of parts of the path that are not what the description knows them to be.
        request_headers: Those that do not follow from the other arguments.
        body: The type of the body; None if it has none.
        conditional: Whether ``If-None-Match`` may make it a 304.
        idempotent: Whether an idempotency key is heeded.
        bearer: Whether the key may come as a bearer token, too.
        signature: What vouches for a caller as well as a key does.
        refusals: What it may be refused with beyond what follows from the rest.
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
    bearer: bool = field(default=True, kw_only=True)
    signature: SignatureScheme | None = field(default=None, kw_only=True)
    refusals: tuple[RefusalClass, ...] = field(default=(), kw_only=True)

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
