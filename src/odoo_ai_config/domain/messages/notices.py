"""
Notices: what people in Chatwoot are told if the AI does not answer a customer.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.conversations.answering import AnswerRules
from odoo_ai_config.domain.conversations.state import Conversation, Status
from odoo_ai_config.domain.messages.answers import Answer, HandOver
from odoo_ai_config.domain.messages.inbox import (
    HUB_NOTICE,
    NOBODY,
    OPEN,
    STUCK,
    Destination,
    InboxMessage,
    MessageId,
    Origin,
    Release,
    Stage,
)

# The reason of a notice about a message that may still be answered.
UNANSWERED: Final = "unanswered"
# The public reasons of messages without an answer, in the words of support agents, who are
# Brazilian. Other reasons are not shown to them.
CAUSES: Final = {
    UNANSWERED: "A IA ainda não respondeu ao cliente.",
    "no_route": "A IA não sabe de qual empresa é este canal.",
    "crew_not_found": "Nenhuma IA está configurada para este canal.",
    "crew_invalid": "A configuração da IA deste canal está incorreta.",
    "crew_cannot_sign": "Falta uma credencial na configuração da IA.",
    "target_forbidden": "O endereço configurado para a IA não é permitido.",
    "crew_unavailable": "A IA está fora do ar ou não respondeu a tempo.",
    "crew_refused": "A IA recusou a mensagem ou deu uma resposta que não pôde ser usada.",
    "no_answer_in_time": "A IA prometeu uma resposta e não a deu a tempo.",
    "chatwoot_unconfigured": "A IA respondeu, mas não tinha acesso ao Chatwoot.",
    "chatwoot_unavailable": "A IA respondeu, mas o Chatwoot não aceitou a resposta a tempo.",
    "chatwoot_refused": "A IA respondeu, mas o Chatwoot recusou a resposta.",
    "attachment_unavailable": "A resposta da IA tem um arquivo que não pôde ser obtido a tempo.",
    "attachment_refused": "A resposta da IA tem um arquivo que não pode ser enviado.",
    "not_delivered": "A IA respondeu, mas o canal não entregou a resposta ao cliente.",
    "seal_broken": "A mensagem ou a resposta da IA não pôde ser lida.",
    "master_key_missing": "A mensagem ou a resposta da IA não pôde ser lida.",
    "worker_lost": "O servidor da IA parou várias vezes ao tratar a mensagem.",
    "restored": "O servidor da IA foi restaurado, e não se sabe se o cliente recebeu resposta.",
    "unexpected_error": "Ocorreu um erro inesperado no servidor da IA.",
}
_OTHER: Final = "A IA não conseguiu responder ao cliente."
OTHER_CAUSE: Final = "other"
_TAIL: Final = (
    "Confira a conversa e responda ao cliente. A IA fica em silêncio aqui até que a conversa seja "
    "resolvida ou devolvida a ela."
)
# Chatwoot takes neither the answer nor a notice; the answer is tried first.
_AWAY: Final = "chatwoot_unavailable"
_NO_RELEASE: Final = Release(0, 0)
_LONGEST_TRYING: Final = timedelta(days=1)
# A receiver of events that fails for longer is switched off.
LONGEST_TELLING: Final = timedelta(days=3)


class Knowledge(enum.Enum):
    """
    What people in Chatwoot know of a message without an answer, or are to know.
    """

    NOT_THEIRS = "not_theirs"
    KNOWN = "known"
    TO_BE_TOLD = "to_be_told"


def cause_to_tell(message: InboxMessage, rules: AnswerRules, *, now: datetime) -> str | None:
    """
    Why people are to be told of *message* at *now*: a key of `CAUSES`, or `OTHER_CAUSE`.

    None if they are not: it has an answer or may soon have one, they know, or the *rules* say so.
    """
    own = message.is_notice or message.is_event
    if rules.unanswered is None or message.told_at is not None or own:
        return None
    if message.stage in STUCK:
        return message.reason if message.reason in CAUSES else OTHER_CAUSE
    overdue = message.stage in OPEN and now >= message.received_at + rules.unanswered
    posting = message.stage is Stage.ANSWERED and message.reason == _AWAY
    return UNANSWERED if overdue and not posting else None


def told_of(
    message: InboxMessage, conversation: Conversation, rules: AnswerRules, *, now: datetime
) -> bool:
    """
    Whether people were told after *message* came, and still have the conversation.
    """
    since = conversation.people_told_since
    later = since is not None and since >= message.received_at
    return later and rules.leaves_to_people(since, now=now)


def knowledge_of(
    message: InboxMessage, conversation: Conversation, rules: AnswerRules, *, now: datetime
) -> Knowledge:
    """
    Whether people know that *message* has no answer.

    They know if they were told of another message of the conversation, or have it anyway. An
    answer that Chatwoot could not send is news to them in any case, and so is a message that got
    stuck in a pending conversation: whoever silenced the AI there, nobody has it in view. A
    message that nobody's mapping claims may come from an inbox that was always for people: only
    if a bot has the conversation are they told.
    """
    if message.holder == NOBODY and conversation.status is not Status.PENDING:
        return Knowledge.NOT_THEIRS
    if rules.leaves_to_people(conversation.people_told_since, now=now):
        return Knowledge.KNOWN
    always = evolve(rules, hours=None)
    stuck = message.stage in STUCK and conversation.status is Status.PENDING
    news = stuck or message.stage is Stage.FAILED
    if not news and always.silence(conversation, now=now) is not None:
        return Knowledge.KNOWN
    return Knowledge.TO_BE_TOLD


def keeps_trying(message: InboxMessage, *, now: datetime) -> bool:
    """
    Whether the hub tries *message* again however often it failed.

    Nobody else tells people, so a notice outlives a day in which Chatwoot is away; and an event
    outlives a weekend in which nobody looks after its receiver.
    """
    if message.is_event:
        return now < message.received_at + LONGEST_TELLING
    return message.is_notice and now < message.received_at + _LONGEST_TRYING


def notice_about(
    message: InboxMessage, conversation: Conversation, id_: MessageId, *, at: datetime
) -> InboxMessage:
    """
    A message to people about *message*; its answer is not sealed yet.

    Its delivery makes it once: no other notice follows the last one of the *conversation*.
    """
    told = conversation.people_told_at
    last = "none" if told is None else f"{told:%Y%m%dT%H%M%S.%f}"
    # One that was given up may be kept for longer than what is known of its conversation.
    delivery = f"notice-{conversation.key.account}-{conversation.key.id}-{last}-{at:%Y%m%d}"
    origin = message.origin
    return InboxMessage(
        id_,
        Origin(
            HUB_NOTICE,
            origin.account,
            origin.inbox,
            origin.conversation,
            delivery=delivery,
            # Chatwoot's ids have another one, or none.
            proof="hub",
            request_id=origin.request_id,
        ),
        Stage.ANSWERED,
        at,
        at,
        due_at=at,
        destination=message.destination or Destination(NOBODY, None, Rule.UNRESOLVED, _NO_RELEASE),
    )


def notice(cause: str, message: InboxMessage, rules: AnswerRules) -> Answer:
    """
    What people are told: a note, a label, and the conversation is open.
    """
    text = CAUSES.get(cause, _OTHER)
    if cause == UNANSWERED and rules.unanswered is not None:
        minutes = rules.unanswered // timedelta(minutes=1)
        text = f"O cliente espera há mais de {minutes} min, e a IA ainda não respondeu."
        if message.reason in CAUSES:
            text = f"{text} {CAUSES[message.reason]}"
    label = rules.unanswered_label
    return Answer(
        handover=HandOver(note=f"{text}\n\n{_TAIL}"),
        labels_added=() if label is None else (label,),
    )
