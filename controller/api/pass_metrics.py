"""The passes of this process, and the outbox, as Prometheus sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from controller.model.conditions import TRANSIENT_REASONS
from controller.reconcile.tally import Tallied

_BY_REASON: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "gitward_fetch_failures": (
        "Passes that ended because the remote failed or refused.",
        frozenset(TRANSIENT_REASONS) - {"StoreUnavailable"} | {"AccessDenied"},
    ),
    "gitward_prune_blocked": (
        "Passes that ended held by the prune guard.",
        frozenset({"PruneBlocked"}),
    ),
    "gitward_signature_failures": (
        "Passes that ended because a commit was not signed as it must be.",
        frozenset({"VerificationFailed"}),
    ),
}


def pass_metrics(tallied: Tallied) -> Iterator[Metric]:
    """Everything that is counted of passes."""
    passes = CounterMetricFamily(
        "gitward_reconcile_passes", "Passes by how they ended.", labels=["source", "result"]
    )
    sums: dict[tuple[str, str], int] = {}
    for (source, kind, _), count in tallied.passes.items():
        sums[source, kind] = sums.get((source, kind), 0) + count
    for (source, kind), count in sorted(sums.items()):
        passes.add_metric([source, kind], count)
    yield passes
    phases = SummaryMetricFamily(
        "gitward_reconcile_phase_seconds",
        "Time that the phases of passes took, by how the pass ended.",
        labels=["source", "phase", "result"],
    )
    for key, count in sorted(tallied.phase_count.items()):
        phases.add_metric(list(key), count, tallied.phase_microseconds[key] / 1_000_000)
    yield phases
    operations = CounterMetricFamily(
        "gitward_plan_operations",
        "Operations of plans that were put in force.",
        labels=["source", "operation"],
    )
    for (source, operation), count in sorted(tallied.operations.items()):
        operations.add_metric([source, operation], count)
    yield operations
    yield from _by_reason(tallied)


def _by_reason(tallied: Tallied) -> Iterator[Metric]:
    sources = sorted({source for source, _, _ in tallied.passes})
    for name, (text, reasons) in _BY_REASON.items():
        family = CounterMetricFamily(name, text, labels=["source"])
        for source in sources:
            count = sum(
                number
                for (of, _, reason), number in tallied.passes.items()
                if of == source and reason in reasons
            )
            family.add_metric([source], count)
        yield family


def outbox_metrics(sizes: Mapping[str, tuple[int, int]]) -> Iterator[Metric]:
    """How many messages wait for each target, and how many were given up."""
    waiting = GaugeMetricFamily(
        "gitward_notifications_waiting", "Messages not yet delivered.", labels=["target"]
    )
    dead = GaugeMetricFamily(
        "gitward_notifications_dead", "Messages that were given up.", labels=["target"]
    )
    for target, (still, given_up) in sorted(sizes.items()):
        waiting.add_metric([target], still)
        dead.add_metric([target], given_up)
    yield from (waiting, dead)
