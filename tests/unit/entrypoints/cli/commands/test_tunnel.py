from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.entrypoints.cli.commands import tunnel as module
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.settings import read_settings


class Silence:
    """
    A package ``ngrok`` that never answers.
    """

    def forward(self, addr: str, **options: str) -> asyncio.Future[module.Listener]:
        return asyncio.get_running_loop().create_future()


def test_instructions_say_where_the_token_of_the_webhook_is(tmp_path: Path) -> None:
    settings = read_settings(flags={"data_dir": str(tmp_path)}, environment={}, folder=tmp_path)
    assert "chatwoot set --new-address" in module.instructions("https://x", settings)
    settings.webhook_token_path.write_text("fim-secreto")
    told = module.instructions("https://x", settings)
    assert f"está em {settings.webhook_token_path}:" in told
    assert "fim-secreto" not in told


async def test_tunnel_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CONNECT_SECONDS", 0.01)
    with pytest.raises(CommandError, match="verifique a internet"):
        async with module._open(Silence(), "localhost:1", SecretText("x"), None, asyncio.Event()):
            raise AssertionError
