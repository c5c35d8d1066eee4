"""
What people read, in Portuguese and in English. No text here has room for input.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import hdrs, web
from attrs import frozen

from odoo_ai_config.domain.outcomes import WriteKind

_MOST_LANGUAGES: Final = 16


class Language(enum.Enum):
    """
    The languages that the hub speaks, by their tag.
    """

    PORTUGUESE = "pt-BR"
    ENGLISH = "en"


@frozen
class Text:
    """
    One message in each language.
    """

    portuguese: str
    english: str

    def to(self, language: Language) -> str:
        """
        The message for a reader of *language*.
        """
        return self.english if language is Language.ENGLISH else self.portuguese


def language_of(request: web.BaseRequest) -> Language:
    """
    The language in which the sender of *request* reads the answer.
    """
    return preferred_language(request.headers.get(hdrs.ACCEPT_LANGUAGE))


def preferred_language(accept_language: str | None) -> Language:
    """
    Portuguese, unless ``Accept-Language`` prefers English.
    """
    if not accept_language:
        return Language.PORTUGUESE
    weights = {"pt": 0.0, "en": 0.0}
    for part in accept_language.split(",")[:_MOST_LANGUAGES]:
        tag, _, parameter = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        if primary in weights:
            weights[primary] = max(weights[primary], _weight(parameter))
    return Language.ENGLISH if weights["en"] > weights["pt"] else Language.PORTUGUESE


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    value = value.strip()
    # float() takes "nan", "1_0" and more; a quality is a few digits.
    well_formed = name.strip() == "q" and value.replace(".", "", 1).isascii()
    if not well_formed or not value.replace(".", "", 1).isdigit():
        return 0.0
    return min(float(value), 1.0)


EVENT_FAILED: Final[Mapping[WriteKind, Text]] = {
    WriteKind.CREDENTIALS: Text(
        "Erro ao processar evento de credenciais: ",
        "Error while processing the credentials event: ",
    ),
    WriteKind.MAPPING: Text(
        "Erro ao processar evento de mapeamento: ",
        "Error while processing the mapping event: ",
    ),
    WriteKind.MAPPING_DELETE: Text(
        "Erro ao processar evento de mapeamento: ",
        "Error while processing the mapping event: ",
    ),
    WriteKind.METADATA: Text(
        "Erro ao processar evento de metadados: ",
        "Error while processing the metadata event: ",
    ),
    WriteKind.COLLECTION: Text(
        "Erro ao processar item da coleção: ",
        "Error while processing the item of the collection: ",
    ),
}

EVENT_DONE: Final[Mapping[WriteKind, Text]] = {
    WriteKind.CREDENTIALS: Text(
        "Credenciais sincronizadas com sucesso", "Credentials synchronised"
    ),
    WriteKind.MAPPING: Text("Mapeamento sincronizado com sucesso", "Mapping synchronised"),
    WriteKind.MAPPING_DELETE: Text("Mapeamento removido com sucesso", "Mapping removed"),
    WriteKind.METADATA: Text(
        "Metadados da empresa sincronizados com sucesso", "Company metadata synchronised"
    ),
    WriteKind.COLLECTION: Text("Item da coleção sincronizado com sucesso", "Item synchronised"),
}

# By rule; each completes a sentence that starts with the name of a field.
RULES: Final[Mapping[str, Text]] = {
    "required": Text("é obrigatório", "is required"),
    "text": Text("deve ser um texto", "must be text"),
    "identifier": Text("deve ser um texto ou um inteiro", "must be text or an integer"),
    "integer": Text("deve ser um inteiro", "must be an integer"),
    "positive": Text("deve ser um inteiro positivo", "must be a positive integer"),
    "number": Text("deve ser um número", "must be a number"),
    "boolean": Text("deve ser verdadeiro ou falso", "must be true or false"),
    "list": Text("deve ser uma lista", "must be a list"),
    "object": Text("deve ser um objeto", "must be an object"),
    "too_long": Text(
        "é longo demais: no máximo {limit} caracteres",
        "is too long: at most {limit} characters",
    ),
    "too_many": Text("tem itens demais: no máximo {limit}", "has too many items: at most {limit}"),
    "after_person": Text(
        "deve ser until_handed_back ou ter minutes, de 0 a 10080",
        "must be until_handed_back or have minutes, 0 to 10080",
    ),
    "outside_text": Text(
        "deve ser um texto de 1 a 4096 caracteres", "must be a text of 1 to 4096 characters"
    ),
    "history": Text(
        "deve ter messages (de 0 a 50) e hours (de 1 a 720)",
        "must have messages (0 to 50) and hours (1 to 720)",
    ),
    "most_answers": Text(
        "deve ter answers (de 1 a 100) e minutes (de 1 a 1440)",
        "must have answers (1 to 100) and minutes (1 to 1440)",
    ),
    "whole_number": Text(
        "deve ser um inteiro dentro dos limites", "must be an integer within the limits"
    ),
    "names": Text(
        "deve ser uma lista de até 50 nomes de 1 a 100 caracteres",
        "must be a list of at most 50 names of 1 to 100 characters",
    ),
    "channels": Text(
        "deve ter até 50 canais, com nomes como 1 (conta) ou 1/7 (conta e caixa de entrada)",
        "must have at most 50 channels, named like 1 (account) or 1/7 (account and inbox)",
    ),
    "weekly_hours": Text(
        "deve ter dias em inglês (monday), cada um com até 6 intervalos como 09:00-12:00",
        "must have days (monday), each with at most 6 spans like 09:00-12:00",
    ),
    "hour": Text("deve ser uma hora de 0 a 24", "must be an hour from 0 to 24"),
    "page_size": Text(
        "deve ser um inteiro de 1 a {limit}", "must be an integer from 1 to {limit}"
    ),
    "account_id": Text(
        "deve ter de 1 a 128 letras sem acento, dígitos ou . _ @ - e começar por letra ou dígito",
        "must be 1 to 128 plain letters, digits or . _ @ - and start with a letter or digit",
    ),
    "domain": Text(
        "deve ter letras ou dígitos e no máximo 128 caracteres",
        "must have letters or digits and at most 128 characters",
    ),
    "config_type": Text(
        "deve ter de 1 a 64 letras minúsculas, dígitos, _ ou -",
        "must be 1 to 64 lower-case letters, digits, _ or -",
    ),
    "credential_ref": Text(
        "deve ter de 1 a 256 letras sem acento, dígitos ou . _ @ : + = ~ -",
        "must be 1 to 256 plain letters, digits or . _ @ : + = ~ -",
    ),
    "chatwoot_id": Text("deve ser um identificador do Chatwoot", "must be a Chatwoot identifier"),
    "channel": Text("deve indicar um canal", "must name a channel"),
    "moment": Text(
        "deve ser data e hora ISO 8601 com fuso horário, como 2026-04-23T19:14:20Z",
        "must be a date and time in ISO 8601 with a time zone, as in 2026-04-23T19:14:20Z",
    ),
    "future": Text("deve ser um momento futuro", "must be in the future"),
    "other_domain": Text("deve ser outra área de negócio", "must be another business area"),
    "other_tenant": Text("deve ser outro cliente", "must be another tenant"),
    "confirmation": Text(
        "deve repetir o identificador do cliente", "must repeat the id of the tenant"
    ),
    "certificate": Text(
        "deve ser um certificado do hub, em JSON", "must be a certificate of the hub, in JSON"
    ),
    "public_key": Text(
        "deve ser uma chave pública: 32 bytes em Base64",
        "must be a public key: 32 bytes in Base64",
    ),
    "default_domain": Text(
        "deve ser default: as pausas e os prazos de um cliente valem para todas as áreas",
        "must be default: the pauses and the retention of a client are for all its areas",
    ),
    "contact": Text(
        "deve ser um contato como 1/77 (conta e contato)",
        "must be a contact like 1/77 (account and contact)",
    ),
    "person": Text(
        "nomeie a pessoa por exatamente um: number, contact ou identifier",
        "name the person by exactly one of number, contact and identifier",
    ),
    "retention": Text(
        "deve ser um número inteiro de 0 a 36500 (dias) ou a 1000000 (versões)",
        "must be a whole number from 0 to 36500 (days) or to 1000000 (versions)",
    ),
    "inbox_channel": Text(
        "deve nomear canais como 1/7 (conta e caixa de entrada)",
        "must name channels like 1/7 (account and inbox)",
    ),
    "paused_channels": Text(
        "tem canais demais: no máximo 500", "has too many channels: at most 500"
    ),
    "conversation": Text(
        "deve ser uma conversa como 1/301 (conta e conversa)",
        "must be a conversation like 1/301 (account and conversation)",
    ),
    "not_with_at": Text("não pode vir junto com at", "cannot come together with at"),
    "phone_number": Text(
        "deve ser um número de telefone que existe: com DDD ou, se for de outro país, com + e o "
        "código do país",
        "must be a phone number that can exist: with its area code or, of another country, with + "
        "and the country code",
    ),
    "crew": Text(
        "deve ter de 1 a 64 letras sem acento, dígitos ou . _ -",
        "must be 1 to 64 plain letters, digits or . _ -",
    ),
    "answer": Text(
        "deve conter answer com text, messages ou uma ação",
        "must contain answer with text, messages or an action",
    ),
    "contradiction": Text(
        "não combina com outro campo da resposta",
        "does not go together with another field of the answer",
    ),
    "one_value": Text("veio com valores diferentes", "was given with different values"),
    "at_most_10": Text("tem itens demais: no máximo 10", "has too many items: at most 10"),
    "at_most_20": Text("tem itens demais: no máximo 20", "has too many items: at most 20"),
    "at_most_50": Text("tem itens demais: no máximo 50", "has too many items: at most 50"),
    "at_most_255": Text(
        "é longo demais: no máximo 255 caracteres", "is too long: at most 255 characters"
    ),
    "label": Text(
        "deve ter de 1 a 100 caracteres visíveis, sem vírgula",
        "must have 1 to 100 visible characters and no comma",
    ),
    "file_name": Text(
        "deve ser um nome de arquivo de até 255 caracteres, sem pasta",
        "must be a file name of at most 255 characters, without a folder",
    ),
    "crew_type": Text("deve ser http, in_process ou echo", "must be http, in_process or echo"),
    "unknown_crew": Text(
        "deve ser uma das crews do documento", "must be one of the crews of the document"
    ),
    "unknown_field": Text("tem um campo desconhecido", "has an unknown field"),
    "unknown_member": Text("é um campo desconhecido", "is an unknown field"),
    "unknown_argument": Text(
        "tem um nome desconhecido; os que há: {limit}", "has an unknown name; there are: {limit}"
    ),
    "given_and_cleared": Text(
        "é um campo que o mesmo evento preenche", "is a field to which the event gives a value"
    ),
    "unknown_value": Text("tem um valor desconhecido", "has an unknown value"),
    "not_encrypted": Text("deve vir em texto claro, sem ENC:", "must be plain text, without ENC:"),
    "too_many_to_seal": Text(
        "tem segredos demais: no máximo 200", "has too many secrets: at most 200"
    ),
    "nothing_said": Text(
        "deve ter ao menos um campo preenchido", "must have at least one field with a value"
    ),
    "url": Text(
        "deve ser um endereço https:// ou http:// que existe, sem usuário, senha nem #, e só com "
        "caracteres ASCII: um domínio com acentos vai como xn--..., e o resto com %XX",
        "must be an https:// or http:// address that can exist, without user, password or #, and "
        "in ASCII only: a domain with other letters goes as xn--..., and the rest with %XX",
    ),
    "timezone": Text(
        "deve ser um fuso horário da IANA, por exemplo America/Sao_Paulo",
        "must be an IANA time zone, for instance America/Sao_Paulo",
    ),
    "seconds": Text(
        "deve ser um número de segundos dentro do prazo máximo",
        "must be a number of seconds within the time limit",
    ),
    "unanswered": Text(
        "deve ser nothing ou um objeto com after_seconds e label, ambos opcionais",
        "must be nothing or an object with after_seconds and label, both optional",
    ),
    "unanswered_seconds": Text(
        "deve ser um número de segundos de 60 a 86400", "must be a number of seconds, 60 to 86400"
    ),
    "sequence": Text("está fora do intervalo permitido", "is out of range"),
    "credentials": Text(
        "deve ter apenas account_id e credentials, com um texto por referência",
        "must have account_id and credentials only, with one text per reference",
    ),
    "base_url": Text(
        "deve ser um endereço https:// ou http://, só com servidor, porta e caminho",
        "must be an https:// or http:// address of server, port and path only",
    ),
    "too_many_secrets": Text(
        "tem valores demais: no máximo 16", "has too many values: at most 16"
    ),
    "webhook_token": Text(
        "deve ter de 20 a 128 letras sem acento, dígitos, _ ou -, difíceis de adivinhar",
        "must be 20 to 128 plain letters, digits, _ or - that are hard to guess",
    ),
    "stage": Text(
        "deve ser uma ou mais das etapas possíveis aqui, separadas por vírgula",
        "must be one or more of the stages that are allowed here, separated by commas",
    ),
    "reason": Text(
        "deve ter de 1 a 500 caracteres visíveis, sem nenhum segredo",
        "must have 1 to 500 visible characters, and no secret",
    ),
    "lifetime": Text(
        "deve ser um prazo em dias, horas ou minutos, como 90d, 12h ou 30m",
        "must be a time in days, hours or minutes, such as 90d, 12h or 30m",
    ),
    "outlives": Text(
        "não pode passar do vencimento da chave de quem a cria",
        "must not end after the key of whoever makes it",
    ),
    "trail_end": Text(
        "deve ser um fim da trilha de auditoria, como audit verify mostra",
        "must be an end of the audit trail, as audit verify shows it",
    ),
    "feed_kind": Text(
        "deve listar tipos de mudança: config, credentials, crews, document, mapping, "
        "collection, pause, tenant",
        "must list kinds of changes: config, credentials, crews, document, mapping, collection, "
        "pause, tenant",
    ),
    "message_outcome": Text(
        "deve listar desfechos de mensagens: answered, handed_over, dead",
        "must list outcomes of messages: answered, handed_over, dead",
    ),
    "nothing_subscribed": Text(
        "deve ter ao menos um tipo de mudança ou um desfecho de mensagem",
        "must have at least one kind of change or one outcome of a message",
    ),
    "subscription_id": Text(
        "deve ser o identificador de uma inscrição", "must be the id of a subscription"
    ),
    "forbidden_target": Text(
        "deve ser https e público, ou estar entre os destinos privados que o operador permite",
        "must be https and public, or among the private targets that the operator allows",
    ),
    "domain_reserved": Text("é um nome reservado ao próprio hub", "is a name of the hub's own"),
    "wait": Text("deve ser um inteiro de 0 a {limit}", "must be an integer from 0 to {limit}"),
    "scopes": Text("deve ter ao menos um escopo", "must have at least one scope"),
    "scope": Text("tem um escopo desconhecido", "has an unknown scope"),
    "message_id": Text("deve ser o identificador de uma mensagem", "must be the id of a message"),
    "due_at": Text("deve ter um prazo", "must have a due time"),
    "destination": Text("deve ter um destino", "must have a destination"),
    "collection": Text(
        "deve ter de 1 a 64 letras minúsculas, dígitos, _ ou -",
        "must be 1 to 64 lower-case letters, digits, _ or -",
    ),
    "item_id": Text(
        "deve ter de 1 a 256 caracteres visíveis", "must have 1 to 256 visible characters"
    ),
    "item_size": Text(
        "é grande demais: no máximo 1 MiB por item", "is too large: at most 1 MiB per item"
    ),
    "item_count": Text(
        "tem itens demais: no máximo 100.000 por envio; envie em partes",
        "has too many items: at most 100,000 per push; send them in parts",
    ),
    "document_size": Text(
        "ficaria grande demais: no máximo 2 MiB por documento",
        "would become too large: at most 2 MiB per document",
    ),
    "unique_channels": Text("repete um canal", "repeats a channel"),
    "name": Text(
        "deve ter de 1 a 128 caracteres visíveis", "must have 1 to 128 visible characters"
    ),
    "address_kind": Text(
        "deve ser credentials, mapping, metadata ou collection",
        "must be credentials, mapping, metadata or collection",
    ),
    "address_collection": Text(
        "é obrigatório com kind collection, e só com ele",
        "is required with kind collection, and only with it",
    ),
    "address_model": Text(
        "deve ser o nome técnico de um modelo do Odoo, como x_cliente",
        "must be the technical name of a model of Odoo, such as x_client",
    ),
    "address_fields": Text("tem campos demais: no máximo 100", "has too many fields: at most 100"),
    "address_field": Text(
        "deve ligar um campo do hub ao nome técnico de um campo do Odoo",
        "must map a field of the hub to the technical name of a field of Odoo",
    ),
    "address_ambiguous": Text(
        "vem de dois campos do Odoo; escolha um no endereço secreto",
        "comes from two fields of Odoo; choose one in the secret address",
    ),
    "address_mismatch": Text(
        "não é o que o endereço secreto aceita", "is not what the secret address accepts"
    ),
    "unique_ids": Text("repete um id", "repeats an id"),
    "cursor": Text("deve ser um cursor recebido antes", "must be a cursor received before"),
    "fingerprint": Text("deve ser uma impressão digital", "must be a fingerprint"),
    "json": Text("deve poder ser escrito em JSON", "must be expressible in JSON"),
    "json_object": Text("deve ser um objeto JSON", "must be a JSON object"),
    "number_range": Text(
        "tem um número grande demais (mais de 64 bits); envie-o como texto",
        "has a number that is too large (more than 64 bits); send it as text",
    ),
    "null_character": Text("tem um caractere nulo (\\u0000)", "has a null character (\\u0000)"),
    "legacy_owner": Text(
        "não diz a que account_id pertence", "does not say which account_id it belongs to"
    ),
}


def rule_text(rule: str, limit: int | str | None, language: Language) -> str:
    """
    What *rule* demands, as the end of a sentence that starts with the name of a field.
    """
    return RULES[rule].to(language).format(limit=limit)


def enumeration(names: Sequence[str], language: Language) -> str:
    """
    Join *names* as a sentence does.
    """
    *first, last = names
    joint = Text(" e ", " and ").to(language)
    return f"{', '.join(first)}{joint}{last}" if first else last
