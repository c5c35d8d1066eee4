"""
Every endpoint for the scope ``webhook`` requires a signature if the operator does.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
from collections import Counter
from typing import Any

import pytest
from aiohttp import ClientResponse
from structlog.testing import capture_logs

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.http.platform.signature import SignaturePolicy
from tests.unit.application.messages.test_payloads import WHATSAPP
from tests.unit.entrypoints.http.openapi.test_openapi import DOCUMENT, KEYED, filled
from tests.unit.entrypoints.http.test_any_input import MAPPING
from tests.unit.entrypoints.http.web_hub import WebHub, fixture

NOW = 1_776_971_662
KEY = SigningKey.from_text(SecretText("what-odoo-and-the-hub-share"))
OLD_SECRET = "what-the-old-module-shares"
ITEM = {"id": "1", "name": "x"}
# A body for every endpoint: each ignores unknown fields.
BODY = {
    "yaml_content": "a: 1",
    "version": 1,
    "known": [],
    **fixture("mapping_odoo"),
    **MAPPING,
    **{name: [ITEM] for name in ("items", "rules", "documents", "products")},
    "account_id": "acme",
}
PUSHES = [
    (path, method)
    for path, method in KEYED
    if DOCUMENT["paths"][path][method]["security"][0] == {"ApiKey": ["webhook"]}
]


@pytest.fixture
def options() -> HttpOptions:
    policy = SignaturePolicy(
        standard_webhooks=[KEY],
        odoo_module=[SigningKey.from_text(SecretText(OLD_SECRET))],
        required=True,
    )
    return HttpOptions(version="1", signatures=policy, unix_time=lambda: NOW)


def standard(body: bytes, message_id: str = "msg_1", *, at: int = NOW) -> dict[str, str]:
    signature = KEY.standard_webhook(message_id.encode(), str(at).encode(), body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": signature.decode(),
    }


def old(body: bytes) -> dict[str, str]:
    signed = json.dumps(json.loads(body), sort_keys=True).encode()
    return {
        "X-Webhook-Signature": hmac.new(OLD_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    }


async def ask(
    web: WebHub, method: str, path: str, body: bytes, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    sent = {"Content-Type": "application/json", **(headers or {})}
    answer = await web.ask(method, path, data=io.BytesIO(body), headers=sent)
    return answer.status, (await told(answer)).get("code")


async def told(answer: ClientResponse) -> dict[str, Any]:
    body: Any = await answer.json()
    return body if isinstance(body, dict) else {}


def written(web: WebHub) -> list[Any]:
    state = web.hub.state
    return [state.histories, state.mappings, state.collections, state.messages]


async def test_no_route_lets_an_unsigned_push_in(web: WebHub) -> None:
    pusher = web.with_key(await web.new_key(Scope.WEBHOOK))
    raw, before = json.dumps(BODY).encode(), str(written(web))
    refused = {}
    for route in web.client.app.router.routes():
        assert route.resource is not None
        path, method = "/" + route.resource.canonical.strip("/"), route.method
        if method not in {"*", "GET", "HEAD"}:
            refused[method, path] = await ask(
                pusher, method, f"{filled(path)}?account_id=acme", raw
            )
    # Odoo's own webhook cannot sign: a secret address is a credential of its own.
    assert refused.pop(("POST", "/odoo-webhook/{token}")) == (404, "address_not_found")
    # Its errors are those of the protocol.
    assert refused.pop(("POST", "/mcp")) == (400, None)
    assert set(refused.values()) == {(401, "signature_missing"), (403, "scope_missing")}
    missing = {entry for entry, (status, _) in refused.items() if status == 401}
    assert {(method.upper(), path) for path, method in PUSHES} == missing
    assert {("POST", "/webhook"), ("POST", "/odoo-webhook"), ("POST", "/v1/reconcile")} < missing
    assert str(written(web)) == before


@pytest.mark.parametrize(("path", "method"), PUSHES)
@pytest.mark.parametrize("signed", [standard, old])
async def test_signed_push_is_let_in_everywhere(
    web: WebHub, path: str, method: str, signed: Any
) -> None:
    raw = json.dumps(BODY).encode()
    target = f"{filled(path)}?account_id=acme"
    assert (await ask(web, method, target, raw, signed(raw)))[0] in {200, 422}
    wrong = signed(raw.replace(b"acme", b"acne"))
    assert await ask(web, method, target, raw, wrong) == (401, "signature_invalid")


async def test_wrong_signature_is_refused_where_none_is_demanded(web: WebHub) -> None:
    raw = json.dumps({"items": [ITEM]}).encode()
    path = "/api/v1/collections/faq?account_id=acme"
    for headers, code in (
        (standard(raw + b" "), "signature_invalid"),
        (standard(raw, at=NOW - 301), "signature_timestamp"),
        (old(b"{}"), "signature_invalid"),
    ):
        assert await ask(web, "PUT", path, raw, headers) == (401, code)


async def test_large_push_is_checked_too(web: WebHub) -> None:
    raw = json.dumps({"items": [{"id": str(n), "text": "x" * 1000} for n in range(1500)]}).encode()
    path = "/api/v1/collections/faq?account_id=acme"
    assert await ask(web, "PUT", path, raw) == (401, "signature_missing")
    assert await ask(web, "PUT", path, raw, standard(raw + b" ")) == (401, "signature_invalid")
    # The old module's scheme parses the body, so it is limited to the size of an event.
    assert await ask(web, "PUT", path, raw, old(raw)) == (413, "body_too_large")
    assert (await ask(web, "PUT", path, raw, standard(raw)))[0] == 200


async def test_key_at_the_webhook_of_chatwoot_does_not_replace_the_signature(web: WebHub) -> None:
    raw = json.dumps(WHATSAPP).encode()
    assert await ask(web, "POST", "/webhook", raw) == (401, "signature_missing")
    assert await ask(web, "POST", "/webhook", raw, standard(b"{}")) == (401, "signature_invalid")
    reader = web.with_key(await web.new_key(Scope.CONFIG_READ))
    assert await ask(reader, "POST", "/webhook", raw, standard(raw)) == (403, "scope_missing")
    assert web.hub.state.messages == {}
    assert (await ask(web, "POST", "/webhook", raw, standard(raw)))[0] == 200
    assert len(web.hub.state.messages) == 1


@pytest.mark.parametrize(
    # Chatwoot's webhook counts in its own way.
    ("path", "method"),
    [(path, method) for path, method in PUSHES if not path.startswith("/webhook")],
)
async def test_only_events_are_counted_as_events_that_were_refused(
    web: WebHub, path: str, method: str
) -> None:
    reader = web.with_key(await web.new_key(Scope.CONFIG_READ))
    target = f"{filled(path)}?account_id=acme"
    with capture_logs() as logs:
        await ask(web, method, target, b"{}")
        await ask(reader, method, target, b"{}")
        await ask(web, method, target, b"{}", {"Content-Type": "text/plain"})
    told = [line["code"] for line in logs if line["event"] == "request_refused"]
    assert told[:2] == ["signature_missing", "scope_missing"]
    counted = Counter(
        re.findall(r'events_total\{code="(\w+)",.*outcome="refused"\} 1\.0', shown(web))
    )
    assert counted == (Counter(told) if path == "/odoo-webhook" else Counter())


def shown(web: WebHub) -> str:
    return web.metrics.exposition().decode()
