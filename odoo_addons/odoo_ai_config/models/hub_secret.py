# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, fields, models

from ..uniqueness import keep_unique


class HubSecret(models.Model):
    """
    What Odoo has to send to the hub, or to show it, and nobody is to read here.

    No access right opens this model, not even an administrator's: the code that sends reads
    it, as the superuser. It lives apart from the records that it belongs to, so that no form,
    export, copy or RPC call on these can bring it out. It is in clear, and whoever may have
    Odoo run code (templates, pages, server actions) can read it as the superuser, too.
    """

    _name = "ai.hub.secret"
    _description = "Secret of the AI Hub"
    _rec_name = "name"

    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(
        string="Record", model_field="res_model", required=True, readonly=True
    )
    name = fields.Char(required=True, readonly=True)
    value = fields.Char(required=True, readonly=True)

    def init(self):
        keep_unique(self.env.cr, self._table, ("res_model", "res_id", "name"))

    @api.model
    def _of(self, owner):
        """
        The secrets of one record, by name.
        """
        return {secret.name: secret.value for secret in self._stored(owner)}

    @api.model
    def _names(self, owners):
        """
        Which secrets each of *owners* has, by its id.
        """
        names = {}
        for secret in self._stored(owners):
            names.setdefault(secret.res_id, set()).add(secret.name)
        return names

    @api.model
    def _keep(self, owner, values):
        """
        Put *values* in the place of the secrets of these names; an empty one removes it.
        """
        stored = {secret.name: secret for secret in self._stored(owner)}
        for name, value in values.items():
            secret = stored.get(name, self.browse())
            if not value:
                secret.unlink()
            elif secret:
                secret.value = value
            else:
                self.create(
                    {
                        "res_model": owner._name,
                        "res_id": owner.id,
                        "name": name,
                        "value": value,
                    }
                )

    @api.model
    def _forget(self, owners):
        self._stored(owners).unlink()

    @api.model
    def _stored(self, owners):
        return self.search([("res_model", "=", owners._name), ("res_id", "in", owners.ids)])
