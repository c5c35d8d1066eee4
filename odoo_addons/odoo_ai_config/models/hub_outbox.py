# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import logging
import time
import traceback
import uuid
from contextlib import closing, contextmanager
from datetime import timedelta

import psycopg2
from psycopg2.pool import PoolError

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import hmac

from .. import hub_client

_logger = logging.getLogger(__name__)

# A user waits for what is sent right after the commit; the cron does the rest.
_AT_ONCE = 20
_AT_ONCE_SECONDS = 5
_AT_ONCE_ITEMS = 100
_PER_RUN = 500
_PER_RUN_SECONDS = 240
_PER_PART = 1000
_FIRST_WAIT = 30
# Seconds for which no user waits for a hub that has timed out.
_LEFT_TO_CRON = timedelta(minutes=1)
_KEPT_DAYS = 30

_AFTER_COMMIT = "odoo_ai_config.outbox"


class HubOutbox(models.Model):
    """
    The outbox: changes that must be sent to the hub, and their results.

    A line is written in the same transaction as its change, so a change that is rolled back is
    never sent. It only names the record: the content, passwords included, is read at the time
    of sending. Only the line of a deletion has content, which is not secret, because its record
    no longer exists.

    The id that the hub sees belongs to the line and its content. If the answer was lost and the
    line is sent again, the hub recognises it. If the record has changed meanwhile, it is a new
    message.
    """

    _name = "ai.hub.outbox"
    _description = "Message to the AI Hub"
    _order = "id desc"
    _rec_name = "subject"

    key = fields.Char(
        string="Message", required=True, readonly=True, default=lambda self: str(uuid.uuid4())
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade", index=True
    )
    event = fields.Selection(
        [
            ("credentials_sync", "Credentials"),
            ("company_metadata_sync", "Company Profile"),
            ("mapping_sync", "Channel"),
            ("mapping_delete", "Channel removed"),
            ("collection_sync", "Collection"),
        ],
        required=True,
        readonly=True,
    )
    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(
        string="Record", model_field="res_model", required=True, readonly=True
    )
    subject = fields.Char(required=True, readonly=True)
    removal = fields.Json(
        readonly=True, help="The content of a removal, whose record no longer exists."
    )
    state = fields.Selection(
        [
            ("pending", "Waiting"),
            ("done", "Sent"),
            ("failed", "Refused"),
            ("superseded", "Overtaken"),
            # The line waited when this copy of a database was neutralized. It is never sent.
            ("aside", "Set aside"),
        ],
        default="pending",
        required=True,
        readonly=True,
        index=True,
    )
    attempts = fields.Integer(readonly=True, default=0)
    next_attempt = fields.Datetime(readonly=True, default=fields.Datetime.now)
    last_error = fields.Char(readonly=True)
    sent_at = fields.Datetime(readonly=True)
    timed_out_at = fields.Datetime(readonly=True, copy=False, index="btree_not_null")

    def init(self):
        self.env.cr.execute(
            """
            CREATE INDEX IF NOT EXISTS ai_hub_outbox_due_idx
            ON ai_hub_outbox (next_attempt) WHERE state = 'pending';
            CREATE INDEX IF NOT EXISTS ai_hub_outbox_record_idx
            ON ai_hub_outbox (res_model, res_id)
            """
        )

    # ------------------------------------------------------------------ writing lines

    @api.model
    def _add(self, records, event, removals=None):
        """
        Send *records* once this transaction is committed.
        """
        told = set() if removals else self._told_in_this_transaction(records, event)
        self.sudo().create(
            [
                {
                    "company_id": record.company_id.id,
                    "event": event,
                    "res_model": record._name,
                    "res_id": record.id,
                    "subject": record.display_name,
                    "removal": removals and removals[record.id],
                }
                for record in records
                if record.id not in told
            ]
        )._send_after_commit()

    @api.model
    def _told_in_this_transaction(self, records, event):
        """
        Those of *records* that already have a line in this transaction. One line per record is
        enough, however many of its parts are saved with it.
        """
        lines = self.sudo().search(
            [
                ("event", "=", event),
                ("res_model", "=", records._name),
                ("res_id", "in", records.ids),
                ("state", "=", "pending"),
            ]
        )
        waiting = set(self.env.cr.postcommit.data.get(_AFTER_COMMIT, ()))
        return {line.res_id for line in lines if line.id in waiting}

    def _send_after_commit(self):
        """
        Send these lines as soon as they are committed, without waiting for the cron.
        """
        # While modules are being loaded, no user waits, and some code is not loaded yet.
        if not self or not self.env.registry.ready:
            return
        waiting = self.env.cr.postcommit.data.get(_AFTER_COMMIT)
        if waiting is None:
            waiting = self.env.cr.postcommit.data[_AFTER_COMMIT] = []
            outbox = self.browse()

            @self.env.cr.postcommit.add
            def send():
                outbox._deliver(waiting[:_AT_ONCE], _AT_ONCE_SECONDS, patient=False)

        waiting.extend(self.ids)

    @contextmanager
    def _rehearsing(self):
        """
        Roll back the changes inside, and send nothing about them.
        """
        before = len(self.env.cr.postcommit.data.get(_AFTER_COMMIT, ()))
        with closing(self.env.cr.savepoint()):
            yield
        del self.env.cr.postcommit.data.get(_AFTER_COMMIT, [])[before:]

    @api.model
    def _wake(self, companies):
        """
        Send the waiting lines of *companies* now, because a problem was fixed.
        """
        lines = self.search(
            [("state", "=", "pending"), ("company_id", "in", companies.ids)], order="id"
        )
        lines.next_attempt = fields.Datetime.now()
        self._trust_again(companies)
        lines._send_after_commit()

    @api.model
    def _trust_again(self, companies):
        """
        Forget that the hub of *companies* was slow, so that it is tried now.
        """
        self.search(
            [("timed_out_at", "!=", False), ("company_id", "in", companies.ids)]
        ).timed_out_at = False

    @api.model
    def _removals_of(self, company):
        """
        The channels that the hub has removed, the newest first, as far as lines are kept.
        """
        return self.search(
            [
                ("event", "=", "mapping_delete"),
                ("state", "=", "done"),
                ("company_id", "=", company.id),
            ]
        )

    def _repeat(self):
        """
        Send lines again as new messages: a hub that lost them may still know their ids.
        """
        for line in self:
            line.copy(
                {
                    "key": str(uuid.uuid4()),
                    "state": "pending",
                    "attempts": 0,
                    "next_attempt": fields.Datetime.now(),
                    "last_error": False,
                    "sent_at": False,
                }
            )._send_after_commit()

    def action_retry(self):
        """
        Send refused or waiting lines now. Every user who can see them may do this.
        """
        self.check_access("read")
        lines = self.sudo().filtered(lambda line: line.state in ("pending", "failed"))
        if not lines:
            raise UserError(self.env._("There is nothing left to send here."))
        lines.write({"state": "pending", "next_attempt": fields.Datetime.now()})
        lines._trust_again(lines.company_id)
        lines.sorted("id")._send_after_commit()
        return True

    # ------------------------------------------------------------------ sending lines

    @api.model
    def _cron_deliver(self):
        due = self.search(
            [("state", "=", "pending"), ("next_attempt", "<=", fields.Datetime.now())],
            order="id",
            limit=_PER_RUN,
        )
        self._deliver(due.ids, _PER_RUN_SECONDS)

    @api.model
    def _deliver(self, ids, seconds, *, patient=True):
        """
        Send the lines *ids*, each in its own transaction, for at most about *seconds*.

        If a hub cannot be reached, the other lines of that company are sent later. Without
        *patient*, only the first part of a large line is sent, and the cron sends the rest.
        """
        deadline = time.monotonic() + seconds
        out_of_reach = set()
        for line_id in ids:
            more = True
            while more and time.monotonic() <= deadline:
                more = self._deliver_part(line_id, out_of_reach, patient)
                if more and not patient:
                    self._wake_cron()
                    more = False

    @api.model
    def _deliver_part(self, line_id, out_of_reach, patient):
        """
        Send one line, or one part of it. Returns whether another part can be sent now.
        """
        more = False
        try:
            with self.env.registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                line = env[self._name].browse(line_id)._locked()
                if line and not patient and line._hub_hangs():
                    out_of_reach.add(line.company_id.id)
                if line and line.company_id.id not in out_of_reach:
                    outcome = line._send(patient=patient)
                    if outcome and outcome.unreachable:
                        out_of_reach.add(line.company_id.id)
                    more = line._has_more()
        except (psycopg2.OperationalError, PoolError) as error:
            # Another user changed the record meanwhile, or Odoo has no database connection
            # left. The line is sent again, and the hub recognises a repetition.
            _logger.info("message %s is sent later: %s", line_id, type(error).__name__)
            return False
        except Exception as error:  # pylint: disable=broad-except
            # One bad line must not block the others, and the user whose change
            # is committed must not see an error. The text of an error may contain
            # what was sent, so only its kind and place are logged.
            _logger.error(
                "message %s cannot be sent: %s\n%s",
                line_id,
                type(error).__name__,
                "".join(traceback.format_tb(error.__traceback__)),
            )
            self._lay_aside(line_id)
            return False
        return more

    def _hub_hangs(self):
        """
        Whether the hub of this company has timed out recently.
        """
        return bool(
            self.search_count(
                [
                    ("company_id", "=", self.company_id.id),
                    ("timed_out_at", ">", fields.Datetime.now() - _LEFT_TO_CRON),
                ],
                limit=1,
            )
        )

    def _wake_cron(self):
        with self.env.registry.cursor() as cr:
            api.Environment(cr, SUPERUSER_ID, {}).ref("odoo_ai_config.cron_deliver")._trigger()

    def _has_more(self):
        """
        Whether the line still has to be sent and can be sent.
        """
        due = self.next_attempt and self.next_attempt <= fields.Datetime.now()
        return bool(self and self.state == "pending" and due)

    def _lay_aside(self, line_id):
        with self.env.registry.cursor() as cr:
            line = api.Environment(cr, SUPERUSER_ID, {})[self._name].browse(line_id)
            line._locked()._put_off(
                line.env._("Odoo could not build this message; see its log."),
                hub_client.MAX_WAIT,
            )

    def _locked(self):
        """
        Lock and return the line, if it still has to be sent and no other process is sending it.
        """
        self.env.cr.execute(
            "SELECT id FROM ai_hub_outbox WHERE id IN %s AND state = 'pending' "
            "FOR UPDATE SKIP LOCKED",
            (tuple(self.ids),),
        )
        return self.browse([row[0] for row in self.env.cr.fetchall()])

    def _send(self, *, patient=True):
        """
        Send one line and store its result; None if there was nothing to send.
        """
        self.ensure_one()
        line = self.with_context(lang=self.create_uid.lang)
        record = line._record()
        if line._overtaken():
            line.state = "superseded"
            return None
        connection = line.env["ai.hub.connection"]._of(line.company_id)
        if line.event == "collection_sync":
            return line._send_part(record, connection, patient=patient)
        content = line._content(record)
        if content is None:
            line.state = "superseded"
            record._hub_overtaken()
            return None
        missing = connection._missing()
        if missing:
            line._put_off(missing, hub_client.MAX_WAIT)
            record._hub_failed(missing, final=False)
            return None
        message_id = line._message_id(hub_client.json_bytes(content))
        outcome = connection._client(patient=patient).send(content, message_id)
        line.attempts += 1
        if outcome.accepted:
            line._accepted()
            record._hub_acknowledged(outcome.answer)
        else:
            line._refused(record, outcome)
        return outcome

    def _send_part(self, collection, connection, *, patient):
        """
        Send the next part of a collection.
        """
        if not collection or not collection._waits():
            self.state = "superseded"
            return None
        missing = connection._missing()
        if missing:
            self._put_off(missing, hub_client.MAX_WAIT)
            collection._hub_failed(missing, final=False)
            return None
        if not collection._locked():
            # The process that is sending the collection sends this too, or later.
            self._put_off(False, _FIRST_WAIT)
            return None
        most = _PER_PART if patient else _AT_ONCE_ITEMS
        part = collection._next_part(most, patient=patient)
        if part is None:
            return None
        client = connection._client(patient=patient)
        outcome = client.push(
            collection.name, part.body, self._message_id(part.body), whole=part.whole
        )
        while outcome.status == 413 and part.size > 1:
            part = collection._half(part)
            outcome = client.push(collection.name, part.body, self._message_id(part.body))
        self.attempts += 1
        if outcome.accepted:
            collection._hub_acknowledged(part, outcome.answer)
            self.last_error = False
            if not collection._waits():
                self._accepted()
        elif collection._set_aside(part, outcome):
            # Without those, the others have a chance.
            self.last_error = False
        else:
            self._refused(collection, outcome)
        return outcome

    def _record(self):
        """
        The record of the line. Empty if it no longer exists, or if the line is about a channel
        that the record has left.
        """
        model = self.env[self.res_model].with_context(active_test=False)
        return model if self.event == "mapping_delete" else model.browse(self.res_id).exists()

    def _overtaken(self):
        """
        Whether a later line sends the same record.
        """
        return self.event != "mapping_delete" and self.search_count(
            [
                ("res_model", "=", self.res_model),
                ("res_id", "=", self.res_id),
                ("event", "=", self.event),
                ("state", "=", "pending"),
                ("id", ">", self.id),
            ],
            limit=1,
        )

    def _content(self, record):
        """
        The event for the hub, or None if it is outdated.
        """
        if self.event != "mapping_delete":
            return record._hub_event() if record else None
        channels = self.env["ai.hub.channel"]
        mapping = self.removal
        taken = channels._holders(
            self.company_id, mapping["chatwoot_account_id"], mapping["chatwoot_inbox_id"]
        )
        # Another mapping has the channel now, and has its own line.
        return None if taken else {"event_type": "mapping_delete", "mapping": mapping}

    def _message_id(self, body):
        # With the database's own key, so that the digest does not help to guess passwords.
        digest = hmac(self.env(su=True), "odoo_ai_config", body)
        return f"{self.key}-{digest[:16]}"

    def _accepted(self):
        self.write({"state": "done", "sent_at": fields.Datetime.now(), "last_error": False})
        if self.event == "mapping_delete":
            return
        earlier = self.search(
            [
                ("res_model", "=", self.res_model),
                ("res_id", "=", self.res_id),
                ("event", "=", self.event),
                ("state", "in", ("pending", "failed")),
                ("id", "<", self.id),
            ]
        )
        earlier.state = "superseded"

    def _refused(self, record, outcome):
        error = self.env["ai.hub.connection"]._explain(outcome)
        if outcome.final:
            self.write({"state": "failed", "last_error": error})
        else:
            # 30 s, 1 min, 2 min and so on, but at least once an hour.
            waits = _FIRST_WAIT * 2 ** min(self.attempts - 1, 10)
            self._put_off(error, max(outcome.wait, min(waits, hub_client.MAX_WAIT)))
            if outcome.kind == hub_client.TIMED_OUT:
                self.timed_out_at = fields.Datetime.now()
        record._hub_failed(error, final=outcome.final)

    def _put_off(self, error, seconds):
        later = fields.Datetime.now() + timedelta(seconds=seconds)
        self.write({"last_error": error, "next_attempt": later})

    @api.autovacuum
    def _gc_lines(self):
        horizon = fields.Datetime.now() - timedelta(days=_KEPT_DAYS)
        self.search(
            [("state", "in", ("done", "superseded")), ("write_date", "<", horizon)]
        ).unlink()
