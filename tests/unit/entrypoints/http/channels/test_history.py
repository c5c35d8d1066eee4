"""
The history of the mapping over HTTP: its pages, the difference of two moments and the way back.
"""

from __future__ import annotations

from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from tests.unit.entrypoints.http.web_hub import WebHub

HISTORY, DIFF, ROLLBACK = "/v1/mapping/history", "/v1/mapping/diff", "/v1/mapping/rollback"
CHANNEL = "channel/1/7"


async def sync(web: WebHub, tenant: str = "a", inbox: str = "7", **fields: Any) -> None:
    """
    Map inbox 7 of account 1, and let a second pass.
    """
    mapping = {
        "chatwoot_account_id": "1",
        "chatwoot_inbox_id": inbox,
        "internal_account_id": tenant,
        "domain": "default",
        **fields,
    }
    answer = await web.send({"event_type": "mapping_sync", "mapping": mapping})
    assert answer.status == 200
    web.hub.clock.tick()


async def history(web: WebHub, query: str = "") -> list[dict[str, Any]]:
    answer = await web.get(f"{HISTORY}{query}")
    assert answer.status == 200
    entries: list[dict[str, Any]] = (await answer.json())["entries"]
    return entries


def state(tenant: str = "a", **members: Any) -> dict[str, Any]:
    return {
        "account": "1",
        "inbox": "7",
        "tenant": tenant,
        "domain": "default",
        "fallback": False,
        "sequence": 10,
        "numbers": [],
        "active": True,
        **members,
    }


async def test_history_tells_from_what_to_what(web: WebHub) -> None:
    await sync(web)
    await sync(web, "b", sequence=3)
    second, first = await history(web)
    assert first == {
        "channel": CHANNEL,
        "kind": "added",
        "before": None,
        "after": state(),
        "fields": [],
        "version": 1,
        "at": "2060-02-29T23:59:59.123457Z",
        "author": web.key.split("_")[1],
    }
    assert second == {
        "channel": CHANNEL,
        "kind": "moved",
        "before": state(),
        "after": state("b", sequence=3),
        "fields": ["tenant", "sequence"],
        "version": 2,
        "at": "2060-03-01T00:00:00.123457Z",
        "author": web.key.split("_")[1],
    }


async def test_history_is_read_by_channel_and_tenant_and_in_pages(web: WebHub) -> None:
    for tenant, inbox in (("a", "7"), ("b", "8"), ("b", "7"), ("a", "9")):
        await sync(web, tenant, inbox)
    everything = await history(web)
    assert [entry["channel"][-1] for entry in everything] == ["9", "7", "8", "7"]
    assert await history(web, f"?channel={CHANNEL}") == [everything[1], everything[3]]
    assert await history(web, "?tenant=a") == [everything[0], everything[1], everything[3]]
    assert await history(web, "?tenant=b&channel=channel/1/8") == [everything[2]]
    found, after = [], ""
    while after is not None:
        page = await (await web.get(f"{HISTORY}?limit=3&after={after}")).json()
        found += page["entries"]
        after = page["next"]
    assert found == everything


async def test_bound_key_sees_its_part_without_the_names_of_others(web: WebHub) -> None:
    await sync(web)
    await sync(web, "b")
    await sync(web, "b", sequence=1)
    own = web.with_key(await web.new_key(Scope.CONFIG_READ, tenant="a"))
    lost, had = await history(own)
    assert had["after"] == state()
    assert (lost["before"], lost["after"], lost["after_unshown"]) == (state(), None, "hidden")
    answer = await own.get(f"{DIFF}?from={had['at']}")
    (change,) = (await answer.json())["changes"]
    assert (change["kind"], change["before"], change["after"]) == ("moved", state(), None)
    assert '"b"' not in await answer.text()
    refused = await own.get(f"{HISTORY}?tenant=b")
    assert (await refused.json())["code"] == "tenant_forbidden"


async def test_difference_of_two_moments(web: WebHub) -> None:
    await sync(web)
    await sync(web, is_fallback=True)
    await sync(web, "b", "8")
    third, second, first = await history(web)
    answer = await (await web.get(f"{DIFF}?from={first['at']}")).json()
    assert (answer["from"], answer["to"], answer["truncated"]) == (first["at"], None, False)
    assert [(one["channel"], one["kind"], one["fields"]) for one in answer["changes"]] == [
        (CHANNEL, "changed", ["fallback"]),
        ("channel/1/8", "added", []),
    ]
    back = await (await web.get(f"{DIFF}?from={third['at']}&to={second['at']}")).json()
    (removed,) = back["changes"]
    assert (removed["kind"], removed["after"]) == ("removed", None)


async def test_whole_mapping_goes_back_to_a_moment(web: WebHub) -> None:
    await sync(web)
    await sync(web, "b")
    await sync(web, "b", "8")
    at = (await history(web))[-1]["at"]
    rehearsed = await (await web.post(ROLLBACK, {"at": at, "dry_run": True})).json()
    assert (rehearsed["changed"], len(rehearsed["changes"])) == (False, 2)
    answer = await web.post(ROLLBACK, {"at": at})
    assert answer.status == 200
    done = await answer.json()
    assert done == {**rehearsed, "changed": True}
    assert [one["kind"] for one in done["changes"]] == ["moved", "switched_off"]
    route = await (await web.get("/v1/route?account_id=1&inbox_id=7")).json()
    assert route["tenant_id"] == "a"
    again = await (await web.post(ROLLBACK, {"at": at})).json()
    assert again == {"changed": False, "changes": [], "truncated": False}
    trail = await (await web.get("/v1/audit")).json()
    actions = [entry["action"] for entry in trail["entries"]]
    assert actions.count("mapping_rolled_back") == 1
    assert actions.count("channel_changed") == 5


async def test_one_channel_goes_back_to_a_version(web: WebHub) -> None:
    await sync(web)
    await sync(web, sequence=1)
    body = {"channel": CHANNEL, "version": 1}
    stale = await web.post(ROLLBACK, body, If_Match='"1"')
    assert (stale.status, (await stale.json())["current_version"]) == (412, 2)
    odd = await web.post(ROLLBACK, body, If_Match='"2-abc"')
    assert odd.status == 412
    answer = await (await web.post(ROLLBACK, body, If_Match='"2"')).json()
    (change,) = answer["changes"]
    assert (change["fields"], change["after"]) == (["sequence"], state())
    (newest, *_) = await history(web)
    assert newest["version"] == 3


async def test_bound_key_rolls_back_its_own_channel(web: WebHub) -> None:
    await sync(web)
    await sync(web, sequence=1)
    own = web.with_key(await web.new_key(Scope.CONFIG_WRITE, tenant="a"))
    other = web.with_key(await web.new_key(Scope.CONFIG_WRITE, tenant="b"))
    body = {"channel": CHANNEL, "version": 1}
    assert (await (await other.post(ROLLBACK, body)).json())["code"] == "mapping_not_found"
    assert (await own.post(ROLLBACK, body)).status == 200
    whole = await own.post(ROLLBACK, {"at": "2060-03-01T00:00:00Z"})
    assert (whole.status, (await whole.json())["code"]) == (403, "tenant_forbidden")


async def test_pruned_past_is_gone(web: WebHub) -> None:
    await sync(web)
    await sync(web, sequence=1)
    await web.hub.ports.store.prune(RetentionPolicy(keep=1), now=web.hub.clock.now())
    (entry,) = await history(web)
    assert (entry["before"], entry["before_unshown"]) == (None, "pruned")
    at = "2060-02-29T23:59:59.123457Z"
    for answer in (await web.get(f"{DIFF}?from={at}"), await web.post(ROLLBACK, {"at": at})):
        assert (answer.status, (await answer.json())["code"]) == (410, "history_pruned")
    gone = await web.post(ROLLBACK, {"channel": CHANNEL, "version": 1})
    assert (gone.status, (await gone.json())["code"]) == (404, "version_not_found")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{HISTORY}?channel=inbox/1", "channel"),
        (f"{HISTORY}?tenant=a%20b", "tenant"),
        (f"{HISTORY}?after=1", "after"),
        (f"{HISTORY}?limit=501", "limit"),
        (DIFF, "from"),
        (f"{DIFF}?from=ontem", "from"),
        (f"{DIFF}?from=2060-02-29T23:59:59Z&to=2060-02-29T23:59:59", "to"),
    ],
)
async def test_question_that_cannot_be_is_a_422(web: WebHub, path: str, field: str) -> None:
    answer = await web.get(path)
    assert answer.status == 422
    assert (await answer.json())["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "at"),
        ({"channel": CHANNEL}, "at"),
        ({"version": 1}, "channel"),
        ({"at": "2060-02-29T23:59:59Z", "version": 1, "channel": CHANNEL}, "version"),
        ({"at": "2060-02-29"}, "at"),
        ({"at": 7}, "at"),
        ({"channel": "1/7", "version": 1}, "channel"),
        ({"channel": CHANNEL, "version": "x"}, "version"),
        ({"at": "2060-02-29T23:59:59Z", "dry_run": "x"}, "dry_run"),
        ({"at": "2060-02-29T23:59:59Z", "chanel": CHANNEL}, "chanel"),
        ({"at": "2060-02-29T23:59:59Z", "dryrun": True}, "dryrun"),
    ],
)
async def test_rollback_that_cannot_be_is_a_422(
    web: WebHub, body: dict[str, Any], field: str
) -> None:
    await sync(web)
    before = web.hub.state.mappings
    answer = await web.post(ROLLBACK, body)
    assert answer.status == 422
    assert (await answer.json())["errors"][0]["field"] == field
    assert web.hub.state.mappings == before


async def test_whole_mapping_goes_back_from_the_version_that_was_seen(web: WebHub) -> None:
    await sync(web)
    await sync(web, sequence=1)
    body = {"at": "2060-02-29T23:59:59.123457Z"}
    stale = await web.post(ROLLBACK, body, If_Match='"1"')
    assert (stale.status, (await stale.json())["current_version"]) == (412, 2)
    assert (await web.post(ROLLBACK, body, If_Match='"7", "2"')).status == 200


async def test_whole_mapping_goes_back_from_the_tag_that_was_seen(web: WebHub) -> None:
    await sync(web)
    seen = (await web.get("/mapping/")).headers["ETag"]
    body = {"at": "2060-02-29T23:59:59.123457Z"}
    assert (await web.post(ROLLBACK, body, If_Match=seen)).status == 200
    await sync(web, sequence=1)
    stale = await web.post(ROLLBACK, body, If_Match=seen)
    assert stale.status == 412


@pytest.mark.parametrize("scope", [Scope.WEBHOOK, Scope.CONFIG_READ])
async def test_rollback_needs_the_scope_to_write(web: WebHub, scope: Scope) -> None:
    caller = web.with_key(await web.new_key(scope))
    answer = await caller.post(ROLLBACK, {"at": "2060-02-29T23:59:59Z"})
    assert (answer.status, (await answer.json())["code"]) == (403, "scope_missing")
