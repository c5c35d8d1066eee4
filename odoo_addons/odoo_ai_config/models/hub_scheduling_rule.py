# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .hub_week_mixin import DAYS, HOURS, PERIODS, ends_of

_TIMES = ("duration", "min_interval", "min_advance_time", "max_advance_time")


class HubSchedulingRule(models.Model):
    """
    When and how a client's customers can make an appointment for one of its services.
    """

    _name = "ai.hub.scheduling.rule"
    _inherit = ["ai.hub.item.mixin", "ai.hub.week.mixin"]
    _description = "Scheduling Rule for AI Services"
    _order = "name, id"

    _hub_collection = "scheduling_rules"
    _hub_item_fields = (
        "credentials_id",
        "active",
        "name",
        "description",
        "service_type",
        "service_type_other",
        *_TIMES,
        *DAYS,
        *HOURS,
        "cancellation_policy",
        "rescheduling_policy",
        "additional_info",
    )

    active = fields.Boolean(default=True)
    credentials_id = fields.Many2one(
        "ai.hub.credentials",
        string="Client",
        required=True,
        ondelete="cascade",
        index=True,
        help="All business areas of the client's account share the rule.",
    )
    company_id = fields.Many2one(related="credentials_id.company_id", store=True, index=True)
    name = fields.Char(required=True)
    description = fields.Text()
    service_type = fields.Selection(
        [
            ("appointment", "Appointment"),
            ("consultation", "Consultation"),
            ("class", "Class"),
            ("event", "Event"),
            ("delivery", "Delivery"),
            ("maintenance", "Maintenance"),
            ("other", "Other"),
        ],
        default="appointment",
        required=True,
    )
    service_type_other = fields.Char(string="Other Service")
    duration = fields.Float(default=1.0, help="In hours.")
    min_interval = fields.Float(string="Pause Between Two", help="In hours.")
    min_advance_time = fields.Float(string="Shortest Notice", help="In hours.")
    max_advance_time = fields.Float(string="Longest Notice", help="In hours; 0 for any.")
    cancellation_policy = fields.Text()
    rescheduling_policy = fields.Text()
    additional_info = fields.Text(string="Additional Information")

    @api.constrains(*_TIMES)
    def _check_times(self):
        for rule in self:
            if rule.duration <= 0:
                raise ValidationError(self.env._("An appointment takes more than zero minutes."))
            if any(rule[name] < 0 for name in _TIMES):
                raise ValidationError(self.env._("Pauses and notices cannot be negative."))
            if 0 < rule.max_advance_time < rule.min_advance_time:
                raise ValidationError(
                    self.env._("The longest notice is shorter than the shortest one.")
                )

    def _hub_item(self):
        hours = {}
        for name, period in zip(("weekdays", "saturday", "sunday"), PERIODS, strict=True):
            start, end = ends_of(period)
            hours[name] = {"start": self[start], "end": self[end]}
        return {
            "name": self.name,
            "description": self.description or "",
            "service_type": self.service_type,
            "service_type_other": self.service_type_other or "",
            **{name: self[name] for name in _TIMES},
            "days_available": {day: self[day] for day in DAYS},
            "hours": hours,
            "policies": {
                "cancellation": self.cancellation_policy or "",
                "rescheduling": self.rescheduling_policy or "",
            },
            "additional_info": self.additional_info or "",
        }
