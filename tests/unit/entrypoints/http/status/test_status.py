from __future__ import annotations

from odoo_ai_config.application.ports.secret_vault import RingTrouble
from tests.unit.entrypoints.http.web_hub import WebHub


async def test_identity_is_told_without_a_key(web: WebHub) -> None:
    body = await (await web.with_key("").get("/")).json()
    assert body["name"] == "odoo-ai-config"
    assert body["version"] == "1.2.3"
    assert set(body) == {"name", "version", "description", "docs"}


async def test_readiness_follows_the_store(web: WebHub) -> None:
    anybody = web.with_key("")
    assert await (await anybody.get("/ready")).json() == {"status": "ready"}
    web.hub.state.away = True
    away = await anybody.get("/ready")
    assert away.status == 503
    assert int(away.headers["Retry-After"]) >= 1
    assert (await away.json())["code"] == "store_unavailable"
    assert (await anybody.get("/health")).status == 200
    web.hub.state.away = False
    assert (await anybody.get("/ready")).status == 200


async def test_ring_that_the_next_start_would_lack_is_a_warning_and_no_outage(
    web: WebHub,
) -> None:
    web.hub.vault.trouble = RingTrouble.MISSING
    answer = await web.with_key("").get("/ready")
    assert answer.status == 200
    assert await answer.json() == {"status": "ready", "warnings": ["key_ring_missing"]}
