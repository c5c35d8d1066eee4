"""
Reads the events that describe a company, into the structure that is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, fields, fields_dict, frozen

from odoo_ai_config.domain.documents.syncs import CompanyMetadataSync
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import BusinessArea, TenantArea, TenantId
from odoo_ai_config.domain.json_types import JsonObject, Place
from odoo_ai_config.entrypoints.http.odoo_events.payloads import Cleared
from odoo_ai_config.entrypoints.http.platform.fields import (
    field_type,
    given_fields,
    read,
    shape_of,
)
from odoo_ai_config.entrypoints.http.platform.wire_types import (
    DEFAULT_DOMAIN,
    DomainName,
    TimeZone,
)

# The place of a field in the `metadata` document.
_TOP: Final[Mapping[str, str]] = {"section": ""}
_ONLINE: Final = {"section": "online_presence"}
_COMMUNICATION: Final = {"section": "communication"}


@frozen
class Address:
    """
    The address of a company.
    """

    street: str | None = None
    street2: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    share_address: bool | None = None


@frozen
class BusinessHours:
    """
    The business hours of a company. Hours are decimal: 9.5 is 09:30.
    """

    monday: bool | None = None
    tuesday: bool | None = None
    wednesday: bool | None = None
    thursday: bool | None = None
    friday: bool | None = None
    saturday: bool | None = None
    sunday: bool | None = None
    has_lunch_break: bool | None = None
    business_hours_start: float | None = None
    business_hours_end: float | None = None
    lunch_break_start: float | None = None
    lunch_break_end: float | None = None
    saturday_hours_start: float | None = None
    saturday_hours_end: float | None = None
    sunday_hours_start: float | None = None
    sunday_hours_end: float | None = None
    timezone: TimeZone | None = None


@frozen
class CompanyMetadata:
    """
    A company's description, for its `metadata` document.
    """

    account_id: TenantId
    domain: DomainName = DEFAULT_DOMAIN
    moved_from: BusinessArea | None = None
    name: str | None = field(default=None, metadata=_TOP)
    description: str | None = field(default=None, metadata=_TOP)
    business_area: str | None = field(default=None, metadata=_TOP)
    business_area_other: str | None = field(default=None, metadata=_TOP)
    company_values: str | None = field(default=None, metadata=_TOP)
    website: str | None = field(default=None, metadata=_ONLINE)
    facebook_url: str | None = field(default=None, metadata=_ONLINE)
    instagram_url: str | None = field(default=None, metadata=_ONLINE)
    mention_website_at_end: bool | None = field(default=None, metadata=_ONLINE)
    mention_facebook_at_end: bool | None = field(default=None, metadata=_ONLINE)
    mention_instagram_at_end: bool | None = field(default=None, metadata=_ONLINE)
    greeting_message: str | None = field(default=None, metadata=_COMMUNICATION)
    communication_style: str | None = field(default=None, metadata=_COMMUNICATION)
    emoji_usage: str | None = field(default=None, metadata=_COMMUNICATION)
    address: Address | None = field(default=None, metadata=_TOP)
    business_hours: BusinessHours | None = field(default=None, metadata=_TOP)
    enabled_collections: tuple[str, ...] | None = field(default=None, metadata=_TOP)
    clear: Cleared = ()


def company_metadata_sync(body: JsonObject) -> CompanyMetadataSync:
    """
    Read a ``company_metadata_sync`` event into the structure that is stored.

    Raises:
        IncompleteDataError: ``account_id`` is missing.
        InvalidFieldsError: A field is invalid.
    """
    event = read(CompanyMetadata, {"": body})
    owner = TenantArea(event.account_id, event.domain.domain)
    cleared = tuple(_place_of(name, number) for number, name in enumerate(event.clear))
    return CompanyMetadataSync(
        owner, _stored(event), event.domain.label, cleared, event.moved_from
    )


def _place_of(name: str, number: int) -> Place:
    root, *steps = name.split(".")
    attribute = fields_dict(CompanyMetadata).get(root)
    section = None if attribute is None else attribute.metadata.get("section")
    if attribute is None or section is None or not _has_part(attribute.type, steps):
        raise InvalidValueError(f"clear.{number}", "unknown_member")
    return (section, root) if section else (root, *steps)


def _has_part(type_: Any, steps: Sequence[str]) -> bool:  # noqa: ANN401 - any annotation
    part = field_type(type_)
    return not steps or (
        len(steps) == 1 and isinstance(part, type) and steps[0] in shape_of(part).types
    )


def _stored(event: CompanyMetadata) -> JsonObject:
    stored: dict[str, Any] = {}
    for attribute in fields(CompanyMetadata):
        value = getattr(event, attribute.name)
        if isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, Address | BusinessHours):
            value = given_fields(value)
        if "section" in attribute.metadata and value not in (None, {}):
            section = attribute.metadata["section"]
            within = stored.setdefault(section, {}) if section else stored
            within[attribute.name] = value
    return stored
