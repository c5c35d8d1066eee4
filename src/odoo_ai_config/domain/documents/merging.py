"""
Merging an event or a patch into a document, without losing what others wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from odoo_ai_config.domain.credentials.old_values import (
    OpenToken,
    never_opens,
    require_all_opened,
)
from odoo_ai_config.domain.credentials.plain_secrets import TakenOut, taken_out
from odoo_ai_config.domain.credentials.secrets import Fingerprint
from odoo_ai_config.domain.documents.credentials import (
    NamedReference,
    fingerprints_in,
    references_in,
    with_fingerprints,
)
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.syncs import (
    CompanyMetadataSync,
    CredentialsSync,
    require_not_given,
    social_ref,
)
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    REF_SUFFIX,
    CredentialRef,
    TenantId,
    web_address,
)
from odoo_ai_config.domain.json_types import (
    Json,
    JsonObject,
    Place,
    ReadOnlyJsonObject,
    is_blank,
)


def merge_patch(target: ReadOnlyJsonObject, patch: ReadOnlyJsonObject) -> JsonObject:
    """
    Merge *patch* into *target* by RFC 7396: objects merge, null removes, other values replace.

    Existing keys keep their order; new keys come last.
    """
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            present = merged.get(key)
            merged[key] = merge_patch(present if isinstance(present, dict) else {}, value)
        else:
            merged[key] = value
    return merged


@frozen
class MergedConfig:
    """
    A config document, the references in it, and the secrets that were taken out of it.

    Args:
        cleared: The references whose values the event clears.
    """

    document: Document
    references: tuple[NamedReference, ...]
    found: TakenOut
    cleared: frozenset[str] = frozenset()


def config_after(
    current: Document | None,
    sync: CredentialsSync,
    settings: ReadOnlyJsonObject | None = None,
    *,
    open_token: OpenToken = never_opens,
) -> MergedConfig:
    """
    The config document after a credentials event.

    The event replaces the sections that it names; every other section stays.

    Args:
        current: The present document, if there is one.
        sync: The event.
        settings: The further settings of the event (``yaml_content``), parsed.
        open_token: Opens what the replaced server encrypted.

    Raises:
        EncryptedValueError: A secret in the event does not open. Such a secret that is already in
            the document stays.
        InvalidValueError: There are too many secrets in it, the address of the tenant's Odoo in
            the event is invalid, or the settings have a value for a field to clear.
    """
    given = sync.integrations or {}
    require_all_opened(given, ("integrations",), open_token=open_token)
    _require_address(given)
    before = Document.of({}) if current is None else current
    body = left = _without_places(before.body, sync.cleared)
    if settings is not None:
        require_all_opened(settings, open_token=open_token)
        require_not_given(sync.cleared, settings)
        _require_address(settings.get("integrations"))
        body = merge_patch(body, settings)
        if before.authored is None and sync.settings_text is not None:
            # The document has no YAML text yet, so the text of the event becomes it.
            before = Document(before.text, AuthoredYaml(sync.settings_text, exact=False))
    found = taken_out(CONFIG, merge_patch(body, _owned_sections(body, sync)), open_token)
    references = references_in(found.body)
    cleared = (
        _cleared_references(before.body, left, sync, references) if sync.clear else frozenset()
    )
    return MergedConfig(before.with_body(found.body), references, found, cleared)


def _without_places(body: JsonObject, places: Iterable[Place]) -> JsonObject:
    for place in places:
        *above, last = place
        body = _without(body, place)
        if above:
            body = _without(body, (*above, f"{last}{REF_SUFFIX}"))
    integrations = body.get("integrations")
    mcp = integrations.get("mcp") if isinstance(integrations, dict) else None
    if places and isinstance(mcp, dict) and mcp.keys() <= {"type"}:
        # A reader would look for the connection in it.
        body = _without(body, ("integrations", "mcp"))
    return body


def _without(body: JsonObject, place: Place) -> JsonObject:
    """
    *body* without what is at *place*, and without the objects that this empties.
    """
    name, *rest = place
    inner = body.get(str(name))
    left: JsonObject = {}
    if rest:
        if not isinstance(inner, dict):
            return body
        left = _without(inner, tuple(rest))
        if left == inner:
            return body
    return {
        key: left if key == name else value for key, value in body.items() if key != name or left
    }


def _cleared_references(
    before: JsonObject,
    left: JsonObject,
    sync: CredentialsSync,
    named: Iterable[NamedReference],
) -> frozenset[str]:
    kept = (*references_in(left), *named)
    gone = {one.ref for one in references_in(before)} - {one.ref for one in kept}
    return frozenset({*gone, *map(str, sync.cleared_secrets())})


def _require_address(integrations: Json | ReadOnlyJsonObject) -> None:
    found: Json | ReadOnlyJsonObject = integrations
    for name in ("mcp", "config", "url"):
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, str) and not is_blank(found):
        web_address(found, "integrations.mcp.config.url")


def _owned_sections(body: ReadOnlyJsonObject, sync: CredentialsSync) -> JsonObject:
    tenant = str(sync.owner.tenant)
    integrations = body.get("integrations")
    stored = integrations if isinstance(integrations, dict) else {}
    sections: JsonObject = {
        "account_id": tenant,
        "name": sync.name or _text(body, "name") or f"Cliente {tenant}",
        "description": sync.description
        or _text(body, "description")
        or f"Configuração para {tenant}",
    }
    if sync.domain_label is not None:
        sections["domain_label"] = sync.domain_label
    # Without what is cleared, false does not mean an empty field.
    asked = _without_places({"integrations": {**(sync.integrations or {})}}, sync.cleared)
    said = asked.get("integrations")
    given = _said(said if isinstance(said, dict) else {}, stored)
    named = _integrations(stored, given, sync)
    sections["integrations"] = merge_patch(given, named) if given else named
    if sync.enabled_collections is not None:
        sections["enabled_collections"] = list(sync.enabled_collections)
    return sections


def _said(given: ReadOnlyJsonObject, stored: ReadOnlyJsonObject) -> JsonObject:
    # Odoo sends null, "" or false for an empty field. False is a value only if the stored one is
    # a boolean, or if there is none.
    said: JsonObject = {}
    for name, value in given.items():
        present = stored.get(name)
        if isinstance(value, dict):
            said[name] = _said(value, present if isinstance(present, dict) else {})
        elif value is False:
            if present is None or isinstance(present, bool):
                said[name] = value
        elif value is not None and not is_blank(value):
            said[name] = value
    return said


def _integrations(
    stored: ReadOnlyJsonObject, given: ReadOnlyJsonObject, sync: CredentialsSync
) -> JsonObject:
    tenant = str(sync.owner.tenant)
    sections: JsonObject = {}
    connection = {
        "url": sync.odoo.url,
        "db": sync.odoo.db,
        "username": sync.odoo.username,
    }
    said: JsonObject = {name: value for name, value in connection.items() if value}
    if said or sync.password is not None:
        if sync.token not in sync.cleared_secrets():
            said["credential_ref"] = str(sync.token)
        sections["mcp"] = {"type": "odoo-mcp", "config": said}
    sections["qdrant"] = {
        "collection": sync.qdrant_collection
        or _leaf(given, "qdrant", "collection")
        or _leaf(stored, "qdrant", "collection")
        or f"business_rules_{tenant}"
    }
    sections["redis"] = {
        "prefix": sync.redis_prefix
        or _leaf(given, "redis", "prefix")
        or _leaf(stored, "redis", "prefix")
        or tenant
    }
    for account in sync.social:
        section: JsonObject = dict(account.settings)
        for name in account.secrets:
            section[f"{name}{REF_SUFFIX}"] = str(social_ref(sync.owner, account.section, name))
        if section:
            sections[account.section] = section
    return sections


def _leaf(sections: ReadOnlyJsonObject, section: str, name: str) -> str | None:
    found = sections.get(section)
    return _text(found, name) if isinstance(found, dict) else None


def _text(body: ReadOnlyJsonObject, name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) and value else None


def metadata_after(
    current: Document | None, sync: CompanyMetadataSync, open_token: OpenToken = never_opens
) -> Document:
    """
    The metadata document after a company metadata event, which is merged into the present one.

    It gets the members that the replaced service always wrote, with its defaults, unless somebody
    has given them a value: readers rely on them.

    Raises:
        EncryptedValueError: The replaced server encrypted a text in the event that *open_token*
            does not open.
    """
    require_all_opened(sync.body, open_token=open_token)
    before = Document.of({}) if current is None else current
    body = _without_places(before.body, sync.cleared)
    sections: JsonObject = {"account_id": str(sync.owner.tenant)}
    if sync.domain_label is not None:
        sections["domain_label"] = sync.domain_label
    told = merge_patch(merge_patch(body, sections), sync.body)
    return before.with_body(_completed(told, _metadata_defaults(sync.owner.tenant)))


def _metadata_defaults(tenant: TenantId) -> JsonObject:
    pages = ("website", "facebook", "instagram")
    return {
        "name": f"Empresa {tenant}",
        "description": f"Metadados para {tenant}",
        "business_area": "default",
        "business_area_other": "",
        "company_values": "",
        "online_presence": {
            "website": "",
            "facebook_url": "",
            "instagram_url": "",
            **{f"mention_{page}_at_end": False for page in pages},
        },
        "communication": {
            "greeting_message": "",
            "communication_style": "friendly",
            "emoji_usage": "moderate",
        },
    }


def _completed(body: ReadOnlyJsonObject, defaults: ReadOnlyJsonObject) -> JsonObject:
    """
    *body* with those of *defaults* that it does not have, after its own members.
    """
    completed = dict(body)
    for name, default in defaults.items():
        present = completed.setdefault(name, default)
        if isinstance(present, dict) and isinstance(default, dict):
            completed[name] = _completed(present, default)
    return completed


def credentials_after(
    current: Document | None,
    tenant: TenantId,
    fingerprints: dict[CredentialRef, Fingerprint],
    cleared: frozenset[str] = frozenset(),
) -> Document:
    """
    The credentials document with *fingerprints* and without *cleared*; other references stay.
    """
    present = fingerprints_in(current)
    known = {ref: mark for ref, mark in present.items() if ref not in cleared}
    new = {str(ref): mark for ref, mark in fingerprints.items()}
    if (
        current is not None
        and len(known) == len(present)
        and all(known.get(ref) == mark for ref, mark in new.items())
    ):
        return current
    return with_fingerprints(tenant, {**known, **new})


def patched_credentials(current: Document, patch: ReadOnlyJsonObject) -> JsonObject:
    """
    The credentials document *current* after *patch*, with the members that the patch removes.

    These are ``null``: `given_credentials` must tell them from those that are left out.
    """
    body = merge_patch(current.body, patch)
    told = patch.get("credentials")
    if isinstance(told, dict):
        masks: JsonObject = {ref: mark.mask for ref, mark in fingerprints_in(current).items()}
        body["credentials"] = masks | told
    return body
