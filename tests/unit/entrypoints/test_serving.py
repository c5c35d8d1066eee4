from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import structlog

from odoo_ai_config.adapters.crypto.key_ring_file import KeyRingFile
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.application.documents.writing import DocumentWrite
from odoo_ai_config.domain.identifiers import CONFIG, BusinessArea, DocumentKey, TenantId
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.background import repeatedly
from odoo_ai_config.entrypoints.cli.session import OPERATOR
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.serving import (
    http_options,
    look_at_key_ring,
    prune,
    prune_messages,
)
from odoo_ai_config.entrypoints.settings import SettingsError, read_settings
from odoo_ai_config.entrypoints.startup import opened
from odoo_ai_config.entrypoints.wiring import Services

KEY = DocumentKey(TenantId("a"), BusinessArea(), CONFIG)
SECRET = "whsec_c2VncmVkby1kZS10ZXN0ZS1jb20tMzItYnl0ZXM="


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    settings = read_settings(
        flags={"data_dir": str(tmp_path), "keep_versions": "1"}, environment={}, folder=tmp_path
    )
    async with opened(Container(settings=settings)) as services:
        yield services


async def test_old_versions_go_even_after_the_store_was_away(
    services: Services, tmp_path: Path
) -> None:
    for number in range(3):
        await services.publish_document(DocumentWrite(KEY, OPERATOR), text=f"n: {number}")
    database = tmp_path / "odoo-ai-config.db"
    aside = database.rename(tmp_path / "aside")
    with structlog.testing.capture_logs() as logged:
        pruning = asyncio.create_task(
            repeatedly(partial(prune, services), name="test", every=0.001)
        )
        while not logged:
            await asyncio.sleep(0.001)
        assert {line["event"] for line in logged} == {"pruning_failed"}
        aside.rename(database)
        while not any(line["event"] == "pruned" for line in logged):
            await asyncio.sleep(0.001)
        pruning.cancel()
        with suppress(asyncio.CancelledError):
            await pruning
    history = await services.list_documents.history(KEY, caller=OPERATOR)
    assert [revision.version for revision in history] == [3]


async def test_messages_are_removed_by_work_of_their_own(
    services: Services, tmp_path: Path
) -> None:
    with structlog.testing.capture_logs() as logged:
        await prune_messages(services)
        (tmp_path / "odoo-ai-config.db").rename(tmp_path / "aside")
        await prune_messages(services)
    assert [(line["event"], line.get("messages"), line.get("code")) for line in logged] == [
        ("messages_pruned", 0, None),
        ("pruning_messages_failed", None, "store_unavailable"),
    ]


async def test_lost_ring_is_in_the_log_although_nobody_needs_it_and_the_store_is_away(
    services: Services, tmp_path: Path
) -> None:
    (tmp_path / "odoo-ai-config.db").rename(tmp_path / "aside")
    (tmp_path / "keyring.json").write_text("{")
    with structlog.testing.capture_logs() as logged:
        watching = asyncio.create_task(
            repeatedly(partial(look_at_key_ring, services), name="test", every=0.001)
        )
        while not logged:
            await asyncio.sleep(0.001)
        foreign = tmp_path / "foreign" / "keyring.json"
        KeyRingFile(foreign, SystemClock()).ring()
        foreign.replace(tmp_path / "keyring.json")
        while len(logged) < 2:
            await asyncio.sleep(0.001)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    assert [line["event"] for line in logged] == ["key_ring_unusable", "key_ring_foreign"]


async def test_background_work_goes_on_after_an_error_that_nobody_foresaw() -> None:
    ends = [LookupError("a"), LookupError("b"), None, LookupError("c"), OSError("d"), None]
    finished = asyncio.Event()

    async def work() -> None:
        if not ends:
            finished.set()
        elif (error := ends.pop(0)) is not None:
            raise error

    with structlog.testing.capture_logs() as logged:
        working = asyncio.create_task(repeatedly(work, name="test", every=0.001))
        await finished.wait()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    # A repeated error is logged once.
    assert [(line["event"], str(line["exc_info"])) for line in logged] == [
        ("background_failed", "a"),
        ("background_failed", "c"),
        ("background_failed", "d"),
    ]
    assert {line["log_level"] for line in logged} == {"error"}


async def test_background_work_that_is_under_way_ends_with_its_loop() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    working = asyncio.create_task(repeatedly(work, name="test", every=0.001))
    await begun.wait()
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    assert working.cancelled()
    assert ended.is_set()


def test_secrets_of_every_scheme_reach_the_boundary(tmp_path: Path) -> None:
    settings = read_settings(
        environment={
            "ODOO_AI_CONFIG_WEBHOOK_SECRETS": f"{SECRET},{SECRET}",
            "ODOO_AI_CONFIG_LEGACY_ODOO_SECRETS": "antigo",
            "ODOO_AI_CONFIG_REQUIRE_SIGNATURE": "1",
            "ODOO_AI_CONFIG_MAX_BODY_BYTES": "2048",
            "ODOO_AI_CONFIG_MAX_JSON_DEPTH": "9",
            "ODOO_AI_CONFIG_RATE_LIMIT": "7",
            "ODOO_AI_CONFIG_CONNECTIONS_PER_ADDRESS": "0",
            "ODOO_AI_CONFIG_HEADER_SECONDS": "3",
            "ODOO_AI_CONFIG_FAILURE_LIMIT": "5",
            "ODOO_AI_CONFIG_APPS": "chatwoot",
        },
        folder=tmp_path,
    )
    options = http_options(settings)
    assert len(options.signatures.standard_webhooks) == 2
    assert len(options.signatures.odoo_module) == 1
    assert options.signatures.required
    assert (options.max_body_bytes, options.max_json_depth) == (2048, 9)
    assert options.requests_per_second == 7
    assert (options.connections_per_address, options.header_seconds) == (0, 3)
    assert options.failed_authentications_per_second == 5
    assert options.apps == {App.CHATWOOT}


@pytest.mark.parametrize(
    "variables",
    [
        {"ODOO_AI_CONFIG_WEBHOOK_SECRETS": "whsec_***"},
        {"ODOO_AI_CONFIG_REQUIRE_SIGNATURE": "1"},
    ],
)
def test_secrets_that_cannot_be_used_are_refused(
    variables: dict[str, str], tmp_path: Path
) -> None:
    settings = read_settings(environment=variables, folder=tmp_path)
    with pytest.raises(SettingsError, match="ODOO_AI_CONFIG_WEBHOOK_SECRETS"):
        http_options(settings)
