"""
Verifies that the sender of a request knows a shared secret.

There are three schemes: Standard Webhooks, Chatwoot's own, and that of the old Odoo module.
The outcome is a verified scheme, None or a `SignatureError`, for any headers. Headers are text of
a stranger: timestamps are matched before they are parsed, and signatures are compared as bytes,
in constant time.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

from attrs import field, frozen

from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.entrypoints.http.platform.errors import (
    SignatureInvalidError,
    SignatureMissingError,
    SignatureTimestampError,
)

# int() would also take "1_674", " 1674 ", "+5" and full-width digits.
_TIMESTAMP = re.compile(r"[0-9]{1,11}")
# With a full stop in the id, two different messages could have the same signed text.
_MESSAGE_ID = re.compile(r"[!-\-/-~]{1,256}")
# A sender that rotates its secret signs two or three times; more only costs work.
_MOST_SIGNATURES = 16


class SignatureScheme(Enum):
    """
    How a sender signs its requests.
    """

    STANDARD_WEBHOOKS = "standard_webhooks"
    CHATWOOT = "chatwoot"
    ODOO_MODULE = "odoo_module"


def _keys(secrets: Iterable[SigningKey]) -> tuple[SigningKey, ...]:
    return tuple(secrets)


@frozen
class SignaturePolicy:
    """
    The secrets of each scheme, and whether a signature is required.

    A scheme without keys is off: its headers are ignored. All keys of a scheme are accepted, so
    that a secret can be rotated without a gap.
    """

    standard_webhooks: tuple[SigningKey, ...] = field(default=(), converter=_keys)
    chatwoot: tuple[SigningKey, ...] = field(default=(), converter=_keys)
    odoo_module: tuple[SigningKey, ...] = field(default=(), converter=_keys)
    required: bool = False
    tolerance_seconds: int = 300

    @property
    def idle(self) -> bool:
        """
        Whether there is nothing to check and nothing is required.
        """
        return not (self.required or self.standard_webhooks or self.chatwoot or self.odoo_module)


def verify_signature(
    headers: Mapping[str, str],
    body: bytes,
    *,
    parsed_body: Callable[[], Json] = dict,
    now: float,
    policy: SignaturePolicy,
) -> SignatureScheme | None:
    """
    Find the scheme that verifies a request; None without a signature if none is required.

    A wrong signature is refused even if none is required, and even beside a right one of another
    scheme.

    Args:
        headers: A case-insensitive mapping, as aiohttp's headers are.
        body: The bytes as received.
        parsed_body: Parses the body for the scheme of the old Odoo module, which signs it
            serialised again; called only to check that scheme, and not needed without it.
        now: Unix time in seconds.
        policy: The secrets and requirements.

    Raises:
        SignatureError: One of its subclasses.
    """
    verified: list[SignatureScheme] = []
    if policy.standard_webhooks and (given := headers.get("webhook-signature")) is not None:
        _check_standard_webhooks(given, headers, body, now, policy)
        verified.append(SignatureScheme.STANDARD_WEBHOOKS)
    if policy.chatwoot and (given := headers.get("X-Chatwoot-Signature")) is not None:
        _check_chatwoot(given, headers, body, now, policy)
        verified.append(SignatureScheme.CHATWOOT)
    if policy.odoo_module and (given := headers.get("X-Webhook-Signature")) is not None:
        _check_odoo_module(given, parsed_body(), policy)
        verified.append(SignatureScheme.ODOO_MODULE)
    if verified:
        return verified[0]
    if policy.required:
        raise SignatureMissingError
    return None


def _check_standard_webhooks(
    given: str, headers: Mapping[str, str], body: bytes, now: float, policy: SignaturePolicy
) -> None:
    message_id = headers.get("webhook-id", "")
    if _MESSAGE_ID.fullmatch(message_id) is None:
        raise SignatureInvalidError
    timestamp = _timely(headers.get("webhook-timestamp", ""), now, policy.tolerance_seconds)
    expected = (
        key.standard_webhook(message_id.encode("ascii"), timestamp, body)
        for key in policy.standard_webhooks
    )
    _require_match(given.split(" ", _MOST_SIGNATURES)[:_MOST_SIGNATURES], expected)


def _check_chatwoot(
    given: str, headers: Mapping[str, str], body: bytes, now: float, policy: SignaturePolicy
) -> None:
    timestamp = _timely(headers.get("X-Chatwoot-Timestamp", ""), now, policy.tolerance_seconds)
    message = timestamp + b"." + body
    _require_match(
        [given],
        (b"sha256=" + key.digest(message).hex().encode("ascii") for key in policy.chatwoot),
    )


def _check_odoo_module(given: str, parsed: Json, policy: SignaturePolicy) -> None:
    message = json.dumps(parsed, sort_keys=True).encode("ascii")
    _require_match(
        [given], (key.digest(message).hex().encode("ascii") for key in policy.odoo_module)
    )


def _timely(timestamp: str, now: float, tolerance: int) -> bytes:
    if _TIMESTAMP.fullmatch(timestamp) is None or abs(now - int(timestamp)) > tolerance:
        raise SignatureTimestampError
    return timestamp.encode("ascii")


def _require_match(given: Iterable[str], expected: Iterable[bytes]) -> None:
    # Non-ASCII characters become "?", which no signature has. Every pair is compared, so that
    # the time does not tell which secret matches.
    candidates = [signature.encode("ascii", "replace") for signature in given]
    matches = [
        hmac.compare_digest(candidate, signature)
        for signature in expected
        for candidate in candidates
    ]
    if not any(matches):
        raise SignatureInvalidError
