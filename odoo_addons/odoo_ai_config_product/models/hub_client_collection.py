# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, models


class HubClientCollection(models.Model):
    _inherit = "ai.hub.client.collection"

    @api.model
    def _sources(self):
        products = self.env["product.template"]
        return super()._sources() | {products._hub_collection: products._name}
