# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, models
from odoo.exceptions import AccessError, ValidationError

# What a field with a secret shows, and what therefore is none.
MASK = "••••••••"


class HubSecretsMixin(models.AbstractModel):
    """
    Fields that take a secret and never show it again.

    The fields are computed, hold nothing and are named by `_hub_secret_fields`. What is
    written to them is taken out before Odoo sees it, so that it gets into no cache, no
    answer to the web client and no column of the record.
    """

    _name = "ai.hub.secrets.mixin"
    _description = "Record with Secrets of the AI Hub"

    _hub_secret_fields = ()

    def _compute_hub_secrets(self):
        names = self.env["ai.hub.secret"].sudo()._names(self._origin)
        for record in self:
            known = names.get(record._origin.id, ())
            for name in self._hub_secret_fields:
                record[name] = MASK if name in known else False

    @api.model_create_multi
    def create(self, vals_list):
        parted = [self._hub_parted(vals) for vals in vals_list]
        records = super().create([vals for vals, _secrets in parted])
        for record, (_vals, secrets) in zip(records, parted, strict=True):
            record._hub_keep(secrets)
        return records

    def write(self, vals):
        rest, secrets = self._hub_parted(vals)
        # Also where nothing is left to write, of which Odoo would check nothing.
        self.check_access("write")
        result = super().write(rest)
        for record in self:
            record._hub_keep(secrets)
        return result

    def unlink(self):
        owners = self.browse(self.ids)
        result = super().unlink()
        self.env["ai.hub.secret"].sudo()._forget(owners)
        return result

    @api.model
    def _hub_parted(self, vals):
        """
        *vals* without the secrets, and the secrets that were really typed in.
        """
        names = set(self._hub_secret_fields)
        rest = {name: value for name, value in vals.items() if name not in names}
        secrets = {name: value for name, value in vals.items() if name in names and value != MASK}
        return rest, secrets

    def _hub_keep(self, secrets):
        if not secrets:
            return
        if any(value and MASK[0] in value for value in secrets.values()):
            raise ValidationError(
                self.env._(
                    "The dots stand for what is stored. Delete them before you type something "
                    "new in their place."
                )
            )
        self._hub_check_secrets(secrets)
        self.env["ai.hub.secret"].sudo()._keep(self, secrets)
        self.invalidate_recordset(self._hub_secret_fields)

    @api.model
    def _hub_check_secrets(self, secrets):
        """
        Refuse secrets that cannot be of use; to be overridden.
        """

    def _hub_secrets(self):
        """
        The secrets themselves, for the code that sends them.
        """
        self.ensure_one()
        if not self.env.su:
            raise AccessError(self.env._("Secrets of the AI hub are not shown to anybody."))
        return self.env["ai.hub.secret"]._of(self)
