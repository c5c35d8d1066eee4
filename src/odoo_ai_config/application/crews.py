"""
Which crew a message goes to, and what it signs with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Final

from attrs import evolve, field, frozen

from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.conversations.answering import (
    DEFAULT_RULES,
    AnswerRules,
    names_in,
    rules_in,
)
from odoo_ai_config.domain.conversations.hours import company_hours
from odoo_ai_config.domain.conversations.pauses import (
    NO_PAUSES,
    PausePlace,
    Pauses,
    pauses_place,
    read_pauses,
)
from odoo_ai_config.domain.conversations.state import Pause
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew, crew_of
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import Revision, content_of
from odoo_ai_config.domain.errors import CrewNotFoundError, InvalidValueError
from odoo_ai_config.domain.identifiers import (
    CREWS,
    METADATA,
    PAUSES,
    BusinessArea,
    ChatwootId,
    DocumentKey,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.messages.inbox import Destination, Origin

# The name of the rules, as it is in the text of a document that has any.
_ANSWER_WHEN: Final = '"answer_when"'
_RULES_KEPT: Final = 1024


@frozen
class Answering:
    """
    When the AI of a tenant answers a message: its rules, and the pauses of channel and tenant.

    Args:
        served: Whether the tenant is active. If not, the AI answers nobody.
    """

    rules: AnswerRules
    pauses: Mapping[PausePlace, Pause] = field(factory=dict)
    served: bool = True

    def paused_in(self, now: datetime) -> Sequence[str]:
        """
        The names of the places whose pause holds at *now*.
        """
        return [place.value for place, pause in self.pauses.items() if pause.holds(now)]


@frozen(eq=False)
class CrewLookup:
    """
    The crews of tenants, as their ``crews`` documents describe them now.
    """

    store: ConfigStore
    standings: Standings
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
        own, current = await self._current(destination.owner, _crews_of)
        for owner in _owners(own):
            document = content_of(current.get(owner.document(CREWS)))
            if document is not None:
                return await run_off_loop(
                    partial(_crew_in, document, owner, destination.crew), cost=cost_of(document)
                )
        raise CrewNotFoundError

    async def answering(self, destination: Destination | None, origin: Origin) -> Answering:
        """
        When the AI answers a message of *origin* that goes to *destination*.
        """
        if destination is None:
            return Answering(self.defaults)
        return await self.answering_at(
            destination.owner, destination.crew, origin.account, origin.inbox
        )

    async def answering_at(
        self,
        owner: TenantArea,
        crew: str | None,
        account: ChatwootId | None,
        inbox: ChatwootId | None,
    ) -> Answering:
        """
        When the AI of *owner* answers a message of *inbox* that goes to *crew*.

        An area without a ``crews`` document, or with a faulty one, has the default rules: the
        delivery finds out that no crew can be asked.
        """
        owner, current = await self._current(owner, _told_by)
        *keys, metadata, pauses = _told_by(owner)
        document = next(filter(None, (content_of(current.get(key)) for key in keys)), None)
        rules = await self._rules_of(document, crew, account, inbox)
        company = content_of(current.get(metadata))
        if rules.company_hours and company is not None:
            rules = evolve(rules, hours=company_hours(company.body))
        paused = pauses_in(content_of(current.get(pauses)))
        served = await self.standings.is_served(owner.tenant)
        return Answering(rules, paused.of(account, inbox), served)

    async def names_in_rules(self, tenant: TenantId) -> frozenset[str]:
        """
        The labels and teams that any rules of *tenant* look at, of whatever area, in lower case.
        """
        names = self.defaults.names
        for revision in await self.store.documents(tenant):
            if revision.key.kind == CREWS:
                document = revision.document
                cost = cost_of(document)
                names |= await run_off_loop(partial(names_in, document.body), cost=cost)
        return names

    async def _current(
        self, owner: TenantArea, keys: Callable[[TenantArea], Sequence[DocumentKey]]
    ) -> tuple[TenantArea, Mapping[DocumentKey, Revision]]:
        """
        Where *owner* is, and the documents there that *keys* names.

        Without one, this process may not know yet that the tenant is renamed: it takes a look.
        """
        place = await self.standings.place(owner)
        current = await self.store.current(keys(place))
        if any(content_of(revision) is not None for revision in current.values()):
            return place, current
        exact = await self.standings.place(owner, exact=True)
        return exact, current if exact == place else await self.store.current(keys(exact))

    async def _rules_of(
        self,
        document: Document | None,
        crew: str | None,
        account: ChatwootId | None,
        inbox: ChatwootId | None,
    ) -> AnswerRules:
        if document is None or _ANSWER_WHEN not in document.text:
            return self.defaults
        try:
            return await run_off_loop(
                lambda: _rules_in(document, self.defaults, crew, account, inbox),
                cost=cost_of(document),
            )
        except InvalidValueError:
            return self.defaults

    async def secret_of(self, crew: Crew) -> SecretText | None:
        """
        The secret that *crew* and the hub sign with, or None if they do not sign.

        Raises:
            CredentialNotFoundError: The crew's description names a secret that does not exist.
        """
        if crew.secret is None:
            return None
        return await self.sealer.credential(self.store, crew.owner, crew.secret)


def _owners(owner: TenantArea) -> tuple[TenantArea, TenantArea]:
    return owner, TenantArea(owner.tenant, BusinessArea())


def _crews_of(owner: TenantArea) -> list[DocumentKey]:
    return [one.document(CREWS) for one in _owners(owner)]


def _told_by(owner: TenantArea) -> list[DocumentKey]:
    pauses = pauses_place(owner.tenant).document(PAUSES)
    return [*_crews_of(owner), owner.document(METADATA), pauses]


@lru_cache(maxsize=_RULES_KEPT)
def pauses_in(document: Document | None) -> Pauses:
    """
    The pauses in a ``pauses`` document.

    There are none without a document, or in one from before the kind had a meaning.
    """
    try:
        return NO_PAUSES if document is None else read_pauses(document.body)
    except InvalidValueError:
        return NO_PAUSES


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
