from __future__ import annotations

from math import ceil

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.application.keys import NotedRevocations, TokenPrefix, TokenText
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.domain.access import ALL_SCOPES, ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.errors import ApiKeyNotFoundError, InvalidApiKeyError
from odoo_ai_config.domain.identifiers import TenantId
from tests.contract.samples import AT
from tests.unit.application.memory_hub import MemoryHub

SCOPES = frozenset({Scope.CONFIG_READ})


async def test_created_key_lets_its_holder_in_with_its_scopes(hub: MemoryHub) -> None:
    key, text = await hub.create_api_key(name="crm", scopes=SCOPES, tenant=TenantId("acme"))

    found = await hub.authenticate(text.reveal())

    assert found == key
    assert (found.scopes, found.tenant) == (SCOPES, TenantId("acme"))
    assert text.reveal().startswith(f"oac_{key.id}_")


class Hyphens(TokenSource):
    def token(self, size: int) -> str:
        return ("-_" * size)[: ceil(size * 4 / 3)]


async def test_id_of_a_key_cannot_be_taken_for_an_option(hub: MemoryHub) -> None:
    create = evolve(hub.create_api_key, tokens=Hyphens())

    key, text = await create(name="crm", scopes=SCOPES)

    assert key.id.isalnum()
    assert await hub.authenticate(text.reveal()) == key


async def test_key_itself_is_not_stored(hub: MemoryHub) -> None:
    key, text = await hub.create_api_key(name="crm", scopes=SCOPES)

    secret = text.reveal().rsplit("_", maxsplit=1)[-1]
    assert secret not in repr(hub.state)
    assert key.digest == digest_of(text.reveal()[len(f"oac_{key.id}_") :])


async def test_revoked_key_is_refused(hub: MemoryHub) -> None:
    key, text = await hub.create_api_key(name="crm", scopes=SCOPES)

    revoked = await hub.revoke_api_key(key.id)
    again = await hub.revoke_api_key(key.id)

    assert revoked.revoked_at == again.revoked_at == hub.clock.time
    with pytest.raises(InvalidApiKeyError):
        await hub.authenticate(text.reveal())
    actions = [entry.action for entry in await hub.ports.audit.entries()]
    assert actions == [AuditAction.KEY_REVOKED, AuditAction.KEY_CREATED]


async def test_unknown_key_cannot_be_revoked(hub: MemoryHub) -> None:
    with pytest.raises(ApiKeyNotFoundError):
        await hub.revoke_api_key("nobody")


async def test_wrong_secret_is_refused(hub: MemoryHub) -> None:
    _, text = await hub.create_api_key(name="crm", scopes=SCOPES)
    wrong = text.reveal()[:-1] + ("A" if text.reveal()[-1] != "A" else "B")

    with pytest.raises(InvalidApiKeyError):
        await hub.authenticate(wrong)


@given(presented=st.none() | st.text() | st.from_regex(r"oac_[A-Za-z0-9-]{12}_[\w-]{43}"))
async def test_whatever_is_presented_the_answer_is_the_same(presented: str | None) -> None:
    with pytest.raises(InvalidApiKeyError):
        await MemoryHub().authenticate(presented)


async def test_configured_key_lets_in_beside_those_of_the_store(hub: MemoryHub) -> None:
    configured = ApiKey("c", "c", digest_of("a-long-configured-key"), ALL_SCOPES, None, AT)
    key, text = await hub.create_api_key(name="crm", scopes=SCOPES)
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
    key, text = await hub.create_api_key(name="crm", scopes=SCOPES)
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
        await hub.create_api_key(name="first", scopes=SCOPES, hand_over=keep_and_die)

    assert len(kept) == 1
    assert await hub.ports.api_keys.api_keys() == []


async def test_key_that_a_backup_brings_back_is_revoked_again(hub: MemoryHub) -> None:
    key, text = await hub.create_api_key(name="crm", scopes=SCOPES)
    kept = evolve(key, id="kept")
    hub.state.api_keys[kept.id] = kept
    await hub.revoke_api_key(key.id)
    hub.state.api_keys[key.id] = key
    hub.clock.tick()

    assert [again.id for again in await hub.revoke_api_key.again(actor="startup")] == [key.id]

    with pytest.raises(InvalidApiKeyError):
        await hub.authenticate(text.reveal())
    assert hub.state.api_keys[kept.id] == kept
    entry = (await hub.ports.audit.entries())[0]
    assert (entry.action, entry.actor, entry.subject) == (
        AuditAction.KEY_REVOKED,
        "startup",
        key.id,
    )
    assert await hub.revoke_api_key.again(actor="startup") == []


async def test_revocation_of_a_key_that_was_never_in_the_store_changes_nothing(
    hub: MemoryHub,
) -> None:
    await hub.revoked_keys.note(["created-after-the-backup"])
    assert await hub.revoke_api_key.again(actor="startup") == []
    assert await hub.ports.audit.entries() == []


async def test_revocation_is_noted_even_if_an_earlier_attempt_could_not(hub: MemoryHub) -> None:
    key, _ = await hub.create_api_key(name="crm", scopes=SCOPES)
    hub.state.api_keys[key.id] = key.revoked(hub.clock.now())
    await hub.revoke_api_key(key.id)
    assert await hub.revoked_keys.noted() == {key.id}


async def test_what_was_revoked_elsewhere_is_noted_at_the_start(hub: MemoryHub) -> None:
    key, _ = await hub.create_api_key(name="crm", scopes=SCOPES)
    hub.state.api_keys["kept"] = evolve(key, id="kept")
    hub.state.api_keys[key.id] = key.revoked(hub.clock.now())
    for _ in range(2):
        await hub.revoke_api_key.note_all()
        assert await hub.revoked_keys.noted() == {key.id}


async def test_noted_revocations_tell_what_is_missing_and_what_is_torn(hub: MemoryHub) -> None:
    key, _ = await hub.create_api_key(name="crm", scopes=SCOPES)
    await hub.revoked_keys.note(["abcdefghijkl", "abcdef", "abcdefghijk_"])
    await hub.revoke_api_key(key.id)
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
