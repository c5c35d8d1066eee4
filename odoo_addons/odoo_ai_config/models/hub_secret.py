# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, fields, models

from ..uniqueness import keep_unique


class HubSecret(models.Model):
    """
    Secrets that Odoo sends to the hub, or shows to it, and no user may read.

    No access right opens this model, not even an administrator's: the code that sends reads it as
    the superuser. It is separate from the records that own the secrets, so no form, export, copy
    or RPC call on them returns a secret. Secrets are in plain text, and users who can make Odoo
    run code (templates, pages, server actions) can read them as the superuser, too.
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
        The names of the secrets of each of *owners*, by its id.
        """
        names = {}
        for secret in self._stored(owners):
            names.setdefault(secret.res_id, set()).add(secret.name)
        return names

    @api.model
    def _keep(self, owner, values):
        """
        Replace the secrets of these names with *values*; an empty one removes the secret.
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
