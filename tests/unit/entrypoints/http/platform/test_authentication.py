from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.http.platform.signature import SignaturePolicy
from odoo_ai_config.entrypoints.startup import trusted
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, serving

NOW = 1_776_971_662
KEYED = [
    ("POST", "/odoo-webhook"),
    ("GET", "/configs/a"),
    ("GET", "/configs/a/b/config"),
    ("POST", "/configs/a/b/config"),
    ("PATCH", "/configs/a/b/config"),
    ("DELETE", "/configs/a/b/config"),
    ("GET", "/configs/a/b/config/yaml"),
    ("GET", "/configs/a/b/config/history"),
    ("GET", "/configs/a/b/config/version/1"),
    ("GET", "/configs/a/b/config/diff"),
    ("POST", "/configs/a/b/config/rollback"),
    ("GET", "/mapping/"),
    ("POST", "/mapping/"),
    ("PATCH", "/mapping/"),
    ("GET", "/mapping/export"),
    ("GET", "/v1/route?account_id=1"),
    ("POST", "/v1/route/simulate"),
    ("POST", "/v1/reconcile"),
    ("GET", "/v1/tenants"),
    ("GET", "/v1/tenants/a"),
    ("GET", "/v1/tenants/a/b/credentials/ref"),
]


@pytest.mark.parametrize(("method", "path"), KEYED)
async def test_nothing_is_told_without_a_good_key(web: WebHub, method: str, path: str) -> None:
    revoked = await web.new_key()
    await web.services.revoke_api_key(revoked.split("_")[1], caller=trusted("test"))
    for key in ("", "development-api-key", "oac_x", web.key[:-1] + "~", revoked, "ção"):
        answer = await web.with_key(key).ask(method, path, data=b"not json")
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "ApiKey"
        problem = await answer.json()
        assert problem["code"] == "invalid_api_key"
        assert problem["detail"] == "Chave de API inválida ou não fornecida"


async def test_missing_key_header_is_a_401(web: WebHub) -> None:
    answer = await web.client.get("/configs/a")
    assert answer.status == 401


async def test_key_needs_the_scope_of_the_operation(web: WebHub) -> None:
    reader = web.with_key(await web.new_key(Scope.CONFIG_READ))
    webhook = web.with_key(await web.new_key(Scope.WEBHOOK))
    sent = await reader.send(fixture("credentials_flat"))
    assert sent.status == 403
    problem = await sent.json()
    assert (problem["code"], problem["scope"]) == ("scope_missing", "webhook")
    assert (await webhook.send(fixture("credentials_flat"))).status == 200
    assert (await webhook.get("/configs/123456/default/config")).status == 403
    path = "/v1/tenants/123456/default/credentials/token_referencia"
    refused = await reader.get(path)
    assert (refused.status, (await refused.json())["scope"]) == (403, "secrets:read")
    assert (await reader.get("/configs/123456/default/credentials")).status == 200
    assert (await web.get(path)).status == 200


async def test_key_of_one_tenant_reaches_no_other(web: WebHub) -> None:
    await web.send(fixture("credentials_flat"))
    bound = web.with_key(await web.new_key(tenant="account_1"))
    for path in (
        "/configs/123456",
        "/configs/123456/default/config",
        "/configs/123456/default/config/history",
        "/v1/tenants/123456",
        "/v1/tenants/123456/default/credentials/token_referencia",
    ):
        answer = await bound.get(path)
        assert answer.status == 403, path
        assert (await answer.json())["code"] == "tenant_forbidden"
    assert (await bound.send(fixture("credentials_flat"))).status == 403
    assert (await bound.send(fixture("credentials_nested_odoo_button"))).status == 200
    tenants = await (await bound.get("/v1/tenants")).json()
    assert [tenant["tenant_id"] for tenant in tenants["tenants"]] == ["account_1"]


async def test_reading_a_secret_is_audited_with_the_request_id(web: WebHub) -> None:
    await web.send(fixture("credentials_flat"))
    await web.get(
        "/v1/tenants/123456/default/credentials/token_referencia", X_Request_ID="audit-1"
    )
    entry = web.hub.state.audit[-1]
    assert (entry.action.value, entry.request_id) == ("credential_read", "audit-1")
    missing = await web.get("/v1/tenants/123456/default/credentials/other")
    assert (missing.status, (await missing.json())["code"]) == (404, "credential_not_found")


async def test_announced_excess_is_refused_before_the_key(web: WebHub) -> None:
    answer = await web.with_key("none").ask(
        "POST", "/odoo-webhook", data=io.BytesIO(b"x" * 2 * 1024 * 1024)
    )
    assert answer.status == 413
    assert (await answer.json())["code"] == "body_too_large"


async def test_excess_that_nobody_announced_is_refused_too(web: WebHub) -> None:
    async def endless() -> Any:
        for _ in range(40):
            yield b" " * 64 * 1024

    headers = {"Content-Type": "application/json"}
    answer = await web.ask("POST", "/odoo-webhook", data=endless(), headers=headers)
    assert answer.status == 413


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("APPLICATION/JSON", 200),
        ("application/merge-patch+json", 200),
        ("application/vnd.odoo+json;v=1", 200),
        ("", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("json", 415),
    ],
)
async def test_body_must_be_json_by_its_type(web: WebHub, content_type: str, status: int) -> None:
    body = json.dumps(fixture("mapping_odoo")).encode()
    answer = await web.ask(
        "POST", "/odoo-webhook", data=body, headers={"Content-Type": content_type}
    )
    assert answer.status == status


async def test_body_of_no_said_type_is_read_as_json(web: WebHub) -> None:
    body = json.dumps(fixture("mapping_odoo")).encode()
    answer = await web.raw(
        b"/odoo-webhook", b"POST", b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    assert answer.status == 200


class TestRateLimit:
    @pytest.fixture
    def options(self) -> HttpOptions:
        # So slow that no bucket fills while the test runs.
        return HttpOptions(
            version="1", requests_per_second=0.001, failed_authentications_per_second=0.001
        )

    async def test_key_is_told_to_wait_and_others_are_not(self, web: WebHub) -> None:
        assert (await web.get("/configs/a")).status == 200
        refused = await web.get("/configs/a")
        assert refused.status == 429
        assert int(refused.headers["Retry-After"]) > 100
        assert (await refused.json())["code"] == "rate_limited"
        other = web.with_key(await web.new_key())
        assert (await other.get("/configs/a")).status == 200
        assert (await web.get("/health")).status == 200

    async def test_secret_address_is_told_to_wait(self, web: WebHub) -> None:
        asked = {"name": "Odoo Online", "tenant_id": "a", "kind": "metadata"}
        path = (await (await web.post("/v1/addresses", asked)).json())["path"]
        record = {"_id": 1, "name": "Loja"}
        answers = [await web.client.post(path, json=record) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 429]
        assert int(answers[1].headers["Retry-After"]) > 100

    async def test_address_that_guesses_keys_is_told_to_wait(self, web: WebHub) -> None:
        guesser = web.with_key("guess")
        assert (await guesser.get("/configs/a")).status == 401
        refused = await guesser.get("/configs/a")
        assert refused.status == 429
        assert (await web.get("/configs/a")).status == 200


class TestSignatures:
    """
    The order of checks; `test_signature.py` tests the schemes.
    """

    SECRET = SecretText("test-secret-of-enough-length")

    @pytest.fixture
    def options(self) -> HttpOptions:
        policy = SignaturePolicy(
            standard_webhooks=[SigningKey.from_text(self.SECRET)],
            odoo_module=[SigningKey.from_text(SecretText("test-secret"))],
            required=True,
        )
        return HttpOptions(version="1", signatures=policy, unix_time=lambda: NOW)

    def signed(self, body: bytes, message_id: str = "msg_1") -> dict[str, str]:
        signed = b".".join((message_id.encode(), str(NOW).encode(), body))
        digest = hmac.digest(self.SECRET.reveal().encode(), signed, hashlib.sha256)
        return {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(NOW),
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }

    async def test_signed_event_is_taken_in_once(self, web: WebHub) -> None:
        body = json.dumps(fixture("credentials_flat")).encode()
        first = await web.ask("POST", "/odoo-webhook", data=body, headers=self.signed(body))
        assert first.status == 200
        again = await web.ask("POST", "/odoo-webhook", data=body, headers=self.signed(body))
        assert again.headers["Idempotent-Replayed"] == "true"
        assert await again.read() == await first.read()

    async def test_old_odoo_signature_is_understood(self, web: WebHub) -> None:
        vector = fixture("signatures")["odoo_legacy"]
        answer = await web.send(vector["parsed_body"], X_Webhook_Signature=vector["signature"])
        assert answer.status == 200

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"webhook-signature": None}, "signature_missing"),
            ({"webhook-signature": "v1,AAAA"}, "signature_invalid"),
            ({"webhook-signature": "v1,a,b"}, "signature_invalid"),
            ({"webhook-signature": "ção"}, "signature_invalid"),
            ({"webhook-timestamp": str(NOW - 301)}, "signature_timestamp"),
            ({"webhook-timestamp": "1e3"}, "signature_timestamp"),
            ({"webhook-id": "a.b"}, "signature_invalid"),
        ],
        ids=str,
    )
    async def test_unverified_event_is_refused_before_its_json_is_read(
        self, web: WebHub, change: dict[str, str | None], code: str
    ) -> None:
        body = b"not json"
        headers = {k: v for k, v in {**self.signed(body), **change}.items() if v is not None}
        answer = await web.ask("POST", "/odoo-webhook", data=body, headers=headers)
        assert answer.status == 401
        problem = await answer.json()
        assert problem["code"] == code
        assert not problem["detail"].startswith("Erro ao processar")

    async def test_signature_does_not_replace_the_key(self, web: WebHub) -> None:
        body = json.dumps(fixture("credentials_flat")).encode()
        stranger = web.with_key("none")
        answer = await stranger.ask("POST", "/odoo-webhook", data=body, headers=self.signed(body))
        assert (await answer.json())["code"] == "invalid_api_key"

    async def test_other_paths_need_no_signature(self, web: WebHub) -> None:
        assert (await web.get("/v1/tenants")).status == 200


@pytest.mark.parametrize(
    ("key", "status"),
    [("a", 200), ("!~", 200), ("x" * 256, 200), ("", 400), ("x" * 257, 400), ("a b", 400)],
    ids=["one", "edges", "longest", "empty", "too long", "space"],
)
@pytest.mark.parametrize("header", ["webhook-id", "Idempotency-Key"])
async def test_idempotency_key_is_visible_ascii(
    web: WebHub, header: str, key: str, status: int
) -> None:
    answer = await web.ask(
        "POST", "/odoo-webhook", json=fixture("mapping_odoo"), headers={header: key}
    )
    assert answer.status == status
    if status == 400:
        assert (await answer.json())["code"] == "invalid_idempotency_key"


async def test_reused_idempotency_key_is_a_conflict(web: WebHub) -> None:
    await web.send(fixture("mapping_odoo"), Idempotency_Key="k")
    answer = await web.send(fixture("mapping_seed"), Idempotency_Key="k")
    assert answer.status == 409
    assert (await answer.json())["code"] == "idempotency_key_reused"


async def test_no_rate_limit_unless_it_is_set() -> None:
    options = HttpOptions(version="1", requests_per_second=0, failed_authentications_per_second=0)
    async with serving(MemoryHub(), options) as web:
        for _ in range(30):
            assert (await web.get("/configs/a")).status == 200
