# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import polib

from odoo import Command
from odoo.addons.odoo_ai_config.tests.test_collections import CollectionCase
from odoo.exceptions import ValidationError
from odoo.modules.neutralize import neutralize_database
from odoo.tests import tagged
from odoo.tools import file_path

from ..hooks import uninstall_hook


@tagged("post_install", "-at_install")
class TestProducts(CollectionCase):
    def setUp(self):
        super().setUp()
        self.shirt = self.new_product()

    def new_product(self, **values):
        product = {
            "name": "Camisa",
            "list_price": 59.9,
            "default_code": "CAM-1",
            "barcode": "7890000000017",
            "description_sale": "De algodão",
            "ai_client_ids": [Command.set(self.shop.ids)],
        }
        return self.env["product.template"].create(product | values)

    def items(self):
        """
        What is sent by now, and what is taken out.
        """
        told, gone = {}, []
        for _method, name, body in self.sent():
            self.assertEqual(name, "products_informations")
            told.update({item["id"]: item for item in body["items"]})
            gone += body.get("removed", [])
        return told, gone

    def test_product_is_told_in_full(self):
        told, _gone = self.items()
        category = self.shirt.categ_id.complete_name or ""
        self.assertEqual(
            told[self.shirt.id],
            {
                "id": self.shirt.id,
                "name": "Camisa",
                "code": "CAM-1",
                "barcode": "7890000000017",
                "description": "De algodão",
                "category": category,
                "type": "consu",
                "price": 59.9,
                "currency": self.shirt.currency_id.name,
                "uom": self.shirt.uom_id.name,
                "sale_ok": True,
                "active": True,
            },
        )
        self.assertEqual(self.shirt.ai_hub_state, "done")

    def test_neutralized_copy_forgets_what_the_original_was_to_tell_of_products(self):
        self.assertEqual(self.shirt.ai_hub_state, "pending")
        self.addCleanup(self.env.registry.clear_cache, "stable")
        self.env.flush_all()
        neutralize_database(self.env.cr)
        self.env.invalidate_all()
        self.env.registry.clear_cache("stable")
        self.assertFalse(self.shirt.ai_hub_change_ids)
        self.assertEqual(self.sent(), [])
        self.shirt.list_price = 1
        self.assertEqual(self.sent(), [])
        self.assertIn("neutralized copy", self.shirt.ai_hub_message)

    def test_product_that_is_not_chosen_stays_in_odoo(self):
        self.settle()
        other = self.new_product(ai_client_ids=False, barcode=False)
        other.list_price = 1
        self.assertEqual(self.items(), ({}, []))
        self.assertFalse(other.ai_hub_state)

    def test_price_and_name_are_sent_by_themselves(self):
        self.settle()
        self.shirt.list_price = 49.9
        self.assertEqual(self.items()[0][self.shirt.id]["price"], 49.9)
        self.shirt.name = "Camiseta"
        self.assertEqual(self.items()[0][self.shirt.id]["name"], "Camiseta")
        self.shirt.product_variant_id.default_code = "CAM-2"
        self.assertEqual(self.items()[0][self.shirt.id]["code"], "CAM-2")
        self.shirt.standard_price = 12
        self.assertEqual(self.items(), ({}, []))

    def test_archived_deleted_and_unchosen_products_are_taken_out(self):
        deleted, unchosen = (self.new_product(barcode=False) for _ in range(2))
        self.settle()
        gone = [str(product.id) for product in (self.shirt, deleted, unchosen)]
        self.shirt.active = False
        deleted.unlink()
        unchosen.ai_client_ids = False
        self.assertEqual(self.items(), ({}, gone))
        self.shirt.active = True
        self.assertIn(self.shirt.id, self.items()[0])

    def test_products_of_an_archived_client_are_taken_out(self):
        self.settle()
        self.shop.active = False
        self.assertEqual(self.items(), ({}, [str(self.shirt.id)]))
        self.shop.active = True
        self.settle()
        self.shop.unlink()
        self.assertEqual(self.items(), ({}, [str(self.shirt.id)]))

    def test_copy_of_a_product_is_nobodys(self):
        self.assertFalse(self.shirt.copy().ai_client_ids)

    def test_variants_are_told_with_what_tells_them_apart(self):
        color = self.env["product.attribute"].create({"name": "Cor"})
        values = self.env["product.attribute.value"].create(
            [{"name": name, "attribute_id": color.id} for name in ("Azul", "Verde")]
        )
        line = {"attribute_id": color.id, "value_ids": [Command.set(values.ids)]}
        self.shirt.attribute_line_ids = [Command.create(line)]
        told = self.items()[0][self.shirt.id]
        self.assertEqual(told["attributes"], {"Cor": ["Azul", "Verde"]})
        blue, green = told["variants"]
        self.assertEqual((blue["attributes"], blue["price"]), ({"Cor": "Azul"}, 59.9))
        self.assertEqual(green["id"], self.shirt.product_variant_ids[1].id)

        extra = self.shirt.attribute_line_ids.product_template_value_ids[1]
        extra.price_extra = 10
        self.assertEqual(self.items()[0][self.shirt.id]["variants"][1]["price"], 69.9)
        self.shirt.product_variant_ids[0].barcode = "7890000000024"
        [first, _second] = self.items()[0][self.shirt.id]["variants"]
        self.assertEqual(first["barcode"], "7890000000024")
        archived = self.shirt.product_variant_ids[1]
        archived.active = False
        self.assertEqual(len(self.items()[0][self.shirt.id]["variants"]), 1)
        color.name = "Tom"
        self.assertIn("Tom", self.items()[0][self.shirt.id]["attributes"])
        values[0].name = "Anil"
        self.assertEqual(
            self.items()[0][self.shirt.id]["variants"][0]["attributes"], {"Tom": "Anil"}
        )
        archived.active = True
        archived.unlink()
        self.assertEqual(len(self.items()[0][self.shirt.id]["variants"]), 1)

    def test_category_that_is_renamed_is_told_of_its_products(self):
        clothes = self.env["product.category"].create({"name": "Roupas"})
        shirts = self.env["product.category"].create({"name": "Camisas", "parent_id": clothes.id})
        self.shirt.categ_id = shirts
        self.settle()
        clothes.name = "Vestuário"
        self.assertEqual(self.items()[0][self.shirt.id]["category"], "Vestuário / Camisas")

    def test_words_are_in_the_language_of_the_company_whoever_saves(self):
        self.env["res.lang"]._activate_lang("pt_BR")
        self.shirt.with_context(lang="pt_BR").name = "Camisa Polo"
        self.shirt.with_context(lang="en_US").name = "Polo Shirt"
        self.assertEqual(self.items()[0][self.shirt.id]["name"], "Polo Shirt")
        self.env.company.partner_id.lang = "pt_BR"
        self.shirt.with_context(lang="en_US").list_price = 1
        self.assertEqual(self.items()[0][self.shirt.id]["name"], "Camisa Polo")

    def test_many_products_are_chosen_and_taken_away_at_once(self):
        products = self.new_product(barcode=False, ai_client_ids=False)
        products += self.new_product(barcode=False, ai_client_ids=False)
        self.settle()
        choices = self.env["ai.hub.product.choice"].with_context(active_ids=products.ids)
        choice = choices.create({"client_ids": [Command.set(self.shop.ids)]})
        self.assertEqual(choice.product_count, 2)
        choice.action_add()
        self.assertEqual(set(self.items()[0]), set(products.ids))
        choice.action_remove()
        self.assertEqual(self.items()[1], [str(id_) for id_ in products.ids])

    def test_product_and_client_belong_to_one_company(self):
        company = self.env["res.company"].create({"name": "Filial"})
        with self.assertRaisesRegex(ValidationError, "different companies"), self.cr.savepoint():
            self.new_product(barcode=False, company_id=company.id)

    def test_people_without_the_group_change_products_and_see_nothing_of_the_hub(self):
        self.settle()
        user = self.env["res.users"].create({"login": "seller", "name": "Seller"})
        group = self.env.ref("product.group_product_manager").sudo()
        group.user_ids = [Command.link(user.id)]
        shirt = self.shirt.with_user(user)
        shirt.list_price = 39.9
        self.assertEqual(self.items()[0][self.shirt.id]["price"], 39.9)
        for product in (shirt, shirt.product_variant_id):
            [values] = product.read()
            self.assertFalse({"ai_client_ids", "ai_hub_state", "ai_hub_change_ids"} & set(values))

    def test_warning_names_the_client_that_does_not_enable_products(self):
        self.assertIn("does not enable Products", self.shirt.ai_hub_warning)

    def test_no_text_is_left_untranslated(self):
        path = file_path("odoo_ai_config_product/i18n/pt_BR.po")
        entries = polib.pofile(path)
        self.assertTrue(entries)
        self.assertEqual([entry.msgid for entry in entries if not entry.msgstr], [])

    def test_nothing_of_products_is_left_behind(self):
        collection = self.collection(name="products_informations")
        self.assertTrue(collection)
        uninstall_hook(self.env)
        self.assertFalse(collection.exists())
        self.deliver()
        self.assertEqual(self.hub.received, [])
