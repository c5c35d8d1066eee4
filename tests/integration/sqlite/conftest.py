"""
A SQLite file for the tests of SQLite's stores; those of MongoDB have their own fixtures.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase, open_sqlite
from tests.contract.sqlite_stores import stores_over
from tests.contract.stores import Stores


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    with open_sqlite(path) as database:
        yield database


@pytest.fixture
def stores(database: SqliteDatabase) -> Stores:
    return stores_over(database)
