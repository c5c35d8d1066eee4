from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable

import pytest

from odoo_ai_config.client import open_hub
from odoo_ai_config.client.remote_hub import RemoteCollection, RemoteHub
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.library import CollectionHandle, Hub
from tests.contract.hub_contract import HubContract, World
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import serving


class TestHubInProcess(HubContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[World]:
        async with serving(MemoryHub(), HttpOptions(version="1")) as web:
            hub = Hub(web.services)

            async def hear() -> None:
                pass

            yield World(hub, hub, hear)


class TestHubOverHttp(HubContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[World]:
        async with (
            serving(MemoryHub(), HttpOptions(version="1")) as web,
            open_hub(str(web.client.make_url("/")), api_key=web.key) as hub,
        ):
            others = Hub(web.services)

            async def hear() -> None:
                # Whoever has read nothing yet does not listen yet.
                end = await others.cursor()
                while hub.feed.cursor != end:
                    await asyncio.sleep(0.01)

            yield World(hub, others, hear)


def methods(kind: type) -> dict[str, Callable[..., object]]:
    return {
        name: member
        for name, member in vars(kind).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }


# What HTTP tells of a message is a part of what a hub in process has.
OTHER_RESULTS = {"answer", "replay", "collection"}
# In process, a program calls `changes` for the same, which tells of a restored store, too.
ONLY_REMOTE = {"on_change", "on_restore"}


@pytest.mark.parametrize(
    ("remote", "here"), [(RemoteHub, Hub), (RemoteCollection, CollectionHandle)]
)
def test_calls_over_http_are_those_in_process(remote: type, here: type) -> None:
    assert methods(remote).keys() >= {"config", "route"} & methods(here).keys()
    for name, method in methods(remote).items():
        if name in ONLY_REMOTE:
            continue
        told, expected = inspect.signature(method), inspect.signature(methods(here)[name])
        assert told.parameters == expected.parameters, name
        if name not in OTHER_RESULTS:
            assert told.return_annotation == expected.return_annotation, name
