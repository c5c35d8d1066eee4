"""
Which crew a message goes to, and what it signs with.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.conversations.answering import (
    DEFAULT_RULES,
    AnswerRules,
    rules_in,
)
from odoo_ai_config.domain.conversations.hours import company_hours
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew, crew_of
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import content_of
from odoo_ai_config.domain.errors import CrewNotFoundError, InvalidValueError
from odoo_ai_config.domain.identifiers import (
    CREWS,
    METADATA,
    BusinessArea,
    ChatwootId,
    TenantArea,
)
from odoo_ai_config.domain.messages.inbox import Destination, Origin

# The name of the rules, as it is in the text of a document that has any.
_ANSWER_WHEN: Final = '"answer_when"'
_RULES_KEPT: Final = 1024


@frozen(eq=False)
class CrewLookup:
    """
    The crews of tenants, as their ``crews`` documents describe them now.
    """

    store: ConfigStore
    sealer: Sealer
    defaults: AnswerRules = DEFAULT_RULES

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

    async def rules_for(self, destination: Destination | None, origin: Origin) -> AnswerRules:
        """
        When the AI answers a message of *origin* that goes to *destination*.

        An area without a ``crews`` document, or with a faulty one, has the default rules: the
        delivery finds out that no crew can be asked.
        """
        if destination is None:
            return self.defaults
        own = destination.owner
        owners = (own, TenantArea(own.tenant, BusinessArea()))
        metadata = own.document(METADATA)
        keys = [owner.document(CREWS) for owner in owners]
        current = await self.store.current([*keys, metadata])
        document = next(filter(None, (content_of(current.get(key)) for key in keys)), None)
        if document is None or _ANSWER_WHEN not in document.text:
            return self.defaults
        try:
            rules = await run_off_loop(
                lambda: _rules_in(
                    document, self.defaults, destination.crew, origin.account, origin.inbox
                ),
                cost=cost_of(document),
            )
        except InvalidValueError:
            return self.defaults
        company = content_of(current.get(metadata))
        if rules.company_hours and company is not None:
            return evolve(rules, hours=company_hours(company.body))
        return rules

    async def secret_of(self, crew: Crew) -> SecretText | None:
        """
        The secret that *crew* and the hub sign with, or None if they do not sign.

        Raises:
            CredentialNotFoundError: The crew's description names a secret that does not exist.
        """
        if crew.secret is None:
            return None
        return await self.sealer.credential(self.store, crew.owner, crew.secret)


@lru_cache(maxsize=_RULES_KEPT)
def _rules_in(
    document: Document,
    defaults: AnswerRules,
    crew: str | None,
    account: ChatwootId | None,
    inbox: ChatwootId | None,
) -> AnswerRules:
    return rules_in(document.body, defaults, crew=crew, account=account, inbox=inbox)


def _crew_in(document: Document, owner: TenantArea, name: str | None) -> Crew:
    return crew_of(document.body, owner, name)
