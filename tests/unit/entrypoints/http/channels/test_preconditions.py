"""
The entity tag of the mapping, and writes that name the one that they saw.
"""

from __future__ import annotations

from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from tests.unit.entrypoints.http.web_hub import WebHub, fixture

OTHER: dict[str, Any] = {
    "accounts": {"5": {"account_id": "a5", "domain": "retail"}},
    "inboxes": {},
}


async def tag_of(web: WebHub, path: str = "/mapping/") -> str:
    answer = await web.get(path)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    return answer.headers["ETag"]


async def changed(web: WebHub) -> None:
    event = fixture("mapping_odoo")
    event["mapping"]["sequence"] += 1
    assert (await (await web.send(event)).json())["changed"]


async def mapped(web: WebHub) -> str:
    await web.send(fixture("mapping_seed"))
    await web.send(fixture("mapping_odoo"))
    return await tag_of(web)


@pytest.mark.parametrize("path", ["/mapping/", "/mapping/export"])
async def test_reader_who_has_the_mapping_gets_it_only_when_it_has_changed(
    web: WebHub, path: str
) -> None:
    await mapped(web)
    tag = await tag_of(web, path)
    answer = await web.get(path, If_None_Match=tag)
    assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", tag)
    await web.send(fixture("mapping_odoo"))
    assert (await web.get(path, If_None_Match=tag)).status == 304
    await changed(web)
    assert (await web.get(path, If_None_Match=tag)).status == 200


async def test_tag_tells_a_bound_reader_nothing_about_others(web: WebHub) -> None:
    await mapped(web)
    bound = web.with_key(await web.new_key(tenant="123456"))
    tag = await tag_of(bound)
    await changed(web)
    assert await tag_of(bound) == tag


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_write_names_the_mapping_that_it_saw(web: WebHub, method: str) -> None:
    seen = await mapped(web)
    await changed(web)
    before = dict(web.hub.state.mappings)
    refused = await written(web, method, seen)
    problem = await refused.json()
    assert (refused.status, problem["code"], problem["current_version"]) == (
        412,
        "version_mismatch",
        3,
    )
    assert web.hub.state.mappings == before
    present = refused.headers["ETag"]
    assert present == await tag_of(web)
    answer = await written(web, method, present)
    assert (answer.status, answer.headers["ETag"]) == (200, await tag_of(web))
    assert (await written(web, method, present)).status == 412


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"2"'}, 200),
        ({"If-Match": '"x", "2"'}, 200),
        ({"If-Match": '"1"'}, 412),
        ({"If-None-Match": "*"}, 412),
        ({"If-None-Match": '"x"'}, 200),
    ],
)
async def test_other_preconditions(web: WebHub, headers: dict[str, str], status: int) -> None:
    await mapped(web)
    answer = await web.ask("PATCH", "/mapping/", json=OTHER, headers=headers)
    assert answer.status == status


async def test_first_write_can_require_that_there_is_none(web: WebHub) -> None:
    missing = await web.ask("PATCH", "/mapping/", json=OTHER, headers={"If-Match": "*"})
    assert (missing.status, missing.headers.get("ETag")) == (412, None)
    for status in (200, 412):
        answer = await web.ask("POST", "/mapping/", json=OTHER, headers={"If-None-Match": "*"})
        assert answer.status == status


async def test_stale_write_without_the_scope_to_read_shows_no_tag(web: WebHub) -> None:
    await mapped(web)
    writer = web.with_key(await web.new_key(Scope.CONFIG_WRITE))
    refused = await written(writer, "PATCH", '"stale"')
    assert (refused.status, refused.headers.get("ETag")) == (412, None)


async def written(web: WebHub, method: str, tag: str) -> Any:
    return await web.ask(method, "/mapping/", json=OTHER, headers={"If-Match": tag})
