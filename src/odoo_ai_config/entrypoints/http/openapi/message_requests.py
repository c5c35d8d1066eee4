"""
What Chatwoot, crews and operators send about messages and accounts, as schemas.
"""

from __future__ import annotations

from odoo_ai_config.domain.chatwoot import MOST_SECRETS
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.openapi.shapes import (
    either,
    flag,
    list_of,
    or_null,
    record,
    text,
)

_NULL: JsonObject = {"type": "null"}


def message_schemas() -> JsonObject:
    """
    What is sent.
    """
    anything: JsonObject = {"description": "Whatever Chatwoot has to tell."}
    secrets = list_of(text(minLength=1), maxItems=MOST_SECRETS)
    change: dict[str, JsonObject] = {
        "base_url": or_null(text("Where Chatwoot is.", examples=["https://chatwoot.example"])),
        "api_access_token": or_null(text("Of a user or bot of the account; write only.")),
        "webhook_secrets": {**secrets, "type": ["array", "null"]},
        "webhook_tokens": {**secrets, "type": ["array", "null"]},
    }
    return {
        "ChatwootEvent": {
            "type": "object",
            "description": "As Chatwoot makes it. Whatever is in it, it is kept or ignored.",
            "properties": {
                "event": text(examples=["message_created"]),
                "id": either({"type": "integer"}, text()),
                "content": anything,
                "account": anything,
                "conversation": anything,
                "inbox": anything,
                "sender": anything,
            },
        },
        "ChatwootAccountChange": record(
            change, optional=tuple(change), additionalProperties=False, minProperties=1
        ),
        "CrewAnswer": _crew_answer(flag("A note in Chatwoot, which the customer does not see.")),
    }


def _crew_answer(private: JsonObject) -> JsonObject:
    # One with a member that is not told here is refused.
    chatwoots: dict[str, JsonObject] = {
        "content": or_null(text("The same, as older crews say it.")),
        "private": or_null(private),
        "message_type": {"enum": ["outgoing", None]},
        "content_type": {"enum": ["text", None]},
    }
    said = _closed({"text": or_null(text()), "private": or_null(private)}, needed="text")
    members: dict[str, JsonObject] = {
        "answer": either(said, text(), _NULL, description="Null for no answer."),
        "response": either(
            _closed(chatwoots, needed="content"), _NULL, description="The same again."
        ),
        **chatwoots,
        "routing": {"description": "Not looked at."},
        "error": {"description": "Why there is no answer; not looked at beside one."},
    }
    return {**_closed(members), "examples": [{"answer": {"text": "Das 9h às 18h."}}]}


def _closed(members: dict[str, JsonObject], *, needed: str = "") -> JsonObject:
    optional = [name for name in members if name != needed]
    return record(members, optional=optional, additionalProperties=False)
