# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import json

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import HubCase

NOON = "2026-04-23T12:00:00.512Z"


def document(kind, version, at=NOON, author=None, **more):
    named = {"tenant_id": "loja_1", "domain": "retail", "config_type": kind, "version": version}
    written = {} if author is None else {"author": author}
    return {**named, "created_at": NOON, "updated_at": at, **written, **more}


def channel_at_hub(inbox="7", version=5, domain="retail", active=True):
    return {
        "chatwoot_account_id": "1",
        "chatwoot_inbox_id": inbox,
        "domain": domain,
        "active": active,
        "version": version,
        "updated_at": NOON,
        "author": "somebody",
    }


def finding(status, version=0, **more):
    return {"status": status, "version": version, "digest": None, **more}


def channel_finding(status, inbox="7"):
    return {**finding(status), "chatwoot_account_id": "1", "chatwoot_inbox_id": inbox}


@tagged("post_install", "-at_install")
class TestLook(HubCase):
    def setUp(self):
        super().setUp()
        self.shop = self.new_client()
        self.channel = self.new_channel(self.shop)
        self.send_all()
        self.hub.received.clear()

    def hub_has(
        self, documents=(), mappings=(), channels=(), held=(), histories=(), collections=()
    ):
        entry = {
            "documents": list(documents),
            "mappings": list(mappings),
            "collections": list(collections),
        }
        self.hub.answers += [
            (200, {"summary": {}, "entries": [entry]}),
            (200, {"channels": list(channels)}),
        ]
        if held:
            self.hub.answers += [(200, list(held)), *((200, list(one)) for one in histories)]

    def look_at(self, record):
        action = record.action_look()
        self.assertEqual(action["res_model"], "ai.hub.look")
        return self.env["ai.hub.look"].with_user(record.env.user).browse(action["res_id"])

    def told(self, look):
        return [(thing.name, thing.standing, thing.version) for thing in look.thing_ids]

    def test_client_is_compared_with_what_the_hub_acknowledged(self):
        self.connection.api_key = "oac_abcdefghijkl_" + "x" * 43
        self.hub_has(
            documents=[
                {"config_type": "config", **finding("differs", 4)},
                {"config_type": "credentials", **finding("equal", 2)},
            ],
            mappings=[channel_finding("equal")],
            channels=[channel_at_hub(), channel_at_hub("8"), channel_at_hub("9", domain="food")],
            held=[document("config", 4), document("credentials", 2), document("crews", 1)],
            histories=[
                [
                    document("config", 4, "2026-04-23T13:00:00.000Z", "painel"),
                    document("config", 3, NOON, "abcdefghijkl", deleted=True),
                ],
                [document("credentials", 2, "2026-04-23T12:30:00.000Z", "abcdefghijkl")],
                [document("crews", 1, "2026-04-22T12:00:00.000Z", "painel")],
            ],
        )
        look = self.look_at(self.shop)
        self.assertFalse(look.trouble)
        self.assertFalse(look.waiting)
        self.assertEqual(
            self.told(look),
            [
                ("Settings", "later", 4),
                ("Credentials", "equal", 2),
                ("Crews", "unknown", 1),
                ("Account 1, inbox 7", "equal", 5),
                ("Account 1, inbox 8", "unknown", 5),
            ],
        )
        self.assertEqual(look.thing_ids.mapped("acknowledged"), [3, 2, 0, 5, 0])
        self.assertEqual(
            look.thing_ids.mapped("author"),
            ["painel", "This Odoo", "painel", "somebody", "somebody"],
        )
        self.assertEqual(
            [(one.name, one.version, one.author) for one in look.change_ids],
            [
                ("Settings", 4, "painel"),
                ("Credentials", 2, "This Odoo"),
                ("Settings (deleted)", 3, "This Odoo"),
                ("Crews", 1, "painel"),
            ],
        )
        self.assertEqual(str(look.change_ids[1].changed_at), "2026-04-23 12:30:00")
        self.assertEqual(look.page_url, f"{self.hub.url}/ui/clients/loja_1/retail")
        self.assertEqual(
            [(request.method, request.path) for request in self.hub.received],
            [
                ("POST", "/v1/reconcile"),
                ("GET", "/v1/tenants/loja_1/channels"),
                ("GET", "/configs/loja_1?domain=retail"),
                *(
                    ("GET", f"/configs/loja_1/retail/{kind}/history?limit=5")
                    for kind in ("config", "credentials", "crews")
                ),
            ],
        )
        [known] = json.loads(self.hub.received[0].body)["known"]
        self.assertEqual(known, self.shop._hub_known())

    def test_what_the_hub_has_lost_is_told(self):
        self.hub_has(
            documents=[
                {"config_type": "config", **finding("missing")},
                {"config_type": "credentials", **finding("missing", 3, deleted=True)},
            ],
            mappings=[channel_finding("missing")],
            held=[document("metadata", 1)],
            histories=[[]],
            collections=[{"name": "products", **finding("missing", 2)}],
        )
        self.assertEqual(
            self.told(self.look_at(self.shop)),
            [
                ("Company Profile", "unknown", 1),
                ("Settings", "missing", 0),
                ("Credentials", "deleted", 0),
                ("Account 1, inbox 7", "missing", 0),
                ("Collection products", "unknown", 0),
            ],
        )

    def test_restored_hub_has_another_content_under_the_same_number(self):
        self.hub_has(
            documents=[{"config_type": "config", **finding("differs", 3)}],
            held=[document("config", 3)],
            histories=[[document("config", 3, author="painel")]],
        )
        self.assertEqual(self.told(self.look_at(self.shop))[0], ("Settings", "differs", 3))

    def test_change_on_its_way_is_told(self):
        self.shop.name = "Outra"
        self.channel.sequence = 3
        self.hub_has(
            held=[document("config", 3)], histories=[[]], channels=[channel_at_hub(active=False)]
        )
        look = self.look_at(self.shop)
        self.assertTrue(look.waiting)
        self.assertEqual(
            self.told(look),
            [
                ("Settings", "waiting", 3),
                ("Credentials", "waiting", 0),
                ("Account 1, inbox 7 (switched off)", "waiting", 5),
            ],
        )

    def test_profile_of_the_company_is_compared_too(self):
        profile = self.env["ai.hub.company"].create({"credentials_id": self.shop.id})
        self.hub_has(held=[document("metadata", 4)], histories=[[]])
        self.assertEqual(self.told(self.look_at(self.shop)), [("Company Profile", "waiting", 4)])
        profile.write({"sync_state": "done", "metadata_version": 3})
        self.hub_has(
            documents=[{"config_type": "metadata", **finding("differs", 4)}],
            held=[document("metadata", 4)],
            histories=[[]],
        )
        self.assertEqual(self.told(self.look_at(self.shop)), [("Company Profile", "later", 4)])

    def test_channel_is_shown_alone(self):
        self.hub_has(
            mappings=[channel_finding("equal")], channels=[channel_at_hub("8"), channel_at_hub()]
        )
        look = self.look_at(self.channel)
        self.assertEqual(self.told(look), [("Account 1, inbox 7", "equal", 5)])
        self.assertFalse(look.change_ids)
        self.assertEqual(len(self.hub.received), 2)

    def test_channel_that_was_given_away_is_told(self):
        self.hub_has(mappings=[channel_finding("taken")])
        self.assertEqual(
            self.told(self.look_at(self.channel)), [("Account 1, inbox 7", "taken", 0)]
        )

    def test_channel_of_all_inboxes_that_the_hub_never_had(self):
        channel = self.new_channel(self.shop, inbox=0)
        self.hub_has()
        look = self.look_at(channel)
        self.assertEqual(self.told(look), [("Account 1, all inboxes", "waiting", 0)])
        self.assertTrue(look.waiting)

    def test_faults_are_told_in_words(self):
        for place, (code, told) in enumerate(
            (
                ("invalid_api_key", "does not accept the API key"),
                ("scope_missing", "config:read"),
                ("route_not_found", "too old"),
            )
        ):
            self.hub.answers.clear()
            self.hub_has(held=[document("config", 3)])
            self.hub.answers[place:] = []
            self.hub.will_refuse(403, code)
            look = self.look_at(self.shop)
            self.assertIn(told, look.trouble)
            self.assertFalse(look.thing_ids)
        self.hub_has(held=[document("config", 3)])
        self.hub.will_refuse(503, "store_unavailable", "O banco não responde")
        self.assertIn("O banco não responde", self.look_at(self.shop).trouble)
        self.connection.url = False
        look = self.look_at(self.channel)
        self.assertIn("URL is not set", look.trouble)
        self.assertFalse(look.page_url)

    def test_other_answers_are_not_taken_for_those_of_a_hub(self):
        for answer in ({}, [1], {"status": "ready"}, b"<html>"):
            self.hub_has()
            self.hub.answers.append((200, answer))
            with self.subTest(answer=answer):
                self.assertIn("is not the hub", self.look_at(self.shop).trouble)

    def test_operators_may_look_and_see_the_address_only(self):
        user = self.env["res.users"].create({"login": "looks", "name": "looks"})
        with self.assertRaises(AccessError):
            self.shop.with_user(user).action_look()
        self.env.ref("odoo_ai_config.group_user").sudo().user_ids = [Command.link(user.id)]
        self.hub_has(mappings=[channel_finding("equal")], channels=[channel_at_hub()])
        look = self.look_at(self.channel.with_user(user))
        self.assertEqual(self.told(look), [("Account 1, inbox 7", "equal", 5)])
        self.assertEqual(look.page_url, f"{self.hub.url}/ui/clients/loja_1/retail")
        for record in (look, look.thing_ids):
            with self.assertRaises(AccessError):
                record.write({})
        other = self.env["res.users"].create({"login": "other", "name": "other"})
        self.env.ref("odoo_ai_config.group_user").sudo().user_ids = [Command.link(other.id)]
        with self.assertRaises(AccessError):
            look.with_user(other).read(["page_url"])
