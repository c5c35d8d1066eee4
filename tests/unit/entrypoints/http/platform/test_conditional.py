"""
Entity tags: who has what already, and which state a write may succeed.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.entrypoints.http.platform.conditional import Precondition
from tests.unit.entrypoints.http.web_hub import WebHub, fixture

MAPPING: dict[str, Any] = fixture("mapping_odoo")
# Reads whose tag is made of what they show.
READS = [
    "/v1/route?account_id=1&inbox_id=7&number=5511999999999",
    "/v1/route?account_id=1&explain=1",
    "/v1/route?account_id=99",
    "/v1/tenants",
    "/v1/tenants?limit=1",
    "/v1/tenants/account_1",
    "/v1/tenants/account_1/channels",
    "/api/v1/collections?account_id=account_1",
    "/v1/route/?account_id=1",
    "/v1/tenants/",
    "/v1/tenants/account_1/channels/",
    "/mapping",
    "/mapping/",
]


async def prepare(web: WebHub, tenant: str = "account_1", account: int = 1) -> None:
    await web.send(fixture("credentials_flat") | {"account_id": tenant, "domain": "retail"})
    mapping = MAPPING["mapping"] | {
        "internal_account_id": tenant,
        "chatwoot_account_id": account,
        "is_fallback": False,
        "special_whatsapp_numbers": [],
    }
    assert (await web.send(MAPPING | {"account_id": tenant, "mapping": mapping})).status == 200


async def tag_of(web: WebHub, path: str) -> str:
    answer = await web.get(path)
    assert answer.status == 200, await answer.text()
    return answer.headers["ETag"]


@pytest.mark.parametrize("path", READS)
async def test_reader_who_has_it_gets_a_304(web: WebHub, path: str) -> None:
    await prepare(web)
    tag = await tag_of(web, path)
    assert await tag_of(web, path) == tag
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await web.get(path, If_None_Match=known)
        assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", tag)
        assert answer.headers["Cache-Control"] == "no-cache"
    assert (await web.get(path, If_None_Match='"other"')).status == 200
    head = await web.ask("HEAD", path, headers={"If-None-Match": tag})
    assert head.status == 304


async def test_tag_changes_with_what_is_shown_and_only_then(web: WebHub) -> None:
    await prepare(web)
    tags = {path: await tag_of(web, path) for path in READS}
    await prepare(web)
    assert {path: await tag_of(web, path) for path in READS} == tags
    moved = MAPPING["mapping"] | {"internal_account_id": "other", "special_whatsapp_numbers": []}
    await web.send(MAPPING | {"account_id": "other", "mapping": moved})
    await prepare(web, "account_2", 2)
    changed = {path for path in READS if await tag_of(web, path) != tags[path]}
    assert {READS[0], READS[1], READS[3], READS[6]} <= changed
    assert {READS[2], READS[5], READS[7]}.isdisjoint(changed)


async def test_tag_of_a_bound_key_depends_on_what_it_sees_only(web: WebHub) -> None:
    await prepare(web)
    bound = web.with_key(await web.new_key(Scope.CONFIG_READ, tenant="account_1"))
    seen = [path for path in READS if "account_id=99" not in path]
    tags = {path: await tag_of(bound, path) for path in seen}
    for number in range(2, 5):
        await prepare(web, f"account_{number}", number)
    assert {path: await tag_of(bound, path) for path in seen} == tags


async def test_opened_credential_has_no_tag(web: WebHub) -> None:
    await prepare(web)
    answer = await web.get("/v1/tenants/account_1/retail/credentials/token_referencia")
    assert answer.status == 200
    assert "ETag" not in answer.headers


TAGS = ['"1-a"', '"2-b"', '"2-b-gzip"', '"3"', '"2"', 'W/"2-b"', 'W/"2-b-gzip"', '"2-b-br"']
# The tags of the same content, plain and compressed.
SAME = {'"2-b"', '"2-b-gzip"'}
# A star stands alone.
lists = st.lists(st.sampled_from(TAGS), min_size=1, max_size=3).map(", ".join)
headers = st.none() | st.just("*") | lists


@given(if_match=headers, if_none_match=headers, exists=st.booleans())
def test_precondition_is_that_of_the_standard(
    if_match: str | None, if_none_match: str | None, exists: bool
) -> None:
    tag, version = ('"2-b"', 2) if exists else (None, 0)
    wanted = set() if if_match is None else set(if_match.split(", "))
    unwanted = set() if if_none_match is None else set(if_none_match.split(", "))
    expected = True
    if wanted:
        # Strong comparison: a weak tag never matches. A version is ours.
        expected = exists and bool(wanted & {"*", '"2"', *SAME})
    if unwanted and exists:
        expected = expected and not unwanted & {"*", *SAME, *(f"W/{one}" for one in SAME)}
    if if_none_match == "*":
        # It decides alone: the state that `If-Match` names is the one that must not exist.
        expected = not exists
    assert Precondition(if_match, if_none_match).is_met(tag, version) == expected
