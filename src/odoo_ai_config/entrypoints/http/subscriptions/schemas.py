"""
Answers about subscriptions.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from odoo_ai_config.domain.feed import FeedKind
from odoo_ai_config.domain.subscriptions import MessageOutcome
from odoo_ai_config.entrypoints.http.platform.schema import Moment, SubscriptionIdText, answer


@answer
class SubscriptionOff:
    """
    Why nothing is told.
    """

    at: Moment
    reason: Annotated[
        str, Meta(description="`by_hand`, `failing` (for three days) or `address_gone` (410).")
    ]


@answer
class SubscriptionState:
    """
    A subscription, without its secret.
    """

    id: SubscriptionIdText
    url: str
    kinds: list[FeedKind]
    outcomes: list[MessageOutcome]
    created_at: Moment
    old_secret_until: Annotated[
        Moment | None, Meta(description="So long the secret before the last one signs, too.")
    ]
    off: SubscriptionOff | None


@answer
class CreatedSubscription(SubscriptionState):
    """
    A subscription with its new secret.
    """

    secret: Annotated[
        str,
        Meta(
            description="Checks signatures by the Standard Webhooks. It is shown only now.",
            extra_json_schema={"format": "password"},
        ),
    ]


@answer
class SubscriptionList:
    """
    The subscriptions of one tenant, or to the whole hub.
    """

    subscriptions: Annotated[list[SubscriptionState], Meta(description="Oldest first.")]


@answer
class RemovedSubscription:
    """
    The subscription is gone.
    """

    removed: SubscriptionIdText


@answer
class SentTrial:
    """
    An event of the type `test` is on its way.
    """

    message_id: Annotated[str, Meta(description="For `GET /v1/messages/{message_id}`.")]
