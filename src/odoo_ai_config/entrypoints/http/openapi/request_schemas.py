"""
What the hub takes in, as schemas, derived from the classes that bodies are read into.

They tell a sender what is understood, in the form that is recommended. The hub itself is more
lenient: it also takes the fields of an object beside that object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import getdoc
from typing import Any, Final

from odoo_ai_config.domain.channels.mapping import SpecialNumber
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import WriteKind
from odoo_ai_config.entrypoints.http.channels.payloads import MappingOwner, Sections
from odoo_ai_config.entrypoints.http.documents.payloads import VersionChoice, YamlText
from odoo_ai_config.entrypoints.http.odoo_events.payloads import (
    CompanyMetadata,
    Credentials,
    Integrations,
    MappedChannel,
    RouteQuestions,
)
from odoo_ai_config.entrypoints.http.openapi.shapes import (
    either,
    list_of,
    map_of,
    one_of,
    record,
    ref,
    text,
)
from odoo_ai_config.entrypoints.http.platform.fields import (
    LONGEST_HOUR,
    MAX_TEXT,
    ListType,
    WireType,
    field_type,
    shape_of,
)
from odoo_ai_config.entrypoints.http.reconciliation.payloads import KnownAreas

# What Odoo sends for an empty field. Said by type, since generators of clients have no word for
# a list of values of several types.
_EMPTY: Final[tuple[JsonObject, ...]] = (
    {"type": "string"},
    {"type": "boolean"},
    {"type": "null"},
)
_ABSENT: Final = "`false`, `null` and an empty text mean that there is none."
CREDENTIAL_SECRETS: Final = tuple(
    name
    for name, type_ in shape_of(Credentials).types.items()
    if field_type(type_) == field_type(SecretText)
)


def lenient_values() -> JsonObject:
    """
    Values in which ``false``, ``null`` and ``""`` mean that there is none.
    """
    lenient_text = text(maxLength=MAX_TEXT)
    owner = either(ref("MappingOwner"), text())
    hour: JsonObject = {"type": "number", "minimum": 0, "maximum": LONGEST_HOUR}
    return {
        "LenientText": _lenient(lenient_text),
        "LenientSecret": _lenient(
            lenient_text, "Sealed as it comes; only `secrets:read` shows it again."
        ),
        "LenientYaml": _lenient(text(), "Further settings as YAML."),
        "LenientId": _lenient({"type": "integer"}, "Text or integer."),
        "LenientFlag": _lenient({"type": "boolean"}),
        "LenientHour": _lenient(hour, "Hours with a fraction: 9.5 is 09:30."),
        "LenientIntegrations": _lenient(ref("Integrations")),
        "LenientOwners": _lenient(map_of(owner), "A business area for each id of Chatwoot."),
        "YamlMapping": text("A YAML 1.2 mapping.", examples=["a: 1\n"]),
    }


def bodies() -> JsonObject:
    """
    The bodies, and the objects within them.
    """
    described = _described(
        {
            "Credentials": Credentials,
            "Integrations": Integrations,
            "MappedChannel": MappedChannel,
            "CompanyMetadata": CompanyMetadata,
            "RouteQuestions": RouteQuestions,
            "KnownAreas": KnownAreas,
            "YamlText": YamlText,
            "VersionChoice": VersionChoice,
            "MappingSections": Sections,
            "MappingOwner": MappingOwner,
        }
    )
    for name in ("Credentials", "MappedChannel"):
        # These fields may stand beside the object instead.
        described[name].pop("required")
    described["KnownAreas"]["examples"] = [_KNOWN_EXAMPLE]
    company = described.pop("CompanyMetadata")["properties"]
    messages = described.pop("RouteQuestions")["properties"]
    credentials = described["Credentials"]["properties"]
    mapping = {"mapping": ref("MappedChannel")}
    return {
        **described,
        "CredentialsEvent": _event(
            "Merges settings into the tenant's `config` document and seals its secrets.",
            {**credentials, "credentials": _lenient(ref("Credentials"))},
            WriteKind.CREDENTIALS,
            example=_CREDENTIALS_EXAMPLE,
        ),
        "MappingEvent": _event(
            "Says whose one Chatwoot channel is.",
            mapping,
            WriteKind.MAPPING,
            required=["mapping"],
            example=_MAPPING_EXAMPLE,
        ),
        "MappingDeleteEvent": _event(
            "Switches a channel off.",
            mapping,
            WriteKind.MAPPING_DELETE,
            required=["event_type", "mapping"],
            example={**_MAPPING_EXAMPLE, "event_type": WriteKind.MAPPING_DELETE.value},
        ),
        "CompanyMetadataEvent": _event(
            "Stores what is known of a company in its `metadata` document.",
            company,
            WriteKind.METADATA,
            required=["event_type", "account_id"],
            example=_METADATA_EXAMPLE,
        ),
        "Event": either(
            *(
                ref(f"{name}Event")
                for name in ("Credentials", "Mapping", "MappingDelete", "CompanyMetadata")
            )
        ),
        "SimulatedEvent": _event(
            "A `mapping_sync` or `mapping_delete` as the webhook takes it, and messages whose "
            "routes are asked for.",
            {**mapping, **messages},
            WriteKind.MAPPING,
            WriteKind.MAPPING_DELETE,
            required=["mapping"],
            example={
                **_MAPPING_EXAMPLE,
                "messages": [{"account_id": 1, "inbox_id": 7, "number": "5511999999999"}],
            },
        ),
        "MergePatch": {
            "type": "object",
            "description": "A JSON merge patch (RFC 7396): null takes a field out.",
            "examples": [{"sales": {"size": 3}}],
        },
        "MappingData": either(
            record({"mapping_data": ref("MappingSections")}), ref("MappingSections")
        ),
    }


def _described(classes: Mapping[str, type]) -> dict[str, Any]:
    """
    The schemas of *classes* and of those that they are made of, by their names.
    """
    schemas: dict[str, Any] = {}
    inner: dict[str, type] = {}
    for name, cls in classes.items():
        shape = shape_of(cls)
        schemas[name] = record(
            {name: _schema_of(type_, inner) for name, type_ in shape.types.items()},
            optional=[name for name in shape.types if name not in shape.required],
            description=" ".join((getdoc(cls) or "").split()),
        )
    return {**_described(inner), **schemas} if inner else schemas


def _schema_of(type_: object, inner: dict[str, type]) -> JsonObject:
    match field_type(type_):
        case WireType(schema=name):
            return ref(name)
        case ListType(element=element, most=most):
            return _lenient(list_of(_schema_of(element, inner), maxItems=most))
        case cls:
            # An answer has a component of the name of this one.
            name = "PushedNumber" if cls is SpecialNumber else cls.__name__
            inner[name] = cls
            return _lenient(ref(name))


def _lenient(schema: JsonObject, description: str = "") -> JsonObject:
    empty = [one for one in _EMPTY if one["type"] != schema.get("type")]
    return either(schema, *empty, description=f"{description} {_ABSENT}".strip())


def _event(
    description: str,
    fields: Mapping[str, JsonObject],
    *kinds: WriteKind,
    required: Sequence[str] = (),
    example: JsonObject,
) -> JsonObject:
    named: dict[str, JsonObject] = {
        "event_type": _lenient(one_of([kind.value for kind in kinds])),
        "event": {"description": "Read where there is no `event_type`."},
        "source": {"description": "Read where nothing else tells the event."},
    }
    members = {**named, **fields}
    optional = [name for name in members if name not in required]
    return record(members, optional=optional, description=description, examples=[example])


_CREDENTIALS_EXAMPLE: Final[JsonObject] = {
    "event_type": "credentials_sync",
    "account_id": "123456",
    "domain": "retail",
    "name": "Loja Exemplo",
    "odoo_url": "https://odoo.example.com",
    "odoo_db": "loja",
    "token": "token_referencia",
    "enabled_collections": ["business_rules"],
}
_MAPPING_EXAMPLE: Final[JsonObject] = {
    "event_type": "mapping_sync",
    "mapping": {
        "chatwoot_account_id": 1,
        "chatwoot_inbox_id": 7,
        "internal_account_id": "123456",
        "domain": "retail",
        "is_fallback": True,
        "sequence": 10,
        "special_whatsapp_numbers": [{"number": "+55 11 99999-9999", "crew": "analytics"}],
    },
}
_KNOWN_EXAMPLE: Final[JsonObject] = {
    "known": [
        {
            "tenant_id": "123456",
            "domain": "retail",
            "config_version": 8,
            "credentials_version": 3,
            "mappings": [{"chatwoot_account_id": 1, "chatwoot_inbox_id": 7, "version": 2}],
        }
    ]
}
_METADATA_EXAMPLE: Final[JsonObject] = {
    "event_type": "company_metadata_sync",
    "account_id": "123456",
    "domain": "retail",
    "website": "https://loja.example.com",
    "mention_website_at_end": True,
    "business_hours": {"monday": True, "business_hours_start": 9, "business_hours_end": 18},
}
