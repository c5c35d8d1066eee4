"""
Linking, reading and checking the audit trail.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import evolve

from odoo_ai_config.adapters.memory.audit_log import MemoryAuditLog
from odoo_ai_config.adapters.memory.secret_vault import MemorySecretVault
from odoo_ai_config.application import audit, linking
from odoo_ai_config.application.errors import MasterKeyMissingError
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.audit import (
    LinkedEntry,
    TrailEnd,
    TrailFault,
    TrailReport,
    Voucher,
    linked,
)
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.identifiers import TenantId
from tests.contract.samples import audit_entry, revision
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to


@pytest.fixture
async def told(hub: MemoryHub) -> MemoryHub:
    """
    A hub with ten entries.
    """
    for day in range(10):
        await hub.ports.store.commit(Changeset(audit=(audit_entry(f"s{day}", day=day),)))
    assert await hub.link_audit_trail() == 10
    return hub


async def verified(hub: MemoryHub, **more: object) -> TrailReport:
    return await hub.verify_audit_trail(caller=ANYBODY, **more)  # type: ignore[arg-type]


def rebuilt(hub: MemoryHub, subject: str) -> None:
    """
    What somebody does who can write to the store and knows the chain.
    """
    entries = [one.entry for one in hub.state.trail]
    entries[4] = evolve(entries[4], subject=subject)
    hub.state.trail[:] = linked(TrailEnd(), entries)


async def test_untouched_trail_is_whole(told: MemoryHub) -> None:
    report = await verified(told)
    assert report == TrailReport(told.state.trail[-1].end, 10, None, 10)


@pytest.mark.parametrize("page", [1, 3, 10, 1000])
async def test_pages_do_not_matter(
    told: MemoryHub, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_PAGE", page)
    assert (await verified(told)).checked == 10
    assert [one.number for one in await told.read_audit_trail.chain(caller=ANYBODY, after=7)] == [
        8,
        9,
        10,
    ]


@pytest.mark.parametrize(("newest", "checked"), [(1, 1), (9, 9), (10, 10), (11, 10)])
async def test_newest_entries_can_be_checked_alone(
    told: MemoryHub, newest: int, checked: int
) -> None:
    assert (await verified(told, newest=newest)).checked == checked
    told.state.trail[0] = evolve(told.state.trail[0], hash="f" * 64)
    assert ((await verified(told, newest=newest)).fault is None) == (newest < 9)


async def test_empty_trail_is_whole(hub: MemoryHub) -> None:
    assert await verified(hub) == TrailReport(TrailEnd(), 0)
    assert (await verified(hub, newest=5)).fault is None
    # But not, if there was one.
    report = await verified(hub, known=TrailEnd(3, "a" * 64))
    assert report.fault is TrailFault.MISSING


async def test_changed_entry_is_found(told: MemoryHub) -> None:
    changed = evolve(told.state.trail[4].entry, actor="somebody else")
    told.state.trail[4] = evolve(told.state.trail[4], entry=changed)
    report = await verified(told)
    assert (report.fault, report.at, report.checked) == (TrailFault.CHANGED, 5, 4)


@pytest.mark.parametrize("place", [0, 4, 9])
async def test_removed_entry_is_found(told: MemoryHub, place: int) -> None:
    # The end of a store is not that of its last entry.
    end = told.state.trail_end
    del told.state.trail[place]
    found = evolve(told.verify_audit_trail, audit=Ended(told, end))
    report = await found(caller=ANYBODY)
    assert (report.fault, report.at) == (TrailFault.MISSING, place + 1)
    report = await found(caller=ANYBODY, newest=10 - place)
    assert report.fault is TrailFault.MISSING


@pytest.mark.parametrize("number", [-3, 0, 11, 50])
async def test_inserted_entry_is_found_wherever_it_is(told: MemoryHub, number: int) -> None:
    end = told.state.trail_end
    forged = evolve(told.state.trail[-1], number=number)
    told.state.trail.insert(0 if number < 1 else 10, forged)
    report = await evolve(told.verify_audit_trail, audit=Ended(told, end))(caller=ANYBODY)
    assert report.fault is TrailFault.INSERTED
    assert report.at == (max(number, 1))


async def test_entry_that_is_linked_meanwhile_is_not_taken_for_an_inserted_one(
    told: MemoryHub,
) -> None:
    class Growing(MemoryAuditLog):
        async def chain(self, *, after: int = 0, limit: int = 1000) -> Sequence[LinkedEntry]:
            if after == 10:
                await told.ports.store.commit(Changeset(audit=(audit_entry("new", day=20),)))
                assert await told.link_audit_trail() == 1
            return await super().chain(after=after, limit=limit)

    grown = evolve(told.verify_audit_trail, audit=Growing(told.state))
    assert (await grown(caller=ANYBODY)).fault is None


class Ended(MemoryAuditLog):
    """
    A trail whose end is kept beside it, as in a database.
    """

    def __init__(self, hub: MemoryHub, end: TrailEnd) -> None:
        super().__init__(hub.state)
        self._end = end

    async def end(self) -> tuple[TrailEnd, Voucher | None]:
        return self._end, self.state.voucher


async def test_trail_that_was_linked_anew_has_no_proof(told: MemoryHub) -> None:
    rebuilt(told, "nothing happened")
    report = await verified(told)
    assert (report.fault, report.at) == (TrailFault.UNPROVED, 10)
    # Even of a hub whose end was written to the database.
    kept = evolve(told.verify_audit_trail, audit=Ended(told, TrailEnd(10, "b" * 64)))
    assert (await kept(caller=ANYBODY)).fault is TrailFault.CHANGED


async def test_known_end_tells_a_trail_that_the_ring_proves_from_the_real_one(
    told: MemoryHub,
) -> None:
    known, early = told.state.trail[6].end, told.state.trail[2].end
    rebuilt(told, "nothing happened")
    told.state.voucher = told.vault.vouch(str(told.state.trail_end))
    assert (await verified(told)).fault is None
    report = await verified(told, known=known)
    assert (report.fault, report.at) == (TrailFault.FORKED, 7)
    assert (await verified(told, known=early)).fault is None


async def test_trail_that_was_cut_is_shorter_than_the_known_one(told: MemoryHub) -> None:
    known = told.state.trail_end
    del told.state.trail[7:]
    told.state.voucher = told.vault.vouch(str(told.state.trail_end))
    assert (await verified(told)).fault is None
    assert (await verified(told, known=known)).fault is TrailFault.MISSING


async def test_end_that_another_ring_proves_is_not_proved(told: MemoryHub) -> None:
    other = evolve(told.verify_audit_trail, vault=MemorySecretVault("other"))
    assert (await other(caller=ANYBODY)).fault is TrailFault.UNPROVED
    told.state.voucher = None
    assert (await verified(told)).fault is TrailFault.UNPROVED


async def test_what_is_pending_is_linked_for_whoever_reads(hub: MemoryHub) -> None:
    await hub.ports.store.commit(Changeset(audit=(audit_entry(),)))
    assert (await verified(hub)).checked == 1
    await hub.ports.store.commit(Changeset(audit=(audit_entry("2", day=1),)))
    assert len(await hub.read_audit_trail(caller=ANYBODY)) == 2
    await hub.ports.store.commit(Changeset(revisions=(revision(),)))
    assert len(await hub.read_audit_trail.chain(caller=ANYBODY)) == 3
    # A page that follows another is not newer than that.
    await hub.ports.store.commit(Changeset(audit=(audit_entry("4", day=9),)))
    assert len(await hub.read_audit_trail(caller=ANYBODY, before=4)) == 3
    assert await hub.link_audit_trail() == 1


async def test_reader_waits_for_a_part_of_a_long_queue_only(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "_BATCH", 2)
    monkeypatch.setattr(linking, "_SOON", 4)
    entries = tuple(audit_entry(f"s{day}", day=day) for day in range(9))
    await hub.ports.store.commit(Changeset(audit=entries))
    assert len(await hub.read_audit_trail(caller=ANYBODY)) == 4
    assert await hub.link_audit_trail() == 5


async def test_trail_can_be_read_where_nothing_can_be_linked(told: MemoryHub) -> None:
    class Broken(MemorySecretVault):
        def vouch(self, text: str) -> object:  # type: ignore[override]
            raise MasterKeyMissingError("gone")

    await told.ports.store.commit(Changeset(audit=(audit_entry("new", day=20),)))
    read = evolve(told.read_audit_trail, vault=Broken())
    assert len(await read(caller=ANYBODY)) == 10
    assert len(told.state.audit) == 1


async def test_trail_is_for_operators_of_the_whole_hub(told: MemoryHub) -> None:
    uses = (told.read_audit_trail, told.read_audit_trail.chain, told.verify_audit_trail)
    for use in uses:
        with pytest.raises(TenantForbiddenError):
            await use(caller=bound_to("acme", Scope.ADMIN))
        with pytest.raises(ScopeMissingError):
            await use(caller=evolve(ANYBODY, scopes=frozenset({Scope.CONFIG_READ})))
    assert len(await told.read_audit_trail(caller=ANYBODY, tenant=TenantId("acme"))) == 10
    assert {one.entry.action for one in told.state.trail} == {AuditAction.CREDENTIAL_READ}
