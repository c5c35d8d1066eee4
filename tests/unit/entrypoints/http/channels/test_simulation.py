"""
Simulations of events about channels over HTTP.
"""

from __future__ import annotations

from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having, without

BOSS = {"number": "+55 11 99999-9999", "crew": "analytics"}


def mapped(tenant: str, inbox: Any = 7, **more: Any) -> dict[str, Any]:
    channel = {"chatwoot_account_id": 1, "chatwoot_inbox_id": inbox}
    owner = {"internal_account_id": tenant, "domain": "retail"}
    return {"event_type": "mapping_sync", "mapping": channel | owner | more}


async def simulated(web: WebHub, event: dict[str, Any], *messages: Any) -> Any:
    answer = await web.post("/v1/route/simulate", {**event, "messages": list(messages)})
    assert answer.status == 200
    return await answer.json()


def owners(effects: list[Any]) -> list[tuple[Any, ...]]:
    return [
        (
            *(effect[part] for part in ("account_id", "inbox_id", "number")),
            effect["before"].get("tenant_id"),
            effect["after"].get("tenant_id"),
        )
        for effect in effects
    ]


async def test_simulated_event_is_not_applied(web: WebHub) -> None:
    told = await simulated(web, mapped("acme", is_fallback=True))
    assert (told["event"], told["mapping_version"], told["changed"]) == ("mapping_sync", 1, True)
    assert owners(told["effects"]) == [
        ("1", "7", None, None, "acme"),
        (None, None, None, None, "acme"),
        # Every other inbox: the account has no other owner.
        ("1", None, None, None, "acme"),
    ]
    assert (await web.get("/mapping")).status == 404
    route = await (await web.get("/v1/route?account_id=1&inbox_id=7")).json()
    assert route["resolved"] is False


async def test_move_names_who_would_lose_the_channel(web: WebHub) -> None:
    await web.send(mapped("old", special_whatsapp_numbers=[BOSS]))
    told = await simulated(web, mapped("new"))
    assert told["moves"] == [
        {"chatwoot_account_id": "1", "chatwoot_inbox_id": "7", "from": "old", "to": "new"}
    ]
    assert owners(told["effects"])[0] == ("1", "7", None, "old", "new")
    assert owners(told["effects"])[1] == ("1", None, None, "old", "new")
    special = told["effects"][2]
    assert (special["number"], special["before"]["crew"]) == ("5511999999999", "analytics")
    assert special["after"]["crew"] is None


async def test_deletion_is_simulated_too(web: WebHub) -> None:
    await web.send(mapped("acme"))
    event = having(without(mapped("acme"), "mapping", "domain"), "mapping_delete", "event_type")
    told = await simulated(web, event)
    assert told["event"] == "mapping_delete"
    assert owners(told["effects"]) == [
        ("1", "7", None, "acme", None),
        ("1", None, None, "acme", None),
    ]


async def test_late_deactivation_would_change_nothing_and_warn(web: WebHub) -> None:
    await web.send(mapped("new"))
    told = await simulated(web, mapped("old", active=False))
    assert (told["changed"], told["effects"], told["moves"]) == (False, [], [])
    assert [warning["code"] for warning in told["warnings"]] == ["channel_of_another_tenant"]


async def test_recorded_events_of_odoo_are_understood(web: WebHub) -> None:
    for name in ("mapping_odoo", "mapping_seed"):
        assert (await simulated(web, fixture(name)))["changed"] is True


async def test_messages_are_told_where_they_would_go(web: WebHub) -> None:
    await web.send(mapped("old"))
    told = await simulated(
        web,
        mapped("new", special_whatsapp_numbers=[BOSS]),
        {"account_id": 1, "inbox_id": "7", "number": 5511999999999},
        {"account_id": "2", "inbox_id": False, "number": ""},
        {"account_id": "1", "inbox_id": 0},
    )
    assert owners(told["messages"]) == [
        ("1", "7", "5511999999999", "old", "new"),
        ("2", None, None, None, None),
        ("1", None, None, "old", "new"),
    ]
    assert [one["changed"] for one in told["messages"]] == [True, False, True]
    assert told["messages"][0]["after"]["crew"] == "analytics"


async def test_bound_key_is_told_of_the_refusal_that_it_would_meet(web: WebHub) -> None:
    await web.send(mapped("other"))
    bound = web.with_key(await web.new_key(Scope.CONFIG_READ, tenant="acme"))
    told = await simulated(bound, mapped("acme"), {"account_id": 1, "inbox_id": 7})
    assert (told["refusal"], told["changed"], told["effects"]) == ("channel_owned", False, [])
    [message] = told["messages"]
    assert message["before"] == message["after"] == {"resolved": True, "hidden": True}


async def test_bound_key_sees_its_own_part_only(web: WebHub) -> None:
    await web.send(mapped("other", 8, is_fallback=True, sequence=1))
    await web.send(mapped("acme", 9, is_fallback=True, sequence=2))
    bound = web.with_key(await web.new_key(Scope.CONFIG_READ, tenant="acme"))
    told = await simulated(bound, mapped("acme"), {"account_id": 1, "inbox_id": 8})
    [effect] = told["effects"]
    assert effect["before"] == {"resolved": True, "hidden": True}
    assert effect["after"]["tenant_id"] == "acme"
    assert "other" not in str(told)
    assert (await bound.post("/v1/route/simulate", mapped("other"))).status == 403


async def test_many_effects_are_cut_off_and_that_is_said(web: WebHub) -> None:
    for inbox in range(1, 7):
        await web.send(mapped("acme", inbox))
    numbers = [{"number": f"{30000000 + n}", "crew": "c"} for n in range(200)]
    told = await simulated(web, mapped("acme", special_whatsapp_numbers=numbers))
    assert (len(told["effects"]), told["truncated"]) == (200, True)
    few = await simulated(web, mapped("acme", special_whatsapp_numbers=numbers[:3]))
    assert few["truncated"] is False


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "unknown_event"),
        ({"event_type": "credentials_sync"}, 400, "unknown_event"),
        ({"event_type": "mapping_sync"}, 422, "incomplete_data"),
        (mapped("acme") | {"messages": [{"inbox_id": 7}]}, 422, "invalid_fields"),
        (mapped("acme") | {"messages": [{"account_id": "a b"}]}, 422, "invalid_fields"),
        (mapped("acme") | {"messages": "x"}, 422, "invalid_fields"),
    ],
)
async def test_body_that_cannot_be_simulated_is_refused(
    web: WebHub, body: Any, status: int, code: str
) -> None:
    answer = await web.post("/v1/route/simulate", body)
    assert (answer.status, (await answer.json())["code"]) == (status, code)


async def test_simulating_takes_the_scope_to_read(web: WebHub) -> None:
    pushing = web.with_key(await web.new_key(Scope.WEBHOOK))
    assert (await pushing.post("/v1/route/simulate", mapped("acme"))).status == 403
