"""
Whether the AI answers in a conversation now.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.chatwoot.accounts import ChatwootAccounts
from odoo_ai_config.application.crews import Answering, CrewLookup
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.domain.conversations.answering import (
    AnswerRules,
    Silence,
    Trait,
    Verdict,
    when_posting,
)
from odoo_ai_config.domain.conversations.state import (
    NOTHING_SEEN,
    Conversation,
    ConversationKey,
    Seen,
    Sighting,
    Status,
    succeeding,
)
from odoo_ai_config.domain.identifiers import ChatwootId, TenantArea
from odoo_ai_config.domain.messages.answers import Answer, HandOver
from odoo_ai_config.domain.messages.inbox import Destination, InboxMessage, Origin

# So many of the newest messages of a conversation are searched for one that waits.
_MOST_LOOKED_AT: Final = 50
# Read by people in Chatwoot, who are Brazilian.
_TOO_MANY: Final = (
    "A IA respondeu vezes demais em pouco tempo sem que ninguém interviesse, e parou. "
    "Verifique se ela não conversa com outro robô."
)


@frozen(eq=False)
class SilenceCheck:
    """
    Asks the rules of the tenant about what the hub knows of the conversation.
    """

    conversations: ConversationStore
    inbox: MessageInbox
    crews: CrewLookup
    accounts: ChatwootAccounts
    clock: Clock

    async def on_arrival(
        self,
        sighting: Sighting,
        destination: Destination,
        origin: Origin,
        traits: Collection[Trait],
    ) -> Silence | None:
        """
        Why the AI does not answer a message with *traits* that comes with *sighting*.
        """
        answering = await self.crews.answering(destination, origin)
        silence = await self._silence(await self._conversation(sighting), answering, traits)
        # The delivery asks again, and may have to say when the company opens.
        return None if silence is Silence.OUTSIDE_HOURS else silence

    async def keeps_history(self, destination: Destination | None, origin: Origin) -> bool:
        """
        Whether crews of *destination* are told what was said before.
        """
        if destination is None:
            return False
        return bool((await self.crews.answering(destination, origin)).rules.history)

    async def news(self, sighting: Sighting | None) -> Sighting | None:
        """
        *sighting*; None if it tells nothing that the hub did not know.
        """
        known = None if sighting is None else await self.conversations.find(sighting.key)
        if sighting is None or known is None:
            return sighting
        return None if known.knows(sighting.seen, now=sighting.at) else sighting

    async def before_asking(
        self, sighting: Sighting, answering: Answering
    ) -> Silence | Answer | None:
        """
        Why the crew of a message, which came with *sighting*, is not asked.

        Or what the hub itself answers, with that reason.
        """
        conversation = await self._conversation(sighting)
        now, rules = sighting.at, answering.rules
        silence = await self._silence(conversation, answering)
        if silence is Silence.OUTSIDE_HOURS:
            text = rules.closed_text(conversation, now=now)
            return silence if text is None else evolve(Answer.of_text(text), silence=silence)
        if silence is not None:
            return silence
        if await self._answers(conversation, rules, now) < rules.most_answers:
            return None
        return Answer(handover=HandOver(note=_TOO_MANY), silence=Silence.TOO_MANY_ANSWERS)

    async def before_posting(
        self, message: InboxMessage, live: Seen | None, *, made: Status | None = None
    ) -> tuple[Silence | None, Sighting | None]:
        """
        Why the answer to *message* is not posted to the customer.

        *live*: what Chatwoot says now, if it was asked; it comes back as a sighting.
        *made*: the status that the hub itself may have set; nobody took over by that.
        """
        key = key_of(message.origin)
        if message.destination is None or key is None:
            return None, None
        sighting = Sighting(key, live or NOTHING_SEEN, self.clock.now())
        async with self.inbox.delivering(message, now=sighting.at):
            answering = await self.crews.answering(message.destination, message.origin)
            conversation = await self._conversation(sighting)
            if made is not None and conversation.status is made:
                return None, None
            # The message came within the hours.
            open_now = evolve(answering, rules=evolve(answering.rules, hours=None))
            silence = await self._silence(conversation, open_now)
        said = None if live is None else sighting
        return None if silence is None else when_posting(silence), said

    async def more_waits(self, message: InboxMessage) -> bool:
        """
        Whether the customer has written again since *message*, and waits for an answer.
        """
        key = key_of(message.origin)
        newest = (
            () if key is None else await self.inbox.of_conversation(key, limit=_MOST_LOOKED_AT)
        )
        return any(
            one.is_open and not one.is_notice and one.received_at > message.received_at
            for one in newest
        )

    async def marks(self, message: InboxMessage) -> Collection[str]:
        """
        The marks of the hub that came back with events of the message's conversation.
        """
        key = key_of(message.origin)
        known = None if key is None else await self.conversations.find(key)
        return () if known is None else known.marks

    async def verdicts(
        self,
        conversation: Conversation,
        owner: TenantArea,
        crew: str | None,
        inbox: ChatwootId | None,
    ) -> Sequence[Verdict]:
        """
        What each rule of *owner* says about *conversation* now, for any message to *crew*.
        """
        key, now = conversation.key, self.clock.now()
        answering = await self.crews.answering_at(owner, crew, key.account, inbox)
        rules = answering.rules
        answers = await self._answers(conversation, rules, now)
        return (
            Verdict(Silence.SUSPENDED, not answering.served),
            *rules.verdicts(
                conversation,
                now=now,
                agent_bot=await self.accounts.has_bot(key.account),
                paused=answering.paused_in(now),
            ),
            Verdict(Silence.TOO_MANY_ANSWERS, answers >= rules.most_answers, str(answers)),
        )

    async def _answers(self, conversation: Conversation, rules: AnswerRules, now: datetime) -> int:
        """
        How many answers there were lately without a person, as far as the limit matters.
        """
        times = now - rules.window, conversation.person_at, conversation.handed_over_at
        since = max(filter(None, times))
        return await self.inbox.answers_since(conversation.key, since, limit=rules.most_answers)

    async def _silence(
        self,
        conversation: Conversation,
        answering: Answering,
        traits: Collection[Trait] = (),
    ) -> Silence | None:
        """
        Why the AI is silent in *conversation* as it is after something that was seen just now.
        """
        if not answering.served:
            return Silence.SUSPENDED
        now = conversation.updated_at
        return answering.rules.silence(
            conversation,
            traits,
            now=now,
            agent_bot=await self.accounts.has_bot(conversation.key.account),
            paused=bool(answering.paused_in(now)),
        )

    async def _conversation(self, sighting: Sighting) -> Conversation:
        return succeeding(await self.conversations.find(sighting.key), sighting)


def key_of(origin: Origin) -> ConversationKey | None:
    """
    The conversation of a message; None if its event names none.
    """
    if origin.account is None or origin.conversation is None:
        return None
    return ConversationKey(origin.account, origin.conversation)


def routed(seen: Seen, destination: Destination, origin: Origin) -> Seen:
    """
    What a message of *origin* that goes to *destination* says beside *seen*.
    """
    return evolve(seen, owner=destination.owner, inbox=origin.inbox, crew=destination.crew)


def sighting_of(message: InboxMessage, seen: Seen, *, at: datetime) -> Sighting | None:
    """
    What *message*, whose event says *seen*, tells about its conversation.
    """
    key, destination = key_of(message.origin), message.destination
    if key is None or destination is None:
        return None
    # An event without a time is as old as its message: this may be a replay.
    told = routed(evolve(seen, came_at=message.received_at), destination, message.origin)
    return Sighting(key, told, at)
