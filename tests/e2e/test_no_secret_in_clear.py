"""
Secrets written in every place by every interface: none is stored readable, all can be read back.
"""

from __future__ import annotations

import json
import random
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
from attrs import define, field
from cryptography.fernet import Fernet

from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.library import open_hub
from odoo_ai_config.entrypoints.settings import read_settings
from tests.e2e.hub_process import environment, run, serving

YAML = RuamelYamlCodec()
OLD_KEY = Fernet.generate_key()
NAMES = ["password", "senha", "apiKey", "client-secret", "TOKEN", "smtp_passwd_2", "X-Api-Key"]
WAYS = [
    "flat",
    "nested",
    "yaml",
    "publish",
    "patch",
    "metadata",
    "scheduling",
    "import",
    "library",
]
KINDS = {"metadata": "metadata", "scheduling": "scheduling"}


@define
class Canaries:
    """
    Settings with secrets at random places of a seed.
    """

    random: random.Random
    all: list[str] = field(factory=list)
    ciphertexts: list[str] = field(factory=list)

    def new(self, form: str = "{}") -> str:
        self.all.append(f"c4n4ry{len(self.all)}x")
        return form.format(self.all[-1])

    def encrypted(self, key: bytes = OLD_KEY) -> str:
        """
        As the replaced server wrote it in its files.
        """
        token = Fernet(key).encrypt(self.new().encode())
        self.ciphertexts.append(token.decode())
        if self.random.random() < 0.5:
            self.ciphertexts.append(urlsafe_b64encode(token).decode())
        return f"ENC:{self.ciphertexts[-1]}"

    def settings(self) -> JsonObject:
        found: JsonObject = {"smtp": {"host": "mail", "password": self.new()}}
        found["cache"] = {"url": self.new("redis://u:{}@h:6379/0"), "ttl": 60}
        found["hook"] = {"url": self.new("https://a.example/?x=1&access_token={}")}
        found["servers"] = [{"host": "a", "senha": self.new()}, {"host": "b", "senha": self.new()}]
        found["old"] = {"password": self.encrypted(), "anything": self.encrypted()}
        found["tokens"] = {"one": self.new(), "type": "bearer"}
        for number in range(4):
            name = self.random.choice(NAMES)
            inner: Json = {"note": "plain", name: self.new()}
            for depth in range(self.random.randint(0, 4)):
                inner = (
                    {f"level{depth}": inner} if self.random.random() < 0.6 else {"all": [inner]}
                )
            found[f"service{number}"] = inner
        return {"integrations": found}


def references(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.endswith("_ref") and isinstance(inner, str):
                yield inner
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def event(tenant: str) -> JsonObject:
    return {"event_type": "credentials_sync", "account_id": tenant, "token": f"ref-{tenant}"}


async def send(client: aiohttp.ClientSession, way: str, settings: JsonObject) -> str:
    path = f"/configs/{way}/default/{KINDS.get(way, 'config')}"
    text = YAML.render(settings)
    match way:
        case "flat":
            request = client.post("/odoo-webhook", json=event(way) | settings)
        case "nested":
            nested = {**event(way), "credentials": {"domain": "default", **settings}}
            request = client.post("/odoo-webhook", json=nested)
        case "yaml":
            request = client.post("/odoo-webhook", json=event(way) | {"yaml_content": text})
        case "patch":
            async with client.post(path, json={"yaml_content": "# ours\na: 1\n"}) as response:
                assert response.status == 200
            request = client.patch(path, json=settings)
        case _:
            request = client.post(path, json={"yaml_content": f"# ours\n{text}"})
    async with request as response:
        answer = await response.text()
        assert response.status == 200, answer
        return answer


async def test_no_secret_is_readable_anywhere_and_each_is_given_back(tmp_path: Path) -> None:
    canaries = Canaries(random.Random(20261128))
    settings = {way: canaries.settings() for way in WAYS}
    assert len(canaries.all) > 80
    taken_in = tmp_path / "in" / "default" / "import" / "config.yaml"
    taken_in.parent.mkdir(parents=True)
    taken_in.write_text(YAML.render(settings["import"]))
    answers: list[str] = []
    variables = environment(
        ODOO_AI_CONFIG_LOG_LEVEL="debug", ODOO_AI_CONFIG_LEGACY_FERNET_KEY=OLD_KEY.decode()
    )
    with serving(tmp_path, env=variables) as hub:
        async with hub.client() as client:
            for way in WAYS[:-2]:
                answers += [await send(client, way, settings[way]) for _ in range(2)]
            imported = run(tmp_path, "import", "in", env=variables)
            assert imported.returncode == 0, imported.stderr
            answers += [imported.stdout, imported.stderr]
            flags = {"data_dir": str(tmp_path / "var"), "legacy_fernet_key": OLD_KEY.decode()}
            location = read_settings(flags=flags)
            async with open_hub(location) as library:
                await library.publish(
                    "library", "default", "config", YAML.render(settings["library"])
                )
            opened: list[str] = []
            for way in WAYS:
                path = f"/configs/{way}/default/{KINDS.get(way, 'config')}"
                body: Json = None
                for end in ("", "/yaml", "/version/1", "/history", "/diff"):
                    async with client.get(path + end) as response:
                        assert response.status == 200
                        answers.append(await response.text())
                        if not end:
                            body = json.loads(answers[-1])["json_data"]
                async with client.get(f"/configs/{way}/default/credentials") as response:
                    answers.append(await response.text())
                for ref in references(body):
                    place = f"/v1/tenants/{way}/default/credentials/{quote(ref, safe='')}"
                    async with client.get(place) as response:
                        if response.status == 200:
                            opened.append((await response.json())["value"])
            async with client.get("/metrics") as response:
                answers.append(await response.text())
            exported = run(tmp_path, "export", "out")
            assert exported.returncode == 0, exported.stderr
            # While the server runs, so that its write-ahead log exists.
            files = [p for p in tmp_path.rglob("*") if p.is_file() and p != taken_in]
            assert {f"odoo-ai-config.db{end}" for end in ("", "-wal")} <= {p.name for p in files}
            readable = b"\n".join(path.read_bytes() for path in files)
    everything = readable + "\n".join(answers).encode()
    unreadable = [*canaries.all, *canaries.ciphertexts, OLD_KEY.decode()]
    assert [canary for canary in unreadable if canary.encode() in everything] == []
    values = "\n".join(opened)
    assert [canary for canary in canaries.all if canary not in values] == []


async def test_what_the_replaced_server_encrypted_with_another_key_is_refused_unseen(
    tmp_path: Path,
) -> None:
    canaries = Canaries(random.Random(20261129))
    foreign = {way: canaries.encrypted(Fernet.generate_key()) for way in ("a", "b", "c", "d")}
    file = tmp_path / "in" / "default" / "import" / "credentials.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(YAML.render({"credentials": {"tok": foreign["d"]}}))
    outputs: list[str] = []
    with serving(tmp_path, env=environment(ODOO_AI_CONFIG_LOG_LEVEL="debug")) as hub:
        async with hub.client() as client:
            text = YAML.render({"credentials": {"tok": foreign["a"]}})
            for path, body, where in (
                ("/configs/x/default/credentials", {"yaml_content": text}, "credentials.tok"),
                ("/configs/x/default/config", {"yaml_content": f"a: {foreign['b']}"}, "a"),
                ("/odoo-webhook", event("x") | {"odoo_password": foreign["c"]}, "odoo_password"),
            ):
                async with client.post(path, json=body) as response:
                    outputs.append(await response.text())
                    refusal = json.loads(outputs[-1])
                assert (response.status, refusal["code"]) == (422, "encrypted_value")
                assert [error["field"] for error in refusal["errors"]] == [where]
            imported = run(tmp_path, "import", "in")
            assert imported.returncode == 1
            assert "credentials.tok" in imported.stdout
            outputs += [imported.stdout, imported.stderr]
            async with client.get("/configs/x") as response:
                assert await response.json() == []
    stored = b"\n".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and p != file)
    everything = stored + "\n".join(outputs).encode()
    unreadable = [*canaries.all, *canaries.ciphertexts]
    assert [canary for canary in unreadable if canary.encode() in everything] == []
