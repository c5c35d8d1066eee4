"""
Chatwoot's own API, as far as answers need it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from attrs import frozen
from yarl import URL

from odoo_ai_config.adapters.outbound.answers import (
    CallFailedError,
    UnreadableError,
    json_in,
)
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.application.errors import ChatwootRefusedError, ChatwootUnavailableError
from odoo_ai_config.application.ports.chatwoot_client import ChatwootClient, Conversation
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.domain.crews import Answer
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.messages.inbox import MessageId

if TYPE_CHECKING:
    from aiohttp import ClientResponse

# Chatwoot keeps `content_attributes` of a text message as they are and shows them in lists. A
# `source_id` would not do for a mark: a message that has one counts as coming from the channel
# and is not sent to the customer. `echo_id` is not kept.
_MARK: Final = "odoo_ai_config_answer_to"
# Chatwoot takes an outgoing message for a Liquid template, which could show a customer what
# agents noted about them. A word joiner, which nobody sees, makes text of it again.
_TEMPLATE: Final = re.compile(r"\{(?=[{%])")
_SUCCESS: Final = range(200, 300)
# The token of an agent bot may write but not read. One that may not write either is found out
# when it posts.
_MAY_NOT_LOOK: Final = frozenset({401, 403})

_log = structlog.get_logger(area="hub")


@frozen(eq=False)
class HttpChatwootClient(ChatwootClient):
    """
    Posts outgoing messages and looks for those that were posted.

    Args:
        timeout: How long a call may take.
    """

    sessions: HttpSessions
    clock: Clock
    timeout: timedelta = timedelta(seconds=20)

    async def post(self, conversation: Conversation, answer: Answer, *, to: MessageId) -> None:
        message: JsonObject = {
            "content": _TEMPLATE.sub("{\u2060", answer.text),
            "message_type": "outgoing",
            "private": answer.private,
            "content_type": "text",
            "content_attributes": {_MARK: to.value},
        }
        status, body = await self._call("POST", conversation, json=message)
        # Something else than Chatwoot's API may say yes too, a front page for instance.
        if status not in _SUCCESS or not (isinstance(body, dict) and "id" in body):
            raise _refusal(conversation, status)

    async def has_answer(
        self, conversation: Conversation, answer: Answer, *, to: MessageId
    ) -> bool:
        # Without private notes and activities, the newest page goes further back.
        params = {} if answer.private else {"filter_internal_messages": "true"}
        status, body = await self._call("GET", conversation, params=params)
        if status in _MAY_NOT_LOOK:
            _log.warning("chatwoot_not_readable", account=str(conversation.account))
            return False
        messages = body.get("payload") if isinstance(body, dict) else None
        if status not in _SUCCESS or not isinstance(messages, list):
            raise _refusal(conversation, status)
        return any(_mark_of(message) == to.value for message in messages)

    async def _call(
        self,
        method: str,
        conversation: Conversation,
        *,
        json: JsonObject | None = None,
        params: dict[str, str] | None = None,
    ) -> tuple[int, Json]:
        try:
            async with self.sessions.to_chatwoot(
                method,
                _messages_of(conversation),
                json=json,
                params=params,
                headers={"api_access_token": conversation.token.reveal()},
                timeout=self.timeout,
                clock=self.clock,
            ) as response:
                return response.status, await _json_or_none(response)
        except ValueError:
            # The base URL or the token. Neither is to be shown.
            raise _refusal(conversation, None) from None
        except CallFailedError as failure:
            _log.warning(
                f"chatwoot_{failure.event}", account=str(conversation.account), **failure.told
            )
            raise ChatwootUnavailableError(failure.retry_after) from None


async def _json_or_none(response: ClientResponse) -> Json:
    try:
        return await json_in(response)
    except UnreadableError:
        return None


def _messages_of(conversation: Conversation) -> URL:
    base = URL(conversation.base_url.rstrip("/"))
    place = f"accounts/{conversation.account}/conversations/{conversation.id}"
    return base / f"api/v1/{place}/messages"


def _mark_of(message: Json) -> Json:
    if not isinstance(message, dict):
        return None
    attributes = message.get("content_attributes")
    return attributes.get(_MARK) if isinstance(attributes, dict) else None


def _refusal(conversation: Conversation, status: int | None) -> ChatwootRefusedError:
    _log.warning("chatwoot_refused", account=str(conversation.account), status=status)
    return ChatwootRefusedError()
