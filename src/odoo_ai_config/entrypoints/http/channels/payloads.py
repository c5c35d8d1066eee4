"""
The mapping as one object: read from what clients of the replaced service send, and shown so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from odoo_ai_config.domain.channels.mapping import DEFAULT_SEQUENCE, SpecialNumber
from odoo_ai_config.domain.channels.sections import MappingSections
from odoo_ai_config.domain.identifiers import (
    BusinessDomain,
    ChatwootId,
    TenantDomain,
    TenantId,
)
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.odoo_events.payloads import special_number
from odoo_ai_config.entrypoints.http.platform.fields import FieldReader, is_absent

_SECTIONS: Final = ("accounts", "inboxes", "fallbacks", "special_numbers")
# Under these names the oldest files keep the first two.
_ALIASES: Final = {"accounts": "account_domain_mapping", "inboxes": "inbox_domain_mapping"}
# What str() made of an inbox that Odoo did not have.
_NO_CHANNEL: Final = frozenset({"None", "False", ""})


def mapping_sections(body: JsonObject) -> MappingSections:
    """
    Read ``{"mapping_data": {...}}``, or the object itself.

    Sections that the hub does not know are ignored.

    Raises:
        IncompleteDataError: There is no mapping in it.
        InvalidFieldsError: A field holds what it must not hold.
    """
    outer = FieldReader({"": body})
    data: JsonObject | None = body
    prefix = ""
    if not body.keys() & {*_SECTIONS, *_ALIASES.values()} or "mapping_data" in body:
        given = body.get("mapping_data")
        data = given if isinstance(given, dict) else None
        prefix = "mapping_data."
    if data is None:
        outer.mapping("mapping_data")
        outer.refuse("mapping_data")
    reader = _SectionReader(data, prefix)
    sections = MappingSections(
        reader.accounts(), reader.inboxes(), reader.fallbacks(), reader.special_numbers()
    )
    if reader.fields.errors:
        reader.fields.refuse()
    return sections


class _SectionReader:
    """
    The sections of one object. Keys in them are input too: errors name them ``*``.
    """

    def __init__(self, data: JsonObject, prefix: str) -> None:
        self.fields = FieldReader({prefix: data})
        self._prefix = prefix
        self._data = data
        self._owners_of: dict[BusinessDomain | None, set[TenantDomain]] = {}

    def accounts(self) -> dict[ChatwootId, TenantDomain] | None:
        entries = self._entries("accounts")
        if entries is None:
            return None
        found = {}
        for path, text, value in entries:
            account = self._channel(path, text)
            if account is not None:
                # The replaced service made the tenant's name of the account's number.
                owner = self._owner(path, value, absent_tenant=f"account_{account}")
                if owner is not None:
                    found[account] = owner
        for owner in found.values():
            self._owners_of.setdefault(owner.domain, set()).add(owner)
        return found

    def inboxes(self) -> dict[ChatwootId, TenantDomain] | None:
        entries = self._entries("inboxes")
        if entries is None:
            return None
        found = {}
        for path, text, value in entries:
            inbox = self._channel(path, text)
            owner = None if inbox is None else self._inbox_owner(path, value)
            if inbox is not None and owner is not None:
                found[inbox] = owner
        return found

    def fallbacks(self) -> dict[TenantDomain, int] | None:
        if is_absent(self._data.get("fallbacks")):
            return None
        found: dict[TenantDomain, int] = {}
        for entry in self.fields.sections("fallbacks"):
            owner = self._listed_owner(entry)
            sequence = entry.sequence()
            if owner is not None:
                wanted = DEFAULT_SEQUENCE if sequence is None else sequence
                found[owner] = min(wanted, found.get(owner, wanted))
        return found

    def special_numbers(self) -> dict[TenantDomain, frozenset[SpecialNumber]] | None:
        if is_absent(self._data.get("special_numbers")):
            return None
        found: dict[TenantDomain, frozenset[SpecialNumber]] = {}
        for entry in self.fields.sections("special_numbers"):
            owner = self._listed_owner(entry)
            special = special_number(entry)
            if owner is not None and special is not None:
                found[owner] = found.get(owner, frozenset()) | {special}
        return found

    def _entries(self, section: str) -> Iterator[tuple[str, str, Json]] | None:
        name = section if section in self._data else _ALIASES[section]
        value = self._data.get(name)
        if is_absent(value):
            return None
        path = f"{self._prefix}{name}"
        if not isinstance(value, dict):
            self.fields.reject(path, "object")
            return None
        return (
            (f"{path}.*", key, item)
            for key, item in value.items()
            if key.strip() not in _NO_CHANNEL and not is_absent(item)
        )

    def _channel(self, path: str, text: str) -> ChatwootId | None:
        return self.fields.made_at(path, ChatwootId, text.strip())

    def _inbox_owner(self, path: str, value: Json) -> TenantDomain | None:
        if isinstance(value, dict):
            return self._owner(path, value)
        # The oldest files name a business area only; whose it is, the accounts must tell.
        domain = self._domain_alone(path, value)
        owners = self._owners_of.get(domain, set())
        if len(owners) == 1:
            return next(iter(owners))
        if domain is not None:
            self.fields.reject(path, "legacy_owner")
        return None

    def _owner(
        self, path: str, value: Json, *, absent_tenant: str | None = None
    ) -> TenantDomain | None:
        if not isinstance(value, dict):
            domain = self._domain_alone(path, value)
            made = self.fields.made_at(path, TenantId, absent_tenant or "")
            return None if domain is None or made is None else TenantDomain(made, domain)
        entry = FieldReader({f"{path}.": value}, self.fields.errors)
        if absent_tenant is not None and not entry.has("account_id"):
            entry = FieldReader({f"{path}.": {**value, "account_id": absent_tenant}}, entry.errors)
        return self._listed_owner(entry)

    def _listed_owner(self, entry: FieldReader) -> TenantDomain | None:
        tenant = entry.named("account_id", TenantId)
        entry.require("account_id")
        text = entry.text("domain")
        domain = BusinessDomain() if text is None else None
        if text is not None:
            domain = entry.made("domain", BusinessDomain.from_text, text)
        return None if tenant is None or domain is None else TenantDomain(tenant, domain)

    def _domain_alone(self, path: str, value: Json) -> BusinessDomain | None:
        if not isinstance(value, str):
            self.fields.reject(path, "object")
            return None
        return self.fields.made_at(path, BusinessDomain.from_text, value.strip())


def mapping_object(sections: MappingSections) -> JsonObject:
    """
    Show *sections* as the one object, in an order that does not depend on their history.
    """
    return {
        "accounts": {
            str(account): _shown(owner)
            for account, owner in sorted((sections.accounts or {}).items())
        },
        "inboxes": {
            str(inbox): _shown(owner) for inbox, owner in sorted((sections.inboxes or {}).items())
        },
        "fallbacks": [
            {**_shown(owner), "sequence": sequence}
            for owner, sequence in sorted(
                (sections.fallbacks or {}).items(), key=lambda entry: (entry[1], entry[0])
            )
        ],
        "special_numbers": [
            {"number": special.number.digits, "crew": special.crew, **_shown(owner)}
            for owner, numbers in sorted((sections.special_numbers or {}).items())
            for special in sorted(numbers, key=lambda special: special.number.digits)
        ],
    }


def _shown(owner: TenantDomain) -> JsonObject:
    return {"domain": str(owner.domain), "account_id": str(owner.tenant)}
