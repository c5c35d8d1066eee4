# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, fields, models
from odoo.exceptions import ValidationError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
DAYS = (*WEEKDAYS, "saturday", "sunday")
PERIODS = ("business_hours", "saturday_hours", "sunday_hours")


def ends_of(*periods):
    """
    The fields with the beginning and end of *periods*.
    """
    return tuple(f"{period}_{end}" for period in periods for end in ("start", "end"))


HOURS = ends_of(*PERIODS)


class HubWeekMixin(models.AbstractModel):
    """
    Days of the week with opening hours.
    """

    _name = "ai.hub.week.mixin"
    _description = "Hours of a Week"

    monday = fields.Boolean(default=True)
    tuesday = fields.Boolean(default=True)
    wednesday = fields.Boolean(default=True)
    thursday = fields.Boolean(default=True)
    friday = fields.Boolean(default=True)
    saturday = fields.Boolean()
    sunday = fields.Boolean()
    business_hours_start = fields.Float(string="Opens", default=9.0)
    business_hours_end = fields.Float(string="Closes", default=18.0)
    saturday_hours_start = fields.Float(string="Opens on Saturdays", default=9.0)
    saturday_hours_end = fields.Float(string="Closes on Saturdays", default=13.0)
    sunday_hours_start = fields.Float(string="Opens on Sundays", default=9.0)
    sunday_hours_end = fields.Float(string="Closes on Sundays", default=13.0)

    @api.constrains(*DAYS, *HOURS)
    def _check_week(self):
        for record in self:
            record._check_clock(HOURS)
            if any(record[day] for day in WEEKDAYS):
                record._check_period("business_hours")
            for day in ("saturday", "sunday"):
                if record[day]:
                    record._check_period(f"{day}_hours")

    def _check_clock(self, names):
        for name in names:
            if not 0 <= self[name] <= 24:
                raise ValidationError(
                    self.env._(
                        "%(field)s: an hour is between 00:00 and 24:00.", field=self._label(name)
                    )
                )

    def _check_period(self, period):
        start, end = ends_of(period)
        if self[start] >= self[end]:
            raise ValidationError(
                self.env._(
                    "“%(end)s” must be later than “%(start)s”.",
                    start=self._label(start),
                    end=self._label(end),
                )
            )

    def _label(self, name):
        return self.fields_get([name], ["string"])[name]["string"]
