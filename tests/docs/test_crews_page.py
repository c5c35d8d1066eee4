"""
The page about crews, in both languages, shows what the hub reads and sends.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from odoo_ai_config.adapters.crews.http_crew_client import HttpCrewClient, described
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.application.errors import CrewRefusedError
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew, CrewKind, crew_of, require_crews
from odoo_ai_config.domain.messages.answer_bodies import answer_in
from odoo_ai_config.domain.messages.answers import Answer, action_of, steps_of
from odoo_ai_config.domain.messages.outgoing import CONTENT_TYPES
from tests.contract.crew_client_contract import QUESTION, task
from tests.contract.samples import owner
from tests.docs.test_examples import blocks_in
from tests.source_tree import ROOT

PAGES = [ROOT / "docs" / name for name in ("crews.md", "crews.pt-BR.md")]
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
PATIENCE = 60


pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def block(page: Path, language: str, number: int = 0) -> str:
    blocks = blocks_in(page.read_text("utf-8"))
    return [block.text for block in blocks if block.language == language][number]


@pages
def test_crews_of_the_page_can_be_read(page: Path) -> None:
    body = RuamelYamlCodec().parse(block(page, "yaml"))

    require_crews(body, owner())

    assert crew_of(body, owner(), None).kind is CrewKind.HTTP
    assert {crew_of(body, owner(), name).kind for name in ("analytics", "admin")} == {
        CrewKind.ECHO,
        CrewKind.IN_PROCESS,
    }


@pages
def test_task_of_the_page_has_the_fields_that_crews_get(page: Path) -> None:
    shown = json.loads(block(page, "json"))

    sent: dict[str, Any] = described(
        Crew("x", owner(), CrewKind.HTTP), task(), "https://hub.example.com"
    )

    assert {name: type(value) for name, value in shown.items()} == {
        name: type(value) for name, value in sent.items()
    }
    for part in ("channel", "contact", "conversation", "in_reply_to", "release"):
        assert shown[part].keys() == sent[part].keys()
    (file,), (first, *_) = shown["attachments"], sent["attachments"]
    assert file.keys() == first.keys()


@pages
def test_answer_of_the_page_is_understood(page: Path) -> None:
    said = json.loads(block(page, "json", 1))
    answer = answer_in(said)
    assert isinstance(answer, Answer)
    assert [action_of(step) for step in steps_of(answer)] == [
        "message",
        "message",
        "note",
        "message",
        "custom_attributes",
        "labels",
        "priority",
        "note",
        "status",
        "team",
        "assignee",
    ]


@pages
def test_every_member_of_an_answer_is_explained(page: Path) -> None:
    described = json.loads((ROOT / "tests/fixtures/openapi.json").read_text("utf-8"))
    schemas = described["components"]["schemas"]
    text = page.read_text("utf-8")
    known = {
        *schemas["CrewAnswer"]["properties"]["answer"]["anyOf"][0]["properties"],
        *schemas["CrewMessage"]["properties"],
        *(f"handover.{name}" for name in schemas["CrewHandOver"]["properties"]),
    }
    rows = re.findall(r"^\| (`[\w.]+`(?:, `[\w.]+`)*) \| ", text, re.MULTILINE)
    assert known <= {name for row in rows for name in re.findall(r"[\w.]+", row)}


@pages
def test_every_kind_of_message_is_explained_with_the_members_of_its_items(page: Path) -> None:
    text = page.read_text("utf-8")
    for kind, members in CONTENT_TYPES.items():
        if kind != "text":
            row = re.search(rf"^\| `(?:\w+`, `)*{kind}`.* \| (.*) \|$", text, re.MULTILINE)
            assert row is not None, kind
            assert members <= set(re.findall(r"`(\w+)`", row[1])), kind


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
async def crew_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """
    Run the crew of the page as a process.
    """
    program = tmp_path / "crew.py"
    program.write_text(block(request.param, "py"), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(program),
        env={
            "PATH": os.environ["PATH"],
            "PYTHONUNBUFFERED": "1",
            "CREW_SECRET": SECRET,
            "PORT": str(port),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        # aiohttp prints this when it listens.
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        assert b"Running" in line
        yield f"http://127.0.0.1:{port}/tasks"
    finally:
        process.terminate()
        await process.communicate()


async def test_crew_of_the_page_answers_whoever_signs(crew_url: str) -> None:
    sessions = HttpSessions([ip_network("127.0.0.0/8")])
    line = HttpCrewClient(sessions, SystemClock())
    crew = Crew("atendimento", owner(), CrewKind.HTTP, url=crew_url)
    try:
        for _ in range(2):
            said = await line.ask(crew, task(), secret=SecretText(SECRET))
            assert said == Answer.of_text(f"Cliente Exemplo, você disse: {QUESTION}")
        with pytest.raises(CrewRefusedError):
            await line.ask(crew, task(), secret=SecretText("another secret"))
    finally:
        await sessions.close()
