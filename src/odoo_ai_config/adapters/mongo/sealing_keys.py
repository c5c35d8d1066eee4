"""
Data keys that were active when they were read, so that sealing need not read them every time.
"""

from __future__ import annotations

from typing import Final

from odoo_ai_config.domain.credentials.secrets import TenantKey
from odoo_ai_config.domain.identifiers import TenantId

# A few megabytes of wrapped keys.
_MOST: Final = 10_000


class SealingKeys:
    """
    One key per tenant, for as long as commits find it active.

    What is remembered may be out of date: a commit that seals by it has to make sure.
    """

    def __init__(self) -> None:
        self._keys: dict[TenantId, TenantKey] = {}

    def get(self, tenant: TenantId) -> TenantKey | None:
        return self._keys.get(tenant)

    def remember(self, key: TenantKey) -> None:
        """
        Keep *key* in the place of the one that was remembered first, if there are too many.
        """
        if len(self._keys) >= _MOST:
            del self._keys[next(iter(self._keys))]
        self._keys[key.tenant] = key

    def forget(self, tenant: TenantId) -> None:
        """
        Let the next one who asks read the key.
        """
        self._keys.pop(tenant, None)
