"""
Every address of the hub that a page names exists.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from odoo_ai_config.entrypoints.http.routes import GROUPS
from tests.source_tree import ROOT

PAGES: Final = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "odoo_addons").rglob("*.md")),
]
# In code spans, perhaps after a method or the name of a host; and in calls of examples, except
# those of the demo's page, which listens at 8001.
_NAMED: Final = re.compile(
    r"`(?:(?:GET|POST|PUT|PATCH|DELETE),? )*(?:<\w+>)?(/[^`\s]*)`"
    r"|(?:\$HUB|localhost:8(?!001)\d{3})(/[^\s\"')`]*)"
)
# Files, and pages of Odoo and Chatwoot.
_ELSEWHERE: Final = re.compile(r"/(?:etc|dev|var|tmp|app|inbox|api/v1/accounts)(?:/|$)")
_PATHS: Final = sorted(
    {operation.path.removesuffix("/") for group in GROUPS for operation, _ in group.served}
)


def exists(address: str) -> bool:
    path = re.split(r"[?#]", address)[0].rstrip("/")
    beginning, ellipsis, _ = path.partition("...")
    return any(
        known.startswith(beginning if ellipsis else f"{beginning}/") or is_at(path, known)
        for known in _PATHS
    )


def is_at(path: str, known: str) -> bool:
    parts, places = path.split("/"), known.split("/")
    return len(parts) == len(places) and all(
        part == place or place.startswith("{") or part[:1] in {"<", "{", "$"}
        for part, place in zip(parts, places, strict=True)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_addresses_in_the_page_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    named = {one or other for one, other in _NAMED.findall(text)}
    assert [one for one in sorted(named) if not _ELSEWHERE.match(one) and not exists(one)] == []


def test_an_address_that_does_not_exist_is_found() -> None:
    assert exists("/configs/<tenant>/retail/config/")
    assert exists("/webhook...")
    assert exists("/api/v1")
    assert not exists("/company-service/a/metadata")
    assert not exists("/v1/tenantss")
