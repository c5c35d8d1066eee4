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

from odoo_ai_config.application.copies import BackUpStore, CopyStore, Digests, RestoreStore
from odoo_ai_config.application.errors import MasterKeyMissingError
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.entrypoints.cli.flags import AS_SET, StoreFlags
from odoo_ai_config.entrypoints.cli.progress import counts_shown
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.serve.serving import announce_revocations
from odoo_ai_config.entrypoints.cli.terminal import moment, say_table, tell
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.logs import logging_to
from odoo_ai_config.entrypoints.settings import Settings
from odoo_ai_config.entrypoints.startup import opened, opened_stores, settle_revocations


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
    destino. Se a origem não para de mudar, pare os servidores dela. Interrompido, continua quando
    repetido.
    """
    old = Container(settings=_settings(flags, from_), read_only=True)
    target = _settings(flags, to)
    if old.location().place == target.store.place:
        raise CommandError("A origem e o destino são o mesmo armazenamento.")
    async with opened(old), opened_stores(_unfinished(target)) as new:
        await new.ensure_ready()
        with counts_shown() as show:
            copy_store = CopyStore(old.stores().records, new.records, old.encode())
            report = await copy_store(show, _tell_differences)
        await new.records.finish()
    _say_counts(report.digests)
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
    container = Container(settings=flags.settings(), read_only=True)
    passphrase = _passphrase(passphrase_file)
    async with opened_stores(container) as stores:
        await stores.ensure_ready()
        master_ids = await stores.secrets.master_ids()
        with (
            _files(),
            container.writing_backup()(
                file,
                made_at=container.clock().now(),
                master_ids=master_ids,
                passphrase=passphrase,
            ) as writer,
            counts_shown() as show,
        ):
            digests = await BackUpStore(stores.records, container.encode())(writer.write, show)
    _say_counts(digests)
    tell(f"Backup em {file}. Chaves mestras de que ele precisa: {', '.join(master_ids) or '-'}")


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
    settings = _settings(flags, to)
    container = _unfinished(settings)
    passphrase = _passphrase(passphrase_file)
    with _files(), container.reading_backup()(file) as reader:
        ring = container.key_ring()
        found = ring.found()
        missing = set(reader.head.master_ids).difference(() if found is None else found.ids)
        if missing:
            raise MasterKeyMissingError(*sorted(missing)).sought_in(ring.place)
        async with opened_stores(container) as stores:
            await stores.ensure_ready()
            restore_store = RestoreStore(stores.records, container.encode(), container.decode())
            with counts_shown() as show:
                digests = await restore_store(reader.records(passphrase), show)
            services = container.services()
            await services.check_key_ring(make=False)
            # What it warns of is said below.
            with logging_to(folder=None, level="error", form="auto"):
                revocations = await settle_revocations(services, restored=True)
            erased = await services.erase_tenant.go_on()
            await services.link_audit_trail()
            await stores.records.finish()
    _say_counts(digests)
    if revocations is not None:
        announce_revocations(settings, revocations)
    for state in erased:
        tell(f"O cliente {state.tenant} foi apagado depois desse backup, e de novo agora.")
    tell(f"Restaurado em {settings.store.place} o backup de {moment(reader.head.made_at)}.")


def _settings(flags: StoreFlags, url: str | None) -> Settings:
    return (flags if url is None else evolve(flags, store_url=url)).settings()


def _unfinished(settings: Settings) -> Container:
    if settings.store.technology == "memory":
        raise CommandError("memory:// não guarda nada; indique sqlite:/// ou mongodb://.")
    return Container(settings=settings, make=False, unfinished=True)


def _tell_differences(count: int) -> None:
    if count:
        tell(f"{count} registro(s) copiado(s) ou removido(s); procurando o que mudou...")


def _say_counts(digests: Digests) -> None:
    rows = [(kind.value, str(one.count), str(one)[:16]) for kind, one in digests.items()]
    say_table(("TIPO", "REGISTROS", "RESUMO"), rows)


def _passphrase(file: Path | None) -> SecretText | None:
    if file is None:
        return None
    with _files():
        text, *_ = file.read_text(encoding="utf-8").splitlines() or [""]
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
