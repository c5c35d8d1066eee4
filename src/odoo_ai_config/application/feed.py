"""
Read what has changed, from a cursor on.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from odoo_ai_config.application.linking import link_soon
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.audit import TrailEnd
from odoo_ai_config.domain.feed import Change, ChangeKind, FeedCompactedError, change_of
from odoo_ai_config.domain.identifiers import TenantId

MOST_CHANGES: Final = 1000
ALL_KINDS: Final = frozenset(ChangeKind)


@frozen
class FeedPage:
    """
    What has changed, oldest first, and where to go on.
    """

    changes: tuple[Change, ...]
    cursor: TrailEnd


@frozen(eq=False)
class ReadFeed:
    """
    The changes behind a cursor, in the one order that all readers see.
    """

    audit: AuditLog
    vault: SecretVault

    async def __call__(
        self,
        since: TrailEnd | None,
        *,
        caller: ApiKey,
        kinds: frozenset[ChangeKind] = ALL_KINDS,
        tenant: TenantId | None = None,
        limit: int = MOST_CHANGES,
    ) -> FeedPage:
        """
        The changes among at most *limit* entries behind *since*.

        Without *since* there are none: whoever begins reads everything, and then goes on from the
        cursor. A bound caller sees the changes of its own tenant.

        Raises:
            ScopeMissingError, TenantForbiddenError: *caller* may not read that.
            FeedCompactedError: *since* is of another store, or of what a restored one had.
        """
        caller.require(Scope.CONFIG_READ, tenant)
        whose = tenant if tenant is not None else caller.tenant
        await link_soon(self.audit, self.vault)
        if since is None:
            end, _ = await self.audit.end()
            return FeedPage((), end)
        found = await self.audit.chain(after=max(since.number - 1, 0), limit=limit + 1)
        if since != TrailEnd():
            if not found or found[0].end != since:
                raise FeedCompactedError
            found = found[1:]
        found = found[:limit]
        changes = (change.seen_by(whose) for change in map(change_of, found) if change is not None)
        told = tuple(one for one in changes if one is not None and one.kind in kinds)
        return FeedPage(told, found[-1].end if found else since)
