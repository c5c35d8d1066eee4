# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import polib

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import file_path

from ..models.hub_secrets_mixin import MASK
from .common import KEY, READY, SIGNING_SECRET, HubCase


@tagged("post_install", "-at_install")
class TestSettings(HubCase):
    def settings(self, **values):
        return self.env["res.config.settings"].create(values)

    def test_settings_show_the_url_and_no_secret(self):
        settings = self.settings()
        self.assertEqual(settings.ai_hub_url, self.hub.url)
        self.assertEqual(settings.ai_hub_api_key, MASK)
        self.assertEqual(settings.ai_hub_signing_secret, MASK)

    def test_saving_replaces_what_was_typed_and_keeps_the_rest(self):
        self.settings(
            ai_hub_url=f" {self.hub.url}/odoo-webhook/ ",
            ai_hub_api_key=" oac_new ",
            ai_hub_signing_secret=MASK,
        ).execute()
        self.assertEqual(self.connection.url, self.hub.url)
        self.assertEqual(
            self.connection.sudo()._hub_secrets(),
            {"api_key": "oac_new", "signing_secret": SIGNING_SECRET},
        )

    def test_web_client_gets_no_secret_back(self):
        values = {"ai_hub_api_key": "oac_new", "ai_hub_signing_secret": "outro"}
        [saved] = self.env["res.config.settings"].web_save(
            values, {"ai_hub_api_key": {}, "ai_hub_signing_secret": {}}
        )
        self.assertEqual(saved["ai_hub_api_key"], MASK)
        self.assertEqual(saved["ai_hub_signing_secret"], MASK)

    def test_secret_can_be_removed(self):
        self.settings(ai_hub_signing_secret=False).execute()
        self.assertEqual(self.connection.sudo()._hub_secrets(), {"api_key": KEY})

    def test_first_saving_makes_the_connection(self):
        self.connection.unlink()
        self.settings().execute()
        connections = self.env["ai.hub.connection"]
        self.assertFalse(connections._of(self.env.company))
        self.settings(ai_hub_url=self.hub.url, ai_hub_api_key=KEY).execute()
        self.assertEqual(connections._of(self.env.company).url, self.hub.url)

    def test_company_has_one_connection(self):
        with self.assertRaisesRegex(ValidationError, "one connection"):
            self.env["ai.hub.connection"].create({"company_id": self.env.company.id})

    def test_bad_urls_are_refused(self):
        for url in (
            "hub.example.com",
            "ftp://hub.example.com",
            "http://",
            "http://hub:99999",
            "http://[::1",
            "https://user:pass@hub.example.com",
            "https://hub.example.com/?a=b",
            "https://hub.example.com/#a",
        ):
            with (
                self.subTest(url=url),
                self.assertRaisesRegex(ValidationError, "hub's URL must"),
                self.cr.savepoint(),
            ):
                self.connection.url = url

    def test_what_is_typed_behind_the_dots_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "dots"):
            self.settings(ai_hub_api_key=MASK + "oac_new")

    def test_secrets_that_fit_no_header_are_refused(self):
        for name, value in (
            ("api_key", "com espaço"),
            ("api_key", "chave-é"),
            ("api_key", "a\nb"),
            ("signing_secret", "segredo é"),
            ("signing_secret", "whsec_!!"),
        ):
            with (
                self.subTest(name=name, value=value),
                self.assertRaises(ValidationError),
                self.cr.savepoint(),
            ):
                self.connection[name] = value

    def test_users_without_the_right_cannot_test_or_read_settings(self):
        user = self.env["res.users"].create({"login": "somebody", "name": "Somebody"})
        self.env.ref("odoo_ai_config.group_manager").sudo().user_ids = [Command.link(user.id)]
        with self.assertRaises(AccessError):
            self.env["res.config.settings"].with_user(user).create({"ai_hub_api_key": "x"})
        with self.assertRaises(AccessError):
            self.connection.with_user(user).read(["url"])

    def check(self):
        params = self.settings().action_ai_hub_check()["params"]
        return params["type"], params["message"]

    def test_good_connection_is_told(self):
        self.hub.answers.append(READY)
        self.hub.will_refuse(400, "unknown_event", "Tipo de evento não suportado")
        kind, message = self.check()
        self.assertEqual(kind, "success", message)
        self.assertEqual(
            [(request.method, request.path) for request in self.hub.received],
            [("GET", "/ready"), ("POST", "/odoo-webhook"), ("POST", "/v1/reconcile")],
        )
        self.assertNotIn("x-api-key", self.hub.received[0].headers)

    def test_key_that_may_not_send_is_told(self):
        self.hub.answers.append(READY)
        self.hub.will_refuse(400, "unknown_event")
        self.hub.will_refuse(403, "scope_missing")
        self.assertIn("scope “webhook”", self.check()[1])

    def test_hub_that_cannot_be_asked_how_it_stands_will_do(self):
        self.hub.answers.append(READY)
        self.hub.will_refuse(400, "unknown_event")
        self.hub.will_refuse(404, "route_not_found")
        self.assertEqual(self.check()[0], "success")

    def test_each_fault_is_told_in_words(self):
        faults = (
            (401, "invalid_api_key", "does not accept the API key"),
            (401, "signature_missing", "requires signed messages"),
            (401, "signature_invalid", "does not accept the signature"),
            (401, "signature_timestamp", "clocks"),
            (404, "app_not_served", "--apps"),
            (403, "tenant_forbidden", "não dá acesso"),
        )
        for status, code, words in faults:
            with self.subTest(code=code):
                self.hub.answers.append(READY)
                self.hub.will_refuse(status, code, "A chave não dá acesso a este cliente")
                kind, message = self.check()
                self.assertEqual(kind, "danger")
                self.assertIn(words, message)

    def test_hub_without_its_store_is_told(self):
        self.hub.will_refuse(503, "store_unavailable", "Armazenamento indisponível")
        self.assertEqual(
            self.check(), ("danger", "The hub refused: Armazenamento indisponível (HTTP 503)")
        )

    def test_other_server_is_told(self):
        self.hub.answers.append((200, b"<html>Welcome to nginx</html>"))
        self.assertIn("is not the hub", self.check()[1])
        self.hub.answers.append((301, b"", ("Location", "https://hub.example.com/ready")))
        self.assertIn("redirects to another one (HTTP 301)", self.check()[1])

    def test_what_is_not_set_is_told(self):
        self.connection.api_key = False
        self.assertIn("API key is not set", self.check()[1])
        self.connection.url = False
        self.assertIn("URL is not set", self.check()[1])
        self.assertFalse(self.hub.received)

    def test_texts_are_there_in_portuguese(self):
        self.env["res.lang"]._activate_lang("pt_BR")
        self.connection.api_key = False
        settings = self.env["res.config.settings"].with_context(lang="pt_BR").create({})
        params = settings.action_ai_hub_check()["params"]
        self.assertEqual(params["title"], "Hub de Configuração de IA")
        self.assertIn("A chave de API do hub ainda não foi informada", params["message"])

    def test_no_text_is_left_untranslated(self):
        path = file_path("odoo_ai_config/i18n/pt_BR.po")
        self.assertEqual(
            [entry.msgid for entry in polib.pofile(path) if not entry.msgstr or entry.fuzzy],
            [],
        )
