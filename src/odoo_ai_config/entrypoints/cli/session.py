"""
The hub as a command sees it: opened on the store itself, beside a server that may be running.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from attrs import evolve

from odoo_ai_config.domain.access import ALL_SCOPES, ApiKey
from odoo_ai_config.entrypoints.cli.flags import StoreFlags, container_of, reader_of
from odoo_ai_config.entrypoints.startup import opened
from odoo_ai_config.entrypoints.wiring import Services

# Whoever can read the store's file and the key ring needs no key.
OPERATOR: Final = ApiKey(
    "cli", "cli", b"", ALL_SCOPES, None, created_at=datetime(1970, 1, 1, tzinfo=UTC)
)
_NO_STORE: Final = "memory://"


@asynccontextmanager
async def reading(flags: StoreFlags) -> AsyncIterator[Services]:
    """
    The use cases for a command that only reads: nothing is made, migrated or written.

    Raises:
        SettingsError, DomainError, ApplicationError: The hub cannot be opened, is not there yet,
            or has to be migrated first.
    """
    async with opened(reader_of(flags.settings())) as services:
        yield services


@asynccontextmanager
async def rehearsing(flags: StoreFlags) -> AsyncIterator[Services]:
    """
    The use cases for a command that says what it would do: in an empty hub where none is yet.

    Raises:
        SettingsError, DomainError, ApplicationError: The hub cannot be opened, or has to be
            migrated first.
    """
    location = flags.settings().store
    if location.technology == "sqlite" and not location.path.exists():
        flags = evolve(flags, store_url=_NO_STORE)
    async with opened(reader_of(flags.settings())) as services:
        yield services


@asynccontextmanager
async def session(flags: StoreFlags) -> AsyncIterator[Services]:
    """
    The use cases, for as long as one command runs.

    Raises:
        SettingsError, DomainError, ApplicationError: The hub cannot be opened.
    """
    async with opened(container_of(flags.settings())) as services:
        yield services
