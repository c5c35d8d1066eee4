# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

"""
A hub to talk to: a real server on the loopback interface, which answers as it is told.
"""

import json
import threading
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from odoo.tests import TransactionCase

Received = namedtuple("Received", ("method", "path", "headers", "body"))

KEY = "oac_test_key"
SIGNING_SECRET = "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWh1Yg=="
READY = (200, {"status": "ready"})
NEVER = object()


class HubStandIn:
    """
    Takes everything unless `answers` has something else to say, once each, in order. To
    what it finds `NEVER` for, it does not answer at all.
    """

    def __init__(self):
        self.received = []
        self.answers = []
        self._closing = threading.Event()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._reply()

            def do_POST(self):
                self._reply()

            def do_PUT(self):
                self._reply()

            def do_PATCH(self):
                self._reply()

            def _reply(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                stand_in.received.append(Received(self.command, self.path, headers, body))
                found = stand_in._answer(self.command, self.path)
                if found is NEVER:
                    stand_in._closing.wait()
                    return
                status, answer, *headers = found
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def events(self):
        return [json.loads(request.body) for request in self.received if request.body]

    def will_refuse(self, status, code, detail="Dados inválidos", *headers):
        self.answers.append((status, {"code": code, "detail": detail}, *headers))

    def close(self):
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, method, path):
        if self.answers:
            return self.answers.pop(0)
        if path.startswith("/api/v1/collections/"):
            name = path.rpartition("/")[2]
            return 200, {"collection": name, "version": 6, "digest": "collection-digest"}
        if method == "GET":
            return READY
        known = {
            f"{name}_{part}": value
            for name, version in (
                ("config", 3),
                ("credentials", 2),
                ("mapping", 5),
                ("metadata", 4),
            )
            for part, value in (("version", version), ("digest", f"{name}-digest"))
        }
        return 200, {"success": True, "warnings": [], **known}


class HubCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hub = HubStandIn()
        cls.addClassCleanup(cls.hub.close)
        cls.connection = cls.env["ai.hub.connection"].create(
            {
                "company_id": cls.env.company.id,
                "url": cls.hub.url,
                "api_key": KEY,
                "signing_secret": SIGNING_SECRET,
            }
        )
        cls.outbox = cls.env["ai.hub.outbox"]

    def setUp(self):
        super().setUp()
        self.hub.received.clear()
        self.hub.answers.clear()

    def new_client(self, **values):
        return self.env["ai.hub.credentials"].create(
            {"name": "Loja Exemplo", "account_id": "loja_1", "business_area": "retail"} | values
        )

    def new_channel(self, client, account=1, inbox=7, **values):
        return client.channel_ids.create(
            {
                "credentials_id": client.id,
                "chatwoot_account_id": account,
                "chatwoot_inbox_id": inbox,
            }
            | values
        )

    def waiting(self):
        return self.outbox.search([("state", "=", "pending")], order="id")

    def send_all(self):
        """
        Send what waits, as the cron does, but within the test's transaction.
        """
        for line in self.waiting():
            line._send()
