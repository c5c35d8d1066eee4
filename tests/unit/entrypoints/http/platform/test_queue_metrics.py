from __future__ import annotations

import re
from datetime import timedelta

from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.events import event_message
from odoo_ai_config.domain.messages.inbox import MessageId
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from tests.unit.application.messages.deliveries import received
from tests.unit.entrypoints.http.web_hub import FIXTURES, WebHub


async def gauges(web: WebHub) -> dict[str, float]:
    text = await (await web.with_key("").get("/metrics")).text()
    found = re.findall(
        r'^(odoo_ai_config_(?:oldest_)?(?:message|subscription)\w*\{stage="\w+"\}) (\S+)$',
        text,
        re.MULTILINE,
    )
    return {
        name.removeprefix("odoo_ai_config_").replace('{stage="', " ").removesuffix('"}'): float(
            value
        )
        for name, value in found
    }


async def test_queue_is_told_by_stage_and_age(web: WebHub) -> None:
    for number in (1, 2):
        await received(web.hub, number)
    web.hub.clock.tick(timedelta(seconds=58))
    told = await gauges(web)
    assert (told["messages unresolved"], told["messages queued"]) == (2, 0)
    assert told["oldest_message_seconds unresolved"] == 60
    assert told["oldest_message_seconds queued"] == 0


async def test_events_to_a_receiver_that_fails_are_no_customers_who_wait(web: WebHub) -> None:
    name = "sub_12345678:test:1"
    event = event_message(name, MessageId("message-1"), None, at=web.hub.clock.now())
    await web.hub.ports.store.commit(Changeset(messages=(event,)))
    web.hub.clock.tick(timedelta(hours=2))
    told = await gauges(web)
    assert (told["messages queued"], told["oldest_message_seconds queued"]) == (0, 0)
    assert told["subscription_events queued"] == 1
    assert told["oldest_subscription_event_seconds queued"] == 7200


async def test_store_is_not_asked_for_everybody_who_looks(web: WebHub) -> None:
    await gauges(web)
    await received(web.hub)
    assert (await gauges(web))["messages unresolved"] == 0
    web.hub.clock.tick(timedelta(seconds=5))
    assert (await gauges(web))["messages unresolved"] == 1


async def test_store_is_asked_again_though_the_clock_was_set_back(web: WebHub) -> None:
    await gauges(web)
    await received(web.hub)
    web.hub.clock.time -= timedelta(days=1)
    web.hub.clock.tick(timedelta(seconds=5))
    told = await gauges(web)
    assert (told["messages unresolved"], told["oldest_message_seconds unresolved"]) == (1, 0)


async def test_nothing_is_told_of_the_queue_while_the_store_is_away(web: WebHub) -> None:
    web.hub.state.away = True
    assert await gauges(web) == {}
    web.hub.state.away = False
    assert await gauges(web) != {}


def test_deliveries_and_crews_are_counted() -> None:
    metrics = Metrics()
    metrics.delivery("posted")
    metrics.crew("http")(3.0)
    text = metrics.exposition().decode()
    assert 'odoo_ai_config_delivery_steps_total{outcome="posted"} 1.0' in text
    assert 'odoo_ai_config_crew_seconds_bucket{kind="http",le="5.0"} 1.0' in text


async def test_dashboards_find_the_same_series_as_ever(web: WebHub) -> None:
    metrics = Metrics()
    metrics.requests("/odoo-webhook", "POST")(200, 0.1)
    metrics.store("commit")(0.001)
    metrics.vault("seal")(0.001)
    metrics.crew("http")(0.001)
    metrics.event("credentials_sync", "accepted")
    metrics.version("config")
    metrics.replay()
    metrics.failure()
    await metrics.queue.refresh(web.hub.ports.inbox.census, web.hub.clock)
    series = {
        line.rpartition(" ")[0]
        for line in metrics.exposition().decode().splitlines()
        if not line.startswith("#")
    }
    assert series == set((FIXTURES / "exposed_series.txt").read_text("utf-8").splitlines())
