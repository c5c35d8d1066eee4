"""
The first secrets of a new hub, for its operator and Chatwoot.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import structlog

from odoo_ai_config.application.errors import StoreUnusableError
from odoo_ai_config.application.keys import NotedRevocations
from odoo_ai_config.domain.addresses import Feed, RecordKind
from odoo_ai_config.domain.chatwoot import ChatwootChange
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.library import IN_PROCESS
from odoo_ai_config.entrypoints.settings import read_settings
from odoo_ai_config.entrypoints.startup import FirstSecrets, opened, set_up, trusted
from tests.contract.samples import owner


async def started(
    folder: Path,
    more: Mapping[str, str] = MappingProxyType({}),
    change: ChatwootChange | None = None,
) -> FirstSecrets:
    """
    Start once, then apply an optional *change* of the settings of account 1.
    """
    settings = read_settings(
        folder=folder,
        environment={
            "ODOO_AI_CONFIG_DATA_DIR": str(folder),
            **{f"ODOO_AI_CONFIG_{name}": value for name, value in more.items()},
        },
    )
    async with opened(Container(settings=settings)) as services:
        first = await set_up(services, settings)
        if change is not None:
            await services.set_chatwoot_account(ChatwootId("1"), change, caller=IN_PROCESS)
        access = await services.chatwoot_accounts.access_to(None)
        if first.webhook_token is not None:
            assert access.webhook_tokens == (first.webhook_token,)
    return first


async def test_first_start_makes_a_key_and_an_address_and_the_next_one_nothing(
    tmp_path: Path,
) -> None:
    first = await started(tmp_path)
    assert first.api_key is not None
    assert first.webhook_token is not None
    file = tmp_path / "chatwoot-token"
    assert file.read_text().strip() == first.webhook_token.reveal()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert await started(tmp_path) == FirstSecrets()


@pytest.mark.parametrize("name", ["api-key", "chatwoot-token"])
async def test_first_secret_is_not_written_where_a_link_leads(tmp_path: Path, name: str) -> None:
    (tmp_path / "precious").write_text("x")
    (tmp_path / name).symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="link"):
        await started(tmp_path)
    assert (tmp_path / "precious").read_text() == "x"


@pytest.mark.parametrize(
    "more",
    [
        {"CHATWOOT_TOKENS": "x7Kq2-wP9_zR4vT8mB1n"},
        {"CHATWOOT_SECRETS": "segredo"},
        {"APPS": "config,odoo-api"},
    ],
    ids=["tokens are set", "secrets are set", "Chatwoot is not served"],
)
async def test_no_address_is_made_that_nobody_needs(tmp_path: Path, more: dict[str, str]) -> None:
    assert (await started(tmp_path, more)).webhook_token is None
    assert not (tmp_path / "chatwoot-token").exists()


async def test_no_address_is_made_where_an_account_says_how_it_proves_itself(
    tmp_path: Path,
) -> None:
    change = ChatwootChange(webhook_secrets=(SecretText("segredo"),))
    await started(tmp_path, {"APPS": "config"}, change)
    assert (await started(tmp_path)).webhook_token is None


async def test_start_goes_on_where_it_cannot_be_noted_what_was_revoked(tmp_path: Path) -> None:
    await started(tmp_path)
    (tmp_path / "revoked-keys").symlink_to(tmp_path / "absent")
    settings = read_settings(flags={"data_dir": str(tmp_path)}, environment={}, folder=tmp_path)
    async with opened(Container(settings=settings)) as services:
        [key] = await services.ports.api_keys.api_keys()
        with pytest.raises(StoreUnusableError, match="revoked-keys"):
            await services.revoke_api_key(key.id, caller=trusted("test"))
        [revoked] = await services.ports.api_keys.api_keys()
        assert revoked.revoked_at is not None
        with structlog.testing.capture_logs() as logged:
            await set_up(services, settings)
    assert [line["event"] for line in logged] == ["revocations_not_noted"]
    (tmp_path / "revoked-keys").unlink()
    assert await started(tmp_path) == FirstSecrets()
    assert (tmp_path / "revoked-keys").read_text().split() == [key.id]


@pytest.mark.parametrize("content", [None, "", "abcdef"])
async def test_start_with_a_backup_and_no_whole_list_of_revoked_keys_warns(
    content: str | None, tmp_path: Path
) -> None:
    await started(tmp_path)
    if content is not None:
        (tmp_path / "revoked-keys").write_text(content)
    settings = read_settings(flags={"data_dir": str(tmp_path)}, environment={}, folder=tmp_path)
    async with opened(Container(settings=settings)) as services:
        with structlog.testing.capture_logs() as logged:
            first = await set_up(services, settings, restored=True)
    assert first.revocations is not None
    assert first.revocations.ids == frozenset()
    assert [(line["event"], line["log_level"]) for line in logged] == [
        ("store_restored", "warning"),
        ("revocations_doubtful", "warning"),
    ]


async def test_start_with_a_backup_revokes_what_was_revoked_and_holds_messages(
    tmp_path: Path,
) -> None:
    await started(tmp_path)
    database, copy = tmp_path / "odoo-ai-config.db", tmp_path / "copy"
    settings = read_settings(flags={"data_dir": str(tmp_path)}, environment={}, folder=tmp_path)
    feed = Feed(owner(), RecordKind.MAPPING)
    async with opened(Container(settings=settings)) as services:
        address, _ = await services.create_address(feed, name="Odoo", caller=trusted("cli"))
    copy.write_bytes(database.read_bytes())
    async with opened(Container(settings=settings)) as services:
        [key] = await services.ports.api_keys.api_keys()
        await services.revoke_api_key(key.id, caller=trusted("test"))
        await services.revoke_address(address.id, caller=trusted("cli"))
    copy.replace(database)
    async with opened(Container(settings=settings)) as services:
        with structlog.testing.capture_logs() as logged:
            first = await set_up(services, settings, restored=True)
        assert first.revocations == NotedRevocations(
            frozenset({key.id, address.id}), missing=frozenset(), torn=0
        )
        [again] = await services.ports.api_keys.api_keys()
        found = await services.list_addresses.one(address.id, caller=trusted("cli"))
    assert again.revoked_at is not None
    assert (found.revoked_at is None, found.revoked_by) == (False, "startup")
    assert [line["event"] for line in logged] == [
        "key_revoked_again",
        "address_revoked_again",
        "store_restored",
    ]
