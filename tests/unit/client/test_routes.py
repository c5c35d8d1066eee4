"""
Routes in the client are those of the hub, for every key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from itertools import product

import pytest
from aiohttp.web import json_response
from attrs import evolve

from odoo_ai_config.client import open_hub
from odoo_ai_config.client.remote_hub import RemoteHub
from odoo_ai_config.client.route_table import read_table
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.channels.routing import Route
from odoo_ai_config.domain.errors import DomainError, InvalidValueError
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.library import Hub
from tests.stand_ins.scripted_hub import problem, scripted_hub
from tests.unit.application.memory_hub import MemoryHub, bound_to
from tests.unit.entrypoints.http.web_hub import WebHub, serving

NUMBERS = (
    None,
    "+5511999999999",
    "551199999999",
    "(11) 99999-9999",
    "whatsapp:+5511999999999",
    "BR.123",
    "1234567@lid",
    "nobody",
    "",
)


@pytest.fixture
async def web() -> AsyncIterator[WebHub]:
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        yield web


async def told(route: Awaitable[Route]) -> tuple[object, ...]:
    try:
        found = await route
    except DomainError as error:
        return (error.code,)
    return found, found.considered


async def fill(hub: Hub) -> None:
    numbers = {"+5511999999999": "owner"}
    for inbox, tenant in (("7", "a"), ("8", "b"), ("9", "gone"), ("6", "paused")):
        await hub.sync_credentials(account_id=tenant, token="ref")
        await hub.sync_mapping(
            chatwoot_account_id="1",
            chatwoot_inbox_id=inbox,
            tenant=tenant,
            special_whatsapp_numbers=numbers if tenant == "a" else {"BR.123": "hidden"},
            is_fallback=tenant == "b",
        )
    await hub.sync_mapping(chatwoot_account_id="2", chatwoot_inbox_id="7", tenant="a")
    await hub.sync_mapping(chatwoot_account_id="3", tenant="gone")
    await hub.suspend_tenant("paused")
    await hub.erase_tenant("gone", confirm="gone")


async def compare(remote: RemoteHub, here: Hub) -> None:
    for account, inbox, number, explain in product(
        ("1", "2", "3", "404"), (None, "6", "7", "8", "9", "404"), NUMBERS, (False, True)
    ):
        expected = await told(here.route(account, inbox, number, explain=explain))
        found = await told(remote.route(account, inbox, number, explain=explain))
        assert found == expected, (account, inbox, number, explain)


@pytest.mark.parametrize("tenant", [None, "a", "b", "paused"])
async def test_every_key_gets_the_routes_of_the_hub(web: WebHub, tenant: str | None) -> None:
    here = Hub(web.services)
    await fill(here)
    key = await web.new_key(Scope.CONFIG_READ, tenant=tenant)
    bound = here if tenant is None else evolve(here, caller=bound_to(tenant))
    async with open_hub(str(web.client.make_url("/")), api_key=key) as remote:
        await compare(remote, bound)
        for account, inbox in (("../1", None), ("1", "a b")):
            with pytest.raises(InvalidValueError):
                await remote.route(account, inbox)


async def test_hub_without_a_table_is_asked_for_each_route() -> None:
    async with scripted_hub() as server, server.opened(refresh=3600.0) as hub:
        answer = {"resolved": False, "crew": None, "matched_by": "unresolved"}
        server.replies = [problem(404, "route_not_found"), json_response(answer)]
        assert (await hub.route("1", number="+55")).owner is None
    assert [asked.path_qs for asked in server.asked] == [
        "/v1/route/table",
        "/v1/route?account_id=1&number=%2B55",
    ]


def test_table_that_is_cut_is_not_taken() -> None:
    head = b'{"whole":true,"version":1,"channels":2,"unserved":[],"left":[],"shared":[]}\n'
    line = (
        b'{"account":"1","inbox":"7","tenant":"a","domain":"default","fallback":false,'
        b'"sequence":10,"numbers":[],"active":true,"version":1}\n'
    )
    with pytest.raises(ValueError, match="whole"):
        read_table(head + line)
    table, version = read_table(head + line + line.replace(b'"7"', b'"8"'))
    assert (len(table.table), version) == (2, 1)


def test_table_remembers_a_limited_number_of_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odoo_ai_config.client.route_table._MOST_FOUND", 2)
    head = b'{"whole":true,"version":0,"channels":0,"unserved":[],"left":[],"shared":[]}\n'
    table, _ = read_table(head)
    for account in "12345":
        assert table.route(account, None, None, explain=False) is not None
    assert len(table._found) <= 2
