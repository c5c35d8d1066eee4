# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import json
import logging

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from ..models.hub_credentials import slug
from ..models.hub_secrets_mixin import MASK
from .common import HubCase

PASSWORD = "s3nha-secretíssima"


@tagged("post_install", "-at_install")
class TestCredentials(HubCase):
    def test_saving_writes_one_line_and_sends_nothing_yet(self):
        client = self.new_client(odoo_password=PASSWORD)
        client.description = "Mudou"
        self.assertEqual(self.waiting().mapped("res_id"), client.ids)
        self.assertEqual(client.sync_state, "pending")
        self.assertFalse(self.hub.received)

    def test_what_is_rolled_back_is_not_sent(self):
        with self.assertRaises(ZeroDivisionError), self.cr.savepoint():
            self.new_client()
            self.env.flush_all()
            raise ZeroDivisionError
        self.send_all()
        self.assertFalse(self.hub.received)
        self.new_client()
        self.assertEqual(len(self.waiting()), 1)

    def test_event_says_what_the_record_says(self):
        client = self.new_client(
            description="Loja de teste",
            odoo_url="https://odoo.example.com",
            odoo_db="loja",
            odoo_username="robo",
            odoo_password=PASSWORD,
            facebook_app_id="123",
            facebook_app_secret="fb-secret",
            collection_ids=[
                (4, self.env.ref("odoo_ai_config.collection_support_documents").id),
                (4, self.env.ref("odoo_ai_config.collection_business_rules").id),
            ],
        )
        self.send_all()
        self.assertEqual(
            self.hub.events,
            [
                {
                    "event_type": "credentials_sync",
                    "account_id": "loja_1",
                    "domain": "retail",
                    "name": "Loja Exemplo",
                    "description": "Loja de teste",
                    "odoo_url": "https://odoo.example.com",
                    "odoo_db": "loja",
                    "odoo_username": "robo",
                    "odoo_password": PASSWORD,
                    "token": client.token,
                    "facebook_app_id": "123",
                    "facebook_app_secret": "fb-secret",
                    "enabled_collections": ["business_rules", "support_documents"],
                }
            ],
        )

    def test_empty_fields_are_left_out(self):
        client = self.new_client()
        self.send_all()
        self.assertEqual(
            self.hub.events,
            [
                {
                    "event_type": "credentials_sync",
                    "account_id": "loja_1",
                    "domain": "retail",
                    "name": "Loja Exemplo",
                    "token": client.token,
                    "enabled_collections": [],
                }
            ],
        )

    def test_other_business_area_goes_as_it_was_typed(self):
        client = self.new_client(business_area="other", business_area_other="Saúde e Bem-Estar")
        self.assertEqual(client.domain, "saude-e-bem-estar")
        self.send_all()
        self.assertEqual(self.hub.events[0]["domain"], "Saúde e Bem-Estar")

    def test_slug_of_what_has_no_latin_letters_is_refused(self):
        self.assertEqual(slug("日本"), "")
        with self.assertRaisesRegex(ValidationError, "other business area"):
            self.new_client(business_area="other", business_area_other="日本")

    def test_acknowledged_versions_stay_on_the_record(self):
        client = self.new_client()
        self.send_all()
        self.assertEqual(client.sync_state, "done")
        self.assertEqual((client.config_version, client.credentials_version), (3, 2))
        self.assertTrue(client.synced_at)
        self.assertEqual(self.outbox.search([("res_id", "=", client.id)]).state, "done")

    def test_warnings_of_the_hub_are_shown(self):
        client = self.new_client()
        warning = {"code": "missing_credential", "message": "falta a credencial"}
        self.hub.answers.append((200, {"success": True, "warnings": [warning]}))
        self.send_all()
        self.assertEqual((client.sync_state, client.sync_message), ("done", "falta a credencial"))

    def test_password_goes_in_and_never_comes_out(self):
        client = self.new_client(odoo_password=PASSWORD)
        self.assertEqual(client.odoo_password, MASK)
        [saved] = client.web_save(
            {"odoo_password": PASSWORD + "2"}, {"odoo_password": {}, "name": {}}
        )
        self.assertEqual(saved["odoo_password"], MASK)
        self.env.invalidate_all()
        self.assertEqual(client.read(["odoo_password"])[0]["odoo_password"], MASK)
        self.assertEqual(client.export_data(["odoo_password"])["datas"], [[MASK]])
        self.assertFalse(client.copy({"account_id": "copia"}).odoo_password)

    def test_password_is_in_no_table_but_the_one_nobody_reads(self):
        client = self.new_client(odoo_password=PASSWORD)
        self.hub.will_refuse(503, "store_unavailable", "Armazenamento indisponível")
        self.send_all()
        client.action_send()
        self.env.flush_all()
        found = []
        for model in self.env.registry.values():
            if model._abstract or not model._table.startswith(("ai_hub", "ir_logging")):
                continue
            self.cr.execute(f'SELECT to_jsonb(t)::text FROM "{model._table}" AS t')  # pylint: disable=sql-injection
            if any(PASSWORD in row for (row,) in self.cr.fetchall()):
                found.append(model._name)
        self.assertEqual(found, ["ai.hub.secret"])

    def test_what_the_form_shows_for_a_password_does_not_replace_it(self):
        client = self.new_client(odoo_password=PASSWORD)
        client.write({"odoo_password": MASK, "description": "Mudou"})
        self.send_all()
        self.assertEqual(self.hub.events[-1]["odoo_password"], PASSWORD)

    def test_what_is_typed_behind_the_dots_is_refused(self):
        client = self.new_client(odoo_password=PASSWORD)
        for typed in (MASK + "nova", MASK[:3] + "nova", MASK[1:]):
            with (
                self.subTest(typed=typed),
                self.assertRaisesRegex(ValidationError, "dots"),
                self.cr.savepoint(),
            ):
                client.odoo_password = typed

    def test_password_can_be_replaced_and_removed(self):
        client = self.new_client(odoo_password=PASSWORD)
        self.send_all()
        client.odoo_password = "outra"
        self.send_all()
        client.odoo_password = False
        self.send_all()
        self.assertEqual(
            [event.get("odoo_password") for event in self.hub.events], [PASSWORD, "outra", None]
        )
        self.assertFalse(client.odoo_password)

    def test_secrets_go_with_their_record(self):
        client = self.new_client(odoo_password=PASSWORD)
        secrets = self.env["ai.hub.secret"].sudo()
        self.assertEqual(secrets._of(client), {"odoo_password": PASSWORD})
        gone = client.id
        client.unlink()
        self.assertFalse(
            secrets.search([("res_model", "=", "ai.hub.credentials"), ("res_id", "=", gone)])
        )

    def test_only_code_that_sends_reads_secrets(self):
        client = self.new_client(odoo_password=PASSWORD)
        user = self.env.ref("base.user_admin")
        with self.assertRaises(UserError):
            client.with_user(user)._hub_secrets()
        with self.assertRaises(UserError):
            self.env["ai.hub.secret"].with_user(user).search([]).mapped("value")

    def test_later_line_overtakes_earlier_ones(self):
        client = self.new_client()
        # Each transaction has lines of its own.
        self.cr.postcommit.clear()
        client.description = "Mudou"
        earlier, later = self.waiting()
        self.send_all()
        self.assertEqual((earlier.state, later.state), ("superseded", "done"))
        self.assertEqual(len(self.hub.received), 1)

    def test_repetition_has_the_same_id_and_a_change_another(self):
        client = self.new_client()
        line = self.waiting()
        for _attempt in range(2):
            self.hub.will_refuse(503, "store_unavailable")
            line._send()
        client.description = "Mudou"
        line._send()
        first, second, third = [request.headers["webhook-id"] for request in self.hub.received]
        self.assertEqual(first, second)
        self.assertNotEqual(second, third)
        self.assertTrue(third.startswith(line.key))

    def test_hub_away_is_tried_again_later_and_later(self):
        client = self.new_client()
        line = self.waiting()
        waits = []
        for _attempt in range(3):
            self.hub.will_refuse(503, "store_unavailable", "Armazenamento indisponível")
            line._send()
            waits.append((line.next_attempt - fields.Datetime.now()).total_seconds())
        self.assertEqual(line.state, "pending")
        self.assertEqual(client.sync_state, "retrying")
        self.assertIn("Armazenamento indisponível", client.sync_message)
        self.assertTrue(waits[0] < waits[1] < waits[2], waits)

    def test_hub_may_say_how_long_to_wait(self):
        self.new_client()
        self.hub.will_refuse(429, "rate_limited", "Requisições demais", ("Retry-After", "1800"))
        line = self.waiting()
        line._send()
        self.assertGreater((line.next_attempt - fields.Datetime.now()).total_seconds(), 1700)

    def test_refused_content_waits_for_the_user(self):
        client = self.new_client()
        line = self.waiting()
        self.hub.will_refuse(422, "invalid_fields", "Dados inválidos: odoo_url")
        self.send_all()
        self.assertEqual((line.state, client.sync_state), ("failed", "failed"))
        self.assertIn("Dados inválidos: odoo_url", client.sync_message)
        client.odoo_url = "https://odoo.example.com"
        self.send_all()
        self.assertEqual((line.state, client.sync_state), ("superseded", "done"))
        self.assertFalse(client.sync_message)

    def test_refused_line_can_be_sent_again(self):
        self.new_client()
        line = self.waiting()
        self.hub.will_refuse(422, "invalid_fields")
        self.send_all()
        line.action_retry()
        self.send_all()
        self.assertEqual(line.state, "done")
        with self.assertRaisesRegex(UserError, "nothing left"):
            line.action_retry()

    def test_conflict_of_writers_is_tried_again(self):
        client = self.new_client()
        self.hub.will_refuse(409, "revision_conflict", "Outra gravação ocorreu ao mesmo tempo")
        self.send_all()
        self.assertEqual(client.sync_state, "retrying")

    def test_wrong_key_stays_on_the_record_until_it_is_mended(self):
        client = self.new_client()
        self.hub.will_refuse(401, "invalid_api_key", "Chave de API inválida")
        self.send_all()
        line = self.waiting()
        self.assertEqual(client.sync_state, "retrying")
        self.assertIn("does not accept the API key", client.sync_message)
        self.assertGreater(line.next_attempt, fields.Datetime.now())
        self.connection.api_key = "oac_right"
        self.assertLessEqual(line.next_attempt, fields.Datetime.now())
        self.send_all()
        self.assertEqual(client.sync_state, "done")
        self.assertEqual(self.hub.received[-1].headers["x-api-key"], "oac_right")

    def test_without_a_connection_it_waits_and_says_so(self):
        self.connection.unlink()
        client = self.new_client()
        self.send_all()
        self.assertEqual(client.sync_state, "retrying")
        self.assertIn("URL is not set", client.sync_message)
        connection = self.env["ai.hub.connection"].create(
            {"company_id": self.env.company.id, "url": self.hub.url}
        )
        self.send_all()
        self.assertIn("API key is not set", client.sync_message)
        connection.api_key = "oac_key"
        self.send_all()
        self.assertEqual(client.sync_state, "done")

    def test_account_ids_are_checked(self):
        for account in ("", "com espaço", "ação", "-x", "a" * 129, "odoo-ai-config"):
            with (
                self.subTest(account=account),
                self.assertRaises(ValidationError),
                self.cr.savepoint(),
            ):
                self.new_client(account_id=account)

    def test_duplicates_are_refused_by_name(self):
        self.new_client(name="A primeira")
        with self.assertRaisesRegex(ValidationError, "already: A primeira"):
            self.new_client(name="A segunda")

    def test_archived_duplicate_is_to_be_restored(self):
        self.new_client(name="A primeira").active = False
        with self.assertRaisesRegex(ValidationError, "Restore them"):
            self.new_client()

    def test_other_business_area_of_the_same_account_is_no_duplicate(self):
        self.new_client()
        self.new_client(business_area="services")
        self.assertEqual(len(self.waiting()), 2)

    def test_bad_urls_of_odoo_are_refused(self):
        for url in ("odoo.example.com", "ftp://odoo.example.com", "https://", "http://[::1"):
            with (
                self.subTest(url=url),
                self.assertRaisesRegex(ValidationError, "must look like"),
                self.cr.savepoint(),
            ):
                self.new_client(odoo_url=url)

    def test_identity_stays_once_the_hub_knows_it(self):
        client = self.new_client()
        client.account_id = "loja_2"
        self.send_all()
        with self.assertRaisesRegex(UserError, "stay as they are"), self.cr.savepoint():
            client.account_id = "loja_3"
        client.name = "Outro nome"
        self.assertEqual(self.hub.events[0]["account_id"], "loja_2")

    def test_business_area_that_changes_says_what_it_was(self):
        client = self.new_client(business_area="retail")
        self.new_channel(client)
        self.send_all()
        self.assertNotIn("moved_from", self.hub.events[0])
        client.business_area = "services"
        client.write({"business_area": "other", "business_area_other": "Atacado"})
        self.send_all()
        sent = {event["event_type"]: event for event in self.hub.events[2:]}
        told = sent["credentials_sync"]
        self.assertEqual((told["domain"], told["moved_from"]), ("Atacado", "retail"))
        self.assertEqual(sent["mapping_sync"]["mapping"]["domain"], "atacado")
        client.name = "Outro nome"
        self.send_all()
        self.assertNotIn("moved_from", self.hub.events[-1])

    def test_business_area_that_changes_back_before_the_hub_knows_has_not_moved(self):
        client = self.new_client(business_area="retail")
        self.send_all()
        client.business_area = "services"
        client.business_area = "retail"
        self.assertFalse(client.moved_from)

    def test_token_is_made_once(self):
        client = self.new_client()
        self.assertRegex(client.token, r"^loja_1-[0-9a-f]{8}$")
        token = client.token
        client.name = "Outro nome"
        self.assertEqual(client.token, token)
        self.assertNotEqual(client.copy({"account_id": "copia"}).token, token)

    def test_collections_that_change_are_sent(self):
        collection = self.env["ai.hub.collection"].create(
            {"name": "Receitas", "technical_name": "recipes"}
        )
        self.new_client(collection_ids=[(4, collection.id)])
        self.send_all()
        collection.technical_name = "recipes_2"
        self.send_all()
        collection.active = False
        self.send_all()
        self.assertEqual(
            [event["enabled_collections"] for event in self.hub.events],
            [["recipes"], ["recipes_2"], []],
        )

    def test_collection_that_is_removed_is_sent(self):
        collection = self.env["ai.hub.collection"].create(
            {"name": "Receitas", "technical_name": "recipes"}
        )
        self.new_client(collection_ids=[(4, collection.id)])
        self.send_all()
        collection.unlink()
        self.send_all()
        self.assertEqual(self.hub.events[-1]["enabled_collections"], [])

    def test_technical_names_of_collections_are_checked(self):
        for name in ("Com Espaço", "business_rules", "-x"):
            with (
                self.subTest(name=name),
                self.assertRaises(ValidationError),
                self.cr.savepoint(),
            ):
                self.env["ai.hub.collection"].create({"name": "Nova", "technical_name": name})

    def test_send_now_sends_what_did_not_change(self):
        client = self.new_client()
        self.send_all()
        client.action_send()
        self.send_all()
        first, second = self.hub.events
        self.assertEqual(first, second)
        ids = [request.headers["webhook-id"] for request in self.hub.received]
        self.assertNotEqual(*ids)

    def test_line_of_a_record_that_is_gone_is_dropped(self):
        client = self.new_client()
        line = self.waiting()
        client.unlink()
        self.send_all()
        self.assertEqual(line.state, "superseded")
        self.assertFalse(self.hub.received)

    def test_log_says_nothing_secret(self):
        with self.assertLogs("odoo.addons.odoo_ai_config", level="DEBUG") as logs:
            self.new_client(odoo_password=PASSWORD)
            self.hub.will_refuse(500, "internal_error", "Erro interno")
            self.send_all()
            logging.getLogger("odoo.addons.odoo_ai_config").debug("the end")
        text = "\n".join(logs.output)
        self.assertNotIn(PASSWORD, text)
        self.assertNotIn(json.dumps(PASSWORD)[1:-1], text)
