"""
Tells subscriptions of events.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import MessageId


class WebhookClient(Protocol):
    """
    Posts events, signed by the Standard Webhooks.
    """

    @abstractmethod
    async def post(
        self, url: str, body: JsonObject, *, id_: MessageId, secrets: Sequence[SecretText]
    ) -> None:
        """
        Post *body* to *url* as the event *id_*, with a signature by each of *secrets*.

        After a crash the same event, with the same id, may be posted again.

        Raises:
            SubscriberUnavailableError: It was not taken.
            SubscriberGoneError: Nothing is wanted there any more.
            TargetForbiddenError: The hub may not call the address.
        """

    @abstractmethod
    def require_permitted(self, url: str) -> None:
        """
        Refuse an address that shows by itself that the hub may not call it.

        Raises:
            TargetForbiddenError: It does. One whose name stands for such a place raises it when
                it is called.
        """
