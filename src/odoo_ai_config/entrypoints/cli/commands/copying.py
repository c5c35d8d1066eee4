"""
``copy``, ``backup`` and ``restore``: whole stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from attrs import evolve
from cyclopts import Parameter

from odoo_ai_config.application.copies import Digests
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.entrypoints import copies
from odoo_ai_config.entrypoints.cli.flags import AS_SET, StoreFlags
from odoo_ai_config.entrypoints.cli.progress import counts_shown
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.serve.serving import announce_revocations
from odoo_ai_config.entrypoints.cli.terminal import moment, say_table, tell
from odoo_ai_config.entrypoints.copies import back_up, copy_store
from odoo_ai_config.entrypoints.logs import logging_to
from odoo_ai_config.entrypoints.settings import Settings


async def copy(
    *,
    to: Annotated[str, Parameter(help="Armazenamento novo: mongodb://... ou sqlite:///...")],
    from_: Annotated[
        str | None,
        Parameter(name="--from", help="Armazenamento de origem; sem esta opção, o configurado."),
    ] = None,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Copia um armazenamento inteiro para um novo: histórico, auditoria, chaves, mensagens, tudo.

    Os valores criptografados vão como estão, sob o mesmo chaveiro. O servidor da origem pode
    continuar no ar: o comando copia o que mudou até nada faltar, confere tudo e só então libera o
    destino. Se a origem não para de mudar, ele termina sem liberá-lo e diz o que falta: pare os
    servidores dela e repita. Interrompido, continua quando repetido.
    """
    source, target = _settings(flags, from_), _target(flags, to)
    if source.store.place == target.store.place:
        raise CommandError("A origem e o destino são o mesmo armazenamento.")
    with counts_shown() as show:
        digests = await copy_store(source, target, on_progress=show, on_pass=_tell_differences)
    _say_counts(digests)
    tell(
        f"Copiado e conferido: {target.store.place}. O que a origem receber a partir de agora não "
        "está na cópia."
    )


async def backup(
    file: Annotated[Path, Parameter(help="Arquivo novo, que só quem executa pode ler.")],
    *,
    passphrase_file: Annotated[
        Path | None, Parameter(help="Arquivo com a senha que criptografa o backup.")
    ] = None,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Grava um backup do armazenamento inteiro num momento só, com o servidor no ar ou não.

    O chaveiro não vai junto: guarde-o em outro lugar, pois sem ele ninguém lê as credenciais. Um
    MongoDB grande tem ferramentas próprias; veja docs/backup.md.
    """
    passphrase = _passphrase(passphrase_file)
    with _files(), counts_shown() as show:
        digests, keys = await back_up(
            flags.settings(), file, passphrase=passphrase, on_progress=show
        )
    _say_counts(digests)
    tell(f"Backup em {file}. Chaves mestras de que ele precisa: {', '.join(keys) or '-'}")


async def restore(
    file: Annotated[Path, Parameter(help="Arquivo de `backup`.")],
    *,
    to: Annotated[
        str | None,
        Parameter(help="Armazenamento novo; sem esta opção, o configurado, que não pode existir."),
    ] = None,
    passphrase_file: Annotated[
        Path | None, Parameter(help="Arquivo com a senha do backup.")
    ] = None,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Restaura um backup num armazenamento novo, confere tudo e só então o libera.

    Mensagens que estavam a caminho ficam paradas até que alguém decida, o que foi revogado
    continua revogado, e clientes apagados depois do backup são apagados de novo. A trilha de
    auditoria registra a restauração. Interrompido, recomeça quando repetido.
    """
    settings, passphrase = _target(flags, to), _passphrase(passphrase_file)
    # What a start would warn of is said below.
    with logging_to(folder=None, level="error", form="auto"), _files(), counts_shown() as show:
        restored = await copies.restore(settings, file, passphrase=passphrase, on_progress=show)
    _say_counts(restored.digests)
    if restored.revocations is not None:
        announce_revocations(settings, restored.revocations)
    for tenant in restored.erased:
        tell(f"O cliente {tenant} foi apagado depois desse backup, e de novo agora.")
    tell(f"Restaurado em {settings.store.place} o backup de {moment(restored.made_at)}.")


def _settings(flags: StoreFlags, url: str | None) -> Settings:
    return (flags if url is None else evolve(flags, store_url=url)).settings()


def _target(flags: StoreFlags, url: str | None) -> Settings:
    settings = _settings(flags, url)
    if settings.store.technology == "memory":
        raise CommandError("memory:// não guarda nada; indique sqlite:/// ou mongodb://.")
    return settings


def _tell_differences(count: int) -> None:
    if count:
        tell(f"{count} registro(s) copiado(s) ou removido(s); procurando o que mudou...")


def _say_counts(digests: Digests) -> None:
    rows = [(kind.value, str(one.count), str(one)[:16]) for kind, one in digests.items()]
    say_table(("TIPO", "REGISTROS", "RESUMO"), rows)


def _passphrase(file: Path | None) -> SecretText | None:
    if file is None:
        return None
    try:
        with _files():
            text, *_ = file.read_text(encoding="utf-8").splitlines() or [""]
    except UnicodeDecodeError:
        # Its text may be the passphrase.
        raise CommandError(f"{file} não é um arquivo de texto em UTF-8.") from None
    if not text:
        raise CommandError(f"{file} não tem uma senha na primeira linha.")
    return SecretText(text)


@contextmanager
def _files() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError(
            f"{error.filename or 'O arquivo'}: {error.strerror or 'não pode ser usado'}."
        ) from error
