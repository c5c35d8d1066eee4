"""
The use cases for one command: opened on the store itself, beside a server that may be running.

Opening raises `SettingsError`, `DomainError` or `ApplicationError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from functools import partial
from typing import Final, TypeVar

from attrs import evolve

from odoo_ai_config.application.errors import ApplicationError, StoreFailure, StoreUnusableError
from odoo_ai_config.application.tenants import TenantOverview
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.entrypoints.cli.flags import StoreFlags, WriteFlags
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.startup import opened, trusted
from odoo_ai_config.entrypoints.wiring import Services

T = TypeVar("T")

# A user who can read the store's file and the key ring does not need a key.
OPERATOR: Final = trusted("cli")
_NO_STORE: Final = "memory://"
_PAGE: Final = 100


def operator(flags: WriteFlags) -> ApiKey:
    """
    The operator, with the reason that the command names.

    Raises:
        InvalidValueError: It is empty, too long, or seems to hold a secret.
    """
    return OPERATOR.because(flags.reason)


def session(flags: StoreFlags) -> AbstractAsyncContextManager[Services]:
    """
    The use cases, for as long as one command runs, over a store that is there.
    """
    return writing(Container(settings=flags.settings(), make=False))


@asynccontextmanager
async def writing(container: Container) -> AsyncIterator[Services]:
    """
    The use cases of *container* for a command that writes; at its end the audit trail has it.
    """
    async with opened(container) as services:
        yield services
        # If not, a server does it.
        with suppress(ApplicationError):
            await services.link_audit_trail()


def reading(flags: StoreFlags) -> AbstractAsyncContextManager[Services]:
    """
    The use cases for a command that only reads: nothing is created, migrated or written.
    """
    return opened(Container(settings=flags.settings(), read_only=True))


@asynccontextmanager
async def rehearsing(flags: StoreFlags) -> AsyncIterator[Services]:
    """
    The use cases for a dry run; on an empty hub if there is none yet.
    """
    async with AsyncExitStack() as stack:
        try:
            services = await stack.enter_async_context(reading(flags))
        except StoreUnusableError as error:
            if error.failure is not StoreFailure.EMPTY:
                raise
            empty = evolve(flags, store_url=_NO_STORE)
            services = await stack.enter_async_context(reading(empty))
        yield services


async def every(
    read: Callable[..., Awaitable[Sequence[T]]], cursor: Callable[[T], object]
) -> AsyncIterator[T]:
    """
    All that *read* finds, page by page; *cursor* names the place of one.
    """
    after: object = None
    while page := await read(after=after, limit=_PAGE):
        for one in page:
            yield one
        after = cursor(page[-1])


def all_tenants(services: Services) -> AsyncIterator[TenantOverview]:
    """
    Every tenant with its documents.
    """
    read = partial(services.list_tenants, caller=OPERATOR)
    return every(read, lambda overview: overview.tenant)
