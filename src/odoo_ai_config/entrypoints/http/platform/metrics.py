"""
Metrics for operators. No label holds a tenant, a key or a part of a request's body.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from itertools import accumulate
from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from odoo_ai_config.application.errors import ApplicationError, StoreFailure
from odoo_ai_config.application.messages.progress import Progress
from odoo_ai_config.application.messages.spooling import Fate
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.message_inbox import Census, StageCount
from odoo_ai_config.application.ports.message_spool import SpoolCensus
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.crews import CrewKind
from odoo_ai_config.domain.identifiers import CONFIG, CREDENTIALS, METADATA
from odoo_ai_config.domain.messages.inbox import OPEN, STUCK, Stage
from odoo_ai_config.domain.messages.notices import CAUSES, OTHER_CAUSE
from odoo_ai_config.domain.outcomes import Outcome

# Writers choose the other kinds of documents; they must not fill the registry.
_KINDS: Final = frozenset({str(CONFIG), str(CREDENTIALS), str(METADATA), "mapping"})
_LATENCIES: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Crews may take a minute.
_SLOW: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60)
_FAST: Final = (0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1)
_SILENCES: Final = frozenset(silence.value for silence in Silence)
_QUEUE_KNOWN_SECONDS: Final = 5.0


class _Durations(Collector):
    """
    A histogram with one label.

    It counts in plain numbers: the library's histogram costs an event of Odoo 2 % of its time.
    """

    def __init__(self, name: str, text: str, label: str, buckets: Sequence[float]) -> None:
        self._family = partial(HistogramMetricFamily, name, text, labels=[label])
        self._buckets = buckets
        # By the value of the label: the buckets, and the sum at the end.
        self._seconds: dict[str, list[float]] = {}
        self._lock = Lock()

    def of(self, value: str) -> Callable[[float], None]:
        buckets, lock = self._buckets, self._lock
        with lock:
            timing = self._seconds.setdefault(value, [0.0] * (len(buckets) + 2))

        def observe(seconds: float) -> None:
            with lock:
                timing[bisect_left(buckets, seconds)] += 1
                timing[-1] += seconds

        return observe

    def collect(self) -> Iterator[Metric]:
        family = self._family()
        bounds = [*map(floatToGoString, self._buckets), "+Inf"]
        with self._lock:
            # Python may collect garbage in between, and let another thread add a value.
            known = [(value, [*timing]) for value, timing in self._seconds.items()]
        for value, (*counts, seconds) in known:
            family.add_metric([value], list(zip(bounds, accumulate(counts), strict=True)), seconds)
        yield family


def _durations(
    registry: CollectorRegistry, name: str, text: str, label: str, buckets: Sequence[float]
) -> Callable[[str], Callable[[float], None]]:
    histogram = _Durations(name, text, label, buckets)
    registry.register(histogram)
    return cache(histogram.of)


class _Requests(Collector):
    """
    Counts and times requests, on the event loop only.

    The library's counters would cost a read 3 % of its time.
    """

    def __init__(self) -> None:
        self._statuses: dict[tuple[str, str], dict[int, int]] = {}
        self._latency = _Durations(
            "odoo_ai_config_http_request_seconds",
            "Time from the headers of a request to its answer",
            "route",
            _LATENCIES,
        )

    def of(self, route: str, method: str) -> Callable[[int, float], None]:
        statuses = self._statuses.setdefault((route, method), {})
        observe = self._latency.of(route)

        def count(status: int, seconds: float) -> None:
            statuses[status] = statuses.get(status, 0) + 1
            observe(seconds)

        return count

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "odoo_ai_config_http_requests",
            "Requests answered",
            labels=["route", "method", "status"],
        )
        for (route, method), statuses in self._statuses.items():
            for status, times in statuses.items():
                requests.add_metric([route, method, str(status)], times)
        yield requests
        yield from self._latency.collect()


class _Stages:
    """
    How much is at each of some *stages*, and the age of the oldest.
    """

    def __init__(
        self, registry: CollectorRegistry, one: str, what: str, stages: Collection[Stage]
    ) -> None:
        self._count = Gauge(
            f"odoo_ai_config_{one}s",
            f"{what} that are not finished, by stage",
            ["stage"],
            registry=registry,
        )
        self._oldest = Gauge(
            f"odoo_ai_config_oldest_{one}_seconds",
            f"Time since the oldest of a stage came, of {what.lower()}",
            ["stage"],
            registry=registry,
        )
        self._stages = stages

    def show(self, counts: Mapping[Stage, StageCount], now: datetime) -> None:
        for stage in self._stages:
            found = counts.get(stage)
            age = 0.0 if found is None else (now - found.oldest).total_seconds()
            self._count.labels(stage.value).set(0 if found is None else found.count)
            self._oldest.labels(stage.value).set(max(0.0, age))

    def clear(self) -> None:
        self._count.clear()
        self._oldest.clear()


class _Queue:
    """
    What is not finished, by the store's last answer.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._messages = _Stages(registry, "message", "Messages", OPEN | STUCK)
        self._events = _Stages(
            registry, "subscription_event", "Events to subscriptions", (Stage.QUEUED, Stage.DEAD)
        )
        self._store_up = Gauge(
            "odoo_ai_config_store_up",
            "Whether the store answered the last query",
            registry=registry,
        )
        self._known_until = float("-inf")

    async def refresh(self, census: Callable[[], Awaitable[Census]], clock: Clock) -> None:
        """
        Ask the store, unless the last answer is recent: anybody may read metrics, at any rate.

        While the store is unavailable there are no metrics of the queue.
        """
        if clock.monotonic() < self._known_until:
            return
        try:
            counts = await census()
        except ApplicationError:
            self._messages.clear()
            self._events.clear()
            self._store_up.set(0)
            self._known_until = float("-inf")
            return
        now = clock.now()
        self._messages.show(counts.messages, now)
        self._events.show(counts.events, now)
        self._store_up.set(1)
        self._known_until = clock.monotonic() + _QUEUE_KNOWN_SECONDS


class _Spool(Collector):
    """
    What waits in the spool of this machine, as it was last counted; nothing without a spool.
    """

    def __init__(self) -> None:
        self._census = SpoolCensus()
        self._now: Callable[[], datetime] | None = None

    def counted(self, census: SpoolCensus, now: Callable[[], datetime]) -> None:
        """
        Note what was in the spool; *now* tells how old it is whenever somebody asks.
        """
        self._census, self._now = census, now

    def collect(self) -> Iterator[Metric]:
        census = self._census
        age = 0.0
        if census.oldest is not None and self._now is not None:
            age = (self._now() - census.oldest).total_seconds()
        for name, text, value in (
            ("arrivals", "Messages and records that wait for the store", census.waiting),
            ("kept", "Refused ones that are kept for a person", census.kept),
            ("bytes", "Size of both", census.bytes),
            ("oldest_seconds", "Time since the oldest waiting one came", max(0.0, age)),
        ):
            yield GaugeMetricFamily(f"odoo_ai_config_spool_{name}", text, value)


class Metrics:
    """
    The Prometheus objects of one application, in a registry of their own.

    `store` and `vault` take the name of an operation, `crew` the kind of a crew; each returns a
    function that takes the seconds of a call. `requests` takes the path's template and the method,
    and returns a function that takes the status and the seconds of a request.
    """

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.store = _durations(
            registry,
            "odoo_ai_config_store_seconds",
            "Time of one operation of the store",
            "operation",
            _LATENCIES,
        )
        self.vault = _durations(
            registry,
            "odoo_ai_config_vault_seconds",
            "Time of one operation of the vault",
            "operation",
            _FAST,
        )
        self.crew = _durations(
            registry,
            "odoo_ai_config_crew_seconds",
            "Time until a crew responds",
            "kind",
            _SLOW,
        )
        requests = _Requests()
        registry.register(requests)
        self.requests = requests.of
        self.queue = _Queue(registry)
        self.spool = _Spool()
        registry.register(self.spool)
        self._spooled = Counter(
            "odoo_ai_config_spool_requests",
            "Requests that came while the store was away, by what became of them",
            ["outcome"],
            registry=registry,
        )
        events = Counter(
            "odoo_ai_config_events",
            "Events at the webhook by outcome",
            ["event", "outcome", "code"],
            registry=registry,
        )
        versions = Counter(
            "odoo_ai_config_versions_written",
            "Versions written, by kind of document",
            ["kind"],
            registry=registry,
        )
        self._deliveries = Counter(
            "odoo_ai_config_delivery_steps",
            "Steps of deliveries by outcome",
            ["outcome"],
            registry=registry,
        )
        self._people_told = Counter(
            "odoo_ai_config_people_told",
            "Conversations that people were told of because the AI does not answer, by cause",
            ["reason"],
            registry=registry,
        )
        self._silences = Counter(
            "odoo_ai_config_silences",
            "Messages that no crew answered because the AI is silent, by reason",
            ["reason"],
            registry=registry,
        )
        self._store_failures = Counter(
            "odoo_ai_config_store_failures",
            "Requests that failed because of the store, by cause",
            ["cause"],
            registry=registry,
        )
        self.replay = Counter(
            "odoo_ai_config_idempotent_replays",
            "Requests answered with an earlier request's outcome",
            registry=registry,
        ).inc
        self.failure = Counter(
            "odoo_ai_config_unexpected_errors",
            "Requests and background tasks that failed with an unexpected error",
            registry=registry,
        ).inc
        self._events = cache(events.labels)
        self._versions = cache(versions.labels)
        # Series start at zero: otherwise the first event of a kind does not count as an increase.
        for kind in CrewKind:
            self.crew(kind.value)
        for progress in Progress:
            self._deliveries.labels(progress.value)
        for cause in (*CAUSES, OTHER_CAUSE):
            self._people_told.labels(cause)
        for silence in Silence:
            self._silences.labels(silence.value)
        for outcome in ("spooled", "full", "failed", *(fate.value for fate in Fate)):
            self._spooled.labels(outcome)
        for failure in StoreFailure:
            self._store_failures.labels(failure.value)

    def event(self, event: str, outcome: str, code: str = "") -> None:
        """
        Count an event at the webhook.
        """
        self._events(event, outcome, code).inc()
        if code:
            self._silence(code)

    def version(self, kind: str) -> None:
        """
        Count a written version.
        """
        self._versions(kind if kind in _KINDS else "other").inc()

    def written(self, outcome: Outcome, *kinds: str) -> None:
        """
        Count a write: as a replay, or as a version of each of *kinds* if it changed anything.
        """
        if outcome.replayed:
            self.replay()
        elif outcome.changed:
            for kind in kinds:
                self.version(kind)

    def store_failure(self, cause: str) -> None:
        """
        Count a request that failed because of the store.
        """
        self._store_failures.labels(cause).inc()

    def spooled(self, outcome: str, count: int = 1) -> None:
        """
        Count requests that were spooled or left the spool.
        """
        self._spooled.labels(outcome).inc(count)

    def delivery(self, outcome: str, reason: str | None = None) -> None:
        """
        Count a step of a delivery, and the silence that is its *reason*.
        """
        self._deliveries.labels(outcome).inc()
        self._silence(reason)

    def _silence(self, reason: str | None) -> None:
        if reason in _SILENCES:
            self._silences.labels(reason).inc()

    def people_told(self, cause: str) -> None:
        """
        Count a conversation that people were told of.
        """
        self._people_told.labels(cause).inc()

    def exposition(self) -> bytes:
        """
        All metrics in the text format of Prometheus.
        """
        return generate_latest(self._registry)
