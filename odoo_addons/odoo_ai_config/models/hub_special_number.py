# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .. import phone

_CREW = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_MOST = 200


class HubSpecialNumber(models.Model):
    """
    A WhatsApp number whose messages on a channel go to a crew of their own.
    """

    _name = "ai.hub.special.number"
    _description = "Special WhatsApp Number"
    _rec_name = "number"

    channel_id = fields.Many2one("ai.hub.channel", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="channel_id.company_id", store=True, index=True)
    number = fields.Char(required=True, help="With the country code, such as +55 11 98765-4321.")
    crew = fields.Char(
        required=True,
        default="analytics",
        help="The crew that answers this number, such as analytics or admin.",
    )

    @api.constrains("number", "channel_id")
    def _check_number(self):
        for special in self:
            sender = phone.sender_of(special.number)
            if sender is None:
                raise ValidationError(
                    self.env._(
                        "%(number)s is not a WhatsApp number: write it with country and area "
                        "code, such as +55 11 98765-4321.",
                        number=special.number,
                    )
                )
            wanted = phone.comparable(sender)
            for other in special.channel_id.special_number_ids - special:
                known = phone.sender_of(other.number)
                if known and phone.comparable(known) == wanted:
                    raise ValidationError(
                        self.env._(
                            "%(number)s and %(other)s are the same WhatsApp number. Remove one.",
                            number=special.number,
                            other=other.number,
                        )
                    )
            if len(special.channel_id.special_number_ids) > _MOST:
                raise ValidationError(
                    self.env._("A channel has at most %(most)s special numbers.", most=_MOST)
                )

    @api.constrains("crew")
    def _check_crew(self):
        for special in self:
            if not _CREW.fullmatch(special.crew):
                raise ValidationError(
                    self.env._(
                        "The name of a crew has up to 64 letters without accents, digits or "
                        ". _ - and begins with a letter or a digit."
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        numbers = super().create(vals_list)
        numbers.channel_id._hub_enqueue()
        return numbers

    def write(self, vals):
        channels = self.channel_id
        result = super().write(vals)
        (channels | self.channel_id)._hub_enqueue()
        return result

    def unlink(self):
        channels = self.channel_id
        result = super().unlink()
        channels._hub_enqueue()
        return result
