"""
The services on the page about the client, in both languages, answer the tasks of a hub.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import pytest
from attrs import evolve

from odoo_ai_config.adapters.crews.http_crew_client import HttpCrewClient
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.client import open_hub
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew, CrewKind
from odoo_ai_config.domain.messages.answers import Answer
from tests.contract.crew_client_contract import task
from tests.contract.samples import owner
from tests.docs.test_examples import blocks_in
from tests.e2e.customers import free_port
from tests.e2e.hub_process import PATIENCE, HubProcess, environment, serving
from tests.source_tree import ROOT

PAGES = [ROOT / "docs" / name for name in ("client.md", "client.pt-BR.md")]
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SHOP = owner("123456", "retail")
AIOHTTP = ["-W", "error", "service.py"]
FASTAPI = ["-m", "uvicorn", "service:app", "--log-level", "warning", "--port"]


def blocks_of(page: Path, hub: HubProcess) -> tuple[str, str, str]:
    """
    The services with aiohttp and with FastAPI, and the callbacks.
    """
    text = page.read_text("utf-8").replace("https://hub.example.com", hub.url)
    text = text.replace('"hub-key"', repr(hub.api_key))
    with_aiohttp, with_fastapi, callbacks = (
        block.text for block in blocks_in(text) if block.language == "py"
    )
    return with_aiohttp, with_fastapi, callbacks


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with serving(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


async def listens(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
        while True:
            assert process.returncode is None
            try:
                async with session.get(f"http://127.0.0.1:{port}/"):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("number", [0, 1], ids=["aiohttp", "fastapi"])
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_service_of_the_page_answers_a_task(
    page: Path, number: int, hub: HubProcess, tmp_path: Path
) -> None:
    if number == 1 and find_spec("fastapi") is None:
        reason = "fastapi is missing"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    port = free_port()
    source = blocks_of(page, hub)[number].replace("port=9000", f"port={port}")
    (tmp_path / "service.py").write_text(source, encoding="utf-8")
    async with open_hub(hub.url, api_key=hub.api_key) as writer:
        await writer.sync_credentials(
            account_id="123456", domain="retail", token="ref", name="Loja Exemplo"
        )
    sample = task()
    assert sample.received.destination is not None
    destination = evolve(sample.received.destination, owner=SHOP)
    asked = evolve(sample, received=evolve(sample.received, destination=destination))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(AIOHTTP if number == 0 else [*FASTAPI, str(port)]),
        cwd=tmp_path,
        env=environment(),
    )
    sessions = HttpSessions([ip_network("127.0.0.0/8")])
    try:
        await listens(port, process)
        crew = Crew("atendimento", SHOP, CrewKind.HTTP, url=f"http://127.0.0.1:{port}/crew")
        line = HttpCrewClient(sessions, SystemClock())
        said = await line.ask(crew, asked, secret=SecretText(SECRET))
    finally:
        await sessions.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()
    assert said == Answer.of_text("Loja Exemplo responde em breve.")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_callbacks_of_the_page_renew_what_changed(page: Path, hub: HubProcess) -> None:
    agents: dict[str, object] = {}
    callbacks = blocks_of(page, hub)[2]
    async with open_hub(hub.url, api_key=hub.api_key) as reader:
        names = {"hub": reader, "agents": agents, "build_agent": lambda config: config["name"]}
        exec(compile(callbacks, page.name, "exec"), names)
        async with asyncio.timeout(PATIENCE):
            number = 0
            # They hear what happens from the hub's first answer on.
            while "loja" not in agents:
                number += 1
                await reader.sync_credentials(account_id="loja", token="ref", name=str(number))
                await asyncio.sleep(0.05)
        agents["loja"] = "of before the restore"
        await names["renew_all"]()  # type: ignore[operator]
        assert agents == {"loja": str(number)}
