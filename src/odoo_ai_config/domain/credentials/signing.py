"""
Signing keys, and signatures by the Standard Webhooks specification.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime
from typing import Final, NoReturn

from odoo_ai_config.domain.credentials.secrets import SecretText

_WHSEC: Final = "whsec_"
# CPython releases its lock to hash a longer piece. A busy server waits longer to get the lock back
# than the hashing takes.
_WITHOUT_PAUSE: Final = 2047
# For a longer message the wait does not matter, and other threads need the lock.
_LONG: Final = 64 * 1024


class SigningKey:
    """
    A secret shared with one other side. It signs, and nothing shows it.
    """

    __slots__ = ("__keyed",)

    def __init__(self, key: bytes) -> None:
        if not key:
            raise ValueError("a signing secret must not be empty")
        # The key is hashed once, and copied for each message.
        self.__keyed = hmac.new(key, digestmod="sha256")

    @classmethod
    def from_text(cls, secret: SecretText) -> SigningKey:
        """
        Take the bytes of the text as the key, as Chatwoot and the Odoo module do.
        """
        return cls(secret.reveal().encode())

    @classmethod
    def from_standard_webhooks(cls, secret: SecretText) -> SigningKey:
        """
        Take the key after ``whsec_``, in base64; without that prefix, the text itself.
        """
        text = secret.reveal()
        if not text.startswith(_WHSEC):
            return cls.from_text(secret)
        encoded = text.removeprefix(_WHSEC).rstrip("=")
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("a signing secret after whsec_ must be base64") from None
        return cls(key)

    def digest(self, message: bytes) -> bytes:
        """
        HMAC-SHA256 of *message* under this key.
        """
        signing = self.__keyed.copy()
        size = _WITHOUT_PAUSE if len(message) <= _LONG else len(message)
        for start in range(0, len(message), size):
            signing.update(message[start : start + size])
        return signing.digest()

    def standard_webhook(self, message_id: bytes, timestamp: bytes, body: bytes) -> bytes:
        """
        The ``webhook-signature`` of a message.
        """
        message = b".".join((message_id, timestamp, body))
        return b"v1," + base64.b64encode(self.digest(message))

    def standard_webhook_headers(
        self, message_id: str, body: bytes, *, at: datetime
    ) -> dict[str, str]:
        """
        The headers of a message that is sent *at* a moment.
        """
        timestamp = str(int(at.timestamp()))
        signature = self.standard_webhook(message_id.encode(), timestamp.encode(), body)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature.decode(),
        }

    def __repr__(self) -> str:
        return "SigningKey(***)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a signing key cannot be pickled or copied")
