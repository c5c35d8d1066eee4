"""
The schema of the settings: names, types, defaults and meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import environ
from attrs import Attribute, AttrsInstance, fields, frozen

from odoo_ai_config.domain.access import SHORTEST_SECRET
from odoo_ai_config.domain.conversations.answering import MOST_HISTORY
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.entrypoints.apps import ALL_APPS, App, apps_named, names_of
from odoo_ai_config.entrypoints.settings.values import (
    DRIVERS,
    Driver,
    Target,
    address,
    api_key,
    count,
    country,
    fernet_keys,
    one_of,
    origins,
    secret,
    secrets,
    switch,
    targets,
    webhook_tokens,
)

PREFIX: Final = "ODOO_AI_CONFIG"
RING_FILE: Final = "keyring.json"
# Longer than a request to a crew, and longer than posting its answer.
SHORTEST_LEASE: Final = 75
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_LOG_FORMATS: Final = ("auto", "console", "json")
_MAX_PORT: Final = 65535
# The rule of a value, if the name of its variable does not say it.
_RULES: Final = {
    "api_key": f" (pelo menos {SHORTEST_SECRET} caracteres, sem espaços nas pontas e difíceis de "
    "adivinhar: não 123... nem repetições; crie uma com: openssl rand -hex 32)",
    "chatwoot_tokens": f" (de {SHORTEST_SECRET} a 128 letras sem acento, dígitos, _ ou -, "
    "difíceis de adivinhar; crie um com: openssl rand -hex 32)",
    "public_url": " (https://servidor ou http://servidor)",
    "private_targets": " (nomes de hosts e redes como 10.0.0.0/8, separados por vírgula)",
    "legacy_fernet_key": " (32 bytes em base64, como Fernet.generate_key() os dá)",
    "cors_origins": " (https://app.exemplo.com ou http://localhost:3000, separadas por vírgula; "
    "sem barra no fim, e nunca *)",
    "mongo_driver": " (use motor ou pymongo)",
    "mongo_threads": " (de 1 a 1000)",
    "lease_seconds": f" (pelo menos {SHORTEST_LEASE})",
    "apps": f" (use {', '.join(names_of(ALL_APPS))}, separados por vírgula)",
}


class SettingsError(Exception):
    """
    A setting cannot be used. The text is for the operator and names the setting, never its value.
    """


@environ.config(prefix=PREFIX, frozen=True)
class Settings:
    """
    Everything that an operator can set.
    """

    data_dir: Path = environ.var(
        "var", Path, help="Pasta do banco de dados, do chaveiro e da primeira chave de API"
    )
    store_url: SecretText | None = environ.var(
        "",
        secret,
        help="sqlite:///arquivo, mongodb://servidor/banco?replicaSet=rs0 ou memory://; "
        "se vazio, odoo-ai-config.db na pasta de dados",
    )
    mongo_driver: Driver = environ.var(
        "motor",
        one_of(DRIVERS),
        help="Driver do MongoDB: motor ou pymongo (o cliente assíncrono do próprio pymongo)",
    )
    mongo_threads: int = environ.var(
        "100",
        count(1, 1000),
        help="Com o driver motor: operações que cada processo faz ao mesmo tempo",
    )
    keyring: SecretText | None = environ.var(
        "",
        secret,
        help="Caminho do arquivo do chaveiro, ou as próprias chaves (base64, a atual primeiro, "
        "separadas por vírgula); se vazio, keyring.json na pasta de dados",
    )
    api_key: SecretText | None = environ.var(
        "",
        api_key,
        help="Chave de pelo menos 20 caracteres difíceis de adivinhar, com todos os escopos; se "
        "vazia, a primeira execução cria uma e a guarda no arquivo api-key da pasta de dados",
    )
    log_dir: Path | None = environ.var(
        "logs",
        lambda text: Path(text) if text else None,
        help="Pasta de AAAAMMDD_unified_server.log, webhook.log, hub.log e config_service.log; "
        "vazio para não gravar arquivos",
    )
    log_level: str = environ.var("info", one_of(_LOG_LEVELS), help="debug, info, warning ou error")
    log_format: str = environ.var(
        "auto",
        one_of(_LOG_FORMATS),
        help="Saída de erros: console, json ou auto (console num terminal, json fora dele)",
    )
    host: str = environ.var(
        "127.0.0.1",
        name="SERVER_HOST",
        help="Endereço em que o servidor escuta; 0.0.0.0 para todos",
    )
    port: int = environ.var(
        "8000",
        count(0, _MAX_PORT),
        name="SERVER_PORT",
        help="Porta em que o servidor escuta; 0 para qualquer uma livre",
    )
    apps: frozenset[App] = environ.var(
        ",".join(names_of(ALL_APPS)),
        apps_named,
        help="O que este processo atende: config, chatwoot, odoo-api, mcp, separados por vírgula",
    )
    workers: int = environ.var("1", count(1, 64), help="Processos que atendem a mesma porta")
    shutdown_seconds: int = environ.var(
        "20", count(1, 3600), help="Segundos que uma parada espera pelas requisições já aceitas"
    )
    public_url: str | None = environ.var(
        "",
        address,
        help="Endereço público deste servidor (https://...), dado às crews para respostas "
        "posteriores; sem ele, só respondem na hora",
    )
    cors_origins: frozenset[str] = environ.var(
        "",
        origins,
        help="Origens cujas páginas podem usar o hub no navegador (CORS), separadas por vírgula: "
        "https://app.exemplo.com; vazio não permite nenhuma",
    )
    private_targets: tuple[Target, ...] = environ.var(
        "",
        targets,
        help="Hosts e redes privados, ou sem TLS, em que as crews podem estar, separados por "
        "vírgula: crew.local, 127.0.0.0/8",
    )
    webhook_secrets: tuple[SecretText, ...] = environ.var(
        "",
        secrets,
        help="Segredos das assinaturas Standard Webhooks (whsec_...), separados por vírgula",
    )
    legacy_odoo_secrets: tuple[SecretText, ...] = environ.var(
        "",
        secrets,
        help="Segredos do X-Webhook-Signature do módulo Odoo antigo, separados por vírgula; "
        "vazio desliga esse esquema",
    )
    legacy_fernet_key: tuple[SecretText, ...] = environ.var(
        "",
        fernet_keys,
        help="Chave com que o servidor antigo criptografou senhas (ENC:...), ou várias separadas "
        "por vírgula; CREDENTIAL_ENCRYPTION_KEY também vale",
    )
    require_signature: bool = environ.var(
        "0",
        switch,
        help="Recusa requisições sem assinatura que precisam do escopo webhook (1 ou 0)",
    )
    ignore_stale: bool = environ.var(
        "1",
        switch,
        help="Um evento mais antigo que o já guardado não altera nada (1 ou 0)",
    )
    chatwoot_url: str | None = environ.var(
        "",
        address,
        help="Endereço do Chatwoot (https://...), para contas sem endereço próprio; "
        "CHATWOOT_BASE_URL também vale",
    )
    chatwoot_api_token: SecretText | None = environ.var(
        "",
        secret,
        help="api_access_token do Chatwoot, para contas sem token próprio; CHATWOOT_API_KEY "
        "também vale",
    )
    chatwoot_secrets: tuple[SecretText, ...] = environ.var(
        "",
        secrets,
        help="Segredos com que o Chatwoot assina, de qualquer conta, separados por vírgula",
    )
    chatwoot_tokens: tuple[SecretText, ...] = environ.var(
        "",
        webhook_tokens,
        help="Tokens do endereço `/webhook/<token>`, para um Chatwoot que não assina, "
        "separados por vírgula",
    )
    catch_up_minutes: int = environ.var(
        "0",
        count(0, 7 * 24 * 60),
        help="Ao iniciar, busca no Chatwoot as mensagens destes últimos minutos que não chegaram; "
        "0: não busca",
    )
    default_country: str | None = environ.var(
        "BR",
        country,
        help="País (ISO, duas letras) dos números de telefone sem código de país; vazio: todos "
        "precisam de um",
    )
    deliveries: int = environ.var(
        "64", count(1, 10_000), help="Mensagens que cada processo entrega ao mesmo tempo"
    )
    deliveries_per_tenant: int = environ.var(
        "16", count(1, 10_000), help="Dessas, as de um mesmo cliente"
    )
    delivery_attempts: int = environ.var(
        "12", count(1, 100), help="Tentativas de entregar uma mensagem antes de desistir dela"
    )
    lease_seconds: int = environ.var(
        "90",
        count(SHORTEST_LEASE, 3600),
        help="Segundos até que outro processo retome a mensagem de um que parou de repente",
    )
    max_body_bytes: int = environ.var(
        str(1024 * 1024), count(1024), help="Maior corpo de requisição, em bytes"
    )
    max_collection_bytes: int = environ.var(
        str(32 * 1024 * 1024),
        count(1024),
        help="Maior corpo de uma coleção inteira (/api/v1) ou do mapeamento (/mapping), em bytes",
    )
    max_json_depth: int = environ.var(
        "32", count(8, 256), help="Maior aninhamento do corpo de uma requisição"
    )
    rate_limit: int = environ.var(
        "20000",
        count(0),
        help="Requisições por segundo de uma chave, de um endereço secreto ou de uma conta do "
        "Chatwoot; 0: sem limite",
    )
    failure_limit: int = environ.var(
        "10",
        count(0),
        help="Chaves, assinaturas e endereços secretos errados por segundo de um mesmo IP; "
        "0: sem limite",
    )
    connections_per_address: int = environ.var(
        "512",
        count(0),
        help="Conexões que um endereço pode manter abertas com cada processo; 0: sem limite. "
        "Atrás de um proxy, todas vêm do endereço dele",
    )
    header_seconds: int = environ.var(
        "10",
        count(1, 3600),
        help="Segundos que uma conexão tem para enviar os cabeçalhos de uma requisição",
    )
    ngrok_authtoken: SecretText | None = environ.var(
        "",
        secret,
        name="NGROK_AUTHTOKEN",
        help="Token do ngrok, para odoo-ai-config tunnel; NGROK_AUTH_TOKEN também vale",
    )
    keep_versions: int = environ.var(
        "1000",
        count(0),
        help="Versões mais novas guardadas de um documento ou canal; 0 para todas",
    )
    keep_days: int = environ.var(
        "0", count(0), help="Dias que versões antigas são guardadas; 0 para sempre"
    )
    keep_deleted_credentials_days: int = environ.var(
        "0",
        count(0, 36_500),
        help="Dias em que os valores de credenciais apagadas ainda são guardados, para que uma "
        "volta a uma versão antiga os traga; 0: somem na hora",
    )
    history_messages: int = environ.var(
        "20",
        count(0, MOST_HISTORY),
        help="Mensagens anteriores que uma crew recebe, se o cliente não diz outra coisa; 0: "
        "nenhuma, e o que as pessoas escrevem no Chatwoot não é guardado",
    )
    keep_messages_days: int = environ.var(
        "30", count(0, 36_500), help="Dias que mensagens já tratadas são guardadas; 0 para sempre"
    )

    spool_path: Path | None = environ.var(
        "",
        lambda text: Path(text) if text else None,
        help="Arquivo em que mensagens esperam enquanto o MongoDB não responde; se vazio, "
        "spool.db na pasta de dados",
    )
    spool_bytes: int = environ.var(
        str(256 * 1024 * 1024),
        count(0),
        help="Bytes que esse arquivo pode guardar; 0: nada espera, e o hub responde 503",
    )
    spool_hours: int = environ.var(
        "24", count(1, 24 * 30), help="Horas que uma mensagem pode ficar nesse arquivo"
    )

    @property
    def store(self) -> StoreLocation:
        """
        Where the data is.

        Raises:
            SettingsError: The scheme of the store's URL is unknown.
        """
        if self.store_url is None:
            return StoreLocation("sqlite", path=self.data_dir / "odoo-ai-config.db")
        url = self.store_url.reveal()
        scheme, separator, rest = url.partition("://")
        if scheme == "sqlite" and rest.startswith("/"):
            return StoreLocation(scheme, path=Path(rest[1:]))
        if scheme == "memory" and separator:
            return StoreLocation(scheme)
        if scheme in {"mongodb", "mongodb+srv"}:
            return StoreLocation(
                "mongodb",
                url=self.store_url,
                driver=self.mongo_driver,
                threads=self.mongo_threads,
            )
        raise SettingsError(
            f"{PREFIX}_STORE_URL deve começar com sqlite:///, mongodb:// ou memory://"
        )

    @property
    def keyring_path(self) -> Path:
        """
        The file of the key ring, unless the keys themselves are set.
        """
        return self.data_dir / RING_FILE

    @property
    def webhook_token_path(self) -> Path:
        """
        Where the first start writes the webhook token.
        """
        return self.data_dir / "chatwoot-token"

    @property
    def api_key_path(self) -> Path:
        """
        Where the first start writes the first API key.
        """
        return self.data_dir / "api-key"

    @property
    def spool_file(self) -> Path:
        """
        Where what comes while the store is away waits for it.
        """
        return self.spool_path or self.data_dir / "spool.db"

    @property
    def revoked_keys_path(self) -> Path:
        """
        The list of revoked keys, which is kept apart from the store.
        """
        return self.data_dir / "revoked-keys"


@frozen
class StoreLocation:
    """
    A store's technology, and its file or its URL.

    Args:
        driver: What speaks with MongoDB.
        threads: The calls that motor makes at the same time.
        unfinished: Whether a copy or a restore fills it.
    """

    technology: str
    path: Path = Path()
    url: SecretText | None = None
    driver: Driver = "motor"
    threads: int = 100
    unfinished: bool = False

    @property
    def place(self) -> str:
        """
        Where it is, for people: without a user and a password.
        """
        if self.url is None:
            return "memory://" if self.technology == "memory" else str(self.path.absolute())
        parts = urlsplit(self.url.reveal())
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@frozen
class Setting:
    """
    One setting.

    Args:
        name: Its name as a flag and in the YAML file.
        variable: Its name in the environment and in ``.env``.
        secret: Whether its value is never shown.
        convert: Converts the text to its value, or raises ValueError.
        rule: The rule of its value, for the text of a refusal.
    """

    name: str
    variable: str
    default: str
    help: str
    secret: bool
    convert: Callable[[str], object]
    rule: str


def _setting(attribute: Attribute[object]) -> Setting:
    # The key under which environ-config keeps the arguments of `environ.var`.
    entry = attribute.metadata["environ_config"]
    return Setting(
        attribute.name,
        entry.name or f"{PREFIX}_{attribute.name.upper()}",
        entry.default,
        entry.help,
        "SecretText" in str(attribute.type),
        cast("Callable[[str], object]", attribute.converter or str),
        _RULES.get(attribute.name, ""),
    )


# environ-config's decorator hides from mypy that it makes an attrs class.
SCHEMA: Final = tuple(map(_setting, fields(cast("type[AttrsInstance]", Settings))))
