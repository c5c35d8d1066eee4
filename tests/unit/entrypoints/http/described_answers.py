"""
Checks the hub's answers against its OpenAPI description.
"""

from __future__ import annotations

import functools
import gzip
import json
from typing import Any, Final

import jsonschema_rs
from aiohttp import web
from aiohttp.payload import AsyncIterablePayload

from odoo_ai_config.entrypoints.apps import ALL_APPS, App
from odoo_ai_config.entrypoints.http.openapi.document import description
from odoo_ai_config.entrypoints.http.platform.app_keys import OPTIONS
from odoo_ai_config.entrypoints.http.routes import GROUPS

# Headers of the protocol, not of the interface.
UNDESCRIBED_HEADERS: Final = {
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "date",
    "server",
    "vary",
    "access-control-allow-origin",
    "access-control-expose-headers",
}

Schema = dict[str, Any]


def tightened(part: Any) -> Any:
    """
    *part* of a description, without additional properties in objects that name their fields.

    Clients must accept unknown fields; the hub must not send undescribed ones.
    """
    if isinstance(part, list):
        return [tightened(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    closed = {name: tightened(inner) for name, inner in part.items()}
    if part.get("type") == "object" and "properties" in part:
        closed.setdefault("additionalProperties", False)
    return closed


class Description:
    """
    The OpenAPI document, as a checker of answers.
    """

    def __init__(self, apps: frozenset[App]) -> None:
        self.document: Schema = description(GROUPS, "1.2.3", apps)
        self._tight: Schema = tightened(self.document)
        self.validator = functools.cache(self._validator)
        self.lenient = functools.cache(self._lenient)

    def problems_of(self, request: web.Request, response: web.StreamResponse) -> list[str]:
        """
        The differences between *response* and the document.
        """
        resource = request.match_info.route.resource
        path = "/" if resource is None else "/" + resource.canonical.strip("/")
        method = "get" if request.method == "HEAD" else request.method.lower()
        place = f"{request.method} {path} {response.status}"
        operations = {} if resource is None else self._tight["paths"].get(path, {})
        operation = operations.get(method)
        if request.method == "OPTIONS" and response.status == 204:
            # The browser's question, not a request of the interface.
            problems = ["there is a body"] if body_of(response) else []
        elif operation is None:
            problems = self._of_no_operation(response)
        elif str(response.status) not in operation["responses"]:
            problems = ["the status is not described"]
        else:
            answer = self._resolved(operation["responses"][str(response.status)])
            problems = [
                *self._in_headers(answer, response),
                *self._in_body(answer.get("content", {}), response),
            ]
        return [f"{place}: {problem}" for problem in problems]

    def errors_of(self, schema: Schema, value: Any) -> list[str]:
        """
        The errors of *value* by its *schema*, which may refer to components.
        """
        return [error.message for error in self.lenient(json.dumps(schema)).iter_errors(value)]

    def _of_no_operation(self, response: web.StreamResponse) -> list[str]:
        problem = {"$ref": "#/components/schemas/Problem"}
        found = self._in_body({"application/problem+json": {"schema": problem}}, response)
        codes = {
            404: ("route_not_found", "app_not_served"),
            405: ("method_not_allowed",),
            415: ("unsupported_encoding",),
        }
        expected = codes.get(response.status, ())
        if not any(f'"code":"{code}"'.encode() in body_of(response) for code in expected):
            found.append("an undescribed operation is answered")
        if (response.status == 405) != ("Allow" in response.headers):
            found.append("Allow")
        return found

    def _in_headers(self, answer: Schema, response: web.StreamResponse) -> list[str]:
        found = []
        described = {
            name.lower(): self._resolved(entry) for name, entry in answer["headers"].items()
        }
        for name, header in described.items():
            value = response.headers.get(name)
            if value is None:
                if header["required"]:
                    found.append(f"the header {name} is missing")
                continue
            shown: Any = str(value)
            if header["schema"].get("type") == "integer":
                shown = int(value)
            found += [f"{name}: {error}" for error in self.errors_of(header["schema"], shown)]
        sent = {name.lower() for name in response.headers}
        return found + [
            f"the header {name} is not described"
            for name in sorted(sent - described.keys() - UNDESCRIBED_HEADERS)
        ]

    def _in_body(self, content: Schema, response: web.StreamResponse) -> list[str]:
        body = body_of(response)
        if not content:
            return ["there is a body"] if body else []
        if response.content_type not in content:
            return [f"the content type {response.content_type} is not described"]
        if not response.content_type.endswith("json"):
            return []
        validator = self.validator(json.dumps(content[response.content_type]["schema"]))
        # The description is that of a line.
        parts = body.splitlines() if response.content_type.endswith("ndjson") else [body]
        return [
            f"/{'/'.join(map(str, error.instance_path))}: {error.message}"
            for part in parts
            for error in validator.iter_errors(json.loads(part))
        ]

    def _resolved(self, entry: Schema) -> Schema:
        if "$ref" not in entry:
            return entry
        _, _, section, name = entry["$ref"].split("/")
        found: Schema = self._tight["components"][section][name]
        return found

    def _validator(self, schema: str) -> jsonschema_rs.Draft202012Validator:
        whole = {**json.loads(schema), "components": self._tight["components"]}
        return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)

    def _lenient(self, schema: str) -> jsonschema_rs.Draft202012Validator:
        whole = {**json.loads(schema), "components": self.document["components"]}
        return jsonschema_rs.Draft202012Validator(whole)


def body_of(response: web.StreamResponse) -> bytes:
    """
    The body, or for HEAD the body that GET would get; nothing of one that is made as it is sent.
    """
    body = response.body if isinstance(response, web.Response) else None
    assert body is None or isinstance(body, bytes | AsyncIterablePayload)
    if not isinstance(body, bytes):
        return b""
    return gzip.decompress(body) if "Content-Encoding" in response.headers else body


@functools.cache
def the_description(apps: frozenset[App] = ALL_APPS) -> Description:
    return Description(apps)


class Witness:
    """
    Checks every answer of an application, also those that a client library would not read.
    """

    def __init__(self, app: web.Application) -> None:
        self.found: list[str] = []
        app.on_response_prepare.append(self._look)

    async def _look(self, request: web.Request, response: web.StreamResponse) -> None:
        options = request.app.get(OPTIONS)
        described = the_description() if options is None else the_description(options.apps)
        self.found += described.problems_of(request, response)
