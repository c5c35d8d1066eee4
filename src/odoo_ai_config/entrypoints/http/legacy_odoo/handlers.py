"""
``/api/v1/business-rules`` and others: pushes of Odoo's older modules.

Answers have the form that the modules know, plus the numbers of a push to a collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from aiohttp import web
from attrs import frozen
from structlog.contextvars import bind_contextvars

from odoo_ai_config.application.off_loop import cost_of_yaml, run_off_loop
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Claim
from odoo_ai_config.domain.collections import (
    PRODUCTS,
    SUPPORT_DOCUMENTS,
    CollectionKey,
    CollectionSync,
)
from odoo_ai_config.domain.documents.syncs import CompanyMetadataSync
from odoo_ai_config.domain.errors import (
    CodedError,
    DocumentDeletedError,
    DocumentNotFoundError,
    EncryptedValueError,
    InvalidYamlError,
    UnknownFingerprintError,
)
from odoo_ai_config.domain.event_times import STALE
from odoo_ai_config.domain.identifiers import METADATA, BusinessArea, TenantArea
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.collections.payloads import (
    DOCUMENTS,
    PRODUCT_BATCH,
    RULES,
    SCHEDULING,
    LegacyPush,
    LegacyShape,
    account_of,
    legacy_push,
    product,
)
from odoo_ai_config.entrypoints.http.collections.pushes import (
    ACCOUNT,
    WHOSE,
    ReceivedPush,
    pushed_fields,
    received,
    taken_in,
    warnings_of,
)
from odoo_ai_config.entrypoints.http.documents.handlers import shown_document
from odoo_ai_config.entrypoints.http.documents.payloads import YamlText
from odoo_ai_config.entrypoints.http.documents.schemas import Document
from odoo_ai_config.entrypoints.http.legacy_odoo import payloads
from odoo_ai_config.entrypoints.http.legacy_odoo.schemas import (
    CompanyPushed,
    CompanyPushedData,
    DocumentsCleared,
    DocumentsClearedData,
    DocumentsPushed,
    DocumentsPushedData,
    LegacyMeta,
    ProductPushed,
    ProductPushedData,
    ProductsPushed,
    ProductsPushedData,
    RulesPushed,
    RulesPushedData,
)
from odoo_ai_config.entrypoints.http.platform.app_keys import METRICS, REQUEST_ID, SERVICES
from odoo_ai_config.entrypoints.http.platform.authentication import PushHandler
from odoo_ai_config.entrypoints.http.platform.bodies import read_json
from odoo_ai_config.entrypoints.http.platform.claims import REPLAYED, claim_of, event_time
from odoo_ai_config.entrypoints.http.platform.errors import (
    AiServiceTaskError,
    SourceDataMissingError,
)
from odoo_ai_config.entrypoints.http.platform.fields import read
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    VAULT,
    Operation,
    Query,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.paths import tenant_of
from odoo_ai_config.entrypoints.http.platform.representations import shown, timestamp

ROUTES: Final = RouteGroup("collections", App.ODOO_API, "config")
# This module asks the configuration service.
COMPANY_SERVICES: Final = RouteGroup("documents", App.CONFIG, "config")
_API: Final = "/api/v1"
_COMPANY_SERVICES: Final = "/company-services/{tenant}/metadata"


def _syncing(
    shape: LegacyShape,
    answer: Callable[..., object],
    data: Callable[..., object],
    tell: Callable[[LegacyPush, Outcome, Sequence[str]], Mapping[str, object]],
) -> PushHandler:
    async def sync(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
        given = await received(request, caller, raw, lambda body: legacy_push(body, shape))
        push = given.content
        outcome = await taken_in(request, caller, shape.name, given, push.sync)
        kept = await _kept(request, shape, given, outcome)
        top: dict[str, Any] = {**tell(push, outcome, kept), **_status(outcome)}
        told = data(**pushed_fields(request, outcome), hidden=push.hidden, **top)
        return _enveloped(request, outcome, answer, told, top)

    return sync


async def _kept(
    request: web.Request, shape: LegacyShape, push: ReceivedPush[LegacyPush], outcome: Outcome
) -> Sequence[str]:
    """
    The ids of all items that the hub has after a complete push, or of those in another push.
    """
    named = [item.id for item in push.content.sync.items]
    if STALE not in outcome.notices:
        return named
    items = request.app[SERVICES].ports.collections
    asked = None if shape.whole else named
    return [*await items.digests(CollectionKey(push.tenant, shape.name), asked)]


def _status(outcome: Outcome) -> Mapping[str, str]:
    return {"sync_status": "stale" if STALE in outcome.notices else "stored"}


def _rules_told(push: LegacyPush, outcome: Outcome, kept: Sequence[str]) -> Mapping[str, int]:
    return {
        "permanent_rules": push.received - push.temporary,
        "temporary_rules": push.temporary,
        "vectorized_rules": len(kept),
        "removed_rules": _removed(outcome),
    }


def _documents_told(
    _push: LegacyPush, outcome: Outcome, kept: Sequence[str]
) -> Mapping[str, object]:
    return {
        "synced_docs": kept,
        "vectorized_rules": len(kept),
        "removed_docs": _removed(outcome),
    }


def _products_told(_push: LegacyPush, _outcome: Outcome, kept: Sequence[str]) -> Mapping[str, int]:
    return {"synced_products": len(kept)}


def _removed(outcome: Outcome) -> int:
    return 0 if outcome.items is None else outcome.items.removed


async def _clear_documents(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    push = await received(request, caller, raw, _nothing)
    outcome = await taken_in(request, caller, SUPPORT_DOCUMENTS, push, push.content)
    top: dict[str, Any] = {"removed_docs": _removed(outcome)}
    told = DocumentsClearedData(**pushed_fields(request, outcome), **top)
    return _enveloped(request, outcome, DocumentsCleared, told, top)


def _nothing(_body: JsonObject) -> CollectionSync:
    return CollectionSync(whole=True)


async def _sync_company(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    push = await received(request, caller, raw, dict)
    sync = payloads.old_company(push.content, push.tenant)
    return await _company_stored(request, sync, caller, push.claim, push.event_at)


async def _sync_company_services(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    body = await read_json(request, raw, dict)
    text = read(YamlText, {"": body}).yaml_content
    yaml = request.app[SERVICES].ports.yaml

    def make() -> CompanyMetadataSync:
        said = yaml.parse(text)
        # The module also sends X-Security-Token, which Odoo made: it proves nothing to the hub.
        tenant = account_of(caller, [request.match_info["tenant"]], said)
        return payloads.company_services(said, tenant)

    sync = await run_off_loop(make, cost=cost_of_yaml(text))
    claim = claim_of(request, caller, raw)
    event_at = event_time(request, body.get("timestamp"))
    return await _company_stored(request, sync, caller, claim, event_at)


async def _company_stored(
    request: web.Request,
    sync: CompanyMetadataSync,
    caller: ApiKey,
    claim: Claim | None,
    event_at: datetime | None,
) -> web.Response:
    bind_contextvars(tenant=str(sync.owner.tenant), domain=str(sync.owner.domain))
    outcome = await request.app[SERVICES].sync_company_metadata(
        sync, caller=caller, claim=claim, event_at=event_at
    )
    request.app[METRICS].written(outcome, str(METADATA))
    top: dict[str, Any] = {"vectorized_rules": 1, **_status(outcome)}
    told = CompanyPushedData(
        tenant_id=str(outcome.owner.tenant),
        domain=str(outcome.owner.domain),
        metadata_version=outcome.versions[str(METADATA)],
        changed=outcome.changed,
        timestamp=timestamp(outcome.at),
        warnings=warnings_of(request, outcome),
        **top,
    )
    return _enveloped(request, outcome, CompanyPushed, told, top)


async def _sync_product(request: web.Request, caller: ApiKey, raw: bytes) -> web.Response:
    place = request.match_info.get("id")
    push = await received(request, caller, raw, lambda body: product(body, place))
    outcome = await taken_in(request, caller, PRODUCTS, push, push.content)
    (item,) = push.content.items
    top: dict[str, Any] = {
        "vector_id": item.id,
        "product_id": item.id,
        **_status(outcome),
    }
    told = ProductPushedData(**pushed_fields(request, outcome), **top)
    return _enveloped(request, outcome, ProductPushed, told, top)


def _enveloped(
    request: web.Request,
    outcome: Outcome,
    answer: Callable[..., object],
    data: object,
    top: Mapping[str, object],
) -> web.Response:
    meta = LegacyMeta(request_id=request[REQUEST_ID], timestamp=timestamp(outcome.at))
    return shown(
        # Some readers expect the numbers beside `data`.
        answer(success=True, data=data, meta=meta, error=None, **top),
        REPLAYED if outcome.replayed else None,
    )


@frozen
class _Push:
    summary: str
    body: object
    answer: object
    handler: PushHandler
    group: RouteGroup = ROUTES
    parameters: tuple[Query[str], ...] = (ACCOUNT,)
    refusals: tuple[type[CodedError], ...] = (SourceDataMissingError,)

    def at(self, path: str, identity: str) -> None:
        """
        Serve the push at *path*.
        """
        Operation(
            self.group,
            "POST",
            path,
            identity=identity,
            summary=self.summary,
            scope=Scope.WEBHOOK,
            parameters=self.parameters,
            body=self.body,
            idempotent=True,
            answer=self.answer,
            refusals=(*COMMIT, *WHOSE, *self.refusals),
        )(self.handler)


_RULES: Final = _Push(
    "Push all rules",
    payloads.RULES_PUSH,
    RulesPushed,
    _syncing(RULES, RulesPushed, RulesPushedData, _rules_told),
)
_SCHEDULING: Final = _Push(
    "Push all scheduling rules",
    payloads.SCHEDULING_PUSH,
    RulesPushed,
    _syncing(SCHEDULING, RulesPushed, RulesPushedData, _rules_told),
)
_DOCUMENTS: Final = _Push(
    "Push all support documents",
    payloads.DOCUMENTS_PUSH,
    DocumentsPushed,
    _syncing(DOCUMENTS, DocumentsPushed, DocumentsPushedData, _documents_told),
)
_CLEARING: Final = _Push(
    "Remove all support documents", payloads.CLEAR_PUSH, DocumentsCleared, _clear_documents
)
_COMPANY: Final = _Push(
    "Push the metadata of a company", payloads.COMPANY_PUSH, CompanyPushed, _sync_company
)
_PRODUCTS: Final = _Push(
    "Push some products",
    payloads.PRODUCTS_PUSH,
    ProductsPushed,
    _syncing(PRODUCT_BATCH, ProductsPushed, ProductsPushedData, _products_told),
)
# By module and operation; later versions of the modules have their own paths.
_MODULES: Final[Mapping[str, tuple[_Push, str]]] = {
    "business-rules/sync": (_RULES, "syncBusinessRules"),
    "business-rules/sync-company-metadata": (_COMPANY, "syncCompanyMetadata"),
    "business-rules/sync-support-documents": (_DOCUMENTS, "syncSupportDocuments"),
    "business-rules/sync-scheduling-rules": (_SCHEDULING, "syncSchedulingRules"),
    "business-rules/clear-support-documents": (_CLEARING, "clearSupportDocuments"),
    "scheduling-rules/sync": (_SCHEDULING, "syncSchedulingRulesLegacy"),
    "support-documents/sync": (_DOCUMENTS, "syncSupportDocumentsLegacy"),
    "company-metadata/sync": (_COMPANY, "syncCompanyMetadataLegacy"),
}
for _path, (_module_push, _identity) in _MODULES.items():
    _module, _, _what = _path.partition("/")
    _module_push.at(f"{_API}/{_path}", _identity)
    # Some versions spell the module's name with underscores.
    _module_push.at(f"{_API}/{_module.replace('-', '_')}/{_what}", f"{_identity}Underscored")
_DOCUMENTS.at("/tools/sync_support_documents", "syncSupportDocumentsAsTool")
_PRODUCTS.at(f"{_API}/products/sync-batch", "syncProducts")
_Push("Push fields of one product", payloads.PRODUCT_PUSH, ProductPushed, _sync_product).at(
    f"{_API}/products/{{id}}/sync", "syncProduct"
)
_Push("Push fields of one product", payloads.NAMED_PRODUCT_PUSH, ProductPushed, _sync_product).at(
    "/tools/sync_product_to_vector_db", "syncProductLegacy"
)
_Push(
    "Push the metadata of a company as YAML\n\n"
    "The request of the module `company_services`. It is merged into the tenant's document "
    "`metadata`. The header `X-Security-Token` is not read: only the API key counts.",
    YamlText,
    CompanyPushed,
    _sync_company_services,
    group=COMPANY_SERVICES,
    parameters=(),
    refusals=(*VAULT, InvalidYamlError, EncryptedValueError, UnknownFingerprintError),
).at(_COMPANY_SERVICES, "syncCompanyServices")


@Operation(
    COMPANY_SERVICES,
    "GET",
    _COMPANY_SERVICES,
    scope=Scope.CONFIG_READ,
    answer=Document,
    conditional=True,
    refusals=(DocumentNotFoundError, DocumentDeletedError),
)
async def read_company_services(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read the metadata of a company.
    """
    key = TenantArea(tenant_of(request), BusinessArea()).document(METADATA)
    revision = await request.app[SERVICES].read_document(key, caller=caller)
    return await shown_document(request, revision)


def _ai_task(method: str, path: str, identity: str, scope: Scope) -> Operation:
    return Operation(
        ROUTES,
        method,
        path,
        identity=identity,
        scope=scope,
        answer=None,
        refusals=(AiServiceTaskError,),
    )


@_ai_task("POST", f"{_API}/products/search", "searchProducts", Scope.WEBHOOK)
@_ai_task("POST", f"{_API}/products/update-prices", "updatePrices", Scope.WEBHOOK)
@_ai_task("POST", f"{_API}/products/{{id}}/description", "describeProduct", Scope.WEBHOOK)
@_ai_task("POST", "/tools/generate_product_description", "generateDescription", Scope.WEBHOOK)
async def refuse_push(_request: web.Request, _caller: ApiKey, _raw: bytes) -> web.Response:
    """
    Refuse a task of the AI service.
    """
    raise AiServiceTaskError


@_ai_task("GET", f"{_API}/business-rules/semantic-search", "searchRules", Scope.CONFIG_READ)
async def refuse_search(_request: web.Request, caller: ApiKey) -> web.Response:
    """
    Refuse a task of the AI service.
    """
    caller.require(Scope.CONFIG_READ)
    raise AiServiceTaskError
