"""
Does what the tutorial says, beside a demo of its own.

Each ``bash`` block runs by itself. If ``json`` follows directly, the block only reads, and its
output has at least what is shown; an answer may take a moment, so such a block is run again.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_examples import agrees, blocks_in
from tests.e2e.demo_process import END, DemoProcess, demonstrating
from tests.e2e.hub_process import PATIENCE, environment
from tests.source_tree import ROOT

PAGES = [ROOT / "docs" / name for name in ("tutorial.md", "tutorial.pt-BR.md")]
SESSION = 'set -euo pipefail\ncurl() { command curl -q -sS --fail-with-body "$@"; }\n'


def shows(shown: Any, printed: Any) -> bool:
    """
    Whether *printed* has everything that *shown* has, in lists in the same order.
    """
    if isinstance(shown, dict) and isinstance(printed, dict):
        return all(name in printed and shows(one, printed[name]) for name, one in shown.items())
    if isinstance(shown, list) and isinstance(printed, list):
        return len(shown) == len(printed) and all(map(shows, shown, printed))
    return agrees(shown, printed)


def run(block: str, demo: DemoProcess) -> str:
    for written, meant in {"localhost:8001": demo.page, "localhost:8000": demo.hub}.items():
        block = block.replace(written, meant)
    finished = subprocess.run(
        ["bash", "-c", SESSION + block],
        env=environment(KEY=demo.key),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_step_leads_to_what_is_shown(page: Path, tmp_path: Path) -> None:
    if shutil.which("bash") is None or shutil.which("curl") is None:
        pytest.skip("bash or curl is missing")
    steps = [block for block in blocks_in(page.read_text("utf-8")) if block.language == "bash"]
    assert len(steps) > 8
    with demonstrating(tmp_path) as demo:
        for step in steps:
            printed = run(step.text, demo)
            if step.output is None:
                continue
            patience = time.monotonic() + PATIENCE
            while not shows(json.loads(step.output), json.loads(printed)):
                assert time.monotonic() < patience, (step.output, printed)
                time.sleep(0.1)
                printed = run(step.text, demo)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_demo_says_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    [shown] = [block.text for block in blocks_in(page.read_text("utf-8")) if END in block.text]
    with demonstrating(tmp_path) as demo:
        printed = demo.printed.replace(demo.page, "http://127.0.0.1:8001")
        assert agrees(shown, printed.replace(demo.hub, "http://127.0.0.1:8000"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_names_what_the_demo_calls_its_buttons(page: Path) -> None:
    folder = ROOT / "src/odoo_ai_config/entrypoints/cli/demo/page"
    named = (folder / "words.js").read_text("utf-8") + (folder / "desk.js").read_text("utf-8")
    for button in (
        "Qual o horário?",
        "Quero falar com uma pessoa",
        "Responder ao cliente",
        "Devolver à IA",
        "Pense devagar",
        "Assumir",
        "Resolver",
    ):
        assert f'"{button}"' in named
        assert f"**{button}**" in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("shown", "printed", "agreed"),
    [
        ({"a": [1]}, {"a": [1], "b": 2}, True),
        ({"a": {"b": "x..."}}, {"a": {"b": "xy", "c": 1}}, True),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": None}, {"a": 0}, False),
    ],
)
def test_output_that_lacks_what_is_shown_is_seen(shown: Any, printed: Any, agreed: bool) -> None:
    assert shows(shown, printed) is agreed
