"""
Events of Odoo at the addresses of Chatwoot: which are Odoo's, and what becomes of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import ClientResponse
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.json_types import is_blank
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.odoo_events.payloads import sent_by_odoo
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.http.platform.signature import SignaturePolicy
from tests.unit.application.messages.test_payloads import WHATSAPP
from tests.unit.entrypoints.http.chatwoot.test_webhook import (
    NOW,
    TOKEN,
    hub_with_secrets,
    signed,
)
from tests.unit.entrypoints.http.test_any_input import JSON
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, serving, without

CREDENTIALS = fixture("credentials_nested_odoo_button")
MAPPING = fixture("mapping_odoo")
FLAT = fixture("credentials_flat")
DELETE = {"event": "mapping_delete", "mapping": MAPPING["mapping"]}
# Every form in which Odoo's modules and scripts name their events.
EVENTS: dict[str, dict[str, Any]] = {
    "button": CREDENTIALS,
    "button, empty fields": fixture("credentials_nested_empty_fields"),
    "flat": FLAT,
    "mapping": MAPPING,
    "mapping of the test script": fixture("mapping_seed"),
    "company": fixture("company_metadata"),
    "deleted mapping": DELETE,
    "by its source": without(MAPPING, "event"),
    "by its object": without(without(MAPPING, "event"), "source"),
    "credentials by their object": without(without(CREDENTIALS, "event"), "source"),
    "by event_type, beside a name of nobody's": FLAT | {"event": "sync"},
}
ADDRESSES = [
    "/webhook",
    "/webhook/",
    "/webhook/odoo-webhook",
    "/webhook/odoo-webhook/",
    "/webhook/webhook/",
    f"/webhook/{TOKEN}",
    f"/webhook/{TOKEN}/",
    "/webhook/the-token-of-nobody",
]
RULE = {"_action": "Webhook(#312)", "_id": 5, "_model": "x_ai_client", "account_id": "acme"}
CHATWOOT_NAMES = ["message_created", "conversation_created", "contact_updated", "inbox_created"]


@pytest.fixture
def options() -> HttpOptions:
    return HttpOptions(version="1.2.3", unix_time=lambda: NOW + 1)


@pytest.fixture
async def web(options: HttpOptions) -> AsyncIterator[WebHub]:
    async with serving(hub_with_secrets(), options) as web:
        yield web


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[asyncio.Runner, WebHub]]:
    with asyncio.Runner() as runner:
        context = serving(hub_with_secrets(), HttpOptions(version="1"))
        web = runner.run(context.__aenter__())
        yield runner, web
        runner.run(context.__aexit__(None, None, None))


async def code_of(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json())["code"]


def untimed(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "timestamp"}


def nothing_is_stored(web: WebHub) -> bool:
    state = web.hub.state
    return not (state.messages or state.histories or state.mappings)


@pytest.mark.parametrize("name", EVENTS)
async def test_event_is_taken_in_as_at_its_own_address(web: WebHub, name: str) -> None:
    first = await web.post("/webhook", EVENTS[name])
    assert first.status == 200
    own = await web.send(EVENTS[name])
    again = untimed(await own.json())
    assert untimed(await first.json()) | {"changed": False} == again
    for address in ADDRESSES:
        answer = await web.post(address, EVENTS[name])
        assert (answer.status, untimed(await answer.json())) == (200, again)
    assert web.hub.state.messages == {}


@pytest.mark.parametrize("name", [*EVENTS, "rule", "unknown"])
async def test_without_the_right_key_nothing_is_taken_in(web: WebHub, name: str) -> None:
    event = {**EVENTS, "rule": RULE, "unknown": {"event_type": "a_new_one"}}[name]
    raw = json.dumps(event).encode()
    for address in ADDRESSES:
        for headers in (
            {},
            {"X-API-Key": "development-api-key"},
            {"Authorization": "Bearer development-api-key"},
            signed(raw),
        ):
            answer = await web.client.post(
                address, data=raw, headers={"Content-Type": "application/json", **headers}
            )
            assert answer.status in {401, 429}, await answer.text()
    assert nothing_is_stored(web)


async def test_a_bearer_token_is_a_key(web: WebHub) -> None:
    headers = {"Authorization": f"Bearer {web.key}"}
    answer = await web.client.post("/webhook", json=MAPPING, headers=headers)
    assert answer.status == 200
    message = await web.client.post("/webhook", json=WHATSAPP, headers=headers)
    assert (await message.json())["status"] == "accepted"


@pytest.mark.parametrize(
    ("scopes", "tenant", "code"),
    [((Scope.CONFIG_READ,), None, "scope_missing"), ((), "other", "tenant_forbidden")],
)
async def test_key_must_be_allowed_to_push_the_event(
    web: WebHub, scopes: tuple[Scope, ...], tenant: str | None, code: str
) -> None:
    narrow = web.with_key(await web.new_key(*scopes, tenant=tenant))
    assert await code_of(await narrow.post("/webhook", CREDENTIALS)) == (403, code)
    assert nothing_is_stored(web)


@pytest.mark.parametrize(
    ("event", "refused"),
    [
        ({"event_type": "a_new_one"}, (400, "unknown_event")),
        (RULE, (400, "unknown_event")),
        (CREDENTIALS | {"account_id": False}, (422, "incomplete_data")),
        (without(MAPPING, "mapping"), (422, "incomplete_data")),
    ],
)
async def test_refusals_are_those_of_its_own_address(
    web: WebHub, event: Any, refused: tuple[int, str]
) -> None:
    own, here = await web.send(event), await web.post("/webhook/", event)
    assert await code_of(here) == await code_of(own) == refused
    assert (await here.json())["detail"] == (await own.json())["detail"]
    assert nothing_is_stored(web)


async def test_json_that_two_parsers_could_read_differently_is_refused(web: WebHub) -> None:
    raw = json.dumps(CREDENTIALS)[:-1].encode() + b', "account_id": "other"}'
    answer = await web.ask(
        "POST", "/webhook", data=raw, headers={"Content-Type": "application/json"}
    )
    assert await code_of(answer) == (400, "invalid_json")
    assert nothing_is_stored(web)


async def test_one_idempotency_key_serves_both_addresses(web: WebHub) -> None:
    first = await web.send(MAPPING, Idempotency_Key="k-1")
    again = await web.post("/webhook/odoo-webhook/", MAPPING, Idempotency_Key="k-1")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await again.json() == await first.json()
    other = await web.post("/webhook", CREDENTIALS, Idempotency_Key="k-1")
    assert other.status == 409


async def test_requests_of_the_key_are_limited(options: HttpOptions) -> None:
    slow = evolve(options, requests_per_second=0.001)
    async with serving(hub_with_secrets(), slow) as web:
        assert (await web.post("/webhook", MAPPING)).status == 200
        limited = await web.post("/webhook", MAPPING)
        assert await code_of(limited) == (429, "rate_limited")


async def test_wrong_keys_are_limited(options: HttpOptions) -> None:
    strict = evolve(options, failed_authentications_per_second=0.001)
    async with serving(hub_with_secrets(), strict) as web:
        stranger = web.with_key("wrong")
        answers = [await stranger.post("/webhook", MAPPING) for _ in range(2)]
        assert [answer.status for answer in answers] == [401, 429]


async def test_signature_is_required_where_events_need_one(options: HttpOptions) -> None:
    policy = SignaturePolicy(
        odoo_module=[SigningKey.from_text(SecretText("of-odoo"))], required=True
    )
    async with serving(hub_with_secrets(), evolve(options, signatures=policy)) as web:
        unsigned = await web.post("/webhook", MAPPING)
        assert await code_of(unsigned) == (401, "signature_missing")
        text = json.dumps(MAPPING, sort_keys=True).encode()
        digest = hmac.new(b"of-odoo", text, hashlib.sha256).hexdigest()
        answer = await web.post("/webhook", MAPPING, X_Webhook_Signature=digest)
        assert answer.status == 200


async def test_log_lines_and_metrics_are_those_of_its_own_address(web: WebHub) -> None:
    told = []
    for address in ("/odoo-webhook", "/webhook"):
        with capture_logs(processors=[merge_contextvars]) as logs:
            await web.post(address, {"event_type": "mapping_sync", "mapping": {}})
            await web.post(address, MAPPING)
        told.append([(line["event"], line["area"], line.get("webhook_event")) for line in logs])
    refused = ("request_refused", "odoo-webhook", "mapping_sync")
    assert told[0] == [refused, ("event_accepted", "odoo-webhook", "mapping_sync")]
    assert told[1] == [refused, ("event_unchanged", "odoo-webhook", "mapping_sync")]
    counted = [
        line
        for line in web.metrics.exposition().decode().splitlines()
        if line.startswith("odoo_ai_config_events_total{")
    ]
    assert [line.rpartition(" ")[2] for line in counted if "refused" in line] == ["2.0"]
    assert not any('"unknown"' in line for line in counted)


@pytest.mark.parametrize("odd", [*EVENTS.values(), RULE, {"event_type": "a_new_one"}])
async def test_message_with_odd_members_stays_a_message(web: WebHub, odd: dict[str, Any]) -> None:
    raw = json.dumps({**odd, **WHATSAPP}).encode()
    answer = await web.client.post(
        "/webhook", data=raw, headers={"Content-Type": "application/json", **signed(raw)}
    )
    assert (await answer.json())["status"] == "unresolved"
    assert len(web.hub.state.messages) == 1
    assert not web.hub.state.histories


odd_members = st.dictionaries(
    st.sampled_from(["event_type", "source", "credentials", "mapping", "_action", "_model", "x"]),
    JSON | st.sampled_from(["credentials_sync", "mapping_sync", "channel_mapping"]),
)


@given(name=st.sampled_from(CHATWOOT_NAMES), padding=st.text(" \n"), odd=odd_members)
def test_event_with_a_name_of_chatwoot_never_becomes_configuration(
    shared: tuple[asyncio.Runner, WebHub], name: str, padding: str, odd: dict[str, Any]
) -> None:
    runner, web = shared
    body = {**odd, "event": f"{padding}{name}{padding}", "account": {"id": 1}}
    answer = runner.run(web.post("/webhook", body))
    assert runner.run(answer.json()).get("status") in {"ignored", "duplicate"}
    assert not web.hub.state.histories
    assert not web.hub.state.mappings


@given(event=st.sampled_from([*EVENTS.values()]), odd=st.dictionaries(st.text(max_size=5), JSON))
def test_event_of_odoo_is_one_whatever_else_is_in_it(
    event: dict[str, Any], odd: dict[str, Any]
) -> None:
    assert sent_by_odoo({**odd, **event})


@given(odd=st.dictionaries(st.text(max_size=5), JSON), name=st.text(min_size=1))
def test_unknown_event_without_a_name_of_odoos_is_not_odoos(
    odd: dict[str, Any], name: str
) -> None:
    known = {"credentials_sync", "mapping_sync", "mapping_delete", "company_metadata_sync"}
    body = {**odd, "event": name, "mapping": {"a": 1}, "source": "website"}
    assert sent_by_odoo(body) == (name in known or is_blank(name))


@pytest.mark.parametrize("app", App)
async def test_server_of_one_app_takes_events_in_if_it_knows_chatwoot_or_odoo(
    options: HttpOptions, app: App
) -> None:
    async with serving(hub_with_secrets(), evolve(options, apps=frozenset({app}))) as web:
        answers = [await web.post(address, MAPPING) for address in ADDRESSES]
        found = {answer.status for answer in answers}
        assert found == ({404} if app in {App.ODOO_API, App.MCP} else {200})
        raw = json.dumps(WHATSAPP).encode()
        headers = {"Content-Type": "application/json", **signed(raw)}
        message = await web.client.post("/webhook", data=raw, headers=headers)
        with_key = await web.post("/webhook", WHATSAPP)
        if app is App.CHATWOOT:
            assert (message.status, with_key.status) == (200, 200)
        else:
            assert await code_of(message) == await code_of(with_key) == (404, "app_not_served")
            assert web.hub.state.messages == {}
