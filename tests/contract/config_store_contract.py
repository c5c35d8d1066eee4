"""
The guarantees of every ConfigStore.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence

import pytest
from attrs import evolve

from odoo_ai_config.application.errors import RequestRecordedError, TenantKeyChangedError
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.changes import Changeset, IdempotencyKey
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.revisions import RetentionPolicy, Revision, successor
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    METADATA,
    BusinessArea,
    DocumentKey,
    TenantId,
)
from odoo_ai_config.domain.json_types import Json
from tests.contract.samples import (
    AT,
    DAY,
    api_key,
    audit_entry,
    credentials,
    deleted,
    everything,
    key,
    mapping,
    owner,
    request_record,
    revision,
    secret,
    tenant_key,
)
from tests.contract.snapshot import snapshot_of
from tests.contract.stores import StoreContract, Stores
from tests.trail import acts, pruned

HUGE_VERSIONS = [2**31, 2**63 - 1, 2**63, 10**30]


async def write(stores: Stores, *revisions: Revision) -> None:
    for new in revisions:
        await stores.config.commit(Changeset(revisions=(new,)))


async def outcomes(
    *writes: Awaitable[None],
) -> list[type[BaseException]]:
    """
    The kinds of refusals of concurrent writes; other errors are raised.
    """
    results = await asyncio.gather(*writes, return_exceptions=True)
    refusals = (RevisionConflictError, RequestRecordedError, TenantKeyChangedError)
    for result in results:
        if result is not None and not isinstance(result, refusals):
            raise result
    return [type(result) for result in results if result is not None]


class CommitContract(StoreContract):
    async def test_commit_writes_every_kind_of_thing(self, stores: Stores) -> None:
        changes = everything()
        await stores.config.commit(changes)
        assert await stores.config.current([new.key for new in changes.revisions]) == {
            new.key: new for new in changes.revisions
        }
        assert await stores.channels.current([new.mapping.key for new in changes.mappings]) == {
            new.mapping.key: new for new in changes.mappings
        }
        assert changes.idempotency_record is not None
        assert changes.new_tenant_key is not None
        stored = changes.secrets[0]
        assert await stores.secrets.sealed(stored.context, stored.fingerprint) == stored
        assert (
            await stores.secrets.active_key(changes.new_tenant_key.tenant)
            == changes.new_tenant_key
        )
        assert (
            await stores.config.idempotency_record(changes.idempotency_record.claim.id)
            == changes.idempotency_record
        )
        assert tuple(await acts(stores.audit)) == changes.audit
        assert tuple(await stores.api_keys.api_keys()) == changes.api_keys
        assert tuple(await stores.addresses.addresses()) == changes.addresses

    async def test_all_values_of_an_erased_place_go_with_the_commit(self, stores: Stores) -> None:
        neighbours = [
            secret(ref="odoo_2"),
            secret(ref="odo"),
            secret("other"),
            secret(domain="sales"),
        ]
        old = [secret(number=1), secret(number=2)]
        await stores.config.commit(
            Changeset(
                revisions=(credentials(1, odoo=1),),
                new_tenant_key=tenant_key(),
                secrets=(*old, *neighbours),
            )
        )
        refused = Changeset(revisions=(credentials(3),), erased=(old[0].context,))
        with pytest.raises(RevisionConflictError):
            await stores.config.commit(refused)
        new = secret(number=3)
        erased = Changeset(
            revisions=(credentials(2, odoo=3),), erased=(old[0].context,), secrets=(new,)
        )
        assert set((await stores.secrets.stored_in(owner()))[new.context.ref]) == {
            one.fingerprint for one in old
        }
        await stores.config.commit(erased)
        for stored in (*old, new, *neighbours):
            found = await stores.secrets.sealed(stored.context, stored.fingerprint)
            assert found == (None if stored in old else stored)

    async def test_empty_changeset_does_nothing(self, stores: Stores) -> None:
        await stores.config.commit(everything())
        before = await snapshot_of(stores, everything())
        await stores.config.commit(Changeset())
        assert await snapshot_of(stores, everything()) == before

    @pytest.mark.parametrize("version", [2, 3, 10])
    async def test_first_revision_is_1(self, stores: Stores, version: int) -> None:
        with pytest.raises(RevisionConflictError):
            await write(stores, revision(version=version))
        assert await stores.config.history(key()) == []

    @pytest.mark.parametrize("version", [1, 2, 3, 5, 6, 100])
    async def test_only_the_successor_is_accepted(self, stores: Stores, version: int) -> None:
        written = [revision(version=version) for version in (1, 2, 3)]
        await write(stores, *written)
        with pytest.raises(RevisionConflictError):
            await write(stores, revision(version=version, body="intruder"))
        await write(stores, revision(version=4))
        assert await stores.config.history(key()) == [revision(version=4), *reversed(written)]

    @pytest.mark.parametrize("version", [1, 2, 4])
    async def test_only_the_successor_of_a_mapping_is_accepted(
        self, stores: Stores, version: int
    ) -> None:
        for done in (1, 2):
            await stores.config.commit(Changeset(mappings=(mapping(version=done),)))
        with pytest.raises(RevisionConflictError):
            await stores.config.commit(
                Changeset(mappings=(mapping(version=version, tenant="other"),))
            )
        await stores.config.commit(Changeset(mappings=(mapping(version=3),)))
        assert await stores.channels.mappings() == [mapping(version=3)]

    @pytest.mark.parametrize("version", [2, 3])
    async def test_first_version_of_a_mapping_is_1(self, stores: Stores, version: int) -> None:
        with pytest.raises(RevisionConflictError):
            await stores.config.commit(Changeset(mappings=(mapping(version=version),)))
        assert await stores.channels.mappings() == []

    async def test_documents_count_their_versions_apart(self, stores: Stores) -> None:
        places = [
            key("acme"),
            key("acme", kind="crews"),
            key("acme", "sales"),
            key("other"),
            key("Acme"),
        ]
        for place in places:
            await write(stores, *(revision(place, version) for version in (1, 2)))
        for place in places:
            assert await stores.config.history(place) == [revision(place, 2), revision(place, 1)]

    async def test_request_that_is_recorded_already_is_refused(self, stores: Stores) -> None:
        await stores.config.commit(Changeset(idempotency_record=request_record(digest="first")))
        with pytest.raises(RequestRecordedError):
            await stores.config.commit(
                Changeset(idempotency_record=request_record(digest="second"))
            )
        assert await stores.config.idempotency_record(
            IdempotencyKey("caller", "d1")
        ) == request_record(digest="first")

    async def test_callers_do_not_share_idempotency_keys(self, stores: Stores) -> None:
        claims = [("a", "b:c"), ("a:b", "c"), ("a", "c"), ("A", "c")]
        for caller, name in claims:
            await stores.config.commit(
                Changeset(
                    idempotency_record=request_record(
                        name, caller=caller, digest=caller + "/" + name
                    )
                )
            )
        for caller, name in claims:
            found = await stores.config.idempotency_record(IdempotencyKey(caller, name))
            assert found == request_record(name, caller=caller, digest=caller + "/" + name)

    async def test_second_data_key_of_a_tenant_is_refused(self, stores: Stores) -> None:
        await stores.config.commit(Changeset(new_tenant_key=tenant_key()))
        with pytest.raises(TenantKeyChangedError):
            await stores.config.commit(Changeset(new_tenant_key=tenant_key(key_id="k2")))
        assert await stores.secrets.active_key(TenantId("acme")) == tenant_key()

    async def test_tenants_may_have_data_keys_of_the_same_id(self, stores: Stores) -> None:
        for tenant in ("acme", "other"):
            await stores.config.commit(Changeset(new_tenant_key=tenant_key(tenant)))
        for tenant in ("acme", "other"):
            assert await stores.secrets.active_key(TenantId(tenant)) == tenant_key(tenant)

    async def test_secret_may_be_sealed_under_the_key_it_comes_with(self, stores: Stores) -> None:
        await stores.config.commit(
            Changeset(secrets=(secret(),), new_tenant_key=tenant_key(), sealed_under=tenant_key())
        )
        assert await stores.secrets.sealed(secret().context, secret().fingerprint) == secret()

    async def test_secret_may_be_sealed_under_a_key_that_was_there(self, stores: Stores) -> None:
        await stores.config.commit(Changeset(new_tenant_key=tenant_key()))
        await stores.config.commit(Changeset(secrets=(secret(),), sealed_under=tenant_key()))
        assert await stores.secrets.sealed(secret().context, secret().fingerprint) == secret()

    async def test_rewrapped_key_is_still_the_key_of_its_secrets(self, stores: Stores) -> None:
        await stores.config.commit(Changeset(new_tenant_key=tenant_key()))
        assert await stores.secrets.rewrap(tenant_key(), tenant_key(master_id="m2"))
        await stores.config.commit(Changeset(secrets=(secret(),), sealed_under=tenant_key()))
        assert await stores.secrets.sealed(secret().context, secret().fingerprint) == secret()

    async def test_secret_that_is_there_is_left_as_it_is(self, stores: Stores) -> None:
        await stores.config.commit(Changeset(new_tenant_key=tenant_key(), secrets=(secret(),)))
        again = secret(envelope=b"other nonce")
        await stores.config.commit(
            Changeset(
                secrets=(again, secret(number=2)),
                sealed_under=tenant_key(),
                revisions=(revision(),),
            )
        )
        assert await stores.secrets.sealed(again.context, again.fingerprint) == secret()
        assert await stores.config.history(key()) == [revision()]

    async def test_single_secret_that_is_there_is_left_as_it_is(self, stores: Stores) -> None:
        again = secret(envelope=b"other nonce")
        await stores.config.commit(Changeset(secrets=(secret(),)))
        await stores.config.commit(Changeset(secrets=(again,)))
        assert await stores.secrets.sealed(again.context, again.fingerprint) == secret()

    async def test_stored_outcome_does_not_alias_the_callers(self, stores: Stores) -> None:
        versions = {"config": 1}
        outcome = evolve(request_record().outcome, versions=versions)
        mine = evolve(request_record(), outcome=outcome)
        await stores.config.commit(Changeset(idempotency_record=mine))
        versions["config"] = 99
        found = await stores.config.idempotency_record(mine.claim.id)
        assert found is not None
        assert found.outcome.versions == {"config": 1}

    async def test_stored_document_does_not_alias_the_callers(self, stores: Stores) -> None:
        inner: dict[str, Json] = {"colour": "red"}
        await write(stores, revision(paint=inner))
        inner["colour"] = "blue"
        found = (await stores.config.current([key()]))[key()]
        found.document.body.clear()
        assert (await stores.config.current([key()]))[key()].document == Document.of(
            {"paint": {"colour": "red"}}
        )

    async def test_check_leaves_no_trace(self, stores: Stores) -> None:
        await stores.config.check()
        assert await stores.config.tenants() == []
        assert await acts(stores.audit) == []


# Each is refused for one reason by a store that has `everything()` and a second data key of a
# third tenant. Without that reason it would be accepted.
REFUSALS: list[tuple[str, Changeset, type[Exception]]] = [
    ("stale revision", Changeset(revisions=(revision(body="stale"),)), RevisionConflictError),
    ("gap", Changeset(revisions=(revision(version=3),)), RevisionConflictError),
    (
        "gap of a new document",
        Changeset(revisions=(revision(key(kind="new"), 2),)),
        RevisionConflictError,
    ),
    (
        "one of several",
        Changeset(
            revisions=(
                revision(key(kind="first")),
                revision(version=7),
                revision(key(kind="last")),
            )
        ),
        RevisionConflictError,
    ),
    (
        "stale mapping",
        Changeset(mappings=(mapping(tenant="thief"),)),
        RevisionConflictError,
    ),
    (
        "one of several mappings",
        Changeset(mappings=(mapping("7"), mapping(version=3), mapping("8"))),
        RevisionConflictError,
    ),
    ("gap of a mapping", Changeset(mappings=(mapping(version=3),)), RevisionConflictError),
    (
        "recorded request",
        Changeset(idempotency_record=request_record(digest="again")),
        RequestRecordedError,
    ),
    (
        "tenant with a key",
        Changeset(new_tenant_key=tenant_key(key_id="second")),
        TenantKeyChangedError,
    ),
    (
        "key that never was",
        Changeset(secrets=(secret(number=9),), sealed_under=tenant_key(key_id="never")),
        TenantKeyChangedError,
    ),
    (
        "key of another tenant",
        Changeset(
            secrets=(secret("third", number=9, key_id="key-of-acme"),),
            sealed_under=tenant_key("third", key_id="key-of-acme"),
        ),
        TenantKeyChangedError,
    ),
    (
        "retired key",
        Changeset(
            secrets=(secret("third", number=9, key_id="old"),),
            sealed_under=tenant_key("third", key_id="old"),
        ),
        TenantKeyChangedError,
    ),
]


def with_neighbours(culprit: Changeset) -> Changeset:
    """
    *culprit* in the middle of a changeset that is accepted without it.
    """
    around = everything("newcomer", name="d2", account="2")
    return Changeset(
        revisions=(*around.revisions[:1], *culprit.revisions, *around.revisions[1:]),
        mappings=(*around.mappings[:1], *culprit.mappings, *around.mappings[1:]),
        secrets=around.secrets + culprit.secrets,
        new_tenant_key=culprit.new_tenant_key or around.new_tenant_key,
        sealed_under=culprit.sealed_under,
        idempotency_record=culprit.idempotency_record or around.idempotency_record,
        audit=around.audit,
        api_keys=around.api_keys,
        addresses=around.addresses,
    )


class RefusalContract(StoreContract):
    async def prepare(self, stores: Stores) -> None:
        await stores.config.commit(everything())
        old, new = tenant_key("third", key_id="old"), tenant_key("third", key_id="new")
        await stores.config.commit(Changeset(new_tenant_key=old))
        assert await stores.secrets.add_key(new, successor_of=old)
        assert await stores.secrets.retire_keys(new)

    @pytest.mark.parametrize(
        ("culprit", "error"),
        [pytest.param(culprit, error, id=name) for name, culprit, error in REFUSALS],
    )
    async def test_refused_commit_leaves_no_trace(
        self, stores: Stores, culprit: Changeset, error: type[Exception]
    ) -> None:
        await self.prepare(stores)
        refused, welcome = with_neighbours(culprit), with_neighbours(Changeset())
        spoken_of = (everything(), refused, welcome)
        before = await snapshot_of(stores, *spoken_of)
        with pytest.raises(error):
            await stores.config.commit(refused)
        assert await snapshot_of(stores, *spoken_of) == before

    @pytest.mark.parametrize(
        ("culprit", "error"),
        [pytest.param(culprit, error, id=name) for name, culprit, error in REFUSALS],
    )
    async def test_refused_commit_can_be_made_without_the_culprit(
        self, stores: Stores, culprit: Changeset, error: type[Exception]
    ) -> None:
        await self.prepare(stores)
        with pytest.raises(error):
            await stores.config.commit(with_neighbours(culprit))
        welcome = with_neighbours(Changeset())
        await stores.config.commit(welcome)
        found = await stores.config.current([new.key for new in welcome.revisions])
        assert found == {new.key: new for new in welcome.revisions}
        assert len(await acts(stores.audit)) == 2

    async def test_recorded_request_is_told_before_any_conflict(self, stores: Stores) -> None:
        await stores.config.commit(everything())
        with pytest.raises(RequestRecordedError):
            await stores.config.commit(everything())

    async def test_recorded_request_is_told_before_a_changed_key(self, stores: Stores) -> None:
        await stores.config.commit(Changeset(idempotency_record=request_record()))
        unknown = tenant_key(key_id="another")
        with pytest.raises(RequestRecordedError):
            await stores.config.commit(
                Changeset(
                    revisions=(revision(),),
                    sealed_under=unknown,
                    idempotency_record=request_record(digest="other"),
                )
            )

    async def test_refused_replacement_of_an_api_key_leaves_it_as_it_was(
        self, stores: Stores
    ) -> None:
        await stores.config.commit(Changeset(api_keys=(api_key(),), revisions=(revision(),)))
        with pytest.raises(RevisionConflictError):
            await stores.config.commit(
                Changeset(api_keys=(api_key().revoked(AT),), revisions=(revision(),))
            )
        assert await stores.api_keys.api_key("a1") == api_key()

    async def test_refused_mapping_does_not_route(self, stores: Stores) -> None:
        await stores.config.commit(Changeset(revisions=(revision(),)))
        fallback = mapping(None, None, fallback=True)
        with pytest.raises(RevisionConflictError):
            await stores.config.commit(Changeset(mappings=(fallback,), revisions=(revision(),)))
        assert await stores.channels.mappings() == []


class ReadingContract(StoreContract):
    async def test_nothing_is_known_at_first(self, stores: Stores) -> None:
        assert await stores.config.current([key()]) == {}
        assert await stores.config.revision(key(), 1) is None
        assert await stores.config.history(key()) == []
        assert await stores.config.documents(TenantId("acme")) == []
        assert await stores.config.tenants() == []
        assert await stores.config.idempotency_record(IdempotencyKey("caller", "d1")) is None

    async def test_current_of_no_keys_is_empty(self, stores: Stores) -> None:
        await write(stores, revision())
        assert await stores.config.current([]) == {}

    async def test_current_leaves_unknown_keys_out(self, stores: Stores) -> None:
        await write(stores, revision(), revision(version=2))
        asked = [key("other"), key(), key(kind="crews"), key()]
        assert await stores.config.current(asked) == {key(): revision(version=2)}

    async def test_current_of_many_keys(self, stores: Stores) -> None:
        written = [revision(key(f"t{number}", kind="crews")) for number in range(120)]
        await stores.config.commit(Changeset(revisions=tuple(written)))
        asked = [new.key for new in written]
        assert await stores.config.current(asked) == {new.key: new for new in written}

    async def test_every_revision_stays_readable(self, stores: Stores) -> None:
        written = [revision(version=version, author=f"w{version}") for version in range(1, 6)]
        await write(stores, *written)
        for new in written:
            assert await stores.config.revision(key(), new.version) == new

    @pytest.mark.parametrize("version", [0, -1, -3, -(2**63), -(10**30), 4, *HUGE_VERSIONS])
    async def test_unknown_version_is_none(self, stores: Stores, version: int) -> None:
        await write(stores, *(revision(version=version) for version in (1, 2, 3)))
        assert await stores.config.revision(key(), version) is None

    @pytest.mark.parametrize(
        ("before", "limit", "versions"),
        [
            (None, 100, [5, 4, 3, 2, 1]),
            (None, 2, [5, 4]),
            (None, 1, [5]),
            (None, 0, []),
            (6, 100, [5, 4, 3, 2, 1]),
            (5, 100, [4, 3, 2, 1]),
            (4, 2, [3, 2]),
            (2, 5, [1]),
            (1, 5, []),
            (0, 5, []),
            (-1, 5, []),
            *((before, 5, [5, 4, 3, 2, 1]) for before in HUGE_VERSIONS),
        ],
    )
    async def test_history_is_paged_from_the_newest(
        self, stores: Stores, before: int | None, limit: int, versions: list[int]
    ) -> None:
        await write(stores, *(revision(version=version) for version in range(1, 6)))
        await write(stores, *(revision(key("other"), version) for version in range(1, 4)))
        found = await stores.config.history(key(), before=before, limit=limit)
        assert found == [revision(version=version) for version in versions]

    async def test_history_says_a_hundred_revisions_unless_asked_for_more(
        self, stores: Stores
    ) -> None:
        await write(stores, *(revision(version=version) for version in range(1, 103)))
        assert [new.version for new in await stores.config.history(key())] == list(
            range(102, 2, -1)
        )
        assert len(await stores.config.history(key(), limit=1000)) == 102

    async def test_tombstone_is_the_current_revision(self, stores: Stores) -> None:
        gone = deleted(revision())
        await write(stores, revision(), gone)
        assert await stores.config.current([key()]) == {key(): gone}
        assert await stores.config.revision(key(), 2) == gone
        assert await stores.config.history(key()) == [gone, revision()]

    async def test_document_lives_again_after_its_tombstone(self, stores: Stores) -> None:
        gone = deleted(revision())
        again = successor(gone, key(), Document.of({"back": True}), author="writer", at=AT + DAY)
        assert again is not None
        await write(stores, revision(), gone, again)
        assert await stores.config.documents(TenantId("acme")) == [again]
        assert await stores.config.history(key()) == [again, gone, revision()]

    async def test_documents_are_the_living_ones_by_domain_and_kind(self, stores: Stores) -> None:
        places = [
            key(domain="sales", kind="crews"),
            key(domain="a-b"),
            key(domain="a_b"),
            key(domain="a1"),
            key(domain="sales", kind="config"),
            key(kind="metadata"),
            key(kind="config"),
        ]
        await write(stores, *map(revision, places))
        dead = revision(key(kind="dead"))
        await write(stores, dead, deleted(dead), revision(key("acme2")), revision(key("other")))
        changed = revision(key(kind="config"), 2)
        await write(stores, changed)
        found = await stores.config.documents(TenantId("acme"))
        assert [new.key for new in found] == sorted(places)
        assert changed in found

    async def test_documents_of_one_domain(self, stores: Stores) -> None:
        await write(
            stores,
            revision(key(domain="sales")),
            revision(key(domain="sale")),
            revision(key("other", "sales")),
        )
        found = await stores.config.documents(TenantId("acme"), BusinessArea("sales"))
        assert found == [revision(key(domain="sales"))]
        assert await stores.config.documents(TenantId("acme"), BusinessArea("none")) == []

    async def test_documents_of_several_tenants_include_what_was_deleted(
        self, stores: Stores
    ) -> None:
        dead = revision(key("b", kind=METADATA))
        await write(
            stores,
            dead,
            deleted(dead),
            revision(key("b", "sales")),
            revision(key("a")),
            revision(key("a"), 2),
            revision(key("a", kind="crews")),
            revision(key("c")),
        )
        tenants = {TenantId("b"), TenantId("a"), TenantId("nobody")}
        found = await stores.config.documents_of(tenants, [METADATA, CONFIG])
        assert [(new.key, new.version, new.deleted) for new in found] == [
            (key("a"), 2, False),
            (dead.key, 2, True),
            (key("b", "sales"), 1, False),
        ]
        assert await stores.config.documents_of([], [CONFIG]) == []

    async def test_tenants_are_paged_in_order_of_their_ids(self, stores: Stores) -> None:
        names = ["b", "B", "a", "a.b", "a@b", "a-b", "a_b", "10", "9", "a0", "A"]
        await write(stores, *(revision(key(name)) for name in names))
        await write(stores, revision(key("a", "sales")), revision(key("a", kind="crews")))
        expected = [TenantId(name) for name in sorted(names)]
        assert await stores.config.tenants() == expected
        paged: list[TenantId] = []
        while page := await stores.config.tenants(after=paged[-1] if paged else None, limit=3):
            assert len(page) <= 3
            paged += page
        assert paged == expected

    async def test_page_of_tenants_may_begin_after_one_that_is_not_there(
        self, stores: Stores
    ) -> None:
        await write(stores, *(revision(key(name)) for name in ("a", "c")))
        assert await stores.config.tenants(after=TenantId("b")) == [TenantId("c")]
        assert await stores.config.tenants(after=TenantId("d")) == []
        assert await stores.config.tenants(limit=0) == []

    async def test_tenant_without_a_living_document_is_not_listed(self, stores: Stores) -> None:
        gone, half = revision(key("gone")), revision(key("half"))
        await write(stores, gone, deleted(gone))
        await write(stores, half, revision(key("half", "sales")), deleted(half))
        await stores.config.commit(
            Changeset(mappings=(mapping(tenant="mapped"),), new_tenant_key=tenant_key("keyed"))
        )
        assert await stores.config.tenants() == [TenantId("half")]
        assert await stores.config.documents(TenantId("gone")) == []

    async def test_tenants_are_found_in_any_case(self, stores: Stores) -> None:
        for name in ("Loja1", "loja1", "LOJA1", "loja2", "loja-1", "loja_1", "loja.1", "loja11"):
            await write(stores, revision(key(name)))
        await write(stores, revision(key("Loja1", kind=METADATA)))
        gone = revision(key("lOJA1"))
        await write(stores, gone, deleted(gone))
        for name in ("loja1", "LOJA1", "lojA1"):
            found = await stores.config.spellings(TenantId(name))
            assert found == [TenantId("LOJA1"), TenantId("Loja1"), TenantId("loja1")]
        assert await stores.config.spellings(TenantId("loja-1")) == [TenantId("loja-1")]
        assert await stores.config.spellings(TenantId("loja")) == []

    async def test_page_of_tenants_is_filled_past_dead_ones(self, stores: Stores) -> None:
        for name in ("a", "b", "c"):
            await write(stores, revision(key(name)))
        dead = [revision(key(f"aa{number}")) for number in range(5)]
        await write(stores, *dead, *map(deleted, dead))
        found = await stores.config.tenants(limit=3)
        assert found == [TenantId(name) for name in ("a", "b", "c")]


AWKWARD_BODIES: list[tuple[str, dict[str, Json]]] = [
    ("empty", {}),
    ("keys in no order", {"b": 1, "a": 2, "": 3}),
    ("unicode", {"título": "Ação 🇧🇷 \u202e ﷽ e\u0301 é", "日本": "語"}),
    ("null byte", {"a\u0000b": "\u0000"}),
    ("operators", {"$set": {"a.b": {"$gt": ""}}, "_id": 1, "__proto__": {}}),
    ("numbers", {"big": 10**30, "min": -(2**63), "float": 0.1, "tiny": 5e-324, "one": 1.0}),
    ("same but for types", {"a": 1, "b": 1.0, "c": True, "d": "1", "e": None}),
    ("text that looks like something else", {"a": "2026-01-01", "b": "18:00", "c": "no"}),
    ("sql", {"'; DROP TABLE revisions; --": "%_\\"}),
]


class RoundTripContract(StoreContract):
    async def reread(self, stores: Stores, written: Revision) -> Sequence[Revision | None]:
        await write(stores, written)
        return [
            (await stores.config.current([written.key]))[written.key],
            await stores.config.revision(written.key, written.version),
            *(await stores.config.history(written.key)),
            *(await stores.config.documents(written.key.tenant)),
        ]

    @pytest.mark.parametrize(
        "body", [pytest.param(body, id=name) for name, body in AWKWARD_BODIES]
    )
    async def test_body_is_kept_to_the_letter(self, stores: Stores, body: Json) -> None:
        assert isinstance(body, dict)
        written = evolve(revision(), document=Document.of(body))
        for found in await self.reread(stores, written):
            assert found == written
            assert found is not None
            assert found.document.text == written.document.text

    async def test_megabyte_body_is_kept(self, stores: Stores) -> None:
        written = revision(large="é" * 1_000_000)
        assert set(await self.reread(stores, written)) == {written}

    async def test_deep_body_is_kept(self, stores: Stores) -> None:
        depth = 400
        text = '{"a":' * depth + "1" + "}" * depth
        json.loads(text)
        written = evolve(revision(), document=Document(text))
        assert set(await self.reread(stores, written)) == {written}

    @pytest.mark.parametrize("exact", [True, False])
    @pytest.mark.parametrize(
        "text", ["", "# só um comentário\n", "a: 1 # um\r\nb: |\n  dois\n\u0085"]
    )
    async def test_authored_yaml_is_kept_to_the_letter(
        self, stores: Stores, text: str, exact: bool
    ) -> None:
        written = revision(authored=AuthoredYaml(text, exact))
        for found in await self.reread(stores, written):
            assert found == written
            assert found is not None
            assert found.document.authored == AuthoredYaml(text, exact)

    async def test_document_without_authored_yaml_has_none(self, stores: Stores) -> None:
        for found in await self.reread(stores, revision()):
            assert found is not None
            assert found.document.authored is None

    async def test_times_keep_their_microseconds_and_their_zone(self, stores: Stores) -> None:
        written = evolve(revision(), updated_at=AT + DAY / 7)
        for found in await self.reread(stores, written):
            assert found is not None
            assert (found.created_at, found.updated_at) == (AT, AT + DAY / 7)
            assert found.updated_at.utcoffset() == DAY * 0

    async def test_longest_names_are_kept(self, stores: Stores) -> None:
        place = key("T" + "@" * 127, "d" * 64, "k" * 64)
        written = revision(place, author="ç" * 500)
        assert set(await self.reread(stores, written)) == {written}

    async def test_idempotency_record_is_kept_as_it_was(self, stores: Stores) -> None:
        record = request_record("Ünïcode\u0000 " + "k" * 500, caller="a:b")
        await stores.config.commit(Changeset(idempotency_record=record))
        assert await stores.config.idempotency_record(record.claim.id) == record


class RewritingContract(StoreContract):
    async def test_every_document_is_listed_once_deleted_ones_too(self, stores: Stores) -> None:
        gone = revision(key("b", kind="crews"))
        written = [
            revision(key(name, area))
            for name in ("a", "a-b", "b")
            for area in ("x", "a_b", "default")
        ]
        await write(stores, *written, gone, deleted(gone))
        listed: list[DocumentKey] = []
        after: DocumentKey | None = None
        while page := await stores.config.keys(after=after, limit=3):
            assert len(page) <= 3
            listed += page
            after = page[-1]
        assert sorted(listed) == sorted(item.key for item in [*written, gone])
        assert await stores.config.keys(limit=len(listed)) == listed

    @pytest.mark.parametrize(
        "authored", [None, AuthoredYaml("a: 1 # x\n"), AuthoredYaml("", exact=False)]
    )
    async def test_old_version_is_rewritten_and_nothing_else_of_it(
        self, stores: Stores, authored: AuthoredYaml | None
    ) -> None:
        first = revision(authored=authored, author="first", secret="canary")
        second = revision(version=2, at=AT + DAY)
        other = revision(key("beta"), secret="canary")
        await write(stores, first, second, other)
        clean = Document.of({"secret_ref": "x"}, AuthoredYaml("secret_ref: x\n"))
        assert await stores.config.rewrite(first, clean)
        rewritten = evolve(first, document=clean)
        assert await stores.config.history(key()) == [second, rewritten]
        assert await stores.config.revision(key(), 1) == rewritten
        assert await stores.config.current([key(), other.key]) == {key(): second, other.key: other}
        assert not await stores.config.rewrite(first, clean)

    async def test_newest_version_is_not_rewritten(self, stores: Stores) -> None:
        only = revision()
        await write(stores, only)
        assert not await stores.config.rewrite(only, Document.of({"a": 1}))
        await write(stores, deleted(only))
        assert not await stores.config.rewrite(deleted(only), Document.of({"a": 1}))
        assert await stores.config.history(key()) == [deleted(only), only]
        assert await stores.config.rewrite(only, Document.of({"a": 1}))

    async def test_what_is_not_there_as_it_was_is_not_rewritten(self, stores: Stores) -> None:
        first, second = revision(a=1), revision(version=2)
        await write(stores, first, second)
        for stale in (
            revision(key("nobody"), a=1),
            revision(a=2),
            revision(a=1, authored=AuthoredYaml("a: 1\n")),
        ):
            assert not await stores.config.rewrite(stale, Document.of({"b": 1}))
        assert await stores.config.history(key()) == [second, first]


class ConcurrencyContract(StoreContract):
    async def append(self, store: ConfigStore, author: str) -> None:
        """
        Add one revision, and retry while other writers are faster.
        """
        while True:
            current = (await store.current([key()])).get(key())
            new = successor(current, key(), Document.of({"by": author}), author=author, at=AT)
            assert new is not None
            try:
                await store.commit(Changeset(revisions=(new,)))
            except RevisionConflictError:
                continue
            return

    async def test_one_of_fifty_writers_wins_each_round(self, stores: Stores) -> None:
        for version in range(1, 4):
            refusals = await outcomes(
                *(
                    stores.config.commit(
                        Changeset(revisions=(revision(version=version, author=f"w{number}"),))
                    )
                    for number in range(50)
                )
            )
            assert refusals == [RevisionConflictError] * 49
        found = await stores.config.history(key())
        assert [new.version for new in found] == [3, 2, 1]

    async def test_nothing_of_the_losers_stays(self, stores: Stores) -> None:
        changes = [
            Changeset(
                revisions=(revision(author=f"w{number}"), revision(key(kind=f"k{number}"))),
                idempotency_record=request_record(f"d{number}"),
                audit=(audit_entry(f"s{number}"),),
                api_keys=(api_key(f"a{number}"),),
            )
            for number in range(20)
        ]
        refusals = await outcomes(*map(stores.config.commit, changes))
        assert len(refusals) == 19
        [entry] = await acts(stores.audit)
        winner = entry.subject[1:]
        documents = await stores.config.documents(TenantId("acme"))
        assert [new.key.kind.value for new in documents] == ["config", f"k{winner}"]
        assert documents[0].author == f"w{winner}"
        assert await stores.api_keys.api_keys() == [api_key(f"a{winner}")]
        recorded = [
            changeset.idempotency_record
            for changeset in changes
            if changeset.idempotency_record is not None
            and await stores.config.idempotency_record(changeset.idempotency_record.claim.id)
        ]
        assert recorded == [request_record(f"d{winner}")]

    async def test_writers_who_try_again_leave_no_gap(self, stores: Stores) -> None:
        authors = {f"w{number}" for number in range(16)}
        await asyncio.gather(*(self.append(stores.config, author) for author in authors))
        found = await stores.config.history(key())
        assert [new.version for new in found] == list(range(16, 0, -1))
        assert {new.author for new in found} == authors

    async def test_writers_of_different_documents_do_not_refuse_each_other(
        self, stores: Stores
    ) -> None:
        refusals = await outcomes(
            *(
                stores.config.commit(
                    Changeset(
                        revisions=(revision(key(f"t{number % 5}", kind=f"k{number}")),),
                        idempotency_record=request_record(f"d{number}"),
                        mappings=(mapping(str(number), tenant=f"t{number % 5}"),),
                    )
                )
                for number in range(50)
            )
        )
        assert refusals == []
        assert len(await stores.config.tenants()) == 5
        assert len(await stores.channels.mappings()) == 50

    async def test_same_request_many_times_is_recorded_once(self, stores: Stores) -> None:
        refusals = await outcomes(
            *(
                stores.config.commit(
                    Changeset(
                        idempotency_record=request_record(digest=f"digest{number}"),
                        revisions=(revision(key(kind=f"k{number}")),),
                    )
                )
                for number in range(20)
            )
        )
        assert refusals == [RequestRecordedError] * 19
        assert len(await stores.config.documents(TenantId("acme"))) == 1

    async def test_only_one_first_data_key_wins(self, stores: Stores) -> None:
        refusals = await outcomes(
            *(
                stores.config.commit(
                    Changeset(
                        new_tenant_key=tenant_key(key_id=f"k{number}"),
                        secrets=(secret(number=number, key_id=f"k{number}"),),
                    )
                )
                for number in range(20)
            )
        )
        assert refusals == [TenantKeyChangedError] * 19
        active = await stores.secrets.active_key(TenantId("acme"))
        assert active is not None
        found = [
            await stores.secrets.sealed(sealed.context, sealed.fingerprint)
            for sealed in (secret(number=number, key_id=f"k{number}") for number in range(20))
        ]
        assert [sealed.key_id for sealed in found if sealed is not None] == [active.key_id]

    async def test_one_of_many_movers_of_a_channel_wins(self, stores: Stores) -> None:
        refusals = await outcomes(
            *(
                stores.config.commit(Changeset(mappings=(mapping(tenant=f"t{number}"),)))
                for number in range(20)
            )
        )
        assert refusals == [RevisionConflictError] * 19
        assert len(await stores.channels.mappings()) == 1

    async def test_readers_see_changesets_whole(self, stores: Stores) -> None:
        places = [key(kind=kind) for kind in ("config", "crews", "metadata")]

        async def write_rounds() -> None:
            for version in range(1, 11):
                await stores.config.commit(
                    Changeset(revisions=tuple(revision(place, version) for place in places))
                )

        async def read_rounds() -> set[int]:
            seen = set()
            for _ in range(20):
                found = await stores.config.documents(TenantId("acme"))
                seen.add(len({new.version for new in found}))
                await asyncio.sleep(0)
            return seen

        *seen, _ = await asyncio.gather(read_rounds(), read_rounds(), write_rounds())
        assert set().union(*seen) <= {0, 1}

    async def test_second_instance_sees_what_the_first_wrote(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        changes = everything()
        assert await second_stores.config.current([key()]) == {}
        await stores.config.commit(changes)
        assert await snapshot_of(second_stores, changes) == await snapshot_of(stores, changes)
        await second_stores.config.commit(Changeset(revisions=(revision(version=2),)))
        assert await stores.config.current([key()]) == {key(): revision(version=2)}

    async def test_second_instance_is_held_to_the_same_rules(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await stores.config.commit(everything())
        before = await snapshot_of(stores, everything())
        for _, culprit, error in REFUSALS:
            with pytest.raises(error):
                await second_stores.config.commit(culprit)
        assert await snapshot_of(stores, everything()) == before

    async def test_writers_of_two_instances_leave_no_gap(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await asyncio.gather(
            *(
                self.append(store.config, f"w{number}")
                for number, store in enumerate([stores, second_stores] * 8)
            )
        )
        for store in (stores, second_stores):
            found = await store.config.history(key())
            assert [new.version for new in found] == list(range(16, 0, -1))
            assert len({new.author for new in found}) == 16

    async def test_second_instance_prunes_for_the_first(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await write(stores, credentials(odoo=1), credentials(2, odoo=2))
        await stores.config.commit(
            Changeset(
                new_tenant_key=tenant_key(),
                secrets=(secret(number=1), secret(number=2)),
            )
        )
        await pruned(second_stores, RetentionPolicy(keep=1), now=AT)
        assert await stores.config.history(credentials().key) == [credentials(2, odoo=2)]
        assert await stores.secrets.sealed(secret().context, secret(number=1).fingerprint) is None
        await write(stores, credentials(3, odoo=3))


class ConfigStoreContract(
    CommitContract,
    RefusalContract,
    ReadingContract,
    RoundTripContract,
    RewritingContract,
    ConcurrencyContract,
):
    """
    All guarantees of the port except pruning, which has its own module.
    """
