"""
Who did what: linking, reading and checking the audit trail.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from attrs import frozen

from odoo_ai_config.application.errors import MasterKeyMissingError
from odoo_ai_config.application.linking import link_pending, link_soon
from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.audit import (
    LinkedEntry,
    TrailEnd,
    TrailFault,
    TrailReport,
    Voucher,
    followed,
)
from odoo_ai_config.domain.identifiers import TenantId

_PAGE: Final = 1000
# Below every number: a row that was inserted may have any.
_LOWEST: Final = -(2**63)


@frozen(eq=False)
class LinkAuditTrail:
    """
    Link the pending entries; the server does it every few seconds.

    Commits do not link: each would wait for the one before it, whatever it is about.
    """

    audit: AuditLog
    vault: SecretVault

    async def __call__(self) -> int:
        """
        Link everything that is pending, and return how many entries that is.
        """
        return await link_pending(self.audit, self.vault)


@frozen(eq=False)
class ReadAuditTrail:
    """
    The audit trail, for operators of the whole hub.

    An entry about one tenant may name another: the one to which a channel moved.
    """

    audit: AuditLog
    vault: SecretVault

    async def __call__(
        self,
        *,
        caller: ApiKey,
        tenant: TenantId | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> Sequence[LinkedEntry]:
        """
        At most *limit* entries below the number *before*, newest first, of *tenant* or of all.
        """
        _require_operator(caller)
        if before is None:
            await link_soon(self.audit, self.vault)
        return await self.audit.entries(tenant=tenant, before=before, limit=limit)

    async def chain(
        self, *, caller: ApiKey, after: int = 0, limit: int = _PAGE
    ) -> Sequence[LinkedEntry]:
        """
        At most *limit* entries above the number *after*, oldest first, to keep elsewhere.
        """
        _require_operator(caller)
        await link_soon(self.audit, self.vault)
        return await self.audit.chain(after=after, limit=limit)


@frozen(eq=False)
class VerifyAuditTrail:
    """
    Check that the trail is as it was linked; it is read once, a page at a time.
    """

    audit: AuditLog
    vault: SecretVault

    async def __call__(
        self, *, caller: ApiKey, known: TrailEnd | None = None, newest: int | None = None
    ) -> TrailReport:
        """
        What is wrong, if anything: with all entries, or with the *newest* ones.

        *known* is an earlier end of this trail that was kept elsewhere.
        """
        _require_operator(caller)
        await link_soon(self.audit, self.vault)
        end, voucher = await self.audit.end()
        at = first = await self._start(end, newest)
        while at.number < end.number:
            limit = min(_PAGE, end.number - at.number)
            page = await self.audit.chain(after=at.number or _LOWEST, limit=limit)
            at, fault = await run_off_loop(
                partial(followed, at, page, known), cost=ENTRY * len(page)
            )
            if not page:
                fault = TrailFault.MISSING
            if fault is not None:
                return TrailReport(at, at.number - first.number, fault, at.number + 1)
        checked, fault = at.number - first.number, None
        if at != end:
            fault = TrailFault.CHANGED
        elif known is not None and known.number > end.number:
            return TrailReport(at, checked, TrailFault.MISSING, at.number + 1)
        elif end.number and not self._is_proved(end, voucher):
            fault = TrailFault.UNPROVED
        elif beyond := await self._beyond(end):
            return TrailReport(at, checked, TrailFault.INSERTED, beyond)
        return TrailReport(at, checked, fault, at.number)

    async def _start(self, end: TrailEnd, newest: int | None) -> TrailEnd:
        if newest is None or newest >= end.number:
            return TrailEnd()
        before = await self.audit.chain(after=end.number - newest - 1, limit=1)
        return before[0].end if before else TrailEnd()

    async def _beyond(self, end: TrailEnd) -> int | None:
        """
        The number of an entry after *end*, unless somebody has linked it meanwhile.
        """
        beyond = await self.audit.chain(after=end.number, limit=1)
        linked = beyond and (await self.audit.end())[0] != end
        return beyond[0].number if beyond and not linked else None

    def _is_proved(self, end: TrailEnd, voucher: Voucher | None) -> bool:
        with suppress(MasterKeyMissingError):
            return voucher is not None and self.vault.vouched(str(end), voucher)
        return False


def _require_operator(caller: ApiKey) -> None:
    caller.require(Scope.ADMIN)
    caller.require_unbound()
