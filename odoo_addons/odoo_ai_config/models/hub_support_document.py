# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, fields, models
from odoo.exceptions import ValidationError

# In any script this is less than the hub's limit for one item.
_LONGEST = 200_000


class HubSupportDocument(models.Model):
    """
    A text that AI services use to answer a client's customers.
    """

    _name = "ai.hub.support.document"
    _inherit = "ai.hub.item.mixin"
    _description = "Support Document for AI Services"
    _order = "name, id"

    _hub_collection = "support_documents"
    _hub_item_fields = (
        "credentials_id",
        "active",
        "visible_in_ai",
        "name",
        "document_type",
        "content",
    )

    active = fields.Boolean(default=True)
    credentials_id = fields.Many2one(
        "ai.hub.credentials",
        string="Client",
        required=True,
        ondelete="cascade",
        index=True,
        help="All business areas of the client's account share the document.",
    )
    company_id = fields.Many2one(related="credentials_id.company_id", store=True, index=True)
    name = fields.Char(string="Title", required=True)
    document_type = fields.Selection(
        [
            ("faq", "Questions and Answers"),
            ("policy", "Policy"),
            ("procedure", "Procedure"),
            ("manual", "Manual"),
            ("other", "Other"),
        ],
        string="Type",
        default="faq",
        required=True,
    )
    content = fields.Text(required=True)
    visible_in_ai = fields.Boolean(
        string="Visible to AI Services",
        default=True,
        help="A document that is not visible stays in Odoo and is removed from the hub.",
    )

    @api.constrains("content")
    def _check_content(self):
        for document in self:
            if len(document.content) > _LONGEST:
                raise ValidationError(
                    self.env._(
                        "A document has at most %(most)s characters. Split it.",
                        most=_LONGEST,
                    )
                )

    @api.model
    def _hub_shown(self):
        return [("visible_in_ai", "=", True)]

    def _hub_item(self):
        return {
            "name": self.name,
            "document_type": self.document_type,
            "content": self.content,
            "create_date": fields.Datetime.to_string(self.create_date),
        }
