"""
What an operator can watch. No label holds a tenant, a key or anything else of a request's body.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import accumulate
from threading import Lock
from typing import Final

from attrs import define
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from odoo_ai_config.application.errors import StoreFailure
from odoo_ai_config.application.messages.delivery import Progress
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.message_inbox import StageCount
from odoo_ai_config.domain.crews import CrewKind
from odoo_ai_config.domain.identifiers import CONFIG, CREDENTIALS, METADATA
from odoo_ai_config.domain.messages.inbox import Stage

# Other kinds of documents are named by their writers, who must not fill the registry.
_KINDS: Final = frozenset({str(CONFIG), str(CREDENTIALS), str(METADATA), "mapping"})
_LATENCIES: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Crews think, and may take a minute.
_SLOW: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60)
_QUEUE_KNOWN_SECONDS: Final = 5.0
_FAST: Final = (0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1)


@define
class _Timing:
    """
    How long things of one kind took: their sum, and how many fell into each bucket.
    """

    buckets: list[int]
    seconds: float = 0.0


class _Timings(Collector):
    """
    A histogram in plain numbers, which become a metric when somebody looks.

    Every request is timed, and most of what it asks of store and vault. The library's histograms
    would cost a read a tenth of its time. Several threads may observe, for much is sealed off the
    event loop.
    """

    def __init__(self, name: str, text: str, label: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._text = text
        self._label = label
        self._bounds = bounds
        self._by_kind: dict[str, _Timing] = {}
        self._lock = Lock()

    def of(self, kind: str) -> _Timing:
        """
        Where things of *kind* are counted; to count there is for one thread only.
        """
        with self._lock:
            return self._of(kind)

    def observe(self, kind: str, seconds: float) -> None:
        """
        Count a thing of *kind*.
        """
        with self._lock:
            timing = self._by_kind.get(kind) or self._of(kind)
            timing.buckets[bisect_left(self._bounds, seconds)] += 1
            timing.seconds += seconds

    def collect(self) -> Iterator[Metric]:
        metric = HistogramMetricFamily(self._name, self._text, labels=[self._label])
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        with self._lock:
            for kind, timing in self._by_kind.items():
                cumulative = accumulate(timing.buckets)
                counts = list(zip(bounds, cumulative, strict=True))
                metric.add_metric([kind], counts, timing.seconds)
        yield metric

    def _of(self, kind: str) -> _Timing:
        if kind not in self._by_kind:
            self._by_kind[kind] = _Timing([0] * (len(self._bounds) + 1))
        return self._by_kind[kind]


class _RequestTally(Collector):
    """
    Counts and times requests, in plain numbers too, for which only the event loop asks.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], dict[int, int]] = {}
        self._timings = _Timings(
            "odoo_ai_config_http_request_seconds",
            "Time from the headers of a request to its answer",
            "route",
            _LATENCIES,
        )

    def counter(self, route: str, method: str) -> Callable[[int, float], None]:
        counts = self._counts.setdefault((route, method), {})
        timing = self._timings.of(route)
        buckets = timing.buckets

        def count(status: int, seconds: float) -> None:
            counts[status] = counts.get(status, 0) + 1
            buckets[bisect_left(_LATENCIES, seconds)] += 1
            timing.seconds += seconds

        return count

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "odoo_ai_config_http_requests",
            "Requests answered",
            labels=["route", "method", "status"],
        )
        for (route, method), counts in self._counts.items():
            for status, times in counts.items():
                requests.add_metric([route, method, str(status)], times)
        yield requests
        yield from self._timings.collect()


class _Queue(Collector):
    """
    How many messages are where, and how old the oldest are, as the store has said last.
    """

    def __init__(self) -> None:
        self.counts: Mapping[Stage, StageCount] = {}
        self.at: datetime | None = None

    def collect(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily(
            "odoo_ai_config_messages", "Messages by how far they are", labels=["stage"]
        )
        age = GaugeMetricFamily(
            "odoo_ai_config_oldest_message_seconds",
            "Time since the oldest message of a stage was received",
            labels=["stage"],
        )
        if self.at is not None:
            for stage in Stage:
                found = self.counts.get(stage)
                seconds = 0.0 if found is None else (self.at - found.oldest).total_seconds()
                depth.add_metric([stage.value], 0 if found is None else found.count)
                age.add_metric([stage.value], max(0.0, seconds))
        yield depth
        yield age
        yield GaugeMetricFamily(
            "odoo_ai_config_store_up",
            "Whether the store answered when it was last asked",
            value=self.at is not None,
        )


class Metrics:
    """
    The Prometheus objects of one application, in a registry of their own.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._store = _Timings(
            "odoo_ai_config_store_seconds",
            "Time of one operation of the store",
            "operation",
            _LATENCIES,
        )
        self._vault = _Timings(
            "odoo_ai_config_vault_seconds",
            "Time of one operation of the vault",
            "operation",
            _FAST,
        )
        self._crews = _Timings(
            "odoo_ai_config_crew_seconds",
            "Time that a crew took to say something",
            "kind",
            _SLOW,
        )
        for timings in (self._store, self._vault, self._crews):
            self.registry.register(timings)
        self._deliveries = Counter(
            "odoo_ai_config_delivery_steps",
            "Steps of deliveries by what they came to",
            ["outcome"],
            registry=self.registry,
        )
        # From zero on: the first of a kind is an increase only if there was something before.
        for kind in CrewKind:
            self._crews.of(kind.value)
        for progress in Progress:
            self._deliveries.labels(progress.value)
        self._queue = _Queue()
        self._queue_known_until = float("-inf")
        self.registry.register(self._queue)
        self._requests = _RequestTally()
        self.registry.register(self._requests)
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
        self._store_failures = Counter(
            "odoo_ai_config_store_failures",
            "Requests that the store failed, by cause",
            ["cause"],
            registry=self.registry,
        )
        for failure in StoreFailure:
            self._store_failures.labels(failure.value)
        # Finding a labelled child costs more than counting.
        self._events_by = cache(self._events.labels)
        self._versions_by = cache(self._versions.labels)

    def requests(self, route: str, method: str) -> Callable[[int, float], None]:
        """
        What counts the requests of one route, by their status and their seconds.

        *route* is the template of a path.
        """
        return self._requests.counter(route, method)

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

    def store_failure(self, cause: str) -> None:
        """
        Count a request that the store failed.
        """
        self._store_failures.labels(cause).inc()

    def observe_store(self, operation: str, seconds: float) -> None:
        """
        Note how long an operation of the store took.
        """
        self._store.observe(operation, seconds)

    def observe_vault(self, operation: str, seconds: float) -> None:
        """
        Note how long an operation of the vault took.
        """
        self._vault.observe(operation, seconds)

    def observe_crew(self, kind: str, seconds: float) -> None:
        """
        Note how long a crew took.
        """
        self._crews.observe(kind, seconds)

    def delivery(self, outcome: str) -> None:
        """
        Count a step of a delivery.
        """
        self._deliveries.labels(outcome).inc()

    def queue_is_known(self, clock: Clock) -> bool:
        """
        Whether the store need not be asked again: anybody may look, as often as they like.
        """
        return clock.monotonic() < self._queue_known_until

    def queue(self, counts: Mapping[Stage, StageCount], clock: Clock) -> None:
        """
        Note how many messages are where.
        """
        self._queue.counts = counts
        self._queue.at = clock.now()
        self._queue_known_until = clock.monotonic() + _QUEUE_KNOWN_SECONDS

    def forget_queue(self) -> None:
        """
        Note that nobody knows now how many messages are where.
        """
        self._queue.counts = {}
        self._queue.at = None
        self._queue_known_until = float("-inf")

    def exposition(self) -> bytes:
        """
        Everything in the text format of Prometheus.
        """
        return generate_latest(self.registry)
