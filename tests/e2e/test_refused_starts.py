"""
Starts that must fail say why at once, in one line.
"""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.hub_process import environment, refused_start, run, serving


def test_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused_start(tmp_path, "--port", str(port), status=2)
        assert "--port" in said
        finished = run(tmp_path, "serve", "--port", str(port))
    assert finished.returncode == 1
    assert f"127.0.0.1:{port}" in finished.stderr
    assert "SERVER_PORT" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_wrong_key_ring_is_refused_and_the_needed_one_named(tmp_path: Path) -> None:
    with serving(tmp_path) as hub:
        env = environment(SERVER_PORT=str(hub.port))
        assert run(tmp_path, "send", "credentials", env=env).returncode == 0
    shown = run(tmp_path, "keyring", "status").stdout
    needed = shown.splitlines()[1].split()[0]
    ring = tmp_path / "var" / "keyring.json"
    kept = ring.rename(tmp_path / "kept.json")
    assert needed in refused_start(tmp_path)
    kept.rename(ring)
    with serving(tmp_path):
        pass


def test_database_of_a_newer_version_is_refused_with_its_code(tmp_path: Path) -> None:
    with serving(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "var" / "odoo-ai-config.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    said = refused_start(tmp_path)
    assert "99" in said
    assert "newer_schema" in said
    assert "newer_schema" in refused_start(tmp_path, "--workers", "2")


def test_missing_key_ring_is_not_replaced_by_one_that_opens_nothing(tmp_path: Path) -> None:
    ring = tmp_path / "elsewhere" / "keyring.json"
    env = environment(ODOO_AI_CONFIG_KEYRING=str(ring))
    with serving(tmp_path, env=env) as hub:
        sending = env | {"SERVER_PORT": str(hub.port)}
        assert run(tmp_path, "send", "credentials", env=sending).returncode == 0
    shutil.rmtree(ring.parent)

    assert "chave mestra" in refused_start(tmp_path, env=env)
    assert run(tmp_path, "doctor", env=env).returncode != 0
    assert not ring.parent.exists()


def test_key_ring_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path):
        pass
    (tmp_path / "var" / "keyring.json").chmod(0o644)
    assert "chmod 600" in refused_start(tmp_path)


def test_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("not a folder")
    assert "ODOO_AI_CONFIG_STORE_URL" in refused_start(tmp_path)


def test_data_folder_without_permission_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("root may read and write everything")
    assert "permissões" in refused_start(tmp_path)


def test_log_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("not a folder")
    assert "logs" in refused_start(tmp_path)


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir(mode=0o700)
    (tmp_path / "var" / "odoo-ai-config.db").write_text("not a database at all" * 100)
    assert "SQLite" in refused_start(tmp_path)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"ODOO_AI_CONFIG_API_KEY": "curta"}, "ODOO_AI_CONFIG_API_KEY"),
        ({"ODOO_AI_CONFIG_API_KEY": " " * 20}, "ODOO_AI_CONFIG_API_KEY"),
        ({"ODOO_AI_CONFIG_API_KEY": "12345678901234567890"}, "openssl rand -hex 32"),
        ({"ODOO_AI_CONFIG_REQUIRE_SIGNATURE": "1"}, "ODOO_AI_CONFIG_WEBHOOK_SECRETS"),
        ({"ODOO_AI_CONFIG_WEBHOOK_SECRETS": "whsec_***"}, "ODOO_AI_CONFIG_WEBHOOK_SECRETS"),
        ({"ODOO_AI_CONFIG_STORE_URL": "postgres://u:segredo@h/d"}, "ODOO_AI_CONFIG_STORE_URL"),
        ({"ODOO_AI_CONFIG_KEYRING": "segredo-que-nao-serve"}, "ODOO_AI_CONFIG_KEYRING"),
        ({"ODOO_AI_CONFIG_WORKERS": "muitos"}, "ODOO_AI_CONFIG_WORKERS"),
    ],
)
def test_setting_that_cannot_be_used_is_named_and_its_value_is_not(
    variables: dict[str, str], named: str, tmp_path: Path
) -> None:
    said = refused_start(tmp_path, env=environment(**variables))
    assert named in said
    for value in variables.values():
        if len(value) > 1:
            assert value not in said


def test_several_processes_are_refused_on_a_store_that_they_cannot_share(tmp_path: Path) -> None:
    said = refused_start(tmp_path, "--workers", "2", "--store-url", "memory://")
    assert "--workers 1" in said


def test_hundred_workers_and_a_text_for_a_port_are_usage_errors(tmp_path: Path) -> None:
    assert run(tmp_path, "serve", "--port", "oitenta").returncode == 2
    assert run(tmp_path, "serve", "--workers", "100").returncode == 1
    assert list(tmp_path.iterdir()) == []
