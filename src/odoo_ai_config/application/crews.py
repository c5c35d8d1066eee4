"""
Which crew a message goes to, and what it signs with.
"""

from __future__ import annotations

from functools import partial

from attrs import frozen

from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew, crew_of
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import content_of
from odoo_ai_config.domain.errors import CrewNotFoundError
from odoo_ai_config.domain.identifiers import CREWS, BusinessArea, TenantArea
from odoo_ai_config.domain.messages.inbox import Destination


@frozen(eq=False)
class CrewLookup:
    """
    The crews of tenants, as their ``crews`` documents describe them now.
    """

    store: ConfigStore
    sealer: Sealer

    async def crew_at(self, destination: Destination | None) -> Crew:
        """
        The crew of *destination*.

        A business area without a ``crews`` document has the crews of the tenant's default
        area, which then sign with that area's secrets.

        Raises:
            CrewNotFoundError: There is none, or there is no destination.
            InvalidValueError: Its description is invalid.
        """
        if destination is None:
            raise CrewNotFoundError
        own = destination.owner
        owners = (own, TenantArea(own.tenant, BusinessArea()))
        current = await self.store.current([owner.document(CREWS) for owner in owners])
        for owner in owners:
            document = content_of(current.get(owner.document(CREWS)))
            if document is not None:
                return await run_off_loop(
                    partial(_crew_in, document, owner, destination.crew), cost=cost_of(document)
                )
        raise CrewNotFoundError

    async def secret_of(self, crew: Crew) -> SecretText | None:
        """
        The secret that *crew* and the hub sign with, or None if they do not sign.

        Raises:
            CredentialNotFoundError: The crew's description names a secret that does not exist.
        """
        if crew.secret is None:
            return None
        return await self.sealer.credential(self.store, crew.owner, crew.secret)


def _crew_in(document: Document, owner: TenantArea, name: str | None) -> Crew:
    return crew_of(document.body, owner, name)
