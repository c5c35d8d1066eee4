"""
Credentials documents that somebody writes as a whole, instead of Odoo syncing them.
"""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from odoo_ai_config.application.sealing import Sealer, Sealing
from odoo_ai_config.domain.documents import Document
from odoo_ai_config.domain.identifiers import TenantDomain
from odoo_ai_config.domain.json_types import ReadOnlyJsonObject
from odoo_ai_config.domain.merging import fingerprints_in, split_credentials, with_fingerprints


@frozen
class CredentialsWriter:
    """
    Turns references and values into references and fingerprints, sealing what is new.
    """

    sealer: Sealer

    async def replaced(
        self,
        owner: TenantDomain,
        current: Document | None,
        body: ReadOnlyJsonObject,
        *,
        at: datetime,
    ) -> tuple[Document, Sealing]:
        """
        The document that *body* stands for, with every plain value sealed.

        Raises:
            InvalidValueError: *body* is not references and values.
            UnknownFingerprintError: It names a sealed value that the tenant does not have.
        """
        plain, masked = split_credentials(body)
        known = fingerprints_in(current)
        sealing = await self.sealer(owner, plain, known=known, at=at, named=masked)
        found = {str(ref): mark for ref, mark in (masked | sealing.fingerprints).items()}
        # References that stay keep their place, so that writing the same again changes nothing.
        ordered = {ref: found[ref] for ref in [*known, *found] if ref in found}
        return with_fingerprints(owner.tenant, ordered), sealing
