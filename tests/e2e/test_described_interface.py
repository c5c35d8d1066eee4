"""
A client that only knows the description tries valid and invalid requests.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.hub_process import HubProcess, credentials_event, environment, serving
from tests.unit.entrypoints.http.web_hub import fixture

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
PATIENCE = 240
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)
METHODS = {"get", "post", "patch", "put", "delete", "head", "options", "trace"}
# The subjects of the examples in the description.
DOCUMENT = "/configs/123456/retail/config"
COLLECTION = "/api/v1/collections/products_informations"
CREDENTIALS = {
    **credentials_event("123456", 1),
    "domain": "retail",
    "token": "token_referencia",
}


async def fill(hub: HubProcess) -> None:
    async with hub.client() as client:
        for event in (CREDENTIALS, {**CREDENTIALS, "name": "Loja"}, fixture("mapping_odoo")):
            async with client.post("/odoo-webhook", json=event) as answer:
                assert answer.status == 200, await answer.text()
        pushed = {"account_id": "123456", "items": [{"id": 7, "name": "Camisa"}]}
        async with client.put(COLLECTION, json=pushed) as answer:
            assert answer.status == 200, await answer.text()
        async with client.get(DOCUMENT) as answer:
            assert answer.status == 200


# Each with its own server, so that several can run at a time.
PARTS = 6


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.timeout(PATIENCE + 60)
async def test_no_answer_is_a_server_error_or_not_described(tmp_path: Path, part: int) -> None:
    # It sends wrong keys as fast as it can, to see a 401 everywhere.
    with serving(tmp_path, env=environment(ODOO_AI_CONFIG_FAILURE_LIMIT="0")) as hub:
        await fill(hub)
        async with hub.client() as client, client.get("/openapi.json") as answer:
            # Schemathesis omits the endpoint of the description.
            operations = {
                path: [method for method in item if method in METHODS]
                for path, item in (await answer.json())["paths"].items()
                if path != "/openapi.json"
            }
        # It would wait for the end of a stream.
        paths = sorted(operations.keys() - {"/v1/changes/stream"})[part::PARTS]
        # The server's coverage counts; that of the client does not, and would slow it down.
        variables = {
            name: value
            for name, value in environment().items()
            if not name.startswith(("COVERAGE", "COV_"))
        }
        tried = subprocess.run(
            [
                str(SCHEMATHESIS),
                "run",
                f"{hub.url}/openapi.json",
                *(word for path in paths for word in ("--include-path", path)),
                *("--header", f"X-API-Key: {hub.api_key}"),
                *("--phases", "examples,coverage,fuzzing"),
                *("--checks", ",".join(CHECKS)),
                *("--max-examples", "10"),
                "--generation-deterministic",
                "--continue-on-failure",
                "--no-color",
            ],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert tried.returncode == 0, tried.stdout + tried.stderr
        chosen = sum(len(operations[path]) for path in paths)
        every = sum(map(len, operations.values()))
        assert f"Selected: {chosen}/{every}\n" in tried.stdout, tried.stdout
        assert re.search(rf"\n +Tested: {chosen}\n", tried.stdout), tried.stdout
        async with hub.client() as client, client.get("/metrics") as answer:
            assert "odoo_ai_config_unexpected_errors_total 0.0" in await answer.text()
