"""
The page of a client in a real browser, with a key and without.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import Page, browsing
from tests.e2e.hub_process import HubProcess, run, serving

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> \"'&amp;"
PASSWORD = "s3nha-do-cliente"
EVENTS: list[dict[str, Any]] = [
    {
        "event_type": "credentials_sync",
        "account_id": "loja",
        "domain": "retail",
        "name": "Loja Antiga",
        "odoo_url": "https://odoo.example.com",
        "odoo_password": PASSWORD,
        "token": "token_loja",
    },
    {
        "event_type": "mapping_sync",
        "mapping": {
            "chatwoot_account_id": 1,
            "chatwoot_inbox_id": 7,
            "internal_account_id": "loja",
            "domain": "retail",
            "special_whatsapp_numbers": [{"number": "+55 11 98765-4321", "crew": "analytics"}],
        },
    },
]


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HubProcess]:
    folder = tmp_path / "hub"
    folder.mkdir()
    with serving(folder) as hub:
        async with hub.client() as client:
            for event in (*EVENTS, {**EVENTS[0], "name": HOSTILE}):
                async with client.post("/odoo-webhook", json=event) as answer:
                    assert answer.status == 200, await answer.text()
        yield hub


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browsing() as page:
        await page.complain()
        yield page
        assert page.complaints == []


def key_for(hub: HubProcess, *scopes: str, tenant: str | None = None) -> str:
    flags = [part for scope in scopes for part in ("--scope", scope)]
    bound = [] if tenant is None else ["--tenant", tenant]
    created = run(hub.folder, "keys", "create", "--name", "page", *flags, *bound)
    assert created.returncode == 0, created.stderr
    return created.stdout.strip()


async def show(page: Page, key: str) -> None:
    """
    Enter *key* with the keyboard.
    """
    await page.type("#key", key)
    await page.press_enter()


async def told(page: Page, words: str) -> None:
    await page.until(f"document.body?.innerText.includes('{words}')")


async def text_of(page: Page) -> str:
    text: str = await page.evaluate("document.body.innerText")
    return text


async def unfolded(page: Page, *, article: int, part: int) -> str:
    """
    The content of the *part* of the *article* after opening it.
    """
    within = f"document.querySelectorAll('article')[{article}]"
    place = f"{within}.querySelectorAll(':scope > details')[{part}]"
    await page.evaluate(f"{place}.querySelector('summary').click()")
    await page.until(f"{place}.children.length > 1")
    text: str = await page.evaluate(f"{place}.innerText")
    return text


async def test_client_is_shown_with_documents_channels_and_changes(
    hub: HubProcess, page: Page
) -> None:
    await page.open(f"{hub.url}/ui/clients/loja/retail")
    await show(page, key_for(hub, "config:read", "messages:read"))
    await page.shown("h1")
    # Exactly as typed: no part of it became markup.
    assert await page.evaluate("document.querySelector('h1').textContent") == HOSTILE
    assert await page.evaluate("document.querySelectorAll('main script, main img').length") == 0
    shown = await text_of(page)
    for words in ("Canais", "+5511987654321 → analytics", "ligado", "Nenhuma mensagem."):
        assert words in shown
    config = await unfolded(page, article=0, part=0)
    assert "https://odoo.example.com" in config
    credentials = await unfolded(page, article=1, part=0)
    assert "sealed:" in credentials
    history = await unfolded(page, article=0, part=1)
    assert "versão 2" in history
    assert "versão 1" in history
    await page.click(".history summary")
    await page.shown("ins")
    assert "<script>alert(1)</script>" in await page.evaluate(
        "document.querySelector('ins').innerText"
    )
    assert "Loja Antiga" in await page.evaluate("document.querySelector('del').innerText")
    assert PASSWORD not in await page.evaluate("document.documentElement.outerHTML")


async def test_key_is_in_the_tab_only_and_is_forgotten(hub: HubProcess, page: Page) -> None:
    key = key_for(hub, "config:read")
    await page.open(f"{hub.url}/ui/clients/loja/retail")
    await show(page, key)
    await page.shown("h1")
    assert await page.evaluate("location.href") == f"{hub.url}/ui/clients/loja/retail"
    assert await page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    assert key not in await page.evaluate("document.documentElement.outerHTML")
    await page.open(f"{hub.url}/ui/clients/loja/retail/")
    await page.shown("h1")
    await page.click("#forget")
    await page.shown("#key")
    assert await page.evaluate("sessionStorage.length") == 0


async def test_what_cannot_be_shown_is_told_in_words(hub: HubProcess, page: Page) -> None:
    await page.open(f"{hub.url}/ui/clients/nobody/retail")
    for wrong in ("oac_wrong_key", "não é chave"):
        await show(page, wrong)
        await page.shown(".refusal")
        assert "não aceita esta chave" in await text_of(page)
    await show(page, key_for(hub, "webhook"))
    await told(page, "o escopo config:read")
    for key, words in (
        (key_for(hub, "config:read", tenant="other"), "é de outro cliente"),
        (key_for(hub, "config:read"), "não tem nada deste cliente"),
    ):
        await page.click("#forget")
        await show(page, key)
        await told(page, words)
    await page.open(f"{hub.url}/ui/clients/loja/retail")
    await told(page, "o escopo messages:read")
    hub.stop()
    await page.click("#language")
    await told(page, "The hub does not answer")


async def test_clients_are_listed_and_lead_to_their_pages(hub: HubProcess, page: Page) -> None:
    await page.open(f"{hub.url}/ui")
    await show(page, key_for(hub, "config:read"))
    await page.shown("main a")
    await page.click("main a")
    await page.until("document.querySelector('h1')?.textContent.includes('script')")
    assert await page.evaluate("location.pathname") == "/ui/clients/loja/retail"


async def test_many_clients_come_one_page_after_the_other(hub: HubProcess, page: Page) -> None:
    async with hub.client() as client:
        for number in range(200):
            event = {**EVENTS[0], "account_id": f"cliente{number}"}
            async with client.post("/odoo-webhook", json=event) as answer:
                assert answer.status == 200, await answer.text()
    await page.open(f"{hub.url}/ui")
    await show(page, key_for(hub, "config:read"))
    await told(page, "Mais clientes")
    await page.click("main button")
    await page.until("document.querySelectorAll('main a').length === 201")
    assert "Mais clientes" not in await text_of(page)


@pytest.mark.parametrize("width", [360, 1200])
async def test_page_needs_no_scrolling_sideways(hub: HubProcess, page: Page, width: int) -> None:
    await page.resize(width)
    await page.open(f"{hub.url}/ui/clients/loja/retail")
    await show(page, key_for(hub, "config:read"))
    await page.shown("h1")
    await unfolded(page, article=0, part=0)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
