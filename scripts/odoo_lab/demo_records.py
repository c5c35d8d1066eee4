"""
The records in the pictures: an agency, its clients, and their state at the hub.
"""

from __future__ import annotations

from tests.e2e.hub_process import HubProcess
from tests.odoo.odoo_server import User, sql
from tests.odoo.records import CHANNELS, CLIENTS

MOMENT = "2026-03-02 13:30:00"


async def speak_portuguese(admin: User) -> None:
    languages = await admin.call(
        "res.lang", "search", [["code", "=", "pt_BR"]], context={"active_test": False}
    )
    wizard = await admin.save(
        "base.language.install", {"lang_ids": [[6, 0, languages]], "overwrite": True}
    )
    await admin.press("base.language.install", "lang_install", wizard)
    [user] = await admin.call("res.users", "search", [["login", "=", "admin"]])
    await admin.save("res.users", {"lang": "pt_BR", "name": "Ana Souza"}, user)
    await admin.save("res.company", {"name": "Agência Exemplo"}, 1)


async def fill(admin: User) -> None:
    """
    Create a shop with two business areas and three channels, and a client that the hub refuses.
    """
    rules, products, scheduling, documents = [
        await admin.call("ai.hub.collection", "search", [["technical_name", "=", name]])
        for name in (
            "business_rules", "products_informations", "scheduling_rules", "support_documents",
        )
    ]  # fmt: skip
    casa_verde = {
        "account_id": "casa_verde",
        "odoo_url": "https://odoo.casaverde.example",
        "odoo_db": "casaverde",
        "odoo_username": "robo@casaverde.example",
        "odoo_password": "uma senha",
    }
    shop = await admin.save(
        CLIENTS,
        {
            **casa_verde,
            "name": "Casa Verde Loja",
            "business_area": "retail",
            "description": "Plantas, vasos e ferramentas para jardim",
            "collection_ids": [[6, 0, rules + products + documents]],
            "facebook_app_id": "1029384756",
            "facebook_app_secret": "um segredo",
            "facebook_access_token": "um token",
            "instagram_client_id": "5647382910",
            "instagram_client_secret": "um segredo",
            "instagram_access_token": "um token",
        },
    )
    gardens = await admin.save(
        CLIENTS,
        {
            **casa_verde,
            "name": "Casa Verde Jardinagem",
            "business_area": "services",
            "description": "Visitas, projetos e manutenção de jardins",
            "collection_ids": [[6, 0, rules + scheduling]],
        },
    )
    await admin.save(
        "ai.hub.company",
        {
            "credentials_id": shop,
            "company_values": "Plantas bem cuidadas, gente bem atendida.",
            "greeting_message": "Olá! Aqui é da Casa Verde. Como posso ajudar o seu jardim?",
            "website": "https://casaverde.example",
            "instagram_url": "https://instagram.com/casaverde",
            "mention_website_at_end": True,
            "street": "Rua das Acácias, 120",
            "city": "Campinas",
            "state": "SP",
            "country": "Brasil",
            "saturday": True,
            "has_lunch_break": True,
        },
    )
    for rule in (
        {
            "name": "Frete grátis",
            "description": "Compras acima de R$ 200,00 têm frete grátis em Campinas.",
        },
        {
            "name": "Garantia estendida",
            "is_temporary": True,
            "date_start": "2026-03-01",
            "date_end": "2036-02-29",
            "description": "Vasos de cerâmica têm dois anos de garantia.",
        },
    ):
        await admin.save("ai.hub.business.rule", {"credentials_id": shop, **rule})
    await admin.save(
        "ai.hub.scheduling.rule",
        {
            "credentials_id": gardens,
            "name": "Visita de orçamento",
            "service_type": "appointment",
            "duration": 1.5,
            "saturday": True,
        },
    )
    await admin.save(
        "ai.hub.support.document",
        {
            "credentials_id": shop,
            "name": "Trocas e devoluções",
            "content": "Plantas podem ser trocadas em até sete dias, no vaso em que vieram.",
        },
    )
    await admin.save(
        "product.template",
        {
            "name": "Vaso de cerâmica, 30 cm",
            "list_price": 89.9,
            "default_code": "VASO-30",
            "description_sale": "Esmaltado, com furo e prato.",
            "ai_client_ids": [[4, shop]],
        },
    )
    numbers = [
        {"number": "+55 11 98765-4321", "crew": "analytics"},
        {"number": "+55 21 99876-5432", "crew": "admin"},
    ]
    for values in (
        {"credentials_id": shop, "chatwoot_inbox_id": 7,
         "special_number_ids": [[0, 0, number] for number in numbers]},
        {"credentials_id": gardens, "chatwoot_inbox_id": 8},
        {"credentials_id": shop, "is_fallback": True},
    ):  # fmt: skip
        await admin.save(CHANNELS, {"chatwoot_account_id": 12, **values})
    await admin.save(
        CLIENTS,
        {
            "name": "Padaria do Porto",
            "account_id": "padaria_do_porto",
            "business_area": "restaurant",
            "description": "Pães, bolos e doces. " * 1000,
        },
    )


async def fail_to_send(admin: User, hub: HubProcess) -> None:
    hub.stop()
    await admin.save(
        CLIENTS,
        {"name": "Clínica Boa Vista", "account_id": "boa_vista", "business_area": "healthcare"},
    )


def stop_the_clock() -> None:
    """
    Set all times to the same moment, so that the pictures stay the same.
    """
    for table, columns in {
        "ai_hub_outbox": ("create_date", "sent_at"),
        "ai_hub_credentials": ("synced_at",),
        "ai_hub_channel": ("synced_at",),
        "ai_hub_company": ("synced_at",),
        "ai_hub_client_collection": ("synced_at",),
    }.items():
        for column in columns:
            sql(f"UPDATE {table} SET {column} = '{MOMENT}' WHERE {column} IS NOT NULL")
