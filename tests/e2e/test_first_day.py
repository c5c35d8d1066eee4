"""
The first steps after cloning the project.
"""

from __future__ import annotations

import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.hub_process import PATIENCE, PROGRAM, HubProcess, environment, run, serving
from tests.source_tree import ROOT


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    with serving(tmp_path) as hub:
        yield hub


def script(hub: HubProcess, command: str) -> subprocess.CompletedProcess[str]:
    """
    Run a documented command, with a Python outside the project's environment.
    """
    words = shlex.split(command)
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or shutil.which("python3")
    assert python is not None
    assert words[0] == "python"
    return subprocess.run(
        [python, *words[1:]],
        cwd=ROOT,
        env=environment(
            SERVER_PORT=str(hub.port), ODOO_AI_CONFIG_DATA_DIR=str(hub.folder / "var")
        ),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


async def test_commands_of_the_seed_work_and_what_they_sent_is_read_back(hub: HubProcess) -> None:
    for kind in ("credentials", "mapping", "metadata"):
        finished = script(
            hub, f"python scripts/test_odoo_webhook.py --type {kind} --account-id 123456"
        )
        assert finished.returncode == 0, finished.stderr
        assert '"success": true' in finished.stdout
        assert "OK: " in finished.stderr
    async with hub.client() as client:
        async with client.get("/configs/123456/default/config") as response:
            config = (await response.json())["json_data"]
        async with client.get("/configs/123456/default/credentials") as response:
            credentials = (await response.json())["json_data"]["credentials"]
        async with client.get("/configs/123456/default/metadata") as response:
            metadata = (await response.json())["json_data"]
        async with client.get("/mapping/") as response:
            mapping = await response.json()
        parameters = {"account_id": "987654", "inbox_id": "12345", "number": "5511999999999"}
        async with client.get("/v1/route", params=parameters) as response:
            route = await response.json()
        async with client.get(
            "/v1/tenants/123456/default/credentials/token_referencia"
        ) as response:
            opened = await response.text()
    assert config["name"] == "Cliente Exemplo"
    assert config["integrations"]["mcp"]["config"]["credential_ref"] == "token_referencia"
    assert credentials["token_referencia"].startswith("sealed:")
    assert metadata["business_area"] == "retail"
    assert mapping["inboxes"] == {"12345": {"account_id": "123456", "domain": "default"}}
    assert route["crew"] == "analytics"
    assert "senha_segura" in opened


def test_same_event_again_is_told_to_have_changed_nothing(hub: HubProcess) -> None:
    command = "python scripts/test_odoo_webhook.py --type credentials --account-id 123456"
    script(hub, command)
    again = script(hub, command)
    assert again.returncode == 0
    assert "nada mudou" in again.stderr


def test_script_says_what_to_do_when_no_server_runs(tmp_path: Path) -> None:
    with serving(tmp_path) as hub:
        pass
    finished = script(
        hub,
        "python scripts/test_odoo_webhook.py --type mapping --account-id 123456 --attempts 1",
    )
    assert finished.returncode == 1
    assert "make run" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_script_says_what_to_do_with_a_wrong_key(hub: HubProcess) -> None:
    finished = script(
        hub,
        "python scripts/test_odoo_webhook.py --type mapping --account-id 123456 "
        "--api-key chave-que-ninguem-conhece",
    )
    assert finished.returncode == 1
    assert "api-key" in finished.stderr
    assert "chave-que-ninguem-conhece" not in finished.stdout + finished.stderr


def test_script_without_a_type_explains_itself(hub: HubProcess) -> None:
    finished = script(hub, "python scripts/test_odoo_webhook.py")
    assert finished.returncode == 2
    assert "--type" in finished.stdout


def test_first_start_makes_a_key_and_keeps_everything_private(tmp_path: Path) -> None:
    with serving(tmp_path) as hub:
        assert hub.api_key in hub.printed
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in hub.folder.glob("var/*")}
    assert modes["api-key"] == 0o600
    assert modes["keyring.json"] == 0o600
    assert modes["odoo-ai-config.db"] == 0o600
    with serving(tmp_path) as hub:
        assert hub.api_key not in hub.printed


async def test_key_from_the_environment_counts_and_none_is_made(tmp_path: Path) -> None:
    key = "uma-chave-bem-comprida"
    with serving(tmp_path, env=environment(ODOO_AI_CONFIG_API_KEY=key)) as hub:
        assert not (tmp_path / "var" / "api-key").exists()
        finished = run(
            tmp_path,
            "send",
            "credentials",
            env=environment(SERVER_PORT=str(hub.port), ODOO_AI_CONFIG_API_KEY=key),
        )
    assert finished.returncode == 0, finished.stderr


def test_settings_of_a_dotenv_file_are_used(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ODOO_AI_CONFIG_DATA_DIR=dados\nSERVER_PORT=0\n")
    with serving(tmp_path, port=None):
        assert (tmp_path / "dados" / "odoo-ai-config.db").exists()


def test_settings_of_a_yaml_file_are_used(tmp_path: Path) -> None:
    (tmp_path / "hub.yaml").write_text("data_dir: dados\nport: 0\n")
    with serving(tmp_path, "--config", "hub.yaml", port=None):
        assert (tmp_path / "dados" / "odoo-ai-config.db").exists()


async def test_log_file_tells_of_an_event_and_of_no_secret(hub: HubProcess) -> None:
    script(hub, "python scripts/test_odoo_webhook.py --type credentials --account-id 123456")
    key = hub.api_key
    hub.stop()
    log = (hub.folder / "logs" / "config_service.log").read_text()
    assert "event_accepted" in log
    for secret in ("senha_segura", key):
        assert secret not in log + (hub.folder / "stderr.txt").read_text()


def test_reader_that_has_seen_enough_is_no_error_worth_a_traceback(hub: HubProcess) -> None:
    finished = subprocess.run(
        f"{shlex.quote(str(PROGRAM))} settings | true",
        shell=True,
        cwd=hub.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in finished.stderr
    assert "Exception ignored" not in finished.stderr
