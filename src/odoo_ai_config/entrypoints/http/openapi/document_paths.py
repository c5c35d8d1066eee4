"""
Documents, as they are and as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from odoo_ai_config.domain import errors as domain
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.documents.handlers import DEFAULT_PAGE, LARGEST_PAGE
from odoo_ai_config.entrypoints.http.openapi.operations import (
    BODY,
    CLAIM,
    COMMIT,
    DOCUMENT_MISSING,
    FRESHNESS,
    VAULT,
    answered,
    json_body,
    operation,
    query,
    unchanged,
)
from odoo_ai_config.entrypoints.http.openapi.shapes import either, list_of, ref, text, whole
from odoo_ai_config.entrypoints.http.platform import errors as http
from odoo_ai_config.entrypoints.http.platform.operations import RefusalClass

_TAG: Final = "documents"
_DOCUMENT: Final = "/configs/{tenant}/{domain}/{kind}"
_NAMED: Final = (http.InvalidFieldsError, domain.TenantForbiddenError)
_KNOWN: Final = ref("If-None-Match", "parameters")
_WRITE_HEADERS: Final = ("If-Match", "If-None-Match", "Idempotency-Key", "webhook-id")
_YAML: Final = "application/x-yaml"


def document_paths() -> JsonObject:
    """
    Everything under ``/configs``.
    """
    where: list[Json] = [ref(name, "parameters") for name in ("tenant", "domain", "kind")]
    paths = {
        "": {
            "get": _shown("readDocument", "Read a document"),
            "post": _written("publishDocument", "Replace a document by YAML", "YamlText"),
            "patch": _written(
                "patchDocument",
                "Merge into a document",
                "MergePatch",
                media_type="application/merge-patch+json",
                refusals=DOCUMENT_MISSING,
            ),
            "delete": _deleted(),
        },
        "/yaml": {"get": _shown_as_yaml()},
        "/history": {"get": _history()},
        "/version/{version}": {
            "get": _shown(
                "readVersion",
                "Read a document as it was",
                parameters=[ref("version", "parameters")],
                refusals=[domain.DocumentNotFoundError, domain.RevisionNotFoundError],
            )
        },
        "/diff": {"get": _compared()},
        "/rollback": {
            "post": _written(
                "rollBackDocument",
                "Bring an old version back as a new one",
                "VersionChoice",
                refusals=[domain.DocumentNotFoundError, domain.RevisionNotFoundError],
            )
        },
    }
    described: JsonObject = {
        f"{_DOCUMENT}{rest}": {"parameters": [*where], **methods}
        for rest, methods in paths.items()
    }
    return {
        "/configs/{tenant}": {"parameters": where[:1], "get": _listed()},
        **described,
    }


def _listed() -> JsonObject:
    return operation(
        "listDocuments",
        "List the documents of a tenant",
        tag=_TAG,
        scope=Scope.CONFIG_READ,
        parameters=[query("domain", text(maxLength=128), "Of this business area only.")],
        answers=[
            answered(
                "An empty list if there are none.",
                list_of(ref("DocumentSummary")),
                headers=["Cache-Control"],
            )
        ],
        refusals=_NAMED,
    )


def _shown(
    identity: str,
    summary: str,
    *,
    parameters: Sequence[JsonObject] = (),
    refusals: Sequence[RefusalClass] = DOCUMENT_MISSING,
) -> JsonObject:
    return operation(
        identity,
        summary,
        tag=_TAG,
        scope=Scope.CONFIG_READ,
        parameters=[*parameters, _KNOWN],
        answers=[answered("The document.", ref("Document"), headers=FRESHNESS), unchanged()],
        refusals=(*_NAMED, *refusals),
    )


def _shown_as_yaml() -> JsonObject:
    return operation(
        "readYaml",
        "Read a document as YAML",
        tag=_TAG,
        scope=Scope.CONFIG_READ,
        parameters=[_KNOWN],
        answers=[
            answered(
                "The text as authored, or YAML made of the document.",
                {"type": "object"},
                media_type=_YAML,
                headers=FRESHNESS,
            ),
            unchanged(),
        ],
        refusals=(*_NAMED, *DOCUMENT_MISSING),
    )


def _history() -> JsonObject:
    return operation(
        "readHistory",
        "List the versions of a document",
        tag=_TAG,
        scope=Scope.CONFIG_READ,
        parameters=[
            query("before", whole(), "Older than this version only."),
            query("limit", whole(maximum=LARGEST_PAGE, default=DEFAULT_PAGE), "How many at most."),
        ],
        answers=[
            answered("Newest first.", list_of(ref("HistoryEntry")), headers=["Cache-Control"])
        ],
        refusals=_NAMED,
    )


def _compared() -> JsonObject:
    return operation(
        "compareVersions",
        "Compare two versions of a document",
        tag=_TAG,
        scope=Scope.CONFIG_READ,
        parameters=[
            query("from", whole(), "The one before `to` if it is not given."),
            query("to", whole(), "The newest one if it is not given."),
        ],
        answers=[answered("What differs.", ref("Comparison"), headers=["Cache-Control"])],
        refusals=(*_NAMED, *DOCUMENT_MISSING, domain.RevisionNotFoundError),
    )


def _written(
    identity: str,
    summary: str,
    schema: str,
    *,
    media_type: str = "application/json",
    refusals: Sequence[RefusalClass] = (),
) -> JsonObject:
    return operation(
        identity,
        summary,
        tag=_TAG,
        scope=Scope.CONFIG_WRITE,
        parameters=[ref(name, "parameters") for name in _WRITE_HEADERS],
        body=json_body(ref(schema), media_type=media_type),
        answers=[
            answered(
                "It is stored, or was so already.",
                either(ref("WrittenDocument"), ref("WriteReceipt")),
                headers=["Cache-Control", "Idempotent-Replayed"],
                special_headers={"ETag": ref("ETagIfReadable", "headers")},
            )
        ],
        refusals=(
            *_NAMED,
            *BODY,
            *CLAIM,
            *COMMIT,
            *VAULT,
            http.IncompleteDataError,
            domain.InvalidYamlError,
            domain.EncryptedValueError,
            domain.UnknownFingerprintError,
            domain.PreconditionFailedError,
            *refusals,
        ),
    )


def _deleted() -> JsonObject:
    return operation(
        "deleteDocument",
        "Delete a document\n\nIts history stays, and a rollback brings it back.",
        tag=_TAG,
        scope=Scope.CONFIG_WRITE,
        parameters=[ref(name, "parameters") for name in _WRITE_HEADERS],
        answers=[
            answered(
                "It is deleted.",
                ref("DeleteReceipt"),
                headers=["Cache-Control", "Idempotent-Replayed"],
            )
        ],
        refusals=(
            *_NAMED,
            *CLAIM,
            *COMMIT,
            *DOCUMENT_MISSING,
            http.BodyLateError,
            http.BodyUnreadableError,
            domain.PreconditionFailedError,
        ),
    )
