"""
``/v1/chatwoot``: how the hub reaches its Chatwoot accounts. Secrets are written and never read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, TypeAlias

from aiohttp import web
from attrs import frozen

from odoo_ai_config.application.chatwoot.accounts import ChatwootAccount
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.chatwoot import MOST_SECRETS, ChatwootChange, Value
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
from odoo_ai_config.entrypoints.http.platform.bodies import said_in
from odoo_ai_config.entrypoints.http.platform.errors import FieldError, InvalidFieldsError
from odoo_ai_config.entrypoints.http.platform.fields import read_exactly
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    VAULT,
    Operation,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.paths import named
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, shown
from odoo_ai_config.entrypoints.http.platform.schema import Body
from odoo_ai_config.entrypoints.http.platform.wire_types import BrokenRuleError, WireType

ROUTES: Final = RouteGroup("chatwoot", App.CHATWOOT, "config")
_NOTHING: Final = ChatwootChange()


def _text(value: Json, _: object = None) -> str | None:
    if value is False:
        return None
    if not isinstance(value, str | None):
        raise BrokenRuleError("text")
    return value or ""


def _token(value: Json, _: object) -> tuple[Value, ...] | None:
    text = _text(value)
    return None if text is None else _values([text] if text else [])


def _values_in(value: Json, _: object) -> tuple[Value, ...]:
    if not isinstance(value, list | None):
        raise BrokenRuleError("list")
    texts = [item for item in value or () if isinstance(item, str) and item]
    if len(texts) != len(value or ()):
        raise BrokenRuleError("text")
    return _values(texts)


def _values(texts: Iterable[str]) -> tuple[Value, ...]:
    return tuple(Fingerprint.from_mask(text) or SecretText(text) for text in texts)


def _flag(value: Json, _: object) -> tuple[bool, ...]:
    if not isinstance(value, bool | None):
        raise BrokenRuleError("boolean")
    return () if value is None else (value,)


def _nullable(description: str, **more: Json) -> JsonObject:
    return {"type": ["string", "null"], "description": description, **more}


_TEXTS: Final[JsonObject] = {"type": "string", "minLength": 1}
_Values: TypeAlias = Annotated[
    tuple[Value, ...] | None,
    WireType(_values_in, {"type": ["array", "null"], "items": _TEXTS, "maxItems": MOST_SECRETS}),
]


@frozen
class ChatwootAccountChange:
    """
    The changes to an account.
    """

    base_url: Annotated[
        str | None,
        WireType(_text, _nullable("Where Chatwoot is.", examples=["https://chatwoot.example"])),
    ] = None
    api_access_token: Annotated[
        tuple[Value, ...] | None,
        WireType(_token, _nullable("Of a user or bot of the account; write only.")),
    ] = None
    webhook_secrets: _Values = None
    webhook_tokens: _Values = None
    agent_bot: Annotated[
        tuple[bool, ...] | None,
        WireType(
            _flag,
            {
                "type": ["boolean", "null"],
                "description": "Whether Chatwoot uses a bot for the hub.",
            },
        ),
    ] = None


_CHANGE: Final = Body(
    parts=(ChatwootAccountChange,), more={"additionalProperties": False, "minProperties": 1}
)


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
        body=_CHANGE if writes else None,
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
    change = await said_in(request, change_in)
    after = await request.app[SERVICES].set_chatwoot_account(account, change, caller=caller)
    return shown(account_shown(after), NO_STORE)


def change_in(body: JsonObject) -> ChatwootChange:
    """
    The change that *body* describes.

    Raises:
        InvalidFieldsError: A field is invalid or unknown, or there is none.
        InvalidValueError: A value breaks a rule.
    """
    said = read_exactly(ChatwootAccountChange, body, exact=True)
    change = ChatwootChange(
        said.base_url,
        said.api_access_token,
        said.webhook_secrets,
        said.webhook_tokens,
        said.agent_bot,
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
        agent_bot=settings.agent_bot,
    )


def _account_of(request: web.Request) -> ChatwootId | None:
    text = request.match_info.get("account")
    return None if text is None else named("account_id", ChatwootId, text)
