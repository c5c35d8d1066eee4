"""
Odoo's events about a tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.credentials.old_values import (
    OpenToken,
    never_opens,
    require_opened,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import BusinessArea, CredentialRef, TenantArea, web_address
from odoo_ai_config.domain.json_types import (
    Json,
    JsonObject,
    Place,
    ReadOnlyJsonObject,
    is_blank,
    is_empty,
    shown_name,
)


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
        InvalidValueError: *url* is not an address, or has a user, a password or a fragment. They
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


_CONNECTION: Final = ("integrations", "mcp", "config")
_PASSWORD: Final = (*_CONNECTION, "credential_ref")
# Where the config has what an event calls by these names; those with a dot are paths in it.
PLACES: Final[Mapping[str, Place]] = {
    **{name: (name,) for name in ("name", "description", "enabled_collections")},
    **{f"odoo_{name}": (*_CONNECTION, name) for name in ("url", "db", "username")},
    "odoo_password": _PASSWORD,
    "integrations.mcp.config.password": _PASSWORD,
    "qdrant_collection": ("integrations", "qdrant", "collection"),
    "redis_prefix": ("integrations", "redis", "prefix"),
    **{
        f"{section}_{name}": ("integrations", section, name)
        for section, names in {
            "facebook": ("app_id", "app_secret", "access_token"),
            "instagram": ("client_id", "client_secret", "access_token"),
            "mercado_livre": ("app_id", "client_secret", "access_token"),
        }.items()
        for name in names
    },
}


def _place_of(name: str) -> Place | None:
    if name in PLACES:
        return PLACES[name]
    root, *steps = name.split(".")
    if root != "integrations" or any(shown_name(step) != step for step in steps):
        return None
    return (root, *steps)


def require_not_given(cleared: Iterable[Place], given: ReadOnlyJsonObject) -> None:
    """
    Refuse an event that clears a place and has a value for it or for a part of it.

    Raises:
        InvalidValueError: It does. The field is the number of the place, as in ``clear.0``.
    """
    for number, place in enumerate(cleared):
        found: Json | ReadOnlyJsonObject = given
        for step in place:
            if not isinstance(found, Mapping):
                break
            found = found.get(str(step))
        if found is not None and found != {}:
            raise InvalidValueError(f"clear.{number}", "given_and_cleared")


def _without_empty(given: ReadOnlyJsonObject) -> JsonObject:
    left = {
        name: _without_empty(value) if isinstance(value, dict) else value
        for name, value in given.items()
        if not is_empty(value)
    }
    return {name: value for name, value in left.items() if value != {}}


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
        clear: The fields to clear, by their names in the event: ``odoo_url``, or a path such as
            ``integrations.facebook``. What has a default gets it again.
        moved_from: The name that the business area had in Odoo, if it has a new one.

    Raises:
        InvalidValueError: A field to clear is unknown, or has a value.
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
    settings_text: str | None = field(default=None, repr=False, converter=_said)
    clear: tuple[str, ...] = ()
    moved_from: BusinessArea | None = None

    def __attrs_post_init__(self) -> None:
        for number, name in enumerate(self.clear):
            if _place_of(name) is None:
                raise InvalidValueError(f"clear.{number}", "unknown_member")
        if self.clear:
            require_not_given(self.cleared, self._given())
            require_not_given(
                self.cleared, _without_empty({"integrations": {**(self.integrations or {})}})
            )

    @property
    def cleared(self) -> tuple[Place, ...]:
        """
        The places in the config of the fields to `clear`.

        A secret is cleared by its own name: the config has it as ``<name>_ref``.
        """
        return tuple(place for name in self.clear if (place := _place_of(name)) is not None)

    def cleared_secrets(self) -> frozenset[CredentialRef]:
        """
        The references of the secrets to clear, whether or not the config names them.
        """
        if not self.clear:
            return frozenset()
        secrets: dict[Place, CredentialRef] = {_PASSWORD: self.token}
        for place in PLACES.values():
            if place[-1] in _SOCIAL_SUFFIX:
                _, section, name = map(str, place)
                secrets[place] = social_ref(self.owner, section, name)
        return frozenset(
            ref
            for place, ref in secrets.items()
            if any(place[: len(cleared)] == cleared for cleared in self.cleared)
        )

    def _given(self) -> JsonObject:
        odoo, password = self.odoo, None if self.password is None else str(self.token)
        integrations: JsonObject = {
            account.section: {**account.settings, **{name: name for name in account.secrets}}
            for account in self.social
        }
        config = (odoo.url, odoo.db, odoo.username, password)
        names = ("url", "db", "username", "credential_ref")
        integrations["mcp"] = {"config": dict(zip(names, config, strict=True))}
        integrations["qdrant"] = {"collection": self.qdrant_collection}
        integrations["redis"] = {"prefix": self.redis_prefix}
        collections = self.enabled_collections
        return _without_empty(
            {
                "name": self.name,
                "description": self.description,
                "enabled_collections": None if collections is None else [*collections],
                "integrations": integrations,
            }
        )

    def _readable(self) -> Iterator[tuple[str, str]]:
        odoo = self.odoo
        texts = {
            "name": self.name,
            "description": self.description,
            "odoo_db": odoo.db,
            "odoo_username": odoo.username,
            "qdrant_collection": self.qdrant_collection,
            "redis_prefix": self.redis_prefix,
        }
        for account in self.social:
            texts |= {f"{account.section}_{name}": text for name, text in account.settings.items()}
        return ((name, text) for name, text in texts.items() if text is not None)

    def secrets(self, open_token: OpenToken = never_opens) -> dict[CredentialRef, SecretText]:
        """
        Every secret of the event, by the reference that the config gets for it.

        Raises:
            EncryptedValueError: The replaced server encrypted one, or another text of the event,
                and it does not open.
        """
        for name, text in self._readable():
            require_opened(text, name, open_token)
        require_opened(str(self.token), "token")
        for number, text in enumerate(self.enabled_collections or ()):
            require_opened(text, f"enabled_collections.{number}")
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
        cleared: The places to clear.
        moved_from: The name that the business area had in Odoo, if it has a new one.

    Raises:
        InvalidValueError: A place to clear has a value.
    """

    owner: TenantArea
    body: ReadOnlyJsonObject = field(repr=False, converter=_without_blank)
    domain_label: str | None = None
    cleared: tuple[Place, ...] = ()
    moved_from: BusinessArea | None = None

    def __attrs_post_init__(self) -> None:
        require_not_given(self.cleared, self.body)
