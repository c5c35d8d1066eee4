"""
Refusals that the HTTP boundary makes by itself, before any use case is asked.
"""

from __future__ import annotations

from typing import ClassVar


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
