# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, models
from odoo.exceptions import AccessError, ValidationError

# The text that a field with a secret shows, which is therefore not a secret.
MASK = "••••••••"


class HubSecretsMixin(models.AbstractModel):
    """
    Fields that accept a secret and never show it again.

    The fields are computed, have no column and are listed in `_hub_secret_fields`. Written values
    are taken out before Odoo sees them, so they are in no cache, no answer to the web client and
    no column of the record.
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
        # Also if nothing is left to write: Odoo would then check nothing.
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
        *vals* without the secrets, and the secrets that the user really entered.
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
        Refuse unusable secrets; for models to override.
        """

    def _hub_secrets(self):
        """
        The secrets themselves, for the code that sends them.
        """
        self.ensure_one()
        if not self.env.su:
            raise AccessError(self.env._("Secrets of the AI hub are not shown to anybody."))
        return self.env["ai.hub.secret"]._of(self)
