# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..hub_client import HubClient
from .common import KEY, HubCase

SUMMARY = {"equal": 0, "differs": 0, "missing": 0, "taken": 0, "unknown": 0}


@tagged("post_install", "-at_install")
class TestReconcile(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shop = cls.env["ai.hub.credentials"].create({"name": "Loja", "account_id": "loja_1"})

    def setUp(self):
        super().setUp()
        self.channel = self.new_channel(self.shop)
        self.settle()

    def settle(self):
        """
        Have everything sent, and begin a new transaction, as it were.
        """
        self.send_all()
        self.cr.postcommit.clear()
        self.hub.received.clear()

    def standing(self, documents="equal", mapping="equal", unknown=()):
        """
        How the hub will say it stands.
        """
        entry = {
            "documents": [
                {"config_type": "config", "status": documents},
                {"config_type": "credentials", "status": "equal"},
            ],
            "mappings": [
                {"chatwoot_account_id": "1", "chatwoot_inbox_id": "7", "status": mapping}
            ],
        }
        answer = {"summary": SUMMARY, "entries": [entry], "unknown": {"mappings": list(unknown)}}
        self.hub.answers.append((200, answer))

    def reconcile(self):
        return self.env["ai.hub.credentials"].action_reconcile()["params"]

    def sent(self):
        self.hub.received.clear()
        self.send_all()
        return [event["event_type"] for event in self.hub.events]

    def test_nothing_is_locked_while_hubs_are_asked(self):
        company = self.env["res.company"].create({"name": "Outra"})
        self.connection.create({"company_id": company.id, "url": self.hub.url, "api_key": KEY})
        theirs = self.new_client(account_id="loja_2", company_id=company.id)
        self.settle()
        states = []
        ask = HubClient.reconcile

        def watched(client, known):
            states.append((self.shop.sync_state, theirs.sync_state))
            return ask(client, known)

        self.standing(documents="differs")
        self.standing(documents="differs")
        with patch.object(HubClient, "reconcile", watched):
            self.env["ai.hub.connection"]._cron_reconcile()
        self.assertEqual(states, [("done", "done")] * 2)
        self.assertEqual((self.shop.sync_state, theirs.sync_state), ("pending", "pending"))

    def test_hub_is_told_what_it_acknowledged(self):
        self.standing()
        told = self.reconcile()
        self.assertEqual(told["type"], "success")
        self.assertIn("has everything", told["message"])
        self.assertEqual(self.hub.received[0].path, "/v1/reconcile")
        self.assertEqual(
            self.hub.events,
            [
                {
                    "known": [
                        {
                            "tenant_id": "loja_1",
                            "domain": "default",
                            "config_version": 3,
                            "config_digest": "config-digest",
                            "credentials_version": 2,
                            "credentials_digest": "credentials-digest",
                            "mappings": [
                                {
                                    "chatwoot_account_id": 1,
                                    "chatwoot_inbox_id": 7,
                                    "version": 5,
                                    "digest": "mapping-digest",
                                }
                            ],
                        }
                    ]
                }
            ],
        )
        self.assertEqual(self.sent(), [])

    def test_what_is_missing_or_differs_is_sent_again_and_nothing_else(self):
        for documents, mapping, events in (
            ("missing", "equal", ["credentials_sync"]),
            ("equal", "differs", ["mapping_sync"]),
            ("differs", "missing", ["credentials_sync", "mapping_sync"]),
        ):
            with self.subTest(documents=documents, mapping=mapping):
                self.standing(documents, mapping)
                self.assertIn(f"lost {len(events)} records", self.reconcile()["message"])
                self.assertEqual(self.sent(), events)
                self.settle()

    def test_what_is_on_its_way_is_not_compared(self):
        self.hub.answers.append((503, {"code": "store_unavailable", "detail": "x"}))
        self.shop.description = "Mudou"
        self.send_all()
        self.hub.received.clear()
        self.standing()
        self.reconcile()
        [known] = self.hub.events[0]["known"]
        self.assertNotIn("config_version", known)

    def test_channel_of_another_tenant_is_claimed_by_the_button_only(self):
        self.standing(mapping="taken")
        self.env["ai.hub.connection"]._cron_reconcile()
        self.assertEqual(self.channel.sync_state, "failed")
        self.assertIn("claims it back", self.channel.sync_message)
        self.assertEqual(self.sent(), [])
        self.channel.action_send()
        self.settle()
        self.standing(mapping="taken")
        self.reconcile()
        self.assertEqual(self.sent(), ["mapping_sync"])

    def test_removal_that_the_hub_lost_is_sent_again(self):
        self.channel.unlink()
        self.settle()
        lost = {"tenant_id": "loja_1", "chatwoot_account_id": "1", "chatwoot_inbox_id": "7"}
        never_had = {**lost, "chatwoot_account_id": "x", "chatwoot_inbox_id": None}
        self.standing(unknown=[never_had, lost])
        self.assertIn("lost 1 records", self.reconcile()["message"])
        self.assertEqual(self.sent(), ["mapping_delete"])

    def test_archived_channel_is_compared_until_another_line_has_it(self):
        self.channel.active = False
        self.settle()
        self.standing()
        self.reconcile()
        self.assertEqual(len(self.hub.events[0]["known"][0]["mappings"]), 1)
        self.new_channel(self.shop)
        self.settle()
        self.standing()
        self.reconcile()
        self.assertEqual(len(self.hub.events[0]["known"][0]["mappings"]), 1)

    def test_channel_that_moved_on_before_it_was_sent_waits_for_nothing(self):
        self.channel.active = False
        self.new_channel(self.shop)
        self.settle()
        self.assertEqual((self.channel.sync_state, self.channel.mapping_version), ("done", 0))
        self.assertIn("has replaced this one", self.channel.sync_message)

    def test_faults_are_told_in_words_and_kept(self):
        self.hub.will_refuse(401, "invalid_api_key")
        told = self.reconcile()
        self.assertEqual(told["type"], "danger")
        self.assertIn("does not accept the API key", told["message"])
        settings = self.env["res.config.settings"].create({})
        self.assertIn("does not accept the API key", settings.ai_hub_reconciliation)
        self.assertTrue(settings.ai_hub_reconciled_at)
        self.hub.will_refuse(404, "route_not_found")
        told = settings.action_ai_hub_reconcile()["params"]
        self.assertIn("too old", told["message"])

    def test_without_a_connection_it_is_told(self):
        self.connection.unlink()
        self.assertIn("URL is not set", self.reconcile()["message"])

    def test_comparing_does_not_hurry_what_waits(self):
        self.shop.description = "Mudou"
        line = self.waiting()
        line.next_attempt = "2999-01-01"
        self.standing()
        self.reconcile()
        self.assertEqual(line.next_attempt.year, 2999)

    def test_managers_may_compare_and_operators_may_not(self):
        users = {}
        for login in ("manager", "user"):
            users[login] = self.env["res.users"].create({"login": f"r-{login}", "name": login})
            group = self.env.ref(f"odoo_ai_config.group_{login}").sudo()
            group.user_ids = [Command.link(users[login].id)]
        self.standing("missing")
        credentials = self.env["ai.hub.credentials"]
        credentials.with_user(users["manager"]).action_reconcile()
        self.assertEqual(self.sent(), ["credentials_sync"])
        with self.assertRaises(AccessError):
            credentials.with_user(users["user"]).action_reconcile()
