"""
Events as Odoo's modules send them, for trying a hub out.
"""

from __future__ import annotations

from typing import Annotated, Final

from attrs import frozen
from cyclopts import Group, Parameter

from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.cli.refusals import CommandError

_EVENT: Final = Group("Evento", help="Sem estas opções, o evento leva valores de exemplo.")


@Parameter(name="*", group=_EVENT)
@frozen
class CredentialsSample:
    """
    The fields of a ``credentials_sync`` event.
    """

    name: Annotated[str, Parameter(help="Nome do cliente.")] = "Cliente Exemplo"
    description: Annotated[str | None, Parameter(help="Descrição.")] = None
    odoo_url: Annotated[str, Parameter(help="Endereço do Odoo.")] = "https://odoo.example.com"
    odoo_db: Annotated[str, Parameter(help="Banco de dados do Odoo.")] = "odoo_db"
    odoo_username: Annotated[str, Parameter(help="Usuário do Odoo.")] = "admin"
    odoo_password: Annotated[str, Parameter(help="Senha do Odoo; é selada pelo servidor.")] = (
        "senha_segura"  # noqa: S105 - a sample
    )
    token: Annotated[str, Parameter(help="Referência sob a qual a senha é guardada.")] = (
        "token_referencia"  # noqa: S105 - the name of a secret
    )
    collection: Annotated[
        list[str] | None,
        Parameter(name="--collection", help="Coleção habilitada; repita.", negative=()),
    ] = None
    qdrant_collection: Annotated[str | None, Parameter(help="Coleção no Qdrant.")] = None
    redis_prefix: Annotated[str | None, Parameter(help="Prefixo no Redis.")] = None
    yaml_content: Annotated[
        str | None, Parameter(help="Mais configurações do cliente, em texto YAML.")
    ] = None

    def event(self, account_id: str, domain: str) -> JsonObject:
        """
        The event for *account_id*.
        """
        collections = self.collection or list(_COLLECTIONS)
        optional: JsonObject = {
            "qdrant_collection": self.qdrant_collection,
            "redis_prefix": self.redis_prefix,
            "yaml_content": self.yaml_content,
        }
        return {
            "event_type": "credentials_sync",
            "account_id": account_id,
            "domain": domain,
            "name": self.name,
            "description": self.description or f"Configuração para {self.name}",
            "odoo_url": self.odoo_url,
            "odoo_db": self.odoo_db,
            "odoo_username": self.odoo_username,
            "odoo_password": self.odoo_password,
            "token": self.token,
            "enabled_collections": [*collections],
            **_given(optional),
        }


_COLLECTIONS: Final = (
    "business_rules",
    "products_informations",
    "scheduling_rules",
    "support_documents",
)


@Parameter(name="*", group=_EVENT)
@frozen
class MappingSample:
    """
    The fields of a ``mapping_sync`` event.
    """

    chatwoot_account_id: Annotated[str, Parameter(help="Conta do Chatwoot.")] = "987654"
    chatwoot_inbox_id: Annotated[
        str, Parameter(help="Caixa de entrada do Chatwoot; vazia para a conta toda.")
    ] = "12345"
    fallback: Annotated[
        bool, Parameter(help="Se o cliente recebe mensagens que nenhuma regra encaminha.")
    ] = True
    sequence: Annotated[int, Parameter(help="Ordem entre os de reserva, menor primeiro.")] = 10
    number: Annotated[
        list[str] | None,
        Parameter(
            help="Número especial e sua equipe, como 5511999999999=analytics; repita.",
            negative=(),
        ),
    ] = None
    delete: Annotated[bool, Parameter(help="Remove o mapeamento.", negative=())] = False

    def event(self, account_id: str, domain: str) -> JsonObject:
        """
        The event for *account_id*.

        Raises:
            CommandError: A number has no crew.
        """
        return {
            "event_type": "mapping_delete" if self.delete else "mapping_sync",
            "mapping": {
                "chatwoot_account_id": self.chatwoot_account_id,
                "chatwoot_inbox_id": self.chatwoot_inbox_id or None,
                "internal_account_id": account_id,
                "domain": domain,
                "is_fallback": self.fallback,
                "sequence": self.sequence,
                "special_whatsapp_numbers": [
                    _special(text) for text in self.number or ["5511999999999=analytics"]
                ],
            },
        }


def _special(text: str) -> Json:
    number, equals, crew = text.partition("=")
    if not (number and equals and crew):
        raise CommandError(
            "--number deve ter a forma NÚMERO=EQUIPE, como 5511999999999=analytics."
        )
    return {"number": number, "crew": crew}


@Parameter(name="*", group=_EVENT)
@frozen
class MetadataSample:
    """
    The fields of a ``company_metadata_sync`` event.
    """

    name: Annotated[str, Parameter(help="Nome da empresa.")] = "Cliente Exemplo"
    description: Annotated[str, Parameter(help="Descrição.")] = "Loja de roupas e acessórios"
    business_area: Annotated[str, Parameter(help="Ramo.")] = "retail"
    company_values: Annotated[str, Parameter(help="Valores.")] = "Qualidade e bom atendimento"
    website: Annotated[str, Parameter(help="Site.")] = "https://www.example.com"
    facebook_url: Annotated[str | None, Parameter(help="Página no Facebook.")] = None
    instagram_url: Annotated[str | None, Parameter(help="Perfil no Instagram.")] = None
    greeting_message: Annotated[str, Parameter(help="Saudação ao cliente final.")] = (
        "Olá! Como posso ajudar?"
    )
    communication_style: Annotated[str, Parameter(help="Estilo de comunicação.")] = "friendly"
    emoji_usage: Annotated[str, Parameter(help="Uso de emojis.")] = "moderate"
    city: Annotated[str, Parameter(help="Cidade.")] = "São Paulo"
    state: Annotated[str, Parameter(help="Estado.")] = "SP"
    opens_at: Annotated[float, Parameter(help="Hora em que abre em dias úteis.")] = 9.0
    closes_at: Annotated[float, Parameter(help="Hora em que fecha em dias úteis.")] = 18.0

    def event(self, account_id: str, domain: str) -> JsonObject:
        """
        The event for *account_id*.
        """
        workdays: JsonObject = dict.fromkeys(_WORKDAYS, True)
        return {
            "event_type": "company_metadata_sync",
            "account_id": account_id,
            "domain": domain,
            "name": self.name,
            "description": self.description,
            "business_area": self.business_area,
            "company_values": self.company_values,
            "website": self.website,
            "mention_website_at_end": True,
            "greeting_message": self.greeting_message,
            "communication_style": self.communication_style,
            "emoji_usage": self.emoji_usage,
            "address": {
                "city": self.city,
                "state": self.state,
                "country": "Brasil",
                "share_address": True,
            },
            "business_hours": {
                **workdays,
                "saturday": False,
                "sunday": False,
                "business_hours_start": self.opens_at,
                "business_hours_end": self.closes_at,
                "has_lunch_break": False,
            },
            **_given({"facebook_url": self.facebook_url, "instagram_url": self.instagram_url}),
        }


_WORKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday")


def _given(fields: JsonObject) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}
