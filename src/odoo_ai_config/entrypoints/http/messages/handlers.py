"""
``/v1/messages``: what became of the messages from Chatwoot, and what people do about it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import structlog
from aiohttp import web

from odoo_ai_config.application.messages.reading import OpenedMessage
from odoo_ai_config.application.messages.replay import MOST_AT_ONCE, Replay
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.crews import Answer, CustomerMessage
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import STUCK, InboxMessage, MessageId, Origin, Stage
from odoo_ai_config.entrypoints.http.platform.app_keys import REQUEST_ID, SERVICES
from odoo_ai_config.entrypoints.http.platform.errors import FieldError, InvalidFieldsError
from odoo_ai_config.entrypoints.http.platform.paths import is_asked, named, page_size
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes, timestamp

DEFAULT_PAGE: Final = 50
LARGEST_PAGE: Final = 500
_ALL_STAGES: Final = frozenset(Stage)
_NO_STORE: Final = {"Cache-Control": "no-store"}

_log = structlog.get_logger()


async def list_messages(request: web.Request, caller: ApiKey) -> web.Response:
    """
    One page of messages, newest first, and where the next one starts.
    """
    size = page_size(request, default=DEFAULT_PAGE, most=LARGEST_PAGE)
    # One more than asked for tells whether there is a next page.
    found = await request.app[SERVICES].list_messages(
        caller=caller,
        stages=_stages_of(request, _ALL_STAGES),
        tenant=_tenant_of(request),
        after=_after_of(request),
        limit=size + 1,
    )
    page = found[:size]
    following = str(page[-1].id) if len(found) > size else None
    return answer_with({"messages": [shown(message) for message in page], "next": following})


async def read_message(request: web.Request, caller: ApiKey) -> web.Response:
    """
    One message; with its texts if that is asked for.
    """
    read, message_id = request.app[SERVICES].read_message, message_of(request)
    if not is_asked(request, "open"):
        return answer_with(shown(await read(message_id, caller=caller)))
    opened = await read.opened(message_id, caller=caller, request_id=request[REQUEST_ID])
    return answer_with(shown_opened(opened))


async def replay_message(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Send one message on its way again.
    """
    message = await request.app[SERVICES].replay_messages(
        message_of(request), caller=caller, request_id=request[REQUEST_ID]
    )
    tell_of("message_replayed", message, request)
    return answer_with(receipt_of(message))


async def replay_messages(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Send stuck messages on their way again, the oldest first, and say where to go on.
    """
    size = page_size(request, default=MOST_AT_ONCE, most=MOST_AT_ONCE)
    replays = await request.app[SERVICES].replay_messages.matching(
        caller=caller,
        stages=_stages_of(request, STUCK),
        tenant=_tenant_of(request),
        after=_after_of(request),
        limit=size,
        request_id=request[REQUEST_ID],
    )
    replayed = sum(replay.refusal is None for replay in replays)
    left = len(replays) - replayed
    _log.info("messages_replayed", area="hub", replayed=replayed, left=left)
    return answer_with(
        {
            "replayed": replayed,
            "left": left,
            "messages": [shown_replay(replay) for replay in replays],
            "next": str(replays[-1].id) if len(replays) == size else None,
        }
    )


async def discard_message(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Put one message aside for good.
    """
    message = await request.app[SERVICES].discard_message(
        message_of(request), caller=caller, request_id=request[REQUEST_ID]
    )
    tell_of("message_discarded", message, request)
    return answer_with(receipt_of(message))


def message_of(request: web.Request) -> MessageId:
    """
    The message that the path names.
    """
    return named("message_id", MessageId, request.match_info["message_id"])


def answer_with(body: JsonObject) -> web.Response:
    """
    *body* for this reader, now: it is another one in a moment.
    """
    return web.Response(body=json_bytes(body), content_type="application/json", headers=_NO_STORE)


def tell_of(event: str, message: InboxMessage, request: web.Request) -> None:
    """
    Log *event* beside all else that is logged of *message*: under the request that brought it.
    """
    _log.info(
        event,
        area="hub",
        request_id=message.origin.request_id,
        by_request=request[REQUEST_ID],
        message=message.id.value,
        tenant=message.holder.tenant.value,
        stage=message.stage.value,
        reason=message.reason,
    )


def receipt_of(message: InboxMessage) -> JsonObject:
    """
    Where a message is now, for those who may write to it and perhaps not read it.
    """
    return {
        "message_id": message.id.value,
        "stage": message.stage.value,
        "reason": message.reason,
    }


def shown_replay(replay: Replay) -> JsonObject:
    """
    What became of one message of several.
    """
    return {"message_id": replay.id.value, "reason": replay.refusal}


def shown(message: InboxMessage) -> JsonObject:
    """
    All that is known of a message in the clear.
    """
    destination = message.destination
    shown: JsonObject = {
        **receipt_of(message),
        "tenant_id": None,
        "domain": None,
        "crew": None,
        "matched_by": None,
        "release": None,
        **_shown_origin(message.origin),
        "attempts": message.attempts,
        "replays": message.replays,
        "received_at": timestamp(message.received_at),
        "updated_at": timestamp(message.updated_at),
        "due_at": None if message.due_at is None else timestamp(message.due_at),
        "has_text": message.body is not None,
        "has_answer": message.answer is not None,
    }
    if destination is not None:
        shown |= {
            "tenant_id": destination.owner.tenant.value,
            "domain": destination.owner.domain.value,
            "crew": destination.crew,
            "matched_by": destination.matched_by.value,
            "release": {
                "config_version": destination.release.config_version,
                "mapping_version": destination.release.mapping_version,
            },
        }
    return shown


def shown_opened(opened: OpenedMessage) -> JsonObject:
    """
    A message with what was written.
    """
    return {
        **shown(opened.message),
        "content": None if opened.text is None else _shown_content(opened.text),
        "answer": None if opened.answer is None else _shown_answer(opened.answer),
    }


def _shown_origin(origin: Origin) -> JsonObject:
    def text(id_: ChatwootId | None) -> str | None:
        return None if id_ is None else id_.value

    return {
        "event": origin.event,
        "account_id": text(origin.account),
        "inbox_id": text(origin.inbox),
        "conversation_id": text(origin.conversation),
        "chatwoot_message_id": text(origin.message),
        "delivery_id": origin.delivery,
        "request_id": origin.request_id,
    }


def _shown_content(content: CustomerMessage) -> JsonObject:
    contact = content.contact
    return {
        "text": content.text,
        "contact": {
            "id": contact.id,
            "name": contact.name,
            "number": contact.number,
            "identifier": contact.identifier,
        },
        "channel": content.channel,
        "inbox_name": content.inbox_name,
        "attachments": [{"kind": file.kind, "url": file.url} for file in content.attachments],
        "sent_at": None if content.sent_at is None else timestamp(content.sent_at),
    }


def _shown_answer(answer: Answer) -> JsonObject:
    return {"text": answer.text, "private": answer.private}


def _stages_of(request: web.Request, among: Collection[Stage]) -> Collection[Stage]:
    text = request.query.get("stage", "")
    if not text:
        return among
    known = {stage.value: stage for stage in among}
    names = text.split(",")
    if not known.keys() >= set(names):
        raise InvalidFieldsError([FieldError("stage", "stage")])
    return frozenset(known[name] for name in names)


def _tenant_of(request: web.Request) -> TenantId | None:
    text = request.query.get("tenant", "")
    return named("tenant", TenantId, text) if text else None


def _after_of(request: web.Request) -> MessageId | None:
    text = request.query.get("after", "")
    return named("after", MessageId, text) if text else None
