"""
The steps of a delivery, and how their results are stored.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final, Protocol

from attrs import frozen

from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.conversations.state import Sighting
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.messages.answers import Answer
from odoo_ai_config.domain.messages.inbox import InboxMessage
from odoo_ai_config.domain.tenants import TenantErasedError, TenantRenamedError


class Progress(enum.Enum):
    """
    The result of a step.

    After those of `GOES_ON` the same worker takes the next step. After OVERTAKEN the message
    belongs to another worker. After all others nothing is left to do now.
    """

    ANSWERED = "answered"
    STEP_DONE = "step_done"
    AWAITING = "awaiting"
    NO_REPLY = "silent"
    POSTED = "posted"
    FOUND_POSTED = "found_posted"
    PUT_OFF = "put_off"
    DEAD = "dead"
    UNRESOLVED = "unresolved"
    GIVEN_BACK = "given_back"
    OVERTAKEN = "overtaken"
    WAITING = "waiting"
    IGNORED = "ignored"
    WITHHELD = "withheld"
    TOLD = "told"


GOES_ON: Final = frozenset({Progress.ANSWERED, Progress.STEP_DONE})


class Trouble(enum.Enum):
    """
    Why a message is put off, dead or unresolved, if it is no error's code. Public.
    """

    NO_ANSWER_IN_TIME = "no_answer_in_time"
    CREW_INVALID = "crew_invalid"
    CREW_CANNOT_SIGN = "crew_cannot_sign"
    CHATWOOT_UNCONFIGURED = "chatwoot_unconfigured"
    WORKER_LOST = "worker_lost"
    RESTORED = "restored"
    UNEXPECTED = "unexpected_error"


@frozen
class Step:
    """
    One step of a delivery.

    Args:
        message: The message after the step; before it, if it is OVERTAKEN.
        crew: The crew that was asked, if any.
        answer: The answer to the message, if the step had it in hand.
    """

    progress: Progress
    message: InboxMessage
    crew: str | None = None
    answer: Answer | None = None


class OutcomeEvents(Protocol):
    """
    Makes events of what becomes of messages.
    """

    async def about_outcome(
        self, progress: Progress, message: InboxMessage, sighting: Sighting | None
    ) -> Sequence[InboxMessage]:
        """
        What subscriptions are told of *message* as the step *progress* leaves it.
        """


@frozen(eq=False)
class StepWriter:
    """
    Stores the results of steps; a worker whose message another one has taken stores nothing.

    Subscriptions are told of a message's outcome by the same commit.
    """

    store: ConfigStore
    events: OutcomeEvents

    async def settled(
        self,
        progress: Progress,
        before: InboxMessage,
        after: InboxMessage,
        *others: InboxMessage,
        crew: str | None = None,
        sighting: Sighting | None = None,
    ) -> Step:
        """
        Store *after* in place of *before*, as the result of a step that changed *others* too.
        """
        sightings = () if sighting is None else (sighting,)

        async def commit() -> None:
            events = await self.events.about_outcome(progress, after, sighting)
            messages = (after, *others, *events)
            await self.store.commit(Changeset(messages=messages, sightings=sightings))

        try:
            try:
                await commit()
            except (TenantErasedError, TenantRenamedError):
                # Closed between the look at its subscriptions and the commit.
                await commit()
        except RevisionConflictError:
            return Step(Progress.OVERTAKEN, before, crew)
        return Step(progress, after, crew)
