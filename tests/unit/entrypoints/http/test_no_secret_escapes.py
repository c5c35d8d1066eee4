from __future__ import annotations

import copy
import json
import logging
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from odoo_ai_config.entrypoints.http.odoo_events import handlers as odoo_webhook
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from tests.unit.entrypoints.http.web_hub import WebHub, fixture

SECRETS = {
    name: f"segredo-{number}-{name}"
    for number, name in enumerate(
        (
            "odoo_password",
            "facebook_app_secret",
            "facebook_access_token",
            "instagram_client_secret",
            "instagram_access_token",
            "mercado_livre_client_secret",
            "mercado_livre_access_token",
        )
    )
}
WITHIN = {
    "facebook": {"app_secret": "segredo-dentro-1"},
    "mcp": {"config": {"password": "segredo-dentro-2"}},
}
YAML_SECRETS = "credentials:\n  t1: segredo-yaml\n"
ALL = [*SECRETS.values(), "segredo-dentro-1", "segredo-dentro-2", "segredo-yaml"]


def events() -> list[dict[str, Any]]:
    flat = fixture("credentials_flat") | SECRETS
    nested = fixture("credentials_nested_odoo_button")
    nested["credentials"] |= SECRETS
    within = fixture("credentials_flat") | {"integrations": WITHIN}
    return [flat, nested, within]


async def exercise(web: WebHub) -> list[str]:
    """
    All answers to requests with secrets, except those that open one.
    """
    answers = []
    for event in events():
        broken = copy.deepcopy(event) | {"description": 5}
        unknown = copy.deepcopy(event) | {"event_type": "none"}
        incomplete = {name: value for name, value in event.items() if name != "account_id"}
        for payload in (event, event, broken, unknown, incomplete, {"credentials": event}):
            answers.append(await web.send(payload))
            answers.append(await web.with_key("none").send(payload))
        cut = json.dumps(event).encode()[:-1]
        answers.append(await web.ask("POST", "/odoo-webhook", data=cut))
    for path in ("/configs/123456/default/credentials", "/configs/account_1/retail/credentials"):
        answers += [
            await web.post(path, {"yaml_content": YAML_SECRETS}),
            await web.patch(path, {"credentials": {"t2": "segredo-yaml"}}),
            await web.patch(path, {"credentials": {"t2": ["segredo-yaml"]}}),
            await web.post(path, {"yaml_content": f"{YAML_SECRETS}  t1: again\n"}),
            await web.get(path),
            await web.get(f"{path}/yaml"),
            await web.get(f"{path}/history"),
            await web.get(f"{path}/version/1"),
            await web.get(f"{path}/diff?from=1&to=2"),
            await web.get(path.replace("credentials", "config")),
            await web.get(path.replace("credentials", "config/yaml")),
            await web.get(path.replace("credentials", "config/diff?from=0")),
        ]
    for path in ("/v1/tenants", "/configs/123456", "/metrics", "/nowhere/segredo"):
        answers.append(await web.get(path))
    web.hub.state.away = True
    answers += [await web.send(event) for event in events()]
    web.hub.state.away = False
    return [f"{answer.headers}{await answer.text()}" for answer in answers]


async def test_no_secret_is_in_any_answer_log_line_or_metric(
    web: WebHub, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        answers = await exercise(web)
    everything = "\n".join([*answers, str(logs), caplog.text, web.metrics.exposition().decode()])
    assert [secret for secret in ALL if secret in everything] == []
    assert web.key not in everything
    # The log lines exist; they only do not contain secrets.
    assert {"event_accepted", "event_unchanged", "request_refused"} <= {
        line["event"] for line in logs
    }


async def test_opened_secrets_prove_that_the_canaries_were_stored(web: WebHub) -> None:
    await exercise(web)
    opened = await web.get("/v1/tenants/account_1/retail/credentials/t2")
    assert (await opened.json())["value"] == "segredo-yaml"


async def test_refused_event_is_logged_with_its_code_and_without_its_content(web: WebHub) -> None:
    payload = fixture("credentials_flat") | {"name": ["segredo"]}
    with capture_logs(processors=[merge_contextvars]) as logs:
        await web.send(payload)
    (refusal,) = [line for line in logs if line["event"] == "request_refused"]
    assert (refusal["code"], refusal["status"]) == ("invalid_fields", 422)
    assert refusal["log_level"] == "info"
    assert refusal["webhook_event"] == "credentials_sync"
    assert refusal["caller"] == web.key.split("_")[1]
    assert refusal["bytes"] > 100
    assert "segredo" not in str(logs)


async def test_event_leaves_one_line_that_says_who_sent_how_much(web: WebHub) -> None:
    with capture_logs(processors=[merge_contextvars]) as logs:
        await web.send(fixture("credentials_flat"))
        await web.send(fixture("credentials_flat"))
        await web.send([])
    lines = [line for line in logs if line.get("caller") == web.key.split("_")[1]]
    assert [(line["event"], line["webhook_event"]) for line in lines] == [
        ("event_accepted", "credentials_sync"),
        ("event_unchanged", "credentials_sync"),
        ("request_refused", "unknown"),
    ]
    assert lines[0]["bytes"] == lines[1]["bytes"] > lines[2]["bytes"] > 0


async def test_event_that_fails_unforeseen_says_who_sent_which(
    web: WebHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_given: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(odoo_webhook, "taken_in", fail)
    with capture_logs(processors=[merge_contextvars]) as logs:
        assert (await web.send(fixture("credentials_flat"))).status == 500
    (failure,) = [line for line in logs if line["event"] == "request_failed"]
    assert failure["webhook_event"] == "credentials_sync"
    assert failure["caller"] == web.key.split("_")[1]


async def test_reads_leave_no_line_above_debug(web: WebHub) -> None:
    await web.send(fixture("credentials_flat"))
    with capture_logs() as logs:
        await web.get("/configs/123456/default/config")
        await web.get("/configs/nobody/default/config")
        await web.get("/v1/route?account_id=1")
    assert [line for line in logs if line["log_level"] != "debug"] == []


async def test_metrics_name_routes_and_events_and_no_tenant(web: WebHub) -> None:
    await web.send(fixture("credentials_flat"), Idempotency_Key="k")
    await web.send(fixture("credentials_flat"), Idempotency_Key="k")
    await web.send(fixture("credentials_flat"))
    await web.send({"event_type": "credentials_sync"})
    await web.send({})
    await web.post("/configs/123456/default/my-own-kind", {"yaml_content": "a: 1"})
    await web.raw(b"//configs/123456/default/config/")
    await web.get("/nowhere-123456")
    text = await (await web.with_key("").get("/metrics")).text()
    for line in (
        'odoo_ai_config_events_total{code="",event="credentials_sync",outcome="accepted"} 1.0',
        'odoo_ai_config_events_total{code="",event="credentials_sync",outcome="replayed"} 1.0',
        'odoo_ai_config_events_total{code="",event="credentials_sync",outcome="unchanged"} 1.0',
        'events_total{code="incomplete_data",event="credentials_sync",outcome="refused"} 1.0',
        'odoo_ai_config_events_total{code="unknown_event",event="unknown",outcome="refused"} 1.0',
        'odoo_ai_config_versions_written_total{kind="config"} 1.0',
        'odoo_ai_config_versions_written_total{kind="other"} 1.0',
        "odoo_ai_config_idempotent_replays_total 1.0",
        'method="GET",route="/configs/{tenant}/{domain}/{kind}",status="200"} 1.0',
        'odoo_ai_config_http_requests_total{method="any",route="/{path}",status="404"} 1.0',
        'odoo_ai_config_http_request_seconds_count{route="/odoo-webhook"} 5.0',
    ):
        assert line in text
    # Not among the values: a measured time may have any digits.
    names = re.sub(r" \S+$", "", text, flags=re.MULTILINE)
    assert "123456" not in names
    assert "my-own-kind" not in names


def test_operations_of_store_and_vault_can_be_timed() -> None:
    metrics = Metrics()
    metrics.store("commit")(0.002)
    metrics.vault("seal")(0.0001)
    text = metrics.exposition().decode()
    assert 'odoo_ai_config_store_seconds_count{operation="commit"} 1.0' in text
    assert 'odoo_ai_config_vault_seconds_count{operation="seal"} 1.0' in text


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """
    Let threads switch as often as possible.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("restless_threads")
def test_threads_that_observe_together_lose_no_count() -> None:
    metrics, together = Metrics(), Barrier(4)

    def observe() -> None:
        together.wait()
        for number in range(2000):
            metrics.vault(f"operation {number}")(0.001)

    with ThreadPoolExecutor(4) as threads:
        observing = [threads.submit(observe) for _ in range(4)]
        while not all(one.done() for one in observing):
            metrics.exposition()
    counts = re.findall(
        r"^odoo_ai_config_vault_seconds_count.* (\S+)$",
        metrics.exposition().decode(),
        re.MULTILINE,
    )
    assert sum(map(float, counts)) == 4 * 2000
