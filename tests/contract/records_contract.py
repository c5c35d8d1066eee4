"""
The guarantees for records at a secret address, over every store and through HTTP.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final

from aiohttp.test_utils import TestClient, TestServer
from attrs import evolve, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo_ai_config.adapters.system.token_source import SystemTokenSource
from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.addresses import FIELDS, Feed, RecordKind
from odoo_ai_config.domain.collections import CollectionKey, CollectionName, Position
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import CREDENTIALS, CredentialRef, TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.app import build_app
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.wiring import Services, build_services
from tests.contract.samples import owner
from tests.contract.stores import StoreContract, Stores
from tests.unit.application.memory_hub import ANYBODY, MemoryHub

NUMBERS: Final = count()
GOODS: Final = CollectionName("goods")
QUICK: Final = settings(
    max_examples=25,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.differing_executors,
    ],
)
# The owners come from the address.
FREE: Final = {
    kind: sorted(names - {"account_id", "domain", "chatwoot_account_id"})
    for kind, names in FIELDS.items()
}
# A date, a datetime, a selection, a link, links, an integer, a float, a boolean, empty texts:
# the forms in which Odoo sends the values of its fields.
values: st.SearchStrategy[Json] = st.sampled_from(
    [
        "Loja", "https://loja.example", "<p>Olá</p>", "2026-11-22", "2026-11-22 00:21:17",
        "faq,orders", "+55 11 98765-4321: sales", "", " ", False, True, 0, 7, 9.5, [], [2, 3],
    ]
)  # fmt: skip
ways = st.sampled_from(["{}", "x_{}", "x_studio_{}", "mapped"])


@frozen
class Told:
    """
    What an event says, field by field, and how a record of Odoo carries each of them.
    """

    kind: RecordKind
    said: dict[str, tuple[Json, str]]
    id: int

    def event(self, tenant: str, account: str) -> JsonObject:
        """
        The event, as the hub's documents describe it: the model of the test.
        """
        said = {name: _listed(name, value) for name, (value, _) in self.said.items()}
        if self.kind is RecordKind.MAPPING:
            owned: JsonObject = {"internal_account_id": tenant, "domain": "retail"}
            channel: JsonObject = {"chatwoot_account_id": account}
            top = {"event_type": "mapping_sync", **_popped(said, "timestamp")}
            return {**top, "mapping": {**said, **owned, **channel}}
        event: JsonObject = {"account_id": tenant, "domain": "retail"}
        for name, value in said.items():
            *within, last = name.split(".")
            part: Any = event
            for step in within:
                part = part.setdefault(step, {})
            part[last] = value
        if self.kind is RecordKind.METADATA:
            return {"event_type": "company_metadata_sync", **event}
        if event.get("token") in (None, False) or not str(event["token"]).strip():
            event["token"] = self.id
        return {"event_type": "credentials_sync", **event}

    def record(self, account: str) -> tuple[JsonObject, dict[str, str]]:
        """
        The record that Odoo sends, and the field map that its address needs.
        """
        record: JsonObject = {"_action": "Send(#3)", "_id": self.id, "_model": "x_ai_client"}
        fields: dict[str, str] = {}
        for number, (name, (value, way)) in enumerate(self.said.items()):
            if way == "mapped":
                fields[name] = f"x_studio_field_{number}"
                record[fields[name]] = value
            else:
                record[way.format(name.rpartition(".")[2])] = value
        if self.kind is RecordKind.MAPPING:
            record["x_chatwoot_account_id"] = account
        return record, fields


def _popped(said: JsonObject, name: str) -> JsonObject:
    return {name: said.pop(name)} if name in said else {}


def _listed(name: str, value: Json) -> Json:
    if not isinstance(value, str):
        return value
    if name == "enabled_collections":
        return [*value.split(",")]
    if name == "special_whatsapp_numbers":
        parts = value.split(",")
        return [
            {"number": part.rpartition(":")[0], "crew": part.rpartition(":")[2]}
            if ":" in part
            else {"number": part}
            for part in parts
        ]
    return value


def told_by(kind: RecordKind) -> st.SearchStrategy[Told]:
    said = st.dictionaries(st.sampled_from(FREE[kind]), st.tuples(values, ways), max_size=6)
    return st.builds(Told, st.just(kind), said, st.integers(1, 2**31))


@frozen
class Hub:
    services: Services
    client: TestClient[Any, Any]

    async def address(self, feed: Feed) -> str:
        _, token = await self.services.create_address(feed, name="Odoo", caller=ANYBODY)
        return f"/odoo-webhook/{token.reveal()}"

    async def key(self, tenant: str) -> str:
        _, text = await self.services.create_api_key(
            name="Odoo",
            scopes=frozenset({Scope.WEBHOOK}),
            tenant=TenantId(tenant),
            caller=ANYBODY,
        )
        return text.reveal()

    async def post(self, path: str, body: JsonObject, key: str | None = None) -> tuple[int, Any]:
        headers = {} if key is None else {"X-API-Key": key}
        async with self.client.post(path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def state(self, tenant: str) -> list[object]:
        """
        All that the hub has of *tenant*, without the times and the writers.
        """
        documents = await self.services.ports.store.documents(TenantId(tenant))
        channels = await self.services.ports.channels.mappings()
        goods = await self.services.ports.collections.page(
            CollectionKey(TenantId(tenant), GOODS), Position(0, 0), limit=100
        )
        return [
            [(str(one.key), one.version, one.document.body) for one in documents],
            [
                (ref, (await self._opened(tenant, ref)).reveal())
                for one in documents
                if one.key.kind == CREDENTIALS
                for ref in _members(one.document.body)
            ],
            [
                (one.mapping, one.version)
                for one in channels
                if str(one.mapping.owner.tenant) == tenant
            ],
            None if goods is None else goods.states,
        ]

    async def _opened(self, tenant: str, ref: str) -> SecretText:
        reveal = self.services.reveal_credential
        return await reveal(owner(tenant, "retail"), CredentialRef(ref), caller=ANYBODY)


def _members(body: JsonObject) -> list[str]:
    credentials = body["credentials"]
    return [*credentials] if isinstance(credentials, dict) else []


@asynccontextmanager
async def serving(stores: Stores) -> AsyncIterator[Hub]:
    hub = MemoryHub()
    ports = evolve(
        hub.ports,
        store=stores.config,
        channels=stores.channels,
        secrets=stores.secrets,
        collections=stores.collections,
        inbox=stores.inbox,
        addresses=stores.addresses,
        api_keys=stores.api_keys,
        audit=stores.audit,
        tokens=SystemTokenSource(),
        yaml=RuamelYamlCodec(),
    )
    services = build_services(ports, hub.policies)
    options = HttpOptions(version="0", requests_per_second=0, failed_authentications_per_second=0)
    async with TestClient(TestServer(build_app(services, options, Metrics()))) as client:
        yield Hub(services, client)


def comparable(seen: object, *names: str) -> str:
    """
    *seen* with the names that only one of two tenants has replaced.

    A fingerprint is keyed by the tenant.
    """
    text = re.sub("sealed:[0-9a-f]{32}", "sealed", repr(seen))
    for name in names:
        text = text.replace(name, "NAME")
    return text


class RecordsContract(StoreContract):
    @QUICK
    @given(
        steps=st.sampled_from(list(FIELDS)).flatmap(
            lambda kind: st.lists(told_by(kind), min_size=1, max_size=3)
        )
    )
    async def test_record_does_what_the_event_does(
        self, stores: Stores, steps: list[Told]
    ) -> None:
        number = next(NUMBERS)
        by_record, by_event = f"tenant{number}r", f"tenant{number}e"
        accounts = f"{number}81", f"{number}82"
        async with serving(stores) as hub:
            key = await hub.key(by_event)
            for told in steps:
                record, fields = told.record(accounts[0])
                feed = Feed(owner(by_record, "retail"), told.kind, None, "x_ai_client", fields)
                seen = await hub.post(await hub.address(feed), record)
                expected = await hub.post("/odoo-webhook", told.event(by_event, accounts[1]), key)
                for _, answer in (seen, expected):
                    for member in ("request_id", "timestamp"):
                        answer.pop(member, None)
                    for member in [name for name in answer if name.endswith("_digest")]:
                        del answer[member]
                assert comparable(seen, by_record) == comparable(expected, by_event)
            assert comparable(await hub.state(by_record), by_record, accounts[0]) == comparable(
                await hub.state(by_event), by_event, accounts[1]
            )

    @QUICK
    @given(
        records=st.lists(
            st.tuples(
                st.integers(1, 4),
                st.booleans(),
                st.dictionaries(st.sampled_from(["name", "price", "x_studio_tags"]), values),
            ),
            min_size=1,
            max_size=6,
        )
    )
    async def test_collection_holds_the_records_that_are_active(
        self, stores: Stores, records: list[tuple[int, bool, JsonObject]]
    ) -> None:
        tenant = f"tenant{next(NUMBERS)}"
        expected: dict[str, JsonObject] = {}
        async with serving(stores) as hub:
            feed = Feed(owner(tenant), RecordKind.COLLECTION, GOODS, fields={"title": "name"})
            path = await hub.address(feed)
            for id_, active, fields in records:
                body = {"_id": id_, "_model": "x_goods", "id": id_, "active": active, **fields}
                status, answer = await hub.post(path, body)
                assert status == 200, answer
                before = dict(expected)
                if active:
                    said = {
                        {"name": "title", "x_studio_tags": "tags"}.get(name, name): value
                        for name, value in fields.items()
                        if not (value is False or (isinstance(value, str) and not value.strip()))
                    }
                    expected[str(id_)] = {**said, "id": id_, "active": True}
                else:
                    expected.pop(str(id_), None)
                assert answer["changed"] == (before != expected)
            key = CollectionKey(TenantId(tenant), GOODS)
            found = await hub.services.ports.collections.items(key, ["1", "2", "3", "4"])
            assert {id_: item.body for id_, item in found.items()} == expected

    @QUICK
    @given(
        kind=st.sampled_from(RecordKind),
        body=st.dictionaries(
            st.sampled_from(
                ["_id", "id", "account_id", "x_account_id", "internal_account_id", "domain",
                 "mapping", "credentials", "metadata", "event_type", "event", "source", "token",
                 "tenant_id", "chatwoot_account_id", "chatwoot_inbox_id", "is_fallback", "items",
                 "removed", "collection", "name", "special_whatsapp_numbers", "active"]
            ),
            st.sampled_from(["victim", "mapping_delete", "7", "1", False, True, 7, "goods",
                             "5511987654321: admin"])
            | st.fixed_dictionaries({
                "account_id": st.just("victim"), "internal_account_id": st.just("victim"),
                "domain": st.just("retail"), "chatwoot_account_id": st.just(7),
            })
            | st.just([{"id": "1", "account_id": "victim"}]),
        ),
    )  # fmt: skip
    async def test_address_of_a_tenant_never_writes_another(
        self, stores: Stores, kind: RecordKind, body: JsonObject
    ) -> None:
        number = next(NUMBERS)
        tenant, victim = f"tenant{number}", f"victim{number}"
        told: JsonObject = _replaced(body, victim)
        async with serving(stores) as hub:
            key = await hub.key(victim)
            channel: JsonObject = {"chatwoot_account_id": 7000 + number, "chatwoot_inbox_id": 7}
            owned: JsonObject = {"internal_account_id": victim, "domain": "retail"}
            events: list[JsonObject] = [
                {"event_type": "mapping_sync", "mapping": {**channel, **owned}},
                {"event_type": "credentials_sync", "account_id": victim, "token": "t"},
                {"event_type": "company_metadata_sync", "account_id": victim, "name": "V"},
            ]
            for event in events:
                assert (await hub.post("/odoo-webhook", event, key))[0] == 200
            before = await hub.state(victim)
            collection = GOODS if kind is RecordKind.COLLECTION else None
            path = await hub.address(Feed(owner(tenant, "retail"), kind, collection))
            if told.get("chatwoot_account_id") is not False:
                told["chatwoot_account_id"] = 7000 + number

            status, _ = await hub.post(path, told)

            assert status in {200, 403, 409, 422}
            assert await hub.state(victim) == before


def _replaced(value: Any, victim: str) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(inner, victim) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, victim) for inner in value]
    return victim if value == "victim" else value
