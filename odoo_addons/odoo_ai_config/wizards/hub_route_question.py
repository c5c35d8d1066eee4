# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import fields, models
from odoo.exceptions import ValidationError

from .. import phone


class HubRouteQuestion(models.TransientModel):
    """
    Asks where the hub would route a message. Nothing is sent.
    """

    _name = "ai.hub.route.question"
    _inherit = "ai.hub.question.mixin"
    _description = "Question about the Route of a Message"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    chatwoot_account_id = fields.Integer(required=True)
    chatwoot_inbox_id = fields.Integer()
    number = fields.Char(string="Customer's Number")
    answer = fields.Text(readonly=True)

    def action_ask(self):
        self.ensure_one()
        if self.chatwoot_account_id <= 0 or self.chatwoot_inbox_id < 0:
            raise ValidationError(
                self.env._("Accounts and inboxes of Chatwoot have positive numbers.")
            )
        number = (self.number or "").strip()
        if number and phone.sender_of(number) is None:
            raise ValidationError(
                self.env._(
                    "%(number)s is not a WhatsApp number: write it with country and area "
                    "code, such as +55 11 98765-4321.",
                    number=self.number,
                )
            )
        self.answer = self._asked(number)
        return self._dialogue(self.env._("Where Would a Message Go?"))

    def _asked(self, number):
        answer, trouble = self._answer_to(
            lambda client: client.route(self.chatwoot_account_id, self.chatwoot_inbox_id, number)
        )
        return trouble or "\n".join([*self._decision(answer), *self._reasons(answer)])

    def _decision(self, answer):
        if not answer["resolved"]:
            yield self.env._("Nobody takes this message: it waits at the hub.")
            return
        yield self.env._(
            "The message goes to %(client)s.",
            client=self._named(answer["tenant_id"], answer["domain"]),
        )
        if answer.get("crew"):
            yield self.env._("The crew %(crew)s answers it.", crew=answer["crew"])

    def _reasons(self, answer):
        rules = self._rules()
        verdicts = {
            "won": self.env._("this decided it"),
            "not_needed": self.env._("not needed any more"),
            "no_mapping": self.env._("no channel says so"),
            "no_inbox": self.env._("no inbox was given"),
            "no_channel": self.env._("no client has a channel in this account"),
            "several_owners": self.env._("several clients have channels in this account"),
            "no_number": self.env._("no number was given"),
            "unknown_number": self.env._("the number is not a special one"),
            "ambiguous_number": self.env._("several clients have the number"),
            "no_fallback": self.env._("no client is a fallback"),
            "no_fallback_in_account": self.env._(
                "no client of this account is a fallback, and others get none of its messages"
            ),
        }
        for step in answer.get("considered") or ():
            rule, verdict = step["rule"], step["verdict"]
            if rule in rules:
                yield f"- {rules[rule]}: {verdicts.get(verdict, verdict)}"
