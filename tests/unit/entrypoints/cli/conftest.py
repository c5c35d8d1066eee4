from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen

from odoo_ai_config.adapters.crypto.key_ring_file import KeyRingFile
from odoo_ai_config.adapters.sqlite.database import open_sqlite
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.entrypoints.cli import main


@frozen
class Ended:
    """
    The output and status of a command.
    """

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Command = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    The working folder, without settings from outside.
    """
    import os

    for name in list(os.environ):
        if name.startswith(("ODOO_AI_CONFIG_", "SERVER_", "NGROK_", "CHATWOOT_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def empty_store(folder: Path) -> None:
    """
    An empty store with a key ring, as `init` leaves it without its secrets.
    """
    with open_sqlite(folder / "var" / "odoo-ai-config.db"):
        KeyRingFile(folder / "var" / "keyring.json", SystemClock()).ring()


@pytest.fixture
def command(empty_store: None, command_alone: Command) -> Command:
    """
    Runs a command line in this process, over a store that is empty at first.
    """
    return command_alone


@pytest.fixture
def command_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """
    Runs a command line in this process, in a folder without a store.
    """

    def run(*tokens: str) -> Ended:
        status = main(tokens)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ended(status, captured.out, captured.err)

    return run
