# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import models


class HubQuestionMixin(models.AbstractModel):
    """
    A question to the hub. It stores nothing there.
    """

    _name = "ai.hub.question.mixin"
    _description = "Question to the AI Hub"

    def _answer_to(self, question):
        """
        The hub's answer to *question*, a call of its client; or None, and an explanation.
        """
        connection = self.env["ai.hub.connection"]._of(self.company_id)
        missing = connection._missing()
        if missing:
            return None, missing
        outcome = question(connection._client())
        if outcome.accepted:
            return outcome.answer, ""
        if outcome.code == "scope_missing":
            return None, self.env._(
                "To ask this, the API key needs the scope “config:read” too. Make a new "
                "key: odoo-ai-config keys create --name odoo --scope webhook --scope config:read"
            )
        if outcome.code == "route_not_found":
            return None, self.env._("The hub at this URL is too old for this question.")
        return None, connection._explain(outcome)

    def _named(self, tenant, domain=None):
        """
        The record of the hub's client *tenant*, if Odoo has it.
        """
        wanted = [("account_id", "=", tenant), ("company_id", "=", self.company_id.id)]
        if domain:
            wanted.append(("domain", "=", domain))
        client = self.env["ai.hub.credentials"].search(wanted, limit=1)
        return client.display_name or "/".join(filter(None, (tenant, domain)))

    def _rules(self):
        return {
            "inbox": self.env._("Inbox"),
            "account": self.env._("All inboxes of the account"),
            "account_owner": self.env._("The account's only client"),
            "special_number": self.env._("Special number"),
            "fallback": self.env._("Fallback"),
        }

    def _dialogue(self, title):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
            "name": title,
        }
