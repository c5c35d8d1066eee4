"""
A model of the stores, and a machine that compares a store with it over random histories.

The bundles hold things that somebody read or made earlier, so stale writers, retired keys and
repeated requests occur often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, TypeAlias, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule

from odoo_ai_config.application.errors import RequestRecordedError, TenantKeyChangedError
from odoo_ai_config.application.ports.config_store import PruneReport
from odoo_ai_config.domain.changes import Changeset, IdempotencyKey, IdempotencyRecord
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, MappingRevision
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import RetentionPolicy, Revision
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    BusinessArea,
    ChatwootId,
    DocumentKey,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import Json
from tests import strategies
from tests.contract.samples import AT, fingerprint, request_record, secret, tenant_key
from tests.contract.stores import Stores
from tests.trail import pruned

T = TypeVar("T")
Place: TypeAlias = tuple[SealContext, Fingerprint]
OpenStores: TypeAlias = Callable[[], AbstractAsyncContextManager[Stores]]

REFUSALS: Final = (RevisionConflictError, RequestRecordedError, TenantKeyChangedError)
TENANTS: Final = [TenantId(name) for name in ("a", "a-b", "B")]
NUMBER: Final = "5511987654321"

owners = st.builds(
    TenantArea,
    st.sampled_from(TENANTS),
    st.sampled_from([BusinessArea(), BusinessArea("sales")]),
)
keys = st.builds(TenantArea.document, owners, st.sampled_from([CONFIG, CREDENTIALS]))
chatwoot_ids = st.sampled_from([ChatwootId("1"), ChatwootId("2")])
channels = strategies.channel_keys(owners=owners, accounts=chatwoot_ids, inboxes=chatwoot_ids)
mappings = strategies.channel_mappings(
    keys=channels,
    owners=owners,
    numbers=st.just(PhoneNumber(NUMBER)),
    sequences=st.integers(0, 2),
)
messages = strategies.messages(
    accounts=chatwoot_ids, inboxes=chatwoot_ids, numbers=st.sampled_from([None, NUMBER])
)
policies = st.builds(
    RetentionPolicy,
    keep=st.none() | st.integers(1, 3),
    max_age=st.none() | st.integers(1, 20).map(lambda hours: hours * timedelta(hours=1)),
)
fingerprint_numbers = st.integers(1, 3)
idempotency_records = st.builds(
    request_record,
    st.sampled_from(["d1", "d2", "d3"]),
    digest=st.sampled_from(["x", "y"]),
    expires_at=st.integers(0, 30).map(lambda hours: AT + hours * timedelta(hours=1)),
)


@attrs.define
class Model:
    """
    The expected content of the stores: lists and dictionaries, and their rules.
    """

    histories: dict[DocumentKey, list[Revision]] = attrs.field(factory=dict)
    mappings: dict[ChannelKey, list[MappingRevision]] = attrs.field(factory=dict)
    keys: dict[TenantId, list[TenantKey]] = attrs.field(factory=dict)
    secrets: dict[Place, SealedSecret] = attrs.field(factory=dict)
    idempotency_records: dict[IdempotencyKey, IdempotencyRecord] = attrs.field(factory=dict)

    def latest(self, key: DocumentKey) -> int:
        history = self.histories.get(key)
        return history[-1].version if history else 0

    def latest_mapping(self, key: ChannelKey) -> int:
        return len(self.mappings.get(key, []))

    def key_ids(self, tenant: TenantId) -> set[str]:
        return {key.key_id for key in self.keys.get(tenant, [])}

    def refusals(self, changeset: Changeset) -> set[type[Exception]]:
        """
        The errors that may refuse *changeset*; none if the store must accept it.
        """
        if (
            changeset.idempotency_record is not None
            and changeset.idempotency_record.claim.id in self.idempotency_records
        ):
            return {RequestRecordedError}
        found: set[type[Exception]] = set()
        new, under = changeset.new_tenant_key, changeset.sealed_under
        if new is not None and self.keys.get(new.tenant):
            found.add(TenantKeyChangedError)
        if under is not None and under != new and under.key_id not in self.key_ids(under.tenant):
            found.add(TenantKeyChangedError)
        if any(one.version - 1 != self.latest(one.key) for one in changeset.revisions):
            found.add(RevisionConflictError)
        if any(
            one.version - 1 != self.latest_mapping(one.mapping.key) for one in changeset.mappings
        ):
            found.add(RevisionConflictError)
        return found

    def take(self, changeset: Changeset) -> None:
        for revision in changeset.revisions:
            self.histories.setdefault(revision.key, []).append(revision)
        for mapped in changeset.mappings:
            self.mappings.setdefault(mapped.mapping.key, []).append(mapped)
        if changeset.new_tenant_key is not None:
            self.keys[changeset.new_tenant_key.tenant] = [changeset.new_tenant_key]
        for sealed in changeset.secrets:
            place = sealed.context, sealed.fingerprint
            if place not in self.secrets:
                self.secrets[place] = sealed
        if changeset.idempotency_record is not None:
            self.idempotency_records[changeset.idempotency_record.claim.id] = (
                changeset.idempotency_record
            )

    def prune(self, policy: RetentionPolicy, now: datetime) -> PruneReport:
        before = (
            sum(map(len, self.histories.values())),
            len(self.idempotency_records),
            len(self.secrets),
        )
        for key, history in self.histories.items():
            kept = history[:-1] if policy.keep is None else history[:-1][1 - policy.keep :]
            if policy.keep == 1:
                kept = []
            if policy.max_age is not None:
                kept = [one for one in kept if now - one.updated_at <= policy.max_age]
            self.histories[key] = [*kept, history[-1]]
        self.idempotency_records = {
            id_: one for id_, one in self.idempotency_records.items() if one.expires_at >= now
        }
        self.secrets = {
            place: sealed for place, sealed in self.secrets.items() if self.named(*place)
        }
        after = (
            sum(map(len, self.histories.values())),
            len(self.idempotency_records),
            len(self.secrets),
        )
        gone = [was - is_ for was, is_ in zip(before, after, strict=True)]
        return PruneReport(*gone)

    def named(self, context: SealContext, mark: Fingerprint) -> bool:
        history = self.histories.get(context.owner.document(CREDENTIALS), [])
        return any(
            isinstance(refs := one.document.body.get("credentials"), dict)
            and refs.get(str(context.ref)) == mark.mask
            for one in history
        )

    def living(self, tenant: TenantId) -> list[Revision]:
        return [
            history[-1]
            for key, history in sorted(self.histories.items())
            if key.tenant == tenant and not history[-1].deleted
        ]

    def routing(self) -> RoutingTable:
        return RoutingTable(history[-1].mapping for history in self.mappings.values())


class ConfigStoreMachine(RuleBasedStateMachine):
    open_stores: ClassVar[OpenStores]

    bases = Bundle("bases")
    mapped = Bundle("mapped")
    data_keys = Bundle("data_keys")
    sealed_values = Bundle("sealed_values")

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.now = AT
        self.serial = 0
        # hypothesis knows no async rules (HypothesisWorks/hypothesis#4107), and a driver
        # may stay with the loop that first used it.
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.stores = self.run(self.stack.enter_async_context(type(self).open_stores()))

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def tick(self) -> datetime:
        self.now += timedelta(hours=1)
        return self.now

    def commit(self, changeset: Changeset) -> None:
        expected = self.model.refusals(changeset)
        refusal: type[Exception] | None
        try:
            self.run(self.stores.config.commit(changeset))
        except REFUSALS as error:
            refusal = type(error)
        else:
            refusal = None
        assert (refusal in expected) if expected else (refusal is None)
        if refusal is None:
            self.model.take(changeset)
        self.look()

    def look(self) -> None:
        """
        Compare everything with the model, after each rule that could write.

        A reader that writes is found out after the next of them.
        """
        self.documents_are_those_of_the_model()
        self.data_keys_are_those_of_the_model()
        self.no_sealed_value_has_lost_its_key()

    def revision(
        self, base: tuple[DocumentKey, int], number: int, *, deleted: bool = False
    ) -> Revision:
        key, version = base
        body: dict[str, Json] = {"at": str(self.now)}
        if key.kind == CREDENTIALS:
            body["credentials"] = {"odoo": fingerprint(number).mask}
        document = Document.of({} if deleted else body)
        return Revision(key, version + 1, document, AT, self.now, "machine", deleted)

    @rule(target=bases, key=keys)
    def read_current(self, key: DocumentKey) -> tuple[DocumentKey, int]:
        found = self.run(self.stores.config.current([key])).get(key)
        history = self.model.histories.get(key)
        assert found == (history[-1] if history else None)
        return key, 0 if found is None else found.version

    @rule(target=bases, base=bases, number=fingerprint_numbers)
    def write(self, base: tuple[DocumentKey, int], number: int) -> tuple[DocumentKey, int]:
        self.tick()
        self.commit(Changeset(revisions=(self.revision(base, number),)))
        return base[0], self.model.latest(base[0])

    @rule(base=bases)
    def delete(self, base: tuple[DocumentKey, int]) -> None:
        self.tick()
        if base[1] > 0:
            self.commit(Changeset(revisions=(self.revision(base, 0, deleted=True),)))

    @rule(key=keys, version=st.integers(0, 6))
    def write_out_of_turn(self, key: DocumentKey, version: int) -> None:
        self.commit(Changeset(revisions=(self.revision((key, version), 1),)))

    @rule(target=mapped, key=channels)
    def read_mapping(self, key: ChannelKey) -> tuple[ChannelKey, int]:
        found = self.run(self.stores.channels.current([key])).get(key)
        history = self.model.mappings.get(key)
        assert found == (history[-1] if history else None)
        return key, 0 if found is None else found.version

    @rule(target=mapped, base=mapped, mapping=mappings, recorded=st.none() | idempotency_records)
    def write_mapping(
        self,
        base: tuple[ChannelKey, int],
        mapping: ChannelMapping,
        recorded: IdempotencyRecord | None,
    ) -> tuple[ChannelKey, int]:
        key, version = base
        moved = attrs.evolve(mapping, key=key, owner=key.holder or mapping.owner)
        new = MappingRevision(moved, version + 1, AT, self.tick(), "machine")
        self.commit(Changeset(mappings=(new,), idempotency_record=recorded))
        return key, self.model.latest_mapping(key)

    @rule(
        first=bases,
        second=bases,
        channel=mapped,
        mapping=mappings,
        number=fingerprint_numbers,
        recorded=st.none() | idempotency_records,
    )
    def write_together(
        self,
        first: tuple[DocumentKey, int],
        second: tuple[DocumentKey, int],
        channel: tuple[ChannelKey, int],
        mapping: ChannelMapping,
        number: int,
        recorded: IdempotencyRecord | None,
    ) -> None:
        self.tick()
        key, version = channel
        moved = attrs.evolve(mapping, key=key, owner=key.holder or mapping.owner)
        revisions = {base[0]: self.revision(base, number) for base in (first, second)}
        self.commit(
            Changeset(
                revisions=tuple(revisions.values()),
                mappings=(MappingRevision(moved, version + 1, AT, self.now, "machine"),),
                idempotency_record=recorded,
            )
        )

    @rule(target=data_keys, tenant=st.sampled_from(TENANTS))
    def first_data_key(self, tenant: TenantId) -> TenantKey:
        self.serial += 1
        key = tenant_key(str(tenant), f"k{self.serial}")
        self.commit(Changeset(new_tenant_key=key))
        return key

    @rule(
        target=sealed_values,
        key=data_keys,
        base=bases,
        number=fingerprint_numbers,
        recorded=st.none() | idempotency_records,
    )
    def seal(
        self,
        key: TenantKey,
        base: tuple[DocumentKey, int],
        number: int,
        recorded: IdempotencyRecord | None,
    ) -> SealedSecret:
        self.tick()
        self.serial += 1
        owner = TenantArea(key.tenant, base[0].domain)
        sealed = secret(
            str(key.tenant),
            number=number,
            domain=str(owner.domain),
            key_id=key.key_id,
            envelope=f"sealed {self.serial}".encode(),
        )
        place = owner.document(CREDENTIALS)
        version = base[1] if base[0] == place else self.model.latest(place)
        self.commit(
            Changeset(
                revisions=(self.revision((place, version), number),),
                secrets=(sealed,),
                sealed_under=key,
                idempotency_record=recorded,
            )
        )
        return sealed

    @rule(target=data_keys, old=data_keys)
    def add_data_key(self, old: TenantKey) -> TenantKey:
        self.serial += 1
        new = tenant_key(str(old.tenant), f"k{self.serial}")
        own = self.model.keys.get(old.tenant, [])
        expected = bool(own) and own[-1] == old
        assert self.run(self.stores.secrets.add_key(new, successor_of=old)) == expected
        if expected:
            own.append(new)
        self.look()
        return new

    @rule(target=data_keys, old=data_keys)
    def rewrap(self, old: TenantKey) -> TenantKey:
        self.serial += 1
        new = tenant_key(str(old.tenant), old.key_id, f"m{self.serial}")
        own = self.model.keys.get(old.tenant, [])
        assert self.run(self.stores.secrets.rewrap(old, new)) == (old in own)
        if old in own:
            own[own.index(old)] = new
        self.look()
        return new

    @rule(target=sealed_values, old=sealed_values, key=data_keys)
    def reseal(self, old: SealedSecret, key: TenantKey) -> SealedSecret:
        self.serial += 1
        new = attrs.evolve(old, key_id=key.key_id, envelope=f"again {self.serial}".encode())
        place = old.context, old.fingerprint
        there = key.key_id in self.model.key_ids(old.context.tenant)
        expected = there and self.model.secrets.get(place) == old
        assert self.run(self.stores.secrets.reseal(old, new)) == expected
        if expected:
            self.model.secrets[place] = new
        self.look()
        return new

    @rule(key=consumes(data_keys))
    def retire(self, key: TenantKey) -> None:
        own = self.model.keys.get(key.tenant, [])
        sealing = {
            sealed.key_id
            for sealed in self.model.secrets.values()
            if sealed.context.tenant == key.tenant
        }
        expected = bool(own) and own[-1] == key and sealing <= {key.key_id}
        assert self.run(self.stores.secrets.retire_keys(key)) == expected
        if expected:
            self.model.keys[key.tenant] = [key]
        self.look()

    @rule(policy=policies)
    def prune(self, policy: RetentionPolicy) -> None:
        report = self.run(pruned(self.stores, policy, now=self.now))
        # The history of mappings has a machine of its own.
        assert attrs.evolve(report, mapping_revisions=0) == self.model.prune(policy, self.now)
        self.look()

    @rule(key=keys, before=st.none() | st.integers(-1, 7), limit=st.integers(0, 5))
    def read_history(self, key: DocumentKey, before: int | None, limit: int) -> None:
        found = self.run(self.stores.config.history(key, before=before, limit=limit))
        history = reversed(self.model.histories.get(key, []))
        below = [one for one in history if before is None or one.version < before]
        assert list(found) == below[:limit]

    @rule(key=keys, version=st.integers(-2, 7))
    def read_revision(self, key: DocumentKey, version: int) -> None:
        found = self.run(self.stores.config.revision(key, version))
        history = self.model.histories.get(key, [])
        assert found == next((one for one in history if one.version == version), None)

    @rule(one=idempotency_records)
    def read_idempotency_record(self, one: IdempotencyRecord) -> None:
        found = self.run(self.stores.config.idempotency_record(one.claim.id))
        assert found == self.model.idempotency_records.get(one.claim.id)

    @rule(sealed=sealed_values)
    def read_sealed(self, sealed: SealedSecret) -> None:
        found = self.run(self.stores.secrets.sealed(sealed.context, sealed.fingerprint))
        assert found == self.model.secrets.get((sealed.context, sealed.fingerprint))

    @rule(message=messages)
    def route(self, message: IncomingMessage) -> None:
        model = self.model.routing()
        table = self.run(self.stores.channels.table_for(message))
        assert table.resolve(message) == model.resolve(message)
        telling = self.run(self.stores.channels.table_for(message, explaining=True))
        assert telling.explain(message) == model.explain(message)

    @rule(tenant=st.sampled_from(TENANTS), limit=st.integers(0, 3))
    def read_tenants(self, tenant: TenantId, limit: int) -> None:
        found = self.run(self.stores.config.tenants(after=tenant, limit=limit))
        expected = [one for one in sorted(TENANTS) if one > tenant and self.model.living(one)]
        assert list(found) == expected[:limit]

    def documents_are_those_of_the_model(self) -> None:
        for tenant in TENANTS:
            found = self.run(self.stores.config.documents(tenant))
            assert list(found) == self.model.living(tenant)
        listed = self.run(self.stores.config.tenants())
        assert list(listed) == [one for one in sorted(TENANTS) if self.model.living(one)]

    def data_keys_are_those_of_the_model(self) -> None:
        for tenant in TENANTS:
            active = self.run(self.stores.secrets.active_key(tenant))
            own = self.model.keys.get(tenant)
            assert active == (own[-1] if own else None)
        masters = self.run(self.stores.secrets.master_ids())
        wrapping = [key.master_id for keys in self.model.keys.values() for key in keys]
        assert dict(masters) == {id_: wrapping.count(id_) for id_ in wrapping}

    def no_sealed_value_has_lost_its_key(self) -> None:
        # Checks the model itself: the machine must be able to reach this state.
        for sealed in self.model.secrets.values():
            assert sealed.key_id in self.model.key_ids(sealed.context.tenant)


def config_store_machine(open_stores: OpenStores) -> type[RuleBasedStateMachine]:
    """
    A machine over the stores of *open_stores*, which opens empty ones for each run.
    """

    class OpeningMachine(ConfigStoreMachine):
        pass

    OpeningMachine.open_stores = staticmethod(open_stores)
    return OpeningMachine
