"""
The cost of unauthenticated requests, and that they do not affect others.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import define, field

from odoo_ai_config.adapters.memory.api_key_store import MemoryApiKeyStore
from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.entrypoints.http.chatwoot import senders as chatwoot_senders
from odoo_ai_config.entrypoints.http.platform.app_keys import LIMITS
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.startup import trusted
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.application.messages.test_payloads import FAKE, WHATSAPP
from tests.unit.entrypoints.http.chatwoot.test_webhook import (
    NOW,
    OTHER_TOKEN,
    code_of,
    hub_with_secrets,
    map_account,
    push,
    receipt_of,
    set_account,
    signed,
)
from tests.unit.entrypoints.http.web_hub import WebHub, having, serving, without

BARE = without(without(WHATSAPP, "account"), "conversation", "messages")
STRANGE = "oac_abcdefghijkl_" + "x" * 43


@define
class CountingKeys(MemoryApiKeyStore):
    """
    A store of keys that counts its calls.
    """

    asked: Counter[str] = field(factory=Counter)

    async def api_key(self, key_id: str) -> ApiKey | None:
        self.asked["one"] += 1
        return await super().api_key(key_id)

    async def api_keys(self) -> Sequence[ApiKey]:
        self.asked["all"] += 1
        return await super().api_keys()


@define
class Hashing:
    """
    Counts hashing: calls, bytes and threads.
    """

    times: int = 0
    size: int = 0
    threads: set[int] = field(factory=set)

    @property
    def on_the_loop(self) -> bool:
        return threading.get_ident() in self.threads


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch) -> Hashing:
    seen, digest = Hashing(), SigningKey.digest

    def counted(key: SigningKey, message: bytes) -> bytes:
        seen.times += 1
        seen.size += len(message)
        seen.threads.add(threading.get_ident())
        return digest(key, message)

    monkeypatch.setattr(SigningKey, "digest", counted)
    return seen


@pytest.fixture
def options() -> HttpOptions:
    return HttpOptions(version="1", unix_time=lambda: NOW)


@pytest.fixture
def slow() -> HttpOptions:
    """
    Rates so slow that no bucket fills while a test runs.
    """
    return HttpOptions(version="1", failed_authentications_per_second=0.001, unix_time=lambda: NOW)


@pytest.fixture
async def web(options: HttpOptions) -> Any:
    async with serving(hub_with_secrets(), options) as web:
        yield web


def padded(payload: Any, size: int) -> bytes:
    raw = json.dumps(payload).encode()
    return raw + b" " * (size - len(raw))


async def accounts_with_secrets(web: WebHub, count: int) -> None:
    for number in range(1, count + 1):
        answer = await set_account(web, str(number), webhook_secrets=[f"secret-{number}"])
        assert answer.status == 200


# Keys.


async def test_who_shows_no_key_has_tried_none(web: WebHub) -> None:
    statuses = {(await web.client.get("/configs/a")).status for _ in range(12)}
    assert statuses == {401}


async def test_good_keys_are_good_behind_an_address_that_has_failed_too_often(
    slow: HttpOptions,
) -> None:
    async with serving(MemoryHub(), slow) as web:
        later = web.with_key(await web.new_key())
        revoked = await web.new_key()
        await web.services.revoke_api_key(revoked.split("_")[1], caller=trusted("test"))
        assert (await web.with_key(STRANGE).get("/configs/a")).status == 401
        for key in (STRANGE, revoked, web.key[:-1] + "~", "short", ""):
            assert (await web.with_key(key).get("/configs/a")).status == 429
        assert (await web.get("/configs/a")).status == 200
        assert (await later.get("/configs/a")).status == 200


async def test_good_keys_are_no_failures_while_the_store_is_away(slow: HttpOptions) -> None:
    async with serving(MemoryHub(), slow) as web:
        web.client.app[LIMITS].failures.failed("192.0.2.1")
        web.hub.state.away = True
        for key in (web.key, web.key, STRANGE):
            assert await code_of(await web.with_key(key).get("/configs/a")) == (
                503,
                "store_unavailable",
            )
        assert web.client.app[LIMITS].failures.wait("127.0.0.1") == 0


async def test_wrong_keys_ask_the_store_no_more_than_they_may(slow: HttpOptions) -> None:
    keys = CountingKeys(MemoryState())
    async with serving(MemoryHub(keys.state, api_keys=keys), slow) as web:
        for _ in range(50):
            await web.with_key(STRANGE).get("/configs/a")
            await push(web, FAKE, {"X-API-Key": STRANGE})
        assert keys.asked["one"] == 1


async def test_wrong_keys_of_all_addresses_together_ask_no_more_either(slow: HttpOptions) -> None:
    keys = CountingKeys(MemoryState())
    async with serving(MemoryHub(keys.state, api_keys=keys), slow) as web:
        web.client.app[LIMITS].failures.failed("192.0.2.1")
        assert (await web.with_key(STRANGE).get("/configs/a")).status == 401
        assert keys.asked == {"all": 1}
        assert (await web.get("/configs/a")).status == 200


# Senders of Chatwoot.


async def test_accounts_of_chatwoot_are_limited_each_by_itself() -> None:
    options = HttpOptions(version="1", requests_per_second=0.001, unix_time=lambda: NOW)
    async with serving(hub_with_secrets(), options) as web:

        async def statuses(account: int) -> list[int]:
            payload = having(WHATSAPP, account, "account", "id")
            return [(await push(web, having(payload, n, "id"))).status for n in (1, 2)]

        assert await statuses(1) == [200, 429]
        assert await statuses(2) == [200, 429]
        assert (await push(web, BARE)).status == 200
        key = await web.new_key(Scope.WEBHOOK)
        assert (await push(web, BARE, {"X-API-Key": key})).status == 200


async def test_chatwoot_gets_in_behind_an_address_that_has_failed_too_often(
    slow: HttpOptions, hashing: Hashing
) -> None:
    async with serving(hub_with_secrets(), slow) as web:
        await set_account(web, "1", webhook_secrets=["own"], webhook_tokens=[OTHER_TOKEN])
        raw, large = padded(WHATSAPP, 1), padded(WHATSAPP, 256 * 1024)
        assert (await push(web, raw, signed(raw, "x"))).status == 401
        for headers in (signed(raw, "x"), {"X-API-Key": "x"}):
            assert (await push(web, raw, headers)).status == 429
        assert (await push(web, raw, {}, path="/webhook/nobodys-token-of-any-size")).status == 429
        assert (await push(web, raw)).status == 200
        assert (await push(web, raw, signed(raw, "own"))).status == 200
        assert (await push(web, raw, {}, path=f"/webhook/{OTHER_TOKEN}")).status == 200
        assert (await push(web, having(WHATSAPP, 7, "account", "id"))).status == 200
        assert (await push(web, FAKE, {"X-API-Key": web.key})).status == 200
        # For such an address the hub does nothing that costs more than an ordinary request.
        hashing.times = 0
        assert (await push(web, large)).status == 429
        assert hashing.times == 0
        # Nor does it try all accounts that an event could belong to.
        bare = padded(BARE, 1)
        assert (await push(web, bare, signed(bare, "own"))).status == 429
        assert (await push(web, bare)).status == 200
        own = f"/webhook/{OTHER_TOKEN}"
        assert (await push(web, bare, signed(bare, "own"), path=own)).status == 200
        assert (await push(web, BARE, {"X-API-Key": web.key})).status == 200


@pytest.mark.parametrize("size", [1, 64 * 1024, 1024 * 1024])
async def test_event_without_an_account_costs_no_more_the_more_accounts_there_are(
    web: WebHub, hashing: Hashing, size: int
) -> None:
    await accounts_with_secrets(web, 60)
    raw = padded(BARE, size)
    assert await code_of(await push(web, raw, signed(raw, "x"))) == (401, "signature_invalid")
    hashing.times -= 1
    assert hashing.times <= chatwoot_senders._MOST_TRIED
    assert hashing.size <= chatwoot_senders._MOST_HASHED + size + 1000
    assert hashing.on_the_loop == (size == 1)


async def test_account_that_an_event_leaves_out_is_found_among_those_heard_of_last(
    web: WebHub,
) -> None:
    await accounts_with_secrets(web, 60)
    named = json.dumps(having(WHATSAPP, 60, "account", "id")).encode()
    bare = json.dumps(BARE).encode()
    assert (await push(web, bare, signed(bare, "secret-60"))).status == 401
    assert (await push(web, named, signed(named, "secret-60"))).status == 200
    assert (await push(web, bare, signed(bare, "secret-60"))).status == 200
    assert (await push(web, bare, signed(bare, "secret-59"))).status == 401


async def test_end_of_the_address_tells_the_account_however_many_there_are(web: WebHub) -> None:
    await accounts_with_secrets(web, 60)
    await set_account(web, "59", webhook_tokens=[OTHER_TOKEN])
    await map_account(web, chatwoot_account_id=59)
    raw, path = json.dumps(BARE).encode(), f"/webhook/{OTHER_TOKEN}"
    assert await code_of(await push(web, raw, signed(raw, "x"), path=path)) == (
        401,
        "signature_invalid",
    )
    assert await receipt_of(await push(web, raw, {}, path=path)) == ("accepted", None)
    again = await push(web, raw, signed(raw, "secret-59"), path=path)
    assert await receipt_of(again) == ("duplicate", None)


async def test_large_event_is_checked_by_a_thread(web: WebHub, hashing: Hashing) -> None:
    await set_account(web, "1", webhook_secrets=[f"secret-{number}" for number in range(4)])
    raw = padded(WHATSAPP, 256 * 1024 // 4 + 1)
    assert (await push(web, raw, signed(raw, "secret-3"))).status == 200
    assert not hashing.on_the_loop
