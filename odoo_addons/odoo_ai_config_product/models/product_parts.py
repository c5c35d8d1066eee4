# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import models


class ProductPartMixin(models.AbstractModel):
    """
    Parts of a product's description whose changes Odoo does not report on the product.
    """

    _name = "ai.hub.product.part.mixin"
    _description = "Part of a Product at the AI Hub"

    # The fields used in descriptions, and the way to the products.
    _hub_part_fields = ()

    def write(self, vals):
        result = super().write(vals)
        if set(self._hub_part_fields) & set(vals):
            products = self.env["product.template"].sudo()
            domain = [("ai_client_ids", "!=", False), *self._hub_products()]
            products.search(domain)._hub_touch()
        return result

    def _hub_products(self):
        raise NotImplementedError


class ProductCategory(models.Model):
    _name = "product.category"
    _inherit = ["product.category", "ai.hub.product.part.mixin"]

    _hub_part_fields = ("name", "parent_id")

    def _hub_products(self):
        return [("categ_id", "child_of", self.ids)]


class ProductAttribute(models.Model):
    _name = "product.attribute"
    _inherit = ["product.attribute", "ai.hub.product.part.mixin"]

    _hub_part_fields = ("name",)

    def _hub_products(self):
        return [("attribute_line_ids.attribute_id", "in", self.ids)]


class ProductAttributeValue(models.Model):
    _name = "product.attribute.value"
    _inherit = ["product.attribute.value", "ai.hub.product.part.mixin"]

    _hub_part_fields = ("name",)

    def _hub_products(self):
        return [("attribute_line_ids.value_ids", "in", self.ids)]


class ProductTemplateAttributeValue(models.Model):
    _name = "product.template.attribute.value"
    _inherit = ["product.template.attribute.value", "ai.hub.product.part.mixin"]

    _hub_part_fields = ("price_extra", "ptav_active")

    def _hub_products(self):
        return [("id", "in", self.product_tmpl_id.ids)]


class UnitOfMeasure(models.Model):
    _name = "uom.uom"
    _inherit = ["uom.uom", "ai.hub.product.part.mixin"]

    _hub_part_fields = ("name",)

    def _hub_products(self):
        return [("uom_id", "in", self.ids)]
