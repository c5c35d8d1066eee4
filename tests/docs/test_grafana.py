"""
The dashboard and the alerts only use metrics that a running hub exposes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from tests.e2e.hub_process import credentials_event, serving
from tests.source_tree import ROOT
from tests.unit.entrypoints.http.web_hub import fixture

FOLDER = ROOT / "docs" / "grafana"
# By the name of a sample: the values of each of its labels.
Exposed: TypeAlias = dict[str, dict[str, set[str]]]

SELECTED = re.compile(r"(odoo_ai_config_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)=~?"([^"]*)"')
GROUPED = re.compile(r"\bby \(([^)]*)\)")
LEGEND = re.compile(r"\{\{(\w+)\}\}")
DOCUMENTED = re.compile(r"^\| `(odoo_ai_config_\w+)` \| ([a-z, ]*?) *\|", re.MULTILINE)
# Prometheus adds these itself.
OF_THE_SCRAPE = {"instance", "job"}


def described_by(panel: Any) -> Iterator[tuple[str, str]]:
    for target in panel.get("targets", []):
        yield target["expr"], target["legendFormat"]


def dashboard() -> Any:
    return json.loads((FOLDER / "odoo-ai-config.json").read_text("utf-8"))


def alerts() -> list[Any]:
    rules: Any = RuamelYamlCodec().parse((FOLDER / "alerts.yml").read_text("utf-8"))
    (group,) = rules["groups"]
    found: list[Any] = group["rules"]
    return found


def exposed_in(text: str) -> Exposed:
    exposed: Exposed = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = exposed.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return exposed


def faults_in(query: str, legend: str, exposed: Exposed) -> list[str]:
    """
    The names in *query* and *legend* that the hub does not expose.
    """
    found = []
    known = set(OF_THE_SCRAPE)
    names = SELECTED.findall(query)
    if not names:
        found.append("asks for nothing")
    for name, selector in names:
        labels = exposed.get(name)
        if labels is None:
            found.append(name)
            continue
        known |= labels.keys()
        for label, pattern in MATCHER.findall(selector):
            if label in OF_THE_SCRAPE:
                continue
            values = labels.get(label, set())
            found += [f"{label}={value}" for value in pattern.split("|") if value not in values]
    grouped = {label.strip() for labels in GROUPED.findall(query) for label in labels.split(",")}
    found += sorted(grouped - known)
    found += sorted(set(LEGEND.findall(legend)) - grouped)
    return found


async def exposition(folder: Path) -> str:
    """
    The metrics of a new hub that received a request of every kind.
    """
    message = fixture("chatwoot_message_created_whatsapp")
    with serving(folder) as hub:
        async with hub.client() as client:
            for path, payload, status in (
                ("/odoo-webhook", credentials_event("acme", 1), 200),
                ("/odoo-webhook", {"event_type": "credentials_sync"}, 422),
                ("/webhook", message, 200),
                ("/webhook", message, 200),
            ):
                async with client.post(path, json=payload) as answer:
                    assert answer.status == status, await answer.text()
        async with aiohttp.ClientSession(hub.url) as anybody, anybody.get("/metrics") as shown:
            return await shown.text()


async def test_whatever_is_asked_for_is_exposed_and_documented(tmp_path: Path) -> None:
    text = await exposition(tmp_path)
    exposed = exposed_in(text)
    queries = [query for panel in dashboard()["panels"] for query in described_by(panel)]
    assert len(queries) > 20
    for query, legend in [*queries, *((rule["expr"], "") for rule in alerts())]:
        assert faults_in(query, legend, exposed) == [], query
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    families = families_in(text)
    assert dict(DOCUMENTED.findall(page)) == families
    shown = {name for query, _ in queries for name, _ in SELECTED.findall(query)}
    shown = {name.removesuffix("_bucket").removesuffix("_count") for name in shown}
    # An alert names the cause; the panel shows whether the store is there.
    assert families.keys() - shown == {"odoo_ai_config_store_failures_total"}


def families_in(text: str) -> dict[str, str]:
    """
    The name of every family and its labels, as the page lists them.
    """
    families = {}
    for family in text_string_to_metric_families(text):
        # The library's own: the time when it began to count.
        if family.name.endswith("_created"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        families[name] = ", ".join(sorted(labels))
    return families


def test_panels_say_what_they_are_and_do_not_overlap() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    covered: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["title"]
        assert panel["type"] == "row" or panel["description"]
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not covered & cells
        assert at["x"] + at["w"] <= 24
        covered |= cells


def test_dashboard_asks_whatever_prometheus_was_chosen() -> None:
    whole = dashboard()
    variables = {entry["name"] for entry in whole["templating"]["list"]}
    assert variables == {"datasource", "instance"}
    sources = [panel["datasource"] for panel in whole["panels"] if panel["type"] != "row"]
    assert {source["uid"] for source in sources} == {"${datasource}"}


def test_every_alert_is_explained() -> None:
    page = (FOLDER / "README.md").read_text("utf-8")
    for rule in alerts():
        assert f"`{rule['alert']}`" in page
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]


def test_one_request_that_the_store_failed_wakes_nobody() -> None:
    (rule,) = [rule for rule in alerts() if rule["alert"] == "OdooAiConfigStoreFails"]
    (window,) = re.findall(r"\[(\d+)m\]", rule["expr"])
    # It must last longer than one failure is visible.
    assert int(rule["for"].removesuffix("m")) > int(window)
    assert rule["labels"]["severity"] == "warning"


@pytest.mark.parametrize(
    ("query", "legend", "faults"),
    [
        ('max by (stage) (odoo_ai_config_messages{stage="dead"})', "{{stage}}", []),
        ("up == 0", "", ["asks for nothing"]),
        ("odoo_ai_config_massages", "", ["odoo_ai_config_massages"]),
        ('odoo_ai_config_messages{stage=~"dead|lost"}', "", ["stage=lost"]),
        ('odoo_ai_config_messages{tenant="acme"}', "", ["tenant=acme"]),
        ("sum by (tenant) (odoo_ai_config_messages)", "", ["tenant"]),
        ("sum(odoo_ai_config_messages)", "{{stage}}", ["stage"]),
    ],
)
def test_query_that_names_what_is_not_there_is_caught(
    query: str, legend: str, faults: list[str]
) -> None:
    exposed: Exposed = {"odoo_ai_config_messages": {"stage": {"dead", "done"}}}
    assert faults_in(query, legend, exposed) == faults
