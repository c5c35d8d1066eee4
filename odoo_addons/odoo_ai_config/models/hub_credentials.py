# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import re
import secrets
import unicodedata
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..uniqueness import keep_unique

_ACCOUNT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}", re.ASCII)
# The hub stores its own settings under this name.
_RESERVED = "odoo-ai-config"
_NOT_SLUG = re.compile(r"[^a-z0-9_]+", re.ASCII)

# Settings and secrets of each platform, as the fields and the events are named.
_PLATFORM_SETTINGS = ("facebook_app_id", "instagram_client_id", "mercado_livre_app_id")
_SECRETS = (
    "odoo_password",
    "facebook_app_secret",
    "facebook_access_token",
    "instagram_client_secret",
    "instagram_access_token",
    "mercado_livre_client_secret",
    "mercado_livre_access_token",
)
_TEXTS = (
    "account_id",
    "name",
    "description",
    "odoo_url",
    "odoo_db",
    "odoo_username",
    "token",
    "qdrant_collection",
    "redis_prefix",
    *_PLATFORM_SETTINGS,
)

# Fields of the client in the company's profile.
_TOLD_BY_PROFILE = (
    "account_id",
    "name",
    "description",
    "business_area",
    "business_area_other",
    "collection_ids",
)


def slug(text):
    """
    The hub's name of the business area *text*.
    """
    decomposed = unicodedata.normalize("NFKD", text)
    letters = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _NOT_SLUG.sub("-", letters.casefold()).strip("-_")[:64].rstrip("-_")


def is_url(text):
    """
    Whether *text* can be the address of an Odoo server.
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


class HubCredentials(models.Model):
    """
    One business area of a client: its identity, and the access of AI services to its Odoo and
    its platforms.
    """

    _name = "ai.hub.credentials"
    _inherit = ["ai.hub.synced.mixin", "ai.hub.secrets.mixin"]
    _description = "Credentials for AI Services"
    _order = "name, id"
    _check_company_auto = True

    _hub_event_name = "credentials_sync"
    _hub_fields = (
        *_TEXTS,
        *_SECRETS,
        "business_area",
        "business_area_other",
        "collection_ids",
    )
    _hub_acknowledgements = ("config", "credentials")
    _hub_secret_fields = _SECRETS

    name = fields.Char(required=True)
    description = fields.Char()
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    account_id = fields.Char(
        string="Account ID",
        required=True,
        copy=False,
        help="The client's name at the hub and at the AI services. It cannot change once the "
        "hub knows it.",
    )
    business_area = fields.Selection(
        [
            ("default", "General"),
            ("retail", "Retail"),
            ("ecommerce", "E-commerce"),
            ("healthcare", "Healthcare"),
            ("education", "Education"),
            ("manufacturing", "Manufacturing"),
            ("services", "Services"),
            ("restaurant", "Restaurant"),
            ("financial", "Financial"),
            ("technology", "Technology"),
            ("hospitality", "Hospitality"),
            ("real_estate", "Real Estate"),
            ("other", "Other"),
        ],
        default="default",
        required=True,
    )
    business_area_other = fields.Char(string="Other Business Area")
    domain = fields.Char(
        compute="_compute_domain",
        store=True,
        help="The hub's name for the business area.",
    )
    moved_from = fields.Char(
        readonly=True,
        copy=False,
        help="The business area's name that the hub knows, until it has learned the new one.",
    )
    token = fields.Char(
        string="Credential Reference",
        readonly=True,
        copy=False,
        help="The name under which the hub seals the password. It opens nothing by itself.",
    )
    odoo_url = fields.Char(string="Odoo URL")
    odoo_db = fields.Char(string="Odoo Database")
    odoo_username = fields.Char(string="Odoo User")
    odoo_password = fields.Char(compute="_compute_hub_secrets", readonly=False)
    qdrant_collection = fields.Char(
        string="Vector Collection", help="If empty, the hub names it after the account."
    )
    redis_prefix = fields.Char(
        string="Cache Prefix", help="If empty, the hub takes the account's id."
    )
    facebook_app_id = fields.Char(string="Facebook App ID")
    facebook_app_secret = fields.Char(compute="_compute_hub_secrets", readonly=False)
    facebook_access_token = fields.Char(compute="_compute_hub_secrets", readonly=False)
    instagram_client_id = fields.Char(string="Instagram Client ID")
    instagram_client_secret = fields.Char(compute="_compute_hub_secrets", readonly=False)
    instagram_access_token = fields.Char(compute="_compute_hub_secrets", readonly=False)
    mercado_livre_app_id = fields.Char(string="Mercado Livre App ID")
    mercado_livre_client_secret = fields.Char(compute="_compute_hub_secrets", readonly=False)
    mercado_livre_access_token = fields.Char(compute="_compute_hub_secrets", readonly=False)
    collection_ids = fields.Many2many("ai.hub.collection", string="Enabled Collections")
    collections_warning = fields.Char(compute="_compute_collections_warning", compute_sudo=True)
    channel_ids = fields.One2many("ai.hub.channel", "credentials_id", string="Channels")
    profile_ids = fields.One2many("ai.hub.company", "credentials_id", string="Company Profile")
    config_version = fields.Integer(
        string="Version of Settings", readonly=True, copy=False, aggregator=None
    )
    credentials_version = fields.Integer(
        string="Version of Credentials", readonly=True, copy=False, aggregator=None
    )
    config_digest = fields.Char(readonly=True, copy=False)
    credentials_digest = fields.Char(readonly=True, copy=False)

    def init(self):
        keep_unique(self.env.cr, self._table, ("company_id", "account_id", "domain"))

    @api.depends("account_id")
    def _compute_hub_secrets(self):
        return super()._compute_hub_secrets()

    @api.depends("business_area", "business_area_other")
    def _compute_domain(self):
        for record in self:
            if record.business_area == "other":
                record.domain = slug(record.business_area_other or "") or False
            else:
                record.domain = record.business_area

    @api.depends("name", "account_id", "domain")
    def _compute_display_name(self):
        for record in self:
            record.display_name = f"{record.name} ({record.account_id}/{record.domain})"

    @api.constrains("account_id", "domain", "company_id")
    def _check_owner(self):
        for record in self:
            if not _ACCOUNT_ID.fullmatch(record.account_id):
                raise ValidationError(
                    self.env._(
                        "An account id has up to 128 letters without accents, digits or "
                        ". _ @ - and begins with a letter or a digit."
                    )
                )
            if record.account_id == _RESERVED:
                raise ValidationError(
                    self.env._("The hub reserves this account id. Choose another one.")
                )
            if not record.domain:
                raise ValidationError(
                    self.env._("Enter the other business area in Latin letters or digits.")
                )
            same = (
                self.sudo()
                .with_context(active_test=False)
                .search(
                    [
                        ("account_id", "=", record.account_id),
                        ("domain", "=", record.domain),
                        ("company_id", "in", record._companies_of_hub()),
                        ("id", "!=", record.id),
                    ],
                    limit=1,
                )
            )
            if same:
                raise ValidationError(record._already_there(same))

    def _already_there(self, same):
        if same.company_id not in self.env.companies:
            return self.env._(
                "Another company has credentials for this account and business area already."
            )
        if not same.active:
            return self.env._(
                "There are archived credentials for this account and business area: "
                "%(name)s. Restore them instead of making new ones.",
                name=same.name,
            )
        return self.env._(
            "There are credentials for this account and business area already: %(name)s.",
            name=same.name,
        )

    def _companies_of_hub(self):
        return self.env["ai.hub.connection"].sudo()._same_hub(self.company_id).ids

    @api.constrains("odoo_url")
    def _check_odoo_url(self):
        for record in self.filtered("odoo_url"):
            if not is_url(record.odoo_url):
                raise ValidationError(
                    self.env._("Odoo's URL must look like https://odoo.example.com.")
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if not vals.get("token"):
                account = (vals.get("account_id") or "")[:128]
                vals["token"] = f"{account}-{secrets.token_hex(4)}"
        return super().create(vals_list)

    def write(self, vals):
        before = {record.id: (record._identity(), record.domain) for record in self}
        moves = not {"account_id", "company_id", "active"}.isdisjoint(vals)
        if moves:
            self._note_items()
        result = super().write(vals)
        if moves:
            self._note_items()
        for record in self:
            identity, domain = before[record.id]
            if record.synced_at and record._identity() != identity:
                raise UserError(
                    self.env._(
                        "The hub knows these credentials already: account and company stay as "
                        "they are. Archive them and make new ones instead."
                    )
                )
            if record.synced_at and record.domain != domain:
                known = record.moved_from or domain
                record.moved_from = known if known != record.domain else False
        renamed = self.filtered(
            lambda record: (record._identity(), record.domain) != before[record.id]
        )
        renamed.channel_ids._hub_enqueue()
        if set(_TOLD_BY_PROFILE) & set(vals):
            self.profile_ids._hub_enqueue()
        if vals.get("active") is False:
            # The channels' client no longer exists.
            self.channel_ids.active = False
        return result

    def unlink(self):
        # One by one, so that each deletion is sent; the database alone would send none.
        self.with_context(active_test=False).channel_ids.unlink()
        self._note_items()
        return super().unlink()

    # ------------------------------------------------------------------ collections

    def _note_items(self):
        """
        Note that all items of these clients must be sent, because their owner changes or has
        changed.
        """
        collections = self.env["ai.hub.client.collection"]
        for model in collections._sources().values():
            source = self.env[model].sudo().with_context(active_test=False)
            for client in self:
                items = source.search([(source._hub_client_field, "in", client.ids)])
                if items:
                    collections._of(client, source)._note(items.ids)

    def _collections(self):
        """
        The collections of these clients' accounts.
        """
        return (
            self.env["ai.hub.client.collection"]
            .sudo()
            .search(
                [
                    ("account_id", "in", self.mapped("account_id")),
                    ("company_id", "in", self._companies_of_hub()),
                ]
            )
        )

    def _enabled_of_account(self):
        """
        The collections that any business area of the account enables, by technical names.
        """
        areas = self.sudo().with_context(active_test=True)
        areas = areas.search(
            [
                ("account_id", "in", self.mapped("account_id")),
                ("company_id", "in", self._companies_of_hub()),
            ]
        )
        return set(areas.collection_ids.filtered("active").mapped("technical_name"))

    def _warning_of_idle(self, names):
        """
        A warning that AI services do not get the collections *names* of these clients; empty if
        they do.
        """
        tags = self.env["ai.hub.collection"].sudo()
        labels = {
            tag.technical_name: tag.name for tag in tags.search([("technical_name", "in", names)])
        }
        told = []
        for client in self:
            idle = set(names) - client._enabled_of_account()
            if idle:
                told.append(
                    self.env._(
                        "%(client)s does not enable %(collections)s: the AI services are not "
                        "served what is there.",
                        client=client.name,
                        collections=", ".join(labels.get(name, name) for name in sorted(idle)),
                    )
                )
        return " ".join(told)

    @api.depends("collection_ids", "account_id")
    def _compute_collections_warning(self):
        for client in self:
            used = client._collections().filtered("item_count").mapped("name")
            client.collections_warning = client._warning_of_idle(used) or False

    def action_collections(self):
        """
        Show the hub's data of the client's collections.
        """
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Collections of %(client)s", client=self.name),
            "res_model": "ai.hub.client.collection",
            "view_mode": "list,form",
            "domain": [("id", "in", self._collections().ids)],
        }

    def _identity(self):
        return self.account_id, self.company_id.id

    def _hub_event(self):
        event = {name: self[name] for name in _TEXTS if self[name]}
        stored = self._hub_secrets()
        event.update({name: stored[name] for name in _SECRETS if name in stored})
        event.update(self._hub_area())
        event["event_type"] = "credentials_sync"
        event["enabled_collections"] = self._enabled_collections()
        return event

    def _hub_area(self):
        """
        The business area in events, and where the hub has it until it knows better.
        """
        # As typed: the hub stores it beside its own name.
        area = self.business_area_other if self.business_area == "other" else self.domain
        return {"domain": area, **({"moved_from": self.moved_from} if self.moved_from else {})}

    def _hub_acknowledged(self, answer):
        result = super()._hub_acknowledged(answer)
        for record in self.filtered("moved_from"):
            # It may have changed again meanwhile.
            known = answer.get("domain")
            record.moved_from = known if known != record.domain else False
        return result

    def _enabled_collections(self):
        return sorted(self.collection_ids.filtered("active").mapped("technical_name"))

    def _tell_of_collections(self):
        self._hub_enqueue()
        self.profile_ids._hub_enqueue()

    def _hub_company_event(self):
        """
        What the profile of the client's company says about the client itself.
        """
        event = {
            "account_id": self.account_id,
            **self._hub_area(),
            "name": self.name,
            "business_area": self.business_area,
            "enabled_collections": self._enabled_collections(),
        }
        for name in ("description", "business_area_other"):
            if self[name]:
                event[name] = self[name]
        return event

    def action_profile(self):
        """
        Open the profile of the client's company, or a new one.
        """
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Company Profile"),
            "res_model": "ai.hub.company",
            "res_id": self.profile_ids.id,
            "view_mode": "form",
            "context": {"default_credentials_id": self.id},
        }

    def _hub_known(self):
        """
        The state of this client and its channels that the hub acknowledged.
        """
        known = {"tenant_id": self.account_id, "domain": self.domain}
        if self.sync_state == "done":
            for name in self._hub_acknowledgements:
                for part in ("version", "digest"):
                    known[f"{name}_{part}"] = self[f"{name}_{part}"]
        for profile in self.profile_ids.filtered(lambda profile: profile.sync_state == "done"):
            known["metadata_version"] = profile.metadata_version
            known["metadata_digest"] = profile.metadata_digest
        collections = self._known_collections()
        if collections:
            known["collections"] = collections._hub_known()
        known["mappings"] = [channel._hub_known() for channel in self._known_channels()]
        return known

    def action_look(self):
        """
        Show the hub's data of this client.
        """
        self.ensure_one()
        return self.env["ai.hub.look"]._at_client(self)

    def _known_collections(self):
        """
        The collections of the account, if this is the area that compares them.
        """
        first = self.sudo().with_context(active_test=False)
        first = first.search(
            [("account_id", "=", self.account_id), ("company_id", "=", self.company_id.id)],
            order="id",
            limit=1,
        )
        collections = self._collections() if self == first else self._collections().browse()
        return collections.filtered(
            lambda collection: (
                collection.company_id == self.company_id
                and collection.collection_version
                and not collection._waits()
            )
        )

    def _known_channels(self):
        channels = self.with_context(active_test=False).channel_ids
        return channels.filtered(
            lambda channel: (
                channel.sync_state == "done"
                and channel.mapping_version
                and not (channel._holders_of() - channel)
            )
        )

    @api.model
    def action_reconcile(self):
        """
        Compare with the hub what it acknowledged, and send again what it lost.
        """
        self.check_access("write")
        connections = self.env["ai.hub.connection"].sudo()
        return connections.search(
            [("company_id", "in", self.env.companies.ids)]
        )._reconcile_and_tell()
