"""
Names of tenants, business areas, documents and credentials, validated once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from attrs import Attribute, field, frozen

from odoo_ai_config.domain.errors import InvalidValueError

TENANT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}", re.ASCII)
SLUG: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
CREDENTIAL_REF: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@:+=~-]{0,255}", re.ASCII)
CHATWOOT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_NOT_SLUG: Final = re.compile(r"[^a-z0-9_]+", re.ASCII)
_MAX_DISPLAY: Final = 128


def _matches(rule: str, pattern: re.Pattern[str]) -> Callable[[object, Attribute[str], str], None]:
    def check(_instance: object, _attribute: Attribute[str], value: str) -> None:
        if pattern.fullmatch(value) is None:
            raise InvalidValueError(rule, rule)

    return check


@frozen(order=True)
class TenantId:
    """
    A client of the hub, named as Odoo names it (``account_id``).
    """

    value: str = field(validator=_matches("account_id", TENANT_ID))

    def __str__(self) -> str:
        return self.value


# The hub's own settings and secrets, those of Chatwoot accounts for instance, live under this
# id. No client is called so: only keys with the scope `admin` get to it, and no channel does.
HUB: Final = TenantId("odoo-ai-config")


@frozen(order=True)
class BusinessDomain:
    """
    A business area of a tenant; its settings live apart from the others'.
    """

    value: str = field(default="default", validator=_matches("domain", SLUG))

    @classmethod
    def from_text(cls, text: str) -> BusinessDomain:
        """
        Slug the free text of an Odoo user: ``Saúde e Bem-Estar`` becomes ``saude-e-bem-estar``.

        A slug is left as it is, so that slugging twice changes nothing.

        Raises:
            InvalidValueError: The text is longer than 128 characters, or has no Latin letter
                and no digit to make a slug of.
        """
        if len(text) > _MAX_DISPLAY:
            raise InvalidValueError("domain", "domain")
        if SLUG.fullmatch(text) is not None:
            return cls(text)
        decomposed = unicodedata.normalize("NFKD", text)
        letters = "".join(char for char in decomposed if not unicodedata.combining(char))
        letters = letters.casefold()
        return cls(_NOT_SLUG.sub("-", letters).strip("-_")[:64].rstrip("-_"))

    def __str__(self) -> str:
        return self.value


@frozen(order=True)
class DocumentKind:
    """
    What a document is about: ``config``, ``credentials``, ``metadata``, ``crews`` or any slug.
    """

    value: str = field(validator=_matches("config_type", SLUG))

    def __str__(self) -> str:
        return self.value


CONFIG: Final = DocumentKind("config")
CREDENTIALS: Final = DocumentKind("credentials")
METADATA: Final = DocumentKind("metadata")
CREWS: Final = DocumentKind("crews")


@frozen(order=True)
class CredentialRef:
    """
    The name under which a config document refers to a sealed value.
    """

    value: str = field(validator=_matches("credential_ref", CREDENTIAL_REF))

    def __str__(self) -> str:
        return self.value


@frozen(order=True)
class ChatwootId:
    """
    Id of a Chatwoot account or inbox; Chatwoot counts, older files hold text.
    """

    value: str = field(validator=_matches("chatwoot_id", CHATWOOT_ID))

    def __str__(self) -> str:
        return self.value


@frozen(order=True, cache_hash=True)
class TenantDomain:
    """
    One business area of one tenant: the unit that Odoo configures and messages are routed to.
    """

    tenant: TenantId
    domain: BusinessDomain

    def __str__(self) -> str:
        return f"{self.tenant}/{self.domain}"

    def document(self, kind: DocumentKind) -> DocumentKey:
        """
        Name the document of *kind* that belongs to this business area.
        """
        return DocumentKey(self.tenant, self.domain, kind)


@frozen(order=True, cache_hash=True)
class DocumentKey:
    """
    Where a document lives: tenant, business area and kind.
    """

    tenant: TenantId
    domain: BusinessDomain
    kind: DocumentKind

    @property
    def owner(self) -> TenantDomain:
        """
        The business area that the document belongs to.
        """
        return TenantDomain(self.tenant, self.domain)

    def __str__(self) -> str:
        return f"{self.tenant}/{self.domain}/{self.kind}"
