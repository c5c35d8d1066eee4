"""
The page at ``/ui`` only loads the hub's own files and turns no data into markup.

tests/e2e/test_client_page.py tests it in a browser.
"""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest

from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.entrypoints.http.platform.pages import packaged
from odoo_ai_config.entrypoints.http.platform.texts import Language
from odoo_ai_config.entrypoints.http.ui.handlers import FOLDER, ClientFile
from tests.unit.entrypoints.http.openapi.test_viewer import Page
from tests.unit.entrypoints.http.web_hub import WebHub

PATHS = [
    "/ui",
    "/ui/",
    "/ui/clients/acme/retail",
    "/ui/clients/acme/retail/",
    "/ui/clients/acme/a%2Fb",
]
# Ways to turn text into markup or code.
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|createContextualFragment"
    r"|setHTML|srcdoc|\beval\b|new Function|javascript:"
)


def source(name: str) -> str:
    return packaged(FOLDER, name).content.decode()


@pytest.mark.parametrize("path", PATHS)
async def test_page_loads_what_is_there_and_runs_nothing_in_line(web: WebHub, path: str) -> None:
    anybody = web.with_key("")
    shown = await anybody.raw(path.encode())
    assert shown.status == 200
    page = Page(shown.body.decode())
    assert page.inline == []
    loaded = {urljoin(f"http://hub{path}", address) for address in page.loaded}
    assert loaded == {f"http://hub/ui/client.{ending}" for ending in ("css", "js")}
    [hub] = re.findall(r'data-hub="([^"]*)"', shown.body.decode())
    assert urljoin(f"http://hub{path}", hub) == "http://hub/"


async def test_page_may_load_nothing_from_elsewhere_and_make_no_markup(web: WebHub) -> None:
    headers = (await web.with_key("").get("/ui/clients/acme/retail")).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


async def test_page_is_the_same_for_everybody(web: WebHub) -> None:
    pages = {
        await (await web.with_key(key).get(f"/ui/clients/{tenant}/retail")).text()
        for key in ("", web.key, "wrong")
        for tenant in ("acme", "%3Cscript%3E", "nobody")
    }
    assert len(pages) == 1


@pytest.mark.parametrize(("wanted", "language"), [("", "pt-BR"), ("en-GB", "en"), ("fr", "pt-BR")])
async def test_page_speaks_the_language_of_its_reader(
    web: WebHub, wanted: str, language: str
) -> None:
    shown = await web.get("/ui", Accept_Language=wanted)
    assert shown.headers["Content-Language"] == language
    assert f'<html lang="{language}">' in await shown.text()


@pytest.mark.parametrize("name", ClientFile)
async def test_file_of_the_page_is_served_once(web: WebHub, name: str) -> None:
    anybody = web.with_key("")
    shown = await anybody.get(f"/ui/{name}")
    assert shown.content_type == ("text/css" if name.endswith(".css") else "text/javascript")
    known = await anybody.get(f"/ui/{name}", If_None_Match=shown.headers["ETag"])
    assert (known.status, await known.read()) == (304, b"")


@pytest.mark.parametrize("target", [b"/ui/none.js", b"/ui/..%2fapp.py", b"/ui/client.js%00"])
async def test_other_files_are_not_served(web: WebHub, target: bytes) -> None:
    assert (await web.raw(target)).status == 404


@pytest.mark.parametrize("name", [name for name in ClientFile if name.endswith(".js")])
def test_script_has_no_way_to_make_markup_of_a_text(name: str) -> None:
    assert MARKUP.search(source(name)) is None


def test_script_keeps_the_key_nowhere_but_in_its_tab() -> None:
    script = source("client.js")
    assert "sessionStorage" in script
    for other in ("localStorage", "indexedDB", "document.cookie", "location.search"):
        assert other not in script


def test_page_has_the_same_words_in_every_language() -> None:
    parts = re.split(r'^  "?([\w-]+)"?: \{$', source("words.js"), flags=re.MULTILINE)
    assert parts[1::2] == [language.value for language in Language]
    words, same = (re.findall(r"^    (\w+):", part, re.MULTILINE) for part in parts[2::2])
    stages, same_stages = (
        re.findall(r"^      (\w+):", part, re.MULTILINE) for part in parts[2::2]
    )
    assert words == same
    assert stages == same_stages == [stage.value for stage in Stage]
    used = set(re.findall(r"(?<!/)\bwords\.(\w+)", source("client.js")))
    assert used == set(words)
