"""
What Odoo's older modules push. The metadata of a company is read as the hub's own event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import evolve

from odoo_ai_config.domain.collections import MOST_ITEMS
from odoo_ai_config.domain.documents.syncs import CompanyMetadataSync
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject, is_empty
from odoo_ai_config.entrypoints.http.collections.payloads import ACCOUNT_EXAMPLE, ITEM_EXAMPLE
from odoo_ai_config.entrypoints.http.odoo_events.company_metadata import company_metadata_sync
from odoo_ai_config.entrypoints.http.platform.errors import SourceDataMissingError
from odoo_ai_config.entrypoints.http.platform.schema import Body, BodySchema
from odoo_ai_config.entrypoints.http.platform.wire_types import LENIENT_ID, LENIENT_TEXT

# Where the company may be described, the most likely place first.
_PLACES: Final = ("company_metadata", "rules", "metadata", "data")
_NOT_SAID: Final = frozenset(
    {"account_id", "business_rule_id", "domain", "module", "operation", *_PLACES}
)
_ELSEWHERE: Final[Mapping[str, str]] = {"company_name": "name"}
_HOURS: Final[Mapping[str, str]] = {
    "start": "business_hours_start",
    "end": "business_hours_end",
}
_LUNCH: Final[Mapping[str, str]] = {
    "enabled": "has_lunch_break",
    "start": "lunch_break_start",
    "end": "lunch_break_end",
}
_SATURDAY: Final[Mapping[str, str]] = {
    "start": "saturday_hours_start",
    "end": "saturday_hours_end",
}
_SHOWN: Final[Mapping[str, str]] = {
    "show_website": "mention_website_at_end",
    "show_facebook": "mention_facebook_at_end",
    "show_instagram": "mention_instagram_at_end",
}
_OTHER: Final = "other"
# How `company_services` describes a company.
_COMPANY: Final = ("name", "description", "enabled_collections")
_SERVICE: Final = ("greeting_message", "communication_style", "emoji_usage")
_SHARED: Final[Mapping[str, str]] = {"share_with_customers": "share_address"}
_CHANNELS: Final[Mapping[str, str]] = {
    "website": "website",
    "facebook": "facebook_url",
    "instagram": "instagram_url",
}
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIMES: Final[Mapping[str, str]] = {
    "start_time": "business_hours_start",
    "end_time": "business_hours_end",
    "lunch_break_start": "lunch_break_start",
    "lunch_break_end": "lunch_break_end",
    "saturday_start_time": "saturday_hours_start",
    "saturday_end_time": "saturday_hours_end",
}
_CLOCK: Final = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)", re.ASCII)
_OF_A_PUSH: Final = frozenset({"version", "updated_at"})


def _push(name: str, members: Mapping[str, BodySchema], example: JsonObject) -> Body:
    return Body(
        name=name,
        members={"account_id": LENIENT_ID, **members},
        example={**ACCOUNT_EXAMPLE, **example},
    )


_RULE_ID: Final = {"business_rule_id": LENIENT_ID}
_ITEMS: Final[JsonObject] = {
    "type": "array",
    "items": {"type": "object"},
    "description": "With an `id` each, or a `name`. Those that are not `active`, or not "
    "`visible_in_ai`, are not kept.",
    "maxItems": MOST_ITEMS,
}
_PRODUCT: Final = {
    "description": LENIENT_TEXT,
    "price": {"description": "Any further field is kept as it is."},
}
_PRODUCT_EXAMPLE: Final[JsonObject] = {"description": "Leve e confortável", "price": 59.9}
RULES_PUSH: Final = _push(
    "RulesPush",
    {
        **_RULE_ID,
        "rules": {"description": "A list, or the two lists below in an object."},
        "permanent_rules": _ITEMS,
        "temporary_rules": _ITEMS,
    },
    {
        "business_rule_id": 3,
        "rules": [{"id": 1, "name": "Frete grátis", "type": "delivery", "active": True}],
    },
)
SCHEDULING_PUSH: Final = _push(
    "SchedulingPush",
    {**_RULE_ID, "scheduling_rules": _ITEMS, "rules": _ITEMS},
    {"scheduling_rules": [{"rule_id": 4, "name": "Corte", "duration": 30}]},
)
DOCUMENTS_PUSH: Final = _push(
    "DocumentsPush",
    {**_RULE_ID, "documents": _ITEMS, "rules": _ITEMS},
    {
        "business_rule_id": 3,
        "documents": [
            {"id": 5, "name": "Trocas", "content": "Trocas em 30 dias", "visible_in_ai": True}
        ],
    },
)
PRODUCTS_PUSH: Final = _push("ProductsPush", {"products": _ITEMS}, {"products": [ITEM_EXAMPLE]})
PRODUCT_PUSH: Final = _push("ProductPush", _PRODUCT, _PRODUCT_EXAMPLE)
NAMED_PRODUCT_PUSH: Final = _push(
    "NamedProductPush",
    {"product_id": LENIENT_ID, **_PRODUCT},
    {"product_id": 7, **_PRODUCT_EXAMPLE},
)
CLEAR_PUSH: Final = _push("ClearPush", {}, {})
COMPANY_PUSH: Final = _push(
    "CompanyPush",
    {
        **_RULE_ID,
        "domain": LENIENT_TEXT,
        "company_metadata": {
            "description": "The fields of `company_metadata_sync`, or the old sections "
            "`company_info`, `customer_service`, `business_hours` and `social_media`. "
            "They may stand at the top as well."
        },
    },
    {"company_metadata": {"company_info": {"company_name": "Loja Exemplo"}}},
)


def old_company(body: JsonObject, tenant: TenantId) -> CompanyMetadataSync:
    """
    Read a company's description: flat, as at the webhook, or in the old sections.

    Without a business area, it is the company's line of business, as in Odoo's credentials.

    Raises:
        SourceDataMissingError: The company is missing.
        InvalidFieldsError: A field is invalid.
    """
    said = next(
        (found for name in _PLACES if isinstance(found := body.get(name), dict) and _says(found)),
        body,
    )
    flat = _flat(said)
    if not _says(flat):
        raise SourceDataMissingError
    for name in ("enabled_collections", "clear"):
        if name not in flat and body.get(name) is not None:
            flat[name] = body[name]
    domain = body.get("domain")
    flat["domain"] = _area(flat) if is_empty(domain) else domain
    return company_metadata_sync({**flat, "account_id": tenant.value})


def company_services(said: JsonObject, tenant: TenantId) -> CompanyMetadataSync:
    """
    Read the company that the module ``company_services`` describes in YAML.

    It is stored as it is, without what changes with each push. What readers of other modules look
    for is also where those modules put it.

    Raises:
        InvalidFieldsError: A field is invalid.
    """
    modules = _section(said, "modules")
    older = _section(said, "company_metadata")
    info = _section(modules, "company_info") or _section(older, "company_info")
    settings = _section(modules, "service_settings") or older
    service = _section(settings, "customer_service")
    channels = _section(settings, "online_channels")
    flat: JsonObject = {
        **{name: info.get(name) for name in ("name", "description")},
        **{name: service.get(name) for name in _SERVICE},
        **{name: said[name] for name in _COMPANY if not is_empty(said.get(name))},
        "address": _named(_section(info, "address"), _SHARED),
        "business_hours": _hours(_section(settings, "business_hours")),
    }
    for channel, field in _CHANNELS.items():
        flat[field] = _section(channels, channel).get("url")
        flat[f"mention_{channel}_at_end"] = _section(channels, channel).get("mention_at_end")
    told = company_metadata_sync({**flat, "account_id": tenant.value})
    kept = {name: value for name, value in said.items() if name not in _OF_A_PUSH}
    return evolve(told, body={**kept, **told.body})


def _section(within: JsonObject, name: str) -> JsonObject:
    found = within.get(name)
    return found if isinstance(found, dict) else {}


def _hours(said: JsonObject) -> JsonObject:
    """
    Business hours with the names and types of ``company_metadata_sync``.
    """
    hours: JsonObject = {"has_lunch_break": said.get("has_lunch_break")}
    for theirs, ours in _TIMES.items():
        time = said.get(theirs)
        found = _CLOCK.fullmatch(time) if isinstance(time, str) else None
        if found is not None:
            hours[ours] = int(found[1]) + int(found[2]) / 60
    days = said.get("days")
    if isinstance(days, list):
        hours |= {name: number in days for number, name in enumerate(_DAYS)}
    return hours


def _says(company: JsonObject) -> bool:
    return any(
        name not in _NOT_SAID and not is_empty(value) and value not in ({}, [])
        for name, value in company.items()
    )


def _area(flat: JsonObject) -> Json:
    area = flat.get("business_area")
    return flat.get("business_area_other") if area == _OTHER else area


def _flat(said: JsonObject) -> JsonObject:
    flat: JsonObject = {name: value for name, value in said.items() if name not in _NOT_SAID}
    for section in ("company_info", "customer_service"):
        flat |= _named(_taken(flat, section), _ELSEWHERE)
    flat |= _named(_taken(flat, "social_media"), _SHOWN)
    hours = flat.get("business_hours")
    if isinstance(hours, dict):
        hours = _named(hours, _HOURS)
        hours |= _only(_taken(hours, "lunch_break"), _LUNCH)
        days = _taken(hours, "days")
        hours |= _only(_taken(days, "saturday_hours"), _SATURDAY)
        flat["business_hours"] = hours | days
    return flat


def _taken(section: JsonObject, name: str) -> JsonObject:
    if not isinstance(section.get(name), dict):
        return {}
    inner = section.pop(name)
    return dict(inner) if isinstance(inner, dict) else {}


def _named(section: JsonObject, names: Mapping[str, str]) -> JsonObject:
    return {names.get(name, name): value for name, value in section.items()}


def _only(section: JsonObject, names: Mapping[str, str]) -> JsonObject:
    return {names[name]: value for name, value in section.items() if name in names}
