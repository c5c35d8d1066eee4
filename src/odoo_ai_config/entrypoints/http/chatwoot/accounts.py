"""
``/v1/chatwoot``: how the hub reaches its Chatwoot accounts. Secrets are written and never read.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from odoo_ai_config.application.chatwoot.accounts import ChatwootAccount
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.chatwoot import ChatwootChange, Value
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.errors import (
    EncryptedValueError,
    InvalidValueError,
    TenantForbiddenError,
    UnknownFingerprintError,
)
from odoo_ai_config.domain.identifiers import HUB, ChatwootId, CredentialRef
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.chatwoot.schemas import (
    ChatwootAccount as ChatwootAccountAnswer,
)
from odoo_ai_config.entrypoints.http.chatwoot.schemas import ChatwootAccountList
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, read_json, require_json
from odoo_ai_config.entrypoints.http.platform.errors import FieldError, InvalidFieldsError
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    VAULT,
    Operation,
    Ref,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.paths import named
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, shown

ROUTES: Final = RouteGroup("chatwoot", App.CHATWOOT, "config")
_URL: Final = "base_url"
_API_TOKEN: Final = "api_access_token"  # noqa: S105 - the name of a field
_SECRETS: Final = "webhook_secrets"
_TOKENS: Final = "webhook_tokens"
_FIELDS: Final = frozenset({_URL, _API_TOKEN, _SECRETS, _TOKENS})
_NOTHING: Final = ChatwootChange()


def _of_account(
    method: str,
    path: str,
    identity: str,
    summary: str = "",
    *,
    answer: object = ChatwootAccountAnswer,
) -> Operation:
    writes = method == "PUT"
    return Operation(
        ROUTES,
        method,
        path,
        identity=identity,
        summary=summary,
        scope=Scope.ADMIN,
        body=Ref("ChatwootAccountChange") if writes else None,
        answer=answer,
        answer_headers=("Cache-Control",),
        refusals=(
            *((*COMMIT, *VAULT, EncryptedValueError, UnknownFingerprintError) if writes else ()),
            InvalidFieldsError,
            InvalidValueError,
            TenantForbiddenError,
        ),
    )


@_of_account("GET", "/v1/chatwoot/accounts", "listChatwootAccounts", answer=ChatwootAccountList)
async def list_accounts(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List the accounts that have settings.
    """
    found = await request.app[SERVICES].read_chatwoot_accounts(caller=caller)
    return shown(
        ChatwootAccountList(accounts=[account_shown(account) for account in found]), NO_STORE
    )


@_of_account("GET", "/v1/chatwoot/accounts/{account}", "readChatwootAccount")
@_of_account(
    "GET",
    "/v1/chatwoot/installation",
    "readChatwootInstallation",
    "Read the settings for all accounts",
)
async def read_account(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read the settings of one account.
    """
    account = _account_of(request)
    found = await request.app[SERVICES].read_chatwoot_accounts.one(account, caller=caller)
    return shown(account_shown(found), NO_STORE)


@_of_account("PUT", "/v1/chatwoot/accounts/{account}", "setChatwootAccount")
@_of_account(
    "PUT",
    "/v1/chatwoot/installation",
    "setChatwootInstallation",
    "Change the settings for all accounts\n\nThe fields are those of one account.",
)
async def set_account(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Change the settings of one account.

    An absent field stays as it is; `null` or an empty list removes its value. A `sealed:...` value
    from an earlier answer stays. An unknown field, such as `account_id`, is refused, and so is a
    body without a field.
    """
    # Before the answer can tell anything about the body.
    caller.require_tenant(HUB)
    account = _account_of(request)
    raw = await read_body(request)
    require_json(request)
    change = await read_json(request, raw, change_in)
    after = await request.app[SERVICES].set_chatwoot_account(account, change, caller=caller)
    return shown(account_shown(after), NO_STORE)


def change_in(body: JsonObject) -> ChatwootChange:
    """
    The change that *body* describes.

    Raises:
        InvalidFieldsError: A field is invalid or unknown, or there is none.
        InvalidValueError: A value breaks a rule.
    """
    if not body.keys() <= _FIELDS:
        # Its name is input, too.
        raise InvalidFieldsError([FieldError("body", "unknown_field")])
    url, token = body.get(_URL, False), body.get(_API_TOKEN, False)
    errors = [
        FieldError(name, "text")
        for name, value in ((_URL, url), (_API_TOKEN, token))
        if not (value is None or value is False or isinstance(value, str))
    ]
    for name in (_SECRETS, _TOKENS):
        value = body.get(name)
        if not (value is None or isinstance(value, list)):
            errors.append(FieldError(name, "list"))
        elif any(not isinstance(item, str) or not item for item in value or ()):
            errors.append(FieldError(name, "text"))
    if errors:
        raise InvalidFieldsError(errors)
    change = ChatwootChange(
        None if url is False else str(url or ""),
        None if token is False else _values([token] if token else []),
        _values(body[_SECRETS]) if _SECRETS in body else None,
        _values(body[_TOKENS]) if _TOKENS in body else None,
    )
    if change == _NOTHING:
        raise InvalidFieldsError([FieldError("body", "nothing_said")])
    return change


def account_shown(account: ChatwootAccount) -> ChatwootAccountAnswer:
    """
    An account as the API shows it, without secrets.
    """

    def masks(*refs: CredentialRef) -> list[str]:
        return [account.sealed[ref.value].mask for ref in refs if ref.value in account.sealed]

    settings = account.settings
    tokens = [] if settings.api_token is None else masks(settings.api_token)
    return ChatwootAccountAnswer(
        account_id=None if account.account is None else account.account.value,
        base_url=settings.base_url,
        api_access_token=next(iter(tokens), None),
        webhook_secrets=masks(*settings.webhook_secrets),
        webhook_tokens=masks(*settings.webhook_tokens),
    )


def _values(values: Json) -> tuple[Value, ...]:
    found = values if isinstance(values, list) else []
    texts = [value for value in found if isinstance(value, str)]
    return tuple(Fingerprint.from_mask(text) or SecretText(text) for text in texts)


def _account_of(request: web.Request) -> ChatwootId | None:
    text = request.match_info.get("account")
    return None if text is None else named("account_id", ChatwootId, text)
