# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import json

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .common import HubCase

NOBODY = {"resolved": False, "tenant_id": None, "domain": None, "crew": None, "matched_by": "none"}


def route(tenant, domain="retail", crew=None, matched_by="inbox"):
    where = {"resolved": True, "tenant_id": tenant, "domain": domain}
    return {**where, "crew": crew, "matched_by": matched_by}


def effect(before, after, account="1", inbox="7", number=None):
    message = {"account_id": account, "inbox_id": inbox, "number": number}
    return {**message, "before": before, "after": after}


def simulation(*effects, **more):
    return {
        "event": "mapping_sync",
        "tenant_id": "loja_1",
        "domain": "retail",
        "mapping_version": 1,
        "changed": bool(effects),
        "refusal": None,
        "moves": [],
        "effects": list(effects),
        "truncated": False,
        "messages": [],
        "warnings": [],
        **more,
    }


@tagged("post_install", "-at_install")
class TestChannelTrial(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shop = cls.env["ai.hub.credentials"].create(
            {"name": "Loja Exemplo", "account_id": "loja_1", "business_area": "retail"}
        )
        cls.shop_name = "Loja Exemplo (loja_1/retail)"

    def trial(self, **values):
        wanted = {"credentials_id": self.shop.id, "chatwoot_account_id": 1}
        return self.env["ai.hub.channel.trial"].create(wanted | values)

    def asked(self, answer, **values):
        trial = self.trial(**values)
        self.hub.answers.append((200, answer))
        action = trial.action_ask()
        self.assertEqual((action["res_model"], action["res_id"]), (trial._name, trial.id))
        return trial

    def test_trial_asks_with_what_saving_would_send(self):
        values = {"chatwoot_inbox_id": 7, "is_fallback": True, "sequence": 3}
        special = {"number": "+55 11 98765-4321", "crew": "admin"}
        self.asked(simulation(), number_ids=[Command.create(special)], **values)
        [request] = self.hub.received
        self.assertEqual((request.method, request.path), ("POST", "/v1/route/simulate"))
        self.assertIn("x-api-key", request.headers)
        channel = self.new_channel(
            self.shop, is_fallback=True, sequence=3, special_number_ids=[Command.create(special)]
        )
        self.assertEqual(json.loads(request.body), channel._hub_event())

    def test_nothing_is_saved_or_sent(self):
        waiting = self.waiting()
        self.asked(simulation(effect(NOBODY, route("loja_1"))), chatwoot_inbox_id=7)
        self.assertFalse(self.env["ai.hub.channel"].search([("chatwoot_account_id", "=", 1)]))
        self.assertEqual(self.waiting(), waiting)

    def test_effects_are_told_in_words(self):
        trial = self.asked(
            simulation(
                effect(NOBODY, route("loja_1")),
                effect(route("x", "y"), route("loja_1", crew="admin"), number="5511987654321"),
                effect(route("loja_1", matched_by="account"), {"resolved": True, "hidden": True},
                       inbox=None),
                effect(route("loja_1", matched_by="account_owner"), NOBODY, inbox=None),
                effect(NOBODY, route("loja_1", matched_by="fallback"), None, None),
                moves=[{"chatwoot_account_id": "1", "from": "x", "to": "loja_1"}],
                truncated=True,
            )
        )  # fmt: skip
        self.assertEqual(
            trial.answer.splitlines(),
            [
                f"The channel would pass from x to {self.shop_name}.",
                "These messages would go elsewhere:",
                "There may be more than is shown here.",
            ],
        )
        self.assertEqual(
            [(line.messages, line.before, line.after) for line in trial.effect_ids],
            [
                ("Account 1, inbox 7", "Nobody", f"{self.shop_name}: Inbox"),
                (
                    "Account 1, inbox 7, from +5511987654321",
                    "x/y: Inbox",
                    f"{self.shop_name}: Inbox, crew admin",
                ),
                (
                    "Account 1, inboxes without a line of their own",
                    f"{self.shop_name}: All inboxes of the account",
                    "Another client",
                ),
                (
                    "Account 1, inboxes without a line of their own",
                    f"{self.shop_name}: The account's only client",
                    "Nobody",
                ),
                (
                    "Accounts where nobody has a channel",
                    "Nobody",
                    f"{self.shop_name}: Fallback",
                ),
            ],
        )

    def test_what_changes_no_message_is_told(self):
        self.assertIn("the hub already has exactly this", self.asked(simulation()).answer)
        told = self.asked(simulation(changed=True)).answer
        self.assertIn("no message would go elsewhere", told)
        warning = {"code": "channel_of_another_tenant", "field": "mapping", "message": "De outro."}
        self.assertEqual(self.asked(simulation(warnings=[warning])).answer, "De outro.")

    def test_refusals_are_told_in_words(self):
        self.assertIn(
            "the channel is another client's",
            self.asked(simulation(refusal="channel_owned")).answer,
        )
        self.assertIn("other_code", self.asked(simulation(refusal="other_code")).answer)

    def test_asking_again_forgets_what_was_told(self):
        trial = self.asked(simulation(effect(NOBODY, route("loja_1"))))
        self.assertTrue(trial.effect_ids)
        for code, told in (
            ("scope_missing", "config:read"),
            ("invalid_api_key", "does not accept the API key"),
            ("route_not_found", "too old"),
        ):
            self.hub.will_refuse(403, code)
            trial.action_ask()
            self.assertIn(told, trial.answer)
            self.assertFalse(trial.effect_ids)

    def test_what_could_not_be_saved_is_not_asked(self):
        for values in (
            {"chatwoot_account_id": 0},
            {"chatwoot_inbox_id": -1},
            {"number_ids": [Command.create({"number": "123"})]},
            {"number_ids": [Command.create({"number": "+5511987654321", "crew": "a b"})]},
            {
                "number_ids": [
                    Command.create({"number": number})
                    for number in ("+5511987654321", "+551187654321")
                ]
            },
        ):
            with self.subTest(values=values), self.assertRaises(ValidationError):
                self.trial(**values).action_ask()
        self.assertFalse(self.hub.received)

    def test_button_of_a_channel_begins_with_the_channel_as_it_is(self):
        channel = self.new_channel(
            self.shop, special_number_ids=[Command.create({"number": "+5511987654321"})]
        )
        channel.active = False
        self.hub.answers.append((200, simulation()))
        action = channel.action_try()
        self.assertEqual(json.loads(self.hub.received[-1].body), channel._hub_event())
        trial = self.env[action["res_model"]].browse(action["res_id"])
        self.assertFalse(trial.active)
        self.assertIn("exactly this", trial.answer)

    def test_operators_may_try_what_they_may_see(self):
        user = self.env["res.users"].create({"login": "tries", "name": "tries"})
        with self.assertRaises(AccessError):
            self.env["ai.hub.channel.trial"].with_user(user).create({})
        self.env.ref("odoo_ai_config.group_user").sudo().user_ids = [Command.link(user.id)]
        values = {"credentials_id": self.shop.id, "chatwoot_account_id": 1}
        trial = self.env["ai.hub.channel.trial"].with_user(user).create(values)
        self.hub.answers.append((200, simulation(effect(NOBODY, route("loja_1")))))
        trial.action_ask()
        self.assertEqual(trial.effect_ids.before, "Nobody")
        with self.assertRaises(AccessError):
            trial.effect_ids.before = "X"
        company = self.env["res.company"].create({"name": "Outra"})
        theirs = self.env["ai.hub.credentials"].create(
            {"name": "Deles", "account_id": "deles", "company_id": company.id}
        )
        trial.sudo().credentials_id = theirs
        with self.assertRaises(AccessError):
            trial.action_ask()
        other = self.env["res.users"].create({"login": "other", "name": "other"})
        self.env.ref("odoo_ai_config.group_user").sudo().user_ids = [Command.link(other.id)]
        with self.assertRaises(AccessError):
            trial.with_user(other).read(["answer"])
