"""
A crew that knows a shop's hours and prices, and when to pass a customer on.

It answers as `docs/crews.md` says.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from aiohttp import web

PATH: Final = "/crew"
SLOW_SECONDS: Final = 10

# The first that matches what the customer says.
_ANSWERS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    (
        r"pessoa|atendente|humano",
        {
            "handover": {
                "text": "Vou chamar uma pessoa.",
                "note": "O cliente pediu para falar com uma pessoa.",
                # Not a label that keeps the AI silent: to give the conversation back is enough.
                "labels_added": ["pediu-pessoa"],
            }
        },
    ),
    ("devagar", {"answer": {"text": f"Pronto. Pensei por {SLOW_SECONDS} segundos."}}),
    ("hor[áa]rio|abre", {"answer": {"text": "Abrimos de segunda a sexta, das 9h às 18h."}}),
    ("camiseta", {"answer": {"text": "A camiseta custa R$ 59,90."}}),
    ("bon[ée]", {"answer": {"text": "O boné custa R$ 39,90."}}),
    (
        "pre[çc]o|quanto",
        {
            "answer": {
                "messages": [
                    {"text": "O cliente quer comprar.", "private": True},
                    {
                        "text": "O preço de quê?",
                        "choices": [{"title": "Camiseta"}, {"title": "Boné"}],
                    },
                ]
            }
        },
    ),
    ("a place", {"answer": {"text": "Recebi o local. A loja fica perto daí."}}),
    ("", {"answer": {"text": "Olá! Pergunte sobre horários e preços, ou peça uma pessoa."}}),
)


async def take(request: web.Request) -> web.Response:
    """
    Answer a task of the hub.
    """
    said = said_in(await request.json())
    if "devagar" in said:
        await asyncio.sleep(SLOW_SECONDS)
    return web.json_response(answer_to(said))


def said_in(task: dict[str, Any]) -> str:
    """
    What the customer says in *task*, by whatever means.
    """
    files = task["attachments"]
    spoken = [file["transcription"] for file in files]
    places = ["a place" for file in files if file["location"]]
    return " ".join(filter(None, (task["text"], *spoken, *places))).lower()


def answer_to(said: str) -> dict[str, Any]:
    """
    The answer to what the customer says.
    """
    return next(answer for words, answer in _ANSWERS if re.search(words, said))
