"""
Messages from Chatwoot on their way, and the answers that crews give later.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from odoo_ai_config.application.messages.replay import MOST_AT_ONCE
from odoo_ai_config.domain import errors as domain
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.messages.inbox import MAX_REPLAYS, STUCK, Stage, WrongStageError
from odoo_ai_config.entrypoints.http.messages.handlers import DEFAULT_PAGE, LARGEST_PAGE
from odoo_ai_config.entrypoints.http.openapi.operations import (
    BEARER_SCHEME,
    BODY,
    COMMIT,
    SECURITY_SCHEME,
    VAULT,
    answered,
    header,
    json_body,
    operation,
    path_part,
    query,
)
from odoo_ai_config.entrypoints.http.openapi.shapes import (
    either,
    flag,
    list_of,
    one_of,
    or_null,
    record,
    ref,
    text,
    whole,
)
from odoo_ai_config.entrypoints.http.platform import errors as http
from odoo_ai_config.entrypoints.http.platform.operations import RefusalClass

CREW_SCHEME: Final = "CrewSignature"
_TAG: Final = "messages"
_NO_STORE: Final = ("Cache-Control",)
_NULL: Final[JsonObject] = {"type": "null"}
_ABOUT_ANSWERS: Final = (
    "Signed by the crew's secret, or with a key. Whoever signs is taken for the crew, whatever "
    "key there is. The same answer again changes nothing; one that overtakes the crew's 202 "
    "counts."
)
_ABOUT_REPLAY: Final = (
    "They are routed by the mapping as it is now; an answer that a crew has given already is "
    f"only posted. A message can be sent on its way {MAX_REPLAYS} times."
)


def message_paths() -> JsonObject:
    """
    Everything under ``/v1/messages``.
    """
    message = path_part("message_id", ref("MessageId"), "The message.")
    return {
        "/v1/messages": {
            "get": _reading(
                "listMessages",
                "List messages, newest first, without what was written\n\n"
                "`unresolved` and `dead` are where somebody has to look.",
                schema="MessagePage",
                parameters=_choice(tuple(Stage), DEFAULT_PAGE, LARGEST_PAGE),
            )
        },
        "/v1/messages/replay": {
            "post": operation(
                "replayMessages",
                f"Send stuck messages on their way again, the oldest first\n\n{_ABOUT_REPLAY} "
                "`after` is the `next` of the answer before, not that of a listing.",
                tag=_TAG,
                scope=Scope.MESSAGES_WRITE,
                parameters=_choice(STUCK, MOST_AT_ONCE, MOST_AT_ONCE),
                answers=[answered("What became of each.", ref("Replays"), headers=_NO_STORE)],
                refusals=(*COMMIT, http.InvalidFieldsError, domain.TenantForbiddenError),
            )
        },
        "/v1/messages/{message_id}": {
            "parameters": [message],
            "get": _reading(
                "readMessage",
                "What became of a message\n\nWith `open=1` also what was written, for keys with "
                "`secrets:read`; that is audited.",
                schema="MessageState",
                parameters=[query("open", text(enum=["0", "1"], default="0"))],
                refusals=(*VAULT, *COMMIT, domain.MessageNotFoundError),
            ),
        },
        "/v1/messages/{message_id}/answer": {"parameters": [message], "post": _answering()},
        "/v1/messages/{message_id}/replay": {
            "parameters": [message],
            "post": _moving(
                "replayMessage",
                f"Send a stuck message on its way again\n\n{_ABOUT_REPLAY} It stays where it is "
                "if no mapping claims it.",
                refusals=VAULT,
            ),
        },
        "/v1/messages/{message_id}/discard": {
            "parameters": [message],
            "post": _moving("discardMessage", "Put a stuck message aside for good"),
        },
    }


def message_schemas() -> JsonObject:
    """
    What is answered and taken in at these addresses.
    """
    moment = text("In UTC.", format="date-time")
    receipt: dict[str, JsonObject] = {
        "message_id": ref("MessageId"),
        "stage": one_of(stage.value for stage in Stage),
        "reason": or_null(_reason("Why it is there, or failed last.")),
    }
    contact = ("id", "name", "number", "identifier")
    content = record(
        {
            "text": or_null(text()),
            "contact": record({name: or_null(text()) for name in contact}),
            "channel": or_null(text(examples=["Channel::Whatsapp"])),
            "inbox_name": or_null(text()),
            "attachments": list_of(record({"kind": text(), "url": text()})),
            "sent_at": or_null(text("By Chatwoot's clock, in UTC.", format="date-time")),
        }
    )
    release = record(
        {
            "config_version": whole("0 if there was none.", least=0),
            "mapping_version": whole("Of the mapping that decided.", least=0),
        },
        description="What it was routed with.",
    )
    private = flag("A note in Chatwoot, which the customer does not see.")
    said = record({"text": text(), "private": private})
    state: dict[str, JsonObject] = {
        **receipt,
        "tenant_id": either(ref("TenantId"), _NULL, description="Null if it is nobody's."),
        "domain": either(ref("BusinessArea"), _NULL),
        "crew": either(ref("Crew"), _NULL, description="Null for the default one."),
        "matched_by": {"enum": [*(rule.value for rule in Rule), None]},
        "release": either(release, _NULL),
        "event": text("Chatwoot's name of it.", examples=["message_created"]),
        "account_id": or_null(text()),
        "inbox_id": or_null(text()),
        "conversation_id": or_null(text()),
        "chatwoot_message_id": or_null(text()),
        "delivery_id": or_null(text("Chatwoot's own.")),
        "request_id": or_null(text("Of the webhook, and of every log line since.")),
        "attempts": whole("Failed ones.", least=0),
        "replays": whole("How often somebody sent it on its way again.", least=0),
        "received_at": moment,
        "updated_at": moment,
        "due_at": or_null(text("When the hub goes on with it, in UTC.", format="date-time")),
        "has_text": flag("Whether what the customer wrote is kept."),
        "has_answer": flag("Whether its crew has answered."),
    }
    return {
        "MessageId": text(
            "The hub's own.",
            pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{7,63}$",
            examples=["0198b6e2-7c1f-7cc3-98f5-1a3b5c7d9e0f"],
        ),
        "MessageState": record(
            {
                **state,
                "content": either(content, _NULL, description="With `open=1`."),
                "answer": either(said, _NULL, description="With `open=1`."),
            },
            optional=("content", "answer"),
        ),
        "MessagePage": record(
            {
                "messages": list_of(record(state)),
                "next": or_null(text("What to send as `after`; null on the last page.")),
            }
        ),
        "MessageReceipt": record(receipt),
        "Replays": record(
            {
                "replayed": whole(least=0),
                "left": whole("Those that stay where they are.", least=0),
                "messages": list_of(
                    record(
                        {
                            "message_id": ref("MessageId"),
                            "reason": or_null(_reason("Why it stays where it is.")),
                        }
                    )
                ),
                "next": or_null(text("What to send as `after`; null if nothing is behind.")),
            }
        ),
        "CrewAnswer": _crew_answer(private),
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


def _reason(description: str) -> JsonObject:
    return text(f"{description} A stable code.", pattern="^[a-z_]+$", examples=["no_route"])


def _choice(stages: Collection[Stage], default: int, most: int) -> list[JsonObject]:
    names = "|".join(sorted(stage.value for stage in stages))
    return [
        query(
            "stage",
            text(pattern=f"^({names})(,({names}))*$", examples=["unresolved,dead"]),
            "All of them if it is absent.",
        ),
        query("tenant", ref("TenantId"), "Whose messages; the key's, or else everybody's."),
        query("after", ref("MessageId"), "The `next` of the page before."),
        query("limit", whole(maximum=most, default=default)),
    ]


def _reading(
    identity: str,
    summary: str,
    *,
    schema: str,
    parameters: list[JsonObject],
    refusals: tuple[RefusalClass, ...] = (),
) -> JsonObject:
    return operation(
        identity,
        summary,
        tag=_TAG,
        scope=Scope.MESSAGES_READ,
        parameters=parameters,
        answers=[answered("As it is now.", ref(schema), headers=_NO_STORE)],
        refusals=(*refusals, http.InvalidFieldsError, domain.TenantForbiddenError),
    )


def _moving(identity: str, summary: str, *, refusals: tuple[RefusalClass, ...] = ()) -> JsonObject:
    return operation(
        identity,
        summary,
        tag=_TAG,
        scope=Scope.MESSAGES_WRITE,
        answers=[answered("Where it is now.", ref("MessageReceipt"), headers=_NO_STORE)],
        refusals=(
            *refusals,
            *COMMIT,
            http.InvalidFieldsError,
            domain.MessageNotFoundError,
            domain.TenantForbiddenError,
            WrongStageError,
        ),
    )


def _answering() -> JsonObject:
    described = operation(
        "answerMessage",
        f"Answer a message\n\n{_ABOUT_ANSWERS}",
        tag=_TAG,
        scope=Scope.MESSAGES_WRITE,
        parameters=[
            header("webhook-id", "Standard Webhooks: the id of the message."),
            ref("webhook-timestamp", "parameters"),
            ref("webhook-signature", "parameters"),
        ],
        body=json_body(ref("CrewAnswer")),
        answers=[answered("It is kept.", ref("MessageReceipt"), headers=_NO_STORE)],
        refusals=(
            *BODY,
            *COMMIT,
            *VAULT,
            http.SignatureMissingError,
            http.SignatureInvalidError,
            http.SignatureTimestampError,
            domain.MessageNotFoundError,
            domain.TenantForbiddenError,
            WrongStageError,
        ),
    )
    scopes: list[Json] = [Scope.MESSAGES_WRITE.value]
    described["security"] = [
        {SECURITY_SCHEME: scopes},
        {BEARER_SCHEME: scopes},
        {CREW_SCHEME: []},
    ]
    return described
