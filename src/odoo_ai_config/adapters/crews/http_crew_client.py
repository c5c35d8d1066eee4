"""
Crews that are services of their own, asked by a signed POST.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import structlog
from attrs import AttrsInstance, asdict, frozen

from odoo_ai_config.adapters.outbound.answers import (
    CallFailedError,
    UnreadableError,
    json_in,
)
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.application.errors import (
    CrewRefusedError,
    CrewUnavailableError,
    TargetForbiddenError,
)
from odoo_ai_config.application.off_loop import ENTRY, cost_of, run_off_loop
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.crews import Crew, CrewTask
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.answer_bodies import answer_in
from odoo_ai_config.domain.messages.answers import DEFERRED, Answer, Deferred, NoReply

if TYPE_CHECKING:
    from aiohttp import ClientResponse

_ACCEPTED: Final = 202
_SUCCESS: Final = range(200, 300)

_log = structlog.get_logger(area="hub")


@frozen(eq=False)
class HttpCrewClient(CrewClient):
    """
    Posts a task to the crew's address and reads its answer.

    Args:
        public_url: Where crews reach this hub with answers that they give later, if they can.
    """

    sessions: HttpSessions
    clock: Clock
    public_url: str | None = None

    async def ask(
        self, crew: Crew, task: CrewTask, *, secret: SecretText | None
    ) -> Answer | Deferred | NoReply:
        if crew.url is None:
            raise CrewRefusedError
        body = await run_off_loop(
            lambda: json.dumps(described(crew, task, self.public_url)).encode(),
            cost=cost_of_task(task),
        )
        try:
            async with self.sessions.to_crew(
                crew.url,
                data=body,
                headers=self._headers(crew, task, body, secret),
                timeout=crew.timeout,
                clock=self.clock,
            ) as response:
                return await _understood(crew, response)
        except ValueError:
            # Its host has a label that is empty or too long.
            raise TargetForbiddenError from None
        except CallFailedError as failure:
            _log.warning(f"crew_{failure.event}", crew=crew.name, **failure.told)
            raise CrewUnavailableError(failure.retry_after) from None

    def _headers(
        self, crew: Crew, task: CrewTask, body: bytes, secret: SecretText | None
    ) -> dict[str, str]:
        message_id = task.received.id.value
        headers = {"Content-Type": "application/json", "Idempotency-Key": message_id}
        if secret is None:
            return headers
        try:
            key = SigningKey.from_standard_webhooks(secret)
        except ValueError:
            _log.warning("crew_secret_unusable", crew=crew.name)
            raise CrewRefusedError from None
        return headers | key.standard_webhook_headers(message_id, body, at=self.clock.now())


def cost_of_task(task: CrewTask) -> int:
    """
    The cost of describing *task* as JSON.
    """
    told = cost_of(*(utterance.text for utterance in task.history))
    for message in (task.message, *task.parts):
        told += cost_of(
            message.text,
            message.quoted,
            message.previous_text,
            [*message.submitted_values],
            [*message.conversation.labels],
            message.conversation.custom_attributes,
            [file.transcription for file in message.attachments],
        )
        told += ENTRY * (2 + len(message.attachments))
    return told


async def _understood(crew: Crew, response: ClientResponse) -> Answer | Deferred | NoReply:
    if response.status not in _SUCCESS:
        _log.warning("crew_refused", crew=crew.name, status=response.status)
        raise CrewRefusedError
    if response.status == _ACCEPTED:
        return DEFERRED
    try:
        body = await json_in(response)
    except UnreadableError:
        _log.warning("crew_answer_unreadable", crew=crew.name, status=response.status)
        raise CrewRefusedError from None
    try:
        return await run_off_loop(lambda: answer_in(body), cost=cost_of(body))
    except InvalidValueError as error:
        if error.rule == "answer" and isinstance(body, dict) and body.get("error"):
            _log.warning("crew_failed", crew=crew.name, status=response.status)
            raise CrewUnavailableError from None
        _log.warning("crew_answer_unreadable", crew=crew.name, field=error.field, rule=error.rule)
        raise CrewRefusedError from None


def described(crew: Crew, task: CrewTask, public_url: str | None) -> JsonObject:
    """
    The body that a crew is sent.
    """
    received, message = task.received, task.message
    origin, destination = received.origin, received.destination
    owner = crew.owner if destination is None else destination.owner
    conversation_id = None if origin.conversation is None else origin.conversation.value
    reply = message.in_reply_to
    return {
        "id": received.id.value,
        "tenant": owner.tenant.value,
        "domain": owner.domain.value,
        "crew": crew.name,
        "channel": {
            "account_id": None if origin.account is None else origin.account.value,
            "inbox_id": None if origin.inbox is None else origin.inbox.value,
            "inbox_name": message.inbox_name,
            "kind": message.channel,
        },
        "contact": _members_of(message.contact),
        "conversation_id": conversation_id,
        "conversation": {"id": conversation_id, **_members_of(message.conversation)},
        "message_id": None if origin.message is None else origin.message.value,
        "sent_at": None if message.sent_at is None else message.sent_at.isoformat(),
        "content_type": message.content_type,
        "text": message.text,
        "in_reply_to": None if reply is None else _members_of(reply),
        "quoted": message.quoted,
        "reaction": message.reaction,
        "unsupported": message.unsupported,
        "voice_call": message.voice_call,
        "edited": message.edited,
        "previous_text": message.previous_text,
        "submitted_values": [*message.submitted_values],
        "submitted_email": message.submitted_email,
        "attachments": [_members_of(file) for file in message.attachments],
        "parts": [
            {
                "text": part.text,
                "sent_at": None if part.sent_at is None else part.sent_at.isoformat(),
                "attachments": [_members_of(file) for file in part.attachments],
            }
            for part in task.parts
        ],
        "history": [
            {"at": said.at.isoformat(), "by": said.by.value, "text": said.text}
            for said in task.history
        ],
        "newer_waiting": task.newer_waiting,
        "matched_by": None if destination is None else destination.matched_by.value,
        "release": None
        if destination is None
        else {
            "config_version": destination.release.config_version,
            "mapping_version": destination.release.mapping_version,
        },
        "received_at": received.received_at.isoformat(),
        "attempt": received.attempts + 1,
        "callback_url": None
        if public_url is None
        else f"{public_url.rstrip('/')}/v1/messages/{received.id}/answer",
    }


def _members_of(part: AttrsInstance) -> JsonObject:
    # The attributes have the names of the members.
    return asdict(part, value_serializer=_as_json)


def _as_json(_part: object, _attribute: object, value: object) -> object:
    if isinstance(value, ChatwootId):
        return value.value
    return [*value] if isinstance(value, tuple) else value
