# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, fields, models
from odoo.addons.odoo_ai_config.models.hub_item_mixin import HUB_STATES
from odoo.exceptions import ValidationError
from odoo.tools import html2plaintext


class ProductTemplate(models.Model):
    _name = "product.template"
    _inherit = ["product.template", "ai.hub.item.mixin"]

    _hub_collection = "products_informations"
    _hub_client_field = "ai_client_ids"
    _hub_item_fields = (
        "ai_client_ids",
        "active",
        "name",
        "default_code",
        "barcode",
        "description_sale",
        "description_ecommerce",
        "categ_id",
        "type",
        "list_price",
        "company_id",
        "uom_id",
        "sale_ok",
        "attribute_line_ids",
        "product_variant_ids",
    )

    ai_client_ids = fields.Many2many(
        "ai.hub.credentials",
        "ai_hub_product_client_rel",
        "product_id",
        "credentials_id",
        string="AI Clients",
        copy=False,
        groups="odoo_ai_config.group_user",
        help="The clients whose AI services know this product and sell it.",
    )
    # Once more, so that Odoo looks for its translations here.
    ai_hub_state = fields.Selection(HUB_STATES)

    @api.constrains("ai_client_ids", "company_id")
    def _check_ai_clients(self):
        for product in self.sudo().filtered("company_id"):
            others = product.ai_client_ids.filtered(
                lambda client, product=product: client.company_id != product.company_id
            )
            if others:
                raise ValidationError(
                    self.env._(
                        "%(product)s and the AI client %(client)s belong to different companies.",
                        product=product.display_name,
                        client=others[0].display_name,
                    )
                )

    def _hub_touch(self):
        """
        Send these products again: something that belongs to them has changed.
        """
        self._hub_note(self._hub_places())

    def _hub_item(self):
        item = {
            "name": self.name,
            "code": self.default_code or "",
            "barcode": self.barcode or "",
            "description": self.description_sale or "",
            "category": self.categ_id.complete_name or "",
            "type": self.type,
            "price": self._hub_price(self.list_price),
            "currency": self.currency_id.name,
            "uom": self.uom_id.name,
            "sale_ok": self.sale_ok,
            "active": self.active,
        }
        # The description of the online shop, if there is one.
        if "description_ecommerce" in self._fields and self.description_ecommerce:
            item["description_ecommerce"] = html2plaintext(self.description_ecommerce)
        if self.attribute_line_ids:
            item["attributes"] = {
                line.attribute_id.name: line.value_ids.mapped("name")
                for line in self.attribute_line_ids
            }
            item["variants"] = [variant._hub_variant() for variant in self.product_variant_ids]
        return item

    @api.model
    def _hub_price(self, price):
        return round(price, self.env["decimal.precision"].precision_get("Product Price"))
