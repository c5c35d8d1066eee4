from __future__ import annotations

from structlog.testing import capture_logs

from odoo_ai_config.application.errors import StoreFailure, StoreUnavailableError
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.store_watch import StoreWatch
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub


async def test_outage_is_in_the_log_once_with_its_cause_and_once_when_it_is_over(
    web: WebHub,
) -> None:
    web.hub.state.away = True
    with capture_logs() as logged:
        for _ in range(3):
            answer = await web.get("/configs/a/default/config")
            assert (answer.status, (await answer.json())["cause"]) == (503, "away")
        web.hub.state.away = False
        assert (await web.get("/ready")).status == 200
        assert (await web.get("/ready")).status == 200
    told = [line for line in logged if line["event"].startswith("store_")]
    assert told == [
        {
            "event": "store_failed",
            "log_level": "error",
            "area": "config",
            "cause": "away",
            "code": "store_unavailable",
        },
        {
            "event": "store_back",
            "log_level": "warning",
            "area": "config",
            "cause": "away",
            "failures": 3,
        },
    ]
    counted = b'odoo_ai_config_store_failures_total{cause="away"} 3.0'
    assert counted in web.metrics.exposition()


async def test_store_that_fails_is_asked_again_without_anybody_else_asking() -> None:
    causes = [StoreFailure.DISK_FULL, StoreFailure.DISK_FULL, StoreFailure.READ_ONLY]
    counted: list[str] = []

    async def check() -> None:
        if causes:
            raise StoreUnavailableError(causes.pop(0))

    with capture_logs() as logged:
        watch = StoreWatch(check, counted.append, idle=2)
        watch.failed(StoreUnavailableError(StoreFailure.DISK_FULL))
        looks = 0
        while not any(line["event"] == "store_back" for line in logged):
            await watch.look()
            looks += 1
    assert looks == 4
    # A request failed; the hub's own checks are not requests.
    assert counted == ["disk_full"]
    assert [(line["event"], line["cause"]) for line in logged] == [
        ("store_failed", "disk_full"),
        ("store_failed", "read_only"),
        ("store_back", "read_only"),
    ]
    assert logged[-1]["failures"] == 1


async def test_idle_hub_finds_out_that_its_store_fails() -> None:
    counted: list[str] = []

    async def check() -> None:
        raise StoreUnavailableError(StoreFailure.DISK_FULL)

    with capture_logs() as logged:
        watch = StoreWatch(check, counted.append, idle=2)
        await watch.look()
        assert logged == []
        for _ in range(5):
            await watch.look()
    assert [(line["event"], line["cause"]) for line in logged] == [("store_failed", "disk_full")]
    assert counted == []


async def test_what_is_not_the_stores_fault_is_no_outage() -> None:
    with capture_logs() as logged:
        StoreWatch(MemoryHub().ports.store.check, Metrics().store_failure).failed(LookupError())
    assert logged == []
