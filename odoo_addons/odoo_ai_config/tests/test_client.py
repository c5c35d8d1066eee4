# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import socket

from odoo.tests import BaseCase, tagged

from .. import hub_client
from .common import KEY, SIGNING_SECRET, HubStandIn


@tagged("post_install", "-at_install")
class TestClient(BaseCase):
    def setUp(self):
        super().setUp()
        self.hub = HubStandIn()
        self.addCleanup(self.hub.close)
        self.client = hub_client.HubClient(self.hub.url, KEY, SIGNING_SECRET, "pt_BR")

    def outcome_of(self, status, answer, *headers):
        self.hub.answers.append((status, answer, *headers))
        return self.client.send({}, "id-1")

    def test_signature_is_that_of_the_standard_webhooks(self):
        # The example of the specification's own libraries.
        headers = hub_client.signature_headers(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            b'{"test": 2432232314}',
            1614265330,
        )
        self.assertEqual(
            headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        )

    def test_secret_that_is_no_base64_is_the_key_itself(self):
        self.assertEqual(hub_client.signing_key("segredo"), b"segredo")
        for secret in ("whsec_", "whsec_é!"):
            with self.subTest(secret=secret), self.assertRaises(ValueError):
                hub_client.signing_key(secret)

    def test_what_is_sent(self):
        self.client.send({"b": 1, "a": "é"}, "id-1")
        [request] = self.hub.received
        self.assertEqual(request.body, b'{"a":"\\u00e9","b":1}')
        self.assertEqual(request.path, "/odoo-webhook")
        headers = request.headers
        self.assertEqual(headers["x-api-key"], KEY)
        self.assertEqual(headers["content-type"], "application/json")
        self.assertEqual(headers["accept-language"], "pt-BR")
        self.assertEqual(headers["webhook-id"], "id-1")
        expected = hub_client.signature_headers(
            SIGNING_SECRET, "id-1", request.body, int(headers["webhook-timestamp"])
        )
        self.assertEqual(headers["webhook-signature"], expected["webhook-signature"])

    def test_everything_that_needs_the_scope_to_push_is_signed(self):
        self.client.send({}, "id-1")
        self.client.push("faq", b"{}", "id-2")
        self.client.push("faq", b"{}", "id-3", whole=True)
        self.client.reconcile([])
        self.assertEqual(len(self.hub.received), 4)
        for request in self.hub.received:
            with self.subTest(path=request.path):
                headers = request.headers
                expected = hub_client.signature_headers(
                    SIGNING_SECRET,
                    headers["webhook-id"],
                    request.body,
                    int(headers["webhook-timestamp"]),
                )
                self.assertEqual(headers["webhook-signature"], expected["webhook-signature"])

    def test_without_a_secret_the_id_still_goes_along(self):
        hub_client.HubClient(self.hub.url + "/", KEY).send({}, "id-1")
        headers = self.hub.received[0].headers
        self.assertEqual(headers["webhook-id"], "id-1")
        self.assertNotIn("webhook-signature", headers)

    def test_success_is_only_what_the_hub_calls_so(self):
        self.assertTrue(self.outcome_of(200, {"success": True}).accepted)
        self.assertTrue(self.client.ready().accepted)
        for status, answer in (
            (200, b"<html>"),
            (200, {"success": False}),
            (200, []),
            (201, {"success": True}),
            (502, b"bad gateway"),
            (404, {"detail": "Not Found"}),
            (500, {"code": 1, "detail": "x"}),
        ):
            with self.subTest(status=status, answer=answer):
                self.assertEqual(self.outcome_of(status, answer).kind, hub_client.NOT_A_HUB)

    def test_redirects_are_not_followed(self):
        outcome = self.outcome_of(307, b"", ("Location", self.hub.url + "/odoo-webhook/"))
        self.assertEqual((outcome.kind, outcome.status), (hub_client.REDIRECTED, 307))
        self.assertEqual(len(self.hub.received), 1)

    def test_refusals_carry_the_words_of_the_hub_but_not_too_many(self):
        outcome = self.outcome_of(422, {"code": "x", "detail": "y" * 9999})
        self.assertEqual(outcome.kind, hub_client.REJECTED)
        self.assertEqual((outcome.code, len(outcome.detail)), ("x", 500))
        self.assertTrue(outcome.final)

    def test_flood_of_an_answer_is_cut_off(self):
        outcome = self.outcome_of(200, b'{"success": true, "x": "' + b"x" * 2**20 + b'"}')
        self.assertEqual(outcome.kind, hub_client.NOT_A_HUB)

    def test_waits_are_seconds_and_not_without_end(self):
        for header, wait in (("7", 7), ("99999999", 3600), ("Wed, 21 Oct", 0), ("-1", 0)):
            with self.subTest(header=header):
                refused = {"code": "rate_limited", "detail": "x"}
                outcome = self.outcome_of(429, refused, ("Retry-After", header))
                self.assertEqual(outcome.wait, wait)
                self.assertFalse(outcome.final)

    def test_nothing_there_is_told_apart(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        cases = (
            (f"http://127.0.0.1:{port}", hub_client.NO_CONNECTION),
            (f"https://127.0.0.1:{self.hub.url.rpartition(':')[2]}", hub_client.UNTRUSTED),
            ("http://[broken", hub_client.BAD_REQUEST),
        )
        for url, kind in cases:
            with self.subTest(url=url):
                self.assertEqual(hub_client.HubClient(url, KEY).ready().kind, kind)

    def test_key_that_fits_no_header_is_told_and_not_raised(self):
        for key in ("é" + chr(0x20AC), "a\nb"):
            with self.subTest(key=key):
                outcome = hub_client.HubClient(self.hub.url, key).send({}, "id-1")
                self.assertEqual(outcome.kind, hub_client.BAD_REQUEST)
        self.assertFalse(self.hub.received)
