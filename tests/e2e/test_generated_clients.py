"""
Generators make clients from the hub's description, and the clients work.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.e2e.hub_process import HubProcess, environment, serving

PROGRAMS = Path(sys.executable).parent
# The settings of docs/http-api.md.
OPTIONS = {
    "content_type_overrides": {
        "application/x-yaml": "text/plain",
        "application/x-ndjson": "text/plain",
    }
}
EVENT = {
    "event_type": "credentials_sync",
    "account_id": "123456",
    "domain": "retail",
    "name": "Loja",
    "token": "token_referencia",
    "odoo_password": "segredo",
}
PLACE = ("123456", "retail", "config")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with serving(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture
async def description(hub: HubProcess, tmp_path: Path) -> Path:
    """
    The description that the hub serves, as a file.
    """
    path = tmp_path / "openapi.json"
    async with hub.client() as client, client.get("/openapi.json") as answer:
        path.write_bytes(await answer.read())
    return path


def generate(program: str, *arguments: str, folder: Path) -> str:
    """
    The output of *program* while it generates a client in *folder*.
    """
    # openapi-python-client looks for ruff there.
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    made = subprocess.run(
        [str(PROGRAMS / program), *arguments],
        cwd=folder,
        env=environment(PATH=path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = made.stdout + made.stderr
    assert made.returncode == 0, said
    assert "warning" not in said.lower()
    return said


def imported_whole(name: str) -> ModuleType:
    """
    The package *name*, with all its modules imported.
    """
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        importlib.import_module(module.name)
    return package


async def test_client_of_openapi_python_client_works(
    hub: HubProcess, description: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = tmp_path / "options.json"
    options.write_text(json.dumps(OPTIONS))
    generate(
        "openapi-python-client",
        "generate",
        *("--path", str(description), "--config", str(options)),
        *("--meta", "none", "--output-path", "generated_client", "--fail-on-warning"),
        folder=tmp_path,
    )
    monkeypatch.syspath_prepend(tmp_path)
    made: Any = imported_whole("generated_client")
    paths = json.loads(description.read_text())["paths"]
    operations = sum(len(methods) for methods in paths.values())
    assert len([*tmp_path.glob("generated_client/api/*/[!_]*.py")]) == operations

    api, models = made.api, made.models
    async with made.AuthenticatedClient(hub.url, hub.api_key) as client:
        event = models.CredentialsEvent.from_dict(EVENT)
        accepted = await api.events.receive_event.asyncio(client=client, body=event)
        assert isinstance(accepted, models.EventAccepted)
        assert (accepted.tenant_id, accepted.config_version) == ("123456", 1)

        document = await api.documents.read_document.asyncio(*PLACE, client=client)
        assert isinstance(document, models.Document)
        assert document.json_data["name"] == "Loja"
        text = await api.documents.read_yaml.asyncio(*PLACE, client=client)
        assert "Loja" in text

        page = await api.tenants.list_tenants.asyncio(client=client, limit=1)
        assert isinstance(page, models.TenantPage)
        assert [tenant.tenant_id for tenant in page.tenants] == ["123456"]

        refused = await api.documents.read_document.asyncio("999", *PLACE[1:], client=client)
        assert isinstance(refused, models.Problem)
        assert (refused.status, refused.code) == (404, models.ProblemCode.DOCUMENT_NOT_FOUND)
    async with made.AuthenticatedClient(hub.url, "none") as stranger:
        refused = await api.tenants.list_tenants.asyncio(client=stranger)
        assert refused.code == models.ProblemCode.INVALID_API_KEY


async def test_models_of_datamodel_code_generator_read_what_the_hub_answers(
    hub: HubProcess, description: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(
        "datamodel-codegen",
        *("--input", str(description), "--input-file-type", "openapi"),
        *("--output", "generated_models.py", "--output-model-type", "pydantic_v2.BaseModel"),
        *("--formatters", "ruff-format"),
        folder=tmp_path,
    )
    monkeypatch.syspath_prepend(tmp_path)
    models: Any = importlib.import_module("generated_models")
    components = json.loads(description.read_text())["components"]["schemas"]
    assert [name for name in components if not hasattr(models, name)] == []

    event = models.CredentialsEvent.model_validate(EVENT)
    async with hub.client() as client:

        async def ask(method: str, path: str, **sent: Any) -> bytes:
            async with client.request(method, path, **sent) as answer:
                return await answer.read()

        body = event.model_dump(mode="json", exclude_unset=True)
        accepted = await ask("POST", "/odoo-webhook", json=body)
        assert models.EventAccepted.model_validate_json(accepted).success
        read = await ask("GET", f"/configs/{'/'.join(PLACE)}")
        assert models.Document.model_validate_json(read).json_data["name"] == "Loja"
        page = models.TenantPage.model_validate_json(await ask("GET", "/v1/tenants"))
        assert [tenant.tenant_id for tenant in page.tenants] == ["123456"]
        missing = await ask("GET", "/configs/999/retail/config")
        assert models.Problem.model_validate_json(missing).code.value == "document_not_found"
