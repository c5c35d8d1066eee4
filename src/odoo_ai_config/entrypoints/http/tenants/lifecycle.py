"""
``/v1/tenants/{tenant}``: suspension, erasure with its certificate, and the way back.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta

from odoo_ai_config.application.moving import AreaPlan
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
    return _standing(tenant, state)


@Operation(
    ROUTES,
    "POST",
    f"{_TENANT}/suspension",
    scope=Scope.ADMIN,
    parameters=(_REASON,),
    answer=TenantStanding,
    answer_headers=("Cache-Control",),
    refusals=(*_CHANGES, TenantNotFoundError),
)
async def suspend_tenant(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Suspend a tenant: nothing of it is served or routed, and the AI answers nobody.

    What Odoo sends is stored as before, so that nothing is lost.
    """
    tenant, suspend = tenant_of(request), request.app[SERVICES].suspend_tenant
    reason = _REASON.of(request)
    return _standing(tenant, await suspend(tenant, caller=caller, reason=reason))


@Operation(
    ROUTES,
    "DELETE",
    f"{_TENANT}/suspension",
    scope=Scope.ADMIN,
    parameters=(_REASON,),
    answer=TenantStanding,
    answer_headers=("Cache-Control",),
    refusals=_CHANGES,
)
async def end_suspension(request: web.Request, caller: ApiKey) -> web.Response:
    """
    End the suspension of a tenant.
    """
    tenant, end = tenant_of(request), request.app[SERVICES].suspend_tenant.end
    reason = _REASON.of(request)
    return _standing(tenant, await end(tenant, caller=caller, reason=reason))


@Operation(
    ROUTES,
    "DELETE",
    _TENANT,
    scope=Scope.ADMIN,
    parameters=(_CONFIRM, _DRY_RUN, _REASON, _LARGE),
    answer=Erasure,
    answer_headers=("Cache-Control",),
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
    if is_asked(request, _DRY_RUN.name):
        return _erasure(tenant, None, await erase.planned(tenant, caller=caller))
    state = await erase(
        tenant,
        caller=caller,
        confirmation=_CONFIRM.of(request),
        reason=_REASON.of(request),
        large=is_asked(request, _LARGE.name),
    )
    return _erasure(tenant, state, state.contents)


@Operation(
    ROUTES,
    "POST",
    f"{_TENANT}/reopening",
    scope=Scope.ADMIN,
    parameters=(_REASON,),
    answer=TenantStanding,
    answer_headers=("Cache-Control",),
    refusals=_CHANGES,
)
async def reopen_tenant(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Let an erased tenant begin anew: what Odoo sends of it is stored again, under a new data key.
    """
    tenant, reopen = tenant_of(request), request.app[SERVICES].reopen_tenant
    reason = _REASON.of(request)
    return _standing(tenant, await reopen(tenant, caller=caller, reason=reason))


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
    signer = request.app[SERVICES].ports.certificates
    return shown(
        CertificateKeys(
            keys=[
                CertificateKey(
                    algorithm=tenants.ALGORITHM,
                    key_id=signer.key_id(key),
                    public_key=b64encode(key).decode(),
                )
                for key in signer.public_keys()
            ]
        )
    )


@Operation(
    ROUTES,
    "POST",
    f"{_TENANT}/{{domain}}/move",
    scope=Scope.ADMIN,
    parameters=(_TO, _DRY_RUN, _REASON),
    answer=AreaMoved,
    answer_headers=("Cache-Control",),
    refusals=(*_CHANGES, DocumentNotFoundError, AreaInUseError, MoveTooLargeError, *VAULT),
)
async def move_area(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Move a business area to another name: its documents with their history, credentials, channels.

    The old name then answers `area_moved`, with the new one.
    """
    # Before the answer can tell anything about the query.
    caller.require(Scope.ADMIN)
    tenant, move, to = tenant_of(request), request.app[SERVICES].move_area, _TO.of(request)
    if to is None:
        raise InvalidFieldsError([FieldError("to", "required")])
    plan = await move(
        TenantArea(tenant, domain_of(request)),
        TenantArea(tenant, to),
        caller=caller,
        reason=_REASON.of(request),
        dry_run=is_asked(request, _DRY_RUN.name),
    )
    return shown(move_shown(plan, dry_run=is_asked(request, _DRY_RUN.name)), NO_STORE)


@Operation(
    ROUTES,
    "POST",
    f"{_TENANT}/rename",
    scope=Scope.ADMIN,
    parameters=(_NEW_ID, _DRY_RUN, _REASON),
    answer=TenantRenamed,
    answer_headers=("Cache-Control",),
    refusals=(*_CHANGES, TenantNotFoundError, TenantInUseError, MoveTooLargeError, *VAULT),
)
async def rename_tenant(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Give a tenant another id: everything of it moves there.

    The old id then answers `tenant_renamed`, with the new one. Messages and conversations follow
    in short steps.
    """
    # Before the answer can tell anything about the query.
    caller.require(Scope.ADMIN)
    tenant, rename, to = (
        tenant_of(request),
        request.app[SERVICES].rename_tenant,
        _NEW_ID.of(request),
    )
    if to is None:
        raise InvalidFieldsError([FieldError("to", "required")])
    if is_asked(request, _DRY_RUN.name):
        contents = await rename.planned(tenant, to, caller=caller)
        return shown(rename_shown(tenant, to, contents, None), NO_STORE)
    reason = _REASON.of(request)
    state = await rename(tenant, to, caller=caller, reason=reason)
    return shown(rename_shown(tenant, to, state.contents, state), NO_STORE)


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


def _standing(tenant: TenantId, state: TenantState | None) -> web.Response:
    return shown(standing_shown(tenant, state), NO_STORE)


def standing_shown(tenant: TenantId, state: TenantState | None) -> TenantStanding:
    """
    Where *tenant* stands as the API shows it.
    """
    if state is None:
        return TenantStanding(
            tenant_id=tenant.value,
            standing=standing_of(None),
            since=None,
            by=None,
            reason=None,
            renamed_to=None,
        )
    return TenantStanding(
        tenant_id=tenant.value,
        standing=state.standing,
        since=timestamp(state.since),
        by=state.by,
        reason=state.reason,
        renamed_to=None if state.successor is None else state.successor.value,
    )


def _erasure(
    tenant: TenantId, state: TenantState | None, contents: tenants.TenantContents | None
) -> web.Response:
    return shown(erasure_shown(tenant, state, contents), NO_STORE)


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
