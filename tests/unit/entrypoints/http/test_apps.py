"""
A process serves the endpoints of its apps only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http import routes
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.described_answers import the_description
from tests.unit.entrypoints.http.web_hub import WebHub, serving

ALWAYS = {"/", "/health", "/ready", "/metrics", "/openapi.json", "/docs", "/docs/{file}"}
PATHS = {
    app: {
        operation.path
        for group in routes.GROUPS
        if group.app is app
        for operation, _ in group.served
    }
    for app in (*App, None)
}
# Odoo's older modules send their events there.
SHARED = {App.CONFIG: {"/webhook", "/webhook/{token}"}}


@pytest.fixture(params=App, ids=lambda app: app.value)
async def alone(request: pytest.FixtureRequest) -> AsyncIterator[tuple[App, WebHub]]:
    """
    A server of one app, with that app.
    """
    options = HttpOptions(version="1.2.3", apps=frozenset({request.param}))
    async with serving(MemoryHub(), options) as web:
        yield request.param, web


def test_what_belongs_to_no_app_is_known() -> None:
    assert PATHS[None] == ALWAYS


def test_no_address_belongs_to_two_apps() -> None:
    owned = [path for paths in PATHS.values() for path in paths]
    assert len(set(owned)) == len(owned)


async def test_app_that_is_not_served_is_refused_by_name(alone: tuple[App, WebHub]) -> None:
    served, web = alone
    for app, paths in PATHS.items():
        for path in paths:
            filled = path.replace("{", "").replace("}", "")
            # Streams never end; no path takes this.
            answer = await web.get(f"{filled}?since=x")
            not_served = answer.status == 404 and (await answer.json())["code"]
            assert (not_served == "app_not_served") == (app not in {served, None}), path


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", ["/mapping", "/mapping/", "/odoo-webhook"])
async def test_address_is_not_served_in_any_form(method: str, path: str) -> None:
    options = HttpOptions(version="1.2.3", apps=frozenset({App.CHATWOOT}))
    async with serving(MemoryHub(), options) as web:
        assert (await web.ask(method, path)).status == 404


async def test_what_tells_of_the_server_is_always_served(alone: tuple[App, WebHub]) -> None:
    _, web = alone
    for path in ALWAYS:
        answer = await web.with_key("").get(path.replace("{file}", "start.js"))
        assert answer.status == 200, path


async def test_document_describes_what_is_served(alone: tuple[App, WebHub]) -> None:
    served, web = alone
    document = await (await web.get("/openapi.json")).json()
    assert set(document["paths"]) == PATHS[served] | SHARED.get(served, set()) | ALWAYS


def test_document_of_all_apps_describes_every_one() -> None:
    assert set(the_description().document["paths"]) == set().union(*PATHS.values())
