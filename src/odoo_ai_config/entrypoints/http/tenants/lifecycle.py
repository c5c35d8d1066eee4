"""
``/v1/tenants/{tenant}``: suspension, erasure with its certificate, and the way back.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Final, TypeVar

from aiohttp import web
from msgspec import Meta

from odoo_ai_config.application.moving import AreaPlan
from odoo_ai_config.application.ports.certificate_signer import CertificateSigner
from odoo_ai_config.domain import tenants
from odoo_ai_config.domain.access import LONGEST_REASON, ApiKey, Scope
from odoo_ai_config.domain.errors import (
    DocumentNotFoundError,
    InvalidValueError,
    TenantForbiddenError,
    TenantNotFoundError,
)
from odoo_ai_config.domain.identifiers import BusinessArea, TenantArea, TenantId
from odoo_ai_config.domain.tenants import (
    AreaInUseError,
    CertificateNotFoundError,
    MoveTooLargeError,
    Standing,
    TenantInUseError,
    TenantState,
    standing_of,
)
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.errors import FieldError, InvalidFieldsError
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    VAULT,
    Operation,
    Query,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.paths import domain_of, is_asked, tenant_of
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, shown, timestamp
from odoo_ai_config.entrypoints.http.platform.schema import BusinessAreaText, TenantIdText
from odoo_ai_config.entrypoints.http.tenants.schemas import (
    AreaMoved,
    Certificate,
    CertificateKey,
    CertificateKeys,
    Erasure,
    RemovedContents,
    TenantDocument,
    TenantRenamed,
    TenantStanding,
)

T = TypeVar("T")

ROUTES: Final = RouteGroup("tenants", App.CONFIG, "config")
_TENANT: Final = "/v1/tenants/{tenant}"
_REASON: Final = Query(
    "reason",
    Annotated[str, Meta(min_length=1, max_length=LONGEST_REASON)],
    str,
    "Why, for whoever asks later where the tenant stands.",
)
_DRY_RUN: Final = Query("dry_run", bool, str, "Change nothing: only tell what would be changed.")
_CONFIRM: Final = Query(
    "confirm",
    TenantIdText,
    str,
    "The id of the tenant once more; not needed with `dry_run`.",
)
_LARGE: Final = Query(
    "large",
    bool,
    str,
    "Clean a SQLite file of any size of what was removed. Nothing can be written meanwhile, about "
    "two seconds for each 100 MiB. Without it only a file of up to 64 MiB is cleaned.",
)
_TO: Final = Query(
    "to", BusinessAreaText, BusinessArea.from_text, "The new name of the business area."
)
_NEW_ID: Final = Query("to", TenantIdText, TenantId, "The new id of the tenant.")
_CHANGES: Final = (*COMMIT, InvalidValueError, TenantForbiddenError)
# What an administrator does, by method and path.
_CHANGE: Final = partial(Operation, ROUTES, scope=Scope.ADMIN, answer_headers=("Cache-Control",))


@Operation(
    ROUTES,
    "GET",
    f"{_TENANT}/standing",
    scope=Scope.CONFIG_READ,
    answer=TenantStanding,
    answer_headers=("Cache-Control",),
    refusals=(TenantForbiddenError,),
)
async def read_standing(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read where a tenant stands: whether it is served, suspended or erased.

    A tenant that the hub does not know is active.
    """
    tenant = tenant_of(request)
    state = await request.app[SERVICES].read_standing(tenant, caller=caller)
    return shown(standing_shown(tenant, state), NO_STORE)


@_CHANGE(
    "POST",
    f"{_TENANT}/suspension",
    parameters=(_REASON,),
    answer=TenantStanding,
    refusals=(*_CHANGES, TenantNotFoundError),
)
async def suspend_tenant(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Suspend a tenant: nothing of it is served or routed, and the AI answers nobody.

    What Odoo sends is stored as before, so that nothing is lost.
    """
    return await _moved(request, caller, request.app[SERVICES].suspend_tenant)


@_CHANGE(
    "DELETE",
    f"{_TENANT}/suspension",
    parameters=(_REASON,),
    answer=TenantStanding,
    refusals=_CHANGES,
)
async def end_suspension(request: web.Request, caller: ApiKey) -> web.Response:
    """
    End the suspension of a tenant.
    """
    return await _moved(request, caller, request.app[SERVICES].suspend_tenant.end)


@_CHANGE(
    "DELETE",
    _TENANT,
    parameters=(_CONFIRM, _DRY_RUN, _REASON, _LARGE),
    answer=Erasure,
    refusals=(*_CHANGES, TenantNotFoundError),
)
async def erase_tenant(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Erase a tenant: everything but where it stands, its certificate and the audit trail.

    Its data keys are destroyed first, so that no copy of its sealed values opens again. If the
    request ends before the erasure does, the hub goes on by itself, and so does the same request
    once more.
    """
    tenant, erase = tenant_of(request), request.app[SERVICES].erase_tenant
    if _is_dry(request):
        contents = await erase.planned(tenant, caller=caller)
        return shown(erasure_shown(tenant, None, contents), NO_STORE)
    state = await erase(
        tenant,
        caller=_because(request, caller),
        confirmation=_CONFIRM.of(request),
        large=is_asked(request, _LARGE.name),
    )
    return shown(erasure_shown(tenant, state, state.contents), NO_STORE)


@_CHANGE(
    "POST", f"{_TENANT}/reopening", parameters=(_REASON,), answer=TenantStanding, refusals=_CHANGES
)
async def reopen_tenant(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Let an erased tenant begin anew: what Odoo sends of it is stored again, under a new data key.
    """
    return await _moved(request, caller, request.app[SERVICES].reopen_tenant)


@Operation(
    ROUTES,
    "GET",
    f"{_TENANT}/certificate",
    scope=Scope.ADMIN,
    answer=Certificate,
    answer_headers=("Cache-Control",),
    refusals=(TenantForbiddenError, CertificateNotFoundError),
)
async def read_certificate(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read the signed certificate of a tenant's erasure.

    Signed is the JSON of `certificate` with sorted names and no spaces, in UTF-8.
    """
    read = request.app[SERVICES].read_standing.certificate
    certificate = await read(tenant_of(request), caller=caller)
    return web.Response(text=certificate.text, content_type="application/json", headers=NO_STORE)


@Operation(
    ROUTES,
    "GET",
    "/v1/certificates/keys",
    answer=CertificateKeys,
)
async def list_certificate_keys(request: web.Request) -> web.Response:
    """
    List the public keys that check certificates, that of the current master key first.
    """
    return shown(CertificateKeys(keys=keys_shown(request.app[SERVICES].ports.certificates)))


@_CHANGE(
    "POST",
    f"{_TENANT}/{{domain}}/move",
    parameters=(_TO, _DRY_RUN, _REASON),
    answer=AreaMoved,
    refusals=(*_CHANGES, DocumentNotFoundError, AreaInUseError, MoveTooLargeError, *VAULT),
)
async def move_area(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Move a business area to another name: its documents with their history, credentials, channels.

    The old name then answers `area_moved`, with the new one.
    """
    to, tenant = _required(_TO, request, caller), tenant_of(request)
    plan = await request.app[SERVICES].move_area(
        TenantArea(tenant, domain_of(request)),
        TenantArea(tenant, to),
        caller=_because(request, caller),
        dry_run=_is_dry(request),
    )
    return shown(move_shown(plan, dry_run=_is_dry(request)), NO_STORE)


@_CHANGE(
    "POST",
    f"{_TENANT}/rename",
    parameters=(_NEW_ID, _DRY_RUN, _REASON),
    answer=TenantRenamed,
    refusals=(*_CHANGES, TenantNotFoundError, TenantInUseError, MoveTooLargeError, *VAULT),
)
async def rename_tenant(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Give a tenant another id: everything of it moves there.

    The old id then answers `tenant_renamed`, with the new one. Messages and conversations follow
    in short steps.
    """
    to, tenant = _required(_NEW_ID, request, caller), tenant_of(request)
    rename = request.app[SERVICES].rename_tenant
    if _is_dry(request):
        contents = await rename.planned(tenant, to, caller=caller)
        return shown(rename_shown(tenant, to, contents, None), NO_STORE)
    state = await rename(tenant, to, caller=_because(request, caller))
    return shown(rename_shown(tenant, to, state.contents, state), NO_STORE)


def _because(request: web.Request, caller: ApiKey) -> ApiKey:
    """
    The caller with the reason of the query, if there is one; the header is for all routes.
    """
    reason = _REASON.of(request)
    return caller if reason is None else caller.because(reason, caller.occasion.request_id)


def _is_dry(request: web.Request) -> bool:
    return is_asked(request, _DRY_RUN.name)


def _required(query: Query[T], request: web.Request, caller: ApiKey) -> T:
    # Before the answer can tell anything about the query.
    caller.require(Scope.ADMIN)
    found = query.of(request)
    if found is None:
        raise InvalidFieldsError([FieldError(query.name, "required")])
    return found


def keys_shown(signer: CertificateSigner) -> list[CertificateKey]:
    """
    The public keys of *signer* as the API shows them.
    """
    return [
        CertificateKey(
            algorithm=tenants.ALGORITHM,
            key_id=signer.key_id(key),
            public_key=b64encode(key).decode(),
        )
        for key in signer.public_keys().values()
    ]


def rename_shown(
    tenant: TenantId,
    to: TenantId,
    contents: tenants.TenantContents | None,
    state: TenantState | None,
) -> TenantRenamed:
    """
    A rename as the API shows it; a dry run has no *state*.
    """
    counts = tenants.TenantContents() if contents is None else contents
    return TenantRenamed(
        tenant_id=tenant.value,
        renamed_to=to.value,
        dry_run=state is None,
        finished=standing_of(state) is Standing.RENAMED,
        moved=RemovedContents(**counts.counts),
    )


def move_shown(plan: AreaPlan, *, dry_run: bool) -> AreaMoved:
    """
    The move of a business area as the API shows it.
    """
    return AreaMoved(
        tenant_id=plan.source.tenant.value,
        from_domain=plan.source.domain.value,
        to_domain=plan.target.domain.value,
        dry_run=dry_run,
        documents=[
            TenantDocument(
                config_type=str(revision.key.kind),
                version=revision.version,
                updated_at=timestamp(revision.updated_at),
            )
            for revision in plan.documents
        ],
        revisions=plan.revisions,
        credentials=plan.credentials,
        channels=plan.channels,
        addresses=plan.addresses,
    )


async def _moved(
    request: web.Request, caller: ApiKey, move: Callable[..., Awaitable[TenantState | None]]
) -> web.Response:
    tenant = tenant_of(request)
    state = await move(tenant, caller=_because(request, caller))
    return shown(standing_shown(tenant, state), NO_STORE)


def standing_shown(tenant: TenantId, state: TenantState | None) -> TenantStanding:
    """
    Where *tenant* stands as the API shows it.
    """
    successor = None if state is None else state.successor
    return TenantStanding(
        tenant_id=tenant.value,
        standing=standing_of(state),
        since=None if state is None else timestamp(state.since),
        by=None if state is None else state.by,
        reason=None if state is None else state.reason,
        renamed_to=None if successor is None else successor.value,
    )


def erasure_shown(
    tenant: TenantId, state: TenantState | None, contents: tenants.TenantContents | None
) -> Erasure:
    """
    An erasure as the API shows it; a dry run has no *state*.
    """
    counts = tenants.TenantContents() if contents is None else contents
    return Erasure(
        tenant_id=tenant.value,
        dry_run=state is None,
        erased=state is not None,
        removed=RemovedContents(**counts.counts),
    )
