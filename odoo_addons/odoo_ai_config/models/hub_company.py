# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..uniqueness import keep_unique
from .hub_week_mixin import DAYS, HOURS, ends_of

_TEXTS = (
    "company_values",
    "website",
    "facebook_url",
    "instagram_url",
    "greeting_message",
    "communication_style",
    "emoji_usage",
)
_MENTIONS = ("mention_website_at_end", "mention_facebook_at_end", "mention_instagram_at_end")
_ADDRESS = ("street", "street2", "city", "state", "zip", "country")
_LUNCH = ends_of("lunch_break")
_BUSINESS_HOURS = (*DAYS, "has_lunch_break", *HOURS, *_LUNCH)


class HubCompany(models.Model):
    """
    The profile of a client's company, for AI services that answer in its name.
    """

    _name = "ai.hub.company"
    _inherit = ["ai.hub.synced.mixin", "ai.hub.week.mixin"]
    _description = "Company Profile for AI Services"
    _rec_name = "credentials_id"
    _order = "credentials_id"

    _hub_event_name = "company_metadata_sync"
    _hub_fields = (
        "credentials_id",
        *_TEXTS,
        *_MENTIONS,
        *_ADDRESS,
        "share_address",
        *_BUSINESS_HOURS,
    )
    _hub_acknowledgements = ("metadata",)

    credentials_id = fields.Many2one(
        "ai.hub.credentials", string="Client", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="credentials_id.company_id", store=True, index=True)
    company_values = fields.Text(
        string="Values", help="What the company stands for, in its own words."
    )
    website = fields.Char()
    facebook_url = fields.Char(string="Facebook Page")
    instagram_url = fields.Char(string="Instagram Page")
    mention_website_at_end = fields.Boolean(string="Mention the Website at the End")
    mention_facebook_at_end = fields.Boolean(string="Mention Facebook at the End")
    mention_instagram_at_end = fields.Boolean(string="Mention Instagram at the End")
    greeting_message = fields.Text(string="Greeting")
    communication_style = fields.Selection(
        [
            ("formal", "Formal"),
            ("professional", "Professional"),
            ("friendly", "Friendly"),
            ("casual", "Casual"),
        ],
        default="friendly",
    )
    emoji_usage = fields.Selection(
        [
            ("none", "None"),
            ("minimal", "Few"),
            ("moderate", "Some"),
            ("frequent", "Many"),
        ],
        string="Emojis",
        default="moderate",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        default=lambda self: self.env.company.partner_id,
        help="An Odoo contact whose address and website can be copied.",
    )
    street = fields.Char()
    street2 = fields.Char(string="Street 2")
    city = fields.Char()
    state = fields.Char(string="State or Province")
    zip = fields.Char(string="ZIP")
    country = fields.Char()
    share_address = fields.Boolean(
        default=True, help="The AI services may tell customers the address."
    )
    has_lunch_break = fields.Boolean(string="Lunch Break")
    lunch_break_start = fields.Float(string="Lunch Begins", default=12.0)
    lunch_break_end = fields.Float(string="Lunch Ends", default=13.0)
    metadata_version = fields.Integer(
        string="Version of the Profile", readonly=True, copy=False, aggregator=None
    )
    metadata_digest = fields.Char(readonly=True, copy=False)

    def init(self):
        keep_unique(self.env.cr, self._table, ("credentials_id",))

    @api.constrains("credentials_id")
    def _check_credentials(self):
        for profile in self:
            if self.search_count([("credentials_id", "=", profile.credentials_id.id)]) > 1:
                raise ValidationError(
                    self.env._(
                        "%(client)s has a company profile already. Change that one.",
                        client=profile.credentials_id.display_name,
                    )
                )

    @api.constrains("has_lunch_break", *_LUNCH, *ends_of("business_hours"))
    def _check_lunch(self):
        for profile in self:
            profile._check_clock(_LUNCH)
            if not profile.has_lunch_break:
                continue
            profile._check_period("lunch_break")
            begins, ends = profile.lunch_break_start, profile.lunch_break_end
            if begins < profile.business_hours_start or ends > profile.business_hours_end:
                raise ValidationError(
                    self.env._("The lunch break lies within the business hours.")
                )

    def action_take_address(self):
        """
        Copy address and website from the contact.
        """
        for profile in self.filtered("partner_id"):
            partner = profile.partner_id
            found = {
                "street": partner.street,
                "street2": partner.street2,
                "city": partner.city,
                "state": partner.state_id.code or partner.state_id.name,
                "zip": partner.zip,
                "country": partner.country_id.name,
            }
            if partner.website:
                found["website"] = partner.website
            profile.write(found)
        return True

    def _hub_event(self):
        client = self.credentials_id
        event = client._hub_company_event()
        event.update({name: self[name] for name in _TEXTS if self[name]})
        event.update({name: self[name] for name in _MENTIONS})
        event["address"] = {name: self[name] for name in _ADDRESS if self[name]}
        event["address"]["share_address"] = self.share_address
        event["business_hours"] = {name: self[name] for name in _BUSINESS_HOURS}
        event["event_type"] = self._hub_event_name
        return event
