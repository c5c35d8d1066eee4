"""
Sample events in the form of Odoo's modules.
"""

from __future__ import annotations

from typing import Annotated, Final

from attrs import asdict, frozen
from cyclopts import Group, Parameter

from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.cli.flags import OPTIONS
from odoo_ai_config.entrypoints.cli.refusals import CommandError

_EVENT: Final = Group("Evento", help="Sem estas opções, o evento leva valores de exemplo.")
_COLLECTIONS: Final = (
    "business_rules",
    "products_informations",
    "scheduling_rules",
    "support_documents",
)
_WORKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday")


@frozen
class EventSample:
    """
    The fields of all events, named as in the event unless they are parts of a field.
    """

    account_id: Annotated[str, Parameter(help="Cliente (account_id).", group=OPTIONS)] = "123456"
    domain: Annotated[str, Parameter(help="Área de negócio.", group=OPTIONS)] = "default"
    clear: Annotated[
        list[str] | None,
        Parameter(
            help="Campo que o evento limpa, como odoo_url ou business_hours.timezone; repita.",
            group=_EVENT,
        ),
    ] = None

    def event(self) -> JsonObject:
        """
        The fields that have a value.
        """
        return {name: value for name, value in asdict(self).items() if value is not None}

    def sent(self) -> JsonObject:
        """
        The event without sample values for the fields that it clears.
        """
        event = self.event()
        inner = event.get("mapping")
        for name in self.clear or ():
            _remove(inner if isinstance(inner, dict) else event, name.split("."))
        return event


def _remove(fields: JsonObject, path: list[str]) -> None:
    name, *rest = path
    inner = fields.get(name)
    if rest and isinstance(inner, dict):
        _remove(inner, rest)
    else:
        fields.pop(name, None)


@Parameter(name="*", group=_EVENT)
@frozen
class CredentialsSample(EventSample):
    """
    The fields of a ``credentials_sync`` event.
    """

    name: Annotated[str, Parameter(help="Nome do cliente.")] = "Cliente Exemplo"
    description: Annotated[str | None, Parameter(help="Descrição.")] = None
    odoo_url: Annotated[str, Parameter(help="Endereço do Odoo.")] = "https://odoo.example.com"
    odoo_db: Annotated[str, Parameter(help="Banco de dados do Odoo.")] = "odoo_db"
    odoo_username: Annotated[str, Parameter(help="Usuário do Odoo.")] = "admin"
    odoo_password: Annotated[str, Parameter(help="Senha do Odoo; o servidor a criptografa.")] = (
        "senha_segura"  # noqa: S105 - a sample
    )
    token: Annotated[str, Parameter(help="Referência sob a qual a senha é guardada.")] = (
        "token_referencia"  # noqa: S105 - the name of a secret
    )
    enabled_collections: Annotated[
        list[str] | None, Parameter(name="--collection", help="Coleção habilitada; repita.")
    ] = None
    qdrant_collection: Annotated[str | None, Parameter(help="Coleção no Qdrant.")] = None
    redis_prefix: Annotated[str | None, Parameter(help="Prefixo no Redis.")] = None
    yaml_content: Annotated[
        str | None, Parameter(help="Mais configurações do cliente, em texto YAML.")
    ] = None

    def event(self) -> JsonObject:
        return {
            "event_type": "credentials_sync",
            "description": f"Configuração para {self.name}",
            "enabled_collections": [*_COLLECTIONS],
            **super().event(),
        }


@Parameter(name="*", group=_EVENT)
@frozen
class MappingSample(EventSample):
    """
    The fields of a ``mapping_sync`` event.
    """

    chatwoot_account_id: Annotated[str, Parameter(help="Conta do Chatwoot.")] = "987654"
    chatwoot_inbox_id: Annotated[
        str, Parameter(help="Caixa de entrada do Chatwoot; vazia para a conta toda.")
    ] = "12345"
    fallback: Annotated[
        bool,
        Parameter(
            help="Se o cliente recebe mensagens que nenhuma outra regra encaminha.",
            negative="--no-fallback",
        ),
    ] = True
    sequence: Annotated[int, Parameter(help="Sequência entre as reservas, a menor primeiro.")] = 10
    number: Annotated[
        list[str] | None,
        Parameter(help="Número especial e sua crew, como 5511999999999=analytics; repita."),
    ] = None
    delete: Annotated[bool, Parameter(help="Remove o mapeamento.")] = False

    def event(self) -> JsonObject:
        return {
            "event_type": "mapping_delete" if self.delete else "mapping_sync",
            "mapping": {
                "chatwoot_account_id": self.chatwoot_account_id,
                "chatwoot_inbox_id": self.chatwoot_inbox_id or None,
                "internal_account_id": self.account_id,
                "domain": self.domain,
                "is_fallback": self.fallback,
                "sequence": self.sequence,
                "special_whatsapp_numbers": [
                    _special(text) for text in self.number or ["5511999999999=analytics"]
                ],
                **({"clear": [*self.clear]} if self.clear else {}),
            },
        }


def _special(text: str) -> Json:
    number, equals, crew = text.partition("=")
    if not (number and equals and crew):
        raise CommandError("--number deve ter a forma NÚMERO=CREW, como 5511999999999=analytics.")
    return {"number": number, "crew": crew}


@Parameter(name="*", group=_EVENT)
@frozen
class MetadataSample(EventSample):
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

    def event(self) -> JsonObject:
        fields = super().event()
        return {
            "event_type": "company_metadata_sync",
            "mention_website_at_end": True,
            "address": {
                "city": fields.pop("city"),
                "state": fields.pop("state"),
                "country": "Brasil",
                "share_address": True,
            },
            "business_hours": {
                **dict.fromkeys(_WORKDAYS, True),
                "saturday": False,
                "sunday": False,
                "business_hours_start": fields.pop("opens_at"),
                "business_hours_end": fields.pop("closes_at"),
                "has_lunch_break": False,
            },
            **fields,
        }
