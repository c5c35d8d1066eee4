from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.access import (
    ALL_SCOPES,
    NO_OCCASION,
    ApiKey,
    Occasion,
    Scope,
    ScopeMissingError,
    is_guessable,
    lifetime,
)
from odoo_ai_config.domain.errors import InvalidValueError, TenantForbiddenError
from odoo_ai_config.domain.identifiers import HUB, TenantId

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
ANA = TenantId("ana")
KEY = ApiKey("k1", "odoo", b"digest", frozenset({Scope.WEBHOOK}), None, NOON)


def test_key_permits_only_its_scopes() -> None:
    KEY.require(Scope.WEBHOOK)
    for scope in ALL_SCOPES - {Scope.WEBHOOK}:
        with pytest.raises(ScopeMissingError) as caught:
            KEY.require(scope)
        assert caught.value.scope is scope


@pytest.mark.parametrize("scope", Scope)
def test_admin_includes_every_scope_and_no_other_does(scope: Scope) -> None:
    evolve(KEY, scopes=frozenset({Scope.ADMIN})).require(scope)
    if scope is not Scope.ADMIN:
        with pytest.raises(ScopeMissingError):
            evolve(KEY, scopes=frozenset({scope})).require(Scope.ADMIN)


def test_bound_key_sees_its_own_tenant_only() -> None:
    KEY.require_tenant(ANA)
    KEY.require_unbound()
    bound = evolve(KEY, tenant=ANA)
    bound.require_tenant(ANA)
    with pytest.raises(TenantForbiddenError):
        bound.require_tenant(TenantId("bia"))
    with pytest.raises(TenantForbiddenError):
        bound.require_unbound()


@pytest.mark.parametrize("scope", Scope)
def test_settings_of_the_hub_are_for_admins_only(scope: Scope) -> None:
    caller = evolve(KEY, scopes=frozenset({scope}))
    if scope is Scope.ADMIN:
        caller.require_tenant(HUB)
        return
    with pytest.raises(ScopeMissingError) as caught:
        caller.require_tenant(HUB)
    assert caught.value.scope is Scope.ADMIN


def test_admin_of_one_tenant_does_not_see_what_is_the_hubs_own() -> None:
    with pytest.raises(TenantForbiddenError):
        evolve(KEY, scopes=ALL_SCOPES, tenant=ANA).require_tenant(HUB)


def test_first_revocation_counts() -> None:
    revoked = KEY.revoked(NOON)
    assert revoked.revoked_at == NOON
    assert revoked.revoked(NOON + timedelta(days=1)) == revoked
    assert KEY.revoked_at is None


@pytest.mark.parametrize(
    "secret",
    [
        "x7Kq2-wP9_zR4vT8mB1",
        " " * 20,
        "x" * 40,
        "12345678901234567890",
        "98765432109876543210",
        "13579135791357913579",
        "0123456789abcdefghij",
        "abcabcabcabcabcabcabcabc",
        "aaaabbbbccccddddeeeeffff",
        "qwertyuiopASDFGHJKLzxcvbnm",
        "passwordpasswordpassword",
        "changeme-changeme-changeme",
        "development-api-key-1",
        "00000000-0000-0000-0000-000000000000",
        "a1ba1ca1da1ba1ca1da1ba1c"[:20],
    ],
)
def test_short_or_regular_secret_is_guessable(secret: str) -> None:
    assert is_guessable(secret)


@pytest.mark.parametrize(
    "secret",
    [
        "x7Kq2-wP9_zR4vT8mB1n",
        "vinte-caracteres-ja!",
        "token-of-the-installation",
        "6d0f0a35-5fe3-4d6f-a8a0-1d2c6a1f0001",
    ],
)
def test_irregular_secret_is_not_guessable(secret: str) -> None:
    assert not is_guessable(secret)


@given(part=st.text(min_size=1, max_size=6), times=st.integers(5, 30))
def test_repeated_short_text_is_guessable(part: str, times: int) -> None:
    assert is_guessable(part * times)


def test_random_hexadecimal_digits_are_never_refused() -> None:
    make = random.Random(11).randbytes
    assert not any(is_guessable(make(16).hex()) for _ in range(2000))


def test_key_ends_when_it_is_revoked_or_expires() -> None:
    second = timedelta(seconds=1)
    assert not KEY.ended(NOON)
    assert KEY.revoked(NOON).ended(NOON - second)
    expiring = KEY.expiring(NOON)
    assert [expiring.ended(at) for at in (NOON - second, NOON, NOON + second)] == [
        False,
        True,
        True,
    ]
    # The earlier end counts.
    assert expiring.expiring(NOON + second) == expiring
    assert expiring.expiring(NOON - second).expires_at == NOON - second


@pytest.mark.parametrize("reason", ["INC-4711", "senha trocada a pedido da Ana", "ç" * 500])
def test_caller_says_why(reason: str) -> None:
    speaking = KEY.because(reason, "request-1")
    assert speaking.occasion == Occasion(reason, "request-1")
    # It is no part of the key.
    assert speaking == KEY
    assert KEY.because(None).occasion == NO_OCCASION


@pytest.mark.parametrize(
    "reason",
    [
        "",
        " ",
        " x",
        "x ",
        "x" * 501,
        "two\nlines",
        "bell\x07",
        "\udc80",
        "a chave oac_abcdefghijkl_AbCdEfGhIjKlMnOpQrStUvWx vazou",
        "senha=hunter2hunter2",
        "https://user:hunter2@example.com",
        "Bearer abcdefghijklmnop0123",
    ],
)
def test_reason_is_one_short_line_without_a_secret(reason: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        KEY.because(reason)
    assert (caught.value.field, caught.value.rule) == ("reason", "reason")


def test_nobody_grants_more_than_they_have() -> None:
    admin = evolve(KEY, scopes=frozenset({Scope.ADMIN}))
    admin.require_grantable(None, None)
    admin.require_grantable(ANA, None)
    bound = evolve(admin, tenant=ANA)
    bound.require_grantable(ANA, None)
    for tenant in (None, TenantId("bia")):
        with pytest.raises(TenantForbiddenError):
            bound.require_grantable(tenant, None)
    with pytest.raises(ScopeMissingError):
        KEY.require_grantable(None, None)
    end = admin.created_at + timedelta(days=1)
    brief = evolve(admin, expires_at=end)
    brief.require_grantable(None, end)
    for later in (None, end + timedelta(microseconds=1)):
        with pytest.raises(InvalidValueError) as caught:
            brief.require_grantable(None, later)
        assert caught.value.rule == "outlives"


@pytest.mark.parametrize(
    ("text", "length"),
    [("90d", timedelta(days=90)), ("12h", timedelta(hours=12)), ("1m", timedelta(minutes=1))],
)
def test_lifetime_is_read(text: str, length: timedelta) -> None:
    assert lifetime(text) == length


@pytest.mark.parametrize("text", ["", "0d", "90", "d", "-1d", "1 d", "1.5h", "999999d", "1D"])
def test_other_text_is_no_lifetime(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        lifetime(text)
    assert caught.value.rule == "lifetime"


def test_hub_is_nobodys_client() -> None:
    admin = evolve(KEY, scopes=ALL_SCOPES)
    with pytest.raises(InvalidValueError) as event:
        admin.require(Scope.WEBHOOK, HUB)
    with pytest.raises(InvalidValueError) as bound:
        admin.require_grantable(HUB, None)
    assert (event.value.field, bound.value.field) == ("account_id", "tenant_id")
    assert {event.value.rule, bound.value.rule} == {"account_id"}
