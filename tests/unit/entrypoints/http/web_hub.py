"""
The HTTP boundary over memory stores, on a real socket.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientResponse
from aiohttp import web as web_
from aiohttp.test_utils import TestClient, TestServer
from attrs import evolve, frozen

from odoo_ai_config.adapters.crews.crew_client import InProcessCrewClient
from odoo_ai_config.adapters.system.token_source import SystemTokenSource
from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.application.credentials.rotation import (
    CheckKeyRing,
    RotateMasterKey,
    RotateTenantKey,
)
from odoo_ai_config.application.credentials.stored import SealStoredSecrets
from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.documents.comparing import CompareRevisions
from odoo_ai_config.application.documents.sync import SyncCredentials
from odoo_ai_config.application.documents.writing import PublishDocument
from odoo_ai_config.application.keys import CreateApiKey
from odoo_ai_config.domain.access import ALL_SCOPES, Scope
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.http.app import build_app
from odoo_ai_config.entrypoints.http.platform.connections import HubRunner
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.services import Services
from tests.source_tree import TESTS
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.described_answers import Witness

FIXTURES = TESTS / "fixtures"


def fixture(name: str) -> dict[str, Any]:
    """
    A fresh copy of a recorded payload.
    """
    payload: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    return payload


def without(payload: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """
    *payload* without the field at *path*.
    """
    changed = copy.deepcopy(dict(payload))
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner.pop(path[-1], None)
    return changed


def having(payload: Mapping[str, Any], value: Any, *path: str) -> dict[str, Any]:
    """
    *payload* with *value* at *path*.
    """
    changed = copy.deepcopy(dict(payload))
    inner = changed
    for step in path[:-1]:
        inner = inner.setdefault(step, {})
    inner[path[-1]] = value
    return changed


def services_over(hub: MemoryHub) -> Services:
    """
    Every use case over *hub*, with real YAML.
    """
    yaml = RuamelYamlCodec()
    writer = CredentialsWriter(hub.sealer, yaml)
    return Services(
        store=hub.store,
        channels=hub.channels,
        secrets=hub.secrets,
        api_keys=hub.api_keys,
        audit=hub.audit,
        inbox=hub.inbox,
        vault=hub.vault,
        yaml=yaml,
        chatwoot_accounts=hub.chatwoot_accounts,
        crews=InProcessCrewClient(),
        work_signal=hub.work_signal,
        answer_message=hub.answer_message,
        authenticate=hub.authenticate(),
        check_key_ring=CheckKeyRing(hub.secrets, hub.vault),
        compare_revisions=CompareRevisions(hub.store, yaml),
        create_api_key=CreateApiKey(hub.store, SystemTokenSource(), hub.clock),
        delete_document=hub.delete,
        deliver_message=hub.deliver_message,
        discard_message=hub.discard_message,
        hold_messages=hub.hold_messages,
        list_documents=hub.list_documents,
        list_messages=hub.list_messages,
        list_tenants=hub.list_tenants,
        patch_document=hub.patch,
        prune_history=hub.prune(RetentionPolicy()),
        prune_messages=hub.prune_messages,
        publish_document=PublishDocument(hub.store, writer, yaml, hub.clock),
        read_audit_trail=hub.read_audit_trail,
        read_chatwoot_accounts=hub.read_chatwoot_accounts,
        read_collection=hub.read_collection,
        read_document=hub.read,
        read_mapping=hub.read_mapping,
        read_message=hub.read_message,
        receive_message=hub.receive_message,
        replay_messages=hub.replay_messages,
        reconcile=hub.reconcile,
        resolve_route=hub.resolve_route,
        simulate_mapping=hub.simulate_mapping,
        reveal_credential=hub.reveal,
        revoke_api_key=hub.revoke_api_key,
        roll_back_document=hub.roll_back,
        rotate_master_key=RotateMasterKey(hub.secrets, hub.vault, hub.store, hub.clock),
        rotate_tenant_key=RotateTenantKey(hub.secrets, hub.vault, hub.store, hub.clock),
        seal_stored_secrets=SealStoredSecrets(hub.store, writer, hub.clock),
        set_chatwoot_account=hub.set_chatwoot_account,
        sync_collection=hub.sync_collection,
        sync_company_metadata=hub.sync_company_metadata,
        sync_credentials=SyncCredentials(hub.store, writer, yaml, hub.clock),
        sync_mapping=hub.sync_mapping,
        write_mapping=hub.write_mapping,
    )


class HubServer(TestServer):
    """
    A server on connections of the hub's kind.
    """

    async def _make_runner(self, **arguments: Any) -> web_.BaseRunner:
        return HubRunner(self.app, **arguments)


@frozen
class RawAnswer:
    status: int
    head: bytes
    body: bytes


@frozen
class WebHub:
    """
    A client of the hub that has a key, and what is behind the hub.
    """

    hub: MemoryHub
    services: Services
    metrics: Metrics
    client: TestClient[Any, Any]
    key: str

    async def new_key(self, *scopes: Scope, tenant: str | None = None) -> str:
        bound = None if tenant is None else TenantId(tenant)
        _, text = await self.services.create_api_key(
            name="test", scopes=frozenset(scopes) or ALL_SCOPES, tenant=bound
        )
        return text.reveal()

    def with_key(self, key: str) -> WebHub:
        return evolve(self, key=key)

    async def ask(self, method: str, path: str, **arguments: Any) -> ClientResponse:
        headers = {"X-API-Key": self.key, **arguments.pop("headers", {})}
        answer = await self.client.request(
            method, path, headers=headers, allow_redirects=False, **arguments
        )
        await answer.read()
        return answer

    async def get(self, path: str, **headers: str) -> ClientResponse:
        return await self.ask("GET", path, headers=_dashed(headers))

    async def raw(self, target: bytes, method: bytes = b"GET", more: bytes = b"") -> RawAnswer:
        """
        Ask for a target that no client library would let pass as it is.
        """
        reader, writer = await asyncio.open_connection(
            self.client.server.host, self.client.server.port
        )
        key = self.key.encode()
        writer.write(
            method + b" " + target + b" HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n"
            b"X-API-Key: " + key + b"\r\n" + more + b"\r\n"
        )
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        lines = head.split(b"\r\n")
        return RawAnswer(int(lines[0].split(b" ")[1]), head.lower(), body)

    async def send(self, payload: Any, **headers: str) -> ClientResponse:
        """
        Post an event as Odoo does.
        """
        return await self.ask("POST", "/odoo-webhook", json=payload, headers=_dashed(headers))

    async def post(self, path: str, payload: Any, **headers: str) -> ClientResponse:
        return await self.ask("POST", path, json=payload, headers=_dashed(headers))

    async def patch(self, path: str, payload: Any, **headers: str) -> ClientResponse:
        return await self.ask("PATCH", path, json=payload, headers=_dashed(headers))


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@asynccontextmanager
async def serving(hub: MemoryHub, options: HttpOptions) -> AsyncIterator[WebHub]:
    services = services_over(hub)
    metrics = Metrics()
    app = build_app(services, options, metrics)
    witness = Witness(app)
    async with TestClient(HubServer(app)) as client:
        web = WebHub(hub, services, metrics, client, "")
        yield web.with_key(await web.new_key())
    assert not witness.found, witness.found
