"""
Brings a database to the schema that this program knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, TypeAlias

from attrs import frozen
from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError, OperationFailure

from odoo_ai_config.adapters.mongo.database import (
    SCHEMA,
    UNFINISHED,
    VERSION,
    MongoDatabase,
    open_database,
)
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.lease import Lease
from odoo_ai_config.adapters.mongo.schema import COLLECTIONS, FORMER, STEPS, Step
from odoo_ai_config.application.errors import (
    StoreFailure,
    StoreUnusableError,
    no_store_at,
    not_new_at,
    unfinished_at,
)

# What is being done, to how many records so far, of how many; the last is an estimate.
Report: TypeAlias = Callable[[str, int, int], None]

_NAMESPACE_EXISTS: Final = 48
_INDEX_NOT_FOUND: Final = 27
# A start may read and index so many records of a collection: it takes a second or two.
SMALL: Final = 10_000
# While another process prepares a small database.
_PATIENCE: Final = 30.0
_PAUSE: Final = 0.2
# What else makes two indexes different, beside their keys.
_OPTIONS: Final = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression")


@frozen
class _Index:
    """
    An index that is not there as it is declared.

    Args:
        changed: Whether there is another one with its name.
    """

    collection: str
    model: IndexModel
    changed: bool

    @property
    def name(self) -> str:
        return str(self.model.document["name"])

    def __str__(self) -> str:
        return f"{self.collection}.{self.name}{' (definição diferente)' if self.changed else ''}"


@frozen
class _Work:
    """
    What a database still needs.

    Args:
        version: The steps that it has seen.
        new: Whether it has none of the collections.
        collections: Those that do not exist.
        indexes: Those that are missing or changed.
        former: Those that nothing needs any more, as collection and name.
    """

    version: int
    new: bool
    collections: Sequence[str]
    indexes: Sequence[_Index]
    former: Sequence[tuple[str, str]]

    @property
    def steps(self) -> Sequence[Step]:
        # Nothing in a new database needs a step.
        return () if self.new else STEPS[self.version :]

    @property
    def needed(self) -> bool:
        """
        Whether this program cannot serve without it.
        """
        return bool(self.version < len(STEPS) or self.collections or self.indexes)

    @property
    def large(self) -> frozenset[str]:
        """
        The collections whose size decides how long it takes.
        """
        built = {index.collection for index in self.indexes}
        return frozenset(built | {step.over for step in self.steps}).difference(self.collections)

    def __str__(self) -> str:
        parts = []
        if self.steps:
            parts.append(f"os registros estão na versão {self.version} de {len(STEPS)}")
        if self.indexes:
            parts.append(f"faltam índices: {', '.join(map(str, self.indexes))}")
        if self.collections:
            parts.append(f"faltam coleções: {', '.join(self.collections)}")
        return "; ".join(parts)


@translated
async def prepare(database: MongoDatabase, *, make: bool = True, unfinished: bool = False) -> None:
    """
    Create what *database* still needs, if that is quick: it is new or small.

    Processes that start at the same time wait for the one that does it.

    Raises:
        StoreUnusableError: The server has no transactions or refuses the hub's user; the database
            belongs to a newer version of this program; it needs `migrate`; it is new, and not to
            be made; or it is not *unfinished* as it should be.
    """
    if unfinished:
        await _begin_unfinished(database)
    loop = asyncio.get_running_loop()
    lease, until = Lease(database, "migration"), loop.time() + _PATIENCE
    while (work := await _work_for(database, unfinished=unfinished)).needed or work.former:
        if work.new and not make:
            raise no_store_at(database.place)
        if await _sizes_beyond(database, work, SMALL):
            raise _to_be_migrated(work)
        if await lease.take():
            await lease.while_held(lambda: _do(database, _unreported, unfinished=unfinished))
            return
        if loop.time() > until:
            raise await _busy(lease)
        await asyncio.sleep(_PAUSE)


async def migrate_at(url: str, report: Report) -> None:
    """
    Open the database that *url* names, and `migrate` it.

    Raises:
        StoreUnusableError: As `migrate`; or there is none.
    """
    database = open_database(url, patient=True)
    try:
        await _require_made(database)
        await migrate(database, report)
    finally:
        await database.close()


@translated
async def _require_made(database: MongoDatabase) -> None:
    if not COLLECTIONS.keys() & await database.collection_names():
        raise no_store_at(database.place)


@translated
async def migrate(database: MongoDatabase, report: Report) -> None:
    """
    Create what *database* still needs, however long it takes.

    An interrupted one goes on where it was when it is repeated.

    Raises:
        StoreUnusableError: As `prepare`; or another process is migrating, or two records have
            what must be unique.
    """
    await _work_for(database)
    lease = Lease(database, "migration")
    if not await lease.take():
        raise await _busy(lease)
    await lease.while_held(lambda: _do(database, report))


@translated
async def require_current(database: MongoDatabase) -> None:
    """
    Raise `StoreUnusableError` unless *database* has all that this program needs.
    """
    work = await _work_for(database)
    if work.new:
        raise no_store_at(database.place)
    if not work.needed:
        return
    if await _sizes_beyond(database, work, SMALL):
        raise _to_be_migrated(work)
    raise StoreUnusableError(
        f"O banco do MongoDB precisa de uma migração: {work}. O próximo início do servidor a faz "
        f"({StoreFailure.OLDER_SCHEMA.value}).",
        StoreFailure.OLDER_SCHEMA,
    )


async def require_known(database: MongoDatabase, *, unfinished: bool = False) -> int:
    """
    Return the version of *database*.

    Raises:
        StoreUnusableError: It is a newer program's, or *unfinished* against expectation.
    """
    records = {record["_id"]: record for record in await database[SCHEMA].find({}).to_list(None)}
    if UNFINISHED["_id"] in records and not unfinished:
        raise unfinished_at(database.place)
    version = int(records.get(VERSION["_id"], {}).get("value", 0))
    if version > len(STEPS):
        raise StoreUnusableError(
            f"O banco do MongoDB está na versão {version}, e este programa só conhece até a "
            f"{len(STEPS)}; atualize o odoo-ai-config ou restaure um backup anterior "
            f"({StoreFailure.NEWER_SCHEMA.value}).",
            StoreFailure.NEWER_SCHEMA,
        )
    return version


async def _begin_unfinished(database: MongoDatabase) -> None:
    there = COLLECTIONS.keys() & await database.collection_names()
    if not there:
        await database[SCHEMA].insert_one(UNFINISHED)
    elif await database[SCHEMA].find_one(UNFINISHED) is None:
        raise not_new_at(database.place)


async def _work_for(database: MongoDatabase, *, unfinished: bool = False) -> _Work:
    await database.require_transactions()
    version = await require_known(database, unfinished=unfinished)
    there = await database.collection_names()
    known = sorted(there & COLLECTIONS.keys())
    found = await asyncio.gather(*(database[name].index_information() for name in known))
    indexes = dict(zip(known, found, strict=True))
    return _Work(
        version=version,
        new=not known,
        collections=sorted(COLLECTIONS.keys() - there),
        indexes=[
            _Index(collection, model, model.document["name"] in indexes.get(collection, {}))
            for collection, models in COLLECTIONS.items()
            for model in models
            if not _is_among(model, indexes.get(collection, {}).values())
        ],
        former=[
            (collection, name)
            for collection, names in FORMER.items()
            for name in names
            if name in indexes.get(collection, {})
        ],
    )


def _is_among(model: IndexModel, found: Collection[Mapping[str, Any]]) -> bool:
    # Whatever its name: the server refuses a second one with the same definition.
    wanted = model.document
    return any(
        list(wanted["key"].items()) == [tuple(part) for part in one["key"]]
        and all(wanted.get(option) == one.get(option) for option in _OPTIONS)
        # The server completes a collation.
        and ("collation" in wanted) == ("collation" in one)
        and wanted.get("collation", {}).items() <= one.get("collation", {}).items()
        for one in found
    )


async def _sizes_beyond(database: MongoDatabase, work: _Work, most: int) -> bool:
    sizes = await asyncio.gather(
        *(database[name].estimated_document_count() for name in sorted(work.large))
    )
    return any(size > most for size in sizes)


async def _do(database: MongoDatabase, report: Report, *, unfinished: bool = False) -> None:
    # Another process may have done it before this one got the lease.
    work = await _work_for(database, unfinished=unfinished)
    for collection in work.collections:
        await _create(database, collection)
    for collection, indexes in groupby(work.indexes, lambda index: index.collection):
        await _build(database, collection, list(indexes), report)
    if work.steps:
        await _wait_for_builds(database)
    for version, step in enumerate(work.steps, work.version + 1):
        await _run(database, step, report)
        await _reached(database, version)
    if work.version < len(STEPS):
        await _reached(database, len(STEPS))
    for collection, name in work.former:
        await _drop(database, collection, name)


async def _create(database: MongoDatabase, collection: str) -> None:
    try:
        await database.create_collection(collection)
    except OperationFailure as error:
        # An older version of the program writes to it, too.
        if error.code != _NAMESPACE_EXISTS:
            raise


async def _build(
    database: MongoDatabase, collection: str, indexes: Sequence[_Index], report: Report
) -> None:
    names = ", ".join(index.name for index in indexes)
    size = await database[collection].estimated_document_count()
    report(f"{collection}: índices {names}", 0, size)
    for index in indexes:
        if index.changed:
            await _drop(database, collection, index.name)
    try:
        # All in one scan. A member that is away does not hold back what a majority has.
        await database[collection].create_indexes(
            [index.model for index in indexes], commitQuorum="majority"
        )
    except DuplicateKeyError as error:
        raise StoreUnusableError(
            f"A coleção {collection} do MongoDB tem registros repetidos; um destes índices não "
            f"pode ser criado: {names}."
        ) from error
    report(f"{collection}: índices {names}", size, size)


async def _wait_for_builds(database: MongoDatabase) -> None:
    # An index that an interrupted migration began is listed before it is whole, and an equal
    # request waits until it is.
    for collection, models in COLLECTIONS.items():
        listed = await database[collection].index_information()
        begun = [model for model in models if model.document["name"] in listed]
        if begun:
            await database[collection].create_indexes(begun, commitQuorum="majority")


async def _run(database: MongoDatabase, step: Step, report: Report) -> None:
    size = await database[step.over].estimated_document_count()
    what, seen = f"{step.over}: {step.name}", 0

    def advance(count: int) -> None:
        nonlocal seen
        seen += count
        report(what, seen, max(seen, size))

    report(what, 0, size)
    await step.run(database, advance)


async def _reached(database: MongoDatabase, version: int) -> None:
    await database[SCHEMA].update_one(VERSION, {"$max": {"value": version}}, upsert=True)


async def _drop(database: MongoDatabase, collection: str, name: str) -> None:
    try:
        await database[collection].drop_index(name)
    except OperationFailure as error:
        if error.code != _INDEX_NOT_FOUND:
            raise


def _unreported(_what: str, _done: int, _total: int) -> None:
    pass


async def _busy(lease: Lease) -> StoreUnusableError:
    return StoreUnusableError(
        f"Outro processo está migrando o banco do MongoDB: {await lease.holder_now()}. Espere ou, "
        "se ele parou, tente de novo em um minuto "
        f"({StoreFailure.BUSY.value}).",
        StoreFailure.BUSY,
    )


def _to_be_migrated(work: _Work) -> StoreUnusableError:
    return StoreUnusableError(
        f"O banco do MongoDB precisa de uma migração: {work}. Faça um backup, pare os servidores "
        "da versão anterior e execute: odoo-ai-config migrate "
        f"({StoreFailure.MIGRATION_NEEDED.value}).",
        StoreFailure.MIGRATION_NEEDED,
    )
