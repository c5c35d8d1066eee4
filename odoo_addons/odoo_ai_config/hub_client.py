# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""
The client of the hub. It never raises; each call returns an `Outcome`.

This module does not use Odoo, so nothing here can log or store what is sent.
"""

import base64
import binascii
import hmac
import json
import time
import uuid
from collections import namedtuple
from urllib.parse import quote, urlencode

import requests

# Seconds to connect, and to wait for the answer; and where a user waits for both.
TIMEOUT = 10
SHORT_TIMEOUT = 4
MAX_WAIT = 3600
# Bytes of a body for which the hub gets a second more, unless a user waits.
_A_SECOND = 128 * 1024
_LONGEST_DETAIL = 500
_MOST_READ = 1024 * 1024

# The result of a call: `ACCEPTED`; `REJECTED` by the hub, with a reason; anything else
# means that no hub has answered.
ACCEPTED = "accepted"
REJECTED = "rejected"
NAME_NOT_FOUND = "name_not_found"
NO_CONNECTION = "no_connection"
UNTRUSTED = "untrusted"
TIMED_OUT = "timed_out"
BAD_REQUEST = "bad_request"
REDIRECTED = "redirected"
NOT_A_HUB = "not_a_hub"

# Further calls would only make users wait again.
_UNREACHABLE = {NAME_NOT_FOUND, NO_CONNECTION, UNTRUSTED, TIMED_OUT}
# The hub has decided, and will refuse the same content again.
_FINAL_STATUSES = {400, 409, 413, 415, 422}
_NOT_FINAL_CODES = {"revision_conflict", "body_unreadable"}


class Outcome(
    namedtuple("Outcome", ("kind", "status", "code", "detail", "answer", "wait", "errors"))
):
    """
    The result of one call.

    *code* and *detail* are those of the hub, *answer* is the body of a success, and *wait* is
    the number of seconds until the next attempt. *errors* are pairs of a field and a message.
    """

    __slots__ = ()

    @property
    def accepted(self):
        return self.kind == ACCEPTED

    @property
    def unreachable(self):
        return self.kind in _UNREACHABLE

    @property
    def final(self):
        return (
            self.kind == REJECTED
            and self.status in _FINAL_STATUSES
            and self.code not in _NOT_FINAL_CODES
        )


def _outcome(kind, status=0, code="", detail="", answer=None, wait=0, errors=()):
    return Outcome(kind, status, code, detail, answer or {}, wait, errors)


def signing_key(secret):
    """
    The key in *secret*: base64 after ``whsec_``, otherwise the text itself.

    Raises ValueError if it is invalid.
    """
    if not secret.startswith("whsec_"):
        return secret.encode()
    encoded = secret[len("whsec_") :].rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if not key:
        raise ValueError("empty")
    return key


def signature_headers(secret, message_id, body, timestamp):
    """
    The headers of Standard Webhooks for *body*.
    """
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    digest = hmac.digest(signing_key(secret), signed, "sha256")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def json_bytes(value):
    """
    The same bytes for equal values, whatever the order of their keys.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class HubClient:
    """
    One hub, called with one key. Without *patient* the hub has little time to answer.
    """

    def __init__(self, url, api_key, signing_secret=None, language=None, *, patient=True):
        self._url = url.rstrip("/")
        self._api_key = api_key
        self._signing_secret = signing_secret
        self._language = (language or "pt_BR").replace("_", "-")
        self._patient = patient

    def ready(self):
        """
        Ask whether the hub runs and its store is available.
        """
        return self._call("GET", "/ready")

    def send(self, event, message_id):
        """
        Send the JSON value *event* as the message *message_id*.
        """
        body = json_bytes(event)
        return self._send("POST", "/odoo-webhook", body, self._signed(body, message_id))

    def push(self, collection, body, message_id, *, whole=False):
        """
        Push a *collection*: its changes, or all of its items.
        """
        method, path = "PUT" if whole else "PATCH", f"/api/v1/collections/{collection}"
        return self._send(method, path, body, self._signed(body, message_id))

    def reconcile(self, known):
        """
        Ask which of the acknowledged data the hub still has.
        """
        body, message_id = json_bytes({"known": known}), f"reconcile-{uuid.uuid4()}"
        return self._send("POST", "/v1/reconcile", body, self._signed(body, message_id))

    def route(self, account, inbox, number):
        """
        Ask where the hub would send a message from a channel of Chatwoot, and why.
        """
        asked = {"account_id": account, "inbox_id": inbox, "number": number, "explain": 1}
        query = urlencode({name: value for name, value in asked.items() if value})
        return self._get(f"/v1/route?{query}")

    def simulate(self, event):
        """
        Ask what *event*, which is about a channel, would change.
        """
        return self._send("POST", "/v1/route/simulate", json_bytes(event))

    def look(self, known, versions=0):
        """
        Compare the hub's data of a client with *known*, and list its channels. With *versions*,
        also list the newest versions of each document, at most that many.
        """
        tenant, domain = _part(known["tenant_id"]), _part(known["domain"])
        asked = {
            "standing": lambda: self.reconcile([known]),
            "channels": lambda: self._get(f"/v1/tenants/{tenant}/channels"),
        }
        if versions:
            asked["documents"] = lambda: self._get(f"/configs/{tenant}?domain={domain}", _are_rows)
        found = {"documents": [], "history": []}
        for name, ask in asked.items():
            outcome = ask()
            if not outcome.accepted:
                return outcome
            found[name] = outcome.answer
        for document in found["documents"]:
            kind = _part(document["config_type"])
            path = f"/configs/{tenant}/{domain}/{kind}/history?limit={versions}"
            outcome = self._get(path, _are_rows)
            if not outcome.accepted:
                return outcome
            found["history"] += outcome.answer
        return outcome._replace(answer=found)

    @property
    def author(self):
        """
        The name that the hub gives this key in audit entries.
        """
        parts = (self._api_key or "").split("_", 2)
        return parts[1] if len(parts) == 3 and parts[0] == "oac" else None

    def page(self, tenant, domain):
        """
        The address of the hub's page about a client.
        """
        return f"{self._url}/ui/clients/{_part(tenant)}/{_part(domain)}"

    def _get(self, path, expected=None):
        return self._call("GET", path, self._key(), expected=expected)

    def _key(self):
        return {"X-API-Key": self._api_key or ""}

    def _signed(self, body, message_id):
        if not self._signing_secret:
            return {"webhook-id": message_id}
        return signature_headers(self._signing_secret, message_id, body, int(time.time()))

    def _send(self, method, path, body, headers=None):
        headers = {**(headers or {}), **self._key(), "Content-Type": "application/json"}
        return self._call(method, path, headers, body)

    def _timeout(self, body):
        return TIMEOUT + len(body) // _A_SECOND if self._patient else SHORT_TIMEOUT

    def _call(self, method, path, headers=None, body=None, expected=None):
        headers = dict(headers or {}, **{"Accept-Language": self._language})
        timeout = self._timeout(body or b"")
        try:
            # A redirect would turn the POST into a GET and send the key to another server.
            with requests.request(
                method,
                self._url + path,
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                return _read(response, _content(response, timeout), expected or _is_answer)
        except requests.exceptions.SSLError:
            return _outcome(UNTRUSTED)
        except requests.Timeout:
            return _outcome(TIMED_OUT)
        except requests.ConnectionError as error:
            return _outcome(_why(error))
        except (requests.RequestException, UnicodeError):
            return _outcome(BAD_REQUEST)


def _content(response, seconds):
    """
    The beginning of the answer. A foreign server can neither fill the memory nor block
    the caller with a slow answer.
    """
    content, deadline = b"", time.monotonic() + seconds
    for chunk in response.iter_content(8192):
        content += chunk
        if len(content) >= _MOST_READ:
            break
        if time.monotonic() > deadline:
            raise requests.Timeout
    return content


def _why(error):
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    # By name: only urllib3 2 and later have a class for it.
    if type(reason).__name__ == "NameResolutionError":
        return NAME_NOT_FOUND
    return NO_CONNECTION


def _part(name):
    return quote(name, safe="")


def _is_answer(answer):
    """
    Whether the answer has the form of a hub's answer.
    """
    return isinstance(answer, dict) and (
        answer.get("success") is True
        or answer.get("status") == "ready"
        or isinstance(answer.get("summary"), dict)
        or not {"resolved", "effects", "channels", "collection"}.isdisjoint(answer)
    )


def _are_rows(answer):
    return isinstance(answer, list) and all(isinstance(row, dict) for row in answer)


def _read(response, content, expected):
    status = response.status_code
    if 300 <= status < 400:
        return _outcome(REDIRECTED, status)
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if status == 200 and expected(answer):
        return _outcome(ACCEPTED, status, answer=answer)
    problem = answer if status >= 400 and isinstance(answer, dict) else {}
    code, detail = problem.get("code"), problem.get("detail")
    if not isinstance(code, str) or not isinstance(detail, str):
        return _outcome(NOT_A_HUB, status)
    return _outcome(
        REJECTED,
        status,
        code[:64],
        detail[:_LONGEST_DETAIL],
        wait=_wait(response),
        errors=_errors(problem),
    )


def _errors(answer):
    errors = answer.get("errors")
    return tuple(
        (error["field"], error["message"][:_LONGEST_DETAIL])
        for error in (errors if isinstance(errors, list) else ())
        if isinstance(error, dict)
        and isinstance(error.get("field"), str)
        and isinstance(error.get("message"), str)
    )


def _wait(response):
    given = response.headers.get("Retry-After", "")
    return min(int(given), MAX_WAIT) if given.isascii() and given.isdigit() else 0
