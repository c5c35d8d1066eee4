"""
Whether a new tenant is probably another one, misspelt.
"""

from __future__ import annotations

from itertools import islice

from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.outcomes import MOST_NOTICES, Notice


async def similar_tenants(
    store: ConfigStore, tenant: TenantId, *, caller: ApiKey, new: bool
) -> tuple[Notice, ...]:
    """
    A notice for each tenant whose id differs from that of *tenant* only in case.

    There is none if what is written is not *new*, or if *tenant* has a document. A *caller* that
    is bound to a tenant gets none: it must not learn of others.
    """
    if not new or caller.tenant is not None:
        return ()
    known = await store.spellings(tenant)
    if tenant in known:
        return ()
    return tuple(Notice("similar_tenant", str(other)) for other in islice(known, MOST_NOTICES))
