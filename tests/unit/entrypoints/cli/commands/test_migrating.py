from __future__ import annotations

from pathlib import Path

import pytest

from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.entrypoints.cli.progress import steps_shown
from tests.unit.entrypoints.cli.conftest import Command

DONE = "O banco de dados está na versão deste programa."


def test_sqlite_file_is_migrated_as_a_start_does(command: Command, folder: Path) -> None:
    for _ in range(2):
        ended = command("migrate")
        assert (ended.status, ended.lines) == (0, [DONE])
        assert (folder / "var" / "odoo-ai-config.db").exists()
    assert command("tenants").status == 0


def test_database_of_another_program_is_refused(command_alone: Command, folder: Path) -> None:
    (folder / "var").mkdir(mode=0o700)
    (folder / "var" / "odoo-ai-config.db").write_bytes(b"no database" * 100)
    ended = command_alone("migrate")
    assert ended.status == 1
    assert ended.err.startswith("Erro: ")


def test_connections_are_closed_whatever_happens(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "mongodb://127.0.0.1:1/hub?serverSelectionTimeoutMS=50"
    monkeypatch.setenv("ODOO_AI_CONFIG_STORE_URL", url)
    close, closed = MongoDatabase.close, set()

    async def noted(database: MongoDatabase) -> None:
        closed.add(database)
        await close(database)

    monkeypatch.setattr(MongoDatabase, "close", noted)
    assert command("migrate").status == 1
    # The one that migrates, which has all the time it needs, and that of the stores.
    assert len(closed) == 2


def test_log_has_each_step_once(capsys: pytest.CaptureFixture[str]) -> None:
    with steps_shown() as show:
        show("messages: índices newest", 0, 5)
        show("messages: índices newest", 5, 5)
        show("messages: mover", 0, 7)
    err = capsys.readouterr().err.splitlines()
    assert err == ["messages: índices newest (5 registros)", "messages: mover (7 registros)"]
