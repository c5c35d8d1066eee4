"""
Receivers of events that remember what they were told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from attrs import define, field, frozen

from odoo_ai_config.application.errors import ApplicationError, TargetForbiddenError
from odoo_ai_config.application.ports.webhook_client import WebhookClient
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import MessageId


@frozen
class Told:
    """
    An event as it was posted.
    """

    url: str
    body: JsonObject
    id: MessageId
    secrets: tuple[SecretText, ...]


@define(eq=False)
class MemoryWebhookClient(WebhookClient):
    """
    Takes every event.

    Args:
        told: What was taken, in its order.
        failing: What posting to an address raises, to rehearse a receiver that fails.
        answering: Cleared to rehearse receivers that hang.
        forbidden: Addresses that may not be called.
    """

    told: list[Told] = field(factory=list)
    failing: dict[str, ApplicationError] = field(factory=dict)
    answering: asyncio.Event = field(init=False)
    forbidden: set[str] = field(factory=set)

    @answering.default
    def _answering(self) -> asyncio.Event:
        answering = asyncio.Event()
        answering.set()
        return answering

    async def post(
        self, url: str, body: JsonObject, *, id_: MessageId, secrets: Sequence[SecretText]
    ) -> None:
        await self.answering.wait()
        if url in self.failing:
            raise self.failing[url]
        self.told.append(Told(url, body, id_, tuple(secrets)))

    def require_permitted(self, url: str) -> None:
        if url in self.forbidden:
            raise TargetForbiddenError
