# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .. import phone
from .common import HubCase


@tagged("post_install", "-at_install")
class TestChannel(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        clients = cls.env["ai.hub.credentials"]
        cls.shop = clients.create({"name": "Loja", "account_id": "loja_1"})
        cls.clinic = clients.create(
            {"name": "Clínica", "account_id": "clinica_1", "business_area": "healthcare"}
        )
        cls.outbox.search([]).unlink()
        cls.env.cr.postcommit.clear()

    def sent(self):
        """
        What the hub gets of the changes so far, as if they had just been committed.
        """
        self.hub.received.clear()
        self.send_all()
        self.cr.postcommit.clear()
        return self.hub.events

    def test_event_says_what_the_record_says(self):
        channel = self.new_channel(
            self.shop,
            is_fallback=True,
            sequence=5,
            special_number_ids=[
                (0, 0, {"number": "+55 11 98765-4321", "crew": "analytics"}),
                (0, 0, {"number": "+351 912 345 678", "crew": "admin"}),
            ],
        )
        self.assertEqual(len(self.waiting()), 1)
        self.assertEqual(
            self.sent(),
            [
                {
                    "event_type": "mapping_sync",
                    "mapping": {
                        "chatwoot_account_id": 1,
                        "chatwoot_inbox_id": 7,
                        "internal_account_id": "loja_1",
                        "domain": "default",
                        "is_fallback": True,
                        "sequence": 5,
                        "active": True,
                        "special_whatsapp_numbers": [
                            {"number": "+55 11 98765-4321", "crew": "analytics"},
                            {"number": "+351 912 345 678", "crew": "admin"},
                        ],
                    },
                }
            ],
        )
        self.assertEqual((channel.sync_state, channel.mapping_version), ("done", 5))

    def test_all_inboxes_are_no_inbox(self):
        self.new_channel(self.shop, inbox=0)
        self.assertIsNone(self.sent()[0]["mapping"]["chatwoot_inbox_id"])

    def test_deactivation_is_sent(self):
        channel = self.new_channel(self.shop)
        self.sent()
        channel.active = False
        [event] = self.sent()
        self.assertEqual(event["event_type"], "mapping_sync")
        self.assertIs(event["mapping"]["active"], False)

    def test_deletion_is_sent_after_the_record_is_gone(self):
        channel = self.new_channel(self.shop)
        self.sent()
        channel.unlink()
        self.assertEqual(
            self.sent(),
            [
                {
                    "event_type": "mapping_delete",
                    "mapping": {
                        "chatwoot_account_id": 1,
                        "chatwoot_inbox_id": 7,
                        "internal_account_id": "loja_1",
                        "domain": "default",
                    },
                }
            ],
        )

    def test_channel_that_is_left_is_removed(self):
        channel = self.new_channel(self.shop)
        self.sent()
        channel.chatwoot_inbox_id = 8
        events = self.sent()
        self.assertEqual(
            [(event["event_type"], event["mapping"]["chatwoot_inbox_id"]) for event in events],
            [("mapping_sync", 8), ("mapping_delete", 7)],
        )
        self.assertEqual(channel.sync_state, "done")

    def test_channel_that_another_line_has_by_now_is_not_removed(self):
        first = self.new_channel(self.shop)
        self.sent()
        first.unlink()
        self.new_channel(self.clinic)
        events = self.sent()
        self.assertEqual([event["event_type"] for event in events], ["mapping_sync"])
        self.assertEqual(events[0]["mapping"]["internal_account_id"], "clinica_1")

    def test_late_deactivation_does_not_undo_what_came_after_it(self):
        first = self.new_channel(self.shop)
        self.sent()
        first.active = False
        self.new_channel(self.clinic)
        events = self.sent()
        self.assertEqual(
            [(e["mapping"]["internal_account_id"], e["mapping"]["active"]) for e in events],
            [("clinica_1", True)],
        )

    def test_channel_moves_to_another_client(self):
        channel = self.new_channel(self.shop)
        self.sent()
        channel.credentials_id = self.clinic
        [event] = self.sent()
        self.assertEqual(event["mapping"]["internal_account_id"], "clinica_1")
        self.assertEqual(event["mapping"]["domain"], "healthcare")

    def test_channels_follow_a_client_that_is_renamed_before_the_hub_knows_it(self):
        self.new_channel(self.shop)
        self.sent()
        self.shop.account_id = "loja_2"
        events = self.sent()
        self.assertEqual(
            [e["mapping"]["internal_account_id"] for e in events if "mapping" in e], ["loja_2"]
        )

    def test_archiving_a_client_switches_its_channels_off(self):
        channel = self.new_channel(self.shop)
        self.sent()
        self.shop.active = False
        self.assertFalse(channel.active)
        [event] = self.sent()
        self.assertIs(event["mapping"]["active"], False)
        with self.assertRaisesRegex(ValidationError, "client of this channel is archived"):
            channel.active = True

    def test_deleting_a_client_deletes_its_channels(self):
        self.new_channel(self.shop)
        self.new_channel(self.shop, inbox=8, active=False)
        self.sent()
        self.shop.unlink()
        self.assertEqual(
            [event["event_type"] for event in self.sent()], ["mapping_delete", "mapping_delete"]
        )

    def test_changes_of_numbers_are_sent(self):
        channel = self.new_channel(self.shop)
        self.sent()
        channel.special_number_ids = [(0, 0, {"number": "+5511987654321"})]
        numbers = [self.sent()[0]["mapping"]["special_whatsapp_numbers"]]
        channel.special_number_ids.crew = "admin"
        numbers.append(self.sent()[0]["mapping"]["special_whatsapp_numbers"])
        channel.special_number_ids.unlink()
        numbers.append(self.sent()[0]["mapping"]["special_whatsapp_numbers"])
        self.assertEqual(
            numbers,
            [
                [{"number": "+5511987654321", "crew": "analytics"}],
                [{"number": "+5511987654321", "crew": "admin"}],
                [],
            ],
        )

    def test_duplicate_is_refused_and_names_who_has_the_channel(self):
        self.new_channel(self.shop)
        with self.assertRaisesRegex(ValidationError, r"belongs to Loja \(loja_1/default\)"):
            self.new_channel(self.clinic)

    def test_archived_line_is_no_duplicate_until_it_is_restored(self):
        first = self.new_channel(self.shop, active=False)
        self.new_channel(self.clinic)
        with self.assertRaisesRegex(ValidationError, "already"):
            first.active = True

    def test_one_inbox_and_all_inboxes_are_two_channels(self):
        self.new_channel(self.shop, inbox=0)
        self.new_channel(self.clinic, inbox=7)
        self.assertEqual(len(self.sent()), 2)

    def test_numbers_of_chatwoot_are_checked(self):
        for account, inbox in ((0, 7), (-1, 7), (1, -7)):
            with (
                self.subTest(account=account, inbox=inbox),
                self.assertRaisesRegex(ValidationError, "Chatwoot"),
                self.cr.savepoint(),
            ):
                self.new_channel(self.shop, account, inbox)

    def test_bad_numbers_are_refused_with_an_example(self):
        for number in ("98765", "onze nove", "+55 11 98765-4321 ramal 2", "1" * 16, "1" * 65):
            with (
                self.subTest(number=number),
                self.assertRaisesRegex(ValidationError, "such as"),
                self.cr.savepoint(),
            ):
                self.new_channel(self.shop, special_number_ids=[(0, 0, {"number": number})])

    def test_number_that_is_there_already_is_refused_however_it_is_written(self):
        with self.assertRaisesRegex(ValidationError, "the same WhatsApp number"):
            self.new_channel(
                self.shop,
                special_number_ids=[
                    (0, 0, {"number": "+55 (11) 98765-4321"}),
                    (0, 0, {"number": "551187654321"}),
                ],
            )

    def test_crews_are_checked(self):
        with self.assertRaisesRegex(ValidationError, "name of a crew"):
            self.new_channel(
                self.shop,
                special_number_ids=[(0, 0, {"number": "+5511987654321", "crew": "a equipe"})],
            )

    def test_numbers_are_read_like_the_hub_reads_them(self):
        self.assertEqual(phone.digits_of(" +55 (11) 98765-4321 "), "5511987654321")
        self.assertIsNone(phone.digits_of(False))
        for hidden in ("BR.13491208655302741918", "176415330668607@lid"):
            self.assertEqual(phone.sender_of(f" {hidden} "), hidden)
            self.assertEqual(phone.comparable(hidden), hidden)
        self.assertEqual(phone.sender_of("+55 11 98765-4321"), "5511987654321")
        self.assertIsNone(phone.sender_of("BR."))
        self.assertEqual(phone.comparable("5511987654321"), "551187654321")
        self.assertEqual(phone.comparable("551133334444"), "551133334444")
        self.assertEqual(phone.comparable("5511933334444"), "5511933334444")
        self.assertEqual(phone.comparable("351912345678"), "351912345678")
        self.assertEqual(phone.comparable("5491123456789"), "541123456789")
        self.assertEqual(phone.digits_of("\u200f\uff0b5511 98765\u20124321"), "5511987654321")

    def test_channel_of_another_tenant_is_told_in_the_words_of_the_hub(self):
        channel = self.new_channel(self.shop)
        self.hub.will_refuse(409, "channel_owned", "O canal pertence a outro cliente")
        self.sent()
        self.assertEqual(channel.sync_state, "failed")
        self.assertIn("O canal pertence a outro cliente", channel.sync_message)

    def test_removal_does_not_speak_for_the_record(self):
        channel = self.new_channel(self.shop)
        self.sent()
        channel.chatwoot_inbox_id = 8
        self.hub.will_refuse(422, "invalid_fields")
        self.sent()
        # The sync was refused; that the removal went well is no news of the channel.
        self.assertEqual(channel.sync_state, "failed")
        self.assertEqual(self.outbox.search([("event", "=", "mapping_delete")]).state, "done")

    def test_two_channels_that_were_left_are_both_removed(self):
        channel = self.new_channel(self.shop)
        self.sent()
        channel.chatwoot_inbox_id = 8
        channel.chatwoot_inbox_id = 9
        removed = [
            event["mapping"]["chatwoot_inbox_id"]
            for event in self.sent()
            if event["event_type"] == "mapping_delete"
        ]
        self.assertEqual(removed, [7, 8])

    def test_display_names_say_which_channel_it_is(self):
        self.assertEqual(self.new_channel(self.shop).display_name, "Account 1, inbox 7")
        self.assertEqual(
            self.new_channel(self.shop, inbox=0).display_name, "Account 1, all inboxes"
        )
