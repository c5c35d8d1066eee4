"""
What an event clears is gone, as if it had never been given.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.credentials.secrets import Fingerprint
from odoo_ai_config.domain.documents.credentials import fingerprints_in
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.merging import (
    config_after,
    credentials_after,
    metadata_after,
)
from odoo_ai_config.domain.documents.syncs import CredentialsSync
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.odoo_events.company_metadata import (
    CompanyMetadata,
    company_metadata_sync,
)
from odoo_ai_config.entrypoints.http.odoo_events.payloads import Credentials, credentials_sync

WHOSE: Final[JsonObject] = {"account_id": "a1", "token": "t1"}
# Who the event is about, and how it says the rest.
NOT_CLEARED: Final = {
    "account_id",
    "token",
    "domain",
    "integrations",
    "yaml_content",
    "clear",
    "moved_from",
}
SETTINGS: Final[dict[str, Any]] = {
    one.name: "https://odoo.example" if one.name == "odoo_url" else f"v-{one.name}"
    for one in fields(Credentials)
    if one.name not in NOT_CLEARED
} | {"enabled_collections": ["products"]}
COMPANY: Final[dict[str, Any]] = {
    one.name: one.name.startswith("mention") or f"v-{one.name}"
    for one in fields(CompanyMetadata)
    if one.metadata
} | {
    "enabled_collections": ["products"],
    "address": {"city": "Manaus", "zip": "1", "share_address": False},
    "business_hours": {"monday": True, "sunday": False, "timezone": "America/Manaus"},
}
PARTS: Final = [
    f"{name}.{part}" for name in ("address", "business_hours") for part in COMPANY[name]
]


def marks(sync: CredentialsSync) -> dict[Any, Fingerprint]:
    return {ref: Fingerprint("ab" * 16) for ref in sync.secrets()}


@given(st.sets(st.sampled_from(sorted(SETTINGS))))
def test_cleared_settings_are_as_if_never_given(names: set[str]) -> None:
    full = credentials_sync(WHOSE | SETTINGS)
    stored = config_after(None, full).document
    sealed = credentials_after(None, full.owner.tenant, marks(full))
    clearing = credentials_sync({**WHOSE, "clear": [*sorted(names)]})
    merged = config_after(stored, clearing)
    never = credentials_sync(
        WHOSE | {name: value for name, value in SETTINGS.items() if name not in names}
    )
    expected: Any = config_after(None, never).document.body
    if "odoo_password" in names:
        # What is not there need not be named.
        expected["integrations"].get("mcp", {"config": {}})["config"].pop("credential_ref", None)
    assert merged.document.body == expected
    left = credentials_after(sealed, full.owner.tenant, {}, merged.cleared)
    assert fingerprints_in(left).keys() == {str(ref) for ref in never.secrets()}
    # A repeated event changes nothing.
    again = config_after(merged.document, clearing)
    assert again.document is merged.document
    assert credentials_after(left, full.owner.tenant, {}, again.cleared) is left


@given(st.sets(st.sampled_from([*COMPANY, *PARTS])))
def test_cleared_description_is_as_if_never_given(names: set[str]) -> None:
    whose = {"account_id": "a1"}
    stored = metadata_after(None, company_metadata_sync(whose | COMPANY))
    cleared = metadata_after(stored, company_metadata_sync({**whose, "clear": [*sorted(names)]}))
    never: dict[str, Any] = {
        name: {part: inner for part, inner in value.items() if f"{name}.{part}" not in names}
        if isinstance(value, dict)
        else value
        for name, value in COMPANY.items()
        if name not in names
    }
    assert cleared.body == metadata_after(None, company_metadata_sync(whose | never)).body


@given(st.sets(st.sampled_from(sorted(SETTINGS))), st.sets(st.sampled_from(sorted(SETTINGS))))
def test_event_may_clear_one_field_and_give_another(cleared: set[str], given: set[str]) -> None:
    given -= cleared
    said = {name: SETTINGS[name] for name in given}
    sync = credentials_sync(WHOSE | said | {"clear": sorted(cleared)})
    before = Document.of({"account_id": "a1", "other": 1})
    body = config_after(before, sync).document.body
    assert body["other"] == 1
    for name in given & {"name", "description"}:
        assert body[name] == SETTINGS[name]
