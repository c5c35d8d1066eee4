"""
The spool in a SQLite file of its own, shared by the processes of one machine.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from odoo_ai_config.adapters.private_files import PRIVATE_FILE, make_private_folder, sync_folder
from odoo_ai_config.adapters.sqlite.connection import (
    DatabaseFile,
    FileConnection,
    begin_writing,
    store_failures,
)
from odoo_ai_config.adapters.sqlite.jobs import Batcher, Job, run_batch
from odoo_ai_config.adapters.sqlite.row_layout import Row, microseconds, time_of
from odoo_ai_config.application.errors import SpoolUnavailableError, StoreUnavailableError
from odoo_ai_config.application.ports.message_spool import (
    MessageSpool,
    SpoolCensus,
    SpooledArrival,
    SpoolLimits,
    SpoolUse,
    context_of,
)
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SealedSecret, TenantKey
from odoo_ai_config.domain.errors import CodedError
from odoo_ai_config.domain.identifiers import HUB
from odoo_ai_config.domain.messages.inbox import MessageId

T = TypeVar("T")

_BUSY_TIMEOUT: Final = 5.0
_CACHE_KIB: Final = 4 * 1024
# So many bytes are read at once, and one arrival more.
_MOST_READ: Final = 4 * 1024 * 1024
# Times are microseconds since 1970 in UTC.
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS arrivals (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    lane TEXT NOT NULL,
    holder TEXT NOT NULL,
    known INTEGER NOT NULL,
    size INTEGER NOT NULL,
    refusal TEXT,
    fingerprint TEXT NOT NULL,
    key_id TEXT NOT NULL,
    master_id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    envelope BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS arrivals_by_age ON arrivals (at, seq);
CREATE INDEX IF NOT EXISTS arrivals_lanes ON arrivals (lane) WHERE refusal IS NULL;

-- What the spool holds, by group. A sum over the arrivals would cost more with each of them.
CREATE TABLE IF NOT EXISTS shares (
    name TEXT PRIMARY KEY,
    arrivals INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS arrival_added AFTER INSERT ON arrivals BEGIN {added} END;
CREATE TRIGGER IF NOT EXISTS arrival_removed AFTER DELETE ON arrivals BEGIN {removed} END;
CREATE TRIGGER IF NOT EXISTS arrival_moved AFTER UPDATE OF refusal ON arrivals
    BEGIN {removed} {added} END;
"""
# The groups that an arrival counts in; no holder has the name of another group.
_SHARES: Final = """
    SELECT 'waiting' AS name WHERE {row}.refusal IS NULL
    UNION ALL SELECT 'kept' WHERE {row}.refusal IS NOT NULL
    UNION ALL SELECT 'strangers' WHERE {row}.refusal IS NULL AND NOT {row}.known
    UNION ALL SELECT 'of ' || {row}.holder WHERE {row}.refusal IS NULL
"""
_ADDED: Final = f"""
    INSERT INTO shares SELECT name, 1, NEW.size FROM ({_SHARES.format(row="NEW")}) WHERE true
    ON CONFLICT (name) DO UPDATE SET arrivals = arrivals + 1, bytes = bytes + NEW.size;
"""
_REMOVED: Final = f"""
    UPDATE shares SET arrivals = arrivals - 1, bytes = bytes - OLD.size
    WHERE name IN ({_SHARES.format(row="OLD")});
    DELETE FROM shares WHERE arrivals = 0 AND name IN ({_SHARES.format(row="OLD")});
"""
_COLUMNS: Final = (
    "id, at, lane, holder, known, refusal, fingerprint, key_id, master_id, wrapped, envelope"
)
_WAITING: Final = "FROM arrivals WHERE refusal IS NULL"
_OLDEST: Final = (
    f"SELECT {_COLUMNS} {_WAITING} AND lane NOT IN (SELECT value FROM json_each(?)) "
    "ORDER BY at, seq LIMIT ?"
)
_KEPT: Final = f"SELECT {_COLUMNS} FROM arrivals WHERE refusal IS NOT NULL ORDER BY at, seq"
_OLD: Final = """
    SELECT count(*) FILTER (WHERE refusal IS NULL), count(refusal), coalesce(sum(size), 0),
        min(at) FILTER (WHERE refusal IS NULL)
    FROM arrivals
"""


class SqliteMessageSpool(MessageSpool):
    """
    The spool in the file at *path*, which is made when it is first used.

    Everything that comes up during one turn of the event loop goes into one transaction, on one
    thread. Only the number of waiting arrivals is read on the event loop: one row, which is in
    memory.
    """

    def __init__(self, path: Path, limits: SpoolLimits) -> None:
        self._limits = limits
        self._file = DatabaseFile(path)
        self._made = False
        self._connection = self._open_later(_make_tables, busy_timeout=_BUSY_TIMEOUT)
        # It finds the tables, or there is nothing to count. The event loop cannot wait for others.
        self._counter = self._open_later(lambda _: None, busy_timeout=0.0)
        self._lock: int | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._batcher: Batcher[sqlite3.Connection] = Batcher(
            lambda jobs: self._thread.submit(run_batch, jobs, self._run_together)
        )

    def close(self) -> None:
        """
        Keep what was handed in, and end the thread.
        """
        self._batcher.close()
        self._thread.submit(self._connection.close)
        self._thread.shutdown()
        self._counter.close()
        if self._lock is not None:
            os.close(self._lock)

    @property
    def limits(self) -> SpoolLimits:
        return self._limits

    @property
    def waiting(self) -> int:
        if not self._made:
            return 0
        try:
            return _share(self._counter.get(), "waiting")[0]
        except (sqlite3.Error, OSError, CodedError):
            self._counter.drop()
            return 0

    async def add(self, arrival: SpooledArrival) -> None:
        def add(connection: sqlite3.Connection) -> None:
            use = SpoolUse(
                _share(connection, "waiting")[1] + _share(connection, "kept")[1],
                _share(connection, "strangers")[1],
                _share(connection, f"of {arrival.holder}")[1],
            )
            if not self._limits.admits(arrival, use):
                raise SpoolUnavailableError
            connection.execute(
                f"INSERT INTO arrivals (size, {_COLUMNS}) VALUES (?{', ?' * 11})",
                (arrival.size, *_row(arrival)),
            )

        await self._do(add)

    async def holds(self, lane: str) -> bool:
        query = f"SELECT 1 {_WAITING} AND lane = ? LIMIT 1"
        return await self._do(
            lambda connection: connection.execute(query, (lane,)).fetchone() is not None
        )

    async def oldest(
        self, *, limit: int, beside: Collection[str] = ()
    ) -> Sequence[SpooledArrival]:
        def read(connection: sqlite3.Connection) -> list[SpooledArrival]:
            found: list[SpooledArrival] = []
            left = _MOST_READ
            for row in connection.execute(_OLDEST, (json.dumps([*beside]), limit)):
                found.append(_arrival(row))
                left -= found[-1].size
                if left < 0:
                    break
            return found

        return await self._do(read)

    async def settle(
        self, *, done: Collection[MessageId], refused: Mapping[MessageId, str]
    ) -> int:
        def settle(connection: sqlite3.Connection) -> int:
            connection.executemany("DELETE FROM arrivals WHERE id = ?", _ids(done))
            connection.executemany(
                "UPDATE arrivals SET refusal = ? WHERE id = ?",
                [(code, id_.value) for id_, code in refused.items()],
            )
            dropped = 0
            # The count may be damaged: then there is nothing left to remove.
            while (
                _share(connection, "kept")[1] > self._limits.kept
                and connection.execute(
                    "DELETE FROM arrivals WHERE seq = (SELECT seq FROM arrivals"
                    " WHERE refusal IS NOT NULL ORDER BY at, seq LIMIT 1)"
                ).rowcount
            ):
                dropped += 1
            return dropped

        return await self._do(settle)

    async def kept(self) -> Sequence[SpooledArrival]:
        return await self._do(
            lambda connection: [_arrival(row) for row in connection.execute(_KEPT)]
        )

    async def requeue(self, ids: Collection[MessageId]) -> int:
        def requeue(connection: sqlite3.Connection) -> int:
            return connection.executemany(
                "UPDATE arrivals SET refusal = NULL WHERE id = ? AND refusal IS NOT NULL",
                _ids(ids),
            ).rowcount

        return await self._do(requeue)

    async def expire(self, *, before: datetime) -> SpoolCensus:
        def expire(connection: sqlite3.Connection) -> SpoolCensus:
            at = microseconds(before)
            row = connection.execute(f"{_OLD} WHERE at < ?", (at,)).fetchone()
            connection.execute("DELETE FROM arrivals WHERE at < ?", (at,))
            return _census(*row)

        return await self._do(expire)

    async def census(self) -> SpoolCensus:
        def count(connection: sqlite3.Connection) -> SpoolCensus:
            waiting, kept = _share(connection, "waiting"), _share(connection, "kept")
            (oldest,) = connection.execute(f"SELECT min(at) {_WAITING}").fetchone()
            return _census(waiting[0], kept[0], waiting[1] + kept[1], oldest)

        return await self._do(count)

    @contextmanager
    def bringing_in(self) -> Iterator[bool]:
        lock = self._lock_file()
        if lock is None:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)

    def _lock_file(self) -> int | None:
        # The system lets go of it when the process ends, however it ends.
        try:
            if self._lock is None:
                make_private_folder(self._file.path.parent)
                flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
                self._lock = os.open(f"{self._file.path}-lock", flags, PRIVATE_FILE)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return None
        return self._lock

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._batcher.do(work)
        except StoreUnavailableError as error:
            # Nobody may take it for a failure of the store.
            raise SpoolUnavailableError(error.failure) from error

    def _run_together(self, jobs: list[Job[sqlite3.Connection]]) -> None:
        finished = False
        try:
            with store_failures():
                if not self._made:
                    self._file.create()
                    sync_folder(self._file.path.parent)
                connection = self._connection.get()
                self._made = True
                begin_writing(connection, _BUSY_TIMEOUT)
                before = connection.total_changes
                for job in jobs:
                    # One that does not fit writes nothing.
                    job.run(connection, SpoolUnavailableError)
                changed = connection.total_changes > before
                connection.execute("COMMIT" if changed else "ROLLBACK")
            finished = True
        finally:
            if not finished:
                self._connection.drop()

    def _open_later(
        self, prepare: Callable[[sqlite3.Connection], None], *, busy_timeout: float
    ) -> FileConnection:
        return FileConnection(
            self._file,
            busy_timeout=busy_timeout,
            patient=False,
            cache_kib=_CACHE_KIB,
            prepare=prepare,
        )


@contextmanager
def open_spool(path: Path, limits: SpoolLimits) -> Iterator[SqliteMessageSpool]:
    """
    The spool at *path* for as long as the context lasts; nothing is made before it is used.
    """
    spool = SqliteMessageSpool(path, limits)
    try:
        yield spool
    finally:
        spool.close()


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.executescript(
        f"BEGIN IMMEDIATE; {_TABLES.format(added=_ADDED, removed=_REMOVED)} COMMIT;"
    )


def _share(connection: sqlite3.Connection, name: str) -> tuple[int, int]:
    query = "SELECT arrivals, bytes FROM shares WHERE name = ?"
    found: tuple[int, int] | None = connection.execute(query, (name,)).fetchone()
    return (0, 0) if found is None else found


def _census(waiting: int, kept: int, size: int, oldest: int | None) -> SpoolCensus:
    return SpoolCensus(waiting, kept, size, None if oldest is None else time_of(oldest))


def _ids(ids: Collection[MessageId]) -> list[tuple[str]]:
    return [(id_.value,) for id_ in ids]


def _row(arrival: SpooledArrival) -> Row:
    sealed, key = arrival.sealed, arrival.key
    return (
        arrival.id.value,
        microseconds(arrival.at),
        arrival.lane,
        arrival.holder,
        arrival.known,
        arrival.refusal,
        sealed.fingerprint.value,
        key.key_id,
        key.master_id,
        key.wrapped,
        sealed.envelope,
    )


def _arrival(row: Row) -> SpooledArrival:
    id_, at, lane, holder, known, refusal, mark, key_id, master_id, wrapped, envelope = row
    arrival, came_at = MessageId(id_), time_of(at)
    return SpooledArrival(
        arrival,
        came_at,
        lane,
        holder,
        bool(known),
        SealedSecret(context_of(arrival), Fingerprint(mark), key_id, envelope),
        TenantKey(HUB, key_id, master_id, wrapped, came_at),
        refusal,
    )
