"""
Refusals of the HTTP boundary, before a use case runs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from attrs import frozen


class HttpRefusalError(Exception):
    """
    A request cannot be accepted. Never raised itself.
    """

    code: ClassVar[str]

    def __str__(self) -> str:
        return (type(self).__doc__ or "").strip().split("\n", maxsplit=1)[0]


class InvalidJsonError(HttpRefusalError):
    """
    The body is not JSON, or JSON that two parsers could read differently.
    """

    code = "invalid_json"


class DepthLimitError(HttpRefusalError):
    """
    The body is nested too deeply.
    """

    code = "too_deep"


class SignatureError(HttpRefusalError):
    """
    The sender of a request cannot be verified. Never raised itself.
    """


class SignatureMissingError(SignatureError):
    """
    A signature is required, and the request has none that can be checked.
    """

    code = "signature_missing"


class SignatureInvalidError(SignatureError):
    """
    The signature does not match the body under any known secret.
    """

    code = "signature_invalid"


class SignatureTimestampError(SignatureError):
    """
    The signed timestamp is missing, malformed or outside the replay window.
    """

    code = "signature_timestamp"


class WebhookTokenInvalidError(SignatureError):
    """
    The token at the end of the webhook's address does not belong to the account.
    """

    code = "webhook_token_invalid"


class BodyTooLargeError(HttpRefusalError):
    """
    The body is larger than the hub accepts.
    """

    code = "body_too_large"


class MalformedRequestError(HttpRefusalError):
    """
    The request is not HTTP, or its headers are too long.
    """

    code = "malformed_request"


class BodyLateError(HttpRefusalError):
    """
    The body arrives too slowly.
    """

    code = "body_late"


class BodyUnreadableError(HttpRefusalError):
    """
    The body ended early, or is not encoded as its headers say.
    """

    code = "body_unreadable"


class UnsupportedMediaTypeError(HttpRefusalError):
    """
    The content type of the body is not JSON.
    """

    code = "unsupported_media_type"


class UnsupportedEncodingError(HttpRefusalError):
    """
    The body has an encoding that its path does not accept.

    Args:
        accepted: The encodings that the path accepts.
    """

    code = "unsupported_encoding"

    def __init__(self, accepted: Sequence[str]) -> None:
        super().__init__()
        self.accepted = tuple(accepted)


class RouteNotFoundError(HttpRefusalError):
    """
    There is nothing at this path.
    """

    code = "route_not_found"


class AppNotServedError(HttpRefusalError):
    """
    The path belongs to an app that this process does not serve.
    """

    code = "app_not_served"


class MethodNotAllowedError(HttpRefusalError):
    """
    The path does not have this method.
    """

    code = "method_not_allowed"

    def __init__(self, allowed: Collection[str]) -> None:
        super().__init__()
        self.allowed = tuple(sorted(allowed))


class RateLimitedError(HttpRefusalError):
    """
    The caller sends more requests than it may.
    """

    code = "rate_limited"

    def __init__(self, wait_seconds: float) -> None:
        super().__init__(wait_seconds)
        self.wait_seconds = wait_seconds


class InvalidIdempotencyKeyError(HttpRefusalError):
    """
    The idempotency key is empty, too long or not visible ASCII.
    """

    code = "invalid_idempotency_key"


class UnknownEventError(HttpRefusalError):
    """
    The body does not identify an event, or names one that the hub does not know.
    """

    code = "unknown_event"


class TokenMissingError(HttpRefusalError):
    """
    A credentials event has no token.
    """

    code = "token_missing"


@frozen
class FieldError:
    """
    What is wrong with one field, without its value.

    Args:
        rule: Stable name of the broken rule; its wording is in `texts`.
        limit: The number in the wording of the rule, if it has one.
    """

    field: str
    rule: str
    limit: int | None = None


class InvalidFieldsError(HttpRefusalError):
    """
    Fields have invalid values.
    """

    code = "invalid_fields"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(*errors)
        self.errors = tuple(errors)


class IncompleteDataError(HttpRefusalError):
    """
    Required fields are missing, empty or false.

    Args:
        required: The fields that belong together, whether or not all of them are missing.
        errors: Each missing field, and everything else that is wrong.
    """

    code = "incomplete_data"

    def __init__(self, required: Sequence[str], errors: Sequence[FieldError]) -> None:
        super().__init__(*errors)
        self.required = tuple(required)
        self.errors = tuple(errors)


class AccountMismatchError(HttpRefusalError):
    """
    The query and the body name different tenants.
    """

    code = "account_mismatch"


class SourceDataMissingError(HttpRefusalError):
    """
    A sync has no data, and the hub does not fetch it from Odoo.
    """

    code = "source_data_missing"


class AiServiceTaskError(HttpRefusalError):
    """
    The old server did this with an AI service: writing texts, semantic search.
    """

    code = "ai_service_task"


class UnforeseenError(HttpRefusalError):
    """
    An unexpected error.
    """

    code = "internal_error"
