"""
What the reasons of messages mean, for people.

Answers, the page, commands and the documentation have the words from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from odoo_ai_config.application.messages.events import GONE, OFF, REMOVED
from odoo_ai_config.application.messages.intake import ERASED_OWNER, NO_ROUTE
from odoo_ai_config.application.messages.progress import Trouble
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.messages.inbox import (
    AMENDED_REASON,
    DELETED_REASON,
    ERASED_REASON,
    GATHERED_REASON,
    NO_REPLY_REASON,
    UNDELIVERED_REASON,
)
from odoo_ai_config.domain.messages.receiving import Ignored
from odoo_ai_config.entrypoints.http.platform.refusals import REFUSALS
from odoo_ai_config.entrypoints.http.platform.texts import Language, Text

SILENCES: Final[Mapping[Silence, Text]] = {
    Silence.SUSPENDED: Text("O cliente está suspenso", "The client is suspended"),
    Silence.PAUSED: Text("A IA está em pausa", "The AI is paused"),
    Silence.BLOCKED: Text("O contato está bloqueado", "The contact is blocked"),
    Silence.GROUP: Text("A mensagem é de um grupo", "The message is from a group"),
    Silence.AUTOMATIC: Text("A mensagem é automática", "The message is automatic"),
    Silence.REACTION: Text("É uma reação a outra mensagem", "It is a reaction to another message"),
    Silence.UNSUPPORTED: Text(
        "O Chatwoot não mostra este tipo de mensagem",
        "Chatwoot cannot show this kind of message",
    ),
    Silence.CALL: Text("É uma chamada de voz", "It is a voice call"),
    Silence.COMMAND: Text(
        "É o contato de comandos da Evolution API",
        "It is the contact for commands of Evolution API",
    ),
    Silence.LABEL: Text(
        "A conversa tem uma etiqueta que silencia a IA",
        "The conversation has a label that silences the AI",
    ),
    Silence.NO_LABEL: Text(
        "A conversa não tem nenhuma das etiquetas da IA",
        "The conversation has none of the AI's labels",
    ),
    Silence.OTHER_TEAM: Text(
        "A conversa não é de um time da IA", "The conversation is not of a team of the AI"
    ),
    Silence.HUMAN_HAS_IT: Text(
        "A conversa está atribuída a uma pessoa", "The conversation is assigned to a person"
    ),
    Silence.HUMAN_WROTE: Text(
        "Uma pessoa escreveu na conversa", "A person has written in the conversation"
    ),
    Silence.HANDED_OVER: Text(
        "A IA transferiu a conversa para as pessoas",
        "The AI has handed the conversation over to people",
    ),
    Silence.NOT_ITS_STATUS: Text(
        "A IA não responde em conversas com este status",
        "The AI does not answer in conversations with this status",
    ),
    Silence.OUTSIDE_HOURS: Text("Fora do horário de atendimento", "Outside of business hours"),
    Silence.TOO_MANY_ANSWERS: Text(
        "A IA respondeu vezes demais em pouco tempo",
        "The AI has answered too often in a short time",
    ),
    Silence.HUMAN_TOOK_OVER: Text(
        "Uma pessoa assumiu a conversa enquanto a crew respondia; a resposta virou nota interna",
        "A person took the conversation over while the crew was answering; the answer became a "
        "private note",
    ),
}
REASONS: Final[Mapping[str, Text]] = {
    **{kind.code: Text(row.portuguese, row.english) for kind, row in REFUSALS.items()},
    **{silence.value: text for silence, text in SILENCES.items()},
    Ignored.UNKNOWN_EVENT.value: Text(
        "O hub não conhece este evento", "The hub does not know this event"
    ),
    Ignored.NOT_A_MESSAGE.value: Text(
        "O evento não é uma mensagem nova", "The event is no new message"
    ),
    Ignored.PRIVATE.value: Text("É uma nota interna", "It is a private note"),
    Ignored.OUTGOING.value: Text(
        "A mensagem vai para o cliente", "The message goes to the customer"
    ),
    Ignored.UNKNOWN_DIRECTION.value: Text(
        "O evento não diz se a mensagem veio do cliente",
        "The event does not say whether the message came from the customer",
    ),
    Ignored.FROM_USER.value: Text("Uma pessoa da equipe escreveu", "A team member wrote it"),
    Ignored.FROM_BOT.value: Text("Um robô escreveu", "A bot wrote it"),
    Ignored.NO_ACCOUNT.value: Text("O evento não diz a conta", "The event names no account"),
    Ignored.NO_CONVERSATION.value: Text(
        "O evento não diz a conversa", "The event names no conversation"
    ),
    ERASED_OWNER: Text(
        "O cliente do canal foi apagado", "The client that had the channel is erased"
    ),
    ERASED_REASON: Text(
        "A pessoa que a escreveu foi apagada antes da resposta",
        "The person who wrote it was erased before the answer",
    ),
    NO_ROUTE: Text("Nenhum canal mapeado a recebe", "No mapped channel takes it"),
    NO_REPLY_REASON: Text("A crew não tinha o que responder", "The crew had no answer"),
    GATHERED_REASON: Text(
        "Respondida junto com outras mensagens", "Answered together with other messages"
    ),
    AMENDED_REASON: Text(
        "Mudou uma mensagem que já tinha vindo", "It changed a message that came before"
    ),
    DELETED_REASON: Text("O cliente apagou a mensagem", "The customer deleted the message"),
    UNDELIVERED_REASON: Text(
        "O Chatwoot não conseguiu enviar a resposta ao cliente",
        "Chatwoot could not send the answer to the customer",
    ),
    Trouble.NO_ANSWER_IN_TIME.value: Text(
        "A crew não respondeu a tempo", "The crew did not answer in time"
    ),
    Trouble.CREW_INVALID.value: Text(
        "O documento crews tem um erro", "The crews document has a fault"
    ),
    Trouble.CREW_CANNOT_SIGN.value: Text(
        "Falta o segredo com que a crew assina", "The secret that the crew signs with is missing"
    ),
    Trouble.CHATWOOT_UNCONFIGURED.value: Text(
        "Falta o endereço ou o token do Chatwoot desta conta",
        "The address or the token of this Chatwoot account is missing",
    ),
    Trouble.WORKER_LOST.value: Text(
        "O processo que a entregava caiu vezes demais",
        "The process that delivered it was lost too often",
    ),
    Trouble.RESTORED.value: Text(
        "O armazenamento foi restaurado de um backup", "The store was restored from a backup"
    ),
    OFF: Text("A inscrição está desligada", "The subscription is off"),
    REMOVED: Text("A inscrição foi removida", "The subscription was removed"),
    GONE: Text(
        "Aquilo de que ela fala não existe mais", "What it is about does not exist any more"
    ),
    Trouble.UNEXPECTED.value: Text(
        "Erro interno; a falha foi registrada", "Internal error; it is in the log"
    ),
}


def reason_text(code: str | None, language: Language) -> str | None:
    """
    What the reason *code* of a message means.

    None without a reason, and for one that an older or a newer hub has written.
    """
    text = REASONS.get(code or "")
    return None if text is None else text.to(language)
