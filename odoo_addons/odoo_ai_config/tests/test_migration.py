# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import base64
import hashlib
from unittest.mock import patch

from cryptography.fernet import Fernet

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import SQL

from .. import old_module
from ..models.hub_outbox import _AFTER_COMMIT as AFTER_COMMIT
from ..models.hub_secrets_mixin import MASK
from .common import HubCase

PASSWORD = "s3nha-antiga-çã"
SEALING_KEY = Fernet.generate_key().decode()
OLD_KEY = "chave-antiga"

CLIENTS = """
    CREATE TABLE ai_system_credentials (
        id serial PRIMARY KEY, create_date timestamp, name varchar, account_id varchar,
        token varchar, client_name varchar, business_area varchar, business_area_other varchar,
        odoo_url varchar, odoo_db varchar, odoo_username varchar,
        odoo_password_encrypted bytea, odoo_api_key_encrypted bytea, timeout int4,
        verify_ssl bool, qdrant_collection varchar, redis_prefix varchar,
        facebook_app_id varchar, facebook_app_secret_encrypted bytea,
        facebook_access_token_encrypted bytea, instagram_client_id varchar,
        instagram_client_secret_encrypted bytea, instagram_access_token_encrypted bytea,
        mercadolivre_app_id varchar, mercadolivre_client_secret_encrypted bytea,
        mercadolivre_access_token_encrypted bytea, active bool DEFAULT true, notes text,
        config_service_url varchar, config_service_api_key varchar)
"""
CHANNELS = """
    CREATE TABLE ai_channel_mapping (
        id serial PRIMARY KEY, name varchar, chatwoot_account_id int4, chatwoot_inbox_id int4,
        business_area varchar, business_area_other varchar, credential_id int4,
        internal_account_id varchar, is_fallback bool, sequence int4,
        special_whatsapp_number1 varchar, special_whatsapp_number2 varchar,
        special_whatsapp_number3 varchar, special_crew varchar, active bool DEFAULT true)
"""


def sealed(text, key=SEALING_KEY):
    """
    As the old module wrote it into its columns.
    """
    return base64.b64encode(Fernet(key).encrypt(text.encode()))


class MigrationCase(HubCase):
    def setUp(self):
        super().setUp()
        self.parameters = self.env["ir.config_parameter"].sudo()
        self.parameters.set_param("ai_credentials.encryption_key", SEALING_KEY)
        self.credentials = self.env["ai.hub.credentials"].with_context(active_test=False)
        self.channels = self.env["ai.hub.channel"].with_context(active_test=False)

    def old_tables(self):
        self.cr.execute(CLIENTS)
        self.cr.execute(CHANNELS)

    def insert(self, table, **values):
        self.cr.execute(
            SQL(
                "INSERT INTO %s (%s) VALUES %s RETURNING id",
                SQL.identifier(table),
                SQL(", ").join(map(SQL.identifier, values)),
                tuple(values.values()),
            )
        )
        return self.cr.fetchone()[0]

    def old_client(self, **values):
        return self.insert(
            "ai_system_credentials",
            **{"name": "Loja", "account_id": "loja_1", "business_area": "retail"} | values,
        )

    def old_channel(self, client, account=1, inbox=7, **values):
        return self.insert(
            "ai_channel_mapping",
            credential_id=client,
            chatwoot_account_id=account,
            chatwoot_inbox_id=inbox,
            **values,
        )

    def wizard(self, **values):
        return self.env["ai.hub.migration"].create(values)

    def tried(self, **values):
        wizard = self.wizard(**values)
        action = wizard.action_try()
        self.assertEqual(action["res_id"], wizard.id)
        return wizard

    def migrated(self, **values):
        wizard = self.tried(**values)
        shown = self.told(wizard)
        wizard.action_take_over()
        self.assertEqual(wizard.state, "done")
        made = [(kind, outcome.replace("new", "made"), told) for kind, outcome, told in shown]
        self.assertEqual(self.told(wizard), made)
        return wizard

    def told(self, wizard):
        return [(line.kind, line.outcome, line.detail) for line in wizard.line_ids]

    def only_reason(self, wizard):
        [line] = wizard.line_ids.filtered(lambda line: line.outcome == "left")
        return line.detail

    def client(self, account="loja_1"):
        client = self.credentials.search([("account_id", "=", account)])
        client.ensure_one()
        return client


@tagged("post_install", "-at_install")
class TestMigration(MigrationCase):
    def test_database_without_the_old_tables_has_nothing_to_migrate(self):
        wizard = self.tried()
        self.assertTrue(wizard.nothing_found)
        self.assertEqual(wizard.found.count("There is no table"), 2)
        self.assertFalse(wizard.line_ids)

    def test_table_of_somebody_else_is_not_read(self):
        self.cr.execute("CREATE TABLE ai_channel_mapping (id int4, chatwoot_account_id int4)")
        wizard = self.tried()
        self.assertTrue(wizard.nothing_found)
        self.assertIn("no table ai_channel_mapping", wizard.found)

    def test_client_keeps_all_it_had(self):
        self.old_tables()
        texts = {
            "odoo_url": "https://odoo.example.com",
            "odoo_db": "loja",
            "odoo_username": "robo",
            "token": "loja_1-abcd1234",
            "qdrant_collection": "regras",
            "redis_prefix": "prefixo",
            "facebook_app_id": "fb",
            "instagram_client_id": "ig",
        }
        secrets = {
            name: f"segredo-{name}"
            for name in (
                "facebook_app_secret",
                "facebook_access_token",
                "instagram_client_secret",
                "instagram_access_token",
                "mercadolivre_client_secret",
                "mercadolivre_access_token",
            )
        }
        self.old_client(
            client_name="Loja Exemplo",
            odoo_password_encrypted=sealed(PASSWORD),
            mercadolivre_app_id="ml",
            notes="não é da conta do hub",
            **texts,
            **{f"{name}_encrypted": sealed(text) for name, text in secrets.items()},
        )
        wizard = self.migrated()
        self.assertEqual((wizard.new_count, wizard.known_count, wizard.left_count), (1, 0, 0))
        self.assertEqual(wizard.line_ids.name, "Loja Exemplo (loja_1/retail)")
        client = self.client()
        self.assertEqual((client.business_area, client.company_id), ("retail", self.env.company))
        self.assertEqual({name: client[name] for name in texts}, texts)
        self.assertEqual(client.odoo_password, MASK)
        self.send_all()
        [event] = self.hub.events
        told = {
            name.replace("mercadolivre", "mercado_livre"): text for name, text in secrets.items()
        }
        self.assertEqual(
            event,
            {
                "event_type": "credentials_sync",
                "account_id": "loja_1",
                "domain": "retail",
                "name": "Loja Exemplo",
                "odoo_password": PASSWORD,
                "mercado_livre_app_id": "ml",
                "enabled_collections": [
                    "business_rules",
                    "products_informations",
                    "scheduling_rules",
                    "support_documents",
                ],
                **texts,
                **told,
            },
        )

    def test_client_of_a_table_with_hardly_any_columns_is_taken(self):
        self.cr.execute("CREATE TABLE ai_system_credentials (id serial, account_id varchar)")
        self.insert("ai_system_credentials", account_id="loja_1")
        wizard = self.migrated(collection_ids=[])
        self.assertIn("Records in ai_system_credentials: 1.", wizard.found)
        self.assertIn("business_area, business_area_other, client_name", wizard.found)
        self.assertIn("no table ai_channel_mapping", wizard.found)
        client = self.client()
        self.assertEqual((client.name, client.domain), ("loja_1", "default"))
        self.assertTrue(client.token)
        self.assertFalse(client.odoo_password)
        self.assertIn("has no business area", wizard.line_ids.detail)

    def test_empty_columns_are_taken_as_empty(self):
        self.old_tables()
        client = self.old_client(name=None)
        self.old_channel(client, inbox=None)
        self.migrated()
        channel = self.client().channel_ids
        self.assertEqual((channel.chatwoot_account_id, channel.chatwoot_inbox_id), (1, 0))
        self.assertEqual((channel.is_fallback, channel.sequence), (False, 10))
        self.assertFalse(channel.special_number_ids)

    def test_business_areas_keep_their_names_at_the_hub(self):
        self.old_tables()
        for account, area, other, domain in (
            ("a", "real_estate", None, "real_estate"),
            ("b", "other", "Saúde e Bem-Estar", "saude-e-bem-estar"),
            ("c", "beauty", None, "beauty"),
        ):
            self.old_client(account_id=account, business_area=area, business_area_other=other)
            self.migrated()
            with self.subTest(area=area):
                self.assertEqual(self.client(account).domain, domain)

    def test_what_cannot_be_taken_is_told_with_the_reason(self):
        self.old_tables()
        for values, reason in (
            ({"account_id": "loja um"}, "An account id has"),
            ({"account_id": None}, "An account id has"),
            ({"account_id": "odoo-ai-config"}, "reserves this account id"),
            ({"business_area": "other"}, "the other business area in Latin letters"),
            ({"active": False}, "It is archived"),
        ):
            row = self.old_client(**values)
            with self.subTest(values=values):
                wizard = self.migrated()
                self.assertIn(reason, self.only_reason(wizard))
                self.assertEqual(wizard.line_ids.old_id, row)
                self.assertEqual((wizard.new_count, wizard.left_count), (0, 1))
            self.cr.execute("DELETE FROM ai_system_credentials")
        self.assertFalse(self.credentials.search([]))

    def test_channels_that_cannot_be_taken_are_told_with_the_reason(self):
        self.old_tables()
        client = self.old_client()
        bad = self.old_client(account_id="loja um")
        theirs = self.new_client(account_id="deles")
        self.new_channel(theirs, account=5)
        for values, reason in (
            ({"account": None}, "number of the Chatwoot account"),
            ({"inbox": -1}, "number of the Chatwoot inbox"),
            ({"client": bad}, "Its client is not migrated"),
            ({"client": 4711}, "It has no client"),
            ({"client": None}, "It has no client"),
            ({"account": 5}, "belongs to Loja Exemplo"),
            ({"active": False}, "It is archived"),
        ):
            row = self.old_channel(**{"client": client} | values)
            with self.subTest(values=values):
                lines = self.tried().line_ids.filtered(lambda line: line.kind == "channel")
                self.assertEqual((lines.old_id, lines.outcome), (row, "left"))
                self.assertIn(reason, lines.detail)
            self.cr.execute("DELETE FROM ai_channel_mapping")

    def test_channel_keeps_all_it_had(self):
        self.old_tables()
        self.old_channel(
            self.old_client(),
            business_area="retail",
            is_fallback=True,
            sequence=3,
            special_whatsapp_number1="+55 (11) 98765-4321",
            special_whatsapp_number3="5521912345678",
            special_crew="admin",
        )
        wizard = self.migrated()
        channel = self.client().channel_ids
        self.assertEqual((channel.is_fallback, channel.sequence), (True, 3))
        self.assertEqual(
            channel.special_number_ids.mapped(lambda special: (special.number, special.crew)),
            [("+5511987654321", "admin"), ("+5521912345678", "admin")],
        )
        self.assertEqual(wizard.line_ids[1].name, "Account 1, inbox 7")
        self.assertEqual(wizard.line_ids[1].detail, "Goes to Loja (loja_1/retail).")

    def test_bad_numbers_are_left_out_and_told(self):
        self.old_tables()
        self.old_channel(
            self.old_client(),
            special_whatsapp_number1="ramal 12",
            special_whatsapp_number2="+55 11 98765-4321",
            special_whatsapp_number3="551187654321",
        )
        self.old_channel(1, inbox=8, special_whatsapp_number1="11 98765-4321")
        wizard = self.migrated()
        first, second = (line.detail for line in wizard.line_ids[1:])
        self.assertIn("ramal 12 is not a WhatsApp number: it is left out.", first)
        self.assertIn("551187654321 appears twice", first)
        self.assertIn("11 98765-4321 seems to have no country code", second)
        numbers = self.client().channel_ids.special_number_ids
        self.assertEqual(numbers.mapped("number"), ["+5511987654321", "11 98765-4321"])
        self.assertEqual(set(numbers.mapped("crew")), {"analytics"})

    def test_dialled_numbers_go_to_the_hub_as_they_are(self):
        # The hub knows them, but no country code begins with 0.
        self.old_tables()
        self.old_channel(
            self.old_client(),
            special_whatsapp_number1="011 98765-4321",
            special_whatsapp_number2="00351 912 345 678",
        )
        wizard = self.migrated()
        numbers = self.client().channel_ids.special_number_ids
        self.assertEqual(numbers.mapped("number"), ["011 98765-4321", "+00351912345678"])
        detail = wizard.line_ids[1].detail
        self.assertIn("011 98765-4321 seems to have no country code", detail)
        self.assertNotIn("345 678 seems", detail)

    def test_of_two_lines_for_a_channel_the_one_in_use_is_taken(self):
        self.old_tables()
        client = self.old_client()
        archived = self.old_channel(client, inbox=None, active=False)
        self.old_channel(client, inbox=0, sequence=4)
        second = self.old_channel(client, inbox=None)
        wizard = self.migrated(with_archived=True)
        left = wizard.line_ids.filtered(lambda line: line.outcome == "left")
        self.assertEqual(set(left.mapped("old_id")), {archived, second})
        self.assertEqual(set(left.mapped("detail")), {left[0].detail})
        self.assertIn("Another old record is for the same", left[0].detail)
        self.assertEqual(self.client().channel_ids.sequence, 4)

    def test_second_client_of_an_account_is_left(self):
        self.old_tables()
        self.old_client(name="Arquivado", active=False)
        self.old_client(name="Primeiro")
        self.old_client(name="Segundo")
        wizard = self.migrated(with_archived=True)
        self.assertEqual(wizard.line_ids.mapped("outcome"), ["made", "left", "left"])
        self.assertIn("Another old record is for the same", wizard.line_ids[1].detail)
        self.assertEqual(self.client().name, "Primeiro")

    def test_record_that_is_not_taken_does_not_hold_back_another_of_the_same_place(self):
        self.old_tables()
        client = self.old_client()
        self.old_channel(client, special_whatsapp_number1="551187654321", special_crew="ação")
        self.old_channel(client, sequence=4)
        wizard = self.migrated()
        self.assertIn("name of a crew", self.only_reason(wizard))
        self.assertEqual(self.client().channel_ids.sequence, 4)

    def test_archived_records_stay_archived_if_they_are_wanted(self):
        self.old_tables()
        client = self.old_client()
        self.old_channel(client, active=False)
        self.old_client(account_id="antiga", active=False)
        self.migrated(with_archived=True)
        self.assertFalse(self.client("antiga").active)
        channel = self.channels.search([("credentials_id", "=", self.client().id)])
        self.assertFalse(channel.active)

    def test_channel_of_another_business_area_goes_with_its_client(self):
        self.old_tables()
        self.old_channel(self.old_client(), business_area="other", business_area_other="Saúde")
        wizard = self.migrated()
        self.assertIn("another business area, saude", wizard.line_ids[1].detail)
        self.assertEqual(self.client().channel_ids.credentials_id.domain, "retail")

    def test_secrets_that_cannot_be_opened_are_named_and_the_rest_is_taken(self):
        self.old_tables()
        self.old_client(
            odoo_password_encrypted=sealed(PASSWORD, Fernet.generate_key()),
            facebook_app_secret_encrypted=b"no base64, no seal",
            instagram_client_secret_encrypted=sealed("aberto"),
        )
        wizard = self.migrated()
        self.assertIn(
            "must be entered again: Odoo Password, Facebook App Secret.",
            wizard.line_ids.detail,
        )
        client = self.client()
        self.assertFalse(client.odoo_password)
        self.assertEqual(client.instagram_client_secret, MASK)
        self.parameters.set_param("ai_credentials.encryption_key", False)
        self.cr.execute("UPDATE ai_system_credentials SET account_id = 'loja_2'")
        self.assertIn("Instagram Client Secret", self.migrated().line_ids.detail)

    def test_api_key_of_odoo_takes_the_place_of_a_password(self):
        self.old_tables()
        self.old_client(odoo_api_key_encrypted=sealed("chave"))
        wizard = self.migrated()
        self.assertIn("replaces the password", wizard.line_ids.detail)
        self.send_all()
        self.assertEqual(self.hub.events[0]["odoo_password"], "chave")

    def test_bad_odoo_url_does_not_hold_the_client_back(self):
        self.old_tables()
        for url in ("odoo.example.com", "https://[odoo"):
            with self.subTest(url=url):
                self.old_client(account_id=f"loja_{len(url)}", odoo_url=url)
                wizard = self.migrated()
                self.assertIn("Odoo's URL is not a URL", wizard.line_ids[-1].detail)
                self.assertFalse(self.client(f"loja_{len(url)}").odoo_url)

    def test_collections_are_those_of_the_wizard_or_of_the_account_that_had_some(self):
        self.old_tables()
        self.old_client()
        self.old_client(account_id="loja_2")
        self.parameters.set_param("company_services.account_id", "loja_2")
        for name, value in (("sales", "True"), ("delivery", "true"), ("support", "False")):
            self.parameters.set_param(f"company_services.enable_{name}", value)
        rules = self.env.ref("odoo_ai_config.collection_business_rules")
        wizard = self.migrated(collection_ids=[Command.set(rules.ids)])
        self.assertEqual(self.client().collection_ids, rules)
        self.assertEqual(wizard.line_ids[0].detail, "Collections: Business Rules.")
        self.assertEqual(
            set(self.client("loja_2").collection_ids.mapped("technical_name")),
            {"products_informations", "delivery_rules"},
        )

    def test_what_is_there_already_stays_as_it_is(self):
        self.old_tables()
        self.old_channel(self.old_client(odoo_db="antigo"), sequence=1)
        client = self.new_client(odoo_db="novo")
        self.new_channel(client)
        wizard = self.migrated()
        self.assertEqual((wizard.new_count, wizard.known_count, wizard.left_count), (0, 2, 0))
        self.assertEqual((client.odoo_db, client.channel_ids.sequence), ("novo", 10))

    def test_twice_makes_nothing_twice(self):
        self.old_tables()
        self.old_channel(self.old_client())
        self.migrated()
        sent = len(self.waiting())
        wizard = self.migrated()
        self.assertEqual((wizard.new_count, wizard.known_count), (0, 2))
        self.assertEqual(len(self.waiting()), sent)
        with self.assertRaisesRegex(UserError, "dry run first"):
            wizard.action_take_over()

    def test_dry_run_changes_nothing(self):
        self.old_tables()
        self.old_channel(self.old_client(odoo_password_encrypted=sealed(PASSWORD)))
        before = list(self.cr.postcommit.data.get(AFTER_COMMIT, ()))
        wizard = self.tried()
        self.assertEqual((wizard.state, wizard.new_count), ("tried", 2))
        self.assertFalse(self.credentials.search([]))
        self.assertFalse(self.channels.search([]))
        self.assertFalse(self.waiting())
        self.assertEqual(self.cr.postcommit.data.get(AFTER_COMMIT, []), before)
        self.cr.execute("SELECT count(*) FROM ai_hub_secret WHERE name = 'odoo_password'")
        self.assertEqual(self.cr.fetchone(), (0,))

    def test_what_is_taken_over_is_sent_once_after_the_commit(self):
        self.old_tables()
        self.old_client()
        self.migrated()
        self.hub.will_refuse(503, "store_unavailable")
        with self.enter_registry_test_mode():
            self.env.cr.postcommit.run()
        self.assertEqual(len(self.hub.received), 1)
        self.assertEqual(self.client().sync_state, "retrying")

    def test_nothing_is_taken_over_without_a_dry_run(self):
        self.old_tables()
        self.old_client()
        with self.assertRaisesRegex(UserError, "dry run first"):
            self.wizard().action_take_over()

    def test_what_changed_since_the_dry_run_is_shown_first(self):
        self.old_tables()
        self.old_client()
        wizard = self.tried()
        for statement in (
            "UPDATE ai_system_credentials SET odoo_db = 'outro'",
            "INSERT INTO ai_system_credentials (account_id) VALUES ('loja_2')",
        ):
            self.cr.execute(statement)
            with self.subTest(statement=statement):
                wizard.action_take_over()
                self.assertEqual(wizard.state, "changed")
                self.assertFalse(self.credentials.search([]))
        wizard.collection_ids = False
        wizard.action_take_over()
        self.assertEqual((wizard.state, wizard.new_count), ("changed", 2))
        wizard.action_take_over()
        self.assertEqual((wizard.state, wizard.new_count), ("done", 2))
        self.assertEqual(self.client().odoo_db, "outro")

    def test_secrets_are_in_no_line_and_no_digest_can_be_guessed(self):
        self.old_tables()
        self.old_client(odoo_password_encrypted=sealed(PASSWORD), odoo_url="ftp://a:senha@b")
        wizard = self.tried()
        first = wizard.shown_digest
        self.parameters.set_param("database.secret", "outro")
        wizard.action_try()
        self.assertNotEqual(wizard.shown_digest, first)
        wizard.action_take_over()
        for table in ("ai_hub_migration", "ai_hub_migration_line"):
            self.env.flush_all()
            self.cr.execute(SQL("SELECT to_jsonb(t)::text FROM %s AS t", SQL.identifier(table)))
            kept = " ".join(row for (row,) in self.cr.fetchall())
            self.assertIn("retail" if table.endswith("line") else "done", kept)
            for secret in (PASSWORD, "senha"):
                self.assertNotIn(secret, kept)

    def test_only_administrators_of_the_system_migrate(self):
        self.old_tables()
        for login, group in (
            ("nobody", "base.group_user"),
            ("manager", "odoo_ai_config.group_manager"),
        ):
            user = self.env["res.users"].create({"login": login, "name": login})
            self.env.ref(group).sudo().write({"user_ids": [Command.link(user.id)]})
            with self.subTest(login=login), self.assertRaises(AccessError):
                self.env["ai.hub.migration"].with_user(user).create({})

    def test_records_go_to_their_company(self):
        self.old_tables()
        self.cr.execute("ALTER TABLE ai_system_credentials ADD company_id int4")
        other = self.env["res.company"].create({"name": "Outra"})
        self.old_channel(self.old_client(company_id=other.id))
        self.old_client(account_id="loja_2", company_id=None)
        migrations = self.env["ai.hub.migration"]
        wizard = migrations.with_context(allowed_company_ids=self.env.company.ids).create({})
        wizard.action_try()
        self.assertEqual(wizard.line_ids.mapped("outcome"), ["left", "new", "left"])
        self.assertIn("a company that is not selected", wizard.line_ids[0].detail)
        both = (self.env.company | other).ids
        wizard = migrations.with_context(allowed_company_ids=both).create({})
        wizard.action_try()
        wizard.action_take_over()
        self.assertEqual(wizard.new_count, 3)
        self.assertEqual(self.client().company_id, other)
        self.assertEqual(self.client().channel_ids.company_id, other)
        self.assertEqual(self.client("loja_2").company_id, self.env.company)


@tagged("post_install", "-at_install")
class TestMigrationOfConnection(MigrationCase):
    def setUp(self):
        super().setUp()
        self.connection.unlink()
        self.old_tables()

    def settings(self, **parameters):
        for name, value in parameters.items():
            self.parameters.set_param(name.replace("__", "."), value)

    def taken(self):
        connection = self.env["ai.hub.connection"]._of(self.env.company)
        return connection.url, connection.sudo()._hub_secrets() if connection else {}

    def test_address_key_and_secret_are_taken_without_the_path_of_the_webhook(self):
        self.settings(
            config_service_url="http://hub.example.com:8002/odoo-webhook/",
            config_service_api_key=OLD_KEY,
            webhook_secret_key="segredo-de-assinatura",
        )
        wizard = self.migrated()
        self.assertEqual(wizard.connection_found, "http://hub.example.com:8002")
        self.assertEqual(
            wizard.line_ids.detail,
            "Test the connection in Settings: the hub may require another key or secret.",
        )
        secrets = {"api_key": OLD_KEY, "signing_secret": "segredo-de-assinatura"}
        self.assertEqual(self.taken(), ("http://hub.example.com:8002", secrets))
        self.assertEqual(self.migrated().line_ids.outcome, "known")

    def test_connection_that_has_a_key_only_is_left_alone(self):
        self.settings(config_service_url="http://hub.example.com")
        self.env["ai.hub.connection"].create(
            {"company_id": self.env.company.id, "api_key": "oac_1"}
        )
        self.assertEqual(self.migrated().line_ids.outcome, "known")
        self.assertEqual(self.taken(), (False, {"api_key": "oac_1"}))

    def test_connection_that_is_empty_is_filled(self):
        self.settings(config_service_url="http://hub.example.com")
        self.env["ai.hub.connection"].create({"company_id": self.env.company.id})
        self.migrated()
        self.assertEqual(self.taken()[0], "http://hub.example.com")

    def test_sources_are_asked_in_the_order_of_the_old_module(self):
        self.settings(
            ai_credentials_manager__config_service_url="http://terceira",
            ai_credentials_manager__config_service_api_key="c",
        )
        self.assertEqual(self.wizard().connection_found, "http://terceira")
        self.settings(config_service_url="http://segunda", config_service_api_key="b")
        self.assertEqual(self.wizard().connection_found, "http://segunda")
        self.settings(config_service__url="http://primeira")
        self.assertEqual(self.wizard().connection_found, "http://primeira")
        self.migrated()
        self.assertEqual(self.taken(), ("http://primeira", {"api_key": "b"}))

    def test_address_of_the_clients_comes_first(self):
        self.settings(config_service_url="http://outra", config_service_api_key="b")
        values = {"config_service_url": "http://deles", "config_service_api_key": "a"}
        self.old_client(**values)
        self.old_client(account_id="loja_2", config_service_url="http://deles")
        self.old_client(account_id="loja_3", config_service_url="http://antiga", active=False)
        self.migrated()
        self.assertEqual(self.taken(), ("http://deles", {"api_key": "a"}))

    def test_several_addresses_are_for_a_human_to_choose_from(self):
        self.old_client(config_service_url="http://uma")
        self.old_client(account_id="loja_2", config_service_url="http://outra")
        wizard = self.migrated()
        self.assertEqual(wizard.connection_found, "http://outra, http://uma")
        self.assertIn("different addresses", self.only_reason(wizard))
        self.assertEqual(self.taken(), (False, {}))

    def test_key_and_secret_that_everybody_knows_are_not_taken(self):
        self.settings(
            config_service_url="http://hub.example.com",
            config_service_api_key="development-api-key",
            webhook_secret_key="veio-com-o-modulo",
        )
        shipped = hashlib.sha256(b"veio-com-o-modulo").hexdigest()
        with patch.object(old_module, "_SHIPPED_SECRET", shipped):
            wizard = self.migrated()
        self.assertIn("no API key other than the default one", wizard.line_ids.detail)
        self.assertIn("no signing secret other than the default one", wizard.line_ids.detail)
        self.assertEqual(self.taken(), ("http://hub.example.com", {}))

    def test_bad_address_is_told_and_shows_no_password(self):
        for url in ("http://u:senha@hub.example.com", "http://u:senha@[hub"):
            self.settings(config_service_url=url)
            with self.subTest(url=url):
                wizard = self.migrated()
                self.assertIn("The hub's URL must", self.only_reason(wizard))
                self.assertNotIn("senha", wizard.connection_found + wizard.line_ids.name)

    def test_connection_stays_out_if_it_is_not_wanted(self):
        self.settings(config_service_url="http://hub.example.com")
        self.old_client()
        wizard = self.migrated(with_connection=False)
        self.assertEqual(wizard.line_ids.kind, "client")
        self.assertEqual(self.taken(), (False, {}))

    def test_without_a_connection_what_is_taken_waits(self):
        self.old_client()
        self.migrated()
        self.send_all()
        self.assertIn("URL is not set", self.client().sync_message)
        self.assertEqual(len(self.waiting()), 1)
