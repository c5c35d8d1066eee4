"""
Turns whatever goes wrong into a problem document (RFC 9457) that repeats nothing of the request.

Old clients read ``detail``; Odoo shows it to its user word for word.
"""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

import structlog
from aiohttp import web
from attrs import field, frozen

from odoo_ai_config.application import errors as application
from odoo_ai_config.application.errors import ApplicationError
from odoo_ai_config.domain import errors as domain
from odoo_ai_config.domain.access import ScopeMissingError
from odoo_ai_config.domain.channels.mapping import (
    AccountSharedError,
    ChannelOwnedError,
    FallbackReservedError,
    NumberTakenError,
)
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import WrongStageError
from odoo_ai_config.entrypoints.http.platform.app_keys import EVENT, REQUEST_ID
from odoo_ai_config.entrypoints.http.platform.errors import (
    BodyLateError,
    BodyUnreadableError,
    FieldError,
    HttpRefusalError,
    IncompleteDataError,
    InvalidFieldsError,
    MethodNotAllowedError,
    RateLimitedError,
    SignatureError,
    UnsupportedEncodingError,
)
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.texts import (
    EVENT_FAILED,
    Language,
    Text,
    enumeration,
    preferred_language,
    rule_text,
)

_log = structlog.get_logger()

Refusal: TypeAlias = DomainError | ApplicationError | HttpRefusalError

_RETRY_AFTER_SECONDS: Final = 2
UNFORESEEN_CODE: Final = "internal_error"
_UNFORESEEN: Final = Text("Erro interno; a falha foi registrada", "Internal error; it was logged")


_REQUIRED: Final = Text("é obrigatório", "is required")
_ALL_REQUIRED: Final = Text("são obrigatórios", "are required")


@frozen
class Wording:
    """
    Status and text of one class of refusals.

    Args:
        passing: The same request may well succeed a little later.
    """

    status: int
    text: Text
    passing: bool = False


def _wording(status: int, portuguese: str, english: str, *, passing: bool = False) -> Wording:
    return Wording(status, Text(portuguese, english), passing)


_AWAY: Final = _wording(
    503,
    "Armazenamento indisponível; tente novamente em instantes",
    "The store is unavailable; try again shortly",
    passing=True,
)
_BUSY: Final = _wording(
    503,
    "Gravações simultâneas demais; tente novamente em instantes",
    "Too many writers at a time; try again shortly",
    passing=True,
)
_VAULT_AWAY: Final = _wording(
    503,
    "Cofre de credenciais indisponível; avise o operador",
    "The credential vault is unavailable; tell the operator",
    passing=True,
)

WORDINGS: Final[Mapping[type[DomainError | ApplicationError], Wording]] = {
    domain.InvalidValueError: _wording(422, "Dados inválidos", "Invalid data"),
    domain.InvalidYamlError: _wording(422, "YAML inválido", "Invalid YAML"),
    domain.RevisionConflictError: _wording(
        409,
        "Outra gravação ocorreu ao mesmo tempo; tente novamente",
        "Somebody else wrote at the same time; try again",
    ),
    domain.PreconditionFailedError: _wording(
        412,
        "O documento não está na versão informada",
        "The document is not at the version that was given",
    ),
    domain.DocumentNotFoundError: _wording(
        404, "Configuração não encontrada", "Configuration not found"
    ),
    domain.DocumentDeletedError: _wording(
        404, "Configuração removida", "Configuration was deleted"
    ),
    domain.RevisionNotFoundError: _wording(404, "Versão não encontrada", "Version not found"),
    domain.TenantNotFoundError: _wording(404, "Cliente não encontrado", "Tenant not found"),
    domain.MappingNotFoundError: _wording(404, "Mapeamento não encontrado", "Mapping not found"),
    domain.CredentialNotFoundError: _wording(
        404, "Credencial não encontrada", "Credential not found"
    ),
    domain.UnknownFingerprintError: _wording(
        422,
        "O documento cita uma credencial selada que não existe neste cliente",
        "The document names a sealed credential that the tenant does not have",
    ),
    domain.EncryptedValueError: _wording(
        422,
        "Valor já cifrado pelo servidor antigo (ENC:...); envie o valor em texto claro",
        "The replaced server has encrypted this value (ENC:...); send it in clear",
    ),
    ChannelOwnedError: _wording(
        409, "O canal pertence a outro cliente", "The channel belongs to another tenant"
    ),
    AccountSharedError: _wording(
        409,
        "Outro cliente já tem canais nesta conta do Chatwoot: peça ao operador do hub que inclua "
        "este canal",
        "Another tenant has channels in this Chatwoot account already: ask the operator of the "
        "hub to add this channel",
    ),
    NumberTakenError: _wording(
        409,
        "Um número especial já é de outro cliente da mesma conta do Chatwoot: retire o número ou "
        "fale com o operador do hub",
        "A special number is another tenant's of the same Chatwoot account already: remove the "
        "number, or ask the operator of the hub",
    ),
    FallbackReservedError: _wording(
        403,
        "A chave de API não pode definir este canal como fallback: desmarque Fallback ou fale com "
        "o operador do hub",
        "The API key may not make this channel a fallback: untick Fallback, or ask the operator "
        "of the hub",
    ),
    domain.InvalidApiKeyError: _wording(
        401, "Chave de API inválida ou não fornecida", "API key invalid or not provided"
    ),
    domain.ApiKeyNotFoundError: _wording(404, "Chave de API não encontrada", "API key not found"),
    ScopeMissingError: _wording(
        403,
        "A chave de API não tem permissão para esta operação",
        "The API key lacks the scope for this operation",
    ),
    domain.TenantForbiddenError: _wording(
        403,
        "A chave de API não dá acesso a este cliente",
        "The API key gives no access to this tenant",
    ),
    domain.IdempotencyKeyReusedError: _wording(
        409,
        "Chave de idempotência já usada com outro conteúdo",
        "Idempotency key already used with another body",
    ),
    domain.MessageNotFoundError: _wording(404, "Mensagem não encontrada", "Message not found"),
    domain.CrewNotFoundError: _wording(404, "Equipe não encontrada", "Crew not found"),
    WrongStageError: _wording(
        409,
        "A mensagem não está num estágio que permita esta operação",
        "The message is at a stage that does not allow this operation",
    ),
    domain.CollectionNotFoundError: _wording(
        404, "Coleção não encontrada", "Collection not found"
    ),
    domain.CollectionNotEnabledError: _wording(
        403,
        "A coleção não está nas coleções habilitadas deste cliente",
        "The collection is not among the enabled collections of this tenant",
    ),
    domain.ItemNotFoundError: _wording(404, "Item não encontrado", "Item not found"),
    domain.CursorExpiredError: _wording(
        410,
        "O cursor expirou; leia a coleção desde o início",
        "The cursor has expired; read the collection from its beginning",
    ),
    application.StoreUnavailableError: _AWAY,
    application.StoreUnusableError: _AWAY,
    application.DeliveryRecordedError: _BUSY,
    application.MessageRecordedError: _BUSY,
    application.TenantKeyChangedError: _BUSY,
    application.ContentionError: _BUSY,
    application.SealBrokenError: _wording(
        500, "A credencial não pôde ser aberta", "The credential could not be opened"
    ),
    application.MasterKeyMissingError: _VAULT_AWAY,
    application.InvalidKeyRingError: _VAULT_AWAY,
    application.CrewUnavailableError: _wording(
        503,
        "A equipe de IA não responde; tente novamente em instantes",
        "The crew does not answer; try again shortly",
        passing=True,
    ),
    application.CrewRefusedError: _wording(
        502, "A equipe de IA recusou a mensagem", "The crew refused the message"
    ),
    application.TargetForbiddenError: _wording(
        422,
        "O endereço informado leva a uma rede privada, ou não usa https",
        "The address leads into a private network, or does not use https",
    ),
    application.ChatwootUnavailableError: _wording(
        503,
        "O Chatwoot não responde; tente novamente em instantes",
        "Chatwoot does not answer; try again shortly",
        passing=True,
    ),
    application.ChatwootRefusedError: _wording(
        502, "O Chatwoot recusou a resposta", "Chatwoot refused the answer"
    ),
}


@frozen
class Problem:
    """
    A problem document about to be sent.

    Args:
        members: What this kind of problem tells beyond the common members.
    """

    status: int
    code: str
    detail: str
    members: JsonObject = field(factory=dict)
    headers: dict[str, str] = field(factory=dict)


def problem_of(error: Refusal, language: Language) -> Problem:
    """
    Word *error* for a reader of *language*.
    """
    if isinstance(error, HttpRefusalError):
        status, text = error.status, Text(error.message_pt, error.message_en)
        headers = _headers_of(error)
    else:
        wording = WORDINGS[type(error)]
        status, text = wording.status, wording.text
        headers = {"Retry-After": str(_RETRY_AFTER_SECONDS)} if wording.passing else {}
        headers |= _headers_of(error)
    detail = text.to(language) + _particulars_of(error, language)
    return Problem(status, error.code, detail, _members_of(error, language), headers)


def _headers_of(error: Refusal) -> dict[str, str]:
    match error:
        case domain.InvalidApiKeyError():
            return {"WWW-Authenticate": "ApiKey"}
        case SignatureError():
            return {"WWW-Authenticate": "Signature"}
        case MethodNotAllowedError(allowed=allowed):
            return {"Allow": ", ".join(allowed)}
        case UnsupportedEncodingError(accepted=accepted):
            return {"Accept-Encoding": ", ".join(accepted)}
        case (
            RateLimitedError(wait_seconds=(float() | int()) as seconds)
            | application.CrewUnavailableError(retry_after=(float() | int()) as seconds)
            | application.ChatwootUnavailableError(retry_after=(float() | int()) as seconds)
        ):
            return {"Retry-After": str(max(1, math.ceil(seconds)))}
        case _:
            return {}


def _particulars_of(error: Refusal, language: Language) -> str:
    match error:
        case domain.InvalidValueError() | InvalidFieldsError():
            first = _field_errors_of(error)[:1]
            return "".join(f": {e.field} {rule_text(e.rule, e.limit, language)}" for e in first)
        case IncompleteDataError(required=names):
            verb = _REQUIRED if len(names) == 1 else _ALL_REQUIRED
            return f": {enumeration(names, language)} {verb.to(language)}"
        case domain.InvalidYamlError(line=line, column=column) if line:
            place = Text(f"linha {line}, coluna {column}", f"line {line}, column {column}")
            return f" ({place.to(language)})"
        case domain.EncryptedValueError(field=name):
            return f": {name}"
        case _:
            return ""


def _members_of(error: Refusal, language: Language) -> JsonObject:
    members: JsonObject = {}
    match error:
        case domain.InvalidValueError() | InvalidFieldsError() | IncompleteDataError():
            members["errors"] = [
                {"field": e.field, "message": rule_text(e.rule, e.limit, language)}
                for e in _field_errors_of(error)
            ]
        case domain.EncryptedValueError(field=name):
            members["errors"] = [
                {"field": name, "message": rule_text("not_encrypted", None, language)}
            ]
        case (
            application.StoreUnavailableError(failure=failure)
            | application.StoreUnusableError(failure=failure)
        ):
            members["cause"] = failure.value
        case domain.PreconditionFailedError(current=current):
            members["current_version"] = current
        case domain.DocumentDeletedError(version=version):
            members = {"version": version, "deleted": True}
        case ChannelOwnedError(owner=owner, claimant=claimant):
            members = {"owner": str(owner), "claimant": str(claimant)}
        case ScopeMissingError(scope=scope):
            members["scope"] = scope.value
        case WrongStageError(stage=stage):
            members["stage"] = stage.value
        case _:
            pass
    return members


def _field_errors_of(
    error: domain.InvalidValueError | InvalidFieldsError | IncompleteDataError,
) -> tuple[FieldError, ...]:
    if isinstance(error, domain.InvalidValueError):
        return (FieldError(error.field, error.rule),)
    return error.errors


def _answer(request: web.BaseRequest, problem: Problem, language: Language) -> web.Response:
    event = request.get(EVENT)
    prefix = "" if event is None else EVENT_FAILED[event].to(language)
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": prefix + problem.detail,
        "code": problem.code,
        "request_id": request[REQUEST_ID],
        **problem.members,
    }
    return web.Response(
        status=problem.status,
        body=json.dumps(body, ensure_ascii=False).encode(),
        content_type="application/problem+json",
        headers={
            "Cache-Control": "no-store",
            "Content-Language": language.value,
            **problem.headers,
        },
    )


def refuse(request: web.BaseRequest, error: Refusal) -> web.Response:
    """
    The answer to a request that was refused.
    """
    language = preferred_language(request.headers.get("Accept-Language"))
    problem = problem_of(error, language)
    # Refused reads are too common to be news: a poller asks for what is not there yet.
    quiet = request.method in {"GET", "HEAD"} and problem.status in {404, 412, 422}
    log = _log.debug if quiet else _log.info
    log("request_refused", method=request.method, status=problem.status, code=problem.code)
    answer = _answer(request, problem, language)
    if isinstance(error, BodyUnreadableError | BodyLateError):
        # Where the next request begins on this connection, nobody can tell.
        answer.force_close()
    return answer


def answer_to(error: Exception, request: web.BaseRequest, metrics: Metrics) -> web.Response:
    """
    What a client is told whose request ended with *error*, foreseen or not.
    """
    if isinstance(error, Refusal):
        return refuse(request, error)
    metrics.failure()
    # The frames without the message: a stranger's error may quote the request.
    _log.error(
        "request_failed",
        error=type(error).__name__,
        stack="".join(traceback.format_tb(error.__traceback__)),
    )
    language = preferred_language(request.headers.get("Accept-Language"))
    problem = Problem(500, UNFORESEEN_CODE, _UNFORESEEN.to(language))
    return _answer(request, problem, language)
