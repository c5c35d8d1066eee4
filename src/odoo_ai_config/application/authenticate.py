"""
Tell who is calling.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from attrs import frozen

from odoo_ai_config.application.api_key_text import ApiKeyText
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.credentials.secrets import digest_of
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
        found = self._read(presented)
        if isinstance(found, ApiKey):
            return found
        return _vouched(found, await self.api_keys.api_key(found.id))

    def among(self, keys: Mapping[str, ApiKey], presented: str | None) -> ApiKey:
        """
        The caller's key if it is one of *keys*, by id, or the configured one.

        Raises:
            InvalidApiKeyError: It is missing, none of these, or revoked; which one is not said.
        """
        found = self._read(presented)
        return found if isinstance(found, ApiKey) else _vouched(found, keys.get(found.id))

    def _read(self, presented: str | None) -> ApiKey | ApiKeyText:
        if not presented:
            raise InvalidApiKeyError
        if self.configured is not None and hmac.compare_digest(
            digest_of(presented), self.configured.digest
        ):
            return self.configured
        text = ApiKeyText.parse(presented)
        if text is None:
            raise InvalidApiKeyError
        return text


def _vouched(text: ApiKeyText, key: ApiKey | None) -> ApiKey:
    if key is None or not hmac.compare_digest(digest_of(text.secret), key.digest):
        raise InvalidApiKeyError
    if key.revoked_at is not None:
        raise InvalidApiKeyError
    return key
