"""
The promises of a spool: in memory, and in a file that several processes share.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from attrs import evolve

from odoo_ai_config.adapters.memory.message_spool import MemoryMessageSpool
from odoo_ai_config.adapters.sqlite import connection
from odoo_ai_config.adapters.sqlite.message_spool import SqliteMessageSpool
from odoo_ai_config.application.errors import SpoolUnavailableError, StoreFailure
from odoo_ai_config.application.ports.message_spool import (
    MessageSpool,
    SpoolCensus,
    SpooledArrival,
    SpoolLimits,
    context_of,
)
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SealedSecret, TenantKey
from odoo_ai_config.domain.identifiers import HUB
from odoo_ai_config.domain.messages.inbox import MessageId
from tests.contract.samples import AT

TOTAL = 64 * 1024
Processes: TypeAlias = Callable[[], MessageSpool]


def arrival(
    number: int = 0,
    *,
    lane: str = "1/301",
    holder: str = "chatwoot/1",
    known: bool = True,
    size: int = 1024,
) -> SpooledArrival:
    """
    An arrival that came *number* seconds after the first, and counts for *size* bytes.
    """
    id_ = MessageId(f"msg_{number:08d}")
    at = AT + timedelta(seconds=number)
    key = TenantKey(HUB, f"{number:016x}", "master", b"wrapped", at)
    envelope = bytes([number % 256]) * (size - 512)
    sealed = SealedSecret(context_of(id_), Fingerprint("ab" * 16), key.key_id, envelope)
    return SpooledArrival(id_, at, lane, holder, known, sealed, key)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "spool.db"


@pytest.fixture(params=["memory", "sqlite"])
def process(request: pytest.FixtureRequest, path: Path) -> Iterator[Processes]:
    """
    Each call is another process on the same machine.
    """
    if request.param == "memory":
        memory = MemoryMessageSpool(SpoolLimits(TOTAL))
        yield lambda: memory
        return
    opened: list[SqliteMessageSpool] = []

    def start() -> MessageSpool:
        opened.append(SqliteMessageSpool(path, SpoolLimits(TOTAL)))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def spool(process: Processes) -> MessageSpool:
    return process()


async def test_spool_is_empty_at_first(spool: MessageSpool) -> None:
    assert (await spool.oldest(limit=9), await spool.kept()) == ([], [])
    assert await spool.census() == SpoolCensus()
    assert not await spool.holds("1/301")
    assert spool.waiting == 0


async def test_what_is_added_comes_back_as_it_was_in_the_order_of_its_times(
    spool: MessageSpool,
) -> None:
    late, early = arrival(2, lane="1/302", known=False, size=4096), arrival(1)
    await spool.add(late)
    await spool.add(early)
    assert await spool.oldest(limit=9) == [early, late]
    assert await spool.oldest(limit=1) == [early]
    assert await spool.oldest(limit=1, beside={early.lane}) == [late]
    assert await spool.oldest(limit=1, beside={early.lane, late.lane}) == []
    assert await spool.census() == SpoolCensus(2, 0, 1024 + 4096, early.at)


async def test_other_processes_see_it_at_once(process: Processes) -> None:
    here, there = process(), process()
    await there.census()
    await here.add(arrival(1))
    assert there.waiting == 1
    assert await there.holds("1/301")
    assert not await there.holds("1/302")
    assert await there.oldest(limit=1) == [arrival(1)]
    await there.settle(done=[arrival(1).id], refused={})
    assert (here.waiting, await here.holds("1/301")) == (0, False)


async def test_settled_arrivals_are_gone_and_refused_ones_are_kept_out_of_the_queue(
    spool: MessageSpool,
) -> None:
    for number in range(3):
        await spool.add(arrival(number))
    refused = {arrival(1).id: "tenant_forbidden", MessageId("msg_unknown"): "away"}
    assert await spool.settle(done=[arrival(0).id, arrival(9).id], refused=refused) == 0
    assert await spool.oldest(limit=9) == [arrival(2)]
    assert await spool.kept() == [evolve(arrival(1), refusal="tenant_forbidden")]
    assert await spool.census() == SpoolCensus(1, 1, 2048, arrival(2).at)
    await spool.settle(done=[arrival(2).id], refused={})
    assert not await spool.holds("1/301")
    assert await spool.requeue([arrival(1).id, arrival(2).id]) == 1
    assert await spool.oldest(limit=9) == [arrival(1)]
    assert spool.waiting == 1


async def test_oldest_kept_arrivals_make_room_for_newer_ones(spool: MessageSpool) -> None:
    for number in range(3):
        await spool.add(arrival(number, size=TOTAL // 16))
    refused = {arrival(number).id: "unknown_event" for number in range(3)}
    assert await spool.settle(done=[], refused=refused) == 1
    assert [one.id for one in await spool.kept()] == [arrival(1).id, arrival(2).id]


async def test_old_arrivals_expire_whether_they_wait_or_are_kept(spool: MessageSpool) -> None:
    for number in range(4):
        await spool.add(arrival(number))
    await spool.settle(done=[], refused={arrival(1).id: "no", arrival(3).id: "no"})
    removed = await spool.expire(before=arrival(2).at)
    assert removed == SpoolCensus(1, 1, 2048, arrival(0).at)
    assert await spool.oldest(limit=9) == [arrival(2)]
    assert [one.id for one in await spool.kept()] == [arrival(3).id]
    assert await spool.expire(before=arrival(2).at) == SpoolCensus()


async def test_full_spool_refuses_until_there_is_room_again(spool: MessageSpool) -> None:
    for number in range(4):
        await spool.add(arrival(number, holder=f"chatwoot/{number % 2}", size=TOTAL // 4))
    with pytest.raises(SpoolUnavailableError) as refusal:
        await spool.add(arrival(5, holder="chatwoot/3", size=600))
    assert refusal.value.failure is None
    assert not await spool.holds("none")
    await spool.settle(done=[arrival(0).id], refused={})
    await spool.add(arrival(5, holder="chatwoot/3", size=600))


async def test_one_sender_leaves_half_of_it_to_the_others(spool: MessageSpool) -> None:
    await spool.add(arrival(1, size=TOTAL // 2))
    with pytest.raises(SpoolUnavailableError):
        await spool.add(arrival(2))
    await spool.add(arrival(2, holder="chatwoot/2"))


async def test_strangers_leave_three_quarters_of_it_to_known_senders(
    spool: MessageSpool,
) -> None:
    eighth = TOTAL // 8
    for number, stranger in enumerate(["?a", "?b"]):
        await spool.add(arrival(number, holder=stranger, known=False, size=eighth))
        with pytest.raises(SpoolUnavailableError):
            await spool.add(arrival(7, holder=stranger, known=False))
    with pytest.raises(SpoolUnavailableError):
        await spool.add(arrival(7, holder="?c", known=False))
    for number in range(2, 8):
        await spool.add(arrival(number, holder=f"chatwoot/{number % 2}", size=eighth))


async def test_refused_addition_does_not_disturb_those_of_the_same_moment(
    spool: MessageSpool,
) -> None:
    results = await asyncio.gather(
        spool.add(arrival(1)),
        spool.add(arrival(2, size=TOTAL + 1)),
        spool.add(arrival(3)),
        return_exceptions=True,
    )
    assert [type(one) for one in results] == [type(None), SpoolUnavailableError, type(None)]
    assert await spool.oldest(limit=9) == [arrival(1), arrival(3)]


async def test_one_process_at_a_time_brings_in(process: Processes) -> None:
    here, there = process(), process()
    with here.bringing_in() as mine:
        assert mine
        with there.bringing_in() as also_theirs:
            assert not also_theirs
    with there.bringing_in() as theirs:
        assert theirs


async def test_many_large_arrivals_are_not_read_at_once(path: Path) -> None:
    spool = SqliteMessageSpool(path, SpoolLimits(64 * 2**20))
    for number in range(8):
        await spool.add(arrival(number, size=2**20))
    assert len(await spool.oldest(limit=100)) == 5
    spool.close()


async def test_files_are_their_owners_only_and_nothing_is_made_before_the_first_use(
    path: Path,
) -> None:
    spool = SqliteMessageSpool(path, SpoolLimits(TOTAL))
    assert (spool.waiting, path.parent.exists()) == (0, False)
    await spool.add(arrival())
    with spool.bringing_in():
        found = list(path.parent.iterdir())
    assert {stat.S_IMODE(one.stat().st_mode) for one in found} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    spool.close()


async def test_arrival_is_on_the_disk_before_it_is_acknowledged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = SqliteMessageSpool(path, SpoolLimits(TOTAL))
    await spool.add(arrival(1))
    with closing(sqlite3.connect(path)) as connection:
        # The file says it for every connection; FULL is set by each.
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    copy = path.with_name("copy.db")
    for suffix in ("", "-wal"):
        os.link(f"{path}{suffix}", f"{copy}{suffix}")
    survivor = SqliteMessageSpool(copy, SpoolLimits(TOTAL))
    assert await survivor.oldest(limit=9) == [arrival(1)]
    survivor.close()
    spool.close()


async def test_failing_disk_is_told_and_gone_once_it_works_again(path: Path) -> None:
    spool = SqliteMessageSpool(path, SpoolLimits(2**24))
    await spool.add(arrival(0))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path(f"{path}-wal").stat().st_size, before[1]))
    try:
        with pytest.raises(SpoolUnavailableError) as refusal:
            await spool.add(arrival(1, size=2**20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert refusal.value.failure is StoreFailure.IO_ERROR
    await spool.add(arrival(1, size=2**20))
    assert spool.waiting == 2
    spool.close()


async def test_removed_file_is_told_and_never_made_again_by_a_process_that_had_it(
    path: Path,
) -> None:
    spool = SqliteMessageSpool(path, SpoolLimits(TOTAL))
    await spool.add(arrival(0))
    assert spool.waiting == 1
    path.unlink()
    with pytest.raises(SpoolUnavailableError) as refusal:
        await spool.add(arrival(1))
    assert refusal.value.failure is StoreFailure.FILE_REPLACED
    assert spool.waiting == 0
    spool.close()


async def test_file_that_others_hold_is_not_waited_for_on_the_event_loop(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = SqliteMessageSpool(path, SpoolLimits(TOTAL))
    await spool.add(arrival(0))

    def busy(_connection: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(connection, "_set_up", busy)
        patch.setattr(time, "sleep", lambda _: pytest.fail("the event loop waits"))
        assert spool.waiting == 0
    assert spool.waiting == 1
    spool.close()


async def test_damaged_count_of_what_is_kept_ends_no_request_in_a_search_without_end(
    path: Path,
) -> None:
    spool = SqliteMessageSpool(path, SpoolLimits(TOTAL))
    await spool.add(arrival(1))
    with closing(sqlite3.connect(path)) as writer, writer:
        writer.execute("INSERT INTO shares VALUES ('kept', 1, ?)", (2 * TOTAL,))
    try:
        async with asyncio.timeout(20):
            assert await spool.settle(done=[arrival(1).id], refused={}) == 0
    finally:
        # A search without end would keep the file's thread from ending.
        spool._connection.get().interrupt()
        spool.close()


async def test_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = SqliteMessageSpool(tmp_path / "file" / "spool.db", SpoolLimits(TOTAL))
    with pytest.raises(SpoolUnavailableError):
        await spool.add(arrival())
    with spool.bringing_in() as mine:
        assert not mine
    spool.close()
