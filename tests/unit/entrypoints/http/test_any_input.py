"""
For any input the answer is a client error or a success, and repeats no input.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having, serving

EVENTS = [
    fixture(name)
    for name in (
        "credentials_flat",
        "credentials_nested_odoo_button",
        "credentials_nested_empty_fields",
        "mapping_odoo",
        "mapping_seed",
        "company_metadata",
    )
]
MAPPING = {
    "mapping_data": {
        "accounts": {"1": {"domain": "retail", "account_id": "account_1"}},
        "inboxes": {"7": "retail"},
        "fallbacks": [{"domain": "retail", "account_id": "account_1", "sequence": 10}],
        "special_numbers": [
            {"number": "+5511999999999", "crew": "a", "domain": "b", "account_id": "c"}
        ],
    }
}
PUSHES = [
    {
        "account_id": "account_1",
        "items": [{"id": 1, "name": "Camisa"}],
        "removed": ["2"],
        "products": [{"product_id": 1, "active": True}],
        "documents": [{"id": 5, "name": "Trocas", "visible_in_ai": True}],
        "rules": {"permanent_rules": [{"name": "a"}], "temporary_rules": [{"id": 1}]},
    },
    {
        "metadata": {"account_id": "account_1", "module": "business_rules"},
        "rules": [{"id": 1, "name": "a", "active": True}],
        "product_id": 7,
        "description": "Leve",
    },
    {
        "account_id": "account_1",
        "company_metadata": {
            "company_info": {"company_name": "Loja", "business_area": "other"},
            "business_hours": {
                "start": 9.0,
                "lunch_break": {"enabled": True, "start": 12.0},
                "days": {"monday": True, "saturday_hours": {"start": 9.0}},
            },
            "social_media": {"show_website": True},
        },
    },
]
QUESTIONS: list[dict[str, Any]] = [
    {
        "known": [
            {
                "tenant_id": "account_1",
                "domain": "retail",
                "config_version": 1,
                "config_digest": "0" * 64,
                "mappings": [{"chatwoot_account_id": 1, "chatwoot_inbox_id": 7, "version": 1}],
                "collections": [{"name": "business_rules", "version": "1"}],
            }
        ]
    },
    fixture("mapping_odoo")
    | {"messages": [{"account_id": 1, "inbox_id": 7, "number": "5511999999999"}]},
]
# Long and odd enough that no text of the hub contains it by chance.
CANARY = "xYzZy-4711-canario"

ODD = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        2**63 - 1,
        -(2**63),
        1e308,
        0.5,
        "",
        " ",
        "None",
        CANARY,
        f"../{CANARY}",
        f"{CANARY}\n",
        "\u202e" + CANARY,
        "x" * 17_000,
        {"$gt": CANARY},
        {CANARY: {CANARY: CANARY}},
        [CANARY],
        [[[CANARY]]],
        {},
        [],
    ]
)
JSON = st.recursive(
    ODD | st.text(max_size=20) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    if isinstance(value, list):
        for place, inner in enumerate(value):
            yield from places(inner, (*path, place))


@st.composite
def mutated(draw: st.DrawFn, bases: list[Any]) -> Any:
    payload = copy.deepcopy(draw(st.sampled_from(bases)))
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(list(places(payload)) or [()]))
        inner = payload
        for step in path[:-1]:
            inner = inner[step]
        what = draw(st.sampled_from(["replace", "remove", "add"]))
        if what == "add" and isinstance(inner, dict):
            inner[draw(st.text(max_size=8))] = copy.deepcopy(draw(JSON))
        elif what == "remove" and path:
            del inner[path[-1]]
        elif path:
            inner[path[-1]] = copy.deepcopy(draw(JSON))
    return payload


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[asyncio.Runner, WebHub]]:
    with asyncio.Runner() as runner:
        context = serving(MemoryHub(), HttpOptions(version="1"))
        web = runner.run(context.__aenter__())
        yield runner, web
        runner.run(context.__aexit__(None, None, None))


Shared = tuple[asyncio.Runner, WebHub]


def ask(shared: Shared, method: str, path: str, body: bytes) -> tuple[int, str]:
    runner, web = shared

    async def go() -> tuple[int, str]:
        answer = await web.ask(
            method, path, data=body, headers={"Content-Type": "application/json"}
        )
        return answer.status, await answer.text()

    return runner.run(go())


def require_harmless(status: int, text: str, place: object = None) -> None:
    assert status < 500, (place, text)
    if status >= 400:
        problem = json.loads(text)
        assert CANARY not in text, place
        assert problem["status"] == status
        assert {"type", "title", "detail", "code", "request_id"} <= set(problem)


@given(payload=mutated(EVENTS))
def test_any_event(shared: Shared, payload: Any) -> None:
    require_harmless(*ask(shared, "POST", "/odoo-webhook", json.dumps(payload).encode()))


@given(payload=mutated(QUESTIONS), path=st.sampled_from(["/v1/reconcile", "/v1/route/simulate"]))
def test_any_question(shared: Shared, payload: Any, path: str) -> None:
    require_harmless(*ask(shared, "POST", path, json.dumps(payload).encode()))


CHANNELS: dict[str, Any] = {
    "channels": [
        {
            "account": "1",
            "inbox": None,
            "tenant": "account_1",
            "domain": "retail",
            "fallback": True,
            "sequence": 10,
            "numbers": [{"number": "5511999999999", "crew": "analytics"}],
            "active": True,
        }
    ]
}


@given(payload=mutated([MAPPING, CHANNELS]), method=st.sampled_from(["POST", "PATCH"]))
def test_any_mapping(shared: Shared, payload: Any, method: str) -> None:
    require_harmless(*ask(shared, method, "/mapping/", json.dumps(payload).encode()))


@given(
    payload=mutated([{"yaml_content": "a: 1", "version": 1, "credentials": {"t": "x"}}]),
    method=st.sampled_from(["POST", "PATCH"]),
    kind=st.sampled_from(["config", "credentials", "config/rollback"]),
)
def test_any_document(shared: Shared, payload: Any, method: str, kind: str) -> None:
    path = f"/configs/acme/retail/{kind}"
    require_harmless(*ask(shared, method, path, json.dumps(payload).encode()))


@given(
    payload=mutated(PUSHES),
    path=st.sampled_from(
        [
            "PUT /api/v1/collections/products",
            "PATCH /api/v1/collections/products",
            "POST /api/v1/business-rules/sync",
            "POST /api/v1/business_rules/sync-company-metadata",
            "POST /api/v1/support-documents/sync",
            "POST /api/v1/products/sync-batch",
            "POST /tools/sync_product_to_vector_db",
        ]
    ),
)
def test_any_push(shared: Shared, payload: Any, path: str) -> None:
    method, _, target = path.partition(" ")
    require_harmless(*ask(shared, method, target, json.dumps(payload).encode()))


@given(body=st.binary(max_size=200))
def test_any_bytes(shared: Shared, body: bytes) -> None:
    for method, path in (("POST", "/odoo-webhook"), ("PATCH", "/configs/a/b/c")):
        require_harmless(*ask(shared, method, path, body))


@settings(max_examples=30)
@given(
    parts=st.lists(
        st.sampled_from(["configs", "v1", "tenants", "..", "%2f", "%00", "%ff", "%", ";", "a", ""])
        | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=6),
        max_size=7,
    ),
    query=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
)
def test_any_target(shared: Shared, parts: list[str], query: str) -> None:
    runner, web = shared
    target = f"/{'/'.join(parts)}?{query}".encode().replace(b" ", b"%20")
    answer = runner.run(web.raw(target))
    assert answer.status < 500, target


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b"null", 400, "invalid_json"),
        (b"[]", 400, "invalid_json"),
        (b"\xff\xfe{}", 400, "invalid_json"),
        (b'{"a": NaN}', 400, "invalid_json"),
        (b'{"a": 1e999}', 422, "invalid_fields"),
        (b'{"a": ' + b"9" * 5000 + b"}", 422, "invalid_fields"),
        (b'{"a": 1, "a": 2}', 400, "invalid_json"),
        (b'{"a": "\\ud800"}', 400, "invalid_json"),
        (b'{"a": "\\u0000"}', 422, "invalid_fields"),
        (nested(10_000), 422, "too_deep"),
        (b'{"credentials":' + nested(40) + b"}", 422, "too_deep"),
    ],
    ids=range(13),
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/odoo-webhook"),
        ("POST", "/mapping/"),
        ("POST", "/configs/a/b/c"),
        ("PATCH", "/configs/a/b/c"),
        ("POST", "/configs/a/b/c/rollback"),
    ],
)
def test_body_that_is_no_sane_json(
    shared: Shared, method: str, path: str, body: bytes, status: int, code: str
) -> None:
    answered, text = ask(shared, method, path, body)
    assert (answered, json.loads(text)["code"]) == (status, code)


@pytest.mark.parametrize("event", EVENTS)
def test_every_place_of_every_event_takes_every_odd_value(
    shared: Shared, event: dict[str, Any]
) -> None:
    odd = [True, 0, -1, 2**63 - 1, 0.5, CANARY, {"$gt": CANARY}, [CANARY], "x" * 20_000, {}, []]
    for path in places(event):
        if any(isinstance(step, int) for step in path):
            continue
        for value in odd:
            body = json.dumps(having(event, value, *path)).encode()
            require_harmless(*ask(shared, "POST", "/odoo-webhook", body), place=path)
