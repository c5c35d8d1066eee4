"""
``/mapping/``: the whole mapping as one object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.mapping import ChannelMapping
from odoo_ai_config.domain.channels.sections import MappingSections
from odoo_ai_config.domain.errors import (
    AmbiguousMappingError,
    MappingNotFoundError,
    PreconditionFailedError,
    TenantForbiddenError,
)
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.channels.payloads import (
    MAPPING_DATA,
    mapping_object,
    mapping_sections,
    mapping_tag,
)
from odoo_ai_config.entrypoints.http.channels.schemas import Mapping, WrittenMapping
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, read_json, require_json
from odoo_ai_config.entrypoints.http.platform.conditional import (
    ANYTHING,
    Precondition,
    rendered,
    shown_tagged_off_loop,
    tagged,
    unchanged,
)
from odoo_ai_config.entrypoints.http.platform.errors import IncompleteDataError
from odoo_ai_config.entrypoints.http.platform.notices import shown_notices
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    Operation,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.problems import refuse
from odoo_ai_config.entrypoints.http.platform.representations import (
    YAML,
    YAML_HEADERS,
    json_bytes,
)
from odoo_ai_config.entrypoints.http.platform.texts import language_of
from odoo_ai_config.entrypoints.http.platform.wire_types import reading

ROUTES: Final = RouteGroup("mapping", App.CONFIG, "config")


@Operation(
    ROUTES,
    "GET",
    "/mapping",
    scope=Scope.CONFIG_READ,
    answer=Mapping,
    conditional=True,
    refusals=(MappingNotFoundError,),
)
async def read_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read the mapping, or the part that the key may see.
    """
    sections = await request.app[SERVICES].read_mapping(caller=caller)
    return await shown_tagged_off_loop(
        request, lambda: mapping_object(sections), cost=ENTRY * sections.size
    )


@Operation(
    ROUTES,
    "GET",
    "/mapping/export",
    scope=Scope.CONFIG_READ,
    answer=Mapping,
    media_types=(YAML,),
    conditional=True,
    refusals=(MappingNotFoundError,),
)
async def export_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read the mapping as YAML.
    """
    services = request.app[SERVICES]
    sections = await services.read_mapping(caller=caller)
    _, tag = await _rendered(sections)
    known = unchanged(request, tag)
    if known is not None:
        return known
    text = await run_off_loop(
        lambda: services.ports.yaml.render(mapping_object(sections)), cost=ENTRY * sections.size
    )
    return tagged(text.encode(), tag, YAML_HEADERS)


def _writing(method: str) -> Operation:
    return Operation(
        ROUTES,
        method,
        "/mapping",
        scope=Scope.CONFIG_WRITE,
        body=MAPPING_DATA,
        request_headers=("If-Match", "If-None-Match"),
        answer=WrittenMapping,
        answer_headers=("Cache-Control", "ETag"),
        refusals=(
            *COMMIT,
            IncompleteDataError,
            TenantForbiddenError,
            AmbiguousMappingError,
            PreconditionFailedError,
        ),
    )


@_writing("POST")
async def replace_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Replace the whole mapping.
    """
    return await _written(request, caller, replace=True)


@_writing("PATCH")
async def merge_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Merge accounts, inboxes and channels by their ids, and replace the other lists.
    """
    return await _written(request, caller, replace=False)


async def _written(request: web.Request, caller: ApiKey, *, replace: bool) -> web.Response:
    # Who may not write learns nothing about the body.
    caller.require(Scope.CONFIG_WRITE)
    caller.require_unbound()
    require_json(request)
    services, precondition = request.app[SERVICES], Precondition.of(request)
    raw = await read_body(request)
    numbers = await services.numbers.beside(services.ports.channels)
    sections = await read_json(
        request, raw, lambda body: reading(numbers, lambda: mapping_sections(body))
    )

    known: str | None = None

    def is_met(present: Sequence[ChannelMapping], version: int) -> bool:
        nonlocal known
        known = mapping_tag(present) if present else None
        return precondition.is_met(known, version)

    expected = None if precondition == ANYTHING else is_met
    try:
        written = await services.write_mapping(
            sections, caller=caller, replace=replace, expected=expected
        )
    except PreconditionFailedError as error:
        return refuse(request, error, tag=known if caller.may(Scope.CONFIG_READ) else None)
    body, tag = await _rendered(written.sections)
    language = language_of(request)
    warnings = json_bytes({"warnings": shown_notices(written.notices, language)})
    return tagged(body[:-1] + b"," + warnings[1:], tag)


async def _rendered(sections: MappingSections) -> tuple[bytes, str]:
    return await rendered(lambda: mapping_object(sections), cost=ENTRY * sections.size)
