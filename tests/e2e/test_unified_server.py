"""
The steps of docs/UNIFIED_SERVER.md.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.hub_process import PATIENCE, PROGRAM, READY, HubProcess, environment, serving
from tests.source_tree import ROOT, TESTS
from tests.stand_ins.ngrok import URL

TOKEN = "2abc-token-que-nao-pode-aparecer"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """
    A checkout with its environment, whose scripts are not executable.
    """
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__*"))
    shutil.copytree(ROOT / "config-service", folder / "config-service", symlinks=True)
    shutil.copy(ROOT / "main.py", folder)
    for script in (folder / "scripts").iterdir():
        script.chmod(0o644)
    (folder / ".venv").symlink_to(PROGRAM.parent.parent)
    return folder


def in_shell(project: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        shell=True,
        cwd=project,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def made_executable(project: Path) -> None:
    commands = (
        "chmod +x scripts/make_scripts_executable.sh",
        "./scripts/make_scripts_executable.sh",
    )
    for command in commands:
        assert in_shell(project, command).returncode == 0


@contextmanager
def started(project: Path, *command: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """
    A running script, with both of its outputs in one pipe.
    """
    made_executable(project)
    with subprocess.Popen(
        command,
        cwd=project,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if wanted in line:
            return read
    raise AssertionError(read)


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    """
    The status and the rest of the output after Ctrl+C.
    """
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, rest


def tunnel_variables(folder: Path, port: int, **more: str) -> dict[str, str]:
    return {
        "SERVER_PORT": str(port),
        "PYTHONPATH": str(TESTS / "stand_ins"),
        "NGROK_CALLS": str(folder / "calls"),
        **more,
    }


def calls_in(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "calls").read_text().splitlines()]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    variables = environment(ODOO_AI_CONFIG_STORE_URL="memory://")
    with serving(tmp_path_factory.mktemp("hub"), env=variables) as hub:
        yield hub


def test_scripts_are_made_executable_and_nothing_else_is(project: Path) -> None:
    made_executable(project)
    for file in (project / "scripts").iterdir():
        if file.is_file():
            assert os.access(file, os.X_OK) == file.read_text().startswith("#!"), file


def test_scripts_are_executable_as_they_are_checked_out() -> None:
    for file in (ROOT / "scripts").iterdir():
        if file.is_file():
            assert os.access(file, os.X_OK) == file.read_text().startswith("#!"), file


@pytest.mark.parametrize(
    "command", [["./scripts/start_unified_server.py"], [sys.executable, "main.py"]]
)
def test_server_starts_keeps_its_logs_by_the_day_and_ends_with_ctrl_c(
    project: Path, command: list[str]
) -> None:
    with started(project, *command, SERVER_PORT="0") as server:
        assert READY.search(read_until(server, "escutando")) is not None
        # Before and after, in case the test runs at midnight.
        names = [f"{time.strftime('%Y%m%d')}_unified_server.log"]
        status, rest = interrupted(server)
        names.append(f"{time.strftime('%Y%m%d')}_unified_server.log")
    assert status == 0
    assert "Traceback" not in rest
    assert "server_ready" in "".join(
        path.read_text() for path in (project / "logs").glob("*_unified_server.log")
    )
    assert any((project / "logs" / name).exists() for name in names)
    for name in ("webhook.log", "hub.log", "config_service.log"):
        assert (project / "logs" / name).exists()
    # Where the replaced service kept it.
    assert (project / "config-service" / "logs" / "config_service.log").exists()


@pytest.mark.parametrize(
    "script", ["scripts/start_unified_server.py", "scripts/start_ngrok_unified.py", "main.py"]
)
def test_script_asks_for_the_environment_that_it_needs(project: Path, script: str) -> None:
    (project / ".venv").unlink()
    stranger = project / "python3"
    stranger.symlink_to(Path(sys.executable).resolve())
    finished = in_shell(project, f"./python3 {script}")
    assert finished.returncode == 1
    assert finished.stderr.count("\n") == 1
    assert "make run" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("script", ["scripts/start_unified_server.py", "main.py"])
def test_script_takes_the_environment_that_it_runs_in(project: Path, script: str) -> None:
    (project / ".venv").unlink()
    python = PROGRAM.with_name("python")
    finished = in_shell(project, f"{python} {script} --help")
    assert finished.stdout.startswith("Uso: odoo-ai-config serve")


def test_tunnel_tells_its_address_and_what_to_change_and_ends_with_ctrl_c(
    project: Path, hub: HubProcess
) -> None:
    (project / ".env").write_text(f"NGROK_AUTH_TOKEN={TOKEN}\n")
    variables = tunnel_variables(project, hub.port)
    with started(project, "./scripts/start_ngrok_unified.py", **variables) as tunnel:
        shown = read_until(tunnel, "Ctrl+C")
        status, rest = interrupted(tunnel)
    assert status == 0
    assert rest == "Túnel fechado.\n"
    assert f"{URL} -> http://127.0.0.1:{hub.port}\n" in shown
    for line in (
        f"{URL}/webhook",
        f"CONFIG_SERVICE_URL={URL}",
        f"config_service_url = {URL}",
        f"config_service.url = {URL}",
        f"ngrok_url = {URL}",
    ):
        assert f"  {line}\n" in shown
    assert TOKEN not in shown + rest
    assert calls_in(project) == [
        {"addr": f"127.0.0.1:{hub.port}", "authtoken": TOKEN},
        {"close": True},
    ]


def test_tunnel_may_have_a_domain_of_its_own(project: Path, hub: HubProcess) -> None:
    finished = in_shell(
        project,
        f"{PROGRAM} tunnel --domain hub.ngrok.app",
        **tunnel_variables(project, hub.port, NGROK_AUTHTOKEN=TOKEN, NGROK_FAILS="ERR_NGROK_334"),
    )
    assert calls_in(project)[0]["domain"] == "hub.ngrok.app"
    assert "já há um túnel" in finished.stderr.lower()


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ("ERR_NGROK_105", "confira NGROK_AUTHTOKEN"),
        ("ERR_NGROK_108", "feche-o antes"),
        ("ERR_NGROK_999", "https://ngrok.com/docs/errors/err_ngrok_999"),
        ("no route to host", "verifique a internet"),
    ],
)
def test_tunnel_that_is_refused_says_what_to_do_and_never_the_token(
    project: Path, hub: HubProcess, failure: str, said: str
) -> None:
    finished = in_shell(
        project,
        f"{PROGRAM} tunnel",
        **tunnel_variables(project, hub.port, NGROK_AUTHTOKEN=TOKEN, NGROK_FAILS=failure),
    )
    assert finished.returncode == 1
    assert said in finished.stderr
    assert TOKEN not in finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr


def test_tunnel_that_does_not_come_about_ends_with_ctrl_c(project: Path, hub: HubProcess) -> None:
    variables = tunnel_variables(project, hub.port, NGROK_AUTHTOKEN=TOKEN, NGROK_FAILS="hang")
    with started(project, "./scripts/start_ngrok_unified.py", **variables) as tunnel:
        while not (project / "calls").exists():
            assert tunnel.poll() is None
            time.sleep(0.01)
        status, rest = interrupted(tunnel)
    assert status == 0
    assert rest == "Túnel fechado.\n"


def test_tunnel_asks_for_a_token(project: Path, hub: HubProcess) -> None:
    finished = in_shell(
        project, f"{PROGRAM} tunnel", **tunnel_variables(project, hub.port, NGROK_AUTHTOKEN="")
    )
    assert finished.returncode == 1
    assert "NGROK_AUTHTOKEN=" in finished.stderr
    assert "dashboard.ngrok.com" in finished.stderr


def test_tunnel_asks_for_the_package(project: Path, hub: HubProcess) -> None:
    # A broken package counts as missing.
    nothing = project / "ngrok.py"
    nothing.write_text("raise ModuleNotFoundError('ngrok')\n")
    variables = tunnel_variables(project, hub.port, PYTHONPATH=str(project))
    finished = in_shell(project, f"{PROGRAM} tunnel", **variables)
    assert finished.returncode == 1
    assert "-m pip install 'ngrok" in finished.stderr


def test_tunnel_asks_for_a_server(project: Path, tmp_path: Path) -> None:
    with serving(tmp_path) as gone:
        pass
    finished = in_shell(project, f"{PROGRAM} tunnel", SERVER_PORT=str(gone.port))
    assert finished.returncode == 1
    assert f"127.0.0.1:{gone.port}" in finished.stderr
    assert "start_unified_server.py" in finished.stderr


async def test_lines_of_a_request_have_its_id_and_are_in_the_files_of_its_area(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as hub:
        async with hub.client() as client:
            for name, path in (("event", "/odoo-webhook"), ("document", "/configs/a/b/config")):
                headers = {"X-Request-ID": f"the-{name}", "X-API-Key": "wrong"}
                async with client.post(path, json={}, headers=headers) as refused:
                    assert refused.status == 401
            headers = {"X-Request-ID": "the-read", "X-API-Key": "wrong"}
            async with client.get("/configs/a/b/config", headers=headers) as refused:
                assert refused.status == 401
        hub.stop()

    def refused_in(name: str) -> list[object]:
        (file,) = (tmp_path / "logs").glob(name)
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        return [line["request_id"] for line in lines if line["event"] == "request_refused"]

    assert refused_in("*_unified_server.log") == ["the-event", "the-document", "the-read"]
    assert refused_in("config_service.log") == ["the-event", "the-document", "the-read"]
    assert refused_in("webhook.log") == ["the-event"]
    assert refused_in("hub.log") == []


async def test_apps_can_be_served_by_different_processes_over_one_store(tmp_path: Path) -> None:
    shared = environment(ODOO_AI_CONFIG_DATA_DIR=str(tmp_path / "var"))
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    with (
        serving(folders[0], "--apps", "config", "--workers", "2", env=shared) as config,
        serving(folders[1], "--apps", "odoo-api,chatwoot", env=shared) as others,
    ):
        headers = {"X-API-Key": (tmp_path / "var" / "api-key").read_text().strip()}
        async with aiohttp.ClientSession(headers=headers) as client:
            async with client.get(f"{config.url}/v1/tenants") as served:
                assert served.status == 200
            async with client.get(f"{others.url}/v1/tenants") as refused:
                assert (refused.status, (await refused.json())["code"]) == (404, "app_not_served")
