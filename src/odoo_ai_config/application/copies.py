"""
Copies of whole stores: into another store, into a backup, and back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Final, TypeAlias

from attrs import define, frozen

from odoo_ai_config.application.errors import StoreFailure, StoreUnusableError
from odoo_ai_config.application.ports.store_records import (
    ORDERED,
    PAGE_BYTES,
    PAGE_RECORDS,
    Record,
    RecordKind,
    StoreRecords,
)

# Everything about a record, as text; equal for equal records, whatever store they come from.
Encode: TypeAlias = Callable[[Record], bytes]
# What is being done, to how many records so far.
Report: TypeAlias = Callable[[str, int], None]
# The second copies what came during the first, and so on; that soon takes as long each time.
MOST_PASSES: Final = 5
_RANGE: Final = 2**256
_PLACED: Final = [kind for kind in RecordKind if kind is not RecordKind.PENDING_AUDIT]


@define
class KindDigest:
    """
    The digest of the records of one kind, in any order where their order says nothing.
    """

    ordered: bool
    count: int = 0
    total: int = 0

    def add(self, encoded: bytes) -> None:
        """
        Take in one record.
        """
        place = f"{self.count}:".encode() if self.ordered else b""
        self.total = (self.total + int.from_bytes(sha256(place + encoded).digest())) % _RANGE
        self.count += 1

    def __str__(self) -> str:
        return f"{self.total:064x}"


Digests: TypeAlias = Mapping[RecordKind, KindDigest]


def no_digests() -> dict[RecordKind, KindDigest]:
    """
    The digests of an empty store.
    """
    return {kind: KindDigest(kind in ORDERED) for kind in RecordKind}


async def pages_of(store: StoreRecords, kind: RecordKind) -> AsyncIterator[Sequence[Record]]:
    """
    All records of *kind*, page by page.
    """
    start = None
    while True:
        page = await store.page(kind, start)
        if page.records:
            yield page.records
        if page.end is None:
            return
        start = page.end


async def digests_of(
    store: StoreRecords,
    encode: Encode,
    what: str,
    on_progress: Report,
    kinds: Iterable[RecordKind] = RecordKind,
) -> Digests:
    """
    The digests of everything of *kinds* in *store*.
    """
    digests, seen = no_digests(), 0
    for kind in kinds:
        async for records in pages_of(store, kind):
            for record in records:
                digests[kind].add(encode(record))
            seen += len(records)
            on_progress(what, seen)
    return digests


@frozen(eq=False)
class CopyStore:
    """
    Make *target* the same as *source*, which may be in use meanwhile.

    A pass writes what differs and removes what the source does not have, so an interrupted copy
    goes on when it is repeated. Passes follow until one finds nothing to do. Then all records of
    both are read once more: two readings in a row that find the same are the source as it was
    between them. A source that is written all the time has no such moment, and whoever served
    such a copy would miss what came last. So after `MOST_PASSES` the copy says that it needs one.
    """

    source: StoreRecords
    target: StoreRecords
    encode: Encode

    async def __call__(self, on_progress: Report, on_pass: Callable[[int], None]) -> Digests:
        """
        Copy everything, and call *on_pass* after each pass with the number of differences.

        Returns:
            The digests of what both have.

        Raises:
            StoreUnusableError: The source changed during each pass. The target has what was there
                when the last one began, at least, and stays unfinished.
        """
        found: list[int] = []
        while not _restless(found):
            found.append(await self._pass(on_progress))
            on_pass(found[-1])
            if found[-1]:
                continue
            copied = await digests_of(self.target, self.encode, "conferindo", on_progress)
            if copied == await digests_of(self.source, self.encode, "conferindo", on_progress):
                return copied
        raise StoreUnusableError(
            f"A origem não para de mudar: a última de {len(found)} passadas copiou ou removeu "
            f"{found[-1]} registro(s), e falta o que mudou desde o início dela. O destino "
            "continua fechado. Pare os servidores da origem e repita o mesmo comando, que só "
            f"copia o que falta ({StoreFailure.BUSY.value}).",
            StoreFailure.BUSY,
        )

    async def _pass(self, on_progress: Report) -> int:
        # Removed first, and in reverse: what refers to a record goes before it, and what must be
        # unique is free again.
        differences = 0
        for kind in reversed(_PLACED):
            differences += await self._remove_others(kind)
        for kind in _PLACED:
            differences += await self._put_changed(kind, on_progress)
        return differences + await self._follow(on_progress)

    async def _remove_others(self, kind: RecordKind) -> int:
        removed = 0
        async for records in pages_of(self.target, kind):
            found = await self.source.find(kind, records)
            others = [
                record for record, known in zip(records, found, strict=True) if known is None
            ]
            if others:
                await self.target.remove(kind, others)
                removed += len(others)
        return removed

    async def _put_changed(self, kind: RecordKind, on_progress: Report) -> int:
        put = seen = 0
        async for records in pages_of(self.source, kind):
            found = await self.target.find(kind, records)
            changed = [
                record
                for record, known in zip(records, found, strict=True)
                if known is None or self.encode(known) != self.encode(record)
            ]
            if changed:
                await self.target.put(kind, changed)
                put += len(changed)
            seen += len(records)
            on_progress(kind.value, seen)
        return put

    async def _follow(self, on_progress: Report) -> int:
        """
        Write all pending entries of the audit trail anew, unless they are the same.
        """
        kind, name = RecordKind.PENDING_AUDIT, RecordKind.PENDING_AUDIT.value
        read = [
            await digests_of(store, self.encode, name, on_progress, (kind,))
            for store in (self.source, self.target)
        ]
        if read[0] == read[1]:
            return 0
        await self.target.remove(kind, ())
        put = 0
        async for records in pages_of(self.source, kind):
            await self.target.put(kind, records)
            put += len(records)
            on_progress(name, put)
        return read[1][kind].count + put


@frozen(eq=False)
class BackUpStore:
    """
    Read a store as it is at one moment.
    """

    source: StoreRecords
    encode: Encode

    async def __call__(
        self, write: Callable[[RecordKind, bytes], None], on_progress: Report
    ) -> Digests:
        """
        Give each record to *write*.
        """
        digests = no_digests()
        async with self.source.moment() as store:
            for kind in RecordKind:
                async for records in pages_of(store, kind):
                    for record in records:
                        encoded = self.encode(record)
                        digests[kind].add(encoded)
                        write(kind, encoded)
                    on_progress(kind.value, digests[kind].count)
        return digests


@frozen(eq=False)
class RestoreStore:
    """
    Fill a store with the records of a backup.
    """

    target: StoreRecords
    encode: Encode
    decode: Callable[[RecordKind, bytes], Record]

    async def __call__(
        self, records: Iterable[tuple[RecordKind, bytes]], on_progress: Report
    ) -> Digests:
        """
        Remove what an interrupted restore left, store *records*, and read them all again.

        Raises:
            StoreUnusableError: The store does not have what was written.
        """
        for kind in reversed(RecordKind):
            async for left in pages_of(self.target, kind):
                await self.target.remove(kind, left)
        digests = no_digests()
        for kind, portion in _portions(records):
            await self.target.put(kind, [self.decode(kind, encoded) for encoded in portion])
            for encoded in portion:
                digests[kind].add(encoded)
            on_progress(kind.value, digests[kind].count)
        stored = await digests_of(self.target, self.encode, "conferindo", on_progress)
        if stored != digests:
            kinds = ", ".join(kind.value for kind in RecordKind if stored[kind] != digests[kind])
            raise StoreUnusableError(
                f"O destino não tem o que foi gravado nele ({kinds}); alguém mais o altera? "
                "Repita num destino novo.",
                StoreFailure.CORRUPT,
            )
        return digests


def _restless(found: Sequence[int]) -> bool:
    """
    Whether passes that *found* so many differences will not come to an end.

    One after which there is more to do than before takes longer than it should, and the next one
    even more so.
    """
    grows = len(found) > 1 and found[-1] > max(found[-2], PAGE_RECORDS)
    return grows or len(found) == MOST_PASSES


def _portions(
    records: Iterable[tuple[RecordKind, bytes]],
) -> Iterator[tuple[RecordKind, list[bytes]]]:
    """
    Neighbours of one kind, as many as a page has.
    """
    for kind, lines in groupby(records, key=itemgetter(0)):
        portion: list[bytes] = []
        size = 0
        for _, encoded in lines:
            portion.append(encoded)
            size += len(encoded)
            if len(portion) == PAGE_RECORDS or size >= PAGE_BYTES:
                yield kind, portion
                portion, size = [], 0
        if portion:
            yield kind, portion
