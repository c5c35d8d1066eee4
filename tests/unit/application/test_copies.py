from __future__ import annotations

from collections.abc import Sequence

import pytest

from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.adapters.memory.store_records import MemoryStoreRecords
from odoo_ai_config.adapters.plain_records import decoded, encoded
from odoo_ai_config.application.copies import (
    MOST_PASSES,
    BackUpStore,
    CopyStore,
    RestoreStore,
    no_digests,
)
from odoo_ai_config.application.errors import StoreFailure, StoreUnusableError
from odoo_ai_config.application.ports.store_records import (
    PAGE_BYTES,
    Record,
    RecordKind,
    RecordPage,
)
from odoo_ai_config.domain.changes import Changeset
from tests.contract.memory_stores import stores_over
from tests.contract.samples import audit_entry, everything, revision


def quiet(_what: str, _done: int) -> None: ...


class Forgetful(MemoryStoreRecords):
    """
    A target that loses keys.
    """

    async def put(self, kind: RecordKind, records: Sequence[Record]) -> None:
        if kind is not RecordKind.API_KEYS:
            await super().put(kind, records)


async def backup_of(state: MemoryState) -> list[tuple[RecordKind, bytes]]:
    lines: list[tuple[RecordKind, bytes]] = []
    back_up = BackUpStore(MemoryStoreRecords(state), encoded)
    await back_up(lambda *line: lines.append(line), quiet)
    return lines


async def test_restore_into_a_store_that_loses_something_is_refused() -> None:
    await stores_over(state := MemoryState()).config.commit(everything())
    restore = RestoreStore(Forgetful(MemoryState()), encoded, decoded)
    with pytest.raises(StoreUnusableError) as refused:
        await restore(await backup_of(state), quiet)
    assert refused.value.failure is StoreFailure.CORRUPT
    assert "(api_keys)" in refused.value.advice


async def test_empty_store_is_copied_and_restored() -> None:
    source, target = MemoryState(), MemoryState()
    restore = RestoreStore(MemoryStoreRecords(target), encoded, decoded)
    assert await restore(await backup_of(source), quiet) == no_digests()
    copy = CopyStore(MemoryStoreRecords(source), MemoryStoreRecords(target), encoded)
    passes: list[int] = []
    assert await copy(quiet, passes.append) == no_digests()
    assert passes == [0]


async def test_large_records_are_restored_in_small_portions() -> None:
    source, put = MemoryState(), list[int]()

    class Counting(MemoryStoreRecords):
        async def put(self, kind: RecordKind, records: Sequence[Record]) -> None:
            put.append(len(records))
            await super().put(kind, records)

    texts = [revision(version=number, text="x" * (PAGE_BYTES // 3)) for number in range(1, 7)]
    await stores_over(source).config.commit(Changeset(revisions=tuple(texts)))
    restore = RestoreStore(Counting(MemoryState()), encoded, decoded)
    await restore(await backup_of(source), quiet)
    # And the entries about them.
    assert put == [3, 3, 6]


async def test_write_during_the_last_reading_is_copied() -> None:
    await stores_over(source := MemoryState()).config.commit(everything())
    target, passes = MemoryState(), list[int]()

    def write_once(differences: int) -> None:
        if not differences and 0 not in passes:
            source.apply(Changeset(audit=(audit_entry("late"),)))
        passes.append(differences)

    await CopyStore(MemoryStoreRecords(source), MemoryStoreRecords(target), encoded)(
        quiet, write_once
    )

    assert [number > 0 for number in passes] == [True, False, True, False]
    assert target.audit[-1].subject == "late"


@pytest.mark.parametrize(("at_once", "most"), [(1, MOST_PASSES), (20, 2)], ids=["slow", "fast"])
async def test_copy_of_a_source_that_never_rests_ends_and_goes_on_once_it_does(
    at_once: int, most: int
) -> None:
    source, target, passes = MemoryState(), MemoryState(), list[int]()

    class NeverAtRest(MemoryStoreRecords):
        written = 0

        async def page(self, kind: RecordKind, start: object | None = None) -> RecordPage:
            self.written += 1
            entries = [audit_entry(f"entry-{self.written}-{number}") for number in range(at_once)]
            self.state.apply(Changeset(audit=tuple(entries)))
            return await super().page(kind, start)

    busy = NeverAtRest(source)
    with pytest.raises(StoreUnusableError) as ended:
        await CopyStore(busy, MemoryStoreRecords(target), encoded)(quiet, passes.append)

    assert ended.value.failure is StoreFailure.BUSY
    assert f"{passes[-1]} registro(s)" in ended.value.advice
    assert len(passes) == most
    assert all(passes)
    copy = CopyStore(MemoryStoreRecords(source), MemoryStoreRecords(target), encoded)
    await copy(quiet, passes.append)
    assert target.audit == source.audit
    assert passes[-1] == 0


async def test_trail_that_is_another_ones_is_written_anew() -> None:
    source, target = MemoryState(), MemoryState()
    for state, names in ((source, "abc"), (target, "axyz")):
        entries = tuple(audit_entry(name) for name in names)
        await stores_over(state).config.commit(Changeset(audit=entries))
    copy = CopyStore(MemoryStoreRecords(source), MemoryStoreRecords(target), encoded)
    passes: list[int] = []
    await copy(quiet, passes.append)
    assert passes == [len("axyz") + len("abc"), 0]
    assert [entry.subject for entry in target.audit] == ["a", "b", "c"]


def test_record_of_a_newer_version_is_refused() -> None:
    for text in (b"{}", b"[", b'{"id": 1, "newer": true}'):
        with pytest.raises(StoreUnusableError) as refused:
            decoded(RecordKind.API_KEYS, text)
        assert refused.value.failure is StoreFailure.CORRUPT
        assert refused.value.__cause__ is None
