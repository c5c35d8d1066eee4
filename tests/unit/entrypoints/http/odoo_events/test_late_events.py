from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having, serving

CREDENTIALS = fixture("credentials_flat")
MAPPING = fixture("mapping_odoo")
METADATA = fixture("company_metadata")
NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)
EVENTS = {
    "credentials": (CREDENTIALS, ("name",)),
    "metadata": (METADATA, ("name",)),
    "mapping": (MAPPING, ("mapping", "domain")),
}


def event(kind: str, value: str, at: Json) -> dict[str, Any]:
    body, place = EVENTS[kind]
    return having(having(body, value, *place), at, "timestamp")


def naive(minutes: int) -> str:
    return (NOON + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat()


@pytest.mark.parametrize("kind", EVENTS)
async def test_late_older_event_changes_nothing(web: WebHub, kind: str) -> None:
    first = await (await web.send(event(kind, "new", naive(2)))).json()
    answer = await web.send(event(kind, "old", naive(1)))
    late = await answer.json()
    versions = {name: value for name, value in first.items() if name.endswith("version")}
    assert (answer.status, late["success"], late["changed"]) == (200, True, False)
    assert {name: late[name] for name in versions} == versions
    assert late["warnings"] == [
        {
            "code": "stale",
            "field": "timestamp",
            "message": "este envio chegou atrasado: o hub já tem um mais novo e não alterou nada",
        }
    ]
    assert (await (await web.send(event(kind, "same", naive(2)))).json())["changed"]
    assert (await (await web.send(event(kind, "newer", naive(3)))).json())["changed"]


@pytest.mark.parametrize("kind", ["credentials", "mapping"])
async def test_time_may_be_in_the_object_like_every_field(web: WebHub, kind: str) -> None:
    def stated(value: str, inside: int, beside: int) -> dict[str, Any]:
        return having(event(kind, value, naive(beside)), naive(inside), kind, "timestamp")

    assert (await (await web.send(stated("new", 2, 9))).json())["changed"]
    simulated = await (await web.post("/v1/route/simulate", stated("old", 1, 9))).json()
    late = await (await web.send(stated("old", 1, 9))).json()
    for told in (late, *([simulated] if kind == "mapping" else [])):
        assert (told["changed"], [warning["code"] for warning in told["warnings"]]) == (
            False,
            ["stale"],
        )


@pytest.mark.parametrize("kind", EVENTS)
async def test_event_of_unknown_time_is_taken_in(web: WebHub, kind: str) -> None:
    await web.send(event(kind, "new", naive(2)))
    unknown: list[Json] = ["yesterday", None, False, {"x": 1}, "2025-05-01", 0, -5, 20250501]
    for at in unknown:
        told = await (await web.send(event(kind, f"v{at}"[:6], at))).json()
        assert "stale" not in {warning["code"] for warning in told["warnings"]}
    # They have not moved the time that is known.
    assert not (await (await web.send(event(kind, "old", naive(1)))).json())["changed"]


@pytest.mark.parametrize("kind", EVENTS)
async def test_operator_may_let_late_events_win(kind: str) -> None:
    async with serving(MemoryHub(), HttpOptions(version="1", ignore_stale=False)) as web:
        await web.send(event(kind, "new", naive(2)))
        late = await (await web.send(event(kind, "old", naive(1)))).json()
        assert late["changed"]
        assert "stale" not in {warning["code"] for warning in late["warnings"]}


async def test_header_tells_the_time_of_an_event_without_one(web: WebHub) -> None:
    def at(minutes: int) -> str:
        return str(int((NOON + timedelta(minutes=minutes)).timestamp()))

    await web.send(CREDENTIALS | {"name": "new"}, webhook_timestamp=at(2))
    late = await (await web.send(CREDENTIALS | {"name": "old"}, webhook_timestamp=at(1))).json()
    assert [warning["code"] for warning in late["warnings"]] == ["stale"]
    # The body knows better when the event was made.
    body = CREDENTIALS | {"name": "newer", "timestamp": naive(3)}
    assert (await (await web.send(body, webhook_timestamp=at(1))).json())["changed"]


async def test_simulation_tells_of_a_late_event(web: WebHub) -> None:
    await web.send(event("mapping", "new", naive(2)))
    answer = await web.post("/v1/route/simulate", event("mapping", "old", naive(1)))
    told = await answer.json()
    assert (told["changed"], told["warnings"][0]["code"]) == (False, "stale")


@pytest.mark.parametrize("whole", [True, False])
async def test_late_push_of_old_modules_changes_nothing(web: WebHub, *, whole: bool) -> None:
    operation = "sync" if whole else "sync-company-metadata"
    path = f"/api/v1/business-rules/{operation}"

    async def push(name: str, minutes: int) -> Any:
        said: dict[str, Any] = {"company_metadata": {"name": name}}
        if whole:
            said = {"rules": [{"id": 1, "name": name}]}
        body = {"account_id": "acme", "timestamp": naive(minutes), **said}
        return (await (await web.post(path, body)).json())["data"]

    assert "warnings" not in await push("new", 2)
    late = await push("old", 1)
    assert (late["changed"], late["warnings"][0]["code"]) == (False, "stale")


async def test_repeated_request_of_a_late_event_gets_the_same_answer(web: WebHub) -> None:
    await web.send(event("credentials", "new", naive(2)))
    late = event("credentials", "old", naive(1))
    first = await (await web.send(late, Idempotency_Key="late-1")).json()
    again = await web.send(late, Idempotency_Key="late-1")
    assert await again.json() == first
    assert again.headers["Idempotent-Replayed"] == "true"
