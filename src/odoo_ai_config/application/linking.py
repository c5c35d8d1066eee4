"""
Links the pending entries of the audit trail.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from odoo_ai_config.application.errors import ApplicationError
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.secret_vault import SecretVault

_BATCH: Final = 250
# What a reader waits for; more is only pending after an upgrade or an outage.
_SOON: Final = 4 * _BATCH


async def link_pending(audit: AuditLog, vault: SecretVault, *, most: int | None = None) -> int:
    """
    Link everything that is pending, or about *most* entries; return how many.
    """
    done = 0
    while most is None or done < most:
        linked = await audit.link(lambda end: vault.vouch(str(end)), limit=_BATCH)
        done += linked
        if linked < _BATCH:
            break
    return done


async def link_soon(audit: AuditLog, vault: SecretVault) -> None:
    """
    Link what a reader may look for; what cannot be linked now is linked later.
    """
    with suppress(ApplicationError):
        await link_pending(audit, vault, most=_SOON)
