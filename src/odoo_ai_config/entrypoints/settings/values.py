"""
Converts the texts of settings to values.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Literal, TypeAlias, TypeVar

from odoo_ai_config.domain.access import is_guessable
from odoo_ai_config.domain.chatwoot import ChatwootChange
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.entrypoints.numbers import has_numbers

# The name of a host, or a network.
Target: TypeAlias = IPv4Network | IPv6Network | str
# What speaks with MongoDB.
Driver: TypeAlias = Literal["motor", "pymongo"]
DRIVERS: Final[tuple[Driver, ...]] = ("motor", "pymongo")
Choice = TypeVar("Choice", bound=str)

_TRUE: Final = frozenset({"1", "true", "yes", "on", "sim"})
_FALSE: Final = frozenset({"0", "false", "no", "off", "não", "nao", ""})
_FERNET_KEY_BYTES: Final = 32
_ADDRESS: Final = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?")
_ORIGIN: Final = re.compile(
    r"(?P<base>(?P<scheme>https?)://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\]))(?::(?P<port>[0-9]{1,5}))?"
)
_USUAL_PORTS: Final = {"http": "80", "https": "443"}
# A name, not a number: its last label has a letter.
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]*[A-Za-z][A-Za-z0-9_-]*\.?")


def secret(text: str) -> SecretText | None:
    return SecretText(text) if text else None


def secrets(text: str) -> tuple[SecretText, ...]:
    return tuple(SecretText(part.strip()) for part in text.split(",") if part.strip())


def fernet_keys(text: str) -> tuple[SecretText, ...]:
    keys = secrets(text)
    for key in keys:
        if len(urlsafe_b64decode(key.reveal())) != _FERNET_KEY_BYTES:
            raise ValueError
    return keys


def webhook_tokens(text: str) -> tuple[SecretText, ...]:
    tokens = secrets(text)
    try:
        ChatwootChange(webhook_tokens=tokens)
    except InvalidValueError:
        raise ValueError from None
    return tokens


def switch(text: str) -> bool:
    if text.strip().lower() in _TRUE:
        return True
    if text.strip().lower() in _FALSE:
        return False
    raise ValueError


def count(minimum: int, maximum: int = 2**31) -> Callable[[str], int]:
    def convert(text: str) -> int:
        number = int(text)
        if not minimum <= number <= maximum:
            raise ValueError
        return number

    return convert


def one_of(choices: tuple[Choice, ...]) -> Callable[[str], Choice]:
    return lambda text: choices[choices.index(text.lower())]


def address(text: str) -> str | None:
    if text and _ADDRESS.fullmatch(text) is None:
        raise ValueError
    return text.rstrip("/") or None


def origins(text: str) -> frozenset[str]:
    return frozenset(_origin(part.strip()) for part in text.split(",") if part.strip())


def _origin(text: str) -> str:
    found = _ORIGIN.fullmatch(text.lower())
    if found is None or int(found["port"] or 1) not in range(1, 2**16):
        raise ValueError
    # Browsers leave out the usual port.
    return found["base"] if found["port"] == _USUAL_PORTS[found["scheme"]] else text.lower()


def targets(text: str) -> tuple[Target, ...]:
    return tuple(_target(part.strip()) for part in text.split(",") if part.strip())


def _target(text: str) -> Target:
    if _HOST.fullmatch(text) is not None:
        return text
    return ip_network(text)


def country(text: str) -> str | None:
    code = text.strip().upper()
    if code and not has_numbers(code):
        raise ValueError
    return code or None


def api_key(text: str) -> SecretText | None:
    # A header loses spaces at its ends.
    if text and (is_guessable(text) or text != text.strip()):
        raise ValueError
    return secret(text)
