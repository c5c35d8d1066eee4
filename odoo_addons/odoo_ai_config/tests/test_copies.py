# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo.modules.module import load_script
from odoo.modules.neutralize import neutralize_database
from odoo.tests import tagged
from odoo.tools import file_path

from .common import KEY, HubCase

NEUTRALIZED = "neutralized copy"
ANOTHER = "entered in another database"


@tagged("post_install", "-at_install")
class TestCopies(HubCase):
    """
    What a copy of a database does not do to the original's hub.
    """

    def setUp(self):
        super().setUp()
        # Other than the rest, parameters of the system are cached beyond a transaction.
        self.addCleanup(self.env.registry.clear_cache, "stable")
        self.parameters = self.env["ir.config_parameter"].sudo()
        self.shop = self.new_client(odoo_password="senha")
        self.channel = self.new_channel(self.shop)
        self.rule = self.env["ai.hub.business.rule"].create(
            {"credentials_id": self.shop.id, "name": "Frete", "description": "Grátis"}
        )

    def neutralize(self):
        """
        What ``odoo-bin neutralize`` does.
        """
        self.env.flush_all()
        neutralize_database(self.env.cr)
        self.env.invalidate_all()
        self.env.registry.clear_cache("stable")

    def commit(self):
        with self.enter_registry_test_mode():
            self.env.cr.postcommit.run()

    def deliver(self):
        with self.enter_registry_test_mode():
            self.outbox._cron_deliver()

    def errors(self):
        return set(self.waiting().mapped("last_error"))

    def asked(self, model, **values):
        wizard = self.env[model].create(values)
        wizard.action_ask()
        return wizard.answer

    def looked(self, record):
        look = self.env["ai.hub.look"].browse(record.action_look()["res_id"])
        self.assertFalse(look.page_url)
        return look.trouble

    def assert_nothing_is_sent(self, words):
        credentials = self.env["ai.hub.credentials"]
        settings = self.env["res.config.settings"].create({})
        self.commit()
        for error in self.errors():
            self.assertIn(words, error)
        self.waiting().action_retry()
        self.commit()
        self.waiting().next_attempt = "2000-01-01"
        self.deliver()
        for error in self.errors():
            self.assertIn(words, error)
        self.rule.ai_hub_change_ids.client_collection_id.action_send_everything()
        self.shop.action_send()
        self.commit()
        for told in (
            settings.action_ai_hub_check()["params"]["message"],
            settings.action_ai_hub_reconcile()["params"]["message"],
            credentials.action_reconcile()["params"]["message"],
            self.looked(self.shop),
            self.looked(self.channel),
            self.asked("ai.hub.route.question", chatwoot_account_id=1),
            self.asked("ai.hub.channel.trial", credentials_id=self.shop.id, chatwoot_account_id=1),
        ):
            self.assertIn(words, told)
        self.env["ai.hub.connection"]._cron_reconcile()
        self.assertIn(words, self.connection.reconciliation)
        self.assertEqual(self.hub.received, [])
        self.assertTrue(self.waiting())

    def assert_is_sent(self):
        self.shop.action_send()
        self.send_all()
        self.assertEqual(self.shop.sync_state, "done")

    def test_neutralized_database_sends_nothing_whatever_its_connection_holds(self):
        self.parameters.set_param("database.is_neutralized", "true")
        self.assert_nothing_is_sent(NEUTRALIZED)

    def test_database_in_which_the_key_was_not_entered_sends_nothing(self):
        self.parameters.set_param("database.uuid", "another")
        self.assert_nothing_is_sent(ANOTHER)

    def test_entering_the_key_again_says_that_this_database_is_to_send(self):
        for name, value in (("database.uuid", "another"), ("database.is_neutralized", "true")):
            with self.subTest(name=name):
                self.parameters.set_param(name, value)
                self.connection.url = f"{self.hub.url}/"
                self.connection.signing_secret = "outro"
                settings = self.env["res.config.settings"].create({})
                settings.ai_hub_api_key = settings.ai_hub_api_key
                self.assertTrue(self.connection._missing())
                settings.ai_hub_api_key = KEY
                self.assert_is_sent()

    def test_neutralizing_empties_the_connection_and_all_secrets(self):
        self.neutralize()
        self.assertFalse(self.connection.url)
        self.assertFalse(self.connection.database)
        self.assertFalse(self.env["ai.hub.secret"].sudo().search([]))
        self.connection.url = self.hub.url
        self.shop.name = "Na cópia"
        self.assert_nothing_is_sent(NEUTRALIZED)

    def test_neutralizing_sets_aside_what_waits_where_it_stays_in_sight(self):
        self.hub.will_refuse(422, "invalid_fields")
        refused = self.waiting()[0]
        refused._send()
        waiting = self.waiting()
        sent = waiting.filtered(lambda line: line.event == "mapping_sync")
        sent._send()
        self.hub.received.clear()
        self.neutralize()
        self.assertEqual(set((refused + waiting - sent).mapped("state")), {"aside"})
        self.assertEqual(sent.state, "done")
        self.assertEqual((self.shop.sync_state, self.channel.sync_state), ("failed", "done"))
        self.assertFalse(self.rule.ai_hub_change_ids)
        self.connection.write({"url": self.hub.url, "api_key": KEY})
        self.commit()
        (refused + waiting).filtered(lambda line: line.state == "aside")._send_after_commit()
        self.deliver()
        self.commit()
        self.assertEqual(self.hub.received, [])
        with self.assertRaisesRegex(Exception, "nothing left to send"):
            (refused + waiting).action_retry()

    def test_what_was_set_aside_is_sent_if_somebody_sends_it_to_a_hub_of_the_copy(self):
        self.neutralize()
        self.assertEqual((self.shop.sync_state, self.channel.sync_state), ("aside", "aside"))
        self.connection.write({"url": self.hub.url, "api_key": KEY})
        self.assert_is_sent()
        self.assertNotIn("odoo_password", self.hub.events[-1])

    def test_upgrade_takes_the_connections_as_this_databases_unless_it_is_a_neutralized_one(self):
        path = "odoo_ai_config/migrations/19.0.1.1.0/post-migration.py"
        script = load_script(file_path(path), "post_migration")
        for neutralized, good in ((True, False), (False, True)):
            with self.subTest(neutralized=neutralized):
                self.parameters.set_param("database.is_neutralized", neutralized and "true")
                self.env.flush_all()
                self.env.cr.execute("UPDATE ai_hub_connection SET database = NULL")
                script.migrate(self.env.cr, "19.0.1.0.0")
                self.env.invalidate_all()
                self.assertEqual(not self.connection._missing(), good)
        self.assert_is_sent()

    def test_old_modules_connection_is_left_out_of_a_neutralized_database(self):
        self.connection.unlink()
        self.parameters.set_param("config_service_url", "http://hub.example.com")
        self.parameters.set_param("config_service_api_key", "x" * 30)
        self.parameters.set_param("database.is_neutralized", "true")
        wizard = self.env["ai.hub.migration"].create({})
        wizard.action_try()
        line = wizard.line_ids.filtered(lambda line: line.kind == "connection")
        self.assertEqual(line.outcome, "left")
        self.assertIn(NEUTRALIZED, line.detail)
