"""
Which pages of other sites may read the hub's answers in a browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import ClientResponse
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.cors import EXPOSED
from odoo_ai_config.entrypoints.http.openapi.components import headers as described_headers
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.http.routes import GROUPS
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub, serving

APP, LOCAL = "https://app.example.com", "http://localhost:3000"
LISTED = frozenset({APP, LOCAL})
STRANGERS = [
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://evil-app.example.com",
    "https://sub.app.example.com",
    "https://app.example.com/",
    "https://APP.example.com",
    "https://user@app.example.com",
    "null",
    "*",
    "",
    f"{APP}, {LOCAL}",
    f"{APP} https://evil.example",
]
DOCUMENT = "/configs/acme/retail/config"


def options(*apps: App) -> HttpOptions:
    return HttpOptions(version="1", cors_origins=LISTED, apps=frozenset(apps or App))


@pytest.fixture
async def web() -> AsyncIterator[WebHub]:
    async with serving(MemoryHub(), options()) as web:
        yield web


async def preflight(
    web: WebHub, path: str, method: str, origin: str, headers: str = "x-api-key"
) -> ClientResponse:
    """
    Ask as a browser does: without a key.
    """
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    return await web.client.options(path, headers=asked)


def granted(answer: ClientResponse) -> set[str]:
    allowed = (name.lower() for name in answer.headers)
    return {name for name in allowed if name.startswith("access-control-")}


def may_be_read(answer: ClientResponse, origin: str) -> bool:
    """
    The CORS check of the Fetch standard, for a request without credentials.
    """
    return answer.headers.getall("Access-Control-Allow-Origin", []) in ([origin], ["*"])


def may_be_sent(answer: ClientResponse, origin: str, method: str, *headers: str) -> bool:
    methods = answer.headers.get("Access-Control-Allow-Methods", "").split(", ")
    known = answer.headers.get("Access-Control-Allow-Headers", "").lower().split(", ")
    return (
        answer.ok
        and may_be_read(answer, origin)
        and method in methods
        and set(headers) <= set(known)
    )


async def test_by_default_no_page_may_read_anything() -> None:
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        asked = await preflight(web, DOCUMENT, "GET", APP)
        assert (asked.status, granted(asked)) == (405, set())
        for origin in (APP, "null"):
            answer = await web.ask("GET", "/mapping/", headers={"Origin": origin})
            assert granted(answer) == set()
            assert "Vary" not in answer.headers


@pytest.mark.parametrize("origin", sorted(LISTED))
async def test_page_of_a_listed_origin_reads_and_writes(web: WebHub, origin: str) -> None:
    asked = await preflight(web, DOCUMENT, "POST", origin)
    assert asked.status == 204
    assert may_be_sent(
        asked, origin, "POST", "x-api-key", "authorization", "content-type", "if-match"
    )
    assert await asked.read() == b""
    written = await web.post(DOCUMENT, {"yaml_content": "a: 1\n"}, Origin=origin)
    assert may_be_read(written, origin)
    read = await web.get(DOCUMENT, Origin=origin)
    assert may_be_read(read, origin)
    assert "ETag" in read.headers["Access-Control-Expose-Headers"].split(", ")
    unchanged = await web.get(DOCUMENT, Origin=origin, If_None_Match=read.headers["ETag"])
    assert (unchanged.status, may_be_read(unchanged, origin)) == (304, True)


@pytest.mark.parametrize("origin", STRANGERS)
async def test_page_of_another_origin_reads_nothing(web: WebHub, origin: str) -> None:
    asked = await preflight(web, DOCUMENT, "GET", origin)
    assert (asked.status, granted(asked)) == (405, set())
    for path in ("/mapping/", "/health", DOCUMENT, "/nowhere"):
        answer = await web.get(path, Origin=origin)
        assert granted(answer) == set()
        assert answer.headers.getall("Vary") == ["Origin"]


async def test_every_answer_depends_on_the_origin_for_caches(web: WebHub) -> None:
    for path in ("/health", "/mapping/", "/nowhere"):
        assert (await web.get(path)).headers.getall("Vary") == ["Origin"]


@pytest.mark.parametrize(
    ("path", "key", "status", "code"),
    [
        (DOCUMENT, None, 404, "document_not_found"),
        ("/nowhere", None, 404, "route_not_found"),
        ("/mapping/", "wrong", 401, "invalid_api_key"),
        ("/v1/route", None, 422, "incomplete_data"),
    ],
)
async def test_page_sees_what_is_wrong(
    web: WebHub, path: str, key: str | None, status: int, code: str
) -> None:
    client = web if key is None else web.with_key(key)
    answer = await client.get(path, Origin=APP)
    assert may_be_read(answer, APP)
    problem = await answer.json(content_type="application/problem+json")
    assert (answer.status, problem["code"]) == (status, code)
    # Old readers show it.
    assert isinstance(problem["detail"], str)
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"X-Request-ID", "Retry-After", "WWW-Authenticate"} <= set(exposed)


async def test_page_may_not_send_what_the_route_does_not_have(web: WebHub) -> None:
    wrong = await preflight(web, "/mapping/", "DELETE", APP)
    assert (wrong.status, "Access-Control-Allow-Methods" in wrong.headers) == (405, False)
    missing = await preflight(web, "/nowhere", "GET", APP)
    assert (missing.status, "Access-Control-Allow-Methods" in missing.headers) == (404, False)
    odd = await preflight(web, "/mapping/", "PATCH", APP, "x-canary, x-api-key")
    assert may_be_sent(odd, APP, "PATCH", "x-api-key")
    assert not may_be_sent(odd, APP, "PATCH", "x-canary")
    assert "canary" not in str(odd.headers)
    plain = await web.client.options("/mapping/", headers={"Origin": APP})
    assert plain.status == 405


def test_exposed_headers_are_the_described_ones_that_are_not_exposed_anyway() -> None:
    every_page_reads = {"Cache-Control", "Content-Language"}
    of_pages = {"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"}
    of_proxies = {"X-Accel-Buffering"}
    of_browsers = {"Content-Encoding", "Vary"}
    described = {name.removesuffix("IfReadable") for name in described_headers()}
    assert set(EXPOSED) == described - every_page_reads - of_pages - of_proxies - of_browsers


async def test_preflight_of_every_operation_names_its_methods_and_headers(web: WebHub) -> None:
    for group in GROUPS:
        for operation, _ in group.served:
            path = operation.path.replace("{", "").replace("}", "") + "/"
            answer = await preflight(web, path, operation.method, APP)
            headers = (name.lower() for name in operation.headers_of_pages)
            assert may_be_sent(answer, APP, operation.method, *headers), operation.path
            assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_preflight_of_an_app_that_is_not_served_is_refused() -> None:
    async with serving(MemoryHub(), options(App.CHATWOOT)) as web:
        assert (await preflight(web, "/mapping/", "GET", APP)).status == 404


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[asyncio.Runner, WebHub]]:
    with asyncio.Runner() as runner:
        context = serving(MemoryHub(), options())
        web = runner.run(context.__aenter__())
        yield runner, web
        runner.run(context.__aexit__(None, None, None))


near = st.sampled_from([APP, LOCAL]).flatmap(
    lambda origin: st.builds(
        lambda at, text, cut: origin[:at] + text + origin[at + cut :],
        st.integers(0, len(origin)),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=4),
        st.integers(0, 3),
    )
)


@given(origin=near | st.sampled_from(STRANGERS), path=st.sampled_from(["/health", DOCUMENT]))
def test_origin_is_allowed_if_and_only_if_it_is_listed(
    shared: tuple[asyncio.Runner, WebHub], origin: str, path: str
) -> None:
    runner, web = shared
    answer = runner.run(web.ask("GET", path, headers={"Origin": origin}))
    assert may_be_read(answer, origin) == (origin in LISTED)
    asked = runner.run(preflight(web, path, "GET", origin))
    assert may_be_sent(asked, origin, "GET") == (origin in LISTED)
    assert may_be_read(asked, origin) == (origin in LISTED)
