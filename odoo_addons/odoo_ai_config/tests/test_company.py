# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .common import HubCase


@tagged("post_install", "-at_install")
class TestCompany(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shop = cls.env["ai.hub.credentials"].create(
            {
                "name": "Loja Exemplo",
                "description": "Roupas e acessórios",
                "account_id": "loja_1",
                "business_area": "retail",
                "collection_ids": [
                    Command.link(cls.env.ref("odoo_ai_config.collection_products").id)
                ],
            }
        )

    def setUp(self):
        super().setUp()
        self.settle()

    def settle(self):
        self.send_all()
        self.cr.postcommit.clear()
        self.hub.received.clear()

    def new_profile(self, **values):
        return self.env["ai.hub.company"].create({"credentials_id": self.shop.id} | values)

    def sent(self):
        self.hub.received.clear()
        self.send_all()
        return [event["event_type"] for event in self.hub.events]

    def test_profile_is_told_in_full(self):
        profile = self.new_profile(
            company_values="Qualidade",
            website="https://loja.example.com",
            mention_website_at_end=True,
            greeting_message="Olá!",
            street="Rua Exemplo, 123",
            city="São Paulo",
            share_address=False,
            has_lunch_break=True,
        )
        self.send_all()
        [event] = self.hub.events
        hours = event.pop("business_hours")
        self.assertEqual(
            event,
            {
                "event_type": "company_metadata_sync",
                "account_id": "loja_1",
                "domain": "retail",
                "name": "Loja Exemplo",
                "description": "Roupas e acessórios",
                "business_area": "retail",
                "enabled_collections": ["products_informations"],
                "company_values": "Qualidade",
                "website": "https://loja.example.com",
                "mention_website_at_end": True,
                "mention_facebook_at_end": False,
                "mention_instagram_at_end": False,
                "greeting_message": "Olá!",
                "communication_style": "friendly",
                "emoji_usage": "moderate",
                "address": {
                    "street": "Rua Exemplo, 123",
                    "city": "São Paulo",
                    "share_address": False,
                },
            },
        )
        self.assertEqual((hours["business_hours_start"], hours["monday"]), (9.0, True))
        self.assertEqual((hours["lunch_break_end"], hours["sunday"]), (13.0, False))
        self.assertEqual((profile.sync_state, profile.metadata_version), ("done", 4))
        self.assertEqual(profile.metadata_digest, "metadata-digest")

    def test_area_that_was_typed_goes_as_it_was_typed(self):
        other = self.new_client(
            account_id="loja_9", business_area="other", business_area_other="Padaria Fina"
        )
        self.env["ai.hub.company"].create({"credentials_id": other.id})
        self.send_all()
        event = self.hub.events[-1]
        self.assertEqual(
            (event["domain"], event["business_area"], event["business_area_other"]),
            ("Padaria Fina", "other", "Padaria Fina"),
        )

    def test_what_it_tells_of_its_client_is_sent_when_that_changes(self):
        self.new_profile()
        self.settle()
        self.shop.description = "Só roupas"
        self.assertEqual(self.sent(), ["credentials_sync", "company_metadata_sync"])
        self.cr.postcommit.clear()
        self.shop.odoo_url = "https://odoo.example.com"
        self.assertEqual(self.sent(), ["credentials_sync"])
        self.cr.postcommit.clear()
        self.env.ref("odoo_ai_config.collection_products").active = False
        self.assertEqual(self.sent(), ["credentials_sync", "company_metadata_sync"])

    def test_client_has_one_profile(self):
        self.new_profile()
        with self.assertRaisesRegex(ValidationError, "has a company profile already"):
            self.new_profile()

    def test_hours_are_those_of_a_day_in_order(self):
        for wrong, words in (
            ({"business_hours_start": -1}, "Opens: an hour is between"),
            ({"sunday_hours_end": 25}, "Closes on Sundays: an hour is between"),
            ({"business_hours_end": 9}, "“Closes” must be later than “Opens”"),
            ({"saturday": True, "saturday_hours_end": 8}, "later than “Opens on Saturdays”"),
            ({"sunday": True, "sunday_hours_start": 23}, "“Closes on Sundays” must be later"),
            ({"has_lunch_break": True, "lunch_break_end": 11}, "“Lunch Ends” must be later"),
            ({"has_lunch_break": True, "lunch_break_end": 19}, "within the business hours"),
        ):
            with (
                self.subTest(wrong),
                self.assertRaisesRegex(ValidationError, words),
                self.cr.savepoint(),
            ):
                self.new_profile(**wrong)

    def test_hours_of_days_off_do_not_count(self):
        weekdays = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), False)
        profile = self.new_profile(**weekdays, business_hours_end=0, saturday_hours_end=0)
        self.assertFalse(profile.monday)

    def test_address_is_taken_from_a_contact(self):
        partner = self.env["res.partner"].create(
            {
                "name": "Matriz",
                "street": "Rua Um, 1",
                "city": "Santos",
                "state_id": self.env.ref("base.state_br_sp").id,
                "country_id": self.env.ref("base.br").id,
                "zip": "11000-000",
            }
        )
        profile = self.new_profile(partner_id=partner.id, website="https://fica.example.com")
        self.settle()
        profile.action_take_address()
        self.assertEqual((profile.state, profile.country), ("SP", "Brazil"))
        self.assertEqual((profile.city, profile.website), ("Santos", "https://fica.example.com"))
        self.assertEqual(self.sent(), ["company_metadata_sync"])
        partner.website = "https://matriz.example.com"
        profile.action_take_address()
        self.assertEqual(profile.website, "https://matriz.example.com")

    def test_button_of_the_client_opens_its_profile(self):
        action = self.shop.action_profile()
        self.assertFalse(action["res_id"])
        self.assertEqual(action["context"], {"default_credentials_id": self.shop.id})
        profile = self.new_profile()
        self.assertEqual(self.shop.action_profile()["res_id"], profile.id)

    def test_hub_that_lost_the_profile_gets_it_again_and_nothing_else(self):
        self.new_profile()
        self.settle()
        documents = [
            {"config_type": kind, "status": "missing" if kind == "metadata" else "equal"}
            for kind in ("config", "credentials", "metadata")
        ]
        answer = {"summary": {}, "entries": [{"documents": documents, "mappings": []}]}
        self.hub.answers.append((200, answer))
        self.shop.action_reconcile()
        [known] = self.hub.events[0]["known"]
        self.assertEqual(
            (known["metadata_version"], known["metadata_digest"]), (4, "metadata-digest")
        )
        self.assertEqual(self.sent(), ["company_metadata_sync"])

    def test_operators_keep_profiles_and_others_do_not_see_them(self):
        profile = self.new_profile()
        users = self.env["res.users"].create(
            [{"login": f"c-{name}", "name": name} for name in ("operator", "nobody")]
        )
        group = self.env.ref("odoo_ai_config.group_user").sudo()
        group.user_ids = [Command.link(users[0].id)]
        profile.with_user(users[0]).greeting_message = "Oi!"
        with self.assertRaises(AccessError):
            profile.with_user(users[1]).read(["greeting_message"])
