from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from odoo_ai_config.adapters.sqlite.writer import GroupWriter
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.http.app import build_app
from odoo_ai_config.entrypoints.http.metrics import Metrics
from odoo_ai_config.entrypoints.serving import http_options
from odoo_ai_config.entrypoints.settings import read_settings
from odoo_ai_config.entrypoints.startup import ensure_first_key, opened
from tests.source_tree import PACKAGE, ROOT, TESTS

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
TREE = re.search(r"^```text\nsrc/odoo_ai_config/\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)

FRAME = re.compile(r"^([\w/]+\.py) +(\w+)(?:  .*)?$", re.MULTILINE)


async def stacks_at_the_writer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """
    Which frames of the package lead to each write of a credentials event.
    """
    stacks: list[list[Any]] = []
    write = GroupWriter.write

    async def traced(writer: GroupWriter, work: Any) -> Any:
        frames = [
            (Path(frame.filename).relative_to(PACKAGE).as_posix(), frame.name)
            for frame in traceback.extract_stack()
            if Path(frame.filename).is_relative_to(PACKAGE)
        ]
        stacks.append([*frames, ("adapters/sqlite/writer.py", "write")])
        return await write(writer, work)

    settings = read_settings(flags={"data_dir": str(folder)}, environment={}, folder=folder)
    async with opened(Container(settings=settings)) as services:
        key = await ensure_first_key(services, settings)
        assert key is not None
        app = build_app(services, http_options(settings), Metrics())
        async with TestClient(TestServer(app)) as client:
            monkeypatch.setattr(GroupWriter, "write", traced)
            event = {"account_id": "1", "token": "odoo", "odoo_password": "x"}
            answer = await client.post(
                "/odoo-webhook",
                json={"event_type": "credentials_sync", **event},
                headers={"X-API-Key": key.reveal()},
            )
            assert answer.status == 200
            monkeypatch.undo()
    return stacks


async def test_way_of_an_event_is_as_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = PAGE.partition("## The way of an event")[2].partition("```text\n")[2]
    described = FRAME.findall(section.partition("```")[0])
    (stack,) = await stacks_at_the_writer(tmp_path, monkeypatch)
    assert [function for _, function in stack] == [function for _, function in described]
    for (real, _), (named, _) in zip(stack, described, strict=True):
        assert f"/{real}".endswith(f"/{named}")


def test_every_module_that_is_named_exists() -> None:
    modules = [path.as_posix() for folder in (PACKAGE, TESTS) for path in folder.rglob("*.py")]
    named = set(re.findall(r"[\w/]*\w\.py\b", PAGE))
    assert {
        name for name in named if not any(module.endswith(f"/{name}") for module in modules)
    } == set()


def test_tree_names_every_package_and_every_module_beside_packages() -> None:
    assert TREE is not None
    tree = TREE[1]
    packages = [path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    missing = [path.name for path in packages if f"{path.name}/" not in tree]
    for layer in ("domain", "application", "entrypoints"):
        modules = (path.name for path in (PACKAGE / layer).glob("*.py"))
        missing += [name for name in modules if name != "__init__.py" and name not in tree]
    ports = (PACKAGE / "application" / "ports").glob("*.py")
    missing += [p.stem for p in ports if p.stem != "__init__" and p.stem not in tree]
    assert missing == []
