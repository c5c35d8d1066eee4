"""
What the hub takes in, as schemas.

They tell a sender what is understood, in the form that is recommended. The hub itself is more
lenient: it also takes the same fields beside the object that they belong to.
"""

from __future__ import annotations

from typing import Final

from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.outcomes import WriteKind
from odoo_ai_config.entrypoints.http.openapi.shapes import (
    either,
    list_of,
    map_of,
    one_of,
    record,
    ref,
    text,
    whole,
)
from odoo_ai_config.entrypoints.http.platform.fields import MAX_ITEMS, MAX_TEXT
from odoo_ai_config.entrypoints.http.reconciliation.payloads import MOST_ENTRIES

_EMPTY: Final[JsonObject] = {
    "enum": [False, None, ""],
    "description": "Absent, as Odoo says it.",
}
_FREE: Final[JsonObject] = {"type": "object"}
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOURS: Final = (
    *("business_hours_start", "business_hours_end", "lunch_break_start", "lunch_break_end"),
    *("saturday_hours_start", "saturday_hours_end", "sunday_hours_start", "sunday_hours_end"),
)
_CREDENTIAL_TEXTS: Final = (
    *("domain", "name", "description", "odoo_url", "odoo_db", "odoo_username"),
    *("qdrant_collection", "redis_prefix", "facebook_app_id", "instagram_client_id"),
    "mercado_livre_app_id",
)
CREDENTIAL_SECRETS: Final = (
    *("odoo_password", "facebook_app_secret", "facebook_access_token"),
    *("instagram_client_secret", "instagram_access_token"),
    *("mercado_livre_client_secret", "mercado_livre_access_token"),
)
_METADATA_TEXTS: Final = (
    *("domain", "name", "description", "business_area", "business_area_other"),
    *("company_values", "website", "facebook_url", "instagram_url"),
    *("greeting_message", "communication_style", "emoji_usage"),
)
_METADATA_FLAGS: Final = tuple(
    f"mention_{place}_at_end" for place in ("website", "facebook", "instagram")
)
_ADDRESS_TEXTS: Final = ("street", "street2", "city", "state", "zip", "country")
_LENIENT_TEXT: Final = ref("LenientText")
_SEALED: Final[JsonObject] = {
    **_LENIENT_TEXT,
    "description": "Sealed as it comes; only `secrets:read` shows it again.",
}
_LENIENT_ID: Final = ref("LenientId")
_LENIENT_FLAG: Final = ref("LenientFlag")


def lenient_values() -> JsonObject:
    """
    Values in which ``false``, ``null`` and ``""`` mean that there is none.
    """
    hour: JsonObject = {"type": "number", "minimum": 0, "maximum": 24}
    return {
        "LenientText": either(text(maxLength=MAX_TEXT), _EMPTY),
        "LenientId": either(text(), {"type": "integer"}, _EMPTY, description="Text or integer."),
        "LenientFlag": either({"type": "boolean"}, _EMPTY),
        "LenientHour": either(hour, _EMPTY, description="Hours with a fraction: 9.5 is 09:30."),
        "LenientTexts": either(
            list_of(either(text(maxLength=MAX_TEXT), _EMPTY), maxItems=MAX_ITEMS), _EMPTY
        ),
        "SpecialNumbers": either(
            list_of(
                _optional(
                    {
                        "number": either(
                            text(examples=["+55 11 99999-9999"]), {"type": "integer"}, _EMPTY
                        ),
                        "crew": either(text(examples=["analytics"]), _EMPTY),
                    }
                ),
                maxItems=MAX_ITEMS,
            ),
            _EMPTY,
            description="Senders whose messages go to a crew of their own.",
        ),
    }


def events() -> JsonObject:
    """
    The four events of the webhook.
    """
    credentials = _credentials_fields()
    metadata = {
        "account_id": _LENIENT_ID,
        **dict.fromkeys(_METADATA_TEXTS, _LENIENT_TEXT),
        **dict.fromkeys(_METADATA_FLAGS, _LENIENT_FLAG),
        "enabled_collections": ref("LenientTexts"),
        "address": either(
            _optional(
                {
                    **dict.fromkeys(_ADDRESS_TEXTS, _LENIENT_TEXT),
                    "share_address": _LENIENT_FLAG,
                }
            ),
            _EMPTY,
        ),
        "business_hours": either(
            _optional(
                {
                    **dict.fromkeys((*_DAYS, "has_lunch_break"), _LENIENT_FLAG),
                    **dict.fromkeys(_HOURS, ref("LenientHour")),
                }
            ),
            _EMPTY,
        ),
    }
    # Beside the object or in it: which fields must be there cannot be said more sharply.
    flat: Json = {"required": ["account_id", "token"]}
    nested: Json = {"required": ["credentials"]}
    return {
        "CredentialsEvent": _event(
            WriteKind.CREDENTIALS,
            {**credentials, "credentials": either(_optional(credentials), _EMPTY)},
            "Merges settings into the tenant's `config` document and seals its secrets.",
            anyOf=[flat, nested],
            examples=[_CREDENTIALS_EXAMPLE],
        ),
        "MappingEvent": _event(
            WriteKind.MAPPING,
            {"mapping": _channel()},
            "Says whose one Chatwoot channel is.",
            required=["mapping"],
            examples=[_MAPPING_EXAMPLE],
        ),
        "MappingDeleteEvent": _event(
            WriteKind.MAPPING_DELETE,
            {"mapping": _channel()},
            "Switches a channel off.",
            required=["event_type", "mapping"],
        ),
        "CompanyMetadataEvent": _event(
            WriteKind.METADATA,
            metadata,
            "Stores what is known of a company in its `metadata` document.",
            required=["event_type", "account_id"],
            examples=[_METADATA_EXAMPLE],
        ),
        "Event": either(
            *(
                ref(f"{name}Event")
                for name in ("Credentials", "Mapping", "MappingDelete", "CompanyMetadata")
            )
        ),
    }


def questions() -> JsonObject:
    """
    What is asked about the state of things without changing it.
    """
    asked = {"account_id": _LENIENT_ID, "inbox_id": _LENIENT_ID, "number": _LENIENT_ID}
    acknowledged = {"version": _LENIENT_ID, "digest": _LENIENT_TEXT}
    kinds = ("config", "credentials", "metadata")
    area = {
        "tenant_id": _LENIENT_ID,
        "domain": _LENIENT_TEXT,
        **{f"{kind}_version": _LENIENT_ID for kind in kinds},
        **{f"{kind}_digest": _LENIENT_TEXT for kind in kinds},
        "mappings": _list(
            {"chatwoot_account_id": _LENIENT_ID, "chatwoot_inbox_id": _LENIENT_ID, **acknowledged},
            MOST_ENTRIES,
        ),
        "collections": _list({"name": _LENIENT_TEXT, **acknowledged}, MAX_ITEMS),
    }
    return {
        "SimulatedEvent": {
            **_optional(
                {
                    "event_type": either(
                        one_of([WriteKind.MAPPING.value, WriteKind.MAPPING_DELETE.value]), _EMPTY
                    ),
                    "mapping": _channel(),
                    "messages": _list(asked, MAX_ITEMS),
                }
            ),
            "description": "A `mapping_sync` or `mapping_delete` as the webhook takes it, and "
            "messages whose routes are asked for.",
            "required": ["mapping"],
            "examples": [
                {
                    **_MAPPING_EXAMPLE,
                    "messages": [{"account_id": 1, "inbox_id": 7, "number": "5511999999999"}],
                }
            ],
        },
        "KnownAreas": record(
            {"known": list_of(_optional(area), maxItems=MOST_ENTRIES)},
            description="What a source was told when it last pushed each thing. A thing with "
            "neither version nor digest counts as never acknowledged.",
            examples=[_KNOWN_EXAMPLE],
        ),
    }


def documents() -> JsonObject:
    """
    The bodies that write documents.
    """
    return {
        "YamlText": record({"yaml_content": text("A YAML 1.2 mapping.", examples=["a: 1\n"])}),
        "MergePatch": {
            "type": "object",
            "description": "A JSON merge patch (RFC 7396): null takes a field out.",
            "examples": [{"sales": {"size": 3}}],
        },
        "VersionChoice": record({"version": either(whole(), text(pattern="^[0-9]{1,18}$"))}),
    }


def mapping() -> JsonObject:
    """
    The mapping as it is written.
    """
    owner = {"account_id": _LENIENT_ID, "domain": _LENIENT_TEXT}
    area = _optional(owner)
    sections = {
        "accounts": either(map_of(either(area, text())), _EMPTY),
        "inboxes": either(map_of(either(area, text())), _EMPTY),
        "fallbacks": either(
            list_of(_optional({**owner, "sequence": _LENIENT_ID}), maxItems=MAX_ITEMS), _EMPTY
        ),
        "special_numbers": either(
            list_of(
                _optional({**owner, "number": _LENIENT_ID, "crew": _LENIENT_TEXT}),
                maxItems=MAX_ITEMS,
            ),
            _EMPTY,
        ),
    }
    return {
        "MappingSections": record(
            sections,
            optional=tuple(sections),
            description="The oldest clients call the first two `account_domain_mapping` and "
            "`inbox_domain_mapping`, which is understood.",
        ),
        "MappingData": either(
            record({"mapping_data": ref("MappingSections")}), ref("MappingSections")
        ),
    }


def _credentials_fields() -> dict[str, JsonObject]:
    return {
        "account_id": _LENIENT_ID,
        "token": _LENIENT_ID,
        **dict.fromkeys(_CREDENTIAL_TEXTS, _LENIENT_TEXT),
        **dict.fromkeys(CREDENTIAL_SECRETS, _SEALED),
        "enabled_collections": ref("LenientTexts"),
        "integrations": either(_FREE, _EMPTY, description="Merged as they are."),
        "yaml_content": either(text(), _EMPTY, description="Further settings as YAML."),
    }


def _channel() -> JsonObject:
    return _optional(
        {
            "chatwoot_account_id": _LENIENT_ID,
            "chatwoot_inbox_id": _LENIENT_ID,
            "internal_account_id": _LENIENT_ID,
            "domain": _LENIENT_TEXT,
            "is_fallback": _LENIENT_FLAG,
            "sequence": _LENIENT_ID,
            "active": _LENIENT_FLAG,
            "special_whatsapp_numbers": ref("SpecialNumbers"),
        }
    )


def _event(
    kind: WriteKind, fields: dict[str, JsonObject], description: str, **more: Json
) -> JsonObject:
    named: dict[str, JsonObject] = {
        "event_type": either(one_of([kind.value]), _EMPTY),
        "event": {"description": "Read where there is no `event_type`."},
        "source": {"description": "Read where nothing else tells the event."},
    }
    return {**_optional(named | fields), "description": description, **more}


def _list(fields: dict[str, JsonObject], most: int) -> JsonObject:
    return either(list_of(_optional(fields), maxItems=most), _EMPTY)


def _optional(fields: dict[str, JsonObject]) -> JsonObject:
    return record(fields, optional=tuple(fields))


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
