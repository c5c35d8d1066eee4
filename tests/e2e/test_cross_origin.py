"""
A page of another site asks the hub, in a real browser.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.chromium import Page, browsing
from tests.e2e.hub_process import HubProcess, environment, serving

ASK = """
window.seen = undefined;
fetch({url}, {{method: {method}, body: {body}, headers: {headers}}})
  .then(async answer => ({{
    status: answer.status, tag: answer.headers.get("ETag"),
    request: answer.headers.get("X-Request-ID"), body: await answer.text()}}))
  .catch(error => ({{failed: error.name}}))
  .then(seen => {{ window.seen = seen; }});
0
"""


def site() -> TestServer:
    """
    A site with one empty page.
    """
    app = web.Application()

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<title>page</title>", content_type="text/html")

    app.router.add_get("/", page)
    return TestServer(app)


async def asked(
    page: Page, hub: HubProcess, path: str, body: Any = None, method: str = "GET", **headers: str
) -> Any:
    dashed = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"X-API-Key": hub.api_key, "Content-Type": "application/json", **dashed}
    values = {"url": hub.url + path, "method": method, "headers": sent}
    texts = {name: json.dumps(value) for name, value in values.items()}
    text = "undefined" if body is None else json.dumps(json.dumps(body))
    await page.evaluate(ASK.format(**texts, body=text))
    await page.until("window.seen")
    return await page.evaluate("window.seen")


async def test_only_pages_of_listed_origins_can_use_the_hub(tmp_path: Path) -> None:
    document = "/configs/acme/retail/config"
    async with site() as listed, site() as stranger:
        origin = str(listed.make_url("/")).rstrip("/")
        env = environment() | {"ODOO_AI_CONFIG_CORS_ORIGINS": origin}
        with serving(tmp_path, env=env) as hub:
            async with browsing() as page:
                await page.open(f"{origin}/")
                await page.until("document.title === 'page'")
                missing = await asked(page, hub, document)
                assert missing["status"] == 404
                assert json.loads(missing["body"])["code"] == "document_not_found"
                assert missing["request"]
                written = await asked(
                    page, hub, document, {"yaml_content": "a: 1\n"}, "POST", If_None_Match="*"
                )
                assert written["status"] == 200
                read = await asked(page, hub, document)
                assert (read["status"], read["tag"]) == (200, written["tag"])
                wrong = await asked(page, hub, document, X_API_Key="wrong")
                assert json.loads(wrong["body"])["status"] == 401
                assert (await asked(page, hub, document, method="PUT"))["failed"]
                assert (await asked(page, hub, document, X_Anything="1"))["failed"]

                await page.open(str(stranger.make_url("/")))
                await page.until("document.title === 'page' && !window.seen")
                for path in (document, "/health", "/mapping/"):
                    assert (await asked(page, hub, path))["failed"] == "TypeError"
