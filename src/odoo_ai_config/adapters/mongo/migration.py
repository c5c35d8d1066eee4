"""
Brings a database to the schema that this program knows.
"""

from __future__ import annotations

from typing import Final

from pymongo.errors import CollectionInvalid, OperationFailure

from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.schema import COLLECTIONS, SCHEMA, STEPS
from odoo_ai_config.application.errors import StoreFailure, StoreUnusableError

_VERSION: Final = {"_id": "version"}
_NAMESPACE_EXISTS: Final = 48


@translated
async def prepare(database: MongoDatabase) -> None:
    """
    Create what is missing in *database*, and run the steps that its records still need.

    Raises:
        StoreUnusableError: The server has no transactions or refuses the hub's user, or the
            database belongs to a newer version of this program.
    """
    await database.require_transactions()
    version = await _version(database)
    if version > len(STEPS):
        raise _too_new(version)
    there = await database.collection_names()
    for collection in sorted(COLLECTIONS.keys() - there):
        await _create(database, collection)
    for collection, indexes in COLLECTIONS.items():
        if indexes:
            # A member that is away delays no index that a majority has.
            await database[collection].create_indexes(indexes, commitQuorum="majority")
    # Nothing in a new database needs a step.
    steps = STEPS[version:] if there & COLLECTIONS.keys() else ()
    for step in steps:
        await step.run(database, lambda _seen: None)
    if version < len(STEPS):
        # Never back: another process may know more steps.
        await database[SCHEMA].update_one(_VERSION, {"$max": {"value": len(STEPS)}}, upsert=True)


async def _version(database: MongoDatabase) -> int:
    record = await database[SCHEMA].find_one(_VERSION)
    return 0 if record is None else int(record["value"])


async def _create(database: MongoDatabase, collection: str) -> None:
    try:
        await database.create_collection(collection)
    except CollectionInvalid:
        pass
    except OperationFailure as error:
        # Another process was faster.
        if error.code != _NAMESPACE_EXISTS:
            raise


def _too_new(version: int) -> StoreUnusableError:
    return StoreUnusableError(
        f"O banco do MongoDB está na versão {version}, e este programa só conhece até a "
        f"{len(STEPS)}; atualize o odoo-ai-config ou restaure um backup anterior "
        f"({StoreFailure.NEWER_SCHEMA.value}).",
        StoreFailure.NEWER_SCHEMA,
    )
