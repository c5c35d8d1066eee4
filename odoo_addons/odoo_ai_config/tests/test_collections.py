# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import json
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import hub_client_collection, hub_outbox
from .common import HubCase

RULES = "ai.hub.business.rule"
SCHEDULES = "ai.hub.scheduling.rule"
DOCUMENTS = "ai.hub.support.document"
TOO_LARGE = {
    "code": "invalid_fields",
    "detail": "Dados inválidos",
    "errors": [{"field": "items.1", "message": "é grande demais"}],
}


class CollectionCase(HubCase):
    def setUp(self):
        super().setUp()
        self.shop = self.new_client()
        self.settle()

    def settle(self):
        """
        Have everything sent, and begin a new transaction, as it were.
        """
        self.deliver()
        self.cr.postcommit.clear()
        self.hub.received.clear()

    def deliver(self, **options):
        with self.enter_registry_test_mode():
            self.outbox._deliver(self.waiting().ids, 60, **options)

    def new_rule(self, client=None, **values):
        client = client or self.shop
        rule = {"credentials_id": client.id, "name": "Frete", "description": "Frete grátis"}
        return self.env[RULES].create(rule | values)

    def collection(self, client=None, name="business_rules"):
        return (client or self.shop)._collections().filtered(lambda one: one.name == name)

    def sent(self, **options):
        """
        What is sent by now: methods, names of collections, and bodies.
        """
        self.hub.received.clear()
        self.deliver(**options)
        self.cr.postcommit.clear()
        return [
            (request.method, request.path.rpartition("/")[2], json.loads(request.body))
            for request in self.hub.received
            if request.path.startswith("/api/v1/collections/")
        ]


@tagged("post_install", "-at_install")
class TestCollections(CollectionCase):
    def test_new_item_is_put_in(self):
        rule = self.new_rule(rule_type="delivery", priority="3")
        self.assertEqual(rule.ai_hub_state, "pending")
        self.assertEqual(
            self.sent(),
            [
                (
                    "PATCH",
                    "business_rules",
                    {
                        "account_id": "loja_1",
                        "items": [
                            {
                                "id": rule.id,
                                "name": "Frete",
                                "description": "Frete grátis",
                                "type": "delivery",
                                "priority": 3,
                                "is_temporary": False,
                            }
                        ],
                        "removed": [],
                    },
                )
            ],
        )
        self.assertEqual((rule.ai_hub_state, rule.ai_hub_message), ("done", False))
        collection = self.collection()
        self.assertEqual(
            (collection.sync_state, collection.collection_version, collection.item_count),
            ("done", 6, 1),
        )
        self.assertTrue(collection.synced_at)
        self.assertEqual(self.sent(), [])

    def test_request_is_signed_and_has_the_id_of_the_line(self):
        self.new_rule()
        line = self.waiting()
        self.deliver()
        headers = self.hub.received[-1].headers
        self.assertTrue(headers["webhook-id"].startswith(line.key))
        self.assertIn("webhook-signature", headers)

    def test_changes_of_one_transaction_go_together(self):
        first, second = self.new_rule(), self.new_rule(name="Troca")
        first.name = "Entrega"
        [(_method, _name, body)] = self.sent()
        self.assertEqual([item["id"] for item in body["items"]], [first.id, second.id])
        self.assertEqual(body["items"][0]["name"], "Entrega")

    def test_only_what_changed_goes(self):
        first, second = self.new_rule(), self.new_rule(name="Troca")
        self.settle()
        second.description = "30 dias"
        [(_method, _name, body)] = self.sent()
        self.assertEqual([item["id"] for item in body["items"]], [second.id])
        self.assertEqual((first.ai_hub_state, second.ai_hub_state), ("done", "done"))

    def test_outbox_and_changes_hold_no_content(self):
        self.new_rule(description="xq9-content")
        self.env.flush_all()
        for table in ("ai_hub_outbox", "ai_hub_change"):
            self.env.cr.execute(f"SELECT to_jsonb(t)::text FROM {table} AS t")
            self.assertNotIn("xq9", str(self.env.cr.fetchall()))

    def test_deleted_archived_and_hidden_items_are_taken_out(self):
        deleted, archived = self.new_rule(), self.new_rule()
        hidden = self.env[DOCUMENTS].create(
            {"credentials_id": self.shop.id, "name": "Trocas", "content": "Como troco?"}
        )
        self.settle()
        gone = sorted((deleted.id, archived.id))
        deleted.unlink()
        archived.active = False
        hidden.visible_in_ai = False
        sent = {name: body for _method, name, body in self.sent()}
        self.assertEqual(sent["business_rules"]["items"], [])
        self.assertEqual(sent["business_rules"]["removed"], [str(id_) for id_ in gone])
        self.assertEqual(sent["support_documents"]["removed"], [str(hidden.id)])
        archived.active = True
        [(_method, _name, body)] = self.sent()
        self.assertEqual([item["id"] for item in body["items"]], [archived.id])

    def test_item_that_moves_leaves_the_one_and_comes_to_the_other(self):
        other = self.new_client(account_id="loja_2")
        rule = self.new_rule()
        self.settle()
        rule.credentials_id = other
        sent = {body["account_id"]: body for _method, _name, body in self.sent()}
        self.assertEqual(sent["loja_1"]["removed"], [str(rule.id)])
        self.assertEqual(sent["loja_2"]["items"][0]["id"], rule.id)

    def test_areas_of_one_account_share_a_collection(self):
        other = self.new_client(business_area="services")
        first, second = self.new_rule(), self.new_rule(other)
        [(_method, _name, body)] = self.sent()
        self.assertEqual([item["id"] for item in body["items"]], [first.id, second.id])
        self.assertEqual(self.collection(other), self.collection())

    def test_items_of_an_archived_client_are_taken_out_and_come_back(self):
        rule = self.new_rule()
        self.settle()
        self.shop.active = False
        [(_method, _name, body)] = self.sent()
        self.assertEqual((body["items"], body["removed"]), ([], [str(rule.id)]))
        self.shop.active = True
        [(_method, _name, body)] = self.sent()
        self.assertEqual(body["items"][0]["id"], rule.id)

    def test_items_of_a_deleted_client_are_taken_out(self):
        rule = self.new_rule()
        self.settle()
        self.shop.unlink()
        [(_method, _name, body)] = self.sent()
        self.assertEqual((body["items"], body["removed"]), ([], [str(rule.id)]))

    def test_account_that_is_renamed_before_the_hub_knows_it_takes_its_items_along(self):
        client = self.new_client(account_id="loja_2")
        rule = self.new_rule(client)
        client.account_id = "loja_3"
        sent = {body["account_id"]: body for _method, _name, body in self.sent()}
        self.assertEqual(sent["loja_2"]["removed"], [str(rule.id)])
        self.assertEqual(sent["loja_3"]["items"][0]["id"], rule.id)

    def test_rollback_sends_nothing(self):
        with self.assertRaises(ZeroDivisionError), self.cr.savepoint():
            self.new_rule()
            raise ZeroDivisionError
        self.assertEqual(self.sent(), [])

    def test_everything_is_sent_in_the_place_of_what_is_there(self):
        rules = self.new_rule() + self.new_rule(name="Troca")
        self.new_rule(active=False)
        self.settle()
        self.collection().action_send_everything()
        self.assertEqual(self.collection().sync_state, "pending")
        [(method, _name, body)] = self.sent()
        self.assertEqual(method, "PUT")
        self.assertEqual([item["id"] for item in body["items"]], rules.ids)
        self.assertNotIn("removed", body)
        self.assertEqual(self.collection().sync_state, "done")

    def test_large_push_goes_in_parts(self):
        self.new_rule(), self.new_rule(), self.new_rule()
        with patch.object(hub_outbox, "_PER_PART", 2):
            sent = self.sent()
        self.assertEqual([len(body["items"]) for _method, _name, body in sent], [2, 1])
        self.assertEqual(self.outbox.search([], limit=1).state, "done")
        keys = {request.headers["webhook-id"] for request in self.hub.received}
        self.assertEqual(len(keys), 2)

    def test_user_waits_for_a_small_part_and_the_cron_sends_the_rest(self):
        cron = self.env.ref("odoo_ai_config.cron_deliver")
        triggers = self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)])
        rules = self.new_rule() + self.new_rule() + self.new_rule()
        with patch.object(hub_outbox, "_AT_ONCE_ITEMS", 2):
            sent = self.sent(patient=False)
            self.assertEqual([len(body["items"]) for _method, _name, body in sent], [2])
            self.assertEqual(rules.mapped("ai_hub_state"), ["done", "done", "pending"])
            self.collection().action_send_everything()
            self.assertEqual(self.sent(patient=False), [])
        now = self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)])
        self.assertGreater(now, triggers)
        [(method, _name, body)] = self.sent()
        self.assertEqual((method, len(body["items"])), ("PUT", 3))

    def test_body_that_is_too_large_is_divided(self):
        rules = self.new_rule() + self.new_rule() + self.new_rule() + self.new_rule()
        refusal = (413, {"code": "body_too_large", "detail": "Corpo grande demais"})
        self.hub.answers.append(refusal)
        sent = self.sent()
        self.assertEqual([len(body["items"]) for _method, _name, body in sent], [4, 2, 2])
        self.assertEqual(set(rules.mapped("ai_hub_state")), {"done"})
        self.collection().action_send_everything()
        with patch.object(hub_client_collection, "_LARGEST_BODY", 300):
            sent = self.sent()
        self.assertEqual({method for method, _name, _body in sent}, {"PATCH"})
        self.assertEqual(sum(len(body["items"]) for _method, _name, body in sent), 4)
        rules[0].name = "Enorme"
        self.hub.answers.append(refusal)
        self.sent()
        self.assertEqual(rules[0].ai_hub_state, "failed")

    def test_refused_item_does_not_keep_the_others_back(self):
        good, bad = self.new_rule(), self.new_rule(name="Ruim")
        self.hub.answers.append((422, TOO_LARGE))
        sent = self.sent()
        self.assertEqual([len(body["items"]) for _method, _name, body in sent], [2, 1])
        self.assertEqual((good.ai_hub_state, bad.ai_hub_state), ("done", "failed"))
        self.assertIn("é grande demais", bad.ai_hub_message)
        self.assertEqual(self.collection().sync_state, "failed")
        self.assertEqual(self.collection().refused_count, 1)
        self.assertEqual(self.env[RULES].search([("ai_hub_change_ids", "!=", False)]), bad)
        bad.name = "Boa"
        self.assertEqual(bad.ai_hub_state, "pending")
        self.sent()
        self.assertEqual((bad.ai_hub_state, self.collection().sync_state), ("done", "done"))

    def test_everything_is_sent_without_what_is_refused_of_it(self):
        good, bad = self.new_rule(), self.new_rule(name="Ruim")
        self.settle()
        self.collection().action_send_everything()
        self.hub.answers.append((422, TOO_LARGE))
        sent = self.sent()
        self.assertEqual([method for method, _name, _body in sent], ["PUT", "PUT"])
        self.assertEqual([item["id"] for item in sent[1][2]["items"]], [good.id])
        self.assertEqual(bad.ai_hub_state, "failed")
        # Whoever asks for everything once more asks for this one, too.
        self.collection().action_send_everything()
        self.assertEqual(len(self.sent()[0][2]["items"]), 2)
        self.assertEqual(bad.ai_hub_state, "done")

    def test_push_that_is_refused_as_a_whole_is_told_on_its_items(self):
        rule = self.new_rule()
        self.hub.will_refuse(422, "account_mismatch", "Contas diferentes")
        self.sent()
        self.assertEqual(self.collection().sync_state, "failed")
        self.assertEqual(rule.ai_hub_state, "pending")
        self.assertIn("Contas diferentes", rule.ai_hub_message)
        self.assertEqual(self.outbox.search([], limit=1).state, "failed")
        rule.name = "Outra"
        self.sent()
        self.assertEqual((rule.ai_hub_state, rule.ai_hub_message), ("done", False))
        self.assertNotIn("failed", self.outbox.search([]).mapped("state"))

    def test_hub_that_is_away_is_told_and_gets_it_later(self):
        rule = self.new_rule()
        self.hub.answers.append((503, {"code": "store_unavailable", "detail": "Fora do ar"}))
        self.sent()
        self.assertEqual(self.collection().sync_state, "retrying")
        self.assertIn("Fora do ar", rule.ai_hub_message)
        line = self.waiting()
        self.assertGreater(line.next_attempt, fields.Datetime.now())
        self.assertEqual(len(self.sent()), 1)
        self.assertEqual(self.collection().sync_state, "done")

    def test_connection_that_is_not_set_is_told(self):
        self.connection.url = False
        rule = self.new_rule()
        self.assertEqual(self.sent(), [])
        self.assertIn("URL is not set", rule.ai_hub_message)
        self.connection.url = self.hub.url
        self.assertEqual(len(self.sent()), 1)

    def test_item_that_cannot_be_put_together_does_not_keep_the_others_back(self):
        good, bad = self.new_rule(), self.new_rule(name="Ruim")
        item_of = type(bad)._hub_item

        def breaks(rule):
            return item_of(rule) if rule.name == "Frete" else {}["x"]

        with (
            patch.object(type(bad), "_hub_item", breaks),
            mute_logger("odoo.addons.odoo_ai_config.models.hub_client_collection"),
        ):
            [(_method, _name, body)] = self.sent()
        self.assertEqual([item["id"] for item in body["items"]], [good.id])
        self.assertEqual((good.ai_hub_state, bad.ai_hub_state), ("done", "failed"))
        self.assertIn("see its log", bad.ai_hub_message)

    def test_collection_that_is_not_enabled_is_told(self):
        rule = self.new_rule()
        self.assertIn("Loja Exemplo does not enable Business Rules", rule.ai_hub_warning)
        self.assertEqual(self.shop.collections_warning, rule.ai_hub_warning)
        self.assertFalse(self.collection().enabled)
        tag = self.env.ref("odoo_ai_config.collection_business_rules")
        other = self.new_client(business_area="services", collection_ids=[Command.link(tag.id)])
        self.env.invalidate_all()
        self.assertFalse(rule.ai_hub_warning)
        self.assertFalse(self.shop.collections_warning)
        self.assertTrue(self.collection().enabled)
        other.active = False
        self.env.invalidate_all()
        self.assertTrue(rule.ai_hub_warning)

    def test_button_of_the_client_shows_its_collections(self):
        self.new_rule()
        action = self.shop.action_collections()
        self.assertEqual(action["domain"], [("id", "in", self.collection().ids)])

    def test_changes_that_pile_up_are_swept_together(self):
        rule = self.new_rule()
        for name in ("Um", "Dois"):
            rule.name = name
        changes = self.env["ai.hub.change"].search([("res_id", "=", rule.id)])
        self.env["ai.hub.change"]._gc_repeated()
        self.env.invalidate_all()
        self.assertEqual(changes.exists(), changes[-1])
        self.assertEqual(self.sent()[0][2]["items"][0]["name"], "Dois")

    def test_send_now_tells_unchanged_items(self):
        rule = self.new_rule()
        self.settle()
        rule.action_ai_hub_send()
        self.assertEqual(self.sent()[0][2]["items"][0]["id"], rule.id)


@tagged("post_install", "-at_install")
class TestKnowledge(CollectionCase):
    def test_temporary_rule_goes_with_its_dates_and_leaves_once_it_is_over(self):
        rule = self.new_rule(is_temporary=True, date_start="2026-12-01", date_end="2999-12-24")
        [(_method, _name, body)] = self.sent()
        self.assertEqual(
            (body["items"][0]["date_start"], body["items"][0]["date_end"]),
            ("2026-12-01", "2999-12-24"),
        )
        with patch.object(
            type(rule), "_yesterday", lambda self: fields.Date.to_date("2999-12-24")
        ):
            rule._cron_take_out()
            self.assertEqual(self.sent(), [])
        with patch.object(
            type(rule), "_yesterday", lambda self: fields.Date.to_date("2999-12-25")
        ):
            rule._cron_take_out()
            self.assertTrue(rule.is_over)
            self.assertEqual(self.sent()[0][2]["removed"], [str(rule.id)])
        rule.date_end = "2999-12-31"
        self.assertEqual(self.sent()[0][2]["items"][0]["date_end"], "2999-12-31")

    def test_rule_that_is_over_when_it_is_entered_does_not_go(self):
        rule = self.new_rule(is_temporary=True, date_end="2020-01-01")
        self.assertTrue(rule.is_over)
        self.assertEqual(self.sent()[0][2]["items"], [])

    def test_dates_are_in_order(self):
        with self.assertRaisesRegex(ValidationError, "last day"), self.cr.savepoint():
            self.new_rule(is_temporary=True)
        with self.assertRaisesRegex(ValidationError, "ends before"), self.cr.savepoint():
            self.new_rule(is_temporary=True, date_start="2026-12-25", date_end="2026-12-24")

    def test_scheduling_rule_is_told_in_full(self):
        rule = self.env[SCHEDULES].create(
            {
                "credentials_id": self.shop.id,
                "name": "Consulta",
                "duration": 0.5,
                "min_advance_time": 24,
                "saturday": True,
                "cancellation_policy": "Até 24 h antes",
            }
        )
        [(_method, name, body)] = self.sent()
        self.assertEqual(name, "scheduling_rules")
        [item] = body["items"]
        self.assertEqual((item["id"], item["duration"], item["min_interval"]), (rule.id, 0.5, 0))
        self.assertEqual(item["hours"]["weekdays"], {"start": 9.0, "end": 18.0})
        self.assertEqual(item["hours"]["saturday"], {"start": 9.0, "end": 13.0})
        self.assertTrue(item["days_available"]["saturday"])
        self.assertFalse(item["days_available"]["sunday"])
        self.assertEqual(item["policies"], {"cancellation": "Até 24 h antes", "rescheduling": ""})

    def test_times_of_scheduling_rules_make_sense(self):
        for wrong, words in (
            ({"duration": 0}, "more than zero minutes"),
            ({"min_interval": -1}, "cannot be negative"),
            ({"min_advance_time": 2, "max_advance_time": 1}, "shorter than the shortest"),
            ({"business_hours_end": 8}, "“Closes” must be later"),
            ({"sunday_hours_end": 25}, "an hour is between"),
        ):
            with (
                self.subTest(wrong),
                self.assertRaisesRegex(ValidationError, words),
                self.cr.savepoint(),
            ):
                self.env[SCHEDULES].create(
                    {"credentials_id": self.shop.id, "name": "Consulta"} | wrong
                )

    def test_document_is_told_in_full_and_not_endless(self):
        document = self.env[DOCUMENTS].create(
            {"credentials_id": self.shop.id, "name": "Trocas", "content": "Como troco?"}
        )
        [(_method, name, body)] = self.sent()
        self.assertEqual(name, "support_documents")
        [item] = body["items"]
        self.assertTrue(item.pop("create_date"))
        self.assertEqual(
            item,
            {
                "id": document.id,
                "name": "Trocas",
                "document_type": "faq",
                "content": "Como troco?",
            },
        )
        with self.assertRaisesRegex(ValidationError, "200000 characters"), self.cr.savepoint():
            document.content = "x" * 200_001

    def test_operators_keep_what_their_companies_know_and_others_do_not_see_it(self):
        company = self.env["res.company"].create({"name": "Filial"})
        other = self.new_client(account_id="loja_2", company_id=company.id)
        rule, foreign = self.new_rule(), self.new_rule(other)
        users = self.env["res.users"].create(
            [{"login": f"k-{name}", "name": name} for name in ("operator", "nobody")]
        )
        group = self.env.ref("odoo_ai_config.group_user").sudo()
        group.user_ids = [Command.link(users[0].id)]
        mine = rule.with_user(users[0])
        mine.name = "Entrega"
        self.assertEqual((mine.ai_hub_state, mine.ai_hub_message), ("pending", False))
        visible = mine.search([("ai_hub_change_ids", "!=", False)])
        self.assertEqual(visible, mine)
        collections = self.collection() + self.collection(other)
        self.assertEqual(
            collections.with_user(users[0]).search([("id", "in", collections.ids)]),
            self.collection(),
        )
        self.collection().with_user(users[0]).action_send_everything()
        with self.assertRaises(AccessError):
            foreign.with_user(users[0]).read(["name"])
        with self.assertRaises(AccessError):
            rule.with_user(users[1]).read(["name"])
        self.new_rule().with_user(users[0]).unlink()

    def test_companies_with_one_hub_share_the_collection_of_an_account(self):
        company = self.env["res.company"].create({"name": "Filial"})
        self.connection.copy({"company_id": company.id, "url": self.hub.url})
        other = self.new_client(business_area="services", company_id=company.id)
        first, second = self.new_rule(), self.new_rule(other)
        self.collection().action_send_everything()
        [(_method, _name, body)] = self.sent()
        self.assertEqual([item["id"] for item in body["items"]], [first.id, second.id])

    def test_collection_of_an_account_that_companies_share_is_shown(self):
        company = self.env["res.company"].create({"name": "Filial"})
        self.connection.copy({"company_id": company.id, "url": self.hub.url})
        tag = self.env.ref("odoo_ai_config.collection_business_rules")
        other = self.new_client(
            business_area="services", company_id=company.id, collection_ids=[Command.link(tag.id)]
        )
        self.new_rule()
        self.assertTrue(self.collection().enabled)
        self.assertEqual(
            self.collection().web_read({"enabled": {}, "item_count": {}, "waiting_count": {}}),
            [
                {
                    "id": self.collection().id,
                    "enabled": True,
                    "item_count": 1,
                    "waiting_count": 1,
                }
            ],
        )
        self.assertEqual((self.shop + other)._collections(), self.collection())
        self.assertFalse(self.shop.collections_warning)


@tagged("post_install", "-at_install")
class TestCollectionsReconciled(CollectionCase):
    def standing(self, *collections):
        documents = [{"config_type": "config", "status": "equal"}]
        entry = {"documents": documents, "mappings": []}
        if collections:
            entry["collections"] = [
                {"name": name, "status": status} for name, status in collections
            ]
        self.hub.answers.append((200, {"summary": {}, "entries": [entry, entry]}))

    def reconcile(self):
        return self.env["ai.hub.credentials"].action_reconcile()["params"]["message"]

    def test_what_differs_is_sent_as_a_whole_and_nothing_else(self):
        self.new_rule()
        self.env[DOCUMENTS].create(
            {"credentials_id": self.shop.id, "name": "Trocas", "content": "Como troco?"}
        )
        self.settle()
        for status in ("missing", "differs"):
            with self.subTest(status):
                self.standing(("business_rules", status), ("support_documents", "equal"))
                self.assertIn("lost 1 records", self.reconcile())
                [known] = self.hub.events[0]["known"]
                self.assertEqual(
                    known["collections"],
                    [
                        {"name": name, "version": 6, "digest": "collection-digest"}
                        for name in ("business_rules", "support_documents")
                    ],
                )
                [(method, name, body)] = self.sent()
                self.assertEqual((method, name), ("PUT", "business_rules"))
                self.assertEqual(len(body["items"]), 1)
                self.hub.received.clear()

    def test_hub_that_does_not_compare_collections_is_left_alone(self):
        self.new_rule()
        self.settle()
        self.standing()
        self.assertIn("has everything", self.reconcile())
        self.assertEqual(self.sent(), [])

    def test_what_is_on_its_way_is_not_compared(self):
        rule = self.new_rule()
        self.settle()
        rule.name = "Entrega"
        self.standing()
        self.reconcile()
        self.assertNotIn("collections", self.hub.events[0]["known"][0])

    def test_areas_that_share_a_collection_name_it_once(self):
        self.new_client(business_area="services")
        self.new_rule()
        self.settle()
        self.standing()
        self.reconcile()
        named = ["collections" in known for known in self.hub.events[0]["known"]]
        self.assertEqual(named, [True, False])
