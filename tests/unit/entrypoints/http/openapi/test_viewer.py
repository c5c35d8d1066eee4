"""
The page at ``/docs`` only loads the hub's own files.
"""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest

from odoo_ai_config.entrypoints.http.openapi.handlers import FOLDER, ViewerFile
from odoo_ai_config.entrypoints.http.platform.pages import packaged
from tests.source_tree import ROOT
from tests.unit.entrypoints.http.web_hub import WebHub


class Page(HTMLParser):
    """
    The files that a page loads, and whether it has inline scripts or styles.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        for name, value in attrs:
            if name in {"src", "href", "data-description"} and value != "data:,":
                self.loaded.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(name)

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in {"script", "style"}:
            self.inline.append(data)


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
async def test_page_loads_what_is_there_and_runs_nothing_in_line(web: WebHub, path: str) -> None:
    anybody = web.with_key("")
    shown = await anybody.get(path)
    page = Page(await shown.text())
    assert page.inline == []
    loaded = {urljoin(f"http://hub{path}", address) for address in page.loaded}
    assert loaded == {
        "http://hub/openapi.json",
        *(f"http://hub/docs/{name}" for name in ViewerFile),
    }
    for address in loaded:
        assert (await anybody.get(address.removeprefix("http://hub"))).status == 200


async def test_page_may_load_nothing_from_elsewhere(web: WebHub) -> None:
    headers = (await web.get("/docs")).headers
    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in str(policy)
    assert "http" not in str(policy)
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ViewerFile)
async def test_file_of_the_page_is_served_once(web: WebHub, name: str) -> None:
    anybody = web.with_key("")
    shown = await anybody.get(f"/docs/{name}")
    assert shown.content_type == ("text/css" if name.endswith(".css") else "text/javascript")
    known = await anybody.get(f"/docs/{name}", If_None_Match=shown.headers["ETag"])
    assert (known.status, await known.read()) == (304, b"")


@pytest.mark.parametrize(
    "target",
    [
        b"/docs/none.js",
        b"/docs/LICENSE-swagger-ui.txt",
        b"/docs/..%2fapp.py",
        b"/docs/%2e%2e%2fapp.py",
        b"/docs/start.js%00",
    ],
)
async def test_other_files_are_not_served(web: WebHub, target: bytes) -> None:
    assert (await web.raw(target)).status == 404


@pytest.mark.parametrize("name", [name for name in ViewerFile if name.startswith("swagger-ui")])
def test_files_of_others_are_those_that_the_documentation_names(name: str) -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    digest = hashlib.sha256(packaged(FOLDER, name).content).hexdigest()
    assert re.search(rf"`{re.escape(name)}`.*`{digest}`", page)
