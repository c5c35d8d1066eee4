"""
Events of Chatwoot and answers to it, and answers about its accounts.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from odoo_ai_config.application.messages.intake import NO_ROUTE
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.messages.inbox import AMENDED_REASON, Reception
from odoo_ai_config.domain.messages.receiving import Ignored
from odoo_ai_config.entrypoints.http.platform.schema import Always, Component, answer

# Why a message is ignored or has no route.
_REASONS: Final = (*(one.value for one in (*Ignored, *Silence)), AMENDED_REASON, NO_ROUTE)
ReasonText: TypeAlias = Annotated[str, Meta(extra_json_schema={"enum": list(_REASONS)})]
Mask: TypeAlias = Annotated[
    str,
    Meta(description="The fingerprint of a sealed value.", pattern="^sealed:[0-9a-f]{32}$"),
]

_ANYTHING: Final = {"description": "Whatever Chatwoot has to tell."}
CHATWOOT_EVENT: Final = Component(
    "ChatwootEvent",
    {
        "type": "object",
        "description": "As Chatwoot makes it. Whatever is in it, it is kept or ignored.",
        "properties": {
            "event": {"type": "string", "examples": ["message_created"]},
            "id": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "content": _ANYTHING,
            "account": _ANYTHING,
            "conversation": _ANYTHING,
            "inbox": _ANYTHING,
            "sender": _ANYTHING,
        },
    },
)


@answer
class Receipt:
    """
    The event is durable: in the store, or `spooled` on the hub's disk until the store is back.
    """

    success: Always
    status: Reception
    message_id: Annotated[
        str,
        Meta(description="The hub's id of the event; a repeated event has the id of the first."),
    ]
    reason: Annotated[
        ReasonText | None,
        Meta(description="Why it is ignored or has no route (`no_route`)."),
    ]


@answer
class WebhookHealth:
    """
    The webhook answers.
    """

    status: Literal["healthy"]
    timestamp: float


@answer
class ChatwootAccount:
    """
    The settings of an account, with fingerprints instead of secrets.
    """

    account_id: Annotated[str | None, Meta(description="Null for the settings of all accounts.")]
    base_url: str | None
    api_access_token: Mask | None
    webhook_secrets: list[Mask]
    webhook_tokens: list[Mask]
    agent_bot: Annotated[
        bool | None,
        Meta(
            description="Whether Chatwoot uses a bot for the hub, so that open conversations are "
            "for people. Null for the setting of all accounts, or no."
        ),
    ]


@answer
class ChatwootAccountList:
    """
    The accounts that have settings.
    """

    accounts: list[ChatwootAccount]
