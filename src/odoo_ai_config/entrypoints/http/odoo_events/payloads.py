"""
Tells Odoo's events apart, and reads those with credentials.

An event is flat (the documented form), nested (the form of Odoo's button) or both; nested fields
win. Unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias

from attrs import field, frozen, has, make_class

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.syncs import (
    CredentialsSync,
    OdooConnection,
    SocialAccount,
)
from odoo_ai_config.domain.identifiers import BusinessArea, CredentialRef, TenantArea, TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject, is_blank, is_empty
from odoo_ai_config.domain.outcomes import EVENTS, WriteKind
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    InvalidFieldsError,
    TokenMissingError,
    UnknownEventError,
)
from odoo_ai_config.entrypoints.http.platform.fields import (
    found,
    given_fields,
    read,
    read_object,
    shape_of,
)
from odoo_ai_config.entrypoints.http.platform.schema import Component, lenient
from odoo_ai_config.entrypoints.http.platform.wire_types import (
    DEFAULT_DOMAIN,
    DomainName,
    WebAddress,
    WireType,
    verbatim,
)

_BY_NAME: Final = {kind.value: kind for kind in EVENTS}
_BY_OBJECT: Final = {"credentials": WriteKind.CREDENTIALS, "mapping": WriteKind.MAPPING}
_OBJECT_OF: Final = {
    WriteKind.CREDENTIALS: "credentials",
    WriteKind.MAPPING: "mapping",
    WriteKind.MAPPING_DELETE: "mapping",
}
_BY_SOURCE: Final = {
    "credentials": WriteKind.CREDENTIALS,
    "channel_mapping": WriteKind.MAPPING,
}
# What Odoo's own webhook action always sends.
_AUTOMATION_RULE: Final = frozenset({"_action", "_model"})
# Names of fields, with a path to parts of them.
Cleared: TypeAlias = tuple[str, ...]
_SOCIAL: Final = ("facebook", "instagram", "mercado_livre")


def event_of(body: JsonObject) -> WriteKind:
    """
    The event of *body*.

    Raises:
        UnknownEventError: Nothing identifies it, or ``event_type`` names another one.
    """
    named = body.get("event_type")
    if not is_empty(named):
        return _known(_BY_NAME, named)
    kind = _kind(_BY_NAME, body.get("event"))
    if kind is not None:
        return kind
    for name, kind in _BY_OBJECT.items():
        if not is_empty(body.get(name)):
            return kind
    return _known(_BY_SOURCE, body.get("source"))


def sent_by_odoo(body: JsonObject) -> bool:
    """
    Whether *body*, at another sender's address, is an event of Odoo, perhaps an unknown one.

    The other sender names its events in ``event``, too. If that is no name of the hub's, only a
    name of the hub's elsewhere counts.
    """
    event = body.get("event")
    if (
        _kind(_BY_NAME, event)
        or _kind(_BY_NAME, body.get("event_type"))
        or _kind(_BY_SOURCE, body.get("source"))
    ):
        return True
    if not is_empty(event):
        return False
    given = {name for name, value in body.items() if not is_empty(value)}
    return not given.isdisjoint({"event_type", *_BY_OBJECT}) or given >= _AUTOMATION_RULE


def stated_time(event: WriteKind, body: JsonObject) -> Json:
    """
    What *body* says of when the *event* was made, in its object or beside it.
    """
    nested = _OBJECT_OF.get(event)
    layers = {"": body} if nested is None else layers_of(body, nested)[0]
    return found("timestamp", layers)[1]


def layers_of(body: JsonObject, nested: str) -> tuple[dict[str, JsonObject], list[FieldError]]:
    """
    The object *nested* and *body*, and the errors of the former.
    """
    inner = body.get(nested)
    if is_empty(inner) or inner == {}:
        return {"": body}, []
    if not isinstance(inner, dict):
        return {"": body}, [FieldError(nested, "object")]
    return {f"{nested}.": inner, "": body}, []


def _kind(kinds: Mapping[str, WriteKind], name: Json) -> WriteKind | None:
    return kinds.get(name) if isinstance(name, str) else None


def _known(kinds: Mapping[str, WriteKind], name: Json) -> WriteKind:
    kind = _kind(kinds, name)
    if kind is None:
        raise UnknownEventError
    return kind


@frozen
class _Integrations:
    """
    The ``integrations`` of an event.

    Args:
        sections: The sections that the hub knows.
        rest: Everything else. It is stored in the config as it is, readable.
    """

    sections: Any
    rest: JsonObject | None = None


def _integrations(value: Json, _: object) -> _Integrations:
    given = value if isinstance(value, dict) else {}
    sections: Any = read_object(Integrations, value)
    rest = _without_empty(given)
    _drop(rest, Integrations)
    for name, section in shape_of(Integrations).types.items():
        _drop(rest.get(name), section, everything=name in _SOCIAL)
    mcp = rest.get("mcp")
    config = mcp.get("config") if isinstance(mcp, dict) else None
    # A connection with its own credential keeps it: the event's token must not replace it.
    own = sections.mcp.config.credential_ref is not None
    _drop(config, McpConfig, everything=not own)
    if own and isinstance(config, dict):
        config.pop("password", None)
    return _Integrations(sections, rest or None)


def _drop(section: Json, cls: type, *, everything: bool = False) -> None:
    """
    Remove the attributes of *cls* from *section*: the empty ones, or all of them.
    """
    if isinstance(section, dict):
        for name in shape_of(cls).types:
            if everything or is_empty(section.get(name)):
                section.pop(name, None)


def _without_empty(given: JsonObject) -> JsonObject:
    """
    A copy of *given* without ``null`` and empty texts; ``false`` may be a value here.
    """
    return {
        name: _without_empty(value) if isinstance(value, dict) else value
        for name, value in given.items()
        if value is not None and not is_blank(value)
    }


_SECTIONS: Final = Component("LenientIntegrations", lenient(lambda: Integrations))
_YAML: Final = Component("LenientYaml", lenient({"type": "string"}, "Further settings as YAML."))


@frozen
class Credentials:
    """
    Settings of a tenant's `config` document, and secrets to seal.
    """

    account_id: TenantId
    token: CredentialRef | None = None
    domain: DomainName = DEFAULT_DOMAIN
    moved_from: BusinessArea | None = None
    integrations: Annotated[_Integrations, WireType(_integrations, _SECTIONS)] | None = None
    odoo_url: WebAddress | None = None
    odoo_db: str | None = None
    odoo_username: str | None = None
    odoo_password: SecretText | None = None
    name: str | None = None
    description: str | None = None
    qdrant_collection: str | None = None
    redis_prefix: str | None = None
    facebook_app_id: str | None = None
    facebook_app_secret: SecretText | None = None
    facebook_access_token: SecretText | None = None
    instagram_client_id: str | None = None
    instagram_client_secret: SecretText | None = None
    instagram_access_token: SecretText | None = None
    mercado_livre_app_id: str | None = None
    mercado_livre_client_secret: SecretText | None = None
    mercado_livre_access_token: SecretText | None = None
    enabled_collections: tuple[str, ...] | None = None
    yaml_content: Annotated[str, WireType(verbatim, _YAML)] | None = None
    clear: Cleared = ()


def _unprefixed(prefix: str) -> dict[str, Any]:
    """
    The types of the fields of `Credentials` that start with *prefix*, by the rest of their name.
    """
    types = shape_of(Credentials).types
    return {
        name.removeprefix(prefix): type_
        for name, type_ in types.items()
        if name.startswith(prefix)
    }


def _section(name: str, types: Mapping[str, Any]) -> type:
    return make_class(
        name,
        {
            name: field(default=type_() if has(type_) else None, type=type_)
            for name, type_ in types.items()
        },
        frozen=True,
    )


# ``integrations`` has in sections what an event has flat.
_FLAT: Final = {name: _unprefixed(f"{name}_") for name in (*_SOCIAL, "qdrant", "redis")}
McpConfig: Final = _section(
    "McpConfig", {**_unprefixed("odoo_"), "credential_ref": CredentialRef | None}
)
Integrations: Final[type] = _section(
    "Integrations",
    {
        **{name: _section(name.title().replace("_", ""), types) for name, types in _FLAT.items()},
        "mcp": _section("Mcp", {"type": str | None, "config": McpConfig}),
    },
)
_NO_INTEGRATIONS: Final = _Integrations(Integrations())


def credentials_sync(body: JsonObject) -> CredentialsSync:
    """
    Read a ``credentials_sync`` event.

    Raises:
        IncompleteDataError: ``account_id`` is missing.
        TokenMissingError: The token is missing.
        InvalidFieldsError: A field is invalid.
    """
    layers, noted = layers_of(body, "credentials")
    try:
        event = read(Credentials, layers, noted=noted)
    except InvalidFieldsError:
        if found("token", layers)[1] == {}:
            raise TokenMissingError from None
        raise
    if event.token is None:
        raise TokenMissingError
    integrations = event.integrations or _NO_INTEGRATIONS
    nested = integrations.sections.mcp.config
    connection = McpConfig() if nested.credential_ref is not None else nested
    return CredentialsSync(
        owner=TenantArea(event.account_id, event.domain.domain),
        token=event.token,
        name=event.name,
        description=event.description,
        domain_label=event.domain.label,
        odoo=OdooConnection(
            event.odoo_url or connection.url,
            event.odoo_db or connection.db,
            event.odoo_username or connection.username,
        ),
        password=event.odoo_password or nested.password,
        qdrant_collection=event.qdrant_collection,
        redis_prefix=event.redis_prefix,
        social=tuple(_social_accounts(event)),
        enabled_collections=event.enabled_collections,
        integrations=integrations.rest,
        settings_text=event.yaml_content,
        clear=event.clear,
        moved_from=event.moved_from,
    )


def _social_accounts(event: Credentials) -> Iterator[SocialAccount]:
    for section in _SOCIAL:
        said = {
            name: value
            for name in _FLAT[section]
            if (value := getattr(event, f"{section}_{name}")) is not None
        }
        if event.integrations is not None:
            said = given_fields(getattr(event.integrations.sections, section)) | said
        if said:
            secrets = {name: value for name, value in said.items() if type(value) is SecretText}
            settings = {name: value for name, value in said.items() if name not in secrets}
            yield SocialAccount(section, settings, secrets)
