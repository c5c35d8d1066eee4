# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from unittest.mock import patch

from psycopg2.pool import PoolError

from odoo import fields
from odoo.tests import tagged

from .. import hub_client
from .common import NEVER, HubCase


@tagged("post_install", "-at_install")
class TestDelivery(HubCase):
    """
    Lines in transactions of their own, which here are parts of the test's.
    """

    def deliver(self, seconds=60):
        with self.enter_registry_test_mode():
            self.outbox._deliver(self.waiting().ids, seconds)

    def commit(self):
        with self.enter_registry_test_mode():
            self.env.cr.postcommit.run()

    def with_a_hub_that_hangs(self):
        """
        A client for whose sake somebody has waited in vain.
        """
        client = self.new_client()
        self.hub.answers.append(NEVER)
        with patch.object(hub_client, "SHORT_TIMEOUT", 0.1):
            self.commit()
        return client

    def test_cron_sends_what_is_due_and_nothing_else(self):
        due, later = self.new_client(), self.new_client(account_id="loja_2")
        self.waiting().filtered(lambda line: line.res_id == later.id).next_attempt = "2999-01-01"
        with self.enter_registry_test_mode():
            self.env.ref("odoo_ai_config.cron_deliver").method_direct_trigger()
        self.assertEqual((due.sync_state, later.sync_state), ("done", "pending"))
        self.assertEqual(len(self.hub.received), 1)

    def test_commit_sends_at_once(self):
        client = self.new_client()
        with self.enter_registry_test_mode():
            self.env.cr.postcommit.run()
        self.assertEqual(client.sync_state, "done")

    def test_only_the_first_user_waits_for_a_hub_that_hangs_and_the_cron_tries_on(self):
        first = self.with_a_hub_that_hangs()
        self.assertEqual(first.sync_state, "retrying")
        second = self.new_client(account_id="loja_2")
        self.commit()
        self.assertEqual((second.sync_state, len(self.hub.received)), ("pending", 1))
        self.deliver()
        self.assertEqual((first.sync_state, second.sync_state), ("done", "done"))

    def test_hub_that_hung_is_tried_at_once_again_after_a_minute(self):
        self.with_a_hub_that_hangs()
        self.outbox.search([]).timed_out_at = "2000-01-01"
        client = self.new_client(account_id="loja_2")
        self.commit()
        self.assertEqual(client.sync_state, "done")

    def test_hub_that_hung_is_tried_at_once_if_somebody_asks_for_it(self):
        client = self.with_a_hub_that_hangs()
        self.waiting().action_retry()
        self.commit()
        self.assertEqual(client.sync_state, "done")

    def test_other_address_is_tried_at_once_although_the_hub_hung(self):
        client = self.with_a_hub_that_hangs()
        self.connection.url = f"{self.hub.url}/"
        self.commit()
        self.assertEqual(client.sync_state, "done")

    def test_user_is_not_troubled_if_odoo_has_no_connection_left_to_send_with(self):
        client = self.new_client()
        with patch.object(type(self.env.registry), "cursor", side_effect=PoolError("full")):
            self.env.cr.postcommit.run()
        self.assertEqual(client.sync_state, "pending")

    def test_rollback_sends_nothing(self):
        self.new_client()
        self.env.cr.postcommit.clear()
        with self.enter_registry_test_mode():
            self.env.cr.postcommit.run()
        self.assertFalse(self.hub.received)

    def test_what_was_sent_at_once_is_not_sent_by_the_cron_again(self):
        self.new_client()
        ids = self.waiting().ids
        with self.enter_registry_test_mode():
            self.env.cr.postcommit.run()
            self.outbox._deliver(ids, 60)
        self.assertEqual(len(self.hub.received), 1)

    def test_hub_out_of_reach_is_asked_once_for_each_company(self):
        first, second = self.new_client(), self.new_client(account_id="loja_2")
        port = self.hub.url.rpartition(":")[2]
        self.connection.url = f"https://127.0.0.1:{port}"
        self.deliver()
        self.assertEqual(first.sync_state, "retrying")
        self.assertIn("secure connection", first.sync_message)
        self.assertEqual(second.sync_state, "pending")
        self.connection.url = self.hub.url
        self.deliver()
        self.assertEqual((first.sync_state, second.sync_state), ("done", "done"))

    def test_refused_line_does_not_keep_the_others_back(self):
        first, second = self.new_client(), self.new_client(account_id="loja_2")
        self.hub.will_refuse(422, "invalid_fields")
        self.deliver()
        self.assertEqual((first.sync_state, second.sync_state), ("failed", "done"))

    def test_line_that_breaks_does_not_keep_the_others_back(self):
        self.new_client()
        broken = self.outbox.search([])
        self.env.cr.execute("UPDATE ai_hub_outbox SET res_model = 'no.such.model'")
        self.env.invalidate_all()
        self.env.cr.postcommit.clear()
        good = self.new_client(account_id="loja_2")
        with self.assertLogs("odoo.addons.odoo_ai_config", level="ERROR") as logs:
            self.deliver()
        self.assertIn("KeyError", logs.output[0])
        self.assertEqual(good.sync_state, "done")
        self.assertEqual(broken.state, "pending")
        self.assertIn("see its log", broken.last_error)
        self.assertGreater(broken.next_attempt, fields.Datetime.now())

    def test_time_is_limited(self):
        client = self.new_client()
        self.deliver(seconds=-1)
        self.assertEqual(client.sync_state, "pending")

    def test_old_lines_are_swept_away_and_open_ones_stay(self):
        self.new_client()
        sent = self.waiting()
        self.send_all()
        self.env.cr.postcommit.clear()
        self.new_client(account_id="loja_2")
        waiting = self.waiting()
        self.env.flush_all()
        self.env.cr.execute("UPDATE ai_hub_outbox SET write_date = '2000-01-01'")
        self.env.invalidate_all()
        self.outbox._gc_lines()
        self.assertFalse(sent.exists())
        self.assertTrue(waiting.exists())
