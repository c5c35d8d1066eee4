"""
Let somebody in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from odoo_ai_config.application.api_key_text import ID_SIZE, SECRET_BYTES, ApiKeyText
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.identifiers import TenantId

# `keys revoke` takes an id as its argument, where a hyphen in front would make it an option.
_LETTERS_ONLY: Final = str.maketrans("-_", "xy")


@frozen
class CreateApiKey:
    """
    Make an API key. The key itself is handed over once and kept nowhere.
    """

    store: ConfigStore
    tokens: TokenSource
    clock: Clock

    async def __call__(
        self,
        *,
        name: str,
        scopes: frozenset[Scope],
        tenant: TenantId | None = None,
        actor: str = "cli",
        hand_over: Callable[[SecretText], object] | None = None,
    ) -> tuple[ApiKey, SecretText]:
        """
        The new key, and its text for its holder.

        *hand_over* is given the text before the key is good for anything: whoever is killed
        in between has a text that opens nothing, and not a key that nobody has.

        Raises:
            StoreUnavailableError: The store is away.
        """
        key_id = self.tokens.token(ID_SIZE).translate(_LETTERS_ONLY)[:ID_SIZE]
        text = ApiKeyText(key_id, self.tokens.token(SECRET_BYTES))
        now = self.clock.now()
        key = ApiKey(key_id, name, digest_of(text.secret), scopes, tenant, created_at=now)
        entry = AuditEntry(now, AuditAction.KEY_CREATED, actor, tenant, key_id)
        secret = SecretText(text.reveal())
        if hand_over is not None:
            hand_over(secret)
        await self.store.commit(Changeset(api_keys=(key,), audit=(entry,)))
        return key, secret
