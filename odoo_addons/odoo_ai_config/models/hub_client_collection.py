# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import logging
import re
import traceback
from collections import namedtuple

import psycopg2

from odoo import api, fields, models

from .. import hub_client
from .hub_change import EVERYTHING
from .hub_synced_mixin import SYNC_STATES

_logger = logging.getLogger(__name__)

# The hub's default limit is 32 MiB.
_LARGEST_BODY = 30 * 2**20
_OF_CHANGES = ["change_ids", "waiting_count", "refused_count", "sync_state"]
_PLACE = re.compile(r"items\.(\d+)")


class Part(namedtuple("Part", ("mark", "kept", "gone", "body"))):
    """
    The content of one request about a collection.

    *kept* are the ids of its items, in their order, and *gone* those of removed items. *mark*
    is the change that asked for a push of all items.
    """

    __slots__ = ()

    @property
    def whole(self):
        return self.mark is not None

    @property
    def size(self):
        return len(self.kept) + len(self.gone)


class HubClientCollection(models.Model):
    """
    The items of one kind that a client has (rules, documents, products), and their state at the
    hub.

    The business areas of a client share it. Users do not edit it: each item names its client.
    """

    _name = "ai.hub.client.collection"
    _description = "Collection of an AI Client"
    _order = "account_id, name"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade", index=True
    )
    account_id = fields.Char(string="Account ID", required=True, readonly=True)
    name = fields.Char(string="Collection", required=True, readonly=True)
    res_model = fields.Char(required=True, readonly=True)
    change_ids = fields.One2many("ai.hub.change", "client_collection_id", readonly=True)
    item_count = fields.Integer(string="Items", compute="_compute_item_count", compute_sudo=True)
    waiting_count = fields.Integer(string="Waiting", compute="_compute_waiting", compute_sudo=True)
    refused_count = fields.Integer(string="Refused", compute="_compute_waiting", compute_sudo=True)
    enabled = fields.Boolean(compute="_compute_enabled", compute_sudo=True)
    sync_state = fields.Selection(
        SYNC_STATES,
        string="Hub Status",
        compute="_compute_sync_state",
        compute_sudo=True,
    )
    sync_message = fields.Char(string="Hub Message", readonly=True)
    push_refused = fields.Boolean(readonly=True, help="The hub will say so again.")
    synced_at = fields.Datetime(string="Last Sent", readonly=True)
    collection_version = fields.Integer(
        string="Version of the Collection", readonly=True, aggregator=None
    )
    collection_digest = fields.Char(readonly=True)

    def init(self):
        # Not deferred: the second of two parallel transactions must be repeated.
        self.env.cr.execute(
            """
            CREATE UNIQUE INDEX IF NOT EXISTS ai_hub_client_collection_key_idx
            ON ai_hub_client_collection (company_id, account_id, name)
            """
        )

    @api.depends("account_id", "name")
    def _compute_display_name(self):
        for collection in self:
            collection.display_name = f"{collection.account_id}: {collection.name}"

    @api.depends("change_ids.error")
    def _compute_waiting(self):
        for collection in self:
            self.env.cr.execute(
                "SELECT count(DISTINCT res_id) FILTER (WHERE error IS NULL), "
                "count(DISTINCT res_id) FILTER (WHERE error IS NOT NULL) "
                "FROM ai_hub_change WHERE client_collection_id = %s",
                (collection.id,),
            )
            collection.waiting_count, collection.refused_count = self.env.cr.fetchone()

    def _compute_item_count(self):
        for collection in self:
            collection.item_count = collection._source().search_count(collection._shown())

    @api.depends("waiting_count", "refused_count", "sync_message", "push_refused")
    def _compute_sync_state(self):
        for collection in self:
            if not collection.waiting_count:
                state = "failed" if collection.refused_count else "done"
            elif collection.sync_message:
                state = "failed" if collection.push_refused else "retrying"
            else:
                state = "pending"
            collection.sync_state = state

    @api.depends("account_id", "name")
    def _compute_enabled(self):
        for collection in self:
            collection.enabled = collection.name in collection._clients()._enabled_of_account()

    # ------------------------------------------------------------------ what there is

    @api.model
    def _sources(self):
        """
        The models of items, by the names of their collections.
        """
        return {
            self.env[model]._hub_collection: model
            for model in (
                "ai.hub.business.rule",
                "ai.hub.scheduling.rule",
                "ai.hub.support.document",
            )
        }

    @api.model
    def _of(self, client, source):
        """
        The collection of *client* for the records of *source*.
        """
        key = (client.account_id, source._hub_collection)
        domain = [("account_id", "=", key[0]), ("name", "=", key[1])]
        found = self.sudo().search(domain, order="id")
        if found.company_id != client.company_id:
            companies = client._companies_of_hub()
            found = found.filtered(lambda one: one.company_id.id in companies)
        if found:
            return found[0]
        # Odoo repeats the second of two parallel transactions, which then finds it.
        self.env.cr.execute(
            """
            INSERT INTO ai_hub_client_collection
                (company_id, account_id, name, res_model, create_uid, create_date)
            VALUES (%s, %s, %s, %s, %s, now() AT TIME ZONE 'UTC')
            ON CONFLICT DO NOTHING
            """,
            (client.company_id.id, *key, source._name, self.env.uid),
        )
        return self.sudo().search([*domain, ("company_id", "=", client.company_id.id)])

    def _note(self, ids):
        """
        Note that the items *ids* have changed, were added or were removed.
        """
        self._insert(ids)
        self.env["ai.hub.outbox"]._add(self, "collection_sync")

    def _insert(self, ids, error=None):
        self.env.cr.execute(
            """
            INSERT INTO ai_hub_change (client_collection_id, res_model, error, res_id)
            SELECT %s, %s, %s, unnest(%s)
            """,
            (self.id, self.res_model, error, list(ids)),
        )
        self._changed()

    def _changed(self):
        # Cached values of these are never written.
        self.env["ai.hub.change"].invalidate_model(flush=False)
        self.invalidate_recordset(_OF_CHANGES, flush=False)
        self.env[self.res_model].invalidate_model(
            ["ai_hub_change_ids", "ai_hub_state", "ai_hub_message"], flush=False
        )

    def _clients(self):
        """
        The clients that own these items: the business areas of the account.
        """
        # The context of the caller may include archived records.
        clients = self.env["ai.hub.credentials"].sudo().with_context(active_test=True)
        companies = self.env["ai.hub.connection"].sudo()._same_hub(self.company_id)
        return clients.search(
            [("account_id", "=", self.account_id), ("company_id", "in", companies.ids)]
        )

    def _source(self):
        # With the user's language the content would seem to have changed.
        language = self.company_id.partner_id.lang or False
        source = self.env[self.res_model].sudo().with_company(self.company_id)
        return source.with_context(lang=language, active_test=True)

    def _shown(self):
        """
        A domain that selects the present items of the collection.
        """
        source = self._source()
        return [(source._hub_client_field, "in", self._clients().ids), *source._hub_shown()]

    # ------------------------------------------------------------------ what is sent

    def action_send_everything(self):
        """
        Send all items, refused ones included, and replace those at the hub.
        """
        self.check_access("read")
        for collection in self.sudo():
            collection._note([EVERYTHING])
        return True

    def _locked(self):
        """
        Lock and return this collection, unless another process is sending it. Users who save do
        not wait.
        """
        self.env.cr.execute(
            "SELECT id FROM ai_hub_client_collection WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED",
            (self.id,),
        )
        return self.browse([row[0] for row in self.env.cr.fetchall()])

    def _next_part(self, most, *, patient):
        """
        The next part to send: all items if that was requested, otherwise at most *most* changes.

        None if there is nothing to send, or if it would take too long without *patient*.
        """
        mark = self._asked_for_everything()
        if mark is None:
            return self._some(most)
        if not patient and self.item_count > most:
            return None
        # Items refused since then would be refused again.
        refused = self._rows(
            "SELECT res_id FROM ai_hub_change "
            "WHERE client_collection_id = %s AND error IS NOT NULL AND id > %s",
            mark,
        )
        shown = self._source().search([*self._shown(), ("id", "not in", refused)], order="id")
        ids, items = self._items(shown)
        return self._part(mark, ids, [], {"items": items})

    def _some(self, most):
        ids = self._rows(
            "SELECT res_id FROM ai_hub_change WHERE client_collection_id = %s "
            "AND error IS NULL GROUP BY res_id ORDER BY min(id) LIMIT %s",
            most,
        )
        if not ids:
            return None
        shown = self._source().search([*self._shown(), ("id", "in", ids)], order="id")
        kept, items = self._items(shown)
        gone = sorted(set(ids) - set(shown.ids))
        return self._part(None, kept, gone, {"items": items, "removed": list(map(str, gone))})

    def _part(self, mark, kept, gone, body):
        body = hub_client.json_bytes({"account_id": self.account_id, **body})
        part = Part(mark, kept, gone, body)
        return self._half(part) if len(body) > _LARGEST_BODY and part.size > 1 else part

    def _asked_for_everything(self):
        [mark] = self._rows(
            "SELECT max(id) FROM ai_hub_change "
            "WHERE client_collection_id = %s AND res_id = %s AND error IS NULL",
            EVERYTHING,
        )
        return mark

    def _waits(self):
        """
        Whether there is anything to send.
        """
        return bool(
            self._rows(
                "SELECT 1 FROM ai_hub_change "
                "WHERE client_collection_id = %s AND error IS NULL LIMIT %s",
                1,
            )
        )

    def _rows(self, query, *parameters):
        """
        The first column of *query* about this collection.
        """
        self.env.cr.execute(query, (self.id, *parameters))
        return [row[0] for row in self.env.cr.fetchall()]

    def _items(self, records):
        """
        The ids and the contents of *records*, without empty ones.
        """
        ids, items = [], []
        for record in records:
            try:
                item = record._hub_item()
            except psycopg2.Error:
                raise
            except Exception as error:  # pylint: disable=broad-except
                # One bad record must not block the others. The text of an error may
                # contain what was sent.
                _logger.error(
                    "%s cannot be told to the hub: %s\n%s",
                    record,
                    type(error).__name__,
                    "".join(traceback.format_tb(error.__traceback__)),
                )
                words = self.env._("Odoo could not build this item; see its log.")
                self._refuse({record.id: words})
            else:
                ids.append(record.id)
                items.append({"id": record.id, **item})
        return ids, items

    def _half(self, part):
        """
        The first half of *part*, which is too large. A push of all items is then sent in parts,
        and the hub keeps items that Odoo does not have.
        """
        if part.whole:
            self.env.cr.execute(
                "DELETE FROM ai_hub_change "
                "WHERE client_collection_id = %s AND res_id = %s AND id <= %s",
                (self.id, EVERYTHING, part.mark),
            )
            self._insert(part.kept)
        return self._some(part.size // 2)

    # ------------------------------------------------------------------ what became of it

    def _hub_acknowledged(self, part, answer):
        """
        Note that the hub accepted *part* with *answer*.
        """
        if part.whole:
            self.env.cr.execute(
                "DELETE FROM ai_hub_change "
                "WHERE client_collection_id = %s AND (error IS NULL OR id < %s)",
                (self.id, part.mark),
            )
        else:
            self._forget(part.kept + part.gone)
        self._changed()
        version, digest = answer.get("version"), answer.get("digest")
        self.write(
            {
                "sync_message": False,
                "push_refused": False,
                "synced_at": fields.Datetime.now(),
                "collection_version": version if isinstance(version, int) else 0,
                "collection_digest": digest if isinstance(digest, str) else False,
            }
        )

    def _set_aside(self, part, outcome):
        """
        Set the items aside that the hub refuses in *part*. Returns whether it named any.
        """
        connections = self.env["ai.hub.connection"]
        named = {}
        for place, words in outcome.errors:
            found = _PLACE.match(place)
            if found and int(found[1]) < len(part.kept):
                named[part.kept[int(found[1])]] = connections._explain(
                    outcome._replace(detail=words)
                )
        if not named and outcome.status == 413 and len(part.kept) == 1:
            named = {part.kept[0]: connections._explain(outcome)}
        self._refuse(named)
        return bool(named)

    def _refuse(self, errors):
        for id_, words in errors.items():
            self._forget([id_])
            self._insert([id_], words)

    def _forget(self, ids):
        self.env.cr.execute(
            "DELETE FROM ai_hub_change WHERE client_collection_id = %s AND res_id = ANY(%s)",
            (self.id, list(ids)),
        )

    def _hub_failed(self, error, *, final):
        self.write({"sync_message": error, "push_refused": final})

    def _hub_known(self):
        """
        The state of these collections that the hub acknowledged.
        """
        return [
            {
                "name": collection.name,
                "version": collection.collection_version,
                "digest": collection.collection_digest,
            }
            for collection in self
        ]
