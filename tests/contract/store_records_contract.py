"""
The promises of `StoreRecords`, and so of copies and backups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest
from attrs import define, evolve, frozen

from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.adapters.memory.store_records import MemoryStoreRecords
from odoo_ai_config.adapters.plain_records import decoded, encoded
from odoo_ai_config.application.copies import BackUpStore, CopyStore, Digests, RestoreStore
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.application.ports.store_records import (
    PAGE_RECORDS,
    Record,
    RecordKind,
    RecordPage,
    StoredMessage,
    StoreRecords,
)
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.collections import CollectionSync, change_after
from odoo_ai_config.domain.documents.document import AuthoredYaml
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.identifiers import CONFIG, BusinessArea, TenantId
from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.domain.tenants import (
    AreaMove,
    Standing,
    TenantContents,
    TenantErasedError,
    TenantState,
)
from tests.contract.memory_stores import stores_over
from tests.contract.samples import (
    AT,
    DAY,
    MINUTE,
    address,
    answer_to,
    api_key,
    audit_entry,
    collection_key,
    credentials,
    deleted,
    everything,
    fingerprint,
    full,
    item,
    key,
    mapping,
    message,
    notice,
    pushed,
    revision,
    sighting,
    stray,
    tenant_key,
    text_of,
)
from tests.contract.snapshot import Snapshot, snapshot_of
from tests.contract.stores import StoreContract, Stores
from tests.trail import trail

MANY: Final = PAGE_RECORDS + 7


RESTLESS: Final = 30


class KilledError(Exception): ...


class Restless(MemoryStoreRecords):
    """
    A source that is written while it is read, for a time.
    """

    written = 0

    async def page(self, kind: RecordKind, start: object | None = None) -> RecordPage:
        if self.written < RESTLESS:
            name = self.written
            self.written += 1
            await stores_over(self.state).config.commit(
                Changeset(
                    messages=(message(f"message-{name}", f"{name % 3}"),),
                    audit=(audit_entry(f"entry-{name}"),),
                )
            )
        return await super().page(kind, start)


@define
class Breaking:
    """
    A target after some of whose writes the process ends.
    """

    records: StoreRecords
    after: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.records, name)

    async def put(self, kind: RecordKind, records: Sequence[Record]) -> None:
        await self.records.put(kind, records[:1] if self.after == 1 else records)
        self._count()

    async def remove(self, kind: RecordKind, records: Sequence[Record]) -> None:
        await self.records.remove(kind, records)
        self._count()

    def _count(self) -> None:
        self.after -= 1
        if not self.after:
            raise KilledError


def quiet(_what: str, _done: int) -> None: ...


def unheard(_count: int) -> None: ...


@frozen
class Copied:
    """
    What a copy did: the number of records that it wrote or removed, and the digests of all.
    """

    changed: int
    digests: Digests


async def copied(source: Stores, target: Stores) -> Copied:
    passes: list[int] = []
    copy = CopyStore(source.records, target.records, encoded)
    digests = await copy(quiet, passes.append)
    return Copied(sum(passes), digests)


def changesets() -> list[Changeset]:
    """
    The life of a busy hub: everything that leaves something else than one fresh record.
    """
    data_key = tenant_key("acme", key_id="key-of-acme")
    first = revision(key("acme"), 2, authored=AuthoredYaml("a: 1 # ação\n", exact=False), a=1)
    document = revision(key("late", "retail", CONFIG), 1, x="y")
    queued = evolve(
        message("message-a", "7", minute=1, number=3), persons=(fingerprint(21), fingerprint(22))
    )
    behind = message("message-b", "7", minute=0, number=4)
    answered = evolve(
        queued,
        revision=2,
        stage=Stage.ANSWERED,
        answer=fingerprint(9),
        updated_at=AT + DAY,
        claims=2,
        attempts=1,
        refused=("label",),
        steps=1,
    )
    done = evolve(message("message-c", "8", number=5), stage=Stage.DONE, due_at=None)
    standing = TenantState(TenantId("late"), 1, Standing.SUSPENDED, AT, "operator", "fim")
    items = pushed(
        item("1", name="Chá"), item("2", name="Mel"), key=collection_key("acme", "rules")
    )
    removed, _ = change_after(
        items.head,
        {one.id: one.digest for one in items.items},
        CollectionSync((item("3", name="Pão"),), ("1",)),
        key=items.head.key,
        at=AT + MINUTE,
    )
    assert removed is not None
    return [
        everything("acme"),
        everything("other", name="d2", account="2"),
        Changeset(
            revisions=(first, document),
            audit=(audit_entry("one"), audit_entry("one"), audit_entry("two", None, day=-1)),
        ),
        Changeset(revisions=(deleted(document),)),
        # Another tenant takes the channel, and gives it back.
        Changeset(mappings=(mapping("1", "1", 2, tenant="other"),)),
        Changeset(mappings=(mapping("1", "1", 3, tenant="acme", active=False),)),
        Changeset(
            messages=(queued, behind),
            secrets=(
                text_of(queued, 3, key_id=data_key.key_id),
                text_of(behind, 4, key_id=data_key.key_id),
            ),
            sealed_under=data_key,
        ),
        Changeset(
            messages=(answered,),
            secrets=(answer_to(answered, 9, key_id=data_key.key_id),),
            sealed_under=data_key,
        ),
        Changeset(messages=(done, stray("message-d"), notice())),
        Changeset(
            tenant_states=(
                evolve(standing, tenant=TenantId("gone"), standing=Standing.ERASING),
                evolve(
                    standing, moves=(AreaMove(BusinessArea("retail"), BusinessArea("varejo")),)
                ),
            )
        ),
        Changeset(
            tenant_states=(
                evolve(
                    standing,
                    tenant=TenantId("gone"),
                    revision=2,
                    standing=Standing.ERASED,
                    contents=TenantContents(documents=3),
                    certificate="{}",
                ),
            )
        ),
        Changeset(collections=(items,)),
        Changeset(collections=(removed,)),
        Changeset(
            sightings=(sighting("8", full("other"), minute=3),),
            api_keys=(evolve(api_key("revoked"), revoked_at=AT),),
            addresses=(
                evolve(address("used", "other", name="x_name"), used_at=AT, revoked_at=AT),
            ),
        ),
    ]


async def live(stores: Stores) -> list[Changeset]:
    """
    Lead the life of a busy hub on *stores*, and return what was written.
    """
    written = changesets()
    for changes in written:
        await stores.config.commit(changes)
    new = tenant_key("acme", key_id="k2")
    old = await stores.secrets.active_key(new.tenant)
    assert old is not None
    assert await stores.secrets.add_key(new, successor_of=old)
    return [*written, Changeset(new_tenant_key=new)]


async def claims(stores: Stores) -> list[tuple[str, int]]:
    """
    The messages that workers take, in their order.
    """
    taken: list[tuple[str, int]] = []
    limits = ClaimLimits(total=50, per_tenant=50, in_hand={})
    while found := await stores.inbox.claim(limits, now=AT + DAY, until=AT + 2 * DAY):
        taken += [(str(one.id), one.claims) for one in found]
        for one in found:
            ended = evolve(one, revision=one.revision + 1, stage=Stage.DONE, due_at=None)
            await stores.config.commit(Changeset(messages=(ended,)))
    return sorted(taken)


def without_ids(snapshot: Snapshot) -> Snapshot:
    """
    *snapshot* with the audit entries of one instant in one order.
    """
    return evolve(snapshot, audit=sorted(snapshot.audit, key=lambda one: (one.at, one.subject)))


class StoreRecordsContract(StoreContract):
    async def test_copy_of_a_busy_store_there_and_back_has_everything(
        self, stores: Stores
    ) -> None:
        busy, back = stores_over(MemoryState()), stores_over(MemoryState())
        written = await live(busy)
        expected = without_ids(await snapshot_of(busy, *written))

        there = await copied(busy, stores)
        assert without_ids(await snapshot_of(stores, *written)) == expected
        again = await copied(stores, back)

        assert without_ids(await snapshot_of(back, *written)) == expected
        assert there.digests == again.digests
        assert await claims(stores) == await claims(busy) == await claims(back)

    async def test_store_of_this_technology_is_copied_as_it_is(self, stores: Stores) -> None:
        written = await live(stores)
        target = stores_over(MemoryState())

        await copied(stores, target)

        assert without_ids(await snapshot_of(target, *written)) == without_ids(
            await snapshot_of(stores, *written)
        )

    async def test_copy_follows_what_changes_and_what_goes(self, stores: Stores) -> None:
        busy = stores_over(MemoryState())
        written = await live(busy)
        await copied(busy, stores)
        assert (await copied(busy, stores)).changed == 0
        more = Changeset(
            revisions=(revision(key("acme"), 3, b=2), credentials(2, tenant="acme", odoo=1)),
            mappings=(mapping("1", "1", 4, tenant="other"), mapping("9", None, tenant="new")),
            messages=(message("message-z", "7", minute=9),),
            audit=(audit_entry("three"),),
        )
        await busy.config.commit(more)
        await busy.config.prune(RetentionPolicy(keep=1), now=AT + DAY)
        await busy.inbox.prune(before=AT + MINUTE)
        written.append(more)

        report = await copied(busy, stores)

        assert report.changed > 0
        assert without_ids(await snapshot_of(stores, *written)) == without_ids(
            await snapshot_of(busy, *written)
        )

    async def test_copy_of_a_store_that_is_written_has_the_last_write(
        self, stores: Stores
    ) -> None:
        source = Restless(busy := MemoryState())
        await stores_over(busy).config.commit(everything())
        passes: list[int] = []

        await CopyStore(source, stores.records, encoded)(quiet, passes.append)

        assert passes[-1] == 0
        assert source.written == RESTLESS
        for number in range(RESTLESS):
            assert await stores.inbox.find(message(f"message-{number}").id) is not None
            [entry] = [
                one for one in await trail(stores.audit) if one.subject == f"entry-{number}"
            ]
            assert entry.actor == "reader"

    async def test_interrupted_copy_goes_on_wherever_it_was(self, stores: Stores) -> None:
        busy = stores_over(MemoryState())
        written = await live(busy)
        interruptions = 0
        while True:
            target = Breaking(stores.records, after=interruptions % 5 + 1)
            try:
                await CopyStore(busy.records, target, encoded)(quiet, unheard)
            except KilledError:
                interruptions += 1
                continue
            break
        assert interruptions > 5
        assert without_ids(await snapshot_of(stores, *written)) == without_ids(
            await snapshot_of(busy, *written)
        )

    async def test_copy_replaces_what_another_left_there(self, stores: Stores) -> None:
        await live(stores)
        source = stores_over(MemoryState())
        await source.config.commit(everything("only", name="d9"))

        await copied(source, stores)

        assert without_ids(await snapshot_of(stores, everything("only", name="d9"))) == (
            without_ids(await snapshot_of(source, everything("only", name="d9")))
        )
        assert await stores.inbox.find(message("message-of-acme").id) is None

    async def test_copied_store_goes_on(self, stores: Stores) -> None:
        busy = stores_over(MemoryState())
        await live(busy)
        await copied(busy, stores)
        next_one = message("message-y", "7", minute=-5)

        await stores.config.commit(
            Changeset(
                revisions=(revision(key("acme"), 3, b=2),),
                mappings=(mapping("1", "1", 4, tenant="other"),),
                messages=(next_one,),
                audit=(audit_entry("newest"),),
            )
        )

        with pytest.raises(TenantErasedError):
            await stores.config.commit(Changeset(revisions=(revision(key("gone")),)))
        found = await stores.inbox.of_persons([fingerprint(22)], limit=5)
        assert [str(one.id) for one in found] == ["message-a"]
        listed = await stores.inbox.page(list(Stage), limit=1)
        assert [str(one.id) for one in listed] == ["message-y"]
        assert "newest" in {entry.subject for entry in await trail(stores.audit)}

    async def test_many_records_are_read_page_by_page_in_the_order_of_writing(
        self, stores: Stores
    ) -> None:
        source = stores_over(MemoryState())
        names = [f"message-{number * 7919 % MANY:05}" for number in range(MANY)]
        stored: list[StoredMessage] = [
            StoredMessage(message(name, name, minute=-number), ())
            for number, name in enumerate(names)
        ]
        for start in range(0, MANY, 100):
            await source.records.put(RecordKind.MESSAGES, stored[start : start + 100])
            await source.config.commit(
                Changeset(audit=tuple(audit_entry(name) for name in names[start : start + 100]))
            )

        await copied(source, stores)

        found = await stores.inbox.page(list(Stage), limit=2 * MANY, oldest_first=True)
        assert [str(one.id) for one in found] == names
        entries = await trail(stores.audit)
        assert [one.subject for one in reversed(entries)] == names

    async def test_backup_is_restored(self, stores: Stores) -> None:
        busy = stores_over(MemoryState())
        written = await live(busy)
        await trail(busy.audit)
        # A part of the audit trail is linked, and a part is pending.
        await busy.config.commit(more := Changeset(revisions=(revision(key("more")),)))
        written.append(more)
        lines: list[tuple[RecordKind, bytes]] = []
        await BackUpStore(busy.records, encoded)(lambda *line: lines.append(line), quiet)
        await live(stores)

        digests = await RestoreStore(stores.records, encoded, decoded)(lines, quiet)

        again: list[tuple[RecordKind, bytes]] = []
        assert (
            await BackUpStore(stores.records, encoded)(lambda *line: again.append(line), quiet)
            == digests
        )
        assert sorted(again, key=lambda line: (line[0].value, line[1])) == sorted(
            lines, key=lambda line: (line[0].value, line[1])
        )
        assert await stores.audit.end() == await busy.audit.end()
        chain = await stores.audit.chain(limit=10_000)
        assert chain == await busy.audit.chain(limit=10_000)
        assert without_ids(await snapshot_of(stores, *written)) == without_ids(
            await snapshot_of(busy, *written)
        )

    async def test_restore_leaves_nothing_of_many_records_that_were_there(
        self, stores: Stores
    ) -> None:
        entries = tuple(map(audit_entry, map(str, range(PAGE_RECORDS + 2))))
        await stores.config.commit(Changeset(audit=entries))
        digests = await RestoreStore(stores.records, encoded, decoded)((), quiet)
        assert digests[RecordKind.PENDING_AUDIT].count == 0
        assert await trail(stores.audit) == []
