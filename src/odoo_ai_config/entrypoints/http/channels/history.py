"""
``/v1/mapping/...``: the history of the mapping, its difference and its rollback.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, TypeAlias

from aiohttp import web
from attrs import frozen
from msgspec import UNSET

from odoo_ai_config.application.channels.history import MappingChanges
from odoo_ai_config.application.channels.mapping import Expected
from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels import history
from odoo_ai_config.domain.channels.history import (
    ChannelState,
    HistoryPlace,
    HistoryPrunedError,
    MappingChange,
    Unshown,
    moment_of,
    moment_text,
)
from odoo_ai_config.domain.channels.mapping import (
    CHANNEL_TEXT,
    MAPPING_REFUSALS,
    ChannelKey,
    ChannelMapping,
)
from odoo_ai_config.domain.errors import (
    MappingNotFoundError,
    PreconditionFailedError,
    RevisionNotFoundError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import unknown_names
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.channels.payloads import channel_state, mapping_tag
from odoo_ai_config.entrypoints.http.channels.schemas import (
    ChannelChange,
    HistoryPlaceText,
    MappingChannelText,
    MappingComparison,
    MappingHistory,
    MappingHistoryEntry,
    MappingRollback,
    MomentText,
)
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, read_json, require_json
from odoo_ai_config.entrypoints.http.platform.conditional import ANYTHING, Precondition
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    IncompleteDataError,
    InvalidFieldsError,
)
from odoo_ai_config.entrypoints.http.platform.fields import read, shape_of
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    Operation,
    PageSize,
    Query,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.representations import (
    JSON_HEADERS,
    json_bytes,
)
from odoo_ai_config.entrypoints.http.platform.schema import Body, Component, TenantIdText
from odoo_ai_config.entrypoints.http.platform.wire_types import WireType, verbatim

ROUTES: Final = RouteGroup("mapping", App.CONFIG, "config")
_CHANNEL: Final = Query(
    "channel", MappingChannelText, ChannelKey.from_text, "Only changes of this channel."
)
_TENANT: Final = Query(
    "tenant", TenantIdText, TenantId, "Only changes of channels that it had before or after."
)
_AFTER: Final = Query(
    "after", HistoryPlaceText, HistoryPlace.from_text, "The `next` of the previous page."
)
_LIMIT: Final = PageSize(default=50, most=500)
_FROM: Final = Query("from", MomentText, moment_of, required=True)
_TO: Final = Query("to", MomentText, moment_of, "By default now.")
_PastMoment: TypeAlias = Annotated[
    datetime | None,
    WireType(
        lambda value, _: moment_of(verbatim(value)),
        Component(
            "PastMoment",
            {
                "type": "string",
                "format": "date-time",
                "description": "With a time zone.",
                "examples": ["2026-04-23T19:14:20.512345Z"],
            },
        ),
    ),
]
_NamedChannel: TypeAlias = Annotated[
    ChannelKey | None,
    WireType(
        lambda value, _: ChannelKey.from_text(verbatim(value)),
        Component(
            "ChannelName",
            {
                "type": "string",
                "pattern": f"^{CHANNEL_TEXT.pattern}$",
                "description": "The `channel` of a change.",
                "examples": ["channel/1/7"],
            },
        ),
    ),
]


@Operation(
    ROUTES,
    "GET",
    "/v1/mapping/history",
    scope=Scope.CONFIG_READ,
    parameters=(_CHANNEL, _TENANT, _AFTER, _LIMIT),
    answer=MappingHistory,
    says="Newest first.",
    answer_headers=("Cache-Control",),
    refusals=(TenantForbiddenError,),
)
async def read_mapping_history(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List the changes of channels: who, when, from what to what.

    A bound key sees the changes of channels that its tenant had before or after. What others have
    is hidden.
    """
    changes = partial(
        request.app[SERVICES].read_mapping_history,
        caller=caller,
        key=_CHANNEL.of(request),
        tenant=_TENANT.of(request),
        after=_AFTER.of(request),
    )
    page, following = await _LIMIT.page(request, changes, lambda change: change.place)
    body = await run_off_loop(
        lambda: json_bytes(MappingHistory(entries=[*map(entry_of, page)], next=following)),
        cost=ENTRY * len(page),
    )
    return web.Response(body=body, headers=JSON_HEADERS)


@Operation(
    ROUTES,
    "GET",
    "/v1/mapping/diff",
    scope=Scope.CONFIG_READ,
    parameters=(_FROM, _TO),
    answer=MappingComparison,
    says="What differs.",
    answer_headers=("Cache-Control",),
    refusals=(IncompleteDataError, HistoryPrunedError),
)
async def compare_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Compare the mappings of two moments.
    """
    # Before the fields: their errors are for callers who may ask.
    caller.require(Scope.CONFIG_READ)
    before, after = _FROM.of(request), _TO.of(request)
    if before is None:
        raise IncompleteDataError(["from"], [FieldError("from", "required")])
    found = await request.app[SERVICES].compare_mapping(before, after, caller=caller)

    def shown() -> bytes:
        answer: MappingComparison = {
            "from": moment_text(before),
            "to": None if after is None else moment_text(after),
            "changes": changes_of(found),
            "truncated": found.truncated,
        }
        return json_bytes(answer)

    body = await run_off_loop(shown, cost=ENTRY * len(found.channels))
    return web.Response(body=body, headers=JSON_HEADERS)


@frozen
class RollbackChoice:
    """
    What to restore: the whole mapping or one channel of it; a moment, or a version of the channel.

    With `dry_run` nothing is written, and the answer says what would be.
    """

    at: _PastMoment = None
    channel: _NamedChannel = None
    version: int | None = None
    dry_run: bool = False

    @property
    def to(self) -> int | datetime:
        """
        The moment or the version.

        Raises:
            IncompleteDataError: There is neither, or the version has no channel.
            InvalidFieldsError: There are both.
        """
        if self.at is not None:
            if self.version is not None:
                raise InvalidFieldsError([FieldError("version", "not_with_at")])
            return self.at
        missing = "at" if self.version is None else "channel"
        if self.version is None or self.channel is None:
            raise IncompleteDataError([missing], [FieldError(missing, "required")])
        return self.version


_MEMBERS: Final = shape_of(RollbackChoice).types.keys()
_ROLLBACK: Final = Body(parts=(RollbackChoice,), more={"additionalProperties": False})


@Operation(
    ROUTES,
    "POST",
    "/v1/mapping/rollback",
    scope=Scope.CONFIG_WRITE,
    body=_ROLLBACK,
    answer=MappingRollback,
    answer_headers=("Cache-Control",),
    request_headers=("If-Match", "If-None-Match"),
    refusals=(
        *COMMIT,
        *MAPPING_REFUSALS,
        IncompleteDataError,
        TenantForbiddenError,
        MappingNotFoundError,
        RevisionNotFoundError,
        HistoryPrunedError,
        PreconditionFailedError,
    ),
)
async def roll_back_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Restore an earlier mapping, of one channel or of all, as new versions.

    A channel that did not exist at the moment is switched off. `If-Match` names the version of
    the channel, or the tag or the version of the mapping. A bound key rolls back its own channels;
    the whole mapping needs an unbound one.
    """
    caller.require(Scope.CONFIG_WRITE)
    require_json(request)
    body = await read_json(request, await read_body(request), dict)
    # A misspelt `channel` must not roll back everything, nor a misspelt `dry_run` write.
    unknown = [FieldError(name, "unknown_member") for name in unknown_names(body, _MEMBERS)]
    choice = read(RollbackChoice, {"": body}, noted=unknown)
    found = await request.app[SERVICES].roll_back_mapping(
        choice.to,
        caller=caller,
        key=choice.channel,
        expected=_expected(request, choice.channel),
        dry_run=choice.dry_run,
    )
    shown = await run_off_loop(
        lambda: json_bytes(
            MappingRollback(
                changed=bool(found.channels) and not choice.dry_run,
                changes=changes_of(found),
                truncated=found.truncated,
            )
        ),
        cost=ENTRY * len(found.channels),
    )
    return web.Response(body=shown, headers=JSON_HEADERS)


def _expected(request: web.Request, channel: ChannelKey | None) -> Expected | None:
    precondition = Precondition.of(request)
    if precondition == ANYTHING:
        return None

    def is_met(present: Sequence[ChannelMapping], version: int) -> bool:
        # A channel has no tag, only a version.
        tag = f'"{version}"' if channel is not None else mapping_tag(present)
        return precondition.is_met(tag if version else None, version)

    return is_met


def entry_of(entry: MappingChange) -> MappingHistoryEntry:
    """
    A change of the history as the API shows it.
    """
    return MappingHistoryEntry(
        version=entry.version,
        at=moment_text(entry.at),
        author=entry.author,
        **_change(entry.change),
    )


def changes_of(found: MappingChanges) -> list[ChannelChange]:
    """
    The channels that differ, as the API shows them.
    """
    return [ChannelChange(**_change(change)) for change in found.channels]


def _change(change: history.ChannelChange) -> dict[str, Any]:
    before, after = _state(change.before), _state(change.after)
    fields: list[str] = []
    if before is not None and after is not None:
        fields = [name for name in before if before[name] != after[name]]
    return {
        "channel": str(change.key),
        "kind": change.kind,
        "before": before,
        "before_unshown": change.before if isinstance(change.before, Unshown) else UNSET,
        "after": after,
        "after_unshown": change.after if isinstance(change.after, Unshown) else UNSET,
        "fields": fields,
    }


def _state(state: ChannelState) -> dict[str, Any] | None:
    return channel_state(state) if isinstance(state, ChannelMapping) else None
