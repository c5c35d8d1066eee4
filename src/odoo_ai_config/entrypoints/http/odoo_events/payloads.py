"""
What Odoo's events mean to the domain. Nothing else knows their shapes.

The same event comes flat (the documented form), nested (what Odoo's button sends) or both;
what is nested wins. Fields that the hub does not know are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.channels.mapping import (
    DEFAULT_SEQUENCE,
    ChannelKey,
    ChannelMapping,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.syncs import (
    CompanyMetadataSync,
    CredentialsSync,
    OdooConnection,
    SocialAccount,
)
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import (
    BusinessDomain,
    ChatwootId,
    CredentialRef,
    TenantDomain,
    TenantId,
)
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.outcomes import EVENTS, WriteKind
from odoo_ai_config.entrypoints.http.platform.errors import TokenMissingError, UnknownEventError
from odoo_ai_config.entrypoints.http.platform.fields import FieldReader, is_absent

_BY_NAME: Final = {kind.value: kind for kind in EVENTS}
_BY_OBJECT: Final = {"credentials": WriteKind.CREDENTIALS, "mapping": WriteKind.MAPPING}
_BY_SOURCE: Final = {
    "credentials": WriteKind.CREDENTIALS,
    "channel_mapping": WriteKind.MAPPING,
}

# Chatwoot counts from 1, and Python's str() of an empty Odoo field is no id either.
_NO_CHANNEL: Final[tuple[Json, ...]] = (0, "0", "None", "False")


@frozen
class _SocialFields:
    public: tuple[str, ...]
    secret: tuple[str, ...]


_SOCIAL: Final[Mapping[str, _SocialFields]] = {
    "facebook": _SocialFields(("app_id",), ("app_secret", "access_token")),
    "instagram": _SocialFields(("client_id",), ("client_secret", "access_token")),
    "mercado_livre": _SocialFields(("app_id",), ("client_secret", "access_token")),
}

# Sections of ``integrations`` of which the hub knows fields that hold no secret.
_LEAVES: Final[Mapping[str, tuple[str, ...]]] = {
    "mcp": ("type",),
    "qdrant": ("collection",),
    "redis": ("prefix",),
}

_MENTIONS: Final = tuple(f"mention_{name}_at_end" for name in ("website", "facebook", "instagram"))
_ADDRESS: Final = ("street", "street2", "city", "state", "zip", "country")
_BUSINESS_FLAGS: Final = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "has_lunch_break",
)
_BUSINESS_HOURS: Final = (
    "business_hours_start",
    "business_hours_end",
    "lunch_break_start",
    "lunch_break_end",
    "saturday_hours_start",
    "saturday_hours_end",
    "sunday_hours_start",
    "sunday_hours_end",
)


def event_of(body: JsonObject) -> WriteKind:
    """
    Tell which event *body* is.

    Raises:
        UnknownEventError: Nothing tells it, or ``event_type`` names another one.
    """
    named = body.get("event_type")
    if not is_absent(named):
        return _known(_BY_NAME, named)
    event = body.get("event")
    if isinstance(event, str) and event in _BY_NAME:
        return _BY_NAME[event]
    for name, kind in _BY_OBJECT.items():
        if not is_absent(body.get(name)):
            return kind
    return _known(_BY_SOURCE, body.get("source"))


def _known(kinds: Mapping[str, WriteKind], name: Json) -> WriteKind:
    if not isinstance(name, str) or name not in kinds:
        raise UnknownEventError
    return kinds[name]


def credentials_sync(body: JsonObject) -> CredentialsSync:
    """
    Read a ``credentials_sync`` event.

    Raises:
        IncompleteDataError: ``account_id`` is missing.
        TokenMissingError: The token is missing.
        InvalidFieldsError: A field holds what it must not hold.
    """
    fields = _layered(body, "credentials")
    tenant = fields.named("account_id", TenantId)
    token = fields.named("token", CredentialRef)
    domain, label = _business_domain(fields)
    integrations = _Integrations.read(fields)
    odoo = OdooConnection(
        fields.text("odoo_url") or integrations.odoo.url,
        fields.text("odoo_db") or integrations.odoo.db,
        fields.text("odoo_username") or integrations.odoo.username,
    )
    password = fields.secret("odoo_password") or integrations.password
    name, description = fields.text("name"), fields.text("description")
    qdrant, redis = fields.text("qdrant_collection"), fields.text("redis_prefix")
    social = _social_accounts(fields, integrations.social)
    collections = fields.texts("enabled_collections")
    settings_text = fields.verbatim("yaml_content")
    if tenant is None or token is None or domain is None or fields.errors:
        if fields.has("account_id") and not fields.has("token"):
            raise TokenMissingError
        fields.refuse("account_id")
    return CredentialsSync(
        owner=TenantDomain(tenant, domain),
        token=token,
        name=name,
        description=description,
        domain_label=label,
        odoo=odoo,
        password=password,
        qdrant_collection=qdrant,
        redis_prefix=redis,
        social=social,
        enabled_collections=collections,
        integrations=integrations.remaining,
        settings_text=settings_text,
    )


def channel_mapping(body: JsonObject, *, deleted: bool) -> ChannelMapping:
    """
    Read a ``mapping_sync`` or, if *deleted*, a ``mapping_delete`` event.

    Raises:
        IncompleteDataError: The mapping, or one of the ids in it, is missing.
        InvalidFieldsError: A field holds what it must not hold.
    """
    whole = FieldReader({"": body})
    mapping = whole.mapping("mapping")
    if mapping is None:
        whole.refuse("mapping")
    fields = FieldReader({"mapping.": _told(mapping[1]), "": _told(body)})
    account = fields.named("chatwoot_account_id", ChatwootId)
    inbox = fields.named("chatwoot_inbox_id", ChatwootId)
    tenant = fields.named("internal_account_id", TenantId)
    domain, _ = _business_domain(fields)
    fallback = fields.flag("is_fallback")
    active = fields.flag("active")
    sequence = fields.sequence()
    numbers = tuple(
        special
        for entry in fields.sections("special_whatsapp_numbers")
        if (special := special_number(entry)) is not None
    )
    required = ("chatwoot_account_id", "internal_account_id", *(() if deleted else ("domain",)))
    complete = all(fields.has(name) for name in required)
    if account is None or tenant is None or domain is None or not complete or fields.errors:
        fields.refuse(*required)
    try:
        return ChannelMapping(
            ChannelKey(account, inbox),
            TenantDomain(tenant, domain),
            DEFAULT_SEQUENCE if sequence is None else sequence,
            fallback is True,
            numbers,
            active=not deleted and active is not False,
        )
    except InvalidValueError as error:
        raise InvalidValueError(f"mapping.{error.field}", error.rule) from None


def incoming_messages(body: JsonObject) -> tuple[IncomingMessage, ...]:
    """
    Read ``messages``: accounts, inboxes and numbers whose routes are asked for.

    Raises:
        InvalidFieldsError: A field holds what it must not hold.
    """
    whole = FieldReader({"": body})
    messages = []
    for entry in whole.sections("messages"):
        account, inbox = channel_id(entry, "account_id"), channel_id(entry, "inbox_id")
        entry.require("account_id")
        messages.append(IncomingMessage(account, inbox, entry.named("number", str)))
    if whole.errors:
        whole.refuse()
    return tuple(messages)


def channel_id(fields: FieldReader, name: str) -> ChatwootId | None:
    """
    An account or inbox of Chatwoot; None where Odoo says that there is none.
    """
    text = fields.named(name, str)
    return None if text is None or text in _NO_CHANNEL else fields.made(name, ChatwootId, text)


def business_domain(fields: FieldReader) -> BusinessDomain | None:
    """
    The business area, by default ``default``; None, with the reason noted, if it is none.
    """
    return _business_domain(fields)[0]


def company_metadata_sync(body: JsonObject) -> CompanyMetadataSync:
    """
    Read a ``company_metadata_sync`` event into the structure that is stored.

    Raises:
        IncompleteDataError: ``account_id`` is missing.
        InvalidFieldsError: A field holds what it must not hold.
    """
    fields = FieldReader({"": body})
    tenant = fields.named("account_id", TenantId)
    domain, label = _business_domain(fields)
    stored = _texts(
        fields, "name", "description", "business_area", "business_area_other", "company_values"
    )
    sections = {
        "online_presence": _texts(fields, "website", "facebook_url", "instagram_url")
        | _flags(fields, *_MENTIONS),
        "communication": _texts(fields, "greeting_message", "communication_style", "emoji_usage"),
        "address": _address(fields.section("address")),
        "business_hours": _business_hours(fields.section("business_hours")),
    }
    for name, section in sections.items():
        if section:
            stored[name] = section
    collections = fields.texts("enabled_collections")
    if collections is not None:
        stored["enabled_collections"] = list(collections)
    if tenant is None or domain is None or fields.errors:
        fields.refuse("account_id")
    return CompanyMetadataSync(TenantDomain(tenant, domain), stored, label)


def special_number(entry: FieldReader) -> SpecialNumber | None:
    """
    A number with a crew of its own; None, with the reason noted, if it is not complete.

    An entry without a number is an empty line of Odoo's form.
    """
    number = entry.named("number", PhoneNumber.from_text)
    if not entry.has("number"):
        return None
    crew = entry.text("crew")
    entry.require("crew")
    if number is None or crew is None:
        return None
    return entry.made("crew", partial(SpecialNumber, number), crew)


def _layered(body: JsonObject, nested: str) -> FieldReader:
    inner = body.get(nested)
    if inner and isinstance(inner, dict):
        return FieldReader({f"{nested}.": inner, "": body})
    whole = FieldReader({"": body})
    # Anything else is refused, unless it is an absent one.
    whole.mapping(nested)
    return whole


def _business_domain(fields: FieldReader) -> tuple[BusinessDomain | None, str | None]:
    """
    The business area, and how the Odoo user wrote it if that differs.
    """
    text = fields.text("domain")
    if text is None:
        return (None if fields.has("domain") else BusinessDomain()), None
    domain = fields.made("domain", BusinessDomain.from_text, text)
    return domain, None if domain is None or str(domain) == text else text


def _told(mapping: JsonObject) -> JsonObject:
    """
    *mapping* without the ids that are none.
    """
    ids = ("chatwoot_account_id", "chatwoot_inbox_id")
    return {
        name: value
        for name, value in mapping.items()
        if name not in ids or value not in _NO_CHANNEL
    }


def _texts(fields: FieldReader, *names: str) -> JsonObject:
    return {name: text for name in names if (text := fields.text(name)) is not None}


def _flags(fields: FieldReader, *names: str) -> JsonObject:
    return {name: flag for name in names if (flag := fields.flag(name)) is not None}


def _address(fields: FieldReader | None) -> JsonObject:
    if fields is None:
        return {}
    return _texts(fields, *_ADDRESS) | _flags(fields, "share_address")


def _business_hours(fields: FieldReader | None) -> JsonObject:
    if fields is None:
        return {}
    hours = {name: fields.hour(name) for name in _BUSINESS_HOURS}
    given: JsonObject = {name: hour for name, hour in hours.items() if hour is not None}
    return _flags(fields, *_BUSINESS_FLAGS) | given


def _social_accounts(
    fields: FieldReader, within_integrations: Mapping[str, SocialAccount]
) -> tuple[SocialAccount, ...]:
    accounts = []
    for section, names in _SOCIAL.items():
        account = _social_account(section, names, fields, prefix=f"{section}_")
        inner = within_integrations.get(section)
        if inner is not None:
            account = SocialAccount(
                section,
                {**inner.settings, **account.settings},
                {**inner.secrets, **account.secrets},
            )
        if account.settings or account.secrets:
            accounts.append(account)
    return tuple(accounts)


def _social_account(
    section: str, names: _SocialFields, fields: FieldReader, *, prefix: str = ""
) -> SocialAccount:
    return SocialAccount(
        section,
        {name: text for name in names.public if (text := fields.text(prefix + name)) is not None},
        {
            name: secret
            for name in names.secret
            if (secret := fields.secret(prefix + name)) is not None
        },
    )


@frozen
class _Integrations:
    """
    The ``integrations`` object of an event, with everything taken out that the hub understands.

    Above all the secrets: what remains goes into the config as it is, for all to read.
    """

    remaining: JsonObject | None = None
    odoo: OdooConnection = field(factory=OdooConnection)
    password: SecretText | None = None
    social: Mapping[str, SocialAccount] = field(factory=dict)

    @classmethod
    def read(cls, fields: FieldReader) -> _Integrations:
        given = fields.mapping("integrations")
        if given is None:
            return _NO_INTEGRATIONS
        found = FieldReader({f"{given[0]}.": given[1]}, fields.errors)
        remaining = _without_empty(given[1])
        for section in (*_SOCIAL, *_LEAVES):
            _take_out_absent(remaining, (), section)
        social = {
            section: _social_account(section, names, account)
            for section, names in _SOCIAL.items()
            if (account := found.section(section)) is not None
        }
        for section, names in _SOCIAL.items():
            _take_out(remaining, (section,), *names.public, *names.secret)
        for section, leaves in _LEAVES.items():
            inner = found.section(section)
            if inner is not None:
                _texts(inner, *leaves)
            _take_out_absent(remaining, (section,), *leaves)
        return cls._connected(found.section("mcp"), remaining, social)

    @classmethod
    def _connected(
        cls, mcp: FieldReader | None, remaining: JsonObject, social: Mapping[str, SocialAccount]
    ) -> _Integrations:
        config = None if mcp is None else mcp.section("config")
        _take_out_absent(remaining, ("mcp",), "config")
        if config is None:
            return cls(remaining or None, social=social)
        password = config.secret("password")
        odoo = OdooConnection(config.text("url"), config.text("db"), config.text("username"))
        own = config.named("credential_ref", CredentialRef)
        place = ("mcp", "config")
        _take_out(remaining, place, "password")
        if own is not None:
            # It names its own value: the connection must not be put under the event's token.
            _take_out_absent(remaining, place, "url", "db", "username")
            return cls(remaining, password=password, social=social)
        _take_out(remaining, place, "url", "db", "username", "credential_ref")
        return cls(remaining or None, odoo, password, social)


_NO_INTEGRATIONS: Final = _Integrations()


def _without_empty(given: JsonObject) -> JsonObject:
    """
    A copy of *given* without ``null`` and ``""``; ``false`` may be meant here.
    """
    kept: JsonObject = {}
    for name, value in given.items():
        if isinstance(value, dict):
            kept[name] = _without_empty(value)
        elif value is not None and value != "":
            kept[name] = value
    return kept


def _take_out_absent(remaining: JsonObject, path: tuple[str, ...], *names: str) -> None:
    """
    Forget those of *names* at *path* that Odoo left empty.
    """
    section = _at(remaining, path)
    _take_out(remaining, path, *(name for name in names if is_absent(section.get(name))))


def _take_out(remaining: JsonObject, path: tuple[str, ...], *names: str) -> None:
    section = _at(remaining, path)
    for name in names:
        section.pop(name, None)


def _at(remaining: JsonObject, path: tuple[str, ...]) -> JsonObject:
    """
    The object at *path*, or an empty one that belongs to nothing.
    """
    section = remaining
    for step in path:
        inner = section.get(step)
        section = inner if isinstance(inner, dict) else {}
    return section
