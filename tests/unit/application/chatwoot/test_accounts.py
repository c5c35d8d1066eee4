from __future__ import annotations

from base64 import urlsafe_b64encode
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypedDict

import pytest
from attrs import evolve

from odoo_ai_config.application.chatwoot.accounts import ChatwootAccounts
from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.chatwoot import (
    ChatwootAccess,
    ChatwootChange,
    ChatwootSettings,
    account_at,
    place_of,
)
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.documents.syncs import CredentialsSync
from odoo_ai_config.domain.errors import (
    EncryptedValueError,
    InvalidValueError,
    TenantForbiddenError,
    UnknownFingerprintError,
)
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    HUB,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import JsonObject
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to


class ListTenantsPage(TypedDict, total=False):
    after: TenantId
    limit: int


ONE, TWO = ChatwootId("1"), ChatwootId("2")
ODD = ChatwootId("Account_1")
URL = "https://chatwoot.example"
LONG = "x7Kq2-wP9_zR4vT8mB1n"


def secrets(*texts: str) -> tuple[SecretText, ...]:
    return tuple(map(SecretText, texts))


ENCRYPTED = "ENC:" + urlsafe_b64encode(b"\x80" + bytes(8 + 16 + 16 + 32)).decode()
FULL = ChatwootChange(URL, secrets("api"), secrets("s1", "s2"), secrets(LONG))
OPENED = ChatwootAccess(URL, SecretText("api"), secrets("s1", "s2"), secrets(LONG))


async def put(hub: MemoryHub, account: ChatwootId | None, change: ChatwootChange) -> None:
    await hub.set_chatwoot_account(account, change, caller=ANYBODY)


async def test_account_that_was_set_can_be_reached(hub: MemoryHub) -> None:
    await put(hub, ONE, FULL)
    assert await hub.chatwoot_accounts.access_to(ONE) == OPENED
    hub.clock.tick(timedelta(seconds=3))
    assert await hub.chatwoot_accounts.access_to(ONE) == OPENED
    assert await hub.chatwoot_accounts.access_to(TWO) == ChatwootAccess()
    assert await hub.chatwoot_accounts.access_to(None) == ChatwootAccess()


async def test_account_has_what_is_its_own_then_what_is_everybodys(hub: MemoryHub) -> None:
    fallback = ChatwootAccess("https://set", None, secrets("s5"), secrets("v" * 20))
    accounts = evolve(hub.chatwoot_accounts, fallback=fallback)
    await put(hub, None, ChatwootChange(None, secrets("everybody"), secrets("s3")))
    await put(hub, ONE, ChatwootChange(URL, None, secrets("s1")))

    assert await accounts.access_to(ONE) == ChatwootAccess(
        URL, SecretText("everybody"), secrets("s1", "s3", "s5"), secrets("v" * 20)
    )
    assert await accounts.access_to(ODD) == await accounts.access_to(None)
    assert (await accounts.access_to(None)).base_url == "https://set"


async def test_secrets_lie_sealed_in_documents_of_the_hub(hub: MemoryHub) -> None:
    await put(hub, ONE, FULL)
    place = place_of(ONE)
    assert await hub.body(place.document(CONFIG)) == {
        "base_url": URL,
        "api_access_token_ref": "api_access_token_1",
        "webhook_secret_refs": ["webhook_secret_1", "webhook_secret_2"],
        "webhook_token_refs": ["webhook_token_1"],
    }
    credentials = await hub.body(place.document(CREDENTIALS))
    assert isinstance(credentials["credentials"], dict)
    assert all(str(value).startswith("sealed:") for value in credentials["credentials"].values())
    assert place.tenant == HUB


async def test_setting_the_same_again_makes_no_version(hub: MemoryHub) -> None:
    await put(hub, ONE, FULL)
    await put(hub, ONE, FULL)
    await put(hub, ONE, ChatwootChange())
    assert {len(history) for history in hub.state.histories.values()} == {1}


async def test_what_is_not_said_stays_and_what_is_empty_goes(hub: MemoryHub) -> None:
    await put(hub, ONE, FULL)
    await put(hub, ONE, ChatwootChange(base_url="https://other/cw/"))
    other = evolve(OPENED, base_url="https://other/cw")
    assert await hub.chatwoot_accounts.access_to(ONE) == other

    await put(hub, ONE, ChatwootChange("", (), webhook_secrets=()))
    left = ChatwootAccess(webhook_tokens=secrets(LONG))
    assert await hub.chatwoot_accounts.access_to(ONE) == left


async def test_value_that_was_read_as_a_fingerprint_stays(hub: MemoryHub) -> None:
    before = await hub.set_chatwoot_account(ONE, FULL, caller=ANYBODY)
    kept = before.sealed["webhook_secret_2"]

    rotated = ChatwootChange(webhook_secrets=(SecretText("s3"), kept))
    after = await hub.set_chatwoot_account(ONE, rotated, caller=ANYBODY)

    access = await hub.chatwoot_accounts.access_to(ONE)
    assert access.webhook_secrets == secrets("s3", "s2")
    assert after.sealed["webhook_secret_2"] == kept
    assert after == await hub.read_chatwoot_accounts.one(ONE, caller=ANYBODY)


async def test_fingerprint_of_nothing_is_refused(hub: MemoryHub) -> None:
    before = await hub.set_chatwoot_account(ONE, FULL, caller=ANYBODY)
    foreign = before.sealed["webhook_token_1"]
    for mark in (foreign, Fingerprint("0" * 32)):
        with pytest.raises(UnknownFingerprintError):
            await put(hub, ONE, ChatwootChange(webhook_secrets=(mark,)))


async def test_accounts_that_are_stored_are_listed(hub: MemoryHub) -> None:
    await put(hub, TWO, ChatwootChange(base_url=URL))
    await put(hub, ONE, FULL)
    await put(hub, None, FULL)
    listed = await hub.read_chatwoot_accounts(caller=ANYBODY)
    assert [account.account for account in listed] == [ONE, TWO]
    assert listed[1].settings == ChatwootSettings(URL)
    directory = await hub.chatwoot_accounts.directory()
    assert directory.accounts == {ONE: OPENED, TWO: ChatwootAccess(URL)}
    assert directory.owner_of(LONG) == ONE
    assert directory.owner_of(LONG[:-1]) is None
    assert LONG not in repr(directory)


async def test_directory_is_read_at_most_every_two_seconds(hub: MemoryHub) -> None:
    others = ChatwootAccounts(hub.ports.store, Sealer(hub.ports.secrets, hub.vault), hub.clock)
    assert (await others.directory()).accounts == {}
    await put(hub, ONE, FULL)
    assert (await others.directory()).accounts == {}
    assert (await hub.chatwoot_accounts.directory()).accounts.keys() == {ONE}
    hub.clock.tick(timedelta(seconds=2))
    found = await others.directory()
    assert found.accounts.keys() == {ONE}
    hub.clock.tick(timedelta(seconds=2))
    assert await others.directory() is found
    await put(hub, TWO, FULL)
    hub.clock.tick(timedelta(seconds=2))
    assert (await others.directory()).accounts == {ONE: OPENED, TWO: OPENED}
    others.forget()
    hub.state.away = True
    with pytest.raises(StoreUnavailableError):
        await others.directory()


async def test_accounts_come_in_the_order_in_which_they_were_heard_of(hub: MemoryHub) -> None:
    three = ChatwootId("3")
    for account in (ONE, TWO, three):
        await put(hub, account, ChatwootChange(base_url=URL))
    accounts = hub.chatwoot_accounts
    directory = await accounts.directory()
    assert [account for account, _ in accounts.by_recency(directory)] == [ONE, TWO, three]
    for number in (*range(10, 1100), 1, 3, 1):
        accounts.heard_of(ChatwootId(str(number)))
    assert [account for account, _ in accounts.by_recency(directory)] == [ONE, three, TWO]
    assert len(accounts._heard) == 1024


async def test_account_of_which_nothing_is_stored_is_empty(hub: MemoryHub) -> None:
    account = await hub.read_chatwoot_accounts.one(ONE, caller=ANYBODY)
    assert (account.settings, account.sealed) == (ChatwootSettings(), {})


async def test_only_an_administrator_of_all_tenants_may_look_or_change(hub: MemoryHub) -> None:
    reader = evolve(ANYBODY, scopes=frozenset({Scope.CONFIG_READ, Scope.CONFIG_WRITE}))
    for caller, refusal in ((reader, ScopeMissingError), (bound_to("a"), TenantForbiddenError)):
        with pytest.raises(refusal):
            await hub.set_chatwoot_account(ONE, FULL, caller=caller)
        with pytest.raises(refusal):
            await hub.read_chatwoot_accounts(caller=caller)
        with pytest.raises(refusal):
            await hub.read_chatwoot_accounts.one(ONE, caller=caller)


async def test_id_that_chatwoot_never_gives_cannot_be_set(hub: MemoryHub) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        await put(hub, ODD, FULL)
    assert (refusal.value.field, refusal.value.rule) == ("account_id", "chatwoot_id")


async def test_changes_of_other_processes_are_seen_after_two_seconds(hub: MemoryHub) -> None:
    others = ChatwootAccounts(hub.ports.store, Sealer(hub.ports.secrets, hub.vault), hub.clock)
    assert await others.access_to(ONE) == ChatwootAccess()
    await put(hub, ONE, FULL)
    assert await others.access_to(ONE) == ChatwootAccess()
    hub.clock.tick(timedelta(seconds=2))
    assert await others.access_to(ONE) == OPENED


async def test_what_was_removed_is_not_believed_while_the_clock_is_behind(hub: MemoryHub) -> None:
    others = ChatwootAccounts(hub.ports.store, Sealer(hub.ports.secrets, hub.vault), hub.clock)
    await put(hub, ONE, FULL)
    assert await others.access_to(ONE) == OPENED
    assert (await others.directory()).accounts[ONE] == OPENED
    await put(hub, ONE, ChatwootChange("", (), (), ()))
    hub.clock.time -= timedelta(days=1)
    hub.clock.tick(timedelta(seconds=2))
    assert await others.access_to(ONE) == ChatwootAccess()
    assert (await others.directory()).accounts[ONE] == ChatwootAccess()


async def test_what_was_read_a_moment_ago_outlives_the_store(hub: MemoryHub) -> None:
    await put(hub, ONE, FULL)
    await hub.chatwoot_accounts.access_to(ONE)
    hub.state.away = True
    assert await hub.chatwoot_accounts.access_to(ONE) == OPENED
    hub.clock.tick(timedelta(seconds=2))
    with pytest.raises(StoreUnavailableError):
        await hub.chatwoot_accounts.access_to(ONE)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"api_token": (SecretText(ENCRYPTED),)}, "api_access_token"),
        ({"webhook_secrets": (SecretText("good"), SecretText(ENCRYPTED))}, "webhook_secrets"),
    ],
)
def test_ciphertext_of_the_replaced_server_is_refused(change: Any, where: str) -> None:
    with pytest.raises(EncryptedValueError) as caught:
        ChatwootChange(**change)
    assert caught.value.field == where


async def test_accounts_that_do_not_exist_do_not_pile_up(hub: MemoryHub) -> None:
    accounts = [ChatwootId(str(number)) for number in range(1, 1200)]
    for account in accounts:
        await hub.chatwoot_accounts.access_to(account)
    hub.state.away = True
    remembered = 0
    for account in accounts:
        with suppress(StoreUnavailableError):
            await hub.chatwoot_accounts.access_to(account)
            remembered += 1
    assert 0 < remembered < 1100
    assert LONG not in repr(hub.chatwoot_accounts)


@pytest.mark.parametrize(
    "url",
    [
        "chatwoot.example",
        "ftp://chatwoot.example",
        "https://user:pw@chatwoot.example",
        "https://chatwoot.example/?a=1",
        "https://chatwoot.example/#x",
        "https://chatwoot.example\n",
        "https://" + "x" * 2048,
    ],
)
def test_invalid_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        ChatwootChange(base_url=url)
    assert refusal.value.rule == "base_url"


@pytest.mark.parametrize("url", ["http://127.0.0.1:3000", "https://[::1]/cw", "https://a.b/c/d"])
def test_address_may_have_a_port_and_a_path(url: str) -> None:
    assert ChatwootChange(base_url=url).base_url == url


@pytest.mark.parametrize(
    "token", ["short", "with/slash" * 4, "ç" * 20, "x" * 129, "0123456789" * 2]
)
def test_token_that_is_guessable_or_not_fit_for_a_path_is_refused(token: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        ChatwootChange(webhook_tokens=secrets(token))
    assert refusal.value.rule == "webhook_token"


def test_more_secrets_than_anybody_needs_are_refused() -> None:
    with pytest.raises(InvalidValueError) as refusal:
        ChatwootChange(webhook_secrets=secrets(*"abcdefghijklmnopq"))
    assert (refusal.value.field, refusal.value.rule) == ("webhook_secrets", "too_many_secrets")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"base_url": 5, "api_access_token_ref": [], "webhook_secret_refs": "s"},
        {"base_url": "", "webhook_secret_refs": [None, "", "a b"], "webhook_token_refs": {}},
    ],
    ids=["empty", "other types", "empty values"],
)
def test_document_that_somebody_wrote_by_hand_is_read_as_far_as_it_goes(
    body: JsonObject,
) -> None:
    assert ChatwootSettings.read(body) == ChatwootSettings()


def test_document_is_read_as_it_was_written() -> None:
    settings = ChatwootSettings(URL, CredentialRef("a"), (CredentialRef("b"),))
    assert ChatwootSettings.read(settings.body) == settings


def test_places_of_the_hub_name_their_account() -> None:
    assert account_at(place_of(ONE).domain) == ONE
    assert account_at(place_of(None).domain) is None
    assert account_at(BusinessArea("unresolved")) is None


def test_settings_that_name_what_is_not_sealed_open_nothing() -> None:
    refs = (CredentialRef("webhook_secret_1"),)
    settings, values = ChatwootChange().made_on(ChatwootSettings(webhook_secrets=refs), {})
    assert settings == ChatwootSettings()
    assert values == {}


async def test_hub_is_not_a_tenant(hub: MemoryHub) -> None:
    await put(hub, ONE, FULL)
    for tenant in ("a", "b", "z"):
        sync = CredentialsSync(TenantArea(TenantId(tenant), BusinessArea()), CredentialRef("t"))
        await hub.sync_credentials(sync, caller=ANYBODY)
    pages = [
        [str(found.tenant) for found in await hub.list_tenants(caller=ANYBODY, **page)]
        for page in (
            ListTenantsPage(limit=2),
            ListTenantsPage(after=TenantId("b"), limit=2),
            ListTenantsPage(limit=4),
        )
    ]
    assert pages == [["a", "b"], ["z"], ["a", "b", "z"]]
