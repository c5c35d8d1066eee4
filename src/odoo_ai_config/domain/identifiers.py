"""
Identifiers of tenants, business areas, documents and credentials, validated when they are made.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from attrs import Attribute, field, frozen

from odoo_ai_config.domain.errors import InvalidValueError

TENANT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}", re.ASCII)
SLUG: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
# A member of a document with such a name holds a reference to a sealed value.
REF_SUFFIX: Final = "_ref"
CREDENTIAL_REF: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@:+=~-]{0,255}", re.ASCII)
CHATWOOT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
# No user, password or fragment. Visible ASCII only, so that every parser finds the same host.
_WEB_ADDRESS: Final = re.compile(
    r"(?i:https?)://(?:([A-Za-z0-9_.-]{1,254})|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{1,5}))?"
    r"(?:[/?][!\"$-\[\]-~]*)?"
)
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
# With a last label like this, programs read the whole host as the number of a machine.
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)
_PORTS: Final = range(1, 2**16)
_LONGEST_ADDRESS: Final = 2048
# What programs write in place of an id of Chatwoot that they do not have.
NO_ID: Final = frozenset({"", "0", "None", "False", "null"})
# Chatwoot counts from 1.
_CHATWOOT_NUMBER: Final = re.compile(r"[1-9][0-9]*", re.ASCII)
_NO_NAMES: Final = frozenset({"none", "null", "nil", "undefined", "nan", "true", "false"})
_NOT_SLUG: Final = re.compile(r"[^a-z0-9_]+", re.ASCII)
_MAX_DISPLAY: Final = 128


def matches(rule: str, pattern: re.Pattern[str]) -> Callable[[object, Attribute[str], str], None]:
    """
    An attrs validator: the text must match *pattern*.

    *rule* is the field and the rule that the error names.
    """

    def check(_instance: object, _attribute: Attribute[str], value: str) -> None:
        if pattern.fullmatch(value) is None:
            raise InvalidValueError(rule, rule)

    return check


def web_address(text: str, where: str) -> str:
    """
    *text*, if it is an address that HTTP can reach; whether it is permitted is another question.

    Raises:
        InvalidValueError: It is not one, or it has a user, a password or a fragment.
    """
    found = _WEB_ADDRESS.fullmatch(text) if len(text) <= _LONGEST_ADDRESS else None
    if found is None or not _can_be_reached(*found.groups()):
        raise InvalidValueError(where, "url")
    return text


def _can_be_reached(name: str | None, ipv6: str | None, port: str | None) -> bool:
    if port is not None and int(port) not in _PORTS:
        return False
    labels = (name or "").removesuffix(".").split(".")
    try:
        if name is None:
            IPv6Address(ipv6 or "")
        elif _NUMBER.fullmatch(labels[-1]) is not None:
            IPv4Address(name)
        else:
            return all(map(_LABEL.fullmatch, labels))
    except AddressValueError:
        return False
    return True


@frozen(order=True)
class TenantId:
    """
    A client of the hub, by its name in Odoo (``account_id``).
    """

    value: str = field(validator=matches("account_id", TENANT_ID))

    def __str__(self) -> str:
        return self.value


# Owns the hub's own settings and secrets, for instance those of Chatwoot accounts. No client has
# this id: it needs a key with the scope `admin`, and no channel can belong to it.
HUB: Final = TenantId("odoo-ai-config")


_OF_SUBSCRIPTIONS: Final = "hub-subscriptions"


@frozen(order=True)
class BusinessArea:
    """
    A business area of a tenant. Each area has its own settings.
    """

    value: str = field(default="default", validator=matches("domain", SLUG))

    @classmethod
    def from_text(cls, text: str) -> BusinessArea:
        """
        Slug the free text of an Odoo user: ``Saúde e Bem-Estar`` becomes ``saude-e-bem-estar``.

        A slug stays as it is.

        Raises:
            InvalidValueError: The text has more than 128 characters, or no Latin letter and no
                digit, or is the name of an area of the hub's own.
        """
        if len(text) > _MAX_DISPLAY:
            raise InvalidValueError("domain", "domain")
        if SLUG.fullmatch(text) is None:
            decomposed = unicodedata.normalize("NFKD", text)
            letters = "".join(char for char in decomposed if not unicodedata.combining(char))
            letters = letters.casefold()
            text = _NOT_SLUG.sub("-", letters).strip("-_")[:64].rstrip("-_")
        if text == _OF_SUBSCRIPTIONS:
            raise InvalidValueError("domain", "domain_reserved")
        return cls(text)

    def __str__(self) -> str:
        return self.value


@frozen(order=True)
class DocumentKind:
    """
    The kind of a document: ``config``, ``credentials``, ``metadata``, ``crews`` or any slug.
    """

    value: str = field(validator=matches("config_type", SLUG))

    def __str__(self) -> str:
        return self.value


CONFIG: Final = DocumentKind("config")
CREDENTIALS: Final = DocumentKind("credentials")
METADATA: Final = DocumentKind("metadata")
CREWS: Final = DocumentKind("crews")
PAUSES: Final = DocumentKind("pauses")
RETENTION: Final = DocumentKind("retention")
# Where the hub itself is in its feed.
CURSOR: Final = DocumentKind("cursor")
# Holds the subscriptions of a tenant. Only administrators change them, by their own address.
SUBSCRIPTIONS: Final = BusinessArea(_OF_SUBSCRIPTIONS)


@frozen(order=True)
class CredentialRef:
    """
    The name by which a document refers to a sealed value.
    """

    value: str = field(validator=matches("credential_ref", CREDENTIAL_REF))

    def __str__(self) -> str:
        return self.value


@frozen(order=True)
class ChatwootId:
    """
    Id of a Chatwoot account or inbox. Chatwoot's ids are numbers; older files have texts.
    """

    value: str = field(validator=matches("chatwoot_id", CHATWOOT_ID))

    @property
    def is_odd(self) -> bool:
        """
        Whether no account and no inbox can have it.

        It is a number as Chatwoot never writes one (``01``, ``1e3``), or a word for a truth value
        or for nothing (``true``, ``None``). Earlier versions accepted these, so some are stored.
        """
        if self.value[0].isdigit():
            return _CHATWOOT_NUMBER.fullmatch(self.value) is None
        return self.value.casefold() in _NO_NAMES

    def __str__(self) -> str:
        return self.value


@frozen(order=True, cache_hash=True)
class TenantArea:
    """
    One business area of one tenant. Odoo configures it, and messages are routed to it.
    """

    tenant: TenantId
    domain: BusinessArea

    def __str__(self) -> str:
        return f"{self.tenant}/{self.domain}"

    def document(self, kind: DocumentKind) -> DocumentKey:
        """
        The key of this area's document of *kind*.
        """
        return DocumentKey(self.tenant, self.domain, kind)


@frozen(order=True, cache_hash=True)
class DocumentKey:
    """
    Where a document is: tenant, business area and kind.
    """

    tenant: TenantId
    domain: BusinessArea
    kind: DocumentKind

    @property
    def owner(self) -> TenantArea:
        """
        The business area that the document belongs to.
        """
        return TenantArea(self.tenant, self.domain)

    def __str__(self) -> str:
        return f"{self.tenant}/{self.domain}/{self.kind}"
