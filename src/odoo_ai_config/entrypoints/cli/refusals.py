"""
Errors as one line of advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
)

from odoo_ai_config.application.errors import (
    InvalidKeyRingError,
    MasterKeyMissingError,
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.domain.audit import TrailFault
from odoo_ai_config.domain.errors import CodedError
from odoo_ai_config.entrypoints.http.platform.problems import problem_of
from odoo_ai_config.entrypoints.http.platform.reasons import reason_text
from odoo_ai_config.entrypoints.http.platform.texts import Language
from odoo_ai_config.entrypoints.settings import SettingsError


class CommandError(Exception):
    """
    A command cannot do its work. The text is for the operator and has no secret.
    """


# After the number of an entry.
FAULTS: Final[Mapping[TrailFault, str]] = {
    TrailFault.CHANGED: "foi alterado depois de gravado",
    TrailFault.MISSING: "falta",
    TrailFault.INSERTED: "foi incluído por fora",
    TrailFault.UNPROVED: "é o último, e o chaveiro não confirma que a trilha termina nele",
    TrailFault.FORKED: "não é o que se anotou antes: a trilha foi trocada",
}
_AWAY = (
    "O armazenamento não responde; verifique ODOO_AI_CONFIG_STORE_URL, as permissões "
    "e o espaço em disco (odoo-ai-config doctor ajuda)"
)
_SET_AWAY = "O replica set do MongoDB não aceita gravações agora; veja rs.status() no mongosh"
_OTHER_SCHEMA = (
    "As tabelas do armazenamento são de outra versão do odoo-ai-config; pare os processos "
    "da versão antiga"
)
_STORE_ADVICE: Final[Mapping[StoreFailure, str]] = {
    StoreFailure.AWAY: _AWAY,
    StoreFailure.BUSY: (
        "O armazenamento está ocupado: outro programa bloqueia o arquivo (descubra qual com "
        "fuser), ou o MongoDB está sobrecarregado; repita"
    ),
    StoreFailure.CORRUPT: (
        "O armazenamento está danificado; pare o servidor, guarde uma cópia e restaure um backup"
    ),
    StoreFailure.DISK_FULL: "Não há espaço para gravar no armazenamento; libere espaço em disco",
    StoreFailure.EMPTY: "O armazenamento está vazio; execute odoo-ai-config doctor",
    StoreFailure.FILE_REPLACED: (
        "O arquivo do armazenamento foi removido ou trocado; devolva-o ao lugar"
    ),
    StoreFailure.IO_ERROR: (
        "O disco do armazenamento falha ou não aceita arquivos maiores; veja o log do sistema "
        "e ulimit -f"
    ),
    StoreFailure.LOCKED_OUT: _AWAY,
    StoreFailure.LOG_REMOVED: (
        "O arquivo -wal ao lado do armazenamento foi removido; pare o servidor e inicie-o de novo"
    ),
    StoreFailure.MIGRATION_NEEDED: _OTHER_SCHEMA,
    StoreFailure.NEWER_SCHEMA: _OTHER_SCHEMA,
    StoreFailure.NO_MAJORITY: _SET_AWAY,
    StoreFailure.NO_PRIMARY: _SET_AWAY,
    StoreFailure.OLDER_SCHEMA: _OTHER_SCHEMA,
    StoreFailure.READ_ONLY: (
        "O armazenamento não pode ser gravado; confira o dono e as permissões do arquivo "
        "e da pasta"
    ),
    StoreFailure.UNSUITABLE: _AWAY,
}


EXPECTED = (CommandError, SettingsError, CodedError)


def advice_on(error: CommandError | SettingsError | CodedError) -> str:
    """
    The text for the operator, who may see more than an HTTP client, such as the missing keys.
    """
    match error:
        case CommandError() | SettingsError():
            return str(error)
        case StoreUnusableError(advice=advice) | InvalidKeyRingError(advice=advice):
            return advice
        case MasterKeyMissingError(master_ids=master_ids, place=place):
            return (
                f"O chaveiro{f' {place}' if place else ''} não tem a chave mestra "
                f"{', '.join(master_ids)}, com que os dados foram criptografados; indique a pasta "
                "de dados do servidor com ODOO_AI_CONFIG_DATA_DIR ou o chaveiro desses dados com "
                "ODOO_AI_CONFIG_KEYRING, ou restaure-o."
            )
        case StoreUnavailableError(failure=failure):
            return f"{_STORE_ADVICE[failure]} ({failure.value})."
        case _:
            return f"{problem_of(error, Language.PORTUGUESE).detail}."


def refusal_text(code: str) -> str:
    """
    The meaning of the *code* of a refusal, and the code itself.
    """
    return f"{reason_text(code, Language.PORTUGUESE)} ({code})"


def usage_advice(error: CycloptsError) -> str:
    """
    The error in the command line, without its values.
    """
    name = "" if error.argument is None else error.argument.name
    match error:
        case UnknownCommandError(unused_tokens=tokens):
            return f"comando desconhecido{': ' + tokens[0] if tokens else ''}"
        case UnknownOptionError(token=token):
            return f"opção desconhecida: {token.keyword or ''}".rstrip(": ")
        case MissingArgumentError() if name:
            return f"falta {name}"
        case RepeatArgumentError(token=token):
            return f"opção repetida: {token.keyword}"
        case CoercionError() if name:
            choices = error.argument.get_choices() if error.argument is not None else None
            listed = f"; escolha entre {', '.join(choices)}" if choices else ""
            return f"valor inválido em {name}{listed}"
    return "argumentos demais ou fora de lugar"
