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
    """

    code: ClassVar[str]

    def __str__(self) -> str:
        return (type(self).__doc__ or "").strip().split("\n", maxsplit=1)[0]


class InvalidJsonError(HttpRefusalError):
    """
    The body is not JSON that every JSON reader understands in the same way.
    """

    code = "invalid_json"


class DepthLimitError(HttpRefusalError):
    """
    The body is nested deeper than any document needs.
    """

    code = "too_deep"


class SignatureError(HttpRefusalError):
    """
    The sender of a request could not be verified. Never raised itself.
    """


class SignatureMissingError(SignatureError):
    """
    A signature is required and the request carries none that can be checked.
    """

    code = "signature_missing"


class SignatureInvalidError(SignatureError):
    """
    The signature does not belong to this body and any of the known secrets.
    """

    code = "signature_invalid"


class SignatureTimestampError(SignatureError):
    """
    The signed moment is missing, malformed or outside the replay window.
    """

    code = "signature_timestamp"


class WebhookTokenInvalidError(SignatureError):
    """
    The secret at the end of the webhook's address is not one of the account's.
    """

    code = "webhook_token_invalid"


class BodyTooLargeError(HttpRefusalError):
    """
    The body is larger than the hub takes in.
    """

    code = "body_too_large"


class MalformedRequestError(HttpRefusalError):
    """
    What came is no HTTP, or more of its headers than the hub reads.
    """

    code = "malformed_request"


class BodyLateError(HttpRefusalError):
    """
    The body comes more slowly than the hub waits for.
    """

    code = "body_late"


class BodyUnreadableError(HttpRefusalError):
    """
    The body broke off, or is not encoded as its headers say.
    """

    code = "body_unreadable"


class UnsupportedMediaTypeError(HttpRefusalError):
    """
    The body is said to be something else than JSON.
    """

    code = "unsupported_media_type"


class UnsupportedEncodingError(HttpRefusalError):
    """
    The body is compressed, or encoded otherwise, where that is not taken in.

    Args:
        accepted: The encodings that are.
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
    The path belongs to an app that this process was told not to serve.
    """

    code = "app_not_served"


class MethodNotAllowedError(HttpRefusalError):
    """
    There is something at this path, but not for this method.
    """

    code = "method_not_allowed"

    def __init__(self, allowed: Collection[str]) -> None:
        super().__init__()
        self.allowed = tuple(sorted(allowed))


class RateLimitedError(HttpRefusalError):
    """
    The caller asks more often than it may.
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
    Nothing in the body tells which event it is, or the event is none that the hub knows.
    """

    code = "unknown_event"


class TokenMissingError(HttpRefusalError):
    """
    The token under which its password is sealed is missing in a credentials event.
    """

    code = "token_missing"


@frozen
class FieldError:
    """
    What is wrong with one field, without its value.

    Args:
        rule: Stable name of the rule that was broken; its wording is in `texts`.
        limit: The number that the rule speaks of, if it speaks of one.
    """

    field: str
    rule: str
    limit: int | None = None


class InvalidFieldsError(HttpRefusalError):
    """
    Fields hold what they must not hold.
    """

    code = "invalid_fields"

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

    code = "incomplete_data"

    def __init__(self, required: Sequence[str], errors: Sequence[FieldError]) -> None:
        super().__init__(*errors)
        self.required = tuple(required)
        self.errors = tuple(errors)


class AccountMismatchError(HttpRefusalError):
    """
    The query and the body name different tenants; none of them wins.
    """

    code = "account_mismatch"


class SourceDataMissingError(HttpRefusalError):
    """
    A sync that brings no data: the hub cannot fetch it from Odoo.
    """

    code = "source_data_missing"


class AiServiceTaskError(HttpRefusalError):
    """
    An operation of the old server that takes an AI service: writing texts, searching by meaning.
    """

    code = "ai_service_task"


class UnforeseenError(HttpRefusalError):
    """
    Something goes wrong that nobody foresaw.
    """

    code = "internal_error"
