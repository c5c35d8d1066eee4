"""
Subscriptions over HTTP: a POST, signed by the Standard Webhooks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from attrs import frozen

from odoo_ai_config.adapters.outbound.answers import CallFailedError
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.application.errors import (
    SubscriberGoneError,
    SubscriberUnavailableError,
    TargetForbiddenError,
)
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.webhook_client import WebhookClient
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import MessageId

_log = structlog.get_logger(area="hub")

_SUCCESS: Final = range(200, 300)
_GONE: Final = 410
_SIGNATURE: Final = "webhook-signature"
# Receivers take an event in and work on it later.
_TIMEOUT: Final = timedelta(seconds=15)


@frozen(eq=False)
class HttpWebhookClient(WebhookClient):
    """
    Posts events to the addresses of subscriptions, where crews might be, too.
    """

    sessions: HttpSessions
    clock: Clock

    async def post(
        self, url: str, body: JsonObject, *, id_: MessageId, secrets: Sequence[SecretText]
    ) -> None:
        data = json.dumps(body).encode()
        try:
            async with self.sessions.to_crew(
                url,
                data=data,
                headers=self._headers(data, id_, secrets),
                timeout=_TIMEOUT,
                clock=self.clock,
            ) as response:
                status = response.status
        except ValueError:
            # Its host has a label that is empty or too long.
            raise TargetForbiddenError from None
        except CallFailedError as failure:
            _log.warning(f"subscriber_{failure.event}", **failure.told)
            raise SubscriberUnavailableError(failure.retry_after) from None
        if status == _GONE:
            raise SubscriberGoneError
        if status not in _SUCCESS:
            # A receiver that is set up wrongly may be mended.
            _log.warning("subscriber_refused", status=status)
            raise SubscriberUnavailableError

    def require_permitted(self, url: str) -> None:
        self.sessions.require_permitted(url)

    def _headers(
        self, data: bytes, id_: MessageId, secrets: Sequence[SecretText]
    ) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        signatures = []
        for secret in secrets:
            key = SigningKey.from_standard_webhooks(secret)
            headers |= key.standard_webhook_headers(id_.value, data, at=self.clock.now())
            signatures.append(headers[_SIGNATURE])
        return headers | {_SIGNATURE: " ".join(signatures)}
