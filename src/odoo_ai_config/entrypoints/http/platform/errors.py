"""
Refusals that the HTTP boundary makes by itself, before any use case is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from attrs import frozen


class HttpRefusalError(Exception):
    """
    A request cannot be taken in. Never raised itself.

    The messages are shown to users word for word and therefore carry no part of
    the request.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    message_pt: ClassVar[str]
    message_en: ClassVar[str]

    def __str__(self) -> str:
        return self.message_en


class InvalidJsonError(HttpRefusalError):
    """
    The body is not JSON that every JSON reader understands in the same way.
    """

    status = 400
    code = "invalid_json"
    message_pt = "JSON inválido: envie um objeto JSON em UTF-8"
    message_en = "Invalid JSON: send one JSON object in UTF-8"


class DepthLimitError(HttpRefusalError):
    """
    The body is nested deeper than any document needs.
    """

    status = 422
    code = "too_deep"
    message_pt = "JSON aninhado demais"
    message_en = "JSON nested too deeply"


class SignatureError(HttpRefusalError):
    """
    The sender of a request could not be verified. Never raised itself.
    """

    status = 401


class SignatureMissingError(SignatureError):
    """
    A signature is required and the request carries none that can be checked.
    """

    code = "signature_missing"
    message_pt = "Assinatura não fornecida"
    message_en = "Signature not provided"


class SignatureInvalidError(SignatureError):
    """
    The signature does not belong to this body and any of the known secrets.
    """

    code = "signature_invalid"
    message_pt = "Assinatura inválida"
    message_en = "Invalid signature"


class SignatureTimestampError(SignatureError):
    """
    The signed moment is missing, malformed or outside the replay window.
    """

    code = "signature_timestamp"
    message_pt = "Assinatura expirada ou com horário inválido"
    message_en = "Signature expired or with an invalid timestamp"


class WebhookTokenInvalidError(SignatureError):
    """
    The secret at the end of the webhook's address is not one of the account's.
    """

    code = "webhook_token_invalid"
    message_pt = "O endereço do webhook não é válido para esta conta"
    message_en = "The address of the webhook is not valid for this account"


class BodyTooLargeError(HttpRefusalError):
    """
    The body is larger than the hub takes in.
    """

    status = 413
    code = "body_too_large"
    message_pt = "Corpo da requisição grande demais"
    message_en = "Request body too large"


class MalformedRequestError(HttpRefusalError):
    """
    What came is no HTTP, or more of its headers than the hub reads.
    """

    status = 400
    code = "malformed_request"
    message_pt = "Requisição HTTP malformada"
    message_en = "Malformed HTTP request"


class BodyLateError(HttpRefusalError):
    """
    The body comes more slowly than the hub waits for.
    """

    status = 408
    code = "body_late"
    message_pt = "O corpo da requisição demorou demais a chegar"
    message_en = "The request body took too long to arrive"


class BodyUnreadableError(HttpRefusalError):
    """
    The body broke off, or is not encoded as its headers say.
    """

    status = 400
    code = "body_unreadable"
    message_pt = "Corpo da requisição ilegível"
    message_en = "Unreadable request body"


class UnsupportedMediaTypeError(HttpRefusalError):
    """
    The body is said to be something else than JSON.
    """

    status = 415
    code = "unsupported_media_type"
    message_pt = "Tipo de conteúdo não suportado: envie application/json"
    message_en = "Unsupported content type: send application/json"


class UnsupportedEncodingError(HttpRefusalError):
    """
    The body is compressed, or encoded otherwise, where that is not taken in.

    Args:
        accepted: The encodings that are.
    """

    status = 415
    code = "unsupported_encoding"
    message_pt = "Content-Encoding não suportado neste endereço: envie o corpo sem compressão"
    message_en = "Unsupported Content-Encoding at this address: send the body uncompressed"

    def __init__(self, accepted: Sequence[str]) -> None:
        super().__init__()
        self.accepted = tuple(accepted)


class RouteNotFoundError(HttpRefusalError):
    """
    There is nothing at this path.
    """

    status = 404
    code = "route_not_found"
    message_pt = "Endereço não encontrado"
    message_en = "No such address"


class AppNotServedError(HttpRefusalError):
    """
    The path belongs to an app that this process was told not to serve.
    """

    status = 404
    code = "app_not_served"
    message_pt = "Este servidor não atende este endereço; confira a opção --apps dele"
    message_en = "This server does not serve this address; check its option --apps"


class MethodNotAllowedError(HttpRefusalError):
    """
    There is something at this path, but not for this method.
    """

    status = 405
    code = "method_not_allowed"
    message_pt = "Método não permitido neste endereço"
    message_en = "Method not allowed at this address"

    def __init__(self, allowed: Collection[str]) -> None:
        super().__init__()
        self.allowed = tuple(sorted(allowed))


class RateLimitedError(HttpRefusalError):
    """
    The caller asks more often than it may.
    """

    status = 429
    code = "rate_limited"
    message_pt = "Requisições demais; tente novamente em instantes"
    message_en = "Too many requests; try again shortly"

    def __init__(self, wait_seconds: float) -> None:
        super().__init__(wait_seconds)
        self.wait_seconds = wait_seconds


class InvalidIdempotencyKeyError(HttpRefusalError):
    """
    The idempotency key is empty, too long or not visible ASCII.
    """

    status = 400
    code = "invalid_idempotency_key"
    message_pt = "Chave de idempotência inválida: use de 1 a 256 caracteres ASCII visíveis"
    message_en = "Invalid idempotency key: use 1 to 256 visible ASCII characters"


class UnknownEventError(HttpRefusalError):
    """
    Nothing in the body tells which event it is, or the event is none that the hub knows.
    """

    status = 400
    code = "unknown_event"
    message_pt = "Tipo de evento não suportado ou não identificado"
    message_en = "Event type not supported or not identified"


class TokenMissingError(HttpRefusalError):
    """
    The token under which its password is sealed is missing in a credentials event.
    """

    status = 422
    code = "token_missing"
    message_pt = "Token de autenticação não fornecido"
    message_en = "Authentication token not provided"


@frozen
class FieldError:
    """
    What is wrong with one field, without its value.

    Args:
        rule: Stable name of the rule that was broken; its wording is in `messages`.
        limit: The number that the rule speaks of, if it speaks of one.
    """

    field: str
    rule: str
    limit: int | None = None


class InvalidFieldsError(HttpRefusalError):
    """
    Fields hold what they must not hold.
    """

    status = 422
    code = "invalid_fields"
    message_pt = "Dados inválidos"
    message_en = "Invalid data"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(*errors)
        self.errors = tuple(errors)


class IncompleteDataError(HttpRefusalError):
    """
    Fields that must be there are absent, empty or false.

    Args:
        required: The fields that belong together, whether or not all of them are missing.
        errors: Each field that is missing, and whatever else is wrong.
    """

    status = 422
    code = "incomplete_data"
    message_pt = "Dados incompletos"
    message_en = "Incomplete data"

    def __init__(self, required: Sequence[str], errors: Sequence[FieldError]) -> None:
        super().__init__(*errors)
        self.required = tuple(required)
        self.errors = tuple(errors)


class AccountMismatchError(HttpRefusalError):
    """
    The query and the body name different tenants; none of them wins.
    """

    status = 422
    code = "account_mismatch"
    message_pt = "A requisição cita mais de um account_id"
    message_en = "The request names more than one account_id"


class SourceDataMissingError(HttpRefusalError):
    """
    A sync that brings no data: the hub cannot fetch it from Odoo.
    """

    status = 422
    code = "source_data_missing"
    message_pt = "Envie os dados a sincronizar; o hub não os busca no Odoo"
    message_en = "Send the data to synchronise; the hub does not fetch it from Odoo"


class AiServiceTaskError(HttpRefusalError):
    """
    An operation of the old server that takes an AI service: writing texts, searching by meaning.
    """

    status = 422
    code = "ai_service_task"
    message_pt = "Esta operação é do serviço de IA; o hub de configuração só guarda os dados"
    message_en = "This is a task of the AI service; the configuration hub only keeps the data"
