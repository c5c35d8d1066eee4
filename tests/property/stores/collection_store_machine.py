"""
A model of collections, and a machine that compares a store with it over random histories.

Each reader continues from its own position, one page at a time, while others push and prune. It
must end with the content of the collection, or get the error that makes it start again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, ClassVar, Final, TypeAlias, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.collections import (
    CollectionChange,
    CollectionHead,
    CollectionKey,
    CollectionSync,
    Item,
    Position,
    change_after,
    position_at,
)
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import CursorExpiredError, RevisionConflictError
from tests.contract.samples import AT, DAY, collection_key
from tests.contract.stores import Stores

T = TypeVar("T")
OpenStores: TypeAlias = Callable[[], AbstractAsyncContextManager[Stores]]

KEYS: Final = [collection_key(), collection_key("acme", "a"), collection_key("acme-2", "a")]
keys = st.sampled_from(KEYS)
ids = st.sampled_from(["1", "2", "10", "a/b", "ç"])
items = st.builds(lambda id_, price: Item.of(id_, {"price": price}), ids, st.integers(0, 2))
syncs = st.builds(
    lambda put, gone, whole: CollectionSync(
        put, tuple(id_ for id_ in gone if id_ not in {item.id for item in put}), whole=whole
    ),
    st.lists(items, max_size=4, unique_by=lambda item: item.id).map(tuple),
    st.lists(ids, max_size=2, unique=True),
    st.booleans(),
)
policies = st.builds(
    RetentionPolicy,
    keep=st.none() | st.integers(1, 4),
    max_age=st.none() | st.integers(1, 6).map(lambda days: days * DAY),
)


@attrs.define
class Model:
    """
    A collection, its past states, and the versions that removed items.
    """

    states: list[dict[str, Item]] = attrs.field(factory=lambda: [{}])

    @property
    def version(self) -> int:
        return len(self.states) - 1

    @property
    def now(self) -> dict[str, Item]:
        return self.states[-1]

    def take(self, sync: CollectionSync) -> bool:
        after = {} if sync.whole else {k: v for k, v in self.now.items() if k not in sync.removed}
        after |= {item.id: item for item in sync.items}
        changed = after != self.now or (sync.whole and not self.version)
        if changed:
            self.states.append(after)
        return changed


@attrs.define
class Reader:
    """
    A reader that keeps a copy of a collection.
    """

    key: CollectionKey
    copy: dict[str, Item] = attrs.field(factory=dict)
    cursor: str | None = None


class CollectionStoreMachine(RuleBasedStateMachine):
    open_stores: ClassVar[OpenStores]

    readers = Bundle("readers")
    changes = Bundle("changes")

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.stack = asyncio.Runner(), AsyncExitStack()
        self.stores: Stores = self.run(self.stack.enter_async_context(type(self).open_stores()))
        self.model = {key: Model() for key in KEYS}
        self.day = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()

    def head(self, key: CollectionKey) -> CollectionHead | None:
        return self.run(self.stores.collections.head(key))

    @rule(target=changes, key=keys, sync=syncs)
    def decide(self, key: CollectionKey, sync: CollectionSync) -> CollectionChange | None:
        """
        Prepare a push, which is committed at once, later or never.
        """
        named = None if sync.whole else [*(item.id for item in sync.items), *sync.removed]
        digests = self.run(self.stores.collections.digests(key, named))
        self.day += 1
        change, _ = change_after(self.head(key), digests, sync, key=key, at=AT + self.day * DAY)
        wanted = Model([dict(self.model[key].now)])
        if self.model[key].version:
            wanted.states.insert(0, {})
        assert (change is not None) == wanted.take(sync)
        return change

    @rule(change=changes)
    def commit(self, change: CollectionChange | None) -> None:
        if change is None:
            return
        model = self.model[change.head.key]
        fits = change.head.version == model.version + 1
        try:
            self.run(self.stores.config.commit(Changeset(collections=(change,))))
        except RevisionConflictError:
            assert not fits
        else:
            assert fits
            after = {k: v for k, v in model.now.items() if k not in change.removed}
            model.states.append(after | {item.id: item for item in change.items})
        self.look()

    @rule(target=readers, key=keys)
    def arrive(self, key: CollectionKey) -> Reader:
        return Reader(key)

    @rule(reader=readers, limit=st.integers(1, 4))
    def read_on(self, reader: Reader, limit: int) -> None:
        head = self.head(reader.key)
        if head is None:
            return
        try:
            position = position_at(reader.cursor, head)
        except CursorExpiredError:
            assert head.compaction_floor > 0
            reader.copy, reader.cursor = {}, None
            return
        page = self.run(self.stores.collections.page(reader.key, position, limit=limit))
        assert page is not None
        assert len(page.states) <= limit
        for state in page.states:
            reader.copy.pop(state.id, None)
            if state.item is not None:
                reader.copy[state.id] = state.item
        reader.cursor = page.position_after(position).cursor(page.head)
        if page.complete:
            assert reader.copy == self.model[reader.key].now

    @rule(policy=policies)
    def prune(self, policy: RetentionPolicy) -> None:
        self.run(self.stores.config.prune(policy, now=AT + self.day * DAY))
        self.look()

    def look(self) -> None:
        """
        Compare everything with the model, after each rule that could write.

        A reader that writes is found out after the next of them.
        """
        self.collections_are_what_the_model_says()
        self.whoever_starts_now_reads_everything()
        self.list_has_each_collection()

    def collections_are_what_the_model_says(self) -> None:
        for key, model in self.model.items():
            head = self.head(key)
            assert (0 if head is None else head.version) == model.version
            assert head is None or head.size == len(model.now)
            digests = self.run(self.stores.collections.digests(key))
            assert digests == {id_: item.digest for id_, item in model.now.items()}
            assert self.run(self.stores.collections.items(key, list(model.now))) == model.now

    def whoever_starts_now_reads_everything(self) -> None:
        for key, model in self.model.items():
            page = self.run(self.stores.collections.page(key, Position(10**6, 0), limit=99))
            found = () if page is None else page.states
            assert {state.id: state.item for state in found} == model.now

    def list_has_each_collection(self) -> None:
        for tenant in {key.tenant for key in KEYS}:
            heads = self.run(self.stores.collections.heads(tenant))
            assert [head.key for head in heads] == sorted(
                key for key, model in self.model.items() if key.tenant == tenant and model.version
            )


def collection_store_machine(open_stores: OpenStores) -> type[RuleBasedStateMachine]:
    """
    A machine over the stores of *open_stores*, which opens empty ones for each run.
    """

    class OpeningMachine(CollectionStoreMachine):
        pass

    OpeningMachine.open_stores = staticmethod(open_stores)
    return OpeningMachine
