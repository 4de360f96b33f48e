"""Prometheus metrics on a registry of our own: counted here, or read from the store when scraped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller.api.pass_metrics import outbox_metrics, pass_metrics
from controller.api.services import Services
from controller.fleet.objects import exception_state
from controller.model.source import SourceStatus
from controller.model.terms import RISK_LEVELS
from controller.store.port.store import Reading

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STATES: Final = ("active", "expiring", "scheduled", "expired")


class Metrics:
    """What this process counts."""

    def __init__(self, services: Services) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.requests = Counter(
            "gitward_http_requests",
            "HTTP requests by method, route and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.reports = Counter(
            "gitward_reports",
            "Reports by what became of them.",
            ["result"],
            registry=self.registry,
        )
        self.webhooks = Counter(
            "gitward_webhooks",
            "Webhooks by kind of host and what became of them.",
            ["provider", "result"],
            registry=self.registry,
        )
        self.write_conflicts = Counter(
            "gitward_write_conflicts",
            "Writes through the API that were refused because git decides.",
            ["kind", "reason"],
            registry=self.registry,
        )
        self.foreign_machines = Counter(
            "gitward_foreign_machine",
            "Requests by a machine's token that named another machine; they were refused.",
            ["where"],
            registry=self.registry,
        )
        self.registry.register(_StoreCollector(services))

    def count_request(self, method: str, route: str, status: int) -> None:
        """Count an answer; words from outside never become labels."""
        known = method if method in _METHODS else "other"
        self.requests.labels(known, route, str(status)).inc()

    def render(self) -> bytes:
        """The text exposition. Reads the store."""
        return generate_latest(self.registry)


class _StoreCollector(Collector):
    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> Iterator[Metric]:
        """Nothing: describing must not read the store."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        yield from pass_metrics(self._services.tally.now())
        losses = CounterMetricFamily(
            "gitward_recording_losses", "Times that the process that records reports was lost."
        )
        losses.add_metric([], float(self._services.recording_losses()))
        yield losses
        with self._services.store.read() as reading:
            yield from outbox_metrics(reading.outbox_sizes())
            yield from self._sources(reading)
            yield from self._exceptions(reading)
            yield from self._fleet(reading)

    def _sources(self, reading: Reading) -> Iterator[Metric]:
        now = self._services.clock()
        ready = _gauge("source_ready", "Whether the newest revision is in force.", "source")
        healthy = _gauge(
            "source_healthy", "Whether machines report under it and its checks run.", "source"
        )
        suspended = _gauge("source_suspended", "Whether reconciling is suspended.", "source")
        failures = _gauge("source_failures", "Fetches that failed in a row.", "source")
        unapplied = _gauge(
            "source_unapplied_seconds", "Since when a newer revision waits to be applied.", "source"
        )
        info = _gauge("source_revision_info", "The revision in force.", "source", "revision")
        for source in reading.sources():
            condition = source.condition("Ready")
            is_ready = condition is not None and condition.status == "True"
            ready.add_metric([source.name], float(is_ready))
            healthy.add_metric([source.name], _health(source))
            suspended.add_metric([source.name], float(source.suspended))
            failures.add_metric([source.name], float(source.failures))
            waiting = 0.0
            if condition is not None and _behind(source):
                waiting = max(0.0, (now - condition.last_transition_time).total_seconds())
            unapplied.add_metric([source.name], waiting)
            if source.last_applied_revision is not None:
                info.add_metric([source.name, source.last_applied_revision], 1.0)
        yield from (ready, healthy, suspended, failures, unapplied, info)

    def _exceptions(self, reading: Reading) -> Iterator[Metric]:
        now, in_force = self._services.clock(), reading.in_force()
        states = [exception_state(in_force, each, now) for each in in_force.waivers.values()]
        by_state = _gauge("exceptions", "Exceptions by state.", "state")
        for state in _STATES:
            by_state.add_metric([state], float(states.count(state)))
        yield by_state
        ends = [
            each.document.expires_at
            for each in in_force.waivers.values()
            if each.document.expires_at is not None and each.document.expires_at > now
        ]
        if ends:
            left = _gauge("next_exception_expiry_seconds", "Until the next exception ends.")
            left.add_metric([], (min(ends) - now).total_seconds())
            yield left

    def _fleet(self, reading: Reading) -> Iterator[Metric]:
        totals = reading.fleet_totals(self._services.clock())
        risk = _gauge("agents", "Approved machines by risk level.", "risk_level")
        for level in RISK_LEVELS:
            risk.add_metric([level], float(totals.overall.risk.get(level, 0)))
        stale = _gauge("stale_agents", "Machines that have not reported in time.")
        stale.add_metric([], float(totals.stale))
        compliant = _gauge("compliant_agents", "Machines compliant with all their policies.")
        compliant.add_metric([], float(totals.overall.compliant))
        yield from (risk, stale, compliant)


def _behind(source: SourceStatus) -> bool:
    return (
        source.observed_revision is not None
        and source.observed_revision != source.last_applied_revision
    )


def _health(source: SourceStatus) -> float:
    """1 and 0; nothing that can be alarmed on while it is not known."""
    condition = source.condition("Healthy")
    values = {"True": 1.0, "False": 0.0}
    return values.get(condition.status, math.nan) if condition else math.nan


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"gitward_{name}", text, labels=list(labels))
