from __future__ import annotations

import json

import pytest

from tests.unit.entrypoints.http.web_hub import WebHub, fixture

READABLE = [
    "/",
    "/health",
    "/ready",
    "/metrics",
    "/configs/account_1",
    "/configs/account_1/retail/config",
    "/configs/account_1/retail/config/yaml",
    "/configs/account_1/retail/config/history",
    "/configs/account_1/retail/config/version/1",
    "/configs/account_1/retail/config/diff",
    "/mapping",
    "/mapping/export",
    "/v1/route?account_id=1",
    "/v1/tenants",
    "/v1/tenants/account_1",
    "/v1/tenants/account_1/retail/credentials/account_1-abcd1234",
]


async def filled(web: WebHub) -> WebHub:
    await web.send(fixture("credentials_nested_odoo_button"))
    await web.send(fixture("mapping_odoo"))
    return web


@pytest.mark.parametrize("target", READABLE)
async def test_path_works_with_and_without_slashes_and_for_head(web: WebHub, target: str) -> None:
    await filled(web)
    path, mark, query = target.partition("?")
    forms = {path, f"/{path}"}
    if path != "/":
        forms |= {f"{path}/", f"/{path}/"}
    for form in forms:
        full = f"{form}{mark}{query}".encode()
        shown = await web.raw(full)
        assert shown.status == 200, form
        assert shown.body, form
        assert b"x-request-id: " in shown.head
        head = await web.raw(full, b"HEAD")
        assert (head.status, head.body) == (200, b""), form


async def test_webhook_works_in_every_form_of_its_path(web: WebHub) -> None:
    body = json.dumps(fixture("mapping_odoo")).encode()
    more = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    for path in (b"/odoo-webhook", b"/odoo-webhook/", b"//odoo-webhook", b"//odoo-webhook/"):
        # `raw` adds the blank line between head and body, so the body comes last.
        answer = await web.raw(path, b"POST", more + b"\r\n" + body)
        assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    "target",
    [
        b"/nowhere",
        b"/nowhere?api_key=canario",
        b"/canario",
        b"/configs",
        b"/configs/a/b",
        b"/configs/a/b/c/d",
        b"///configs/a",
        b"/configs//b/c",
        b"/configs/a/../b/x/y",
        b"/.env",
        b"/%00",
        b"/%ff%fe",
        b"/%",
        b"/%zz",
        b"/v1",
        b"/v1/tenants/a/b",
    ],
)
async def test_unknown_path_is_a_problem_without_an_echo(web: WebHub, target: bytes) -> None:
    answer = await web.raw(target)
    assert answer.status == 404
    assert b"application/problem+json" in answer.head
    problem = json.loads(answer.body)
    assert problem["code"] == "route_not_found"
    assert set(problem) == {"type", "title", "status", "detail", "code", "request_id"}
    assert b"canario" not in answer.body


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        (b"GET", b"/odoo-webhook", b"post"),
        (b"PUT", b"/odoo-webhook/", b"post"),
        (b"POST", b"/health", b"get, head"),
        (b"DELETE", b"/mapping", b"get, head, patch, post"),
        (b"OPTIONS", b"//configs/a/b/c/", b"delete, get, head, patch, post"),
        (b"PURGE", b"/configs/a/b/c", b"delete, get, head, patch, post"),
    ],
)
async def test_wrong_method_is_a_problem_that_tells_the_right_ones(
    web: WebHub, method: bytes, target: bytes, allow: bytes
) -> None:
    answer = await web.raw(target, method)
    assert answer.status == 405
    assert json.loads(answer.body)["code"] == "method_not_allowed"
    assert b"\r\nallow: " + allow + b"\r\n" in answer.head


@pytest.mark.parametrize("target", [b"/health", b"/nowhere"])
async def test_strange_expectation_is_neither_met_nor_repeated(web: WebHub, target: bytes) -> None:
    answer = await web.raw(target, more=b"Expect: canario\r\n")
    assert answer.status in {200, 404}
    assert b"canario" not in answer.head + answer.body


async def test_cautious_client_is_invited_to_go_on(web: WebHub) -> None:
    await filled(web)
    answer = await web.raw(b"/health", more=b"Expect: 100-continue\r\n")
    assert answer.head.startswith(b"http/1.1 100 continue")


async def test_cautious_client_with_too_much_is_not_invited(web: WebHub) -> None:
    more = b"Expect: 100-continue\r\nContent-Length: 9000000\r\n"
    answer = await web.raw(b"/odoo-webhook", b"POST", more)
    assert answer.head.startswith(b"http/1.1 413")


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 128])
async def test_valid_request_id_comes_back(web: WebHub, given: str) -> None:
    assert (await web.get("/health", X_Request_ID=given)).headers["X-Request-ID"] == given
    problem = await web.get("/nowhere", X_Request_ID=given)
    assert problem.headers["X-Request-ID"] == given
    assert (await problem.json())["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a/b", "ação", "<script>"])
async def test_other_request_id_is_replaced(web: WebHub, given: str) -> None:
    first = (await web.get("/health", X_Request_ID=given)).headers["X-Request-ID"]
    second = (await web.get("/health", X_Request_ID=given)).headers["X-Request-ID"]
    assert given not in {first, second}
    assert first != second


async def test_parameter_with_different_values_is_refused(web: WebHub) -> None:
    await filled(web)
    for target in ("/v1/route?account_id=1&account_id=2", "/v1/tenants?limit=5&limit=6"):
        refused = await web.ask("GET", target)
        problem = await refused.json()
        assert (refused.status, problem["code"]) == (422, "invalid_fields")
        assert problem["errors"][0]["message"] == "veio com valores diferentes"
    for target in ("/v1/route?account_id=1&account_id=1", "/v1/tenants?limit=5&limit=5"):
        assert (await web.ask("GET", target)).status == 200
