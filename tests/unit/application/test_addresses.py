from __future__ import annotations

import pytest
from attrs import evolve

from odoo_ai_config.adapters.system.token_source import SystemTokenSource
from odoo_ai_config.application.addresses import USE_NOTED_AFTER
from odoo_ai_config.domain.access import ApiKey, Scope, ScopeMissingError
from odoo_ai_config.domain.addresses import Address, Feed, RecordKind
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import (
    AddressNotFoundError,
    InvalidApiKeyError,
    TenantForbiddenError,
)
from tests.contract.samples import MINUTE, owner
from tests.trail import acts
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to

ADMIN = bound_to("acme", Scope.ADMIN)
OTHER = bound_to("other", Scope.ADMIN)
# May do everything but what an administrator may.
WRITER = bound_to("acme", *(scope for scope in Scope if scope is not Scope.ADMIN))


async def created(
    hub: MemoryHub, tenant: str = "acme", *, caller: ApiKey = ANYBODY
) -> tuple[Address, SecretText]:
    feed = Feed(owner(tenant), RecordKind.CREDENTIALS)
    create = evolve(hub.create_address, tokens=SystemTokenSource())
    return await create(feed, name="Odoo Online", caller=caller)


async def test_token_opens_its_address(hub: MemoryHub) -> None:
    address, token = await created(hub)

    assert token.reveal().startswith(f"oaa_{address.id}_")
    assert await hub.open_address(token.reveal()) == address


async def test_token_has_enough_randomness_and_is_not_stored(hub: MemoryHub) -> None:
    address, token = await created(hub)

    secret = token.reveal()[len(f"oaa_{address.id}_") :]
    # 43 characters of 6 bits.
    assert len(secret) == 43
    assert secret not in repr(hub.state)
    assert len(address.digest) == 32


async def test_token_of_an_address_is_no_api_key(hub: MemoryHub) -> None:
    _, token = await created(hub)

    for text in (token.reveal(), token.reveal().replace("oaa_", "oac_")):
        with pytest.raises(InvalidApiKeyError):
            await hub.authenticate(text)


async def test_api_key_is_no_token_of_an_address(hub: MemoryHub) -> None:
    _, text = await hub.create_api_key(name="crm", scopes=frozenset(Scope), caller=ANYBODY)

    for token in (text.reveal(), text.reveal().replace("oac_", "oaa_")):
        with pytest.raises(AddressNotFoundError):
            await hub.open_address(token)


async def test_wrong_tokens_open_nothing(hub: MemoryHub) -> None:
    _, token = await created(hub)
    right = token.reveal()
    last = "A" if right[-1] != "A" else "B"

    for wrong in (right[:-1] + last, right[:-1], right + "A", right.upper(), "", "x", f" {right}"):
        with pytest.raises(AddressNotFoundError):
            await hub.open_address(wrong)


async def test_revoked_address_opens_no_more(hub: MemoryHub) -> None:
    address, token = await created(hub)

    revoked = await hub.revoke_address(address.id, caller=ADMIN)
    again = await hub.revoke_address(address.id, caller=ANYBODY)

    assert revoked == again
    assert (revoked.revoked_at, revoked.revoked_by) == (hub.clock.time, ADMIN.id)
    with pytest.raises(AddressNotFoundError):
        await hub.open_address(token.reveal())


async def test_creation_and_revocation_are_audited(hub: MemoryHub) -> None:
    address, token = await created(hub)
    await hub.revoke_address(address.id, caller=ADMIN)

    trail = await acts(hub.ports.audit)

    assert [(one.action, one.actor, one.tenant, one.subject) for one in trail] == [
        (AuditAction.ADDRESS_REVOKED, ADMIN.id, address.feed.owner.tenant, address.id),
        (AuditAction.ADDRESS_CREATED, ANYBODY.id, address.feed.owner.tenant, address.id),
    ]
    assert token.reveal() not in repr(trail)


async def test_revocation_survives_an_older_copy_of_the_store(hub: MemoryHub) -> None:
    address, token = await created(hub)
    await created(hub)
    revoked = await hub.revoke_address(address.id, caller=ANYBODY)
    assert (await hub.revoke_api_key.noted_so_far()).ids == {address.id}
    hub.state.addresses[address.id] = address
    await hub.open_address(token.reveal())

    [again] = await hub.revoke_address.again(caller=ANYBODY)

    assert again == evolve(revoked, used_at=hub.clock.time)

    with pytest.raises(AddressNotFoundError):
        await hub.open_address(token.reveal())
    assert await hub.revoke_address.again(caller=ANYBODY) == []


async def test_addresses_that_another_machine_revoked_are_noted(hub: MemoryHub) -> None:
    address, _ = await created(hub)
    elsewhere = address.revoked(hub.clock.time, "a2")
    await hub.ports.store.commit(Changeset(addresses=(elsewhere,)))
    assert (await hub.revoke_api_key.noted_so_far()).missing == {address.id}

    await hub.revoke_api_key.note_all()

    assert address.id in await hub.revoked_keys.noted()


async def test_noted_keys_are_not_taken_for_addresses(hub: MemoryHub) -> None:
    key, _ = await hub.create_api_key(name="crm", scopes=frozenset(Scope), caller=ANYBODY)
    await hub.revoke_api_key(key.id, caller=ANYBODY)

    assert await hub.revoke_address.again(caller=ANYBODY) == []


async def test_use_is_noted_once_a_minute(hub: MemoryHub) -> None:
    address, token = await created(hub)
    first = hub.clock.time
    assert (await hub.list_addresses.one(address.id, caller=ANYBODY)).used_at is None

    for _ in range(3):
        await hub.open_address(token.reveal())
        hub.clock.time += MINUTE / 2
    noted = (await hub.list_addresses.one(address.id, caller=ANYBODY)).used_at

    assert noted == first + USE_NOTED_AFTER


async def test_administrator_of_a_tenant_has_only_its_addresses(hub: MemoryHub) -> None:
    mine, _ = await created(hub, caller=ADMIN)
    other, _ = await created(hub, "other")

    assert await hub.list_addresses(caller=ADMIN) == [mine]
    listed = await hub.list_addresses(caller=ANYBODY)
    assert [address.id for address in listed] == sorted([mine.id, other.id])
    assert await hub.list_addresses(caller=ANYBODY, tenant=other.feed.owner.tenant) == [other]
    with pytest.raises(TenantForbiddenError):
        await hub.list_addresses(caller=ADMIN, tenant=other.feed.owner.tenant)
    with pytest.raises(TenantForbiddenError):
        await created(hub, "other", caller=ADMIN)
    for act in (hub.list_addresses.one, hub.revoke_address):
        with pytest.raises(AddressNotFoundError):
            await act(other.id, caller=ADMIN)
        with pytest.raises(AddressNotFoundError):
            await act("nobody", caller=ANYBODY)
    assert other.revoked_at is None
    assert (await hub.revoke_address(other.id, caller=OTHER)).revoked_at is not None


async def test_only_administrators_have_addresses(hub: MemoryHub) -> None:
    address, _ = await created(hub)

    for refused in (
        created(hub, caller=WRITER),
        hub.list_addresses(caller=WRITER),
        hub.list_addresses.one(address.id, caller=WRITER),
        hub.revoke_address(address.id, caller=WRITER),
        hub.revoke_address(address.id, caller=address.caller),
    ):
        with pytest.raises(ScopeMissingError):
            await refused
