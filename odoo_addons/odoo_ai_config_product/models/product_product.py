# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, models

_TOLD = {"active", "default_code", "barcode", "lst_price", "product_template_attribute_value_ids"}


class ProductProduct(models.Model):
    _inherit = "product.product"

    @api.model_create_multi
    def create(self, vals_list):
        variants = super().create(vals_list)
        variants.product_tmpl_id._hub_touch()
        return variants

    def write(self, vals):
        result = super().write(vals)
        if _TOLD & set(vals):
            self.product_tmpl_id._hub_touch()
        return result

    def unlink(self):
        templates = self.product_tmpl_id
        result = super().unlink()
        templates.exists()._hub_touch()
        return result

    def _hub_variant(self):
        values = self.product_template_attribute_value_ids
        return {
            "id": self.id,
            "code": self.default_code or "",
            "barcode": self.barcode or "",
            "price": self.product_tmpl_id._hub_price(self.lst_price),
            "attributes": {value.attribute_id.name: value.name for value in values},
        }
