"""
``/v1/changes``: what has changed, as it happens.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from functools import lru_cache
from typing import Annotated, Final

from aiohttp import hdrs, web
from msgspec import Meta

from odoo_ai_config.application.feed import BEAT, FeedPage, Follower
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.errors import CodedError, TenantForbiddenError
from odoo_ai_config.domain.feed import (
    EVERYTHING,
    Change,
    FeedCompactedError,
    FeedKind,
    Interest,
    body_of_change,
)
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.feed.schemas import CursorText, FeedChange, FeedChanges
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES, STORE_WATCH
from odoo_ai_config.entrypoints.http.platform.authentication import key_in
from odoo_ai_config.entrypoints.http.platform.errors import FieldError, InvalidFieldsError
from odoo_ai_config.entrypoints.http.platform.operations import (
    EVENTS,
    Operation,
    Query,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.paths import whole_number
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, json_bytes, shown
from odoo_ai_config.entrypoints.http.platform.request_trace import TRACE, WAITED
from odoo_ai_config.entrypoints.http.platform.schema import TenantIdText

ROUTES: Final = RouteGroup("feed", App.CONFIG, "config")
# Proxies give up after a minute.
_LONGEST_WAIT: Final = 50
# How often a waiting request looks whether its reader is still there, in seconds.
_LOOK: Final = 2.0
# How long a listener may take to read what it is sent.
_PATIENCE: Final = 30.0
# Less than what makes a writer wait.
_AT_ONCE: Final = 16_384
# Proxies hold back what they buffer.
_UNBUFFERED: Final = "X-Accel-Buffering"
_LAST_EVENT: Final = "Last-Event-ID"


def _kinds_in(text: str) -> frozenset[FeedKind]:
    known = {kind.value: kind for kind in FeedKind}
    wanted = text.split(",")
    if not known.keys() >= set(wanted):
        raise InvalidFieldsError([FieldError("kind", "feed_kind")])
    return frozenset(known[name] for name in wanted)


_NAMES: Final = "|".join(kind.value for kind in FeedKind)
_SINCE: Final = Query(
    "since",
    CursorText,
    str,
    "0, or the `cursor` of the last answer. Without it: what changes from now on.",
)
_WAIT: Final = Query(
    "wait",
    Annotated[int, Meta(ge=0, le=_LONGEST_WAIT, extra_json_schema={"default": 0})],
    lambda text: 0 if text == "0" else whole_number("wait", text, rule="wait", most=_LONGEST_WAIT),
    "How many seconds to wait for a change if there is none yet.",
)
_TENANT: Final = Query(
    "tenant",
    TenantIdText,
    TenantId,
    "Only changes of this tenant. By default the key's tenant, or all.",
)
_KIND: Final = Query(
    "kind",
    Annotated[str, Meta(pattern=f"^({_NAMES})(,({_NAMES}))*$", examples=["config,credentials"])],
    _kinds_in,
    "By default all of them.",
)


@Operation(
    ROUTES,
    "GET",
    "/v1/changes",
    scope=Scope.CONFIG_READ,
    parameters=(_SINCE, _WAIT, _TENANT, _KIND),
    answer=FeedChanges,
    answer_headers=("Cache-Control",),
    refusals=(TenantForbiddenError, FeedCompactedError),
)
async def read_changes(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read what has changed since the last time, or wait for it.

    All readers see the same order, and nobody sees a change before an earlier one. Begin without
    `since`, which answers no changes and the `cursor` of now, then read everything that you need,
    then go on from the `cursor`. An answer looks at no more than 1000 entries and may be short, or
    empty, although more follow: ask again while `more` is true. After `compacted` (410) begin
    again: its `cursor` is that of now.
    """
    feed, interest = request.app[SERVICES].read_feed, _interest_of(request)
    since, wait = _SINCE.of(request), _WAIT.of(request)
    if since is None or not wait or request.method == hdrs.METH_HEAD:
        page = await feed(since, caller=caller, interest=interest)
    else:
        async with feed.following(since, caller=caller, interest=interest) as follower:
            page = await _waited(request, follower, wait)
    told = {
        "changes": list(map(body_of_change, page.changes)),
        "cursor": page.cursor,
        "more": page.more,
    }
    return shown(told, NO_STORE)


@Operation(
    ROUTES,
    "GET",
    "/v1/changes/stream",
    scope=Scope.CONFIG_READ,
    parameters=(_SINCE, _TENANT, _KIND),
    request_headers=(_LAST_EVENT,),
    answer=FeedChange,
    says="Server-sent events: `event: change`, its cursor as `id`, and the change as `data`. "
    "An `id` alone says that the stream is there. It ends with the server or the key.",
    media_types=(EVENTS,),
    answer_headers=("Cache-Control", _UNBUFFERED),
    refusals=(TenantForbiddenError, FeedCompactedError),
)
async def stream_changes(request: web.Request, caller: ApiKey) -> web.StreamResponse:
    """
    Hear what changes, as server-sent events.

    The stream goes on behind `Last-Event-ID`, as browsers send it, or `since`; without them it
    begins with the next change. After each connection read what you need without a condition.
    """
    since = request.headers.get(_LAST_EVENT) or _SINCE.of(request)
    feed, interest = request.app[SERVICES].read_feed, _interest_of(request)
    answer = web.StreamResponse(headers={hdrs.CONTENT_TYPE: EVENTS, **NO_STORE})
    answer.headers[_UNBUFFERED] = "no"
    async with feed.following(since, caller=caller, interest=interest) as follower:
        began = asyncio.get_running_loop().time()
        first = await follower.page(0)
        request.app[TRACE].sign(request, answer)
        await answer.prepare(request)
        if request.method != hdrs.METH_HEAD:
            await answer.write(b"retry: 2000\n")
            await _tell(request, caller, answer, follower, first)
        request[WAITED] = asyncio.get_running_loop().time() - began
    return answer


async def _waited(request: web.Request, follower: Follower, seconds: int) -> FeedPage:
    """
    What changes within *seconds*, unless the reader is gone before.
    """
    now = asyncio.get_running_loop().time
    began = now()
    while True:
        left = began + seconds - now()
        page = await follower.page(min(left, _LOOK))
        gone = request.transport is None or request.transport.is_closing()
        if page.changes or left <= _LOOK or follower.released or gone:
            request[WAITED] = now() - began
            return page


async def _tell(
    request: web.Request,
    caller: ApiKey,
    answer: web.StreamResponse,
    follower: Follower,
    page: FeedPage,
) -> None:
    """
    Send what *follower* is told, until the server stops, the key ends or the listener is gone.
    """
    authenticate, key = request.app[SERVICES].authenticate, key_in(request)
    now = asyncio.get_running_loop().time
    checked = now()
    # A listener that is gone comes again, and goes on where it was.
    with suppress(ConnectionError):
        while not follower.released:
            if not await _sent(request, answer, _events_of(page)):
                return
            try:
                page = await follower.page()
                if now() - checked >= BEAT:
                    holder = await authenticate(key)
                    if (holder.tenant, holder.scopes) != (caller.tenant, caller.scopes):
                        return
                    checked = now()
            except CodedError as error:
                request.app[STORE_WATCH].failed(error)
                return


async def _sent(request: web.Request, answer: web.StreamResponse, events: bytes) -> bool:
    """
    Send *events*; False if the listener does not read what it is sent.
    """
    transport = request.transport
    if transport is None:
        return False
    if len(events) <= _AT_ONCE and not transport.get_write_buffer_size():
        # Nothing can be in its way.
        await answer.write(events)
        return True
    try:
        async with asyncio.timeout(_PATIENCE):
            await answer.write(events)
    except TimeoutError:
        transport.abort()
        return False
    return True


def _interest_of(request: web.Request) -> Interest:
    return Interest(_KIND.of(request) or EVERYTHING.kinds, _TENANT.of(request))


# All listeners are sent the same.
@lru_cache(maxsize=1024)
def _event_of(change: Change) -> bytes:
    body = body_of_change(change)
    # It is the id of the event already.
    del body["cursor"]
    data = json_bytes(body)
    return b"id: %s\nevent: change\ndata: %s\n\n" % (change.cursor.encode(), data)


# The last that were told, with their text: to find each of a thousand takes longer than to write.
_recent: Final[deque[tuple[tuple[Change, ...], bytes]]] = deque(maxlen=8)


def _all_of(changes: tuple[Change, ...]) -> bytes:
    for known, text in _recent:
        if known is changes:
            return text
    text = b"".join(map(_event_of, changes))
    _recent.appendleft((changes, text))
    return text


def _events_of(page: FeedPage) -> bytes:
    return _all_of(page.changes) if page.changes else b"id: %s\n\n" % page.cursor.encode()
