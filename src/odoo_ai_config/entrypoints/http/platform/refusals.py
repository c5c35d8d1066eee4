"""
The table of refusals: status, texts, members and headers of each class of errors.

The description of the interface takes codes and statuses from here. A test compares
``docs/errors.md`` with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

from attrs import evolve, field, frozen
from msgspec import Meta

from odoo_ai_config.application import errors as application
from odoo_ai_config.domain import errors as domain
from odoo_ai_config.domain.access import ScopeMissingError
from odoo_ai_config.domain.addresses import AddressMismatchError
from odoo_ai_config.domain.channels.history import HistoryPrunedError
from odoo_ai_config.domain.channels.mapping import (
    AccountSharedError,
    ChannelOwnedError,
    FallbackReservedError,
    NumberTakenError,
)
from odoo_ai_config.domain.errors import CodedError
from odoo_ai_config.domain.feed import FeedCompactedError
from odoo_ai_config.domain.messages.inbox import WrongStageError
from odoo_ai_config.domain.subscriptions import (
    SubscriptionNotFoundError,
    SubscriptionOffError,
    TooManySubscriptionsError,
)
from odoo_ai_config.domain.tenants import (
    AreaInUseError,
    AreaMovedError,
    CertificateInvalidError,
    CertificateNotFoundError,
    MoveTooLargeError,
    TenantErasedError,
    TenantInUseError,
    TenantRenamedError,
    TenantSuspendedError,
)
from odoo_ai_config.entrypoints.http.platform import errors as http
from odoo_ai_config.entrypoints.http.platform.errors import FieldError
from odoo_ai_config.entrypoints.http.platform.schema import answer
from odoo_ai_config.entrypoints.http.platform.texts import (
    Language,
    Text,
    enumeration,
    rule_text,
)

E = TypeVar("E", bound=CodedError)

_RETRY_AFTER_SECONDS: Final = 2
_REQUIRED: Final = Text("é obrigatório", "is required")
_ALL_REQUIRED: Final = Text("são obrigatórios", "are required")


@answer
class FieldProblem:
    """
    What is wrong with one field.
    """

    field: Annotated[str, Meta(description="Never its value.")]
    message: Annotated[str, Meta(description="For people.")]


@frozen(eq=False)
class Row(Generic[E]):
    """
    The refusal for one class of errors.

    Args:
        members: Members of the problem document, in addition to the common ones.
        particulars: The end of the text, which depends on the error.
        headers: Headers of the answer, in addition to those of its status.
    """

    kind: type[E]
    portuguese: str
    english: str
    members: Callable[[E, Language], Mapping[str, object]] = field(
        default=lambda *_: {}, kw_only=True
    )
    particulars: Callable[[E, Language], str] = field(default=lambda *_: "", kw_only=True)
    headers: Callable[[E], Mapping[str, str]] = field(default=lambda _: {}, kw_only=True)
    status: int = field(default=0, kw_only=True)

    def text(self, error: E, language: Language) -> str:
        """
        The text about *error* in *language*.
        """
        text = Text(self.portuguese, self.english).to(language)
        return text + self.particulars(error, language)


def _retry_after(seconds: float | None) -> Mapping[str, str]:
    wait = _RETRY_AFTER_SECONDS if seconds is None else max(1, math.ceil(seconds))
    return {"Retry-After": str(wait)}


def _field_problems(
    error: http.InvalidFieldsError | http.IncompleteDataError, language: Language
) -> Mapping[str, object]:
    return _described(error.errors, language)


def _described(errors: Sequence[FieldError], language: Language) -> Mapping[str, object]:
    problems = (
        FieldProblem(field=e.field, message=rule_text(e.rule, e.limit, language)) for e in errors
    )
    return {"errors": [*problems]}


def _first(errors: Sequence[FieldError], language: Language) -> str:
    return "".join(f": {e.field} {rule_text(e.rule, e.limit, language)}" for e in errors[:1])


def _broken(error: domain.InvalidValueError) -> Sequence[FieldError]:
    return [FieldError(error.field, error.rule)]


def _all_required(error: http.IncompleteDataError, language: Language) -> str:
    verb = _REQUIRED if len(error.required) == 1 else _ALL_REQUIRED
    return f": {enumeration(error.required, language)} {verb.to(language)}"


def _place(error: domain.InvalidYamlError, language: Language) -> str:
    if not error.line:
        return ""
    place = Text(
        f"linha {error.line}, coluna {error.column}", f"line {error.line}, column {error.column}"
    )
    return f" ({place.to(language)})"


_INVALID: Final = ("Dados inválidos", "Invalid data")
_STORE_AWAY: Final = (
    "Armazenamento indisponível; tente novamente em instantes",
    "The store is unavailable; try again shortly",
)
_BUSY: Final = (
    "Gravações simultâneas demais; tente novamente em instantes",
    "Too many writers at a time; try again shortly",
)
_VAULT_AWAY: Final = (
    "Cofre de credenciais indisponível; avise o operador",
    "The credential vault is unavailable; tell the operator",
)

_ROWS: Final[Mapping[int, tuple[Row[Any], ...]]] = {
    400: (
        Row(
            http.InvalidJsonError,
            "JSON inválido: envie um objeto JSON em UTF-8",
            "Invalid JSON: send one JSON object in UTF-8",
        ),
        Row(http.MalformedRequestError, "Requisição HTTP malformada", "Malformed HTTP request"),
        Row(http.BodyUnreadableError, "Corpo da requisição ilegível", "Unreadable request body"),
        Row(
            http.InvalidIdempotencyKeyError,
            "Chave de idempotência inválida: use de 1 a 256 caracteres ASCII visíveis",
            "Invalid idempotency key: use 1 to 256 visible ASCII characters",
        ),
        Row(
            http.UnknownEventError,
            "Tipo de evento não suportado ou não identificado",
            "Event type not supported or not identified",
        ),
    ),
    401: (
        Row(http.SignatureMissingError, "Assinatura não fornecida", "Signature not provided"),
        Row(http.SignatureInvalidError, "Assinatura inválida", "Invalid signature"),
        Row(
            http.SignatureTimestampError,
            "Assinatura expirada ou com horário inválido",
            "Signature expired or with an invalid timestamp",
        ),
        Row(
            http.WebhookTokenInvalidError,
            "O endereço do webhook não é válido para esta conta",
            "The address of the webhook is not valid for this account",
        ),
        Row(
            domain.InvalidApiKeyError,
            "Chave de API inválida ou não fornecida",
            "API key invalid or not provided",
            headers=lambda _: {"WWW-Authenticate": "ApiKey"},
        ),
        Row(
            domain.ApiKeyExpiredError,
            "A chave de API venceu",
            "The API key has expired",
            headers=lambda _: {"WWW-Authenticate": "ApiKey"},
        ),
    ),
    403: (
        Row(
            FallbackReservedError,
            "A chave de API não pode definir este canal como reserva: desmarque Reserva ou fale "
            "com o operador do hub",
            "The API key may not make this channel a fallback: untick Fallback, or ask the "
            "operator of the hub",
        ),
        Row(
            ScopeMissingError,
            "A chave de API não tem o escopo desta operação",
            "The API key does not have the scope for this operation",
            members=lambda error, _: {"scope": error.scope},
        ),
        Row(
            http.OriginForbiddenError,
            "Páginas deste site não podem usar este endereço do hub",
            "Pages of this site may not use this address of the hub",
        ),
        Row(
            domain.TenantForbiddenError,
            # Not every caller has a key: a command may be for one tenant.
            "O acesso é a um só cliente, e isto não é dele",
            "The access is to one tenant only, and this is not its own",
        ),
        Row(
            domain.CollectionNotEnabledError,
            "A coleção não está nas coleções habilitadas deste cliente",
            "The collection is not among the enabled collections of this tenant",
        ),
    ),
    404: (
        Row(http.RouteNotFoundError, "Endereço não encontrado", "No such address"),
        Row(
            http.AppNotServedError,
            "Este servidor não atende este endereço; confira a opção --apps dele",
            "This server does not serve this address; check its option --apps",
        ),
        Row(domain.DocumentNotFoundError, "Documento não encontrado", "Document not found"),
        Row(
            domain.DocumentDeletedError,
            "Documento excluído",
            "Document was deleted",
            members=lambda error, _: {"version": error.version, "deleted": True},
        ),
        Row(domain.RevisionNotFoundError, "Versão não encontrada", "Version not found"),
        Row(
            CertificateNotFoundError,
            "O cliente não tem certificado: não foi apagado, ou isso ainda não terminou",
            "The tenant has no certificate: it was not erased, or that is not finished",
        ),
        Row(domain.TenantNotFoundError, "Cliente não encontrado", "Tenant not found"),
        Row(domain.MappingNotFoundError, "Mapeamento não encontrado", "Mapping not found"),
        Row(domain.CredentialNotFoundError, "Credencial não encontrada", "Credential not found"),
        Row(SubscriptionNotFoundError, "Inscrição não encontrada", "Subscription not found"),
        Row(domain.ApiKeyNotFoundError, "Chave de API não encontrada", "API key not found"),
        Row(
            domain.AddressNotFoundError,
            "O endereço secreto não existe ou foi revogado",
            "The secret address does not exist or is revoked",
        ),
        Row(domain.MessageNotFoundError, "Mensagem não encontrada", "Message not found"),
        Row(
            domain.ConversationNotFoundError,
            "O hub não conhece esta conversa",
            "The hub does not know this conversation",
        ),
        Row(domain.CrewNotFoundError, "Crew não encontrada", "Crew not found"),
        Row(domain.CollectionNotFoundError, "Coleção não encontrada", "Collection not found"),
        Row(domain.ItemNotFoundError, "Item não encontrado", "Item not found"),
    ),
    405: (
        Row(
            http.MethodNotAllowedError,
            "Método não permitido neste endereço",
            "Method not allowed at this address",
            headers=lambda error: {"Allow": ", ".join(sorted(error.allowed))},
        ),
    ),
    408: (
        Row(
            http.BodyLateError,
            "O corpo da requisição demorou demais a chegar",
            "The request body took too long to arrive",
        ),
    ),
    409: (
        Row(
            domain.RevisionConflictError,
            "Outra gravação ocorreu ao mesmo tempo; tente novamente",
            "Somebody else wrote at the same time; try again",
        ),
        Row(
            ChannelOwnedError,
            "O canal pertence a outro cliente",
            "The channel belongs to another tenant",
            members=lambda error, _: {
                "owner": str(error.owner),
                "claimant": str(error.claimant),
            },
        ),
        Row(
            AccountSharedError,
            "Outro cliente já tem canais nesta conta do Chatwoot: peça ao operador do hub que "
            "inclua este canal",
            "Another tenant already has channels in this Chatwoot account: ask the operator of "
            "the hub to add this channel",
        ),
        Row(
            NumberTakenError,
            "Um número especial já é de outro cliente da mesma conta do Chatwoot: retire o número "
            "ou fale com o operador do hub",
            "A special number belongs to another tenant of the same Chatwoot account: remove "
            "the number, or ask the operator of the hub",
        ),
        Row(
            domain.AmbiguousMappingError,
            "O mapeamento não diz de que canal fala: envie a lista channels, que diz tudo",
            "The mapping does not say which channel it means: send the list channels, which says "
            "everything",
            members=lambda error, _: {"section": error.section},
        ),
        Row(
            TooManySubscriptionsError,
            "O cliente já tem o máximo de inscrições",
            "The tenant has as many subscriptions as it may have",
        ),
        Row(
            SubscriptionOffError,
            "A inscrição está desligada; ligue-a antes",
            "The subscription is off; switch it on first",
        ),
        Row(
            AreaInUseError,
            "A área de negócio de destino já tem documentos",
            "The business area to move to has documents already",
        ),
        Row(
            TenantInUseError,
            "O hub já tem algo do cliente com o identificador novo",
            "The hub has something of the tenant with the new id already",
        ),
        Row(
            MoveTooLargeError,
            "Há mais versões, credenciais, itens ou texto para mudar do que cabe de uma vez",
            "There are more versions, credentials, items or text to move than fit at once",
            particulars=lambda error, _: f" ({error.limit})",
        ),
        Row(
            TenantSuspendedError,
            "O cliente está suspenso: nada dele é servido até que o operador termine a suspensão",
            "The tenant is suspended: nothing of it is served until the operator ends that",
        ),
        Row(
            domain.IdempotencyKeyReusedError,
            "Chave de idempotência já usada com outro conteúdo",
            "Idempotency key already used with another body",
        ),
        Row(
            WrongStageError,
            "A mensagem não está numa etapa que permita esta operação",
            "The message is at a stage that does not allow this operation",
            members=lambda error, _: {"stage": error.stage},
        ),
    ),
    410: (
        Row(
            AreaMovedError,
            "A área de negócio mudou de nome no hub: use o novo também no Odoo",
            "The business area has another name in the hub now: use that one in Odoo, too",
            members=lambda error, _: {"moved_to": error.place.domain.value},
            particulars=lambda error, _: f" ({error.place.domain})",
        ),
        Row(
            TenantRenamedError,
            "O cliente tem outro identificador no hub: use o novo também no Odoo",
            "The tenant has another id in the hub now: use that one in Odoo, too",
            members=lambda error, _: {"moved_to": error.successor.value},
            particulars=lambda error, _: f" ({error.successor})",
        ),
        Row(
            TenantErasedError,
            "O cliente foi apagado do hub: nada dele é guardado até que o operador o reabra",
            "The tenant was erased from the hub: nothing of it is stored until the operator "
            "reopens it",
        ),
        Row(
            domain.CursorExpiredError,
            "O cursor expirou; leia a coleção desde o início",
            "The cursor has expired; read the collection from its beginning",
        ),
        Row(
            FeedCompactedError,
            "O cursor não é deste feed; leia tudo de novo e siga a partir do cursor de agora",
            "The cursor is not of this feed; read everything again, then go on from the cursor of "
            "now",
            members=lambda error, _: {"cursor": error.cursor},
        ),
        Row(
            HistoryPrunedError,
            "O histórico não alcança mais esse momento: a retenção já removeu versões de que ele "
            "precisa",
            "The history no longer reaches that moment: retention has removed versions that it "
            "needs",
        ),
    ),
    412: (
        Row(
            domain.PreconditionFailedError,
            "O conteúdo não está na versão informada",
            "The content is not at the version that was given",
            members=lambda error, _: {"current_version": error.current},
        ),
    ),
    413: (
        Row(http.BodyTooLargeError, "Corpo da requisição grande demais", "Request body too large"),
    ),
    415: (
        Row(
            http.UnsupportedMediaTypeError,
            "Tipo de conteúdo não suportado: envie application/json",
            "Unsupported content type: send application/json",
        ),
        Row(
            http.UnsupportedEncodingError,
            "Content-Encoding não suportado neste endereço: envie o corpo sem compressão",
            "Unsupported Content-Encoding at this address: send the body uncompressed",
            headers=lambda error: {"Accept-Encoding": ", ".join(error.accepted)},
        ),
    ),
    422: (
        Row(http.DepthLimitError, "JSON aninhado demais", "JSON nested too deeply"),
        Row(
            http.TokenMissingError,
            "Token de autenticação não fornecido",
            "Authentication token not provided",
        ),
        Row(
            http.InvalidFieldsError,
            *_INVALID,
            members=_field_problems,
            particulars=lambda error, language: _first(error.errors, language),
        ),
        Row(
            http.IncompleteDataError,
            "Dados incompletos",
            "Incomplete data",
            members=_field_problems,
            particulars=_all_required,
        ),
        Row(
            http.AccountMismatchError,
            "A requisição cita mais de um account_id",
            "The request names more than one account_id",
        ),
        Row(
            AddressMismatchError,
            "O registro não é deste endereço secreto",
            "The record is not for this secret address",
            members=lambda error, language: _described(
                [FieldError(error.field, "address_mismatch")], language
            ),
            particulars=lambda error, _: f": {error.field}",
        ),
        Row(
            http.SourceDataMissingError,
            "Envie os dados a sincronizar; o hub não os busca no Odoo",
            "Send the data to synchronise; the hub does not fetch it from Odoo",
        ),
        Row(
            http.AiServiceTaskError,
            "Esta operação é do serviço de IA; o hub de configuração só guarda os dados",
            "This is a task of the AI service; the configuration hub only keeps the data",
        ),
        Row(
            domain.InvalidValueError,
            *_INVALID,
            members=lambda error, language: _described(_broken(error), language),
            particulars=lambda error, language: _first(_broken(error), language),
        ),
        Row(
            CertificateInvalidError,
            "O certificado foi alterado, ou outra chave o assinou",
            "The certificate was changed, or another key signed it",
        ),
        Row(domain.InvalidYamlError, "YAML inválido", "Invalid YAML", particulars=_place),
        Row(
            domain.UnknownFingerprintError,
            "O documento cita uma credencial criptografada que não existe neste cliente",
            "The document names an encrypted credential that the tenant does not have",
        ),
        Row(
            domain.EncryptedValueError,
            "Valor já criptografado pelo servidor antigo (ENC:...); envie-o em texto claro",
            "The old server has encrypted this value (ENC:...); send it in plain text",
            members=lambda error, language: _described(
                [FieldError(error.field, "not_encrypted")], language
            ),
            particulars=lambda error, _: f": {error.field}",
        ),
        Row(
            application.TargetForbiddenError,
            "O endereço informado leva a uma rede privada, ou não usa https",
            "The address leads into a private network, or does not use https",
        ),
    ),
    429: (
        Row(
            http.RateLimitedError,
            "Requisições demais; tente novamente em instantes",
            "Too many requests; try again shortly",
            headers=lambda error: _retry_after(error.wait_seconds),
        ),
    ),
    500: (
        Row(
            http.UnforeseenError,
            "Erro interno; a falha foi registrada",
            "Internal error; it is in the log",
        ),
        Row(
            application.SealBrokenError,
            "A credencial não pôde ser aberta",
            "The credential could not be opened",
        ),
    ),
    502: (
        Row(
            application.CrewRefusedError,
            "A crew recusou a mensagem",
            "The crew refused the message",
        ),
        Row(
            application.SubscriberGoneError,
            "O endereço da inscrição não existe mais",
            "The address of the subscription is gone",
        ),
        Row(
            application.ChatwootRefusedError,
            "O Chatwoot recusou a resposta",
            "Chatwoot refused the answer",
        ),
        Row(
            application.ChatwootUnreadableError,
            "Falta um token que possa ler as conversas desta conta do Chatwoot: o de um agente; o "
            "de um robô não serve",
            "The Chatwoot account has no token that may read its conversations: that of an "
            "agent; that of a bot does not do",
        ),
        Row(
            application.AttachmentRefusedError,
            "Um anexo da resposta não pode ser enviado",
            "An attachment of the answer cannot be sent",
        ),
    ),
    503: (
        Row(
            application.StoreUnavailableError,
            *_STORE_AWAY,
            members=lambda error, _: {"cause": error.failure},
        ),
        Row(
            application.StoreUnusableError,
            *_STORE_AWAY,
            members=lambda error, _: {"cause": error.failure},
        ),
        Row(
            application.SpoolUnavailableError,
            "Armazenamento indisponível, e o disco deste servidor não pode guardar mais nada para "
            "depois; tente novamente em instantes",
            "The store is unavailable, and this server's disk cannot keep more for later; try "
            "again shortly",
        ),
        Row(application.RequestRecordedError, *_BUSY),
        Row(application.MessageRecordedError, *_BUSY),
        Row(application.TenantKeyChangedError, *_BUSY),
        Row(application.ContentionError, *_BUSY),
        Row(application.MasterKeyMissingError, *_VAULT_AWAY),
        Row(application.InvalidKeyRingError, *_VAULT_AWAY),
        Row(
            application.SubscriberUnavailableError,
            "O destino da inscrição não aceitou o evento",
            "The receiver of the subscription did not take the event",
            headers=lambda error: _retry_after(error.retry_after),
        ),
        Row(
            application.CrewUnavailableError,
            "A crew não responde; tente novamente em instantes",
            "The crew does not answer; try again shortly",
            headers=lambda error: _retry_after(error.retry_after),
        ),
        Row(
            application.ChatwootUnavailableError,
            "O Chatwoot não responde; tente novamente em instantes",
            "Chatwoot does not answer; try again shortly",
            headers=lambda error: _retry_after(error.retry_after),
        ),
        Row(
            application.AttachmentUnavailableError,
            "Um anexo da resposta não está disponível; tente novamente em instantes",
            "An attachment of the answer is not available; try again shortly",
            headers=lambda error: _retry_after(error.retry_after),
        ),
    ),
}
REFUSALS: Final[Mapping[type[CodedError], Row[Any]]] = {
    row.kind: evolve(row, status=status) for status, rows in _ROWS.items() for row in rows
}
_HEADERS: Final = {401: {"WWW-Authenticate": "Signature"}, 503: _retry_after(None)}


def headers_of(error: CodedError) -> Mapping[str, str]:
    """
    The headers that say what to do about *error*.
    """
    row = REFUSALS[type(error)]
    return {**_HEADERS.get(row.status, {}), **row.headers(error)}
