"""
What every ApiKeyStore promises.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import HealthCheck, assume, given, settings

from odoo_ai_config.domain.access import ApiKey, Scope, TokenUse
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.errors import RevisionConflictError
from tests import strategies
from tests.contract.samples import AT, DAY, MINUTE, api_key, audit_entry
from tests.contract.stores import StoreContract, Stores
from tests.trail import trail


async def write(stores: Stores, *keys: ApiKey) -> None:
    for key in keys:
        await stores.config.commit(Changeset(api_keys=(key,)))


class ApiKeyStoreContract(StoreContract):
    async def test_no_key_is_known_at_first(self, stores: Stores) -> None:
        assert await stores.api_keys.api_key("a1") is None
        assert await stores.api_keys.api_keys() == []

    async def test_key_is_found_by_its_whole_id(self, stores: Stores) -> None:
        await write(stores, api_key("a1"), api_key("A1", tenant="acme"))
        assert await stores.api_keys.api_key("a1") == api_key("a1")
        assert await stores.api_keys.api_key("A1") == api_key("A1", tenant="acme")
        for unknown in ("a", "a11", "", "%", "a1\u0000"):
            assert await stores.api_keys.api_key(unknown) is None

    async def test_revoked_key_takes_the_place_of_the_key(self, stores: Stores) -> None:
        revoked = api_key("a1").revoked(AT + DAY)
        await write(stores, api_key("a1"), api_key("a2"), revoked)
        assert await stores.api_keys.api_key("a1") == revoked
        assert await stores.api_keys.api_key("a2") == api_key("a2")

    async def test_keys_are_listed_oldest_first(self, stores: Stores) -> None:
        days = {"c": 2, "a": 3, "d": 0, "b": 1}
        await write(stores, *(api_key(id_, day) for id_, day in days.items()))
        await write(stores, api_key("d").revoked(AT + 9 * DAY))
        found = [key.id for key in await stores.api_keys.api_keys()]
        assert found == ["d", "b", "c", "a"]

    async def test_every_key_is_listed(self, stores: Stores) -> None:
        ids = {f"a{number}" for number in range(150)}
        await stores.config.commit(Changeset(api_keys=tuple(map(api_key, sorted(ids)))))
        assert {key.id for key in await stores.api_keys.api_keys()} == ids

    @settings(
        suppress_health_check=[
            HealthCheck.too_slow,
            # A key replaces one with the same id of an earlier example.
            HealthCheck.function_scoped_fixture,
            # The same test runs for every technology.
            HealthCheck.differing_executors,
        ]
    )
    @given(key=strategies.api_keys())
    async def test_key_is_kept_as_it_was(self, stores: Stores, key: ApiKey) -> None:
        # A key of an earlier example may be revoked.
        assume(await stores.api_keys.api_key(key.id) is None)
        await write(stores, key)
        assert await stores.api_keys.api_key(key.id) == key

    async def test_key_keeps_every_scope(self, stores: Stores) -> None:
        for scope in Scope:
            key = ApiKey(scope.name, "", b"", frozenset({scope}), None, AT)
            await write(stores, key)
            assert await stores.api_keys.api_key(scope.name) == key

    async def test_second_instance_sees_new_keys(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        assert await second_stores.api_keys.api_key("a1") is None
        await write(stores, api_key("a1"))
        assert await second_stores.api_keys.api_keys() == [api_key("a1")]

    async def test_revoked_key_does_not_change_any_more(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        revoked = api_key().revoked(AT)
        await write(stores, api_key())
        await second_stores.api_keys.api_key("a1")
        await write(second_stores, revoked)
        for instance in (stores, second_stores):
            for changed in (api_key().expiring(AT + DAY), api_key(), revoked):
                with pytest.raises(RevisionConflictError):
                    await instance.config.commit(
                        Changeset(api_keys=(api_key("a2"), changed), audit=(audit_entry(),))
                    )
        assert await stores.api_keys.api_keys() == [revoked]
        assert await trail(stores.audit) == []

    async def test_key_may_expire_and_is_used(self, stores: Stores) -> None:
        expiring = evolve(api_key(), expires_at=AT + DAY, used_at=AT)
        await write(stores, expiring)
        assert await stores.api_keys.api_key("a1") == expiring

    async def test_latest_use_of_a_key_counts(self, stores: Stores, second_stores: Stores) -> None:
        await write(stores, api_key("a1"), api_key("a2", day=1))
        for minutes in (2, 3, 1):
            use = TokenUse("a1", AT + minutes * MINUTE)
            await second_stores.config.commit(Changeset(key_uses=(use, TokenUse("nobody", AT))))
        used = evolve(api_key("a1"), used_at=AT + 3 * MINUTE)
        assert await second_stores.api_keys.api_keys() == [used, api_key("a2", day=1)]
