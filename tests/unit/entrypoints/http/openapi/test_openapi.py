"""
The OpenAPI description is complete and correct.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from aiohttp import web as web_
from aiohttp.test_utils import TestClient, TestServer
from openapi_spec_validator import OpenAPIV31SpecValidator

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.entrypoints.apps import ALL_APPS, App
from odoo_ai_config.entrypoints.http.odoo_events.payloads import Credentials
from odoo_ai_config.entrypoints.http.openapi import handlers as description
from odoo_ai_config.entrypoints.http.platform.fields import field_type, shape_of
from tests.golden_description import golden_description
from tests.source_tree import ROOT
from tests.unit.entrypoints.http.described_answers import Schema, Witness, the_description
from tests.unit.entrypoints.http.test_any_input import MAPPING
from tests.unit.entrypoints.http.web_hub import FIXTURES, WebHub, fixture

METHODS = ("get", "post", "patch", "put", "delete", "head", "options", "trace")
DOCUMENT = the_description().document
OPERATIONS = [
    (path, method)
    for path, item in DOCUMENT["paths"].items()
    for method in METHODS
    if method in item
]
KEYED = [
    (path, method) for path, method in OPERATIONS if DOCUMENT["paths"][path][method]["security"]
]
# The tools of MCP have scopes, and not their address.
SCOPED = [(path, method) for path, method in KEYED if path != "/mcp"]
EVENTS = sorted(
    path.stem
    for path in FIXTURES.glob("*.json")
    if path.stem.startswith(("credentials_", "mapping_", "company_"))
)


def schema(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def operation(path: str, method: str) -> Schema:
    found: Schema = DOCUMENT["paths"][path][method]
    return found


def filled(path: str) -> str:
    """
    *path* with a value for each parameter.
    """
    return (
        path.replace("{version}", "1")
        .replace("{file}", "start.js")
        .translate(str.maketrans("", "", "{}"))
    )


def examples(part: Any) -> Iterator[tuple[Schema, Any]]:
    if isinstance(part, list):
        for inner in part:
            yield from examples(inner)
    if isinstance(part, dict):
        for example in part.get("examples", []):
            yield part, example
        for inner in part.values():
            yield from examples(inner)


def names_in(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for inner in part:
            yield from names_in(inner)
    if isinstance(part, dict):
        for name, inner in part.items():
            yield name
            yield from names_in(inner)


def test_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


async def test_every_route_is_described_and_nothing_else(web: WebHub) -> None:
    routes = {
        ("/" + resource.canonical.strip("/"), route.method.lower())
        for route in web.client.app.router.routes()
        if (resource := route.resource) is not None and route.method != "*"
    }
    # HEAD is implied by GET (RFC 9110 9.3.2).
    readable = {path for path, method in routes if method == "get"}
    assert {path for path, method in routes if method == "head"} == readable
    assert {entry for entry in routes if entry[1] != "head"} == set(OPERATIONS)


def test_operations_have_names_of_their_own() -> None:
    names = [operation(*entry)["operationId"] for entry in OPERATIONS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("apps", [ALL_APPS, frozenset({App.MCP})], ids=["all", "mcp"])
def test_every_heading_is_explained_and_has_something_below_it(apps: frozenset[App]) -> None:
    document = the_description(apps).document
    used = {
        tag
        for item in document["paths"].values()
        for method in METHODS
        for tag in item.get(method, {}).get("tags", ())
    }
    declared = [tag["name"] for tag in document["tags"]]
    assert (len(declared), {*declared}) == (len(used), used)


def test_every_way_to_prove_who_asks_is_described() -> None:
    asked = {name for entry in KEYED for one in operation(*entry)["security"] for name in one}
    assert asked == set(DOCUMENT["components"]["securitySchemes"])


def test_codes_are_those_of_the_documentation() -> None:
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `([a-z_]+)` \| [45]\d\d \|", page, re.MULTILINE))
    problem = DOCUMENT["components"]["schemas"]["Problem"]
    assert set(problem["properties"]["code"]["enum"]) == documented


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_refusals_are_problems_with_documented_codes(path: str, method: str) -> None:
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    for status, refusal in operation(path, method)["responses"].items():
        if status < "400":
            continue
        name = refusal.get("$ref", "").removeprefix("#/components/responses/")
        contents = {**DOCUMENT["components"]["responses"].get(name, refusal)["content"]}
        # MCP has errors of its own beside them.
        assert ("application/json" in contents) == (
            path == "/mcp" and status in {"400", "404", "500"}
        )
        contents.pop("application/json", None)
        if (path, status) == ("/mcp", "404"):
            assert not contents
            continue
        ((media_type, content),) = contents.items()
        assert media_type == "application/problem+json"
        particular = content["schema"]["properties"]
        assert content["schema"] == {**schema("Problem"), "properties": particular}
        assert particular["status"] == {"const": int(status)}
        for code in particular["code"]["enum"]:
            assert f"| `{code}` | {status} |" in page


@pytest.mark.parametrize(("path", "method"), SCOPED)
async def test_scope_is_the_one_that_is_demanded(web: WebHub, path: str, method: str) -> None:
    ((demanded,),) = operation(path, method)["security"][0].values()
    other = Scope.WEBHOOK if demanded != "webhook" else Scope.CONFIG_READ
    stranger = web.with_key(await web.new_key(other))
    # The mapping refuses members that it does not know.
    body = (
        MAPPING
        if path == "/mapping"
        else {
            "yaml_content": "a: 1",
            "version": 1,
            "known": [],
            **fixture("mapping_odoo"),
        }
    )
    sent = {} if method == "get" else {"json": body}
    refused = await stranger.ask(method, f"{filled(path)}?account_id=1", **sent)
    problem = await refused.json()
    assert (problem["code"], problem["scope"]) == ("scope_missing", demanded)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
async def test_key_is_needed_where_the_document_says_so(
    web: WebHub, path: str, method: str
) -> None:
    answer = await web.with_key("").ask(method, filled(path))
    assert (answer.status == 401) == ((path, method) in KEYED)


@pytest.mark.parametrize("name", EVENTS)
async def test_accepted_event_is_one_that_is_described(web: WebHub, name: str) -> None:
    event = fixture(name)
    answer = await web.send(event)
    errors = the_description().errors_of(schema("Event"), event)
    assert answer.status != 200 or errors == []


@pytest.mark.parametrize("sent", [MAPPING, MAPPING["mapping_data"]])
async def test_accepted_mapping_is_one_that_is_described(web: WebHub, sent: Any) -> None:
    assert (await web.post("/mapping", sent)).status == 200
    assert the_description().errors_of(schema("MappingData"), sent) == []


def test_examples_are_what_they_are_examples_of() -> None:
    found = list(examples(DOCUMENT))
    assert len(found) > 10
    for described, example in found:
        assert the_description().errors_of(described, example) == []


def test_examples_name_no_field_that_holds_a_secret() -> None:
    sealed = {
        name
        for name, type_ in shape_of(Credentials).types.items()
        if field_type(type_) is field_type(SecretText)
    }
    assert sealed
    secrets = {*sealed, "value", "password", "X-API-Key"}
    for _, example in examples(DOCUMENT):
        assert secrets.isdisjoint(names_in(example))


async def test_described_events_are_taken_in_as_they_stand_there(web: WebHub) -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name in ("CredentialsEvent", "MappingEvent", "CompanyMetadataEvent"):
        (example,) = schemas[name]["examples"]
        assert (await web.send(example)).status == 200


async def test_described_message_of_mcp_is_answered_as_it_stands_there(web: WebHub) -> None:
    (example,) = DOCUMENT["components"]["schemas"]["McpMessage"]["examples"]
    answer = await web.post("/mcp", example)
    assert answer.status == 200
    assert (await answer.json())["result"]["tools"]


async def test_document_is_served_to_anybody_once(web: WebHub) -> None:
    anybody = web.with_key("")
    shown = await anybody.get("/openapi.json")
    assert shown.status == 200
    assert shown.content_type == "application/json"
    assert await shown.json() == DOCUMENT
    known = await anybody.get("/openapi.json", If_None_Match=shown.headers["ETag"])
    assert (known.status, await known.read()) == (304, b"")
    assert known.headers["ETag"] == shown.headers["ETag"]


async def test_document_is_the_one_that_was_reviewed(web: WebHub) -> None:
    shown = await (await web.with_key("").get("/openapi.json")).json()
    assert shown == golden_description(), (
        "If the change is meant: python -m tests.golden_description, and look at the difference."
    )


async def test_document_is_not_made_before_somebody_asks(web: WebHub) -> None:
    description._rendered.cache_clear()
    await web.get("/health")
    assert description._rendered.cache_info().misses == 0
    await web.get("/openapi.json")
    await web.get("/openapi.json")
    assert description._rendered.cache_info().misses == 1


def test_description_is_not_loaded_with_the_application() -> None:
    module = "odoo_ai_config.entrypoints.http"
    probe = f"import sys, {module}.app; sys.exit('{module}.openapi.document' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


async def test_identity_names_the_viewer(web: WebHub) -> None:
    identity = await (await web.get("/")).json()
    assert (await web.get(identity["docs"])).content_type == "text/html"


def answer_about_health(
    body: Any = None, status: int = 200, content_type: str = "application/json", **headers: str
) -> web_.Response:
    return web_.Response(
        text=json.dumps(body or {"status": "healthy"}),
        status=status,
        content_type=content_type,
        headers={"X-Request-ID": "a"} | {k.replace("_", "-"): v for k, v in headers.items()},
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answer_about_health, []),
        (partial(answer_about_health, {"status": "ill"}), ["/status: "]),
        (partial(answer_about_health, {"status": "healthy", "a": 1}), ["/: "]),
        (partial(answer_about_health, {"a": 1}), ["/: ", "/: "]),
        (partial(answer_about_health, status=201), ["the status"]),
        (partial(answer_about_health, content_type="text/plain"), ["the content type"]),
        (
            lambda: answer_about_health(X_Request_ID="a b", X_New="a"),
            ["x-request-id: ", "the header x-new"],
        ),
    ],
)
async def test_witness_sees_what_is_not_described(
    answer: Callable[[], web_.Response], expected: list[str]
) -> None:
    async def handler(_request: web_.Request) -> web_.Response:
        return answer()

    app = web_.Application()
    app.router.add_get("/health", handler)
    witness = Witness(app)
    async with TestClient(TestServer(app)) as client:
        await client.get("/health")
    assert len(witness.found) == len(expected), witness.found
    for found, beginning in zip(witness.found, expected, strict=True):
        assert found.partition(": ")[2].startswith(beginning)


async def test_witness_sees_a_missing_header() -> None:
    async def handler(_request: web_.Request) -> web_.Response:
        return web_.json_response({"status": "healthy"})

    app = web_.Application()
    app.router.add_get("/health", handler)
    witness = Witness(app)
    async with TestClient(TestServer(app)) as client:
        await client.get("/health")
    assert witness.found == ["GET /health 200: the header x-request-id is missing"]


async def test_witness_sees_paths_that_are_not_described() -> None:
    async def handler(_request: web_.Request) -> web_.Response:
        return answer_about_health()

    app = web_.Application()
    app.router.add_get("/secret", handler)
    witness = Witness(app)
    async with TestClient(TestServer(app)) as client:
        await client.get("/secret")
    assert "an undescribed operation is answered" in str(witness.found)
