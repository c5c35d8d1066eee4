"""
What the hub knows about a Chatwoot account: how to recognise its events, where to send answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from typing import Final, TypeAlias

from attrs import Attribute, field, frozen

from odoo_ai_config.domain.access import is_guessable
from odoo_ai_config.domain.credentials.old_values import require_opened
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.errors import InvalidValueError, UnknownFingerprintError
from odoo_ai_config.domain.identifiers import (
    HUB,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    TenantArea,
)
from odoo_ai_config.domain.json_types import Json, JsonObject, ReadOnlyJsonObject

# Holds the settings that apply to every account.
INSTALLATION: Final = TenantArea(HUB, BusinessArea("chatwoot"))
_PREFIX: Final = "chatwoot-"
MOST_SECRETS: Final = 16
_LONGEST_URL: Final = 2048
# No user, query or fragment: the hub appends the paths of Chatwoot's API.
_URL: Final = re.compile(r"https?://[A-Za-z0-9._\[\]:-]+(/[A-Za-z0-9._~/-]*)?", re.ASCII)
# Needs no escaping in a path.
_PATH_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{20,128}", re.ASCII)


def place_of(account: ChatwootId | None) -> TenantArea:
    """
    Where the settings of *account* are kept; for None, those that apply to every account.

    Raises:
        InvalidValueError: The id cannot be part of a name. Chatwoot numbers its accounts, so this
            happens only with ids of old test scripts.
    """
    if account is None:
        return INSTALLATION
    try:
        return TenantArea(HUB, BusinessArea(_PREFIX + account.value))
    except InvalidValueError:
        raise InvalidValueError("account_id", "chatwoot_id") from None


def account_at(place: BusinessArea) -> ChatwootId | None:
    """
    The account whose settings are at *place*, a place of the hub's own; None if it has none.
    """
    text = place.value
    return ChatwootId(text.removeprefix(_PREFIX)) if text.startswith(_PREFIX) else None


@frozen
class ChatwootAccess:
    """
    The unsealed settings of an account: how to recognise its events and to answer in it.

    Args:
        base_url: Without a slash at the end.
        webhook_secrets: Chatwoot's signing secrets; each webhook, inbox and bot has its own.
        webhook_tokens: Secret last parts of webhook addresses, for versions of Chatwoot that
            do not sign.
    """

    base_url: str | None = None
    api_token: SecretText | None = None
    webhook_secrets: tuple[SecretText, ...] = ()
    webhook_tokens: tuple[SecretText, ...] = ()

    def over(self, other: ChatwootAccess) -> ChatwootAccess:
        """
        These settings, completed by those of *other*.
        """
        return ChatwootAccess(
            self.base_url or other.base_url,
            self.api_token or other.api_token,
            self.webhook_secrets + other.webhook_secrets,
            self.webhook_tokens + other.webhook_tokens,
        )


@frozen
class ChatwootSettings:
    """
    The settings of an account as its documents hold them, with references in place of secrets.

    Args:
        agent_bot: Whether Chatwoot uses a bot for the hub, so that open conversations are for
            people; None if it is not said.
    """

    base_url: str | None = None
    api_token: CredentialRef | None = None
    webhook_secrets: tuple[CredentialRef, ...] = ()
    webhook_tokens: tuple[CredentialRef, ...] = ()
    agent_bot: bool | None = None

    @classmethod
    def read(cls, body: ReadOnlyJsonObject) -> ChatwootSettings:
        """
        Read a ``config`` document. An invalid value counts as absent.
        """
        url, token = body.get("base_url"), body.get("api_access_token_ref")
        bot = body.get("agent_bot")
        return cls(
            url if isinstance(url, str) and url else None,
            next(iter(_refs([token])), None),
            _refs(body.get("webhook_secret_refs")),
            _refs(body.get("webhook_token_refs")),
            bot if isinstance(bot, bool) else None,
        )

    @property
    def body(self) -> JsonObject:
        """
        The ``config`` document.
        """
        return {
            "base_url": self.base_url,
            "api_access_token_ref": None if self.api_token is None else self.api_token.value,
            "webhook_secret_refs": [ref.value for ref in self.webhook_secrets],
            "webhook_token_refs": [ref.value for ref in self.webhook_tokens],
            # Absent in what was written before, which stays as it is.
            **({} if self.agent_bot is None else {"agent_bot": self.agent_bot}),
        }


# A plain value, or the fingerprint of a sealed one that stays.
Value: TypeAlias = SecretText | Fingerprint


@frozen
class ChatwootChange:
    """
    A change of the settings of an account: None leaves a setting, an empty value removes it.
    """

    base_url: str | None = field(default=None)
    api_token: tuple[Value, ...] | None = field(default=None)
    webhook_secrets: tuple[Value, ...] | None = field(default=None)
    webhook_tokens: tuple[Value, ...] | None = field(default=None)
    agent_bot: tuple[bool, ...] | None = field(default=None)

    @base_url.validator
    def _check_base_url(self, _attribute: object, value: str | None) -> None:
        if value and (len(value) > _LONGEST_URL or _URL.fullmatch(value) is None):
            raise InvalidValueError("base_url", "base_url")

    @api_token.validator
    @webhook_secrets.validator
    def _check_open(self, attribute: Attribute[object], values: tuple[Value, ...] | None) -> None:
        where = "api_access_token" if attribute.name == "api_token" else attribute.name
        for value in values or ():
            if isinstance(value, SecretText):
                require_opened(value.reveal(), where)

    @webhook_secrets.validator
    @webhook_tokens.validator
    def _check_count(self, attribute: Attribute[object], values: tuple[Value, ...] | None) -> None:
        if values is not None and len(values) > MOST_SECRETS:
            raise InvalidValueError(attribute.name, "too_many_secrets")

    @webhook_tokens.validator
    def _check_tokens(self, _attribute: object, values: tuple[Value, ...] | None) -> None:
        for value in values or ():
            if isinstance(value, SecretText) and not _is_path_token(value.reveal()):
                raise InvalidValueError("webhook_tokens", "webhook_token")

    def made_on(
        self, settings: ChatwootSettings, known: Mapping[str, Fingerprint]
    ) -> tuple[ChatwootSettings, dict[CredentialRef, Value]]:
        """
        The settings after the change, and the value of every reference in them.

        Args:
            settings: The present ones.
            known: The fingerprints of the sealed values, by reference.

        Raises:
            UnknownFingerprintError: The change keeps a value that does not exist.
        """
        present = () if settings.api_token is None else (settings.api_token,)
        api_token = _placed(self.api_token, present, known, "api_access_token")
        secrets = _placed(self.webhook_secrets, settings.webhook_secrets, known, "webhook_secret")
        tokens = _placed(self.webhook_tokens, settings.webhook_tokens, known, "webhook_token")
        url = settings.base_url if self.base_url is None else self.base_url.rstrip("/") or None
        bot = (settings.agent_bot,) if self.agent_bot is None else self.agent_bot
        changed = ChatwootSettings(
            url,
            next(iter(api_token), None),
            tuple(secrets),
            tuple(tokens),
            next(iter(bot), None),
        )
        return changed, api_token | secrets | tokens


def _is_path_token(text: str) -> bool:
    return _PATH_TOKEN.fullmatch(text) is not None and not is_guessable(text)


def _placed(
    values: tuple[Value, ...] | None,
    present: tuple[CredentialRef, ...],
    known: Mapping[str, Fingerprint],
    stem: str,
) -> dict[CredentialRef, Value]:
    # A fingerprint holds under its own reference only, so a value that stays keeps its
    # reference. The others take the free numbers from 1, so that writing the same values again
    # changes nothing.
    sealed = {known[ref.value]: ref for ref in present if ref.value in known}
    if values is None:
        return {ref: mark for mark, ref in sealed.items()}
    kept = [value for value in values if isinstance(value, Fingerprint)]
    if not sealed.keys() >= set(kept):
        raise UnknownFingerprintError
    taken = {sealed[mark] for mark in kept}
    numbered = (CredentialRef(f"{stem}_{number}") for number in count(1))
    free = (ref for ref in numbered if ref not in taken)
    return {
        sealed[value] if isinstance(value, Fingerprint) else next(free): value for value in values
    }


def _refs(names: Json) -> tuple[CredentialRef, ...]:
    refs = []
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str):
            with suppress(InvalidValueError):
                refs.append(CredentialRef(name))
    return tuple(refs)
