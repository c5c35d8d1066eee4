"""
What Odoo says of a tenant, as the events bring it.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from odoo_ai_config.domain.credentials.secret_names import require_open
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import CredentialRef, TenantDomain
from odoo_ai_config.domain.json_types import ReadOnlyJsonObject


@frozen
class OdooConnection:
    """
    How an AI service reaches the tenant's Odoo; the password is sealed apart from it.
    """

    url: str | None = None
    db: str | None = None
    username: str | None = None


@frozen
class SocialAccount:
    """
    A social network or marketplace app of the tenant: public id and, sealed apart, its secrets.

    Args:
        section: Its name below ``integrations``, for instance ``facebook``.
        settings: Public fields by name, for instance ``{"app_id": "1"}``.
        secrets: Secret fields by name; each becomes ``<name>_ref`` in the config.
    """

    section: str
    settings: Mapping[str, str] = field(factory=dict)
    secrets: Mapping[str, SecretText] = field(factory=dict)


# References by which consumers of the replaced service find the values (its stored files).
_SOCIAL_PREFIX = {"facebook": "fb", "instagram": "ig", "mercado_livre": "ml"}
_SOCIAL_SUFFIX = {"access_token": "token", "app_secret": "secret", "client_secret": "secret"}


def social_ref(owner: TenantDomain, section: str, secret: str) -> CredentialRef:
    """
    Name the sealed value of a social app's secret: ``fb_token_<account>`` and the like.
    """
    suffix = _SOCIAL_SUFFIX[secret]
    return CredentialRef(f"{_SOCIAL_PREFIX[section]}_{suffix}_{owner.tenant}")


@frozen
class CredentialsSync:
    """
    A ``credentials_sync`` event: settings and secrets of one business area of a tenant.

    None stands for "not said": the stored value stays. A secret that the replaced server
    encrypted is refused with an `EncryptedValueError`.

    Args:
        token: Reference under which the Odoo password is sealed.
        domain_label: The business area as the Odoo user wrote it, kept for display.
        enabled_collections: Replaces the stored list if it is given, even when empty.
        integrations: Further integrations; what is empty in them counts as not said.
        settings_text: More settings of the tenant as YAML text (``yaml_content``).
    """

    owner: TenantDomain
    token: CredentialRef
    name: str | None = None
    description: str | None = None
    domain_label: str | None = None
    odoo: OdooConnection = OdooConnection()
    password: SecretText | None = None
    qdrant_collection: str | None = None
    redis_prefix: str | None = None
    social: tuple[SocialAccount, ...] = ()
    enabled_collections: tuple[str, ...] | None = None
    integrations: ReadOnlyJsonObject | None = field(default=None, repr=False)
    settings_text: str | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.password is not None:
            require_open(self.password.reveal(), "odoo_password")
        for account in self.social:
            for name, secret in account.secrets.items():
                require_open(secret.reveal(), f"{account.section}_{name}")

    def secrets(self) -> dict[CredentialRef, SecretText]:
        """
        Every secret of the event under the reference that the config will name.
        """
        found = {}
        if self.password is not None:
            found[self.token] = self.password
        for account in self.social:
            for name, secret in account.secrets.items():
                found[social_ref(self.owner, account.section, name)] = secret
        return found


@frozen
class CompanyMetadataSync:
    """
    A ``company_metadata_sync`` event: what the company says of itself.

    *body* holds the fields that were given, already in the document's structure.
    """

    owner: TenantDomain
    body: ReadOnlyJsonObject = field(repr=False)
    domain_label: str | None = None
