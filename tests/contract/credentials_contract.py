"""
The guarantees for credentials documents, over every store.
"""

from __future__ import annotations

import json
from itertools import count
from typing import Final

from attrs import evolve, frozen
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from odoo_ai_config.adapters.memory.old_cipher import MemoryOldCipher
from odoo_ai_config.adapters.memory.secret_vault import MemorySecretVault
from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.documents.writing import (
    DocumentWrite,
    DocumentWriter,
    PatchDocument,
    PublishDocument,
    RollBackDocument,
)
from odoo_ai_config.domain.access import ALL_SCOPES
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    CREWS,
    METADATA,
    DocumentKind,
    TenantArea,
)
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.outcomes import Outcome
from tests.contract.samples import AT, api_key, owner, rules_over
from tests.contract.stores import StoreContract, Stores
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.yaml_codec import JsonYamlCodec

TENANTS: Final = count()
CALLER: Final = evolve(api_key(), scopes=ALL_SCOPES, tenant=None)

refs = st.sampled_from(["a", "b"])
removing: st.SearchStrategy[Json] = st.sampled_from([None, False, ""])
# Those of the replaced service say nothing if there is no value behind the mark.
telling: st.SearchStrategy[Json] = st.sampled_from(["one", "two", "ENC:one", "ENC:", "ENC:False"])
members = st.dictionaries(refs, telling | removing)


@frozen
class Step:
    """
    A write of the credentials document: a post, a patch, or a rollback to one of its versions.
    """

    way: str
    members: dict[str, Json] | None = None
    version: int = 0

    @property
    def told(self) -> dict[str, Json]:
        silent = {"ENC:", "ENC:False"}
        return {ref: value for ref, value in (self.members or {}).items() if value not in silent}

    @property
    def unmarked(self) -> set[str]:
        return {ref for ref, value in self.told.items() if value == "ENC:one"}

    @property
    def removed(self) -> set[str]:
        return {ref for ref, value in self.told.items() if value in {None, False, ""}}


steps = st.one_of(
    st.builds(Step, st.sampled_from(["post", "patch"]), st.none() | members),
    st.builds(Step, st.just("rollback"), version=st.integers(0, 5)),
)
# What the documents beside it name.
naming = st.tuples(st.sampled_from([CONFIG, CREWS, METADATA]), st.sets(refs))


def document_naming(kind: DocumentKind, names: set[str]) -> JsonObject:
    if kind != CREWS:
        return {"deep": [{"token_ref": name} for name in sorted(names)]}
    crew: JsonObject = {"type": "http", "url": "https://crew.example"}
    signing: JsonObject = {name: {**crew, "secret_ref": name} for name in sorted(names)}
    return {"crews": {"d": crew, **signing}, "default_crew": "d"}


class Writes:
    """
    The use cases that write one credentials document, and the documents beside it.
    """

    def __init__(self, stores: Stores, area: TenantArea) -> None:
        clock, yaml = ManualClock(AT), JsonYamlCodec()
        writer = CredentialsWriter(
            Sealer(stores.secrets, MemorySecretVault()), yaml, MemoryOldCipher()
        )
        rules = rules_over(stores.config)
        documents = DocumentWriter(stores.config, stores.standings, rules, clock)
        self._publish = PublishDocument(documents, writer, yaml)
        self._patch = PatchDocument(documents, writer)
        self._roll_back = RollBackDocument(documents, writer)
        self._stores = stores
        self._area = area

    async def publish(self, kind: DocumentKind, body: JsonObject) -> Outcome:
        request = DocumentWrite(self._area.document(kind), CALLER)
        return (await self._publish(request, text=json.dumps(body))).outcome

    async def take(self, step: Step) -> tuple[Outcome, set[str], set[str]]:
        """
        What *step* did, the references that it speaks of, and those whose values are gone.
        """
        body: JsonObject = {"credentials": step.members}
        request = DocumentWrite(self._area.document(CREDENTIALS), CALLER)
        if step.way == "post":
            return await self.publish(CREDENTIALS, body), {*step.told}, set()
        before = await self.sealed()
        if step.way == "patch":
            outcome = (await self._patch(request, patch=body)).outcome
            silent = before.keys() if step.members is None else step.members.keys()
            return outcome, {*step.told, *(before.keys() - silent)}, set()
        history = await self._stores.config.history(request.key)
        target = history[step.version % len(history)]
        stored = await self.stored()
        outcome = (await self._roll_back(request, version=target.version)).outcome
        named = section(target.document.body)
        return (
            outcome,
            {*named},
            {ref for ref in named if named[ref] not in stored.get(ref, set())},
        )

    async def stored(self) -> dict[str, set[Json]]:
        found = await self._stores.secrets.stored_in(self._area)
        return {str(ref): {mark.mask for mark in marks} for ref, marks in found.items()}

    async def sealed(self) -> dict[str, Json]:
        where = self._area.document(CREDENTIALS)
        return section((await self._stores.config.current([where]))[where].document.body)


def section(body: JsonObject) -> dict[str, Json]:
    found = body["credentials"]
    assert isinstance(found, dict)
    return found


class CredentialsContract(StoreContract):
    @settings(
        suppress_health_check=[
            HealthCheck.too_slow,
            # Each example has its own tenant.
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ]
    )
    @given(first=members, writes=st.lists(steps | naming, max_size=8))
    @example(first={"a": "one"}, writes=[(CONFIG, {"a"}), Step("post", {"b": "two"})])
    @example(first={"a": "one"}, writes=[(CREWS, {"a"}), Step("post", {"a": "ENC:"})])
    @example(first={"a": "one"}, writes=[(METADATA, {"a"}), Step("patch", {"a": "ENC:False"})])
    @example(first={"a": "one"}, writes=[(CONFIG, {"a"}), Step("patch", None)])
    @example(
        first={"a": "one"},
        writes=[(CONFIG, {"b"}), Step("post", {"b": "two"}), Step("rollback", version=1)],
    )
    @example(
        first={"a": "one"},
        writes=[
            Step("post", {"a": None}),
            Step("post", {"a": "two"}),
            Step("rollback", version=2),
        ],
    )
    async def test_only_an_explicit_removal_loses_a_value_that_a_document_names(
        self,
        stores: Stores,
        first: dict[str, Json],
        writes: list[Step | tuple[DocumentKind, set[str]]],
    ) -> None:
        hub = Writes(stores, owner(f"t{next(TENANTS)}"))
        await hub.publish(CREDENTIALS, {"credentials": first})
        names: dict[DocumentKind, set[str]] = {}
        for write in writes:
            before = await hub.sealed()
            if isinstance(write, tuple):
                kind, named = write
                await hub.publish(kind, document_naming(kind, named))
                names[kind] = named
                assert await hub.sealed() == before
                continue
            outcome, spoken_of, gone = await hub.take(write)
            after, stored = await hub.sealed(), await hub.stored()
            # What it names is there, and what it does not name is gone.
            assert stored.keys() == after.keys()
            assert all(mask in stored[ref] for ref, mask in after.items())
            wanted = before.keys() & set().union(*names.values())
            assert wanted - write.removed <= after.keys()
            assert not write.removed & after.keys()
            kept = wanted - spoken_of
            assert {ref: after[ref] for ref in kept} == {ref: before[ref] for ref in kept}
            told = {(notice.code, notice.field) for notice in outcome.notices}
            assert told == {
                *(("kept_credential", f"credentials.{ref}") for ref in kept),
                *(("old_mark_dropped", f"credentials.{ref}") for ref in write.unmarked),
                *(("erased_credential", f"credentials.{ref}") for ref in gone),
            }
