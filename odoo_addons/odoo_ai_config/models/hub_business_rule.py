# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class HubBusinessRule(models.Model):
    """
    A rule that AI services follow for a client, permanent or temporary.

    A temporary rule is sent with its dates, also before it starts; AI services compare them
    with the date. It leaves the hub once it has ended.
    """

    _name = "ai.hub.business.rule"
    _inherit = "ai.hub.item.mixin"
    _description = "Business Rule for AI Services"
    _order = "priority desc, name, id"

    _hub_collection = "business_rules"
    _hub_item_fields = (
        "credentials_id",
        "active",
        "name",
        "description",
        "rule_type",
        "priority",
        "is_temporary",
        "date_start",
        "date_end",
        "is_over",
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
    description = fields.Text(required=True, help="The rule itself, in plain words.")
    rule_type = fields.Selection(
        [
            ("greeting", "Greeting"),
            ("business_hours", "Business Hours"),
            ("delivery", "Delivery"),
            ("pricing", "Pricing"),
            ("promotion", "Promotion"),
            ("customer_service", "Customer Service"),
            ("product", "Product"),
            ("custom", "Custom"),
        ],
        string="Type",
        default="custom",
        required=True,
    )
    priority = fields.Selection(
        [("1", "Low"), ("2", "Normal"), ("3", "High"), ("4", "Urgent")],
        default="2",
        required=True,
    )
    is_temporary = fields.Boolean(string="Temporary")
    date_start = fields.Date(string="From")
    date_end = fields.Date(string="Until", help="The last day on which the rule holds.")
    is_over = fields.Boolean(string="Over", compute="_compute_is_over", store=True)

    @api.depends("is_temporary", "date_end")
    def _compute_is_over(self):
        yesterday = self._yesterday()
        for rule in self:
            rule.is_over = bool(rule.is_temporary and rule.date_end and rule.date_end < yesterday)

    @api.model
    def _yesterday(self):
        # A rule is valid until the day has ended in UTC too.
        return fields.Date.today() - timedelta(days=1)

    @api.constrains("is_temporary", "date_start", "date_end")
    def _check_dates(self):
        for rule in self.filtered("is_temporary"):
            if not rule.date_end:
                raise ValidationError(self.env._("Enter the last day of the temporary rule."))
            if rule.date_start and rule.date_start > rule.date_end:
                raise ValidationError(self.env._("The rule ends before it begins."))

    @api.model
    def _cron_take_out(self):
        """
        Remove ended rules from the hub.
        """
        self.search(
            [
                ("is_temporary", "=", True),
                ("is_over", "=", False),
                ("date_end", "<", self._yesterday()),
            ]
        ).is_over = True

    @api.model
    def _hub_shown(self):
        return [("is_over", "=", False)]

    def _hub_item(self):
        item = {
            "name": self.name,
            "description": self.description,
            "type": self.rule_type,
            "priority": int(self.priority),
            "is_temporary": self.is_temporary,
        }
        if self.is_temporary:
            for name in ("date_start", "date_end"):
                item[name] = fields.Date.to_string(self[name]) or None
        return item
