from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from tests.unit.entrypoints.http.web_hub import WebHub

CREWS = "/configs/acme/retail/crews"
TEXT = "# equipes\nsales:\n  opens: 18:00 # tarde\n  size: 3\n"


async def publish(web: WebHub, text: str = TEXT, path: str = CREWS, **headers: str) -> Any:
    answer = await web.post(path, {"yaml_content": text}, **headers)
    assert answer.status == 200, await answer.text()
    return answer


async def test_published_document_comes_back_as_the_old_object(web: WebHub) -> None:
    written = await publish(web)
    shown = await web.get(CREWS)
    body = await shown.json()
    assert list(body) == [
        "id",
        "tenant_id",
        "domain",
        "config_type",
        "version",
        "created_at",
        "updated_at",
        "yaml_content",
        "json_data",
    ]
    assert body["yaml_content"] == TEXT
    assert body["json_data"] == {"sales": {"opens": "18:00", "size": 3}}
    assert 0 < body["id"] < 2**53
    assert body["created_at"].endswith("Z")
    assert len(body["created_at"]) == len("2026-04-23T19:14:20.512Z")
    assert await written.json() == {**body, "changed": True, "warnings": []}
    assert shown.headers["ETag"] == written.headers["ETag"]
    assert shown.headers["Cache-Control"] == "no-cache"
    assert shown.content_type == "application/json"


async def test_unchanged_text_makes_no_version(web: WebHub) -> None:
    await publish(web)
    again = await (await publish(web)).json()
    assert (again["version"], again["changed"]) == (1, False)


async def test_yaml_is_given_back_exactly_as_authored(web: WebHub) -> None:
    await publish(web)
    shown = await web.get(f"{CREWS}/yaml")
    assert await shown.text() == TEXT
    assert shown.content_type == "application/x-yaml"
    known = await web.get(f"{CREWS}/yaml", If_None_Match=shown.headers["ETag"])
    assert known.status == 304


async def test_merge_patch_keeps_the_comments(web: WebHub) -> None:
    await publish(web)
    answer = await web.ask(
        "PATCH",
        CREWS,
        data=b'{"sales": {"size": 4, "opens": null}, "support": {"size": 1}}',
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert answer.status == 200
    body = await answer.json()
    assert body["json_data"] == {"sales": {"size": 4}, "support": {"size": 1}}
    assert "# equipes" in body["yaml_content"]
    assert (await (await web.get(f"{CREWS}/yaml")).text()) == body["yaml_content"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*", '"x" , W/{}'])
async def test_known_version_is_a_304(web: WebHub, form: str) -> None:
    tag = (await publish(web)).headers["ETag"]
    answer = await web.get(CREWS, If_None_Match=form.format(tag))
    assert answer.status == 304
    assert await answer.read() == b""
    assert answer.headers["ETag"] == tag


async def test_other_version_is_no_304(web: WebHub) -> None:
    old = (await publish(web)).headers["ETag"]
    new = (await publish(web, "a: 1\n")).headers["ETag"]
    assert old != new
    answer = await web.get(CREWS, If_None_Match=f'{old}, "2-00000000", garbage')
    assert answer.status == 200
    assert answer.headers["ETag"] == new


async def test_same_version_of_a_restored_store_has_another_tag(web: WebHub) -> None:
    tag = (await publish(web)).headers["ETag"]
    web.hub.state.histories.clear()
    web.hub.clock.tick()
    assert (await publish(web, "restored: 1\n")).headers["ETag"] != tag
    assert (await web.get(CREWS, If_None_Match=tag)).status == 200


async def test_writer_with_the_present_tag_is_let_through(web: WebHub) -> None:
    first = await publish(web, If_None_Match="*")
    second = await publish(web, "a: 1\n", If_Match=first.headers["ETag"])
    third = await publish(web, "a: 2\n", If_Match=f'"7-00000000", {second.headers["ETag"]}')
    fourth = await publish(web, "a: 3\n", If_Match="*")
    fifth = await publish(web, "a: 4\n", If_Match='"4"')
    assert [(await answer.json())["version"] for answer in (third, fourth, fifth)] == [3, 4, 5]


@pytest.mark.parametrize(
    "headers",
    [
        {"If-Match": '"1-00000000"'},
        {"If-Match": "W/{tag}"},
        {"If-Match": "garbage"},
        {"If-Match": ""},
        {"If-Match": '"2"'},
        {"If-None-Match": "*"},
        {"If-None-Match": "{tag}"},
    ],
    ids=str,
)
async def test_writer_with_an_old_version_is_told_the_present_one_and_not_the_values(
    web: WebHub, headers: dict[str, str]
) -> None:
    tag = (await publish(web)).headers["ETag"]
    given = {name: value.format(tag=tag) for name, value in headers.items()}
    for method, path, payload in (
        ("POST", CREWS, {"yaml_content": "lost: 1\n"}),
        ("PATCH", CREWS, {"lost": 1}),
        ("POST", f"{CREWS}/rollback", {"version": 1}),
        ("DELETE", CREWS, None),
    ):
        answer = await web.ask(method, path, json=payload, headers=given)
        assert answer.status == 412, method
        problem = await answer.json()
        assert problem["code"] == "version_mismatch"
        assert problem["current_version"] == 1
        assert answer.headers["ETag"] == tag
        assert "18:00" not in await answer.text()
    assert (await (await web.get(CREWS)).json())["version"] == 1


async def test_if_match_on_a_document_that_is_not_there_is_a_412(web: WebHub) -> None:
    answer = await web.post(CREWS, {"yaml_content": TEXT}, If_Match="*")
    assert answer.status == 412
    assert (await answer.json())["current_version"] == 0
    assert "ETag" not in answer.headers


async def test_history_version_and_rollback(web: WebHub) -> None:
    await publish(web)
    await publish(web, "a: 2\n")
    back = await web.post(f"{CREWS}/rollback", {"version": 1})
    assert (await back.json())["version"] == 3
    history = await (await web.get(f"{CREWS}/history")).json()
    assert [entry["version"] for entry in history] == [3, 2, 1]
    assert set(history[0]) == {
        "tenant_id",
        "domain",
        "config_type",
        "version",
        "created_at",
        "updated_at",
        "author",
    }
    page = await (await web.get(f"{CREWS}/history?before=3&limit=1")).json()
    assert [entry["version"] for entry in page] == [2]
    second = await (await web.get(f"{CREWS}/version/2")).json()
    assert second["json_data"] == {"a": 2}
    assert (await (await web.get(f"{CREWS}/yaml")).text()) == TEXT
    assert (await web.get("/configs/acme/retail/none/history")).status == 200


async def test_diff_tells_values_and_lines(web: WebHub) -> None:
    await publish(web)
    await publish(web, TEXT.replace("3", "4") + "added: 1\n")
    diff = await (await web.get(f"{CREWS}/diff?from=1&to=2")).json()
    assert (diff["from"], diff["to"]) == (1, 2)
    assert diff["changes"] == [
        {"kind": "changed", "pointer": "/sales/size", "before": 3, "after": 4},
        {"kind": "added", "pointer": "/added", "after": 1},
    ]
    assert "-  size: 3" in diff["unified_diff"]
    assert (diff["truncated"], diff["unified_diff_omitted"]) == (False, None)
    newest = await (await web.get(f"{CREWS}/diff")).json()
    assert newest == diff


async def test_diff_says_that_too_much_differs(web: WebHub) -> None:
    await publish(web, "a: 1\n")
    await web.patch(CREWS, {"l": [number % 7 for number in range(80_000)]})
    await web.patch(CREWS, {"l": [number % 11 for number in range(80_000)]})
    diff = await (await web.get(f"{CREWS}/diff")).json()
    assert [change["pointer"] for change in diff["changes"]] == ["/l"]
    assert (diff["unified_diff"], diff["unified_diff_omitted"]) == (None, "too_large")
    many = {f"{number}": number for number in range(10_001)}
    await web.patch(CREWS, {"l": None, **many})
    diff = await (await web.get(f"{CREWS}/diff")).json()
    assert (len(diff["changes"]), diff["truncated"]) == (10_000, True)


async def test_deleted_document_is_a_404_with_its_metadata_until_it_is_rolled_back(
    web: WebHub,
) -> None:
    await publish(web)
    gone = await web.ask("DELETE", CREWS)
    assert gone.status == 200
    assert await gone.json() == {
        "tenant_id": "acme",
        "domain": "retail",
        "config_type": "crews",
        "version": 2,
        "changed": True,
        "deleted": True,
    }
    read = await web.get(CREWS)
    assert read.status == 404
    problem = await read.json()
    assert (problem["code"], problem["version"]) == ("document_deleted", 2)
    assert problem["deleted"] is True
    history = await (await web.get(f"{CREWS}/history")).json()
    assert [entry.get("deleted") for entry in history] == [True, None]
    assert (await web.get("/configs/acme")).status == 200
    assert (await web.post(f"{CREWS}/rollback", {"version": 2})).status == 404
    back = await (await web.post(f"{CREWS}/rollback", {"version": 1})).json()
    assert (back["version"], back["yaml_content"]) == (3, TEXT)


async def test_documents_of_a_tenant_are_listed(web: WebHub) -> None:
    assert await (await web.get("/configs/acme")).json() == []
    await publish(web)
    await publish(web, path="/configs/acme/food/crews")
    listed = await (await web.get("/configs/acme/")).json()
    assert [entry["domain"] for entry in listed] == ["food", "retail"]
    one = await (await web.get("/configs/acme?domain=Retail")).json()
    assert [entry["domain"] for entry in one] == ["retail"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/configs/a%20b/retail/config", "tenant_id"),
        ("/configs/..%2fetc/retail/config", "tenant_id"),
        ("/configs/%00/retail/config", "tenant_id"),
        ("/configs/%24gt/retail/config", "tenant_id"),
        ("/configs/acme/---/config", "domain"),
        ("/configs/acme/retail/UPPER", "config_type"),
        ("/configs/acme/retail/..%2f..", "config_type"),
        ("/configs/acme/retail/config/version/0", "version"),
        ("/configs/acme/retail/config/version/-1", "version"),
        ("/configs/acme/retail/config/version/1_0", "version"),
        ("/configs/acme/retail/config/version/9999999999999999", "version"),
        ("/configs/acme/retail/config/version/%D9%A3", "version"),
        ("/configs/acme/retail/config/history?limit=0", "limit"),
        ("/configs/acme/retail/config/history?limit=1001", "limit"),
        ("/configs/acme/retail/config/history?before=x", "before"),
        ("/configs/acme/retail/config/diff?from=x", "from"),
        ("/configs/acme?domain=%ff%fe", "domain"),
    ],
)
async def test_part_of_a_target_that_cannot_be_is_a_422_that_names_it(
    web: WebHub, path: str, field: str
) -> None:
    answer = await web.raw(path.encode())
    problem = json.loads(answer.body)
    assert answer.status == 422, problem
    assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.parametrize("path", [CREWS, f"{CREWS}/yaml", f"{CREWS}/version/1", f"{CREWS}/diff"])
async def test_document_that_never_was_is_a_404(web: WebHub, path: str) -> None:
    answer = await web.get(path)
    assert answer.status == 404
    problem = await answer.json()
    assert problem["code"] == "document_not_found"
    assert problem["detail"] == "Documento não encontrado"


async def test_unknown_version_is_a_404(web: WebHub) -> None:
    await publish(web)
    answer = await web.get(f"{CREWS}/version/9")
    assert answer.status == 404
    assert (await answer.json())["code"] == "version_not_found"


@pytest.mark.parametrize(
    ("payload", "status", "code"),
    [
        ({}, 422, "incomplete_data"),
        ({"yaml_content": None}, 422, "incomplete_data"),
        ({"yaml_content": 5}, 422, "invalid_fields"),
        ({"yaml_content": {"a": 1}}, 422, "invalid_fields"),
        ({"yaml_content": "a: [1"}, 422, "invalid_yaml"),
        ({"yaml_content": "a: 1\na: 2\n"}, 422, "invalid_yaml"),
        ({"yaml_content": "!!python/object:os.system x"}, 422, "invalid_yaml"),
        ({"yaml_content": "&a [*a]"}, 422, "invalid_yaml"),
        ([], 400, "invalid_json"),
        ("text", 400, "invalid_json"),
    ],
    ids=str,
)
async def test_body_that_is_no_document_is_refused(
    web: WebHub, payload: Any, status: int, code: str
) -> None:
    answer = await web.post(CREWS, payload)
    assert answer.status == status
    assert (await answer.json())["code"] == code
    assert web.hub.state.histories == {}


@pytest.mark.parametrize("version", [None, "x", True, 1.5, [1]], ids=str)
async def test_rollback_needs_a_version(web: WebHub, version: Any) -> None:
    await publish(web)
    answer = await web.post(f"{CREWS}/rollback", {"version": version})
    assert answer.status == 422
    assert (await answer.json())["errors"][0]["field"] == "version"


@pytest.mark.parametrize("version", [0, -1, 9, 2**62])
async def test_rollback_to_a_version_that_never_was_is_a_404(web: WebHub, version: int) -> None:
    await publish(web)
    assert (await web.post(f"{CREWS}/rollback", {"version": version})).status == 404


async def test_patch_of_nothing_is_a_404(web: WebHub) -> None:
    assert (await web.patch(CREWS, {"a": 1})).status == 404


async def test_published_credentials_are_sealed(web: WebHub) -> None:
    path = "/configs/acme/retail/credentials"
    await publish(web, "account_id: acme\ncredentials:\n  tok: ENC:aberto\n", path)
    shown = await (await web.get(path)).json()
    assert shown["json_data"]["credentials"]["tok"].startswith("sealed:")
    assert "aberto" not in str(shown)
    opened = await web.get("/v1/tenants/acme/retail/credentials/tok")
    assert (await opened.json())["value"] == "aberto"
    # A document can be written back as it was read.
    again = await publish(web, shown["yaml_content"], path)
    assert (await again.json())["changed"] is False


async def test_credentials_that_a_post_forgets_stay_and_the_answer_names_them(
    web: WebHub,
) -> None:
    path = "/configs/acme/retail/credentials"
    await publish(
        web,
        "integrations: {mcp: {config: {credential_ref: tok}}}\n",
        "/configs/acme/retail/config",
    )
    await publish(web, "credentials: {tok: senha, unnamed: x}\n", path)

    answer = await (await publish(web, "credentials: {crew_secret: whsec_x}\n", path)).json()

    assert [*answer["json_data"]["credentials"]] == ["tok", "crew_secret"]
    assert [(w["code"], w["field"]) for w in answer["warnings"]] == [
        ("kept_credential", "credentials.tok")
    ]
    assert "para removê-la, envie null" in answer["warnings"][0]["message"]
    removed = await (await web.patch(path, {"credentials": {"tok": None}})).json()
    assert ([*removed["json_data"]["credentials"]], removed["warnings"]) == (["crew_secret"], [])


async def test_writer_without_the_right_to_read_gets_no_content_back(web: WebHub) -> None:
    await publish(web)
    writer = web.with_key(await web.new_key(Scope.CONFIG_WRITE))
    answer = await writer.patch(CREWS, {"a": 1})
    assert await answer.json() == {
        "tenant_id": "acme",
        "domain": "retail",
        "config_type": "crews",
        "version": 2,
        "changed": True,
        "warnings": [],
    }
    assert "ETag" not in answer.headers
    refused = await writer.post(CREWS, {"yaml_content": "a: 2"}, If_None_Match="*")
    assert refused.status == 412
    assert "ETag" not in refused.headers
    assert (await writer.get(CREWS)).status == 403


async def test_repeated_write_is_answered_again_and_done_once(web: WebHub) -> None:
    await publish(web, "before: 1\n")
    tag = (await web.get(CREWS)).headers["ETag"]
    first = await publish(web, Idempotency_Key="key-1", If_Match=tag)
    await publish(web, "after: 1\n")
    again = await publish(web, Idempotency_Key="key-1", If_Match=tag)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert await again.read() == await first.read()
    assert (await (await web.get(CREWS)).json())["version"] == 3


async def test_repeated_write_of_a_version_that_was_pruned_tells_what_it_did(
    web: WebHub,
) -> None:
    await publish(web, Idempotency_Key="key-1")
    await publish(web, "after: 1\n")
    del next(iter(web.hub.state.histories.values()))[0]
    again = await publish(web, Idempotency_Key="key-1")
    assert await again.json() == {
        "tenant_id": "acme",
        "domain": "retail",
        "config_type": "crews",
        "version": 1,
        "changed": True,
        "warnings": [],
    }


async def test_writer_who_knows_another_version_is_let_through(web: WebHub) -> None:
    await publish(web)
    answer = await publish(web, "a: 1\n", If_None_Match='"9-00000000"')
    assert (await answer.json())["version"] == 2


async def test_idempotency_key_of_another_write_is_a_conflict(web: WebHub) -> None:
    await publish(web, Idempotency_Key="key-1")
    other_body = await web.post(CREWS, {"yaml_content": "a: 1"}, Idempotency_Key="key-1")
    other_path = await web.post(
        "/configs/acme/retail/other", {"yaml_content": TEXT}, Idempotency_Key="key-1"
    )
    for answer in (other_body, other_path):
        assert answer.status == 409
        assert (await answer.json())["code"] == "idempotency_key_reused"
    other_caller = web.with_key(await web.new_key())
    await publish(other_caller, "a: 1\n", Idempotency_Key="key-1")


async def test_fifty_writers_at_once_lose_nothing(web: WebHub) -> None:
    await publish(web, "{}\n")
    answers = await asyncio.gather(
        *(web.patch(CREWS, {f"k{number}": number}) for number in range(50))
    )
    assert {answer.status for answer in answers} == {200}
    body = await (await web.get(CREWS)).json()
    assert body["version"] == 51
    assert body["json_data"] == {f"k{number}": number for number in range(50)} | {}


async def test_crews_with_a_fault_are_refused_by_its_path_and_not_its_value(web: WebHub) -> None:
    text = "crews:\n  canary:\n    type: http\n    url: ftp://canary.example\n"
    refused = await web.post(CREWS, {"yaml_content": text})

    assert refused.status == 422
    assert [error["field"] for error in (await refused.json())["errors"]] == ["crews.*.url"]
    assert "canary" not in await refused.text()
    assert (await web.get(CREWS)).status == 404
