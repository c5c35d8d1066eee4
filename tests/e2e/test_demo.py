"""
`odoo-ai-config demo`, tried by both sides in a browser.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.chromium import Page, browsing
from tests.e2e.demo_process import DemoProcess, demonstrating
from tests.e2e.hub_process import PATIENCE, run


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoProcess]:
    with demonstrating(tmp_path) as demo:
        yield demo


@pytest.fixture
async def page(demo: DemoProcess) -> AsyncIterator[Page]:
    async with browsing() as page:
        await page.complain()
        await page.open(demo.page)
        await page.shown("#status")
        yield page
        assert page.complaints == []


async def write(page: Page, field: str, text: str) -> None:
    await page.type(f"#{field}", text)
    await page.press_enter()


async def told(page: Page, side: str, *words: str) -> None:
    """
    Wait until the last messages of *side* have these words, one each.
    """
    shown = f"[...document.querySelectorAll('#{side} li')].slice(-{len(words)})"
    for number, word in enumerate(words):
        await page.until(f"{shown}[{number}]?.innerText.includes({word!r})")


async def has(page: Page, what: str, words: str) -> None:
    await page.until(f"document.querySelector('#{what}').innerText.includes({words!r})")


async def test_customer_is_answered_handed_over_and_given_back(page: Page) -> None:
    await has(page, "status", "pendente")
    await write(page, "say", "Qual o horário?")
    await told(page, "phone", "Qual o horário?", "das 9h às 18h")
    await told(page, "desk", "hub: done", "das 9h às 18h")
    await write(page, "say", "Quero falar com uma pessoa")
    await told(page, "phone", "pessoa", "Vou chamar uma pessoa.")
    await told(page, "desk", "Vou chamar", "O cliente pediu")
    await has(page, "status", "aberta")
    await has(page, "labels", "pediu-pessoa")
    await write(page, "answer", "Olá, aqui é a Ana.")
    await told(page, "phone", "Vou chamar uma pessoa.", "aqui é a Ana")
    await write(page, "say", "Obrigado!")
    await told(page, "desk", "hub: ignored, human_wrote")
    await page.click("#person_takes_over")
    await has(page, "assignee", "Ana")
    await page.click("#person_gives_back")
    await has(page, "status", "pendente")
    await write(page, "say", "Quanto custa?")
    await told(page, "desk", "hub: done", "O cliente quer comprar.", "O preço de quê?")
    await told(page, "phone", "Quanto custa?", "O preço de quê?")
    await page.click("#phone li button")
    await told(page, "phone", "Camiseta", "59,90")


async def test_answer_of_a_slow_crew_becomes_a_note_after_a_takeover(page: Page) -> None:
    await write(page, "say", "Pense devagar")
    await told(page, "desk", "Pense devagar")
    await page.click("#person_takes_over")
    await told(page, "desk", "hub: done, human_took_over", "Pensei por 10 segundos.")
    await told(page, "phone", "Pense devagar")


async def test_agent_pauses_the_ai_with_a_note(page: Page) -> None:
    await page.type("#answer", "/bot off")
    await page.click("#person_notes")
    await told(page, "desk", "/bot off")
    await page.click("#customer_speaks")
    await told(page, "desk", "hub: ignored, paused")
    await page.click("#customer_sends_place")
    await told(page, "phone", "Áudio", "Praça da Sé")


async def test_page_shows_texts_as_they_are_and_speaks_english(page: Page) -> None:
    hostile = "<img src=x onerror=alert(1)> {{contact.email}}"
    await write(page, "say", hostile)
    await told(page, "phone", hostile, "Olá!")
    assert await page.evaluate("document.querySelectorAll('main img').length") == 0
    await page.click("#language")
    await has(page, "desk", "Give back to the AI")
    await told(page, "desk", "Customer", "Olá!")


@pytest.mark.parametrize("width", [360, 1200])
async def test_page_needs_no_scrolling_sideways(page: Page, width: int) -> None:
    await page.resize(width)
    await write(page, "say", "x" * 300)
    await told(page, "phone", "xxx", "Olá!")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_page_tells_that_the_demo_has_ended(page: Page, demo: DemoProcess) -> None:
    demo.process.send_signal(signal.SIGINT)
    await page.until("!document.querySelector('#ended').hidden")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    # Settings of the real hub do not concern it.
    (tmp_path / ".env").write_text("ODOO_AI_CONFIG_APPS=config\nSERVER_PORT=x\n")
    with demonstrating(tmp_path, ODOO_AI_CONFIG_STORE_URL="sqlite:///hub.db") as demo:
        demo.process.send_signal(number)
        _, errors = demo.process.communicate(timeout=PATIENCE)
        assert demo.process.returncode == 0
    assert errors == ""
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


async def test_only_its_key_opens_the_hub_and_only_its_secret_the_webhook(
    demo: DemoProcess,
) -> None:
    async with aiohttp.ClientSession(demo.hub) as anybody:
        async with anybody.get("/v1/messages") as answer:
            assert answer.status == 401
        async with anybody.post("/webhook", json={"event": "message_created"}) as answer:
            assert answer.status == 401
        headers = {"X-API-Key": demo.key}
        async with anybody.get("/v1/messages", headers=headers) as answer:
            assert answer.status == 200
    async with (
        aiohttp.ClientSession(demo.page) as anybody,
        anybody.get("/api/v1/accounts/1/conversations/301") as answer,
    ):
        assert answer.status == 401


@pytest.mark.parametrize("port", ["-1", "65535"])
def test_port_without_a_next_one_is_refused(tmp_path: Path, port: str) -> None:
    ended = run(tmp_path, "demo", "--port", port)
    assert ended.returncode == 1
    assert "--port deve ser um inteiro de 0 a 65534" in ended.stderr


def test_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run(tmp_path, "demo", "--port", str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.endswith("Escolha outra com --port.\n")
