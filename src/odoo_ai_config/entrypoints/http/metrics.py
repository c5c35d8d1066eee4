"""
What an operator can watch. No label holds a tenant, a key or anything else of a request's body.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from odoo_ai_config.domain.identifiers import CONFIG, CREDENTIALS, METADATA

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"})
# Other kinds of documents are named by their writers, who must not fill the registry.
_KINDS: Final = frozenset({str(CONFIG), str(CREDENTIALS), str(METADATA), "mapping"})
_LATENCIES: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_FAST: Final = (0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1)


class Metrics:
    """
    The Prometheus objects of one application, in a registry of their own.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._store = Histogram(
            "odoo_ai_config_store_seconds",
            "Time of one operation of the store",
            ["operation"],
            buckets=_LATENCIES,
            registry=self.registry,
        )
        self._vault = Histogram(
            "odoo_ai_config_vault_seconds",
            "Time of one operation of the vault",
            ["operation"],
            buckets=_FAST,
            registry=self.registry,
        )
        self._requests = Counter(
            "odoo_ai_config_http_requests",
            "Requests answered",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self._latency = Histogram(
            "odoo_ai_config_http_request_seconds",
            "Time from the headers of a request to its answer",
            ["route"],
            buckets=_LATENCIES,
            registry=self.registry,
        )
        self._events = Counter(
            "odoo_ai_config_events",
            "Events at the webhook by what became of them",
            ["event", "outcome", "code"],
            registry=self.registry,
        )
        self._versions = Counter(
            "odoo_ai_config_versions_written",
            "Versions made, by kind of document",
            ["kind"],
            registry=self.registry,
        )
        self._replays = Counter(
            "odoo_ai_config_idempotent_replays",
            "Requests answered with an earlier request's outcome",
            registry=self.registry,
        )
        self._failures = Counter(
            "odoo_ai_config_unexpected_errors",
            "Requests that failed for a reason nobody foresaw",
            registry=self.registry,
        )
        # Finding a labelled child costs more than counting, and every read counts.
        self._requests_by = cache(self._requests.labels)
        self._latency_by = cache(self._latency.labels)
        self._events_by = cache(self._events.labels)
        self._versions_by = cache(self._versions.labels)
        self._store_by = cache(self._store.labels)
        self._vault_by = cache(self._vault.labels)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """
        Count an answered request; *route* is the template of its path.
        """
        method = method if method in _METHODS else "other"
        self._requests_by(route, method, status).inc()
        self._latency_by(route).observe(seconds)

    def event(self, event: str, outcome: str, code: str = "") -> None:
        """
        Count an event at the webhook.
        """
        self._events_by(event, outcome, code).inc()

    def version(self, kind: str) -> None:
        """
        Count a version that was made.
        """
        self._versions_by(kind if kind in _KINDS else "other").inc()

    def replay(self) -> None:
        """
        Count a request that was answered by an earlier one.
        """
        self._replays.inc()

    def failure(self) -> None:
        """
        Count an error that nobody foresaw.
        """
        self._failures.inc()

    def observe_store(self, operation: str, seconds: float) -> None:
        """
        Note how long an operation of the store took.
        """
        self._store_by(operation).observe(seconds)

    def observe_vault(self, operation: str, seconds: float) -> None:
        """
        Note how long an operation of the vault took.
        """
        self._vault_by(operation).observe(seconds)

    def exposition(self) -> bytes:
        """
        Everything in the text format of Prometheus.
        """
        return generate_latest(self.registry)
