"""
Refusals of the HTTP boundary, before a use case runs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from attrs import frozen

from odoo_ai_config.domain.errors import CodedError


class HttpRefusalError(CodedError):
    """
    A request cannot be accepted.
    """


class InvalidJsonError(HttpRefusalError):
    """
    The body is not JSON, or JSON that two parsers could read differently.
    """


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


class SignatureInvalidError(SignatureError):
    """
    The signature does not match the body under any known secret.
    """


class SignatureTimestampError(SignatureError):
    """
    The signed timestamp is missing, malformed or outside the replay window.
    """


class WebhookTokenInvalidError(SignatureError):
    """
    The token at the end of the webhook's address does not belong to the account.
    """


class BodyTooLargeError(HttpRefusalError):
    """
    The body is larger than the hub accepts.
    """


class MalformedRequestError(HttpRefusalError):
    """
    The request is not HTTP, or its headers are too long.
    """


class BodyLateError(HttpRefusalError):
    """
    The body arrives too slowly.
    """


class BodyUnreadableError(HttpRefusalError):
    """
    The body ended early, or is not encoded as its headers say.
    """


class UnsupportedMediaTypeError(HttpRefusalError):
    """
    The content type of the body is not JSON.
    """


@frozen
class UnsupportedEncodingError(HttpRefusalError):
    """
    The body has an encoding that its path does not accept.

    Args:
        accepted: The encodings that the path accepts.
    """

    accepted: Sequence[str]


class OriginForbiddenError(HttpRefusalError):
    """
    A page of a site that is not listed asks through somebody's browser.
    """


class RouteNotFoundError(HttpRefusalError):
    """
    There is nothing at this path.
    """


class AppNotServedError(HttpRefusalError):
    """
    The path belongs to an app that this process does not serve.
    """


@frozen
class MethodNotAllowedError(HttpRefusalError):
    """
    The path does not have this method.
    """

    allowed: Collection[str]


@frozen
class RateLimitedError(HttpRefusalError):
    """
    The caller sends more requests than it may.
    """

    wait_seconds: float


class InvalidIdempotencyKeyError(HttpRefusalError):
    """
    The idempotency key is empty, too long or not visible ASCII.
    """


class UnknownEventError(HttpRefusalError):
    """
    The body does not identify an event, or names one that the hub does not know.
    """


class TokenMissingError(HttpRefusalError):
    """
    A credentials event has no token.
    """


@frozen
class FieldError:
    """
    What is wrong with one field, without its value.

    Args:
        rule: Stable name of the broken rule; its wording is in `texts`.
        limit: The number, or the names, in the wording of the rule, if it has them.
    """

    field: str
    rule: str
    limit: int | str | None = None


@frozen
class InvalidFieldsError(HttpRefusalError):
    """
    Fields have invalid values.
    """

    errors: Sequence[FieldError]


@frozen
class IncompleteDataError(HttpRefusalError):
    """
    Required fields are missing, empty or false.

    Args:
        required: The fields that belong together, whether or not all of them are missing.
        errors: Each missing field, and everything else that is wrong.
    """

    required: Sequence[str]
    errors: Sequence[FieldError]


class AccountMismatchError(HttpRefusalError):
    """
    The query and the body name different tenants.
    """


class SourceDataMissingError(HttpRefusalError):
    """
    A sync has no data, and the hub does not fetch it from Odoo.
    """


class AiServiceTaskError(HttpRefusalError):
    """
    The old server did this with an AI service: writing texts, semantic search.
    """


class UnforeseenError(HttpRefusalError):
    """
    An unexpected error.
    """

    code = "internal_error"
