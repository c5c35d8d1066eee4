# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import Command, api, fields, models


class HubProductChoice(models.TransientModel):
    """
    Adds products of a list to clients, or removes them.
    """

    _name = "ai.hub.product.choice"
    _description = "Choice of Products for AI Clients"

    client_ids = fields.Many2many("ai.hub.credentials", string="AI Clients", required=True)
    product_count = fields.Integer(string="Products", compute="_compute_product_count")

    @api.depends_context("active_ids")
    def _compute_product_count(self):
        self.product_count = len(self.env.context.get("active_ids", ()))

    def action_add(self):
        """
        Add the products to the clients.
        """
        return self._choose(Command.link)

    def action_remove(self):
        """
        Remove the products from the clients.
        """
        return self._choose(Command.unlink)

    def _choose(self, command):
        products = self.env["product.template"].browse(self.env.context.get("active_ids", ()))
        products.write({"ai_client_ids": [command(client.id) for client in self.client_ids]})
        return {"type": "ir.actions.act_window_close"}
