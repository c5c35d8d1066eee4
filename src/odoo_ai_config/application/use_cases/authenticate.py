"""
Tell who is calling.
"""

from __future__ import annotations

import hmac

from attrs import frozen

from odoo_ai_config.application.api_key_text import ApiKeyText, digest_of
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.errors import InvalidApiKeyError


@frozen
class Authenticate:
    """
    Find the API key that a caller presents.

    *configured* is the key that the operator set, which is in no store.
    """

    api_keys: ApiKeyStore
    configured: ApiKey | None = None

    async def __call__(self, presented: str | None) -> ApiKey:
        """
        The caller's key.

        Raises:
            InvalidApiKeyError: It is missing, unknown or revoked; which one is not said.
            StoreUnavailableError: The store is away.
        """
        if not presented:
            raise InvalidApiKeyError
        if self.configured is not None and hmac.compare_digest(
            digest_of(presented), self.configured.digest
        ):
            return self.configured
        text = ApiKeyText.parse(presented)
        if text is None:
            raise InvalidApiKeyError
        key = await self.api_keys.api_key(text.id)
        if key is None or not hmac.compare_digest(digest_of(text.secret), key.digest):
            raise InvalidApiKeyError
        if key.revoked_at is not None:
            raise InvalidApiKeyError
        return key
