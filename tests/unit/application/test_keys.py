from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.adapters.memory.api_key_store import MemoryApiKeyStore
from odoo_ai_config.adapters.system.token_source import SystemTokenSource
from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.application.keys import NotedRevocations, TokenPrefix, TokenText
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.domain.access import ALL_SCOPES, ApiKey, Scope, ScopeMissingError
from odoo_ai_config.domain.changes import AuditAction
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.errors import (
    ApiKeyExpiredError,
    ApiKeyNotFoundError,
    InvalidApiKeyError,
    InvalidValueError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.startup import trusted
from tests.contract.samples import AT
from tests.trail import acts
from tests.unit.application.memory_hub import ANYBODY, STRANGER, MemoryHub, bound_to

SCOPES = frozenset({Scope.CONFIG_READ})


async def test_created_key_lets_its_holder_in_with_its_scopes(hub: MemoryHub) -> None:
    key, text = await hub.create_api_key(
        name="crm", scopes=SCOPES, tenant=TenantId("acme"), caller=ANYBODY
    )

    found = await hub.authenticate(text.reveal())

    assert found == key
    assert (found.scopes, found.tenant) == (SCOPES, TenantId("acme"))
    assert text.reveal().startswith(f"oac_{key.id}_")


class Hyphens(TokenSource):
    def token(self, size: int) -> str:
        return ("-_" * size)[: ceil(size * 4 / 3)]


async def test_id_of_a_key_cannot_be_taken_for_an_option(hub: MemoryHub) -> None:
    create = evolve(hub.create_api_key, tokens=Hyphens())

    key, text = await create(name="crm", scopes=SCOPES, caller=ANYBODY)

    assert key.id.isalnum()
    assert await hub.authenticate(text.reveal()) == key


async def test_key_itself_is_not_stored(hub: MemoryHub) -> None:
    key, text = await hub.create_api_key(name="crm", scopes=SCOPES, caller=ANYBODY)

    secret = text.reveal().rsplit("_", maxsplit=1)[-1]
    assert secret not in repr(hub.state)
    assert key.digest == digest_of(text.reveal()[len(f"oac_{key.id}_") :])


async def test_revoked_key_is_refused(hub: MemoryHub) -> None:
    key, text = await hub.create_api_key(name="crm", scopes=SCOPES, caller=ANYBODY)

    revoked = await hub.revoke_api_key(key.id, caller=ANYBODY)
    again = await hub.revoke_api_key(key.id, caller=ANYBODY)

    assert revoked.revoked_at == again.revoked_at == hub.clock.time
    with pytest.raises(InvalidApiKeyError):
        await hub.authenticate(text.reveal())
    actions = [entry.action for entry in await acts(hub.ports.audit)]
    assert actions == [AuditAction.KEY_REVOKED, AuditAction.KEY_CREATED]


async def test_unknown_key_cannot_be_revoked(hub: MemoryHub) -> None:
    with pytest.raises(ApiKeyNotFoundError):
        await hub.revoke_api_key("nobody", caller=ANYBODY)


async def test_wrong_secret_is_refused(hub: MemoryHub) -> None:
    _, text = await hub.create_api_key(name="crm", scopes=SCOPES, caller=ANYBODY)
    wrong = text.reveal()[:-1] + ("A" if text.reveal()[-1] != "A" else "B")

    with pytest.raises(InvalidApiKeyError):
        await hub.authenticate(wrong)


@given(presented=st.none() | st.text() | st.from_regex(r"oac_[A-Za-z0-9-]{12}_[\w-]{43}"))
async def test_whatever_is_presented_the_answer_is_the_same(presented: str | None) -> None:
    with pytest.raises(InvalidApiKeyError):
        await MemoryHub().authenticate(presented)


async def test_configured_key_lets_in_beside_those_of_the_store(hub: MemoryHub) -> None:
    configured = ApiKey("c", "c", digest_of("a-long-configured-key"), ALL_SCOPES, None, AT)
    key, text = await hub.create_api_key(name="crm", scopes=SCOPES, caller=ANYBODY)
    authenticate = evolve(hub.authenticate, configured=configured)

    assert await authenticate("a-long-configured-key") is configured
    assert await authenticate(text.reveal()) == key
    with pytest.raises(InvalidApiKeyError):
        await authenticate("a-long-configured-kez")


async def test_keys_at_hand_are_enough_to_tell_who_calls(hub: MemoryHub) -> None:
    configured = ApiKey(
        "configured", "c", digest_of("a-long-configured-key"), ALL_SCOPES, None, AT
    )
    authenticate = evolve(hub.authenticate, configured=configured)
    key, text = await hub.create_api_key(name="crm", scopes=SCOPES, caller=ANYBODY)
    hub.state.away = True

    assert authenticate.among({key.id: key}, text.reveal()) == key
    assert authenticate.among({}, "a-long-configured-key") is configured
    for keys in ({}, {key.id: evolve(key, digest=b"")}, {key.id: key.revoked(AT)}):
        with pytest.raises(InvalidApiKeyError):
            authenticate.among(keys, text.reveal())


def test_key_text_is_not_shown_by_its_repr() -> None:
    text = TokenText.parse(TokenPrefix.API_KEY, "oac_" + "a" * 12 + "_" + "s" * 43)

    assert text is not None
    assert "sss" not in repr(text)
    assert text.reveal().endswith("_" + "s" * 43)


async def test_key_is_handed_over_before_it_is_good_for_anything(hub: MemoryHub) -> None:
    kept = []

    def keep_and_die(text: SecretText) -> None:
        kept.append(text.reveal())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await hub.create_api_key(
            name="first", scopes=SCOPES, hand_over=keep_and_die, caller=ANYBODY
        )

    assert len(kept) == 1
    assert await hub.ports.api_keys.api_keys() == []


async def test_key_that_a_backup_brings_back_is_revoked_again(hub: MemoryHub) -> None:
    key, text = await hub.create_api_key(name="crm", scopes=SCOPES, caller=ANYBODY)
    kept = evolve(key, id="kept")
    hub.state.api_keys[kept.id] = kept
    await hub.revoke_api_key(key.id, caller=ANYBODY)
    hub.state.api_keys[key.id] = key
    hub.clock.tick()

    assert [again.id for again in await hub.revoke_api_key.again(caller=trusted("startup"))] == [
        key.id
    ]

    with pytest.raises(InvalidApiKeyError):
        await hub.authenticate(text.reveal())
    assert hub.state.api_keys[kept.id] == kept
    entry = (await acts(hub.ports.audit))[0]
    assert (entry.action, entry.actor, entry.subject) == (
        AuditAction.KEY_REVOKED,
        "startup",
        key.id,
    )
    assert await hub.revoke_api_key.again(caller=trusted("startup")) == []


async def test_revocation_of_a_key_that_was_never_in_the_store_changes_nothing(
    hub: MemoryHub,
) -> None:
    await hub.revoked_keys.note(["created-after-the-backup"])
    assert await hub.revoke_api_key.again(caller=trusted("startup")) == []
    assert await acts(hub.ports.audit) == []


async def test_revocation_is_noted_even_if_an_earlier_attempt_could_not(hub: MemoryHub) -> None:
    key, _ = await hub.create_api_key(name="crm", scopes=SCOPES, caller=ANYBODY)
    hub.state.api_keys[key.id] = key.revoked(hub.clock.now())
    await hub.revoke_api_key(key.id, caller=ANYBODY)
    assert await hub.revoked_keys.noted() == {key.id}


async def test_what_was_revoked_elsewhere_is_noted_at_the_start(hub: MemoryHub) -> None:
    key, _ = await hub.create_api_key(name="crm", scopes=SCOPES, caller=ANYBODY)
    hub.state.api_keys["kept"] = evolve(key, id="kept")
    hub.state.api_keys[key.id] = key.revoked(hub.clock.now())
    for _ in range(2):
        await hub.revoke_api_key.note_all()
        assert await hub.revoked_keys.noted() == {key.id}


async def test_noted_revocations_tell_what_is_missing_and_what_is_torn(hub: MemoryHub) -> None:
    key, _ = await hub.create_api_key(name="crm", scopes=SCOPES, caller=ANYBODY)
    await hub.revoked_keys.note(["abcdefghijkl", "abcdef", "abcdefghijk_"])
    await hub.revoke_api_key(key.id, caller=ANYBODY)
    assert await hub.revoke_api_key.noted_so_far() == NotedRevocations(
        frozenset({key.id, "abcdefghijkl"}), missing=frozenset(), torn=2
    )
    hub.state.api_keys["ABCDEFGHIJKL"] = evolve(hub.state.api_keys[key.id], id="ABCDEFGHIJKL")
    assert (await hub.revoke_api_key.noted_so_far()).missing == {"ABCDEFGHIJKL"}


@pytest.mark.parametrize(
    ("noted", "doubtful"),
    [
        (NotedRevocations(frozenset({"a"}), missing=frozenset(), torn=0), False),
        (NotedRevocations(frozenset(), missing=frozenset(), torn=0), False),
        (NotedRevocations(frozenset({"a"}), missing=frozenset({"b"}), torn=0), True),
        (NotedRevocations(frozenset({"a"}), missing=frozenset(), torn=1), True),
    ],
)
def test_revocations_that_are_missing_or_torn_are_doubtful(
    noted: NotedRevocations, *, doubtful: bool
) -> None:
    assert noted.doubtful is doubtful


async def test_key_expires(hub: MemoryHub) -> None:
    key, text = await hub.create_api_key(
        name="crm", scopes=SCOPES, caller=ANYBODY, lifetime=timedelta(days=90)
    )
    assert key.expires_at == hub.clock.time + timedelta(days=90)
    hub.clock.tick(timedelta(days=90) - timedelta(microseconds=1))
    assert await hub.authenticate(text.reveal()) == key
    hub.clock.tick(timedelta(microseconds=1))
    with pytest.raises(ApiKeyExpiredError):
        await hub.authenticate(text.reveal())
    with pytest.raises(ApiKeyExpiredError):
        hub.authenticate.among({key.id: key}, text.reveal())
    # Only its holder hears that it has expired, and only if nobody revoked it.
    guessed = text.reveal()[:-1] + ("A" if text.reveal()[-1] != "A" else "B")
    await hub.revoke_api_key(key.id, caller=ANYBODY)
    for presented in (guessed, text.reveal()):
        with pytest.raises(InvalidApiKeyError) as caught:
            await hub.authenticate(presented)
        assert caught.type is InvalidApiKeyError


@pytest.mark.parametrize(
    ("name", "scopes", "rule"),
    [("", SCOPES, "name"), ("a\nb", SCOPES, "name"), ("crm", frozenset(), "scopes")],
)
async def test_key_has_a_name_and_a_scope(
    hub: MemoryHub, name: str, scopes: frozenset[Scope], rule: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        await hub.create_api_key(name=name, scopes=scopes, caller=ANYBODY)
    assert caught.value.rule == rule
    assert hub.state.api_keys == {}


async def test_bound_administrator_makes_keys_for_its_own_tenant() -> None:
    hub = MemoryHub(tokens=SystemTokenSource())
    admin = bound_to("acme", Scope.ADMIN)
    key, _ = await hub.create_api_key(
        name="crm", scopes=ALL_SCOPES, tenant=TenantId("acme"), caller=admin
    )
    other, _ = await hub.create_api_key(name="other", scopes=SCOPES, caller=ANYBODY)
    for tenant in (None, TenantId("other")):
        with pytest.raises(TenantForbiddenError):
            await hub.create_api_key(name="crm", scopes=SCOPES, tenant=tenant, caller=admin)
    assert await hub.list_api_keys(caller=admin) == [key]
    assert {one.id for one in await hub.list_api_keys(caller=ANYBODY)} == {key.id, other.id}
    with pytest.raises(ApiKeyNotFoundError):
        await hub.revoke_api_key(other.id, caller=admin)
    with pytest.raises(ApiKeyNotFoundError):
        await hub.rotate_api_key(other.id, overlap=timedelta(), caller=admin)
    with pytest.raises(ScopeMissingError):
        await hub.list_api_keys(caller=STRANGER)


async def test_rotated_key_and_its_successor_overlap() -> None:
    hub = MemoryHub(tokens=SystemTokenSource())
    old, old_text = await hub.create_api_key(
        name="crm", scopes=SCOPES, tenant=TenantId("acme"), caller=ANYBODY
    )
    hub.clock.tick(timedelta(hours=1))
    new, new_text = await hub.rotate_api_key(
        old.id, overlap=timedelta(days=7), caller=ANYBODY.because("yearly")
    )
    assert (new.name, new.scopes, new.tenant) == (old.name, old.scopes, old.tenant)
    assert new.id != old.id
    assert new.expires_at is None
    hub.clock.tick(timedelta(days=7) - timedelta(microseconds=1))
    for text in (old_text, new_text):
        await hub.authenticate(text.reveal())
    hub.clock.tick(timedelta(microseconds=1))
    await hub.authenticate(new_text.reveal())
    with pytest.raises(InvalidApiKeyError):
        await hub.authenticate(old_text.reveal())
    entry = (await acts(hub.ports.audit))[0]
    assert (entry.action, entry.subject, entry.reason) == (
        AuditAction.KEY_ROTATED,
        f"{old.id} -> {new.id}",
        "yearly",
    )


async def test_successor_lives_as_long_as_the_key_did() -> None:
    hub = MemoryHub(tokens=SystemTokenSource())
    days = timedelta(days=1)
    old, _ = await hub.create_api_key(
        name="crm", scopes=SCOPES, caller=ANYBODY, lifetime=90 * days
    )
    hub.clock.tick(89 * days)
    now = hub.clock.time
    new, _ = await hub.rotate_api_key(old.id, overlap=7 * days, caller=ANYBODY)
    assert new.expires_at == now + 90 * days
    # It was to end before the overlap does.
    assert hub.state.api_keys[old.id].expires_at == old.expires_at
    again, _ = await hub.rotate_api_key(new.id, overlap=7 * days, lifetime=days, caller=ANYBODY)
    assert again.expires_at == now + days


async def test_key_that_expires_makes_none_that_lasts_longer() -> None:
    hub = MemoryHub(tokens=SystemTokenSource())
    day = timedelta(days=1)
    brief, _ = await hub.create_api_key(
        name="brief", scopes=ALL_SCOPES, caller=ANYBODY, lifetime=day
    )
    lasting, _ = await hub.create_api_key(name="lasting", scopes=SCOPES, caller=ANYBODY)
    for lifetime in (None, 2 * day):
        with pytest.raises(InvalidValueError):
            await hub.create_api_key(name="x", scopes=SCOPES, caller=brief, lifetime=lifetime)
        with pytest.raises(InvalidValueError):
            await hub.rotate_api_key(lasting.id, caller=brief, overlap=day, lifetime=lifetime)
    await hub.create_api_key(name="x", scopes=SCOPES, caller=brief, lifetime=day)
    hub.clock.tick(day / 2)
    # It may renew itself for the time that it was made for.
    with pytest.raises(InvalidValueError):
        await hub.rotate_api_key(brief.id, caller=brief, overlap=day, lifetime=2 * day)
    renewed, _ = await hub.rotate_api_key(brief.id, caller=brief, overlap=day)
    assert renewed.expires_at == hub.clock.time + day


async def test_revoked_key_has_no_successor(hub: MemoryHub) -> None:
    key, _ = await hub.create_api_key(name="crm", scopes=SCOPES, caller=ANYBODY)
    await hub.revoke_api_key(key.id, caller=ANYBODY)
    with pytest.raises(ApiKeyNotFoundError):
        await hub.rotate_api_key(key.id, overlap=timedelta(days=7), caller=ANYBODY)
    assert len(hub.state.api_keys) == 1


async def test_revocation_while_the_key_is_rotated_stays(hub: MemoryHub) -> None:
    key, _ = await hub.create_api_key(name="crm", scopes=SCOPES, caller=ANYBODY)

    class Revoking(MemoryApiKeyStore):
        async def api_key(self, key_id: str) -> ApiKey | None:
            found = await super().api_key(key_id)
            if found is not None:
                # After it is read.
                hub.state.api_keys[key_id] = found.revoked(hub.clock.now())
            return found

    rotate = evolve(hub.rotate_api_key, api_keys=Revoking(hub.state))
    with pytest.raises(ApiKeyNotFoundError):
        await rotate(key.id, overlap=timedelta(days=7), caller=ANYBODY)
    assert list(hub.state.api_keys) == [key.id]


async def test_uses_are_noted_once_an_hour() -> None:
    hub = MemoryHub(tokens=SystemTokenSource())
    key, _ = await hub.create_api_key(name="crm", scopes=SCOPES, caller=ANYBODY)
    idle, _ = await hub.create_api_key(name="idle", scopes=SCOPES, caller=ANYBODY)
    first = hub.clock.time

    async def used_after(length: timedelta) -> datetime | None:
        hub.clock.tick(length)
        for _ in range(3):
            hub.note_key_uses.seen(key)
            # What was configured is in no store.
            hub.note_key_uses.seen(ANYBODY)
        await hub.note_key_uses()
        return hub.state.api_keys[key.id].used_at

    assert await used_after(timedelta()) == first
    assert await used_after(timedelta(minutes=59)) == first
    assert await used_after(timedelta(minutes=1)) == first
    assert await used_after(timedelta(minutes=1)) == first + timedelta(minutes=61)
    hub.state.away = True
    hub.clock.tick(timedelta(hours=2))
    await hub.note_key_uses()
    hub.note_key_uses.seen(key)
    with pytest.raises(StoreUnavailableError):
        await hub.note_key_uses()
    hub.state.away = False
    await hub.note_key_uses()
    assert hub.state.api_keys[key.id].used_at == hub.clock.time
    assert hub.state.api_keys[idle.id].used_at is None
