"""
Signing keys, and the text that Standard Webhooks sign.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime
from typing import Final, NoReturn

from odoo_ai_config.domain.credentials.secrets import SecretText

_WHSEC: Final = "whsec_"
# Longer pieces are hashed without the interpreter's lock, which takes a busy server longer to get
# back than the hashing.
_WITHOUT_PAUSE: Final = 2047
# Of a message this long that is little, and the others need the lock meanwhile.
_LONG: Final = 64 * 1024


class SigningKey:
    """
    A secret shared with one other side; it signs, and shows itself to nobody.
    """

    __slots__ = ("__keyed",)

    def __init__(self, key: bytes) -> None:
        if not key:
            raise ValueError("a signing secret must not be empty")
        # What the key itself needs is hashed once.
        self.__keyed = hmac.new(key, digestmod="sha256")

    @classmethod
    def from_text(cls, secret: SecretText) -> SigningKey:
        """
        Take the secret as the bytes of its text, as Chatwoot and the Odoo module do.
        """
        return cls(secret.reveal().encode())

    @classmethod
    def from_standard_webhooks(cls, secret: SecretText) -> SigningKey:
        """
        Take ``whsec_`` and base64 as the Standard Webhooks write it, or else the text as it is.
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
        What ``webhook-signature`` says of a message by the Standard Webhooks.
        """
        message = b".".join((message_id, timestamp, body))
        return b"v1," + base64.b64encode(self.digest(message))

    def standard_webhook_headers(
        self, message_id: str, body: bytes, *, at: datetime
    ) -> dict[str, str]:
        """
        The headers of a message that is sent *at* a moment by the Standard Webhooks.
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
