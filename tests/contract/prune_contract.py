"""
What pruning removes, and what it keeps: every test has live neighbours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from attrs import evolve

from odoo_ai_config.application.ports.config_store import PruneReport
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import CREDENTIALS, RETENTION, TenantId
from odoo_ai_config.domain.json_types import Json
from tests.contract.samples import (
    AT,
    DAY,
    api_key,
    credentials,
    deleted,
    everything,
    fingerprint,
    key,
    mapping,
    owner,
    request_record,
    revision,
    secret,
    tenant_key,
)
from tests.contract.snapshot import Snapshot, snapshot_of
from tests.contract.stores import StoreContract, Stores
from tests.trail import pruned

KEEP_ONE = RetentionPolicy(keep=1)
NEIGHBOURS = everything("neighbour", name="of a neighbour", account="2")
# No record of the neighbours is due when a test prunes by this time.
NOW = AT + timedelta(hours=1)


async def write(stores: Stores, *changes: Changeset) -> None:
    for changeset in changes:
        await stores.config.commit(changeset)


async def require_others_pruned(stores: Stores, damage: Callable[[str], Awaitable[None]]) -> None:
    """
    What nothing keeps goes, but for one tenant whose documents cannot be read after *damage*.
    """
    numbers, left = (1, 2, 3), {}
    for tenant in ("a", "b", "c"):
        for number in numbers:
            document = credentials(number, tenant=tenant, odoo=number)
            sealed = secret(tenant, number=number)
            await write(stores, Changeset(revisions=(document,), secrets=(sealed,)))
    await damage("b")
    with pytest.raises((ValueError, InvalidValueError)) as caught:
        await pruned(stores, KEEP_ONE, now=NOW)
    assert caught.value.__notes__ == ["Credentials of b/default."]
    for tenant in ("a", "b", "c"):
        values = [secret(tenant, number=number) for number in numbers]
        found = [await stores.secrets.sealed(one.context, one.fingerprint) for one in values]
        left[tenant] = [number for number, one in zip(numbers, found, strict=True) if one]
    assert left == {"a": [3], "b": [1, 2, 3], "c": [3]}


class PruneContract(StoreContract):
    async def neighbours(self, stores: Stores) -> Snapshot:
        await stores.config.commit(NEIGHBOURS)
        return await snapshot_of(stores, NEIGHBOURS)

    async def versions(self, stores: Stores, kind: str = "config") -> list[int]:
        return [new.version for new in await stores.config.history(key(kind=kind), limit=1000)]

    async def test_empty_store_has_nothing_to_prune(self, stores: Stores) -> None:
        assert await pruned(stores, KEEP_ONE, now=NOW) == PruneReport()

    async def test_nothing_is_due_among_live_things(self, stores: Stores) -> None:
        before = await self.neighbours(stores)
        policy = RetentionPolicy(keep=1, max_age=DAY)
        assert await pruned(stores, policy, now=NOW) == PruneReport()
        assert await snapshot_of(stores, NEIGHBOURS) == before

    @pytest.mark.parametrize(
        ("keep", "left"), [(1, [5]), (2, [5, 4]), (4, [5, 4, 3, 2]), (5, [5, 4, 3, 2, 1])]
    )
    async def test_newest_revisions_are_kept(
        self, stores: Stores, keep: int, left: list[int]
    ) -> None:
        before = await self.neighbours(stores)
        for version in range(1, 6):
            await write(stores, Changeset(revisions=(revision(version=version),)))
        report = await pruned(stores, RetentionPolicy(keep=keep), now=NOW)
        assert report == PruneReport(revisions=5 - len(left))
        assert await self.versions(stores) == left
        for version in range(1, 6):
            found = await stores.config.revision(key(), version)
            assert found == (revision(version=version) if version in left else None)
        await write(stores, Changeset(revisions=(revision(version=6),)))
        after = await snapshot_of(stores, NEIGHBOURS)
        assert evolve(after, tenants=before.tenants, audit=before.audit) == before

    async def test_each_document_keeps_its_own_newest(self, stores: Stores) -> None:
        lengths = {"a": 1, "b": 2, "c": 3, "d": 40}
        for kind, length in lengths.items():
            for version in range(1, length + 1):
                await write(stores, Changeset(revisions=(revision(key(kind=kind), version),)))
        report = await pruned(stores, RetentionPolicy(keep=2), now=NOW)
        assert report.revisions == 1 + 38
        for kind, length in lengths.items():
            assert await self.versions(stores, kind) == [length, length - 1][:length]

    async def test_old_revisions_go_but_never_the_current_one(self, stores: Stores) -> None:
        days = {1: 0, 2: 5, 3: 10, 4: 11}
        for version, day in days.items():
            await write(
                stores, Changeset(revisions=(revision(version=version, at=AT + day * DAY),))
            )
        await write(stores, Changeset(revisions=(revision(key("ancient")),)))
        # Version 2 is ten days old to the microsecond, which is not older than ten days.
        ten_days = RetentionPolicy(max_age=10 * DAY)
        report = await pruned(stores, ten_days, now=AT + 15 * DAY)
        assert report == PruneReport(revisions=1)
        assert await self.versions(stores) == [4, 3, 2]
        await pruned(stores, ten_days, now=AT + 15 * DAY + timedelta(microseconds=1))
        assert await self.versions(stores) == [4, 3]
        await pruned(stores, ten_days, now=AT + 1000 * DAY)
        assert await self.versions(stores) == [4]
        assert await stores.config.tenants() == [TenantId("acme"), TenantId("ancient")]

    async def test_either_rule_lets_a_revision_go(self, stores: Stores) -> None:
        for version in range(1, 6):
            at = AT + version * DAY
            await write(stores, Changeset(revisions=(revision(version=version, at=at),)))
        policy = RetentionPolicy(keep=3, max_age=10 * DAY)
        await pruned(stores, policy, now=AT + 6 * DAY)
        assert await self.versions(stores) == [5, 4, 3]
        await pruned(stores, policy, now=AT + 14 * DAY)
        assert await self.versions(stores) == [5, 4]

    async def test_no_rule_keeps_every_revision(self, stores: Stores) -> None:
        for version in range(1, 4):
            await write(stores, Changeset(revisions=(revision(version=version),)))
        assert await pruned(stores, RetentionPolicy(), now=AT + 9999 * DAY) == PruneReport()
        assert await self.versions(stores) == [3, 2, 1]

    async def test_tombstone_stays_and_goes_on_counting(self, stores: Stores) -> None:
        await self.neighbours(stores)
        gone = deleted(revision())
        await write(stores, Changeset(revisions=(revision(),)), Changeset(revisions=(gone,)))
        policy = RetentionPolicy(keep=1, max_age=DAY)
        assert (await pruned(stores, policy, now=AT + 99 * DAY)).revisions == 1
        assert await stores.config.current([key()]) == {key(): gone}
        assert await stores.config.tenants() == [TenantId("neighbour")]
        await write(stores, Changeset(revisions=(revision(version=3),)))
        assert await self.versions(stores) == [3, 2]

    async def test_history_is_paged_past_what_is_gone(self, stores: Stores) -> None:
        for version in range(1, 8):
            await write(stores, Changeset(revisions=(revision(version=version),)))
        await pruned(stores, RetentionPolicy(keep=4), now=NOW)
        found = await stores.config.history(key(), before=6, limit=5)
        assert [new.version for new in found] == [5, 4]
        assert await stores.config.history(key(), before=4) == []

    async def test_expired_idempotency_records_go(self, stores: Stores) -> None:
        before = await self.neighbours(stores)
        moment = timedelta(microseconds=1)
        records = {
            "expired": request_record("expired", expires_at=NOW - moment),
            "due now": request_record("due now", expires_at=NOW),
            "fresh": request_record("fresh", expires_at=NOW + moment),
        }
        await write(stores, *(Changeset(idempotency_record=record) for record in records.values()))
        report = await pruned(stores, RetentionPolicy(), now=NOW)
        assert report == PruneReport(idempotency_records=1)
        for name, record in records.items():
            found = await stores.config.idempotency_record(record.claim.id)
            assert found == (None if name == "expired" else record)
        await write(stores, Changeset(idempotency_record=records["expired"]))
        assert await snapshot_of(stores, NEIGHBOURS) == before

    async def test_sealed_values_stay_as_long_as_a_revision_names_them(
        self, stores: Stores
    ) -> None:
        before = await self.neighbours(stores)
        first = [secret(ref="odoo", number=1), secret(ref="redis", number=7)]
        await write(
            stores,
            Changeset(
                revisions=(credentials(1, odoo=1, redis=7),),
                new_tenant_key=tenant_key(),
                secrets=tuple(first),
            ),
            Changeset(
                revisions=(credentials(2, odoo=2, redis=7),),
                secrets=(secret(ref="odoo", number=2),),
            ),
            Changeset(
                revisions=(credentials(3, odoo=3, redis=7),),
                secrets=(secret(ref="odoo", number=3),),
            ),
        )
        report = await pruned(stores, RetentionPolicy(keep=2), now=NOW)
        assert report == PruneReport(revisions=1, secrets=1)
        left = [secret(number=2), secret(number=3), secret(ref="redis", number=7)]
        for stored in [*left, secret(number=1)]:
            found = await stores.secrets.sealed(stored.context, stored.fingerprint)
            assert found == (stored if stored in left else None)
        after = await snapshot_of(stores, NEIGHBOURS)
        assert (
            evolve(after, tenants=before.tenants, masters=before.masters, audit=before.audit)
            == before
        )

    async def test_only_the_own_credentials_document_keeps_a_sealed_value(
        self, stores: Stores
    ) -> None:
        mask: dict[str, Json] = {"odoo": fingerprint(1).mask}
        sealed = secret(number=1)
        await write(
            stores,
            Changeset(
                new_tenant_key=tenant_key(),
                secrets=(
                    sealed,
                    secret(domain="sales", number=1),
                    secret("other", number=1),
                    secret(ref="other_ref", number=1),
                ),
                revisions=(
                    # Not a credentials document, another area's, another tenant's, and one
                    # that names the same fingerprint under another reference.
                    revision(key(), credentials=mask),
                    revision(key(domain="sales", kind=CREDENTIALS), credentials=mask),
                    credentials(tenant="other", odoo=1),
                    credentials(other_ref=1),
                    revision(key(kind="crews"), credentials=mask),
                ),
            ),
        )
        assert await pruned(stores, RetentionPolicy(), now=NOW) == PruneReport(secrets=1)
        assert await stores.secrets.sealed(sealed.context, sealed.fingerprint) is None
        for stored in (
            secret(domain="sales", number=1),
            secret("other", number=1),
            secret(ref="other_ref", number=1),
        ):
            assert await stores.secrets.sealed(stored.context, stored.fingerprint) == stored

    async def test_sealed_values_of_a_deleted_document_go_with_its_history(
        self, stores: Stores
    ) -> None:
        living = credentials(1, odoo=1)
        await write(
            stores,
            Changeset(revisions=(living,), new_tenant_key=tenant_key(), secrets=(secret(),)),
            Changeset(revisions=(deleted(living),)),
        )
        while_kept = RetentionPolicy(credentials=DAY)
        assert await pruned(stores, while_kept, now=NOW) == PruneReport()
        kept = evolve(KEEP_ONE, credentials=DAY)
        report = await pruned(stores, kept, now=NOW)
        assert report == PruneReport(revisions=1, secrets=1)
        assert await stores.secrets.sealed(secret().context, secret().fingerprint) is None

    async def test_values_of_a_deleted_reference_are_kept_as_long_as_the_policy_says(
        self, stores: Stores
    ) -> None:
        first, last = credentials(1, odoo=1, redis=7), credentials(4, redis=7)
        versions = (
            first,
            evolve(credentials(2, odoo=2, redis=7), updated_at=AT + DAY),
            evolve(credentials(3, redis=7), updated_at=AT + 2 * DAY),
            evolve(last, updated_at=AT + 3 * DAY),
        )
        sealed = [secret(number=1), secret(number=2), secret(ref="redis", number=7)]
        await write(stores, Changeset(new_tenant_key=tenant_key(), secrets=tuple(sealed)))
        await write(stores, *(Changeset(revisions=(one,)) for one in versions))
        policy = RetentionPolicy(credentials=10 * DAY)
        before = timedelta(microseconds=1)
        report = await pruned(stores, policy, now=AT + 12 * DAY - before)
        assert report == PruneReport()
        assert await pruned(stores, policy, now=AT + 12 * DAY) == PruneReport(secrets=2)
        left = await stores.secrets.stored_in(owner())
        assert {str(ref): set(marks) for ref, marks in left.items()} == {"redis": {fingerprint(7)}}

    async def test_tenant_may_have_a_policy_of_its_own(self, stores: Stores) -> None:
        for tenant in ("long", "short", "usual"):
            for version in range(1, 4):
                await write(
                    stores,
                    Changeset(
                        revisions=(credentials(version, tenant=tenant, odoo=version),),
                        mappings=(mapping(tenant, version=version, tenant=tenant),),
                        secrets=(secret(tenant, number=version),),
                    ),
                )
            gone = evolve(credentials(4, tenant=tenant), updated_at=AT)
            await write(stores, Changeset(revisions=(gone,)))
        own = {
            TenantId("long"): RetentionPolicy(credentials=DAY),
            TenantId("short"): RetentionPolicy(keep=1),
            TenantId("new"): RetentionPolicy(keep=1),
        }
        report = await pruned(stores, RetentionPolicy(keep=2), own=own, now=NOW)
        assert report == PruneReport(revisions=3 + 2, mapping_revisions=2 + 1, secrets=3 + 3)
        left = {"long": 4, "short": 1, "usual": 2}
        for tenant, count in left.items():
            assert len(await stores.config.history(key(tenant, kind=CREDENTIALS))) == count
            assert len(await stores.secrets.stored_in(owner(tenant))) == (tenant == "long")
        changes = await stores.channels.history(key=mapping("long", tenant="long").mapping.key)
        assert len(changes) == 3
        assert await pruned(stores, RetentionPolicy(), own=own, now=NOW) == PruneReport()

    async def test_tenants_with_a_policy_of_their_own_are_found(self, stores: Stores) -> None:
        await self.neighbours(stores)
        wanted = [revision(key(f"t{number}", kind=RETENTION)) for number in range(5)]
        gone = deleted(wanted[2])
        await write(stores, Changeset(revisions=tuple(wanted)), Changeset(revisions=(gone,)))
        first = await stores.config.retentions(limit=2)
        assert list(first) == wanted[:2]
        assert list(await stores.config.retentions(after=first[-1].key.tenant)) == wanted[3:]

    async def test_pruned_value_can_be_sealed_again(self, stores: Stores) -> None:
        await write(stores, Changeset(new_tenant_key=tenant_key(), secrets=(secret(),)))
        assert await pruned(stores, RetentionPolicy(), now=NOW) == PruneReport(secrets=1)
        again = secret(envelope=b"another nonce")
        await write(stores, Changeset(secrets=(again,), sealed_under=tenant_key()))
        assert await stores.secrets.sealed(again.context, again.fingerprint) == again

    async def test_keys_mappings_callers_and_audit_stay(self, stores: Stores) -> None:
        others = Changeset(
            mappings=(mapping("9", active=False),),
            new_tenant_key=tenant_key("keyed"),
            api_keys=(api_key("revoked").revoked(AT),),
            audit=NEIGHBOURS.audit,
        )
        await write(stores, others)
        before = await snapshot_of(stores, others)
        policy = RetentionPolicy(keep=1, max_age=DAY)
        assert await pruned(stores, policy, now=AT + 9999 * DAY) == PruneReport()
        assert await snapshot_of(stores, others) == before

    async def test_second_pruning_finds_nothing(self, stores: Stores) -> None:
        for version in range(1, 4):
            await write(
                stores,
                Changeset(
                    revisions=(credentials(version, odoo=version),),
                    secrets=(secret(number=version),),
                    idempotency_record=request_record(f"d{version}", expires_at=AT),
                ),
            )
        report = await pruned(stores, KEEP_ONE, now=NOW)
        assert report == PruneReport(revisions=2, idempotency_records=3, secrets=2)
        assert await pruned(stores, KEEP_ONE, now=NOW) == PruneReport()

    async def test_pruning_removes_many_at_a_time(self, stores: Stores) -> None:
        for version in range(1, 6):
            await write(
                stores,
                Changeset(
                    revisions=tuple(revision(key(f"t{number}"), version) for number in range(100)),
                    secrets=tuple(secret(f"t{number}", number=version) for number in range(100)),
                ),
            )
        report = await pruned(stores, KEEP_ONE, now=NOW)
        assert report == PruneReport(revisions=400, secrets=500)
        for number in range(100):
            place = key(f"t{number}")
            assert await stores.config.history(place) == [revision(place, 5)]

    async def test_writers_and_prunings_do_not_disturb_each_other(self, stores: Stores) -> None:
        async def write_versions(tenant: str) -> None:
            for version in range(1, 21):
                await stores.config.commit(
                    Changeset(
                        revisions=(credentials(version, tenant=tenant, odoo=version),),
                        secrets=(secret(tenant, number=version),),
                    )
                )

        async def prune_often() -> None:
            for _ in range(8):
                await pruned(stores, RetentionPolicy(keep=2), now=NOW)
                await asyncio.sleep(0)

        tenants = ["t1", "t2", "t3"]
        await asyncio.gather(*map(write_versions, tenants), prune_often(), prune_often())
        await pruned(stores, RetentionPolicy(keep=2), now=NOW)
        for tenant in tenants:
            found = await stores.config.history(key(tenant, kind=CREDENTIALS))
            assert [new.version for new in found] == [20, 19]
            for number in range(1, 21):
                stored = secret(tenant, number=number)
                seen = await stores.secrets.sealed(stored.context, stored.fingerprint)
                assert seen == (stored if number > 18 else None)

    async def test_value_that_comes_back_while_it_is_pruned_survives(self, stores: Stores) -> None:
        tenants = [f"t{number}" for number in range(12)]
        for tenant in tenants:
            await write(
                stores,
                Changeset(
                    revisions=(credentials(1, tenant=tenant, odoo=1),),
                    secrets=(secret(tenant, number=1),),
                ),
                Changeset(
                    revisions=(credentials(2, tenant=tenant, odoo=2),),
                    secrets=(secret(tenant, number=2),),
                ),
            )
        await asyncio.gather(
            stores.config.prune(KEEP_ONE, now=NOW),
            *(
                stores.config.commit(
                    Changeset(
                        revisions=(credentials(3, tenant=tenant, odoo=1),),
                        secrets=(secret(tenant, number=1),),
                    )
                )
                for tenant in tenants
            ),
            stores.config.prune(KEEP_ONE, now=NOW),
        )
        for tenant in tenants:
            stored = secret(tenant, number=1)
            assert await stores.secrets.sealed(stored.context, stored.fingerprint) == stored
