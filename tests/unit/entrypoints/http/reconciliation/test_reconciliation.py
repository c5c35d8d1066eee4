"""
A source asks whether the hub still has its data.
"""

from __future__ import annotations

from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.entrypoints.http.reconciliation.payloads import MOST_ENTRIES
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having

ACCOUNT = fixture("credentials_flat")["account_id"]


def mapped(tenant: str = ACCOUNT, inbox: Any = 7, **more: Any) -> dict[str, Any]:
    channel = {"chatwoot_account_id": 1, "chatwoot_inbox_id": inbox}
    owner = {"internal_account_id": tenant, "domain": "default"}
    return {"event_type": "mapping_sync", "mapping": channel | owner | more}


async def pushed(web: WebHub) -> dict[str, Any]:
    """
    What a source remembers after pushing everything.
    """
    credentials = await (await web.send(fixture("credentials_flat"))).json()
    metadata = await (
        await web.send({"event_type": "company_metadata_sync", "account_id": ACCOUNT, "name": "L"})
    ).json()
    mapping = await (await web.send(mapped())).json()
    rules = await (
        await web.ask(
            "PUT",
            f"/api/v1/collections/business_rules?account_id={ACCOUNT}",
            json={"items": [{"id": 1}]},
        )
    ).json()
    return {
        "tenant_id": ACCOUNT,
        "domain": credentials["domain"],
        **{name: credentials[name] for name in credentials if "_version" in name},
        **{name: credentials[name] for name in credentials if "_digest" in name},
        "metadata_version": metadata["metadata_version"],
        "metadata_digest": metadata["metadata_digest"],
        "mappings": [
            {
                "chatwoot_account_id": 1,
                "chatwoot_inbox_id": 7,
                "version": mapping["mapping_version"],
                "digest": mapping["mapping_digest"],
            }
        ],
        "collections": [
            {"name": "business_rules", "version": rules["version"], "digest": rules["digest"]}
        ],
    }


async def reconciled(web: WebHub, *known: dict[str, Any]) -> Any:
    answer = await web.post("/v1/reconcile", {"known": list(known)})
    assert answer.status == 200
    return await answer.json()


def statuses(told: Any, entry: int = 0) -> dict[str, str]:
    found = told["entries"][entry]
    return {
        **{one["config_type"]: one["status"] for one in found["documents"]},
        **{f"inbox {one['chatwoot_inbox_id']}": one["status"] for one in found["mappings"]},
        **{one["name"]: one["status"] for one in found["collections"]},
    }


ALL = ("config", "credentials", "metadata", "inbox 7", "business_rules")


def only_versions(known: dict[str, Any]) -> dict[str, Any]:
    without = {name: value for name, value in known.items() if not name.endswith("_digest")}
    for section in ("mappings", "collections"):
        without[section] = [
            {name: value for name, value in one.items() if name != "digest"}
            for one in known[section]
        ]
    return without


async def test_hub_that_has_everything_says_so(web: WebHub) -> None:
    known = await pushed(web)
    for said in (known, only_versions(known)):
        told = await reconciled(web, said)
        assert statuses(told) == dict.fromkeys(ALL, "equal")
        assert told["summary"] == {
            "equal": 5,
            "differs": 0,
            "missing": 0,
            "taken": 0,
            "unknown": 0,
        }
        assert told["unknown"] == {"documents": [], "mappings": [], "collections": []}


async def test_replayed_event_is_acknowledged_with_the_same_digests(web: WebHub) -> None:
    first = await (await web.send(fixture("credentials_flat"), webhook_id="a")).json()
    again = await (await web.send(fixture("credentials_flat"), webhook_id="a")).json()
    assert first["config_digest"] == again["config_digest"]


async def test_hub_that_lost_everything_misses_it(web: WebHub) -> None:
    known = await pushed(web)
    web.hub.state.histories.clear()
    web.hub.state.mapping_histories.clear()
    web.hub.state.collections.clear()
    told = await reconciled(web, known)
    assert statuses(told) == dict.fromkeys(ALL, "missing")
    assert told["entries"][0]["documents"][0]["version"] == 0


async def test_older_version_is_missing_and_a_newer_one_differs(web: WebHub) -> None:
    known = only_versions(await pushed(web))
    await web.send(having(fixture("credentials_flat"), "Outra", "name"))
    ahead = known | {"credentials_version": 5}
    told = await reconciled(web, ahead)
    assert statuses(told)["credentials"] == "missing"
    assert statuses(told)["config"] == "differs"
    versions = {one["config_type"]: one["version"] for one in told["entries"][0]["documents"]}
    assert versions == {"config": 2, "credentials": 1, "metadata": 1}


async def test_same_version_with_another_content_differs(web: WebHub) -> None:
    known = await pushed(web)
    other = known | {"config_digest": "0" * 64}
    other["mappings"] = [known["mappings"][0] | {"digest": "0" * 64}]
    told = await reconciled(web, other)
    assert statuses(told)["config"] == statuses(told)["inbox 7"] == "differs"


async def test_same_content_at_another_version_is_equal(web: WebHub) -> None:
    known = await pushed(web)
    told = await reconciled(web, known | {"config_version": 8})
    assert statuses(told)["config"] == "equal"
    assert told["entries"][0]["documents"][0]["version"] == 1


async def test_deleted_document_is_missing(web: WebHub) -> None:
    known = await pushed(web)
    await web.ask("DELETE", f"/configs/{ACCOUNT}/{known['domain']}/config")
    told = await reconciled(web, known)
    [config, *_] = told["entries"][0]["documents"]
    assert (config["status"], config["deleted"], config["version"]) == ("missing", True, 2)


async def test_what_was_not_named_is_unknown(web: WebHub) -> None:
    known = await pushed(web)
    await web.send(having(fixture("credentials_flat"), "food", "domain"))
    await web.send(mapped(inbox=8))
    await web.send(mapped(inbox=9, active=False))
    await web.send(mapped("stranger", 10))
    bare = {"tenant_id": ACCOUNT, "domain": known["domain"], "config_version": 1}
    told = await reconciled(web, bare)
    unknown = told["unknown"]
    assert {(one["domain"], one["config_type"]) for one in unknown["documents"]} == {
        (known["domain"], "credentials"),
        (known["domain"], "metadata"),
        ("food", "config"),
        ("food", "credentials"),
    }
    assert [one["chatwoot_inbox_id"] for one in unknown["mappings"]] == ["7", "8"]
    assert [one["name"] for one in unknown["collections"]] == ["business_rules"]
    assert told["summary"]["unknown"] == 7


async def test_channel_of_another_tenant_is_taken(web: WebHub) -> None:
    known = await pushed(web)
    await web.send(mapped("stranger"))
    told = await reconciled(web, known)
    [mapping] = told["entries"][0]["mappings"]
    assert (mapping["status"], mapping["version"], mapping["digest"]) == ("taken", 0, None)
    assert "stranger" not in str(told)
    await web.send(mapped("stranger", active=False))
    assert statuses(await reconciled(web, known))["inbox 7"] == "missing"


async def test_channel_in_another_area_differs(web: WebHub) -> None:
    await pushed(web)
    elsewhere = {
        "tenant_id": ACCOUNT,
        "domain": "food",
        "mappings": [{"chatwoot_account_id": 1, "chatwoot_inbox_id": 7, "version": 1}],
    }
    assert statuses(await reconciled(web, elsewhere)) == {"inbox 7": "differs"}


async def test_line_of_odoo_without_a_channel_is_not_compared(web: WebHub) -> None:
    channel = {"chatwoot_account_id": 0, "chatwoot_inbox_id": 7, "version": 1}
    known = {"tenant_id": ACCOUNT, "domain": "default", "mappings": [channel]}
    assert statuses(await reconciled(web, known)) == {}


async def test_channel_that_was_never_acknowledged_is_missing_or_differs(web: WebHub) -> None:
    known = {
        "tenant_id": int(ACCOUNT),
        "domain": False,
        "config_version": False,
        "credentials_version": "",
        "mappings": [{"chatwoot_account_id": "1", "chatwoot_inbox_id": "7", "version": 0}],
        "collections": None,
    }
    told = await reconciled(web, known)
    assert (statuses(told), told["entries"][0]["documents"]) == ({"inbox 7": "missing"}, [])
    await web.send(mapped())
    assert statuses(await reconciled(web, known)) == {"inbox 7": "differs"}


async def test_entries_are_answered_in_their_order(web: WebHub) -> None:
    names = [f"t{number}" for number in (3, 1, 3, *range(10, 80))]
    known = [{"tenant_id": name, "domain": "a"} for name in names]
    told = await reconciled(web, *known)
    assert [entry["tenant_id"] for entry in told["entries"]] == names


async def test_nothing_named_is_nothing_to_tell(web: WebHub) -> None:
    assert (await reconciled(web))["entries"] == []


async def test_bound_key_may_ask_about_its_tenant_only(web: WebHub) -> None:
    known = await pushed(web)
    bound = web.with_key(await web.new_key(Scope.WEBHOOK, tenant=ACCOUNT))
    assert statuses(await reconciled(bound, known)) == dict.fromkeys(ALL, "equal")
    for stranger in ({"tenant_id": "stranger"}, {"tenant_id": "odoo-ai-config"}):
        answer = await bound.post("/v1/reconcile", {"known": [known, stranger]})
        assert answer.status == 403
    reader = web.with_key(await web.new_key(Scope.CONFIG_READ))
    assert (await reader.post("/v1/reconcile", {"known": [known]})).status == 403


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "incomplete_data", "known"),
        ({"known": False}, "incomplete_data", "known"),
        ({"known": {}}, "incomplete_data", "known"),
        ({"known": [1]}, "invalid_fields", "known.0"),
        ({"known": [{"domain": "a"}]}, "invalid_fields", "known.0.tenant_id"),
        ({"known": [{"tenant_id": "a", "domain": "?"}]}, "invalid_fields", "known.0.domain"),
        (
            {"known": [{"tenant_id": "a", "config_version": "x"}]},
            "invalid_fields",
            "known.0.config_version",
        ),
        (
            {"known": [{"tenant_id": "a", "mappings": [{"version": 1}]}]},
            "invalid_fields",
            "known.0.mappings.0.chatwoot_account_id",
        ),
        (
            {"known": [{"tenant_id": "a", "collections": [{"version": 1}]}]},
            "invalid_fields",
            "known.0.collections.0.name",
        ),
        ({"known": [{"tenant_id": "a"}] * (MOST_ENTRIES + 1)}, "invalid_fields", "known"),
    ],
)
async def test_body_that_says_nothing_of_use_is_refused(
    web: WebHub, body: Any, code: str, field: str
) -> None:
    answer = await web.post("/v1/reconcile", body)
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (422, code)
    assert problem["errors"][0]["field"] == field
