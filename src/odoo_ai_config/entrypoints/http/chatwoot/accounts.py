"""
``/v1/chatwoot``: how the hub gets at its Chatwoot accounts. Secrets go in and never come out.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from odoo_ai_config.application.chatwoot.accounts import ChatwootAccount
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.chatwoot import ChatwootChange, Value
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.identifiers import HUB, ChatwootId, CredentialRef
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, read_json, require_json
from odoo_ai_config.entrypoints.http.platform.errors import FieldError, InvalidFieldsError
from odoo_ai_config.entrypoints.http.platform.paths import named
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes

_URL: Final = "base_url"
_API_TOKEN: Final = "api_access_token"  # noqa: S105 - the name of a field
_SECRETS: Final = "webhook_secrets"
_TOKENS: Final = "webhook_tokens"
_FIELDS: Final = frozenset({_URL, _API_TOKEN, _SECRETS, _TOKENS})
_NOTHING: Final = ChatwootChange()
_NO_STORE: Final = {"Cache-Control": "no-store"}


async def list_accounts(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Every account of which something is stored.
    """
    found = await request.app[SERVICES].read_chatwoot_accounts(caller=caller)
    return _answer({"accounts": [shown(account) for account in found]})


async def read_account(request: web.Request, caller: ApiKey) -> web.Response:
    """
    One account, or what holds for every account.
    """
    account = _account_of(request)
    found = await request.app[SERVICES].read_chatwoot_accounts.one(account, caller=caller)
    return _answer(shown(found))


async def set_account(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Change what is said of one account, or of every account.
    """
    # Before anything is said of the body.
    caller.require_tenant(HUB)
    account = _account_of(request)
    raw = await read_body(request)
    require_json(request)
    change = await read_json(request, raw, change_in)
    after = await request.app[SERVICES].set_chatwoot_account(account, change, caller=caller)
    return _answer(shown(after))


def change_in(body: JsonObject) -> ChatwootChange:
    """
    What *body* wants to be different.

    Raises:
        InvalidFieldsError: A field is not what it should be or not known, or nothing is said.
        InvalidValueError: A value breaks a rule.
    """
    if not body.keys() <= _FIELDS:
        # Its name is input too.
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


def shown(account: ChatwootAccount) -> JsonObject:
    """
    An account as everybody with the right to ask may see it.
    """

    def masks(*refs: CredentialRef) -> list[Json]:
        return [account.sealed[ref.value].mask for ref in refs if ref.value in account.sealed]

    settings = account.settings
    tokens = [] if settings.api_token is None else masks(settings.api_token)
    return {
        "account_id": None if account.account is None else account.account.value,
        _URL: settings.base_url,
        _API_TOKEN: next(iter(tokens), None),
        _SECRETS: masks(*settings.webhook_secrets),
        _TOKENS: masks(*settings.webhook_tokens),
    }


def _values(values: Json) -> tuple[Value, ...]:
    found = values if isinstance(values, list) else []
    texts = [value for value in found if isinstance(value, str)]
    return tuple(Fingerprint.from_mask(text) or SecretText(text) for text in texts)


def _account_of(request: web.Request) -> ChatwootId | None:
    text = request.match_info.get("account")
    return None if text is None else named("account_id", ChatwootId, text)


def _answer(body: JsonObject) -> web.Response:
    return web.Response(body=json_bytes(body), content_type="application/json", headers=_NO_STORE)
