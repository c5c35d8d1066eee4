# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .common import HubCase


@tagged("post_install", "-at_install")
class TestSecurity(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company = cls.env["res.company"].create({"name": "Outra"})
        cls.client_record = cls.env["ai.hub.credentials"].create(
            {"name": "Loja", "account_id": "loja_1", "odoo_password": "senha"}
        )
        cls.nobody = cls._user("nobody", "base.group_user")
        cls.operator = cls._user("operator", "odoo_ai_config.group_user")
        cls.manager = cls._user("manager", "odoo_ai_config.group_manager")

    @classmethod
    def _user(cls, login, group):
        user = cls.env["res.users"].create({"login": login, "name": login})
        cls.env.ref(group).sudo().write({"user_ids": [Command.link(user.id)]})
        return user

    def as_(self, user, model):
        return self.env[model].with_user(user)

    def test_ordinary_users_see_nothing(self):
        for model in (
            "ai.hub.credentials",
            "ai.hub.channel",
            "ai.hub.special.number",
            "ai.hub.outbox",
            "ai.hub.connection",
            "ai.hub.collection",
            "ai.hub.secret",
        ):
            with self.subTest(model=model), self.assertRaises(AccessError):
                self.as_(self.nobody, model).search([])

    def test_managers_do_not_see_the_connection(self):
        with self.assertRaises(AccessError):
            self.as_(self.manager, "ai.hub.connection").search([])

    def test_nobody_reads_secrets_of_the_database(self):
        for user in (self.manager, self.env.ref("base.user_admin")):
            secrets = self.as_(user, "ai.hub.secret")
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                secrets.search_read([], ["value"])

    def test_operators_keep_channels_but_not_credentials(self):
        channel = self.as_(self.operator, "ai.hub.channel").create(
            {
                "credentials_id": self.client_record.id,
                "chatwoot_account_id": 1,
                "special_number_ids": [(0, 0, {"number": "+5511987654321"})],
            }
        )
        self.send_all()
        self.assertEqual(channel.sync_state, "done")
        channel.action_send()
        channel.unlink()
        for values in ({"name": "X"}, {"odoo_password": "x"}, {}):
            with self.subTest(values=values), self.assertRaises(AccessError):
                self.client_record.with_user(self.operator).write(values)
        with self.assertRaises(AccessError):
            self.client_record.with_user(self.operator).action_send()
        with self.assertRaises(AccessError):
            self.as_(self.operator, "ai.hub.outbox").search([])

    def test_managers_keep_credentials_and_see_what_waits(self):
        client = self.client_record.with_user(self.manager)
        client.odoo_password = "outra"
        self.send_all()
        self.assertEqual(self.hub.events[-1]["odoo_password"], "outra")
        client.action_send()
        lines = self.as_(self.manager, "ai.hub.outbox").search([("state", "=", "pending")])
        lines.action_retry()
        with self.assertRaises(AccessError):
            lines.write({"state": "done"})

    def test_other_companies_are_out_of_sight(self):
        theirs = self.env["ai.hub.credentials"].create(
            {"name": "Deles", "account_id": "deles", "company_id": self.other_company.id}
        )
        self.new_channel(theirs, account=9)
        for model in ("ai.hub.credentials", "ai.hub.channel", "ai.hub.outbox"):
            companies = self.as_(self.manager, model).search([]).company_id
            with self.subTest(model=model):
                self.assertNotIn(self.other_company, companies)
        with self.assertRaises(AccessError):
            theirs.with_user(self.manager).read(["name"])

    def test_names_of_clients_of_other_companies_are_not_told(self):
        theirs = self.client_record.create(
            {"name": "Deles", "account_id": "loja_2", "company_id": self.other_company.id}
        )
        for client, told in ((self.client_record, True), (theirs, False)):
            with self.subTest(client=client.name):
                rule = self.as_(self.operator, "ai.hub.business.rule").new(
                    {"credentials_id": client.id}
                )
                self.assertEqual(client.name in (rule.ai_hub_warning or ""), told)
        with self.assertRaises(AccessError):
            self.as_(self.operator, "ai.hub.channel.trial").create(
                {"credentials_id": theirs.id, "chatwoot_account_id": 1}
            )

    def test_each_company_sends_to_its_own_hub(self):
        theirs = self.env["ai.hub.credentials"].create(
            {"name": "Deles", "account_id": "loja_1", "company_id": self.other_company.id}
        )
        self.send_all()
        self.assertEqual(self.client_record.sync_state, "done")
        self.assertEqual(theirs.sync_state, "retrying")
        self.assertIn("URL is not set", theirs.sync_message)

    def in_the_other_company(self, model):
        self.env["ai.hub.connection"].create(
            {"company_id": self.other_company.id, "url": self.hub.url}
        )
        return self.env[model].with_context(allowed_company_ids=self.other_company.ids)

    def test_companies_with_one_hub_do_not_have_the_same_client(self):
        credentials = self.in_the_other_company("ai.hub.credentials")
        with self.assertRaisesRegex(ValidationError, "Another company has credentials"):
            credentials.create({"name": "X", "account_id": "loja_1"})

    def test_companies_with_one_hub_do_not_have_the_same_channel(self):
        self.new_channel(self.client_record)
        credentials = self.in_the_other_company("ai.hub.credentials")
        theirs = credentials.create({"name": "Deles", "account_id": "deles"})
        self.assertEqual(theirs.company_id, self.other_company)
        with self.assertRaisesRegex(ValidationError, "Another company uses this channel"):
            self.new_channel(theirs)
