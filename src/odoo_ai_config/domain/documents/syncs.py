"""
Odoo's events about a tenant.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from odoo_ai_config.domain.credentials.old_values import (
    OpenToken,
    never_opens,
    require_opened,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import CredentialRef, TenantArea, web_address
from odoo_ai_config.domain.json_types import JsonObject, ReadOnlyJsonObject, is_blank


def _said(text: str | None) -> str | None:
    return None if is_blank(text) else text


def _without_blank(body: ReadOnlyJsonObject) -> JsonObject:
    return {
        name: _without_blank(value) if isinstance(value, dict) else value
        for name, value in body.items()
        if not is_blank(value)
    }


@frozen
class OdooConnection:
    """
    How an AI service reaches the tenant's Odoo. The password is sealed separately.

    Raises:
        InvalidValueError: The address is none, or it has a user, a password or a fragment. They
            would be readable.
    """

    url: str | None = field(default=None, converter=_said)
    db: str | None = field(default=None, converter=_said)
    username: str | None = field(default=None, converter=_said)

    @url.validator
    def _check_url(self, _attribute: object, value: str | None) -> None:
        if value is not None:
            web_address(value, "odoo_url")


@frozen
class SocialAccount:
    """
    The tenant's app at a social network or marketplace. Its secrets are sealed separately.

    Args:
        section: Its section in ``integrations``, for instance ``facebook``.
        settings: Public fields by name, for instance ``{"app_id": "1"}``.
        secrets: Secret fields by name; each becomes ``<name>_ref`` in the config.
    """

    section: str
    settings: Mapping[str, str] = field(factory=dict)
    secrets: Mapping[str, SecretText] = field(factory=dict)


# Consumers of the replaced service find the values under these references.
_SOCIAL_PREFIX = {"facebook": "fb", "instagram": "ig", "mercado_livre": "ml"}
_SOCIAL_SUFFIX = {"access_token": "token", "app_secret": "secret", "client_secret": "secret"}


def social_ref(owner: TenantArea, section: str, secret: str) -> CredentialRef:
    """
    The reference of a social app's secret, for instance ``fb_token_<account>``.
    """
    suffix = _SOCIAL_SUFFIX[secret]
    return CredentialRef(f"{_SOCIAL_PREFIX[section]}_{suffix}_{owner.tenant}")


@frozen
class CredentialsSync:
    """
    A ``credentials_sync`` event: settings and secrets of one business area of a tenant.

    If a field is None or shows nothing, the stored value stays.

    Args:
        token: The reference under which the Odoo password is sealed.
        domain_label: The business area as the Odoo user wrote it, for display.
        enabled_collections: Replaces the stored list if it is given, even if it is empty.
        integrations: Further integrations. An empty value in them leaves the stored one.
        settings_text: Further settings of the tenant as YAML text (``yaml_content``).
    """

    owner: TenantArea
    token: CredentialRef
    name: str | None = field(default=None, converter=_said)
    description: str | None = field(default=None, converter=_said)
    domain_label: str | None = None
    odoo: OdooConnection = OdooConnection()
    password: SecretText | None = None
    qdrant_collection: str | None = field(default=None, converter=_said)
    redis_prefix: str | None = field(default=None, converter=_said)
    social: tuple[SocialAccount, ...] = ()
    enabled_collections: tuple[str, ...] | None = None
    integrations: ReadOnlyJsonObject | None = field(default=None, repr=False)
    settings_text: str | None = field(default=None, repr=False)

    def secrets(self, open_token: OpenToken = never_opens) -> dict[CredentialRef, SecretText]:
        """
        Every secret of the event, by the reference that the config gets for it.

        Raises:
            EncryptedValueError: The replaced server encrypted one, and it does not open.
        """
        found = {}
        if self.password is not None:
            found[self.token] = require_opened(self.password.reveal(), "odoo_password", open_token)
        for account in self.social:
            for name, secret in account.secrets.items():
                found[social_ref(self.owner, account.section, name)] = require_opened(
                    secret.reveal(), f"{account.section}_{name}", open_token
                )
        return found


@frozen
class CompanyMetadataSync:
    """
    A ``company_metadata_sync`` event: the company's description of itself.

    Args:
        body: The given fields, in the structure of the document.
    """

    owner: TenantArea
    body: ReadOnlyJsonObject = field(repr=False, converter=_without_blank)
    domain_label: str | None = None
