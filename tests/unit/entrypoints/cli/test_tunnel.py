from __future__ import annotations

import asyncio

import pytest

from odoo_ai_config.domain.credentials import SecretText
from odoo_ai_config.entrypoints.cli import tunnel as module
from odoo_ai_config.entrypoints.cli.refusals import CommandError


class Silence:
    """
    A package ``ngrok`` that never comes to an answer.
    """

    def forward(self, addr: str, **options: str) -> asyncio.Future[module.Listener]:
        return asyncio.get_running_loop().create_future()


async def test_tunnel_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CONNECT_SECONDS", 0.01)
    with pytest.raises(CommandError, match="verifique a internet"):
        async with module._open(Silence(), "localhost:1", SecretText("x"), None, asyncio.Event()):
            raise AssertionError
