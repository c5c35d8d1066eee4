from __future__ import annotations

import io
import os
import resource
import shutil
import socket
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from odoo_ai_config.adapters.sqlite import examining, schema
from odoo_ai_config.entrypoints.cli.checks import probing
from tests.unit.entrypoints.cli.conftest import Command, Ended

MESSAGE = "msg_" + "0" * 32


@pytest.fixture
def installed(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    An installation in which a server has run before.
    """
    made = command("keys", "create", "--name", "first", "--scope", "admin")
    (folder / "var" / "api-key").write_text(made.out)
    (folder / "var" / "api-key").chmod(0o600)
    file = folder / "in" / "default" / "a" / "credentials.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("credentials: {x: segredo}\n")
    assert command("import", "in").status == 0
    address = ("--url", "https://chatwoot.example", "--api-token", "--new-address")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO("api-canario\n"))
        assert command("chatwoot", "set", *address).status == 0
    return folder


def examined(command: Command, *tokens: str) -> Ended:
    return command("doctor", "--port", "0", *tokens)


def findings(ended: Ended, verdict: str) -> list[str]:
    return [line for line in ended.lines if line.startswith(verdict)]


def emptied(database: Path) -> None:
    """
    Leave the file of a store whose write-ahead log is lost before its first checkpoint.
    """
    database.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert database.stat().st_size == 4096


def test_sound_installation_passes_every_check(command: Command, installed: Path) -> None:
    ended = examined(command)
    assert ended.status == 0, ended.out
    assert findings(ended, "falha") + findings(ended, "aviso") == []
    for subject in ("pasta de dados", "disco", "logs", "chaveiro", "relógio", "porta", "chave"):
        assert any(f"  {subject}" in line for line in ended.lines)


def test_empty_folder_is_fine_and_stays_empty(command_alone: Command, folder: Path) -> None:
    ended = examined(command_alone)
    assert ended.status == 0, ended.out
    assert "primeira execução" in ended.out
    assert list(folder.iterdir()) == []


def test_names_of_the_replaced_service_are_pointed_out(
    command_alone: Command, folder: Path
) -> None:
    (folder / ".env").write_text("CONFIG_SERVICE_API_KEY=segredo\n")
    ended = examined(command_alone)
    assert ended.status == 0
    (warning,) = findings(ended, "aviso")
    assert "CONFIG_SERVICE_API_KEY" in warning
    assert "ODOO_AI_CONFIG_API_KEY" in warning
    assert "segredo" not in ended.out


def test_key_that_can_be_guessed_is_a_failure_that_says_how_to_make_one(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_AI_CONFIG_API_KEY", "12345678901234567890")
    ended = examined(command)
    assert ended.status == 1
    (failure,) = findings(ended, "falha")
    assert "ODOO_AI_CONFIG_API_KEY" in failure
    assert "openssl rand -hex 32" in failure
    assert "1234567890" not in ended.out + ended.err


def test_unusable_setting_ends_the_examination(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_AI_CONFIG_STORE_URL", "postgres://u:segredo@h/d")
    ended = examined(command)
    assert ended.status == 1
    assert "ODOO_AI_CONFIG_STORE_URL" in ended.out
    assert "segredo" not in ended.out


def test_signatures_without_a_secret_are_found(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_AI_CONFIG_REQUIRE_SIGNATURE", "1")
    ended = examined(command)
    assert ended.status == 1
    assert "ODOO_AI_CONFIG_WEBHOOK_SECRETS" in ended.out


@pytest.mark.parametrize(
    ("file", "advice"), [("keyring.json", "chmod 600"), ("api-key", "chmod 600")]
)
def test_file_that_others_can_read_is_found(
    file: str, advice: str, command: Command, installed: Path
) -> None:
    (installed / "var" / file).chmod(0o644)
    ended = examined(command)
    assert ended.status == 1
    assert any(file in line and advice in line for line in findings(ended, "falha"))


def test_open_data_folder_is_a_warning(command: Command, installed: Path) -> None:
    (installed / "var").chmod(0o755)
    ended = examined(command)
    assert ended.status == 0
    assert "chmod 700" in findings(ended, "aviso")[0]


@pytest.mark.parametrize("place", ["var", "logs"])
def test_folder_that_is_a_file_is_found(place: str, command_alone: Command, folder: Path) -> None:
    (folder / place).write_text("")
    ended = examined(command_alone)
    assert ended.status == 1
    assert any(place in line for line in findings(ended, "falha"))


def test_log_file_that_cannot_be_written_is_found(command: Command, folder: Path) -> None:
    (folder / "logs" / "hub.log").mkdir(parents=True)
    (folder / "logs" / "webhook.log").touch()
    ended = examined(command)
    assert ended.status == 1
    assert any("hub.log não pode ser gravado" in line for line in findings(ended, "falha"))


def test_damaged_key_ring_is_found(command: Command, installed: Path) -> None:
    (installed / "var" / "keyring.json").write_text("{}")
    ended = examined(command)
    assert ended.status == 1
    assert any("chaveiro" in line for line in findings(ended, "falha"))


def test_key_ring_of_other_data_is_found_and_the_needed_key_named(
    command: Command, installed: Path
) -> None:
    needed = command("keyring", "status").lines[1].split()[0]
    command("init", "--data-dir", "other")
    shutil.copy(installed / "other" / "keyring.json", installed / "var" / "keyring.json")
    ended = examined(command)
    assert ended.status == 1
    assert any(needed in line for line in findings(ended, "falha"))


def test_lost_key_ring_is_found_and_none_is_made_in_its_place(
    command: Command, installed: Path
) -> None:
    needed = command("keyring", "status").lines[1].split()[0]
    (installed / "var" / "keyring.json").unlink()
    ended = examined(command)
    assert ended.status == 1
    assert any(needed in line for line in findings(ended, "falha"))
    assert not (installed / "var" / "keyring.json").exists()


def test_file_that_is_no_database_is_found(command: Command, installed: Path) -> None:
    for path in (installed / "var").glob("odoo-ai-config.db*"):
        path.write_bytes(b"no database at all " * 100)
    ended = examined(command)
    assert ended.status == 1
    assert any("armazenamento" in line for line in findings(ended, "falha"))


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def newer_program(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    The installation, with a program that has one more migration.
    """
    change = "ALTER TABLE documents ADD COLUMN more TEXT;\n"
    monkeypatch.setattr(schema, "_MIGRATIONS", (*schema._MIGRATIONS, change))
    return installed


def test_doctor_of_a_newer_program_migrates_nothing_and_says_what_will_be(
    command: Command, newer_program: Path
) -> None:
    before = content_of(newer_program)
    ended = examined(command)
    assert ended.status == 0, ended.out
    (warning,) = findings(ended, "aviso")
    versions = len(schema._MIGRATIONS)
    assert f"versão {versions - 1}" in warning
    assert f"migra para a {versions}" in warning
    assert "pode ser lido e gravado" not in ended.out
    assert content_of(newer_program) == before


@pytest.mark.parametrize("left", ["api-key", "keyring.json", "revoked-keys"])
def test_database_whose_log_was_removed_is_found(
    command: Command, installed: Path, left: str
) -> None:
    database = installed / "var" / "odoo-ai-config.db"
    emptied(database)
    (installed / "var" / "revoked-keys").touch()
    for name in {"api-key", "keyring.json", "revoked-keys"} - {left}:
        (installed / "var" / name).unlink()
    ended = examined(command)
    assert ended.status == 1
    (failure,) = findings(ended, "falha")
    assert left in failure
    assert "restaure um backup" in failure
    assert "migra" not in ended.out


def test_first_start_that_was_cut_off_is_no_failure(command_alone: Command, folder: Path) -> None:
    (folder / "var").mkdir(mode=0o700)
    emptied(folder / "var" / "odoo-ai-config.db")
    ended = examined(command_alone)
    assert ended.status == 0, ended.out
    assert any("vazio" in line for line in findings(ended, "aviso"))
    assert "(empty)" in command_alone("tenants").err


@pytest.mark.parametrize(
    "tokens",
    [
        ("tenants",),
        ("show", "a"),
        ("history", "a"),
        ("collections", "a"),
        ("export", "out"),
        ("audit",),
        ("keys", "list"),
        ("keyring", "status"),
        ("messages", "list"),
        ("messages", "show", MESSAGE),
        ("chatwoot", "list"),
        ("chatwoot", "show"),
        ("import", "in", "--dry-run"),
    ],
)
def test_command_that_only_reads_migrates_nothing(
    command: Command, newer_program: Path, tokens: tuple[str, ...]
) -> None:
    before = content_of(newer_program)
    ended = command(*tokens)
    assert ended.status == 1
    assert "older_schema" in ended.err
    assert content_of(newer_program) == before
    # A command that writes migrates like a start of the server.
    assert command("keys", "create", "--name", "x", "--scope", "admin").status == 0
    assert "older_schema" not in command(*tokens).err


@pytest.mark.parametrize(
    "tokens",
    [
        ("tenants",),
        ("history", "loja"),
        ("export", "out"),
        ("audit",),
        ("keys", "list"),
        ("keyring", "status"),
        ("messages", "list"),
        ("chatwoot", "list"),
        ("keys", "create", "--name", "x", "--scope", "admin"),
        ("keys", "revoke", "x"),
        ("addresses", "revoke", "x"),
        ("keyring", "rotate"),
        ("seal",),
        ("migrate",),
        ("messages", "replay", "msg_12345678"),
        ("tenants", "pause", "acme"),
        ("import", "."),
        ("copy", "--to", "sqlite:///copy.db"),
        ("backup", "hub.backup"),
    ],
)
def test_command_refuses_a_store_that_is_not_there(
    command_alone: Command, folder: Path, tokens: tuple[str, ...]
) -> None:
    ended = command_alone(*tokens, "--store-url", "sqlite:///engano.db")
    assert (ended.status, ended.out) == (3, "")
    assert f"Não há armazenamento em {folder}/engano.db." in ended.err
    assert "where" in ended.err
    assert "init" in ended.err
    assert list(folder.iterdir()) == []


def test_database_of_a_newer_version_is_found(command: Command, installed: Path) -> None:
    database = installed / "var" / "odoo-ai-config.db"
    with closing(sqlite3.connect(database)) as other:
        other.execute("PRAGMA user_version = 99")
    before = content_of(installed)
    ended = examined(command)
    assert ended.status == 1
    assert any("99" in line and "newer_schema" in line for line in findings(ended, "falha"))
    assert content_of(installed) == before


def test_doctor_changes_no_byte_while_the_server_is_stopped(
    command: Command, installed: Path
) -> None:
    before = content_of(installed)
    ended = examined(command)
    assert "pode ser lido e gravado" in ended.out
    assert "sem danos" in ended.out
    assert content_of(installed) == before


def test_doctor_leaves_the_log_of_a_killed_server_where_it_is(
    command: Command, installed: Path, tmp_path: Path
) -> None:
    var, killed = installed / "var", tmp_path / "killed"
    with closing(sqlite3.connect(var / "odoo-ai-config.db", isolation_level=None)) as server:
        server.execute(
            "INSERT INTO changes (seq, what, key, version, at) VALUES (999, 'document', 'k', 1, 1)"
        )
        shutil.copytree(var, killed)
    before = content_of(killed)
    log = str(killed / "odoo-ai-config.db-wal")
    assert before[log]
    ended = examined(command, "--data-dir", str(killed))
    assert ended.status == 0, ended.out
    after = content_of(killed)
    assert after[str(killed / "odoo-ai-config.db")] == before[str(killed / "odoo-ai-config.db")]
    # The rehearsed write must not survive beside committed data.
    assert after[log].startswith(before[log])
    with closing(sqlite3.connect(killed / "odoo-ai-config.db")) as restarted:
        assert restarted.execute("SELECT count(*) FROM changes WHERE seq = 999").fetchone() == (1,)
        tables = restarted.execute("SELECT name FROM sqlite_schema").fetchall()
        assert ("rehearsal",) not in tables


def test_disk_that_takes_no_more_is_found(command: Command, installed: Path) -> None:
    before = content_of(installed)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        ended = examined(command)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ended.status == 1
    assert "pode ser lido e gravado" not in ended.out
    assert any("io_error" in line for line in findings(ended, "falha"))
    assert content_of(installed) == before


def test_damage_deep_in_the_file_is_found(command: Command, installed: Path) -> None:
    database = installed / "var" / "odoo-ai-config.db"
    with closing(sqlite3.connect(database)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'traces'"
        ).fetchone()
    with database.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    ended = examined(command)
    assert ended.status == 1
    assert any("danificado" in line for line in findings(ended, "falha"))


def test_search_for_damage_ends_in_time(
    command: Command, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "_STEPS_BETWEEN_LOOKS", 1)
    database = installed / "var" / "odoo-ai-config.db"
    assert not examining.examine_pages(database, seconds=0)
    assert examining.examine_pages(database, seconds=600)


def test_database_that_is_locked_does_not_pass_for_sound(
    command: Command, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "_PATIENCE", 0.05)
    database = installed / "var" / "odoo-ai-config.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ended = examined(command)
    assert ended.status == 1


def test_file_from_the_future_tells_of_a_wrong_clock(command: Command, installed: Path) -> None:
    future = time.time() + 3600
    os.utime(installed / "var" / "api-key", (future, future))
    ended = examined(command)
    assert ended.status == 1
    assert any("relógio" in line for line in findings(ended, "falha"))


def test_port_of_another_program_is_found(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "_PROBE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as other:
        ended = command("doctor", "--port", str(other.getsockname()[1]))
    assert ended.status == 1
    assert any("SERVER_PORT" in line for line in findings(ended, "falha"))


def test_key_file_whose_key_was_revoked_is_a_warning(command: Command, installed: Path) -> None:
    key_id = (installed / "var" / "api-key").read_text().split("_")[1]
    command("keys", "create", "--name", "other", "--scope", "admin")
    command("keys", "revoke", key_id)
    ended = examined(command)
    assert ended.status == 0
    assert "não vale mais" in findings(ended, "aviso")[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "0 anotada(s)"),
        ("abcdefghijkl\nabcdef", "1 anotada(s)"),
        ("abcdef", "1 linha(s)"),
    ],
)
def test_list_of_revoked_keys_that_is_damaged_is_a_warning(
    content: str, said: str, command: Command, installed: Path
) -> None:
    made = command("keys", "create", "--name", "crm", "--scope", "admin").out
    assert command("keys", "revoke", made.split("_")[1]).status == 0
    assert "1 anotada(s)" in examined(command).out
    assert findings(examined(command), "aviso") == []
    (installed / "var" / "revoked-keys").write_text(content)
    ended = examined(command)
    assert ended.status == 0
    (warning,) = findings(ended, "aviso")
    assert "faltam 1" in warning
    assert said in warning


def test_list_of_revoked_keys_that_cannot_be_read_is_found(
    command: Command, installed: Path
) -> None:
    (installed / "var" / "revoked-keys").mkdir()
    ended = examined(command)
    assert ended.status == 1
    (failure,) = findings(ended, "falha")
    assert "revoked-keys" in failure


def test_hub_that_nobody_can_call_is_a_warning(command: Command, installed: Path) -> None:
    key_id = (installed / "var" / "api-key").read_text().split("_")[1]
    command("keys", "revoke", key_id)
    ended = examined(command)
    assert "keys create" in findings(ended, "aviso")[0]


def test_key_from_the_environment_needs_no_file(
    command: Command, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (installed / "var" / "api-key").unlink()
    assert "em vigor; não há" in examined(command).out
    monkeypatch.setenv("ODOO_AI_CONFIG_API_KEY", "uma-chave-bem-comprida")
    assert "definida em ODOO_AI_CONFIG_API_KEY" in examined(command).out
