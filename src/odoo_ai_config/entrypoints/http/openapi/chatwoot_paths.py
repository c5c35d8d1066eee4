"""
Where Chatwoot pushes to, and where the operator says how its accounts are reached.
"""

from __future__ import annotations

from typing import Final

from odoo_ai_config.application import errors as application
from odoo_ai_config.application.messages.intake import NO_ROUTE, Reception
from odoo_ai_config.domain import errors as domain
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.chatwoot import MOST_SECRETS
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.messages.receiving import Ignored
from odoo_ai_config.entrypoints.http.openapi.operations import (
    BODY,
    COMMIT,
    SECURITY_SCHEME,
    VAULT,
    answered,
    json_body,
    operation,
    path_part,
)
from odoo_ai_config.entrypoints.http.openapi.shapes import (
    constant,
    either,
    list_of,
    one_of,
    or_null,
    record,
    ref,
    text,
)
from odoo_ai_config.entrypoints.http.platform import errors as http

SIGNATURE_SCHEME: Final = "ChatwootSignature"
_TAG: Final = "chatwoot"
_ABOUT: Final = (
    "Any one of these must vouch for it: a signature of Chatwoot, the secret at the end of the "
    "address, or an API key with the scope `webhook`. A wrong signature is refused in any case. "
    "A key may need one by Standard Webhooks besides. "
    "What vouches must belong to the account that the event names.\n\n"
    "The answer is sent after the event is durable and before anything is done. The same event "
    "again is answered with `duplicate` and the id of the first."
)
_HEADERS: Final = ("X-Chatwoot-Signature", "X-Chatwoot-Timestamp", "X-Chatwoot-Delivery")
_REFUSALS: Final = (
    *BODY,
    *COMMIT,
    *VAULT,
    http.BodyTooLargeError,
    http.RateLimitedError,
    http.SignatureMissingError,
    http.SignatureInvalidError,
    http.SignatureTimestampError,
    http.WebhookTokenInvalidError,
    domain.InvalidApiKeyError,
    ScopeMissingError,
    domain.TenantForbiddenError,
    application.MessageRecordedError,
    application.StoreUnavailableError,
    application.StoreUnusableError,
)


def chatwoot_paths() -> JsonObject:
    """
    Every address that has to do with Chatwoot.
    """
    account = path_part("account", text("Chatwoot's id of it.", examples=["1"]), "The account.")
    token = path_part(
        "token",
        text(format="password"),
        "The secret of the address; `chatwoot` or `webhook` for none.",
    )
    return {
        "/webhook": {
            "get": _healthy("showWebhook", "Whether the webhook answers"),
            "post": _receive("receiveMessage", "Take in an event of Chatwoot"),
        },
        "/webhook/{token}": {
            "parameters": [token],
            "get": _healthy("showWebhookWithToken", "Whether the webhook answers"),
            "post": _receive("receiveMessageWithToken", "The same, vouched for by the address"),
        },
        "/v1/chatwoot/accounts": {
            "get": _of_account(
                "listChatwootAccounts",
                "List the accounts of which something is stored",
                schema="ChatwootAccountList",
            )
        },
        "/v1/chatwoot/accounts/{account}": {
            "parameters": [account],
            "get": _of_account("readChatwootAccount", "How one account is reached"),
            "put": _of_account(
                "setChatwootAccount",
                "Say how one account is reached\n\n"
                "A field that is absent stays as it is; `null` or an empty list removes. A value "
                "`sealed:...` that was read stays. Unknown fields, `account_id` among them, and a "
                "body that says nothing are refused.",
                body=json_body(ref("ChatwootAccountChange")),
            ),
        },
        "/v1/chatwoot/installation": {
            "get": _of_account(
                "readChatwootInstallation", "What holds for every account, beside its own"
            ),
            "put": _of_account(
                "setChatwootInstallation",
                "Say what holds for every account\n\nFields as for one account.",
                body=json_body(ref("ChatwootAccountChange")),
            ),
        },
    }


def chatwoot_schemas() -> JsonObject:
    """
    What is sent to these addresses and answered there.
    """
    sealed = text("The fingerprint of a sealed value.", pattern="^sealed:[0-9a-f]{32}$")
    reasons: list[str | None] = [reason.value for reason in Ignored]
    anything: JsonObject = {"description": "Whatever Chatwoot has to tell."}
    some_id = either({"type": "integer"}, text())
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
                "id": some_id,
                "content": anything,
                "account": anything,
                "conversation": anything,
                "inbox": anything,
                "sender": anything,
            },
        },
        "Receipt": record(
            {
                "success": constant(value=True),
                "status": one_of(reception.value for reception in Reception),
                "message_id": text("What the hub calls it; of the first one if it came before."),
                "reason": {
                    "description": "Why it is ignored, or goes nowhere (`no_route`).",
                    "enum": _nullable([*reasons, NO_ROUTE]),
                },
            }
        ),
        "WebhookHealth": record({"status": constant("healthy"), "timestamp": {"type": "number"}}),
        "ChatwootAccount": record(
            {
                "account_id": or_null(text("Null for what holds for every account.")),
                "base_url": or_null(text()),
                "api_access_token": or_null(sealed),
                "webhook_secrets": list_of(sealed),
                "webhook_tokens": list_of(sealed),
            }
        ),
        "ChatwootAccountList": record({"accounts": list_of(ref("ChatwootAccount"))}),
        "ChatwootAccountChange": record(
            change, optional=tuple(change), additionalProperties=False, minProperties=1
        ),
    }


def _nullable(values: list[str | None]) -> list[Json]:
    return [*values, None]


def _receive(identity: str, summary: str) -> JsonObject:
    described = operation(
        identity,
        f"{summary}\n\n{_ABOUT}",
        tag=_TAG,
        parameters=[ref(name, "parameters") for name in _HEADERS],
        body=json_body(ref("ChatwootEvent")),
        answers=[answered("It is kept.", ref("Receipt"))],
        refusals=_REFUSALS,
    )
    # Any one of them; that the address may vouch too, OpenAPI has no word for.
    described["security"] = [{SECURITY_SCHEME: [Scope.WEBHOOK.value]}, {SIGNATURE_SCHEME: []}]
    return described


def _healthy(identity: str, summary: str) -> JsonObject:
    return operation(
        identity,
        summary,
        tag=_TAG,
        answers=[answered("It does.", ref("WebhookHealth"))],
    )


def _of_account(
    identity: str,
    summary: str,
    *,
    schema: str = "ChatwootAccount",
    body: JsonObject | None = None,
) -> JsonObject:
    refused = (domain.EncryptedValueError, domain.UnknownFingerprintError)
    writes = () if body is None else (*BODY, *COMMIT, *VAULT, *refused)
    return operation(
        identity,
        summary,
        tag=_TAG,
        scope=Scope.ADMIN,
        body=body,
        answers=[
            answered("With fingerprints for secrets.", ref(schema), headers=["Cache-Control"])
        ],
        refusals=(
            *writes,
            http.InvalidFieldsError,
            domain.InvalidValueError,
            domain.TenantForbiddenError,
        ),
    )
