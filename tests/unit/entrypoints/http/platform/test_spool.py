"""
What senders that do not come again are told while the store is away, and what becomes of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest
from aiohttp import ClientResponse
from attrs import define, evolve
from structlog.testing import capture_logs

from odoo_ai_config.adapters.memory.message_spool import MemoryMessageSpool
from odoo_ai_config.application.errors import (
    ContentionError,
    SpoolUnavailableError,
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.application.ports.message_spool import SpoolLimits
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.inbox import InboxMessage, Stage
from odoo_ai_config.entrypoints.bringing_in import BringingIn
from odoo_ai_config.entrypoints.http.platform import spool as module
from odoo_ai_config.entrypoints.http.platform.app_keys import STORE_WATCH
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.http.platform.spool import SPOOL, KnownSenders
from tests.contract.samples import AT
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.application.messages.test_payloads import WHATSAPP
from tests.unit.entrypoints.http.addresses.test_addresses import created, posted
from tests.unit.entrypoints.http.chatwoot.test_webhook import (
    map_account,
    set_account,
    signed,
)
from tests.unit.entrypoints.http.chatwoot.test_webhook import (
    push as push_raw,
)
from tests.unit.entrypoints.http.web_hub import WebHub, having, serving, without

NOW: Final = int(AT.timestamp())
SECRET, TOKEN = "whs-installation", "token-of-the-installation"
WRONG: Final = {"X-API-Key": "oac_k3Jd81LmQz0x_" + "x" * 43}
TOTAL: Final = 256 * 1024


@define
class Time:
    now: float = NOW


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def options(time: Time) -> HttpOptions:
    return HttpOptions(version="1.2.3", unix_time=lambda: time.now)


@pytest.fixture
def spool() -> MemoryMessageSpool:
    return MemoryMessageSpool(SpoolLimits(TOTAL))


@pytest.fixture
async def web(options: HttpOptions, spool: MemoryMessageSpool) -> AsyncIterator[WebHub]:
    fallback = ChatwootAccess(
        webhook_secrets=(SecretText(SECRET),), webhook_tokens=(SecretText(TOKEN),)
    )
    async with serving(MemoryHub(chatwoot_fallback=fallback, spool=spool), options) as web:
        await map_account(web)
        yield web


def message(number: int, *, conversation: int = 7, account: int = 1) -> dict[str, Any]:
    payload = having(having(WHATSAPP, number, "id"), account, "account", "id")
    return having(payload, conversation, "conversation", "id")


async def push(
    web: WebHub,
    payload: Any,
    headers: dict[str, str] | None = None,
    *,
    path: str = "/webhook",
    delivery: str | None = None,
    at: int = NOW,
) -> ClientResponse:
    """
    Post an event as Chatwoot does: signed, unless *headers* say otherwise.
    """
    raw = json.dumps(payload).encode()
    headers = signed(raw, at=at, delivery=delivery) if headers is None else headers
    return await push_raw(web, raw, headers, path=path)


async def status_of(web: WebHub, payload: Any, headers: Any = None, **more: Any) -> Any:
    answer = await push(web, payload, headers, **more)
    body = await answer.json()
    return body["status"] if answer.status == 200 else (answer.status, body["code"])


def bringing_in_of(web: WebHub) -> BringingIn:
    assert web.services.bring_in_arrivals is not None
    assert web.client.app is not None
    return BringingIn(web.client.app, web.services.bring_in_arrivals)


async def look(web: WebHub) -> None:
    await bringing_in_of(web).look()


async def come_back(web: WebHub) -> None:
    web.hub.state.away = False
    assert web.client.app is not None
    await web.client.app[STORE_WATCH].ready()
    await look(web)


async def stored(web: WebHub) -> list[InboxMessage]:
    found = await web.services.ports.inbox.page(stages=list(Stage), limit=100)
    return sorted((one for one in found), key=lambda one: one.id)


def counted(web: WebHub, outcome: str) -> float:
    name = f'odoo_ai_config_spool_requests_total{{outcome="{outcome}"}} '
    lines = web.metrics.exposition().decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(name))


async def test_message_of_an_outage_waits_and_is_stored_when_the_store_is_back(
    web: WebHub, time: Time
) -> None:
    web.hub.state.away = True
    answer = await push(web, message(1))
    receipt = await answer.json()
    assert (answer.status, receipt["success"], receipt["status"]) == (200, True, "spooled")
    ready = await web.get("/ready")
    assert (ready.status, await ready.json()) == (200, {"status": "spooling"})
    web.hub.state.away = False
    # Still for those who wait behind it.
    assert (await (await web.get("/ready")).json())["status"] == "spooling"
    time.now += 3600

    await come_back(web)

    (one,) = await stored(web)
    assert (one.id.value, one.stage) == (receipt["message_id"], Stage.QUEUED)
    assert one.received_at.timestamp() == NOW
    assert (await (await web.get("/ready")).json())["status"] == "ready"
    assert (counted(web, "spooled"), counted(web, "brought_in")) == (1, 1)
    # Chatwoot's own repetition, an hour later.
    again = await (await push(web, message(1), at=NOW + 3600)).json()
    assert (again["status"], again["message_id"]) == ("duplicate", receipt["message_id"])


async def test_each_event_is_stored_once_however_often_it_came(web: WebHub) -> None:
    web.hub.state.away = True
    nameless = without(message(1), "id")
    for payload in (message(1), message(1), nameless):
        assert await status_of(web, payload, delivery="delivery-1") == "spooled"
    await come_back(web)
    assert len(await stored(web)) == 2


async def test_commit_without_an_answer_is_recognised(
    web: WebHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = web.services.receive_message.store
    commit = type(store).commit

    async def lose_the_answer(self: Any, changeset: Any) -> None:
        await commit(self, changeset)
        raise StoreUnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(type(store), "commit", lose_the_answer)
        assert await status_of(web, message(1)) == "spooled"
    await come_back(web)
    assert len(await stored(web)) == 1
    assert counted(web, "brought_in") == 1


@pytest.mark.parametrize("named", [True, False])
async def test_crash_between_the_store_and_the_spool_adds_nothing_twice(
    web: WebHub, spool: MemoryMessageSpool, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    path = (await created(web, fields={}))["path"]
    web.hub.state.away = True
    # By a token, nothing else tells a message without an id apart.
    payload = message(1) if named else without(message(1), "id")
    assert await status_of(web, payload, {}, path=f"/webhook/{TOKEN}") == "spooled"
    assert (await posted(web, path))[1]["status"] == "spooled"
    waiting = await spool.oldest(limit=9)
    await come_back(web)
    for arrival in waiting:
        await spool.add(arrival)
    await look(web)
    assert len(await stored(web)) == 1
    config = await (await web.get("/configs/a13/retail/config")).json()
    assert config["version"] == 1
    assert spool.waiting == 0


async def test_conversation_keeps_its_order_and_others_do_not_wait(
    web: WebHub, spool: MemoryMessageSpool
) -> None:
    web.hub.state.away = True
    assert await status_of(web, message(1)) == "spooled"
    web.hub.state.away = False
    assert web.client.app is not None
    await web.client.app[STORE_WATCH].ready()
    assert await status_of(web, message(2, conversation=8)) == "accepted"
    assert await status_of(web, message(3)) == "spooled"
    assert [one.lane for one in await spool.oldest(limit=9)] == ["chatwoot/1/7"] * 2
    await look(web)
    assert await status_of(web, message(4)) == "accepted"
    ids = [str(one.origin.message) for one in await stored(web)]
    assert sorted(ids) == ["1", "2", "3", "4"]


async def test_spool_without_room_does_not_keep_from_the_store_what_would_go_behind(
    web: WebHub, spool: MemoryMessageSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = (await created(web, fields={}))["path"]
    web.hub.state.away = True
    assert await status_of(web, message(1)) == "spooled"
    assert (await posted(web, path))[1]["status"] == "spooled"
    web.hub.state.away = False
    assert web.client.app is not None
    await web.client.app[STORE_WATCH].ready()
    assert (await posted(web, path))[1]["status"] == "spooled"

    async def fail(*_: Any, **__: Any) -> None:
        raise SpoolUnavailableError

    for method in ("add", "holds"):
        with monkeypatch.context() as patch:
            patch.setattr(spool, method, fail)
            assert await status_of(web, message(len(method))) == "accepted"
            assert (await posted(web, path))[1]["changed"] is (method == "add")
    await look(web)
    assert len(await stored(web)) == 3


async def test_message_that_too_many_writers_keep_out_waits(
    web: WebHub, spool: MemoryMessageSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(*_: Any, **__: Any) -> None:
        raise ContentionError

    with monkeypatch.context() as patch:
        patch.setattr(type(web.services.receive_message), "__call__", lose)
        assert await status_of(web, message(1)) == "spooled"
    assert web.client.app is not None
    assert web.client.app[STORE_WATCH].away is None
    await look(web)
    assert len(await stored(web)) == 1


async def test_nobody_waits_for_a_store_that_hangs(
    web: WebHub, spool: MemoryMessageSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = (await created(web, fields={}))["path"]
    receive = type(web.services.receive_message).__call__

    async def hang_afterwards(*arguments: Any, **named: Any) -> None:
        await receive(*arguments, **named)
        await asyncio.Event().wait()

    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    assert web.client.app is not None
    monkeypatch.setattr(web.client.app[SPOOL], "patience", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr(type(web.services.receive_message), "__call__", hang_afterwards)
        assert await status_of(web, message(1)) == "spooled"
    await web.client.app[STORE_WATCH].ready()
    with monkeypatch.context() as patch:
        patch.setattr(type(web.services.open_address), "__call__", hang)
        assert (await posted(web, path))[1]["status"] == "spooled"
    assert web.client.app[STORE_WATCH].away is StoreFailure.AWAY
    await come_back(web)
    assert (len(await stored(web)), spool.waiting) == (1, 0)


async def test_store_that_is_known_to_be_away_is_not_asked(
    web: WebHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.hub.state.away = True
    assert await status_of(web, message(1)) == "spooled"
    monkeypatch.setattr(type(web.services.receive_message), "__call__", None)
    monkeypatch.setattr(type(web.services.chatwoot_accounts), "access_to", None)
    assert await status_of(web, message(2)) == "spooled"
    assert await status_of(web, ["not a message"]) == (503, "store_unavailable")
    await look(web)
    assert counted(web, "brought_in") == 0


async def test_store_that_goes_away_again_keeps_the_rest_waiting(
    web: WebHub, spool: MemoryMessageSpool
) -> None:
    web.hub.state.away = True
    await status_of(web, message(1))
    assert web.client.app is not None
    # It has not been noticed yet.
    watch = web.client.app[STORE_WATCH]
    web.hub.state.away = False
    await watch.ready()
    web.hub.state.away = True
    await look(web)
    assert (spool.waiting, watch.away) == (1, StoreFailure.AWAY)
    await come_back(web)
    assert spool.waiting == 0


@pytest.mark.parametrize(
    "error",
    [StoreUnavailableError(StoreFailure.BUSY), StoreUnusableError("", StoreFailure.REFUSED)],
)
async def test_store_that_may_answer_others_is_asked_by_the_next_request(
    web: WebHub, error: StoreUnavailableError | StoreUnusableError
) -> None:
    assert web.client.app is not None
    web.client.app[STORE_WATCH].noted(error)
    assert await status_of(web, message(1)) == "accepted"


async def test_wrong_credentials_are_refused_when_the_store_is_back(
    web: WebHub, spool: MemoryMessageSpool
) -> None:
    path = (await created(web))["path"]
    web.hub.state.away = True
    wrong = [
        (WRONG, "/webhook"),
        ({}, "/webhook/wrong-token-of-somebody"),
        (signed(b"another body", at=NOW), "/webhook"),
    ]
    for number, (headers, place) in enumerate(wrong):
        assert await status_of(web, message(number), headers, path=place) == "spooled"
    assert (await posted(web, f"{path[:-3]}xyz"))[1]["status"] == "spooled"
    assert not any(one.known for one in await spool.oldest(limit=9))
    with capture_logs() as logged:
        await come_back(web)
    codes = {line["code"] for line in logged if line["event"] == "arrival_dropped"}
    assert codes == {
        "invalid_api_key",
        "webhook_token_invalid",
        "signature_invalid",
        "address_not_found",
    }
    assert (await stored(web), await spool.kept(), spool.waiting) == ([], [], 0)
    assert counted(web, "dropped") == 4


async def test_request_without_a_credential_or_form_is_refused_at_once(web: WebHub) -> None:
    web.hub.state.away = True
    assert await status_of(web, message(1), {}) == (401, "signature_missing")
    assert (await posted(web, "/odoo-webhook/oaa_short"))[0] == 404
    path = "/odoo-webhook/oaa_k3Jd81LmQz0x_" + "x" * 43
    status, problem = await posted(web, path, headers={"Content-Type": "text/plain"})
    assert (status, problem["code"]) == (415, "unsupported_media_type")


async def test_known_senders_are_told_from_strangers_without_the_store(
    web: WebHub, spool: MemoryMessageSpool
) -> None:
    await set_account(
        web, "2", webhook_secrets=["of-two"], webhook_tokens=["token-of-account-2-only"]
    )
    key = {"X-API-Key": await web.new_key(Scope.WEBHOOK)}
    path = (await created(web))["path"]
    of_two = message(10, account=2)
    senders: list[tuple[Any, Any, str]] = [
        (of_two, signed(json.dumps(of_two).encode(), "of-two", at=NOW), "/webhook"),
        (message(11, account=2), {}, "/webhook/token-of-account-2-only"),
        (message(12), key, "/webhook"),
    ]
    for payload, headers, place in senders:
        assert isinstance(await status_of(web, payload, headers, path=place), str)
    await posted(web, path)
    web.hub.state.away = True
    for payload, headers, place in senders:
        assert await status_of(web, payload, headers, path=place) == "spooled"
    # The settings know these, even if they have never sent anything.
    assert await status_of(web, message(13, account=3)) == "spooled"
    assert await status_of(web, message(14, account=3), {}, path=f"/webhook/{TOKEN}") == "spooled"
    assert (await posted(web, path))[0] == 200
    found = await spool.oldest(limit=9)
    assert [one.known for one in found] == [True] * 6
    assert {one.holder for one in found} >= {"chatwoot/2", "chatwoot"}
    # A token of one account does not vouch for another.
    await status_of(web, message(15, account=3), {}, path="/webhook/token-of-account-2-only")
    assert not (await spool.oldest(limit=9))[-1].known


async def test_configured_key_is_known(options: HttpOptions, spool: MemoryMessageSpool) -> None:
    hub = MemoryHub(spool=spool)
    async with serving(hub, options) as web:
        known = await web.services.authenticate(web.key)
        configured = evolve(known, digest=digest_of(web.key))
        object.__setattr__(web.services.authenticate, "configured", configured)
        web.hub.state.away = True
        assert await status_of(web, message(1), {"X-API-Key": web.key}) == "spooled"
    assert [one.holder for one in await spool.oldest(limit=9)] == [known.id]


async def test_flood_of_strangers_does_not_take_the_room_of_known_senders(
    web: WebHub, spool: MemoryMessageSpool
) -> None:
    assert await status_of(web, message(60)) == "accepted"
    web.hub.state.away = True
    refusal = None
    for number in range(1, 200):
        refusal = await push(web, message(number), WRONG)
        if refusal.status != 200:
            break
    assert refusal is not None
    assert (refusal.status, (await refusal.json())["code"]) == (503, "spool_unavailable")
    assert int(refusal.headers["Retry-After"]) > 0
    assert counted(web, "full") == 1
    assert await status_of(web, message(50)) == "spooled"
    assert (await spool.census()).bytes < TOTAL // 4


async def test_senders_are_limited_as_ever(web: WebHub, options: HttpOptions) -> None:
    path = (await created(web))["path"]
    limits = evolve(options, requests_per_second=1, failed_authentications_per_second=1)
    async with serving(web.hub, limits) as limited:
        assert await status_of(limited, message(1)) == "accepted"
        assert (await posted(limited, path))[0] == 200
        for _ in range(3):
            await push(limited, message(2), WRONG)
        limited.hub.state.away = True
        limited_too = (429, "rate_limited")
        assert await status_of(limited, message(3), WRONG) == limited_too
        assert await status_of(limited, message(4)) == limited_too
        assert (await posted(limited, path))[0] == 429
        assert (await posted(limited, f"{path[:-3]}xyz"))[0] == 429
        limited.hub.state.away = False


async def test_full_spool_is_not_ready(web: WebHub, spool: MemoryMessageSpool) -> None:
    web.hub.state.away = True
    await status_of(web, message(1))
    object.__setattr__(spool.limits, "total", 10)
    ready = await web.get("/ready")
    assert (ready.status, (await ready.json())["cause"]) == (503, "away")
    assert await status_of(web, message(2)) == (503, "spool_unavailable")


async def test_process_that_cannot_use_the_store_is_not_ready_and_loses_nothing(
    web: WebHub, spool: MemoryMessageSpool
) -> None:
    web.hub.state.away = True
    assert web.client.app is not None
    watch = web.client.app[STORE_WATCH]
    watch.noted(StoreUnusableError("Pare este processo.", StoreFailure.NEWER_SCHEMA))
    ready = await web.get("/ready")
    assert (ready.status, (await ready.json())["cause"]) == (503, "newer_schema")
    assert await status_of(web, message(1)) == "spooled"
    # Another failure since then may pass.
    watch.noted(StoreUnavailableError(StoreFailure.NO_PRIMARY))
    assert (await web.get("/ready")).status == 200


async def test_authentic_arrival_that_is_refused_is_kept_for_a_person(
    web: WebHub, spool: MemoryMessageSpool
) -> None:
    key = await web.new_key(Scope.WEBHOOK, tenant="somebody-else")
    path = (await created(web))["path"]
    web.hub.state.away = True
    assert await status_of(web, message(1), {"X-API-Key": key}) == "spooled"
    assert (await posted(web, path, {"_id": 1, "_model": "res.users"}))[0] == 200
    with capture_logs() as logged:
        await come_back(web)
    codes = {line["code"] for line in logged if line["event"] == "arrival_refused"}
    assert codes == {"tenant_forbidden", "address_mismatch"}
    assert {one.refusal for one in await spool.kept()} == codes
    assert (counted(web, "refused"), await stored(web)) == (2, [])
    # Once the mapping is right, a person lets it in.
    await map_account(web, "somebody-else")
    await spool.requeue([one.id for one in await spool.kept()])
    await look(web)
    assert [one.origin.account for one in await stored(web)] == [ChatwootId("1")]


async def test_unexpected_error_is_told_and_stops_nothing(
    web: WebHub, spool: MemoryMessageSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.hub.state.away = True
    for number in (1, 2):
        await status_of(web, message(number))
    receive = type(web.services.receive_message).__call__

    async def fail_once(self: Any, event: Any, *args: Any, **kwargs: Any) -> Any:
        if event.origin.message.value == "1":
            raise LookupError
        return await receive(self, event, *args, **kwargs)

    monkeypatch.setattr(type(web.services.receive_message), "__call__", fail_once)
    with capture_logs() as logged:
        await come_back(web)
    assert [type(line["exc_info"]) for line in logged if line["event"] == "arrival_refused"] == [
        LookupError
    ]
    assert [one.refusal for one in await spool.kept()] == ["unexpected"]
    assert len(await stored(web)) == 1


async def test_arrivals_expire(web: WebHub, spool: MemoryMessageSpool, time: Time) -> None:
    time.now = (web.hub.clock.now() - timedelta(hours=25)).timestamp()
    web.hub.state.away = True
    await status_of(web, message(1), WRONG)
    with capture_logs() as logged:
        await look(web)
    assert [line["count"] for line in logged if line["event"] == "arrival_expired"] == [1]
    assert (spool.waiting, counted(web, "expired")) == (0, 1)


async def test_events_of_odoo_do_not_wait_because_odoo_comes_again(web: WebHub) -> None:
    web.hub.state.away = True
    event = {"event_type": "credentials_sync", "account_id": "a", "token": "t"}
    for path in ("/odoo-webhook", "/webhook"):
        answer = await web.post(path, event)
        assert (answer.status, (await answer.json())["code"]) == (503, "store_unavailable")
    assert (await posted(web, "/odoo-webhook", event, headers={"X-API-Key": web.key}))[0] == 503


async def test_what_waits_is_in_the_metrics(web: WebHub, time: Time) -> None:
    assert b"odoo_ai_config_spool_arrivals 0.0" in web.metrics.exposition()
    time.now = (web.hub.clock.now() - timedelta(minutes=5)).timestamp()
    web.hub.state.away = True
    await status_of(web, message(1), WRONG)
    await look(web)
    shown = web.metrics.exposition().decode()
    assert "odoo_ai_config_spool_arrivals 1.0" in shown
    assert "odoo_ai_config_spool_oldest_seconds 300.0" in shown


async def test_disk_of_the_spool_that_fails_is_in_the_log_once(
    web: WebHub, spool: MemoryMessageSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise SpoolUnavailableError(StoreFailure.IO_ERROR)

    web.hub.state.away = True
    with monkeypatch.context() as patch, capture_logs() as logged:
        for method in ("add", "census", "expire"):
            patch.setattr(spool, method, fail)
        assert await status_of(web, message(1)) == (503, "spool_unavailable")
        assert (await web.get("/ready")).status == 503
        bringing_in = bringing_in_of(web)
        await bringing_in.count()
        for _ in range(41):
            await bringing_in.look()
    causes = [line["cause"] for line in logged if line["event"] == "spool_failed"]
    assert causes == ["io_error", "io_error"]
    assert counted(web, "failed") == 1


async def test_too_many_writers_are_told_and_the_arrival_waits(
    web: WebHub, spool: MemoryMessageSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(*_: Any, **__: Any) -> None:
        raise ContentionError

    web.hub.state.away = True
    await status_of(web, message(1))
    with monkeypatch.context() as patch, capture_logs() as logged:
        patch.setattr(type(web.services.receive_message), "__call__", lose)
        await come_back(web)
    assert {"event": "bringing_in_failed", "code": "contention"}.items() <= logged[-1].items()
    assert spool.waiting == 1
    await look(web)
    assert spool.waiting == 0


def test_known_senders_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_KNOWN", 2)
    senders = KnownSenders()
    for credential in ("a", "b", "a", "c"):
        senders.note(credential, credential)
    assert [senders.holder_of(one) for one in "abc"] == ["a", None, "c"]
    assert senders.stranger_at(None) != senders.stranger_at("127.0.0.1")
    assert senders.stranger_at("127.0.0.1") != KnownSenders().stranger_at("127.0.0.1")
