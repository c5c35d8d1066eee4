from __future__ import annotations

import asyncio
import errno
import os
import resource
import sqlite3
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from attrs import evolve

from odoo_ai_config.adapters.crypto.secret_vault import AesGcmSecretVault
from odoo_ai_config.adapters.memory.old_cipher import MemoryOldCipher
from odoo_ai_config.adapters.sqlite import schema
from odoo_ai_config.adapters.sqlite.connection import failure_of
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase, open_sqlite
from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.documents.sync import SyncCredentials
from odoo_ai_config.application.errors import (
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.domain.access import ALL_SCOPES, ApiKey
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.credentials.secrets import SealedSecret, SecretText
from odoo_ai_config.domain.documents.syncs import CredentialsSync
from odoo_ai_config.domain.identifiers import CredentialRef
from odoo_ai_config.domain.messages.inbox import body_context
from tests.contract.samples import (
    AT,
    fingerprint,
    key,
    mapping,
    message,
    owner,
    revision,
    rules_over,
    secret,
    text_of,
)
from tests.contract.sqlite_stores import stores_over
from tests.contract.stores import Stores
from tests.key_rings import fixed_ring
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.yaml_codec import JsonYamlCodec


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "hub.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    # Impatient, because the tests below keep it waiting on purpose.
    with open_sqlite(path, busy_timeout=0.05) as database:
        yield database


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def foreign(path: Path) -> Iterator[sqlite3.Connection]:
    """
    A connection of another program.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """
    Make writes beyond *size* fail, like a full disk.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_file_and_its_log_are_for_their_owner_only(path: Path, stores: Stores) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    assert mode_of(path.parent) == 0o700
    files = {file.name: mode_of(file) for file in path.parent.iterdir()}
    assert files == {"hub.db": 0o600, "hub.db-wal": 0o600, "hub.db-shm": 0o600}


def test_folders_above_the_file_are_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "hub.db"
    before = os.umask(0)
    try:
        with open_sqlite(path):
            pass
    finally:
        os.umask(before)
    assert [mode_of(folder) for folder in path.parents[:2]] == [0o700] * 2


async def test_closed_database_is_one_file(path: Path) -> None:
    with open_sqlite(path) as database:
        await stores_over(database).config.commit(Changeset(revisions=(revision(),)))
    assert [file.name for file in path.parent.iterdir()] == ["hub.db"]
    with open_sqlite(path) as database:
        assert await stores_over(database).config.current([key()]) == {key(): revision()}


async def test_name_of_the_file_may_hold_any_character(tmp_path: Path) -> None:
    path = tmp_path / "a?b=c#d%20 é.db"
    with open_sqlite(path) as database:
        await stores_over(database).config.check()
    assert path.exists()


@pytest.mark.parametrize("content", [b"no database" * 500, b"SQLite format 4\0" + bytes(4096)])
def test_file_that_is_not_a_database_is_refused_and_not_changed(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "hub.db"
    path.write_bytes(content)
    with pytest.raises(StoreUnusableError, match="não é um banco SQLite"), open_sqlite(path):
        pass
    assert path.read_bytes() == content


def test_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    with foreign(path) as connection:
        connection.execute("CREATE TABLE revisions (id)")
    with pytest.raises(StoreUnusableError, match="outro programa"), open_sqlite(path):
        pass


def test_database_of_a_newer_version_is_refused(path: Path) -> None:
    with open_sqlite(path):
        pass
    with foreign(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreUnusableError, match="99"), open_sqlite(path):
        pass


def test_python_with_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(StoreUnusableError, match="SQLite"), open_sqlite(path):
        pass


def test_file_that_cannot_be_made_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError), open_sqlite(tmp_path / "file" / "hub.db"):
        pass


async def test_commits_wait_for_the_disk(database: SqliteDatabase) -> None:
    connection = database._writer._connection.get()
    settings = ("journal_mode", "synchronous", "foreign_keys")
    values = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in settings]
    assert values == ["wal", 2, 1]


@pytest.mark.parametrize("attempt", range(5))
def test_first_start_of_many_at_once_makes_one_database(path: Path, attempt: int) -> None:
    def start() -> None:
        with open_sqlite(path):
            pass

    with ThreadPoolExecutor(8) as threads:
        for started in [threads.submit(start) for _ in range(8)]:
            started.result()
    with foreign(path) as connection:
        assert connection.execute("SELECT value FROM sequence").fetchall() == [(0,)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_file_that_another_process_locks_is_an_outage_until_it_is_free(
    path: Path, stores: Stores
) -> None:
    with foreign(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError) as caught:
            await stores.config.commit(Changeset(revisions=(revision(),)))
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        assert caught.value.failure is StoreFailure.BUSY
        with pytest.raises(StoreUnavailableError):
            await stores.config.check()
        # A writer does not block readers.
        assert await stores.config.current([key()]) == {}
        connection.execute("ROLLBACK")
    await stores.config.check()
    await stores.config.commit(Changeset(revisions=(revision(),)))
    assert await stores.config.current([key()]) == {key(): revision()}


async def test_check_does_not_wait_as_long_as_a_writer_would(path: Path) -> None:
    with open_sqlite(path, busy_timeout=30) as database:
        store = stores_over(database).config
        with foreign(path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailableError) as caught:
                await store.check()
        assert isinstance(caught.value.__cause__, TimeoutError)


async def test_file_that_was_removed_is_neither_read_nor_written(
    path: Path, stores: Stores
) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    path.unlink()
    with pytest.raises(StoreUnavailableError):
        await stores.config.commit(Changeset(revisions=(revision(version=2),)))
    with pytest.raises(StoreUnavailableError):
        await stores.config.current([key()])
    assert not path.exists()


async def test_file_that_was_replaced_is_left_alone_until_the_old_one_is_back(
    path: Path, tmp_path: Path, stores: Stores
) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    backup, original = tmp_path / "backup.db", tmp_path / "original.db"
    with open_sqlite(backup):
        pass
    unchanged = backup.read_bytes()
    path.rename(original)
    backup.rename(path)
    # SQLite would read it together with the log of the old one.
    with pytest.raises(StoreUnavailableError):
        await stores.config.current([key()])
    with pytest.raises(StoreUnavailableError):
        await stores.config.commit(Changeset(revisions=(revision(version=2),)))
    assert path.read_bytes() == unchanged
    original.replace(path)
    await stores.config.commit(Changeset(revisions=(revision(version=2),)))
    assert await stores.config.current([key()]) == {key(): revision(version=2)}


async def test_damaged_file_is_an_outage_until_it_is_mended(path: Path) -> None:
    with open_sqlite(path) as database:
        await stores_over(database).config.commit(Changeset(revisions=(revision(),)))
    healthy = path.read_bytes()
    with open_sqlite(path) as database:
        store = stores_over(database).config
        with path.open("r+b") as file:
            file.write(b"garbage" * (len(healthy) // 7))
        with pytest.raises(StoreUnavailableError) as caught:
            await store.history(key())
        assert caught.value.failure is StoreFailure.CORRUPT
        with pytest.raises(StoreUnavailableError) as caught:
            await store.commit(Changeset(revisions=(revision(version=2),)))
        assert caught.value.failure is StoreFailure.CORRUPT
        with path.open("r+b") as file:
            file.write(healthy)
        await store.commit(Changeset(revisions=(revision(version=2),)))
        assert await store.current([key()]) == {key(): revision(version=2)}


async def test_full_disk_is_an_outage_and_what_was_there_stays(
    database: SqliteDatabase, stores: Stores
) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    connection = database._writer._connection.get()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    large = revision(version=2, text="x" * 100_000)
    with pytest.raises(StoreUnavailableError) as caught:
        await stores.config.commit(Changeset(revisions=(large,)))
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    assert caught.value.failure is StoreFailure.DISK_FULL
    assert await stores.config.current([key()]) == {key(): revision()}
    # The limit belongs to the connection, which the failure replaced: there is room again.
    await stores.config.commit(Changeset(revisions=(large,)))
    assert await stores.config.current([key()]) == {key(): large}


async def test_check_writes(database: SqliteDatabase, stores: Stores) -> None:
    database._writer._connection.get().execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailableError) as caught:
        await stores.config.check()
    assert caught.value.failure is StoreFailure.READ_ONLY
    # The limit belongs to the connection, which the failure replaced.
    await stores.config.check()


async def test_failure_is_known_to_the_check_however_lately_something_was_written(
    path: Path, stores: Stores
) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    size = Path(f"{path}-wal").stat().st_size
    with largest_file(size):
        # This commit shows that another one can succeed.
        await stores.config.check()
        with pytest.raises(StoreUnavailableError):
            await stores.config.commit(Changeset(revisions=(revision(version=2),)))
        with pytest.raises(StoreUnavailableError) as caught:
            await stores.config.check()
        assert caught.value.failure is StoreFailure.IO_ERROR
    await stores.config.check()


async def test_check_after_a_failed_write_needs_room_for_an_event_and_not_for_a_page_only(
    path: Path, stores: Stores
) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    log = Path(f"{path}-wal")
    large = revision(key("b"), text="x" * 200_000)
    with largest_file(log.stat().st_size + 100_000):
        with pytest.raises(StoreUnavailableError):
            await stores.config.commit(Changeset(revisions=(large,)))
        for _ in range(2):
            with pytest.raises(StoreUnavailableError) as caught:
                await stores.config.check()
            assert caught.value.failure is StoreFailure.IO_ERROR
        # Writes of clients count: one success ends the failure.
        await stores.config.commit(Changeset(revisions=(revision(version=2),)))
        await stores.config.check()
        with pytest.raises(StoreUnavailableError):
            await stores.config.commit(Changeset(revisions=(large,)))
    # The failure ends without a write, too.
    with foreign(path) as connection:
        tables = "SELECT (SELECT value FROM sequence), (SELECT count(*) FROM changes)"
        before = connection.execute(tables).fetchall()
        await stores.config.check()
        assert connection.execute(tables).fetchall() == before
    await stores.config.commit(Changeset(revisions=(large,)))


async def test_check_leaves_nothing_behind_that_others_have_to_hear_of(
    path: Path, stores: Stores
) -> None:
    with foreign(path) as connection:
        tables = "SELECT (SELECT value FROM sequence), (SELECT count(*) FROM changes)"
        before = connection.execute(tables).fetchall()
        version = connection.execute("PRAGMA data_version").fetchone()
        await stores.config.check()
        assert connection.execute(tables).fetchall() == before
        # It was committed all the same.
        assert connection.execute("PRAGMA data_version").fetchone() != version


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (OSError(errno.ENOSPC, ""), StoreFailure.DISK_FULL),
        (OSError(errno.EDQUOT, ""), StoreFailure.DISK_FULL),
        (OSError(errno.EROFS, ""), StoreFailure.READ_ONLY),
        (PermissionError(errno.EACCES, ""), StoreFailure.READ_ONLY),
        (OSError(errno.EIO, ""), StoreFailure.IO_ERROR),
        (NotADirectoryError(errno.ENOTDIR, ""), StoreFailure.AWAY),
        (OSError("no number"), StoreFailure.AWAY),
        (sqlite3.ProgrammingError("closed"), StoreFailure.AWAY),
        (StoreUnusableError("", StoreFailure.NEWER_SCHEMA), StoreFailure.NEWER_SCHEMA),
    ],
)
def test_every_failure_has_a_cause(error: OSError, failure: StoreFailure) -> None:
    assert failure_of(error) is failure


@pytest.mark.parametrize("both", [False, True])
async def test_nothing_is_acknowledged_any_more_once_the_log_is_gone(
    path: Path, both: bool
) -> None:
    log = Path(f"{path}-wal")
    with open_sqlite(path) as database:
        config = stores_over(database).config
        await config.commit(Changeset(revisions=(revision(),)))
        log.unlink()
        if both:
            Path(f"{path}-shm").unlink()
        for version in (2, 3):
            with pytest.raises(StoreUnavailableError) as caught:
                await config.commit(Changeset(revisions=(revision(version=version),)))
            assert caught.value.failure is StoreFailure.LOG_REMOVED
        with pytest.raises(StoreUnavailableError) as caught:
            await config.check()
        assert caught.value.failure is StoreFailure.LOG_REMOVED
        assert not log.exists()
    # Acknowledged writes are stored after a clean stop.
    with open_sqlite(path) as database:
        found = await stores_over(database).config.history(key())
        assert revision() in found


async def test_removed_log_is_found_by_the_check_of_an_idle_hub(
    path: Path, stores: Stores
) -> None:
    await stores.config.check()
    log = Path(f"{path}-wal")
    aside = log.rename(path.with_name("aside"))
    with pytest.raises(StoreUnavailableError) as caught:
        await stores.config.check()
    assert caught.value.failure is StoreFailure.LOG_REMOVED
    with pytest.raises(StoreUnavailableError):
        await stores.config.current([key()])
    aside.rename(log)
    await stores.config.check()
    await stores.config.commit(Changeset(revisions=(revision(),)))


async def test_program_notices_that_a_newer_one_has_changed_the_tables(
    path: Path, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    # From memory from now on.
    assert await stores.config.current([key()]) == {key(): revision()}
    with monkeypatch.context() as newer, foreign(path) as connection:
        change = "ALTER TABLE documents ADD COLUMN more TEXT;\n"
        newer.setattr(schema, "_MIGRATIONS", (*schema._MIGRATIONS, change))
        schema.migrate(connection)
    # The cache is valid for the loop iteration in which it was compared with the file.
    await asyncio.sleep(0)
    attempts: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: stores.config.current([key()]),
        lambda: stores.config.history(key()),
        lambda: stores.config.commit(Changeset(revisions=(revision(version=2),))),
        stores.config.check,
    )
    for _ in range(2):
        for attempt in attempts:
            with pytest.raises(StoreUnavailableError) as caught:
                await attempt()
            assert caught.value.failure is StoreFailure.NEWER_SCHEMA


async def test_no_secret_is_found_in_the_bytes_of_the_file(path: Path, stores: Stores) -> None:
    secret = "c4n4ry-Password"
    sync = SyncCredentials(
        stores.config,
        stores.standings,
        CredentialsWriter(
            Sealer(stores.secrets, AesGcmSecretVault(fixed_ring("first"))),
            JsonYamlCodec(),
            MemoryOldCipher(),
        ),
        rules_over(stores.config),
        JsonYamlCodec(),
        ManualClock(AT),
    )
    event = CredentialsSync(owner(), CredentialRef("odoo_ref"), password=SecretText(secret))
    await sync(event, caller=ApiKey("a", "a", b"", ALL_SCOPES, None, AT))
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"odoo_ref" in raw
    assert secret.encode() not in raw


async def test_body_of_a_document_is_stored_once(path: Path) -> None:
    with open_sqlite(path) as database:
        await stores_over(database).config.commit(
            Changeset(revisions=(revision(text="unmistakable"),))
        )
    assert path.read_bytes().count(b"unmistakable") == 1


async def test_every_revision_and_mapping_is_in_the_change_log(path: Path, stores: Stores) -> None:
    await stores.config.commit(
        Changeset(revisions=(revision(), revision(version=2)), mappings=(mapping(),))
    )
    await stores.config.commit(Changeset(revisions=(revision(version=3),)))
    with foreign(path) as connection:
        logged = connection.execute("SELECT seq, what, key, version FROM changes").fetchall()
        assert logged == [
            (1, "document", "acme/default/config", 1),
            (2, "document", "acme/default/config", 2),
            (3, "mapping", "channel/1/1", 1),
            (4, "document", "acme/default/config", 3),
        ]


async def test_negative_sequence_of_an_older_version_is_read_as_zero(path: Path) -> None:
    with open_sqlite(path) as database:
        await stores_over(database).config.commit(
            Changeset(mappings=(mapping("1", "1", fallback=True),))
        )
    with foreign(path) as connection:
        connection.execute("UPDATE mappings SET sequence = -999")
    with open_sqlite(path) as database:
        stores = stores_over(database)
        [kept] = await stores.channels.mappings()
        [routed] = await stores.channels.table_for()
        assert (kept.mapping.sequence, routed.sequence) == (0, 0)


async def test_erased_value_is_not_found_in_the_bytes_of_the_closed_file(path: Path) -> None:
    places = [secret(ref=f"ref{number}").context for number in range(400)]
    sealed = [
        SealedSecret(place, fingerprint(number), "k1", f"c4n4ry-{number:04}-".encode() * size)
        for number, place in enumerate(places)
        # Some go to pages of their own.
        for size in (9, 900)
        if number % 2 == (size > 9)
    ]
    with open_sqlite(path) as database:
        stores = stores_over(database)
        for some in (sealed[:200], sealed[200:]):
            await stores.config.commit(Changeset(secrets=tuple(some)))
        await stores.config.commit(Changeset(erased=tuple(places[100:])))
        assert len(await stores.secrets.stored_in(owner())) == 100
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"c4n4ry-0099-" in raw
    assert not [number for number in range(100, 400) if f"c4n4ry-{number:04}-".encode() in raw]


async def test_text_of_an_erased_person_is_not_found_in_the_bytes_of_the_closed_file(
    path: Path,
) -> None:
    persons = (fingerprint(0xC4F4),)
    said = [evolve(message(f"message-{n:03}", f"{n}"), persons=persons) for n in range(50)]
    with open_sqlite(path) as database:
        stores = stores_over(database)
        for number, one in enumerate(said):
            envelope = f"c4n4ry-{number:03}-".encode() * (900 if number % 2 else 9)
            texts = (evolve(text_of(one), envelope=envelope),)
            await stores.config.commit(Changeset(messages=(one,), secrets=texts))
        await stores.config.commit(
            Changeset(
                messages=tuple(one.erased(at=AT) for one in said[10:]),
                erased=tuple(body_context(one) for one in said[10:]),
            )
        )
        found = await stores.inbox.of_persons(persons, limit=99)
        assert [one.id for one in found] == [one.id for one in said[:10]]
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"c4n4ry-009-" in raw
    assert not [number for number in range(10, 50) if f"c4n4ry-{number:03}-".encode() in raw]
