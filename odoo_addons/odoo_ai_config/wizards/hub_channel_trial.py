# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import Command, api, fields, models


class HubChannelTrial(models.TransientModel):
    """
    A possible change of a channel, and its effect according to the hub. Nothing is saved.
    """

    _name = "ai.hub.channel.trial"
    _inherit = "ai.hub.question.mixin"
    _description = "Channel to Try Out"

    credentials_id = fields.Many2one(
        "ai.hub.credentials", string="Client", required=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="credentials_id.company_id")
    chatwoot_account_id = fields.Integer(required=True)
    chatwoot_inbox_id = fields.Integer(
        help="0 means all inboxes of the account without their own line."
    )
    active = fields.Boolean(default=True, help="Untick to simulate switching the channel off.")
    is_fallback = fields.Boolean(
        string="Fallback",
        help="This client takes messages that no channel claims, in accounts that it shares with "
        "other clients and in accounts where nobody has a channel.",
    )
    sequence = fields.Integer(
        default=10, help="The fallback with the lowest sequence takes the message."
    )
    number_ids = fields.One2many(
        "ai.hub.channel.trial.number", "trial_id", string="Special Numbers"
    )
    answer = fields.Text(readonly=True)
    effect_ids = fields.One2many(
        "ai.hub.channel.trial.effect", "trial_id", string="Effects", readonly=True
    )

    @api.model
    def _of(self, channel):
        """
        A preview that starts with the present values of *channel*.
        """
        return self.create(
            {
                "credentials_id": channel.credentials_id.id,
                "chatwoot_account_id": channel.chatwoot_account_id,
                "chatwoot_inbox_id": channel.chatwoot_inbox_id,
                "active": channel.active,
                "is_fallback": channel.is_fallback,
                "sequence": channel.sequence,
                "number_ids": [
                    Command.create({"number": special.number, "crew": special.crew})
                    for special in channel.special_number_ids
                ],
            }
        )

    def action_ask(self):
        self.ensure_one()
        self.credentials_id.check_access("read")
        event = self._event()
        answer, trouble = self._answer_to(lambda client: client.simulate(event))
        effects = [] if trouble else [self._effect(effect) for effect in answer["effects"]]
        # Comes from the hub; users cannot write it.
        self.sudo().write(
            {
                "answer": trouble or "\n".join(self._told(answer)),
                "effect_ids": [Command.clear(), *map(Command.create, effects)],
            }
        )
        return self._dialogue(self.env._("What Would Change?"))

    def _event(self):
        """
        The event of a channel with these values, if it can be saved at all.
        """
        channel = self.env["ai.hub.channel"].new(
            {
                "credentials_id": self.credentials_id.id,
                "chatwoot_account_id": self.chatwoot_account_id,
                "chatwoot_inbox_id": self.chatwoot_inbox_id,
                "active": self.active,
                "is_fallback": self.is_fallback,
                "sequence": self.sequence,
                "special_number_ids": [
                    Command.create({"number": special.number, "crew": special.crew})
                    for special in self.number_ids
                ],
            }
        )
        channel._check_numbers()
        channel.special_number_ids._check_number()
        channel.special_number_ids._check_crew()
        return channel._mapping_event()

    def _told(self, answer):
        refusals = {
            "channel_owned": self.env._(
                "The hub would refuse this: the channel is another client's, and the API key "
                "may write for one client only."
            ),
            "account_shared": self.env._(
                "The hub would refuse this: another client has channels in this account already, "
                "and the API key may write for one client only."
            ),
            "number_taken": self.env._(
                "The hub would refuse this: a special number is another client's in the same "
                "account, and the API key may write for one client only."
            ),
            "fallback_reserved": self.env._(
                "The hub would refuse this: a fallback takes messages of accounts that are "
                "nobody's, and the API key may write for one client only."
            ),
        }
        refusal = answer["refusal"]
        if refusal in refusals:
            yield refusals[refusal]
        elif refusal:
            yield self.env._("The hub would refuse this: %(code)s", code=refusal)
        for move in answer["moves"]:
            yield self.env._(
                "The channel would pass from %(loser)s to %(winner)s.",
                loser=self._named(move["from"]),
                winner=self._named(move["to"], answer["domain"]),
            )
        for warning in answer["warnings"]:
            yield warning["message"]
        if answer["effects"]:
            yield self.env._("These messages would go elsewhere:")
        elif answer["changed"]:
            yield self.env._("The hub would accept this, and no message would go elsewhere.")
        elif not answer["refusal"] and not answer["warnings"]:
            yield self.env._(
                "Nothing would change: the hub already has exactly this. Change something here, "
                "and ask again."
            )
        if answer["truncated"]:
            yield self.env._("There may be more than is shown here.")

    def _effect(self, effect):
        return {
            "messages": self._messages(effect),
            "before": self._destination(effect["before"]),
            "after": self._destination(effect["after"]),
        }

    def _messages(self, effect):
        account, inbox, number = effect["account_id"], effect["inbox_id"], effect["number"]
        if not account:
            messages = self.env._("Accounts where nobody has a channel")
        elif inbox:
            messages = self.env._(
                "Account %(account)s, inbox %(inbox)s", account=account, inbox=inbox
            )
        else:
            messages = self.env._(
                "Account %(account)s, inboxes without a line of their own", account=account
            )
        if not number:
            return messages
        return self.env._("%(messages)s, from +%(number)s", messages=messages, number=number)

    def _destination(self, route):
        if not route["resolved"]:
            return self.env._("Nobody")
        if route.get("hidden"):
            return self.env._("Another client")
        reasons = [self._rules().get(route["matched_by"], route["matched_by"])]
        if route["crew"]:
            reasons.append(self.env._("crew %(crew)s", crew=route["crew"]))
        client = self._named(route["tenant_id"], route["domain"])
        return f"{client}: {', '.join(reasons)}"


class HubChannelTrialNumber(models.TransientModel):
    """
    A special number of a channel in a preview.
    """

    _name = "ai.hub.channel.trial.number"
    _description = "Special Number of a Channel to Try Out"

    trial_id = fields.Many2one("ai.hub.channel.trial", required=True, ondelete="cascade")
    number = fields.Char(required=True)
    crew = fields.Char(required=True, default="analytics")


class HubChannelTrialEffect(models.TransientModel):
    """
    Messages that would be routed differently.
    """

    _name = "ai.hub.channel.trial.effect"
    _description = "Effect of a Channel to Try Out"

    trial_id = fields.Many2one("ai.hub.channel.trial", required=True, ondelete="cascade")
    # Texts, so that lists show them whole.
    messages = fields.Text(readonly=True)
    before = fields.Text(string="Now", readonly=True)
    after = fields.Text(string="Then", readonly=True)
