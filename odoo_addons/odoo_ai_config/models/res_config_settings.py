# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, fields, models

# The fields of the settings, and the fields of the connection that store them.
_FIELDS = {
    "ai_hub_url": "url",
    "ai_hub_api_key": "api_key",
    "ai_hub_signing_secret": "signing_secret",
}


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    ai_hub_url = fields.Char(string="Hub URL", compute="_compute_ai_hub", readonly=False)
    ai_hub_api_key = fields.Char(string="Hub API Key", compute="_compute_ai_hub", readonly=False)
    ai_hub_signing_secret = fields.Char(
        string="Hub Signing Secret", compute="_compute_ai_hub", readonly=False
    )
    ai_hub_reconciled_at = fields.Datetime(
        string="Last Compared with the Hub", compute="_compute_ai_hub"
    )
    ai_hub_reconciliation = fields.Char(
        string="Result of the Comparison", compute="_compute_ai_hub"
    )

    @api.depends("company_id")
    def _compute_ai_hub(self):
        for settings in self:
            connection = self.env["ai.hub.connection"]._of(settings.company_id)
            for name, source in _FIELDS.items():
                settings[name] = connection[source]
            settings.ai_hub_reconciled_at = connection.reconciled_at
            settings.ai_hub_reconciliation = connection.reconciliation

    @api.model_create_multi
    def create(self, vals_list):
        """
        Save to the connection at once, not to the settings' own record: a key must not be in its
        table. The web client saves settings before it applies them or calls one of their buttons.
        """
        rest = [{name: vals[name] for name in vals if name not in _FIELDS} for vals in vals_list]
        all_settings = super().create(rest)
        for settings, vals in zip(all_settings, vals_list, strict=True):
            settings._ai_hub_keep(vals)
        return all_settings

    def write(self, vals):
        result = super().write({name: vals[name] for name in vals if name not in _FIELDS})
        for settings in self:
            settings._ai_hub_keep(vals)
        return result

    def _ai_hub_keep(self, vals):
        given = {source: vals[name] for name, source in _FIELDS.items() if name in vals}
        connection = self.env["ai.hub.connection"].search(
            [("company_id", "=", self.company_id.id)], limit=1
        )
        if connection and given:
            connection.write(given)
        elif any(given.values()):
            self.env["ai.hub.connection"].create({"company_id": self.company_id.id, **given})
        self.invalidate_recordset(list(_FIELDS))

    def action_ai_hub_check(self):
        self.ensure_one()
        connection = self.env["ai.hub.connection"]._of(self.company_id)
        return connection._notification(*connection._check())

    def action_ai_hub_reconcile(self):
        self.ensure_one()
        return self.env["ai.hub.connection"]._of(self.company_id)._reconcile_and_tell()
