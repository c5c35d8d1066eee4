# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .common import HubCase


@tagged("post_install", "-at_install")
class TestRouteQuestion(HubCase):
    def ask(self, user=None, **values):
        question = (
            self.env["ai.hub.route.question"]
            .with_user(user or self.env.user)
            .create({"chatwoot_account_id": 1} | values)
        )
        action = question.action_ask()
        self.assertEqual(action["res_id"], question.id)
        return question.answer

    def test_answer_says_where_and_why(self):
        self.new_client()
        considered = [
            {"rule": "inbox", "verdict": "won", "owners": []},
            {"rule": "account", "verdict": "not_needed", "owners": []},
            {"rule": "account_owner", "verdict": "several_owners", "owners": []},
            {"rule": "special_number", "verdict": "won", "owners": []},
            {"rule": "fallback", "verdict": "no_fallback_in_account", "owners": []},
        ]
        answer = {"resolved": True, "tenant_id": "loja_1", "domain": "retail"}
        self.hub.answers.append((200, {**answer, "crew": "analytics", "considered": considered}))
        told = self.ask(chatwoot_inbox_id=7, number="+55 11 98765-4321")
        self.assertEqual(
            told.splitlines(),
            [
                "The message goes to Loja Exemplo (loja_1/retail).",
                "The crew analytics answers it.",
                "- Inbox: this decided it",
                "- All inboxes of the account: not needed any more",
                "- The account's only client: several clients have channels in this account",
                "- Special number: this decided it",
                "- Fallback: no client of this account is a fallback, and others get none of its "
                "messages",
            ],
        )
        [request] = self.hub.received
        self.assertEqual(
            (request.method, request.path),
            ("GET", "/v1/route?account_id=1&inbox_id=7&number=%2B55+11+98765-4321&explain=1"),
        )
        self.assertIn("x-api-key", request.headers)

    def test_number_reaches_the_hub_as_it_was_typed(self):
        # Without its plus, the hub would take it for a Brazilian one.
        self.hub.answers.append((200, {"resolved": False}))
        self.ask(number="+65 9123 4567 ")
        path = "/v1/route?account_id=1&number=%2B65+9123+4567&explain=1"
        self.assertEqual(self.hub.received[0].path, path)

    def test_client_of_another_source_is_named_as_the_hub_names_it(self):
        answer = {"resolved": True, "tenant_id": "x", "domain": "y", "crew": None}
        self.hub.answers.append((200, answer))
        self.assertEqual(self.ask(), "The message goes to x/y.")
        self.assertEqual(self.hub.received[0].path, "/v1/route?account_id=1&explain=1")

    def test_message_that_nobody_takes_is_told(self):
        self.hub.answers.append((200, {"resolved": False}))
        self.assertIn("Nobody takes this message", self.ask())

    def test_faults_are_told_in_words(self):
        self.hub.will_refuse(403, "scope_missing")
        self.assertIn("config:read", self.ask())
        self.hub.will_refuse(401, "invalid_api_key")
        self.assertIn("does not accept the API key", self.ask())
        self.connection.unlink()
        self.assertIn("URL is not set", self.ask())

    def test_bad_questions_are_refused(self):
        for values in (
            {"chatwoot_account_id": 0},
            {"chatwoot_inbox_id": -1},
            {"number": "123"},
        ):
            with self.subTest(values=values), self.assertRaises(ValidationError):
                self.ask(**values)
        self.assertFalse(self.hub.received)

    def test_operators_may_ask_and_others_may_not(self):
        user = self.env["res.users"].create({"login": "asks", "name": "asks"})
        with self.assertRaises(AccessError):
            self.ask(user)
        self.env.ref("odoo_ai_config.group_user").sudo().user_ids = [Command.link(user.id)]
        self.hub.answers.append((200, {"resolved": False}))
        self.assertIn("Nobody takes this message", self.ask(user))
        other = self.env["res.company"].create({"name": "Outra"})
        with self.assertRaises(AccessError):
            self.ask(user, company_id=other.id)
