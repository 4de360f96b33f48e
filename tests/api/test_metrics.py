"""Metrics are what Prometheus takes, by its own checker, and say what happened."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families

from controller.api.app import create_app
from controller.api.metrics import Metrics
from controller.reconcile.ending import Ending
from controller.reconcile.reconciler import PassResult
from controller.reconcile.tally import Tally
from tests.api.documents import base
from tests.api.server import Api, controller, serve
from tests.require import require

REFERENCE = Path(__file__).parents[2] / "docs/reference/metrics.md"
ALERTS = Path(__file__).parents[2] / "docs/operations/alerts.yml"


@pytest.fixture
def tally() -> Tally:
    found = Tally()
    phases = (("resolve", 0.25), ("fetch", 0.5))
    found.add("default", PassResult(Ending("applied", "Applied"), False, phases, (("add", 3),)))
    found.add("default", PassResult(Ending("held", "PruneBlocked"), False, phases))
    found.add("team-a", PassResult(Ending("stalled", "VerificationFailed")))
    found.add("team-a", PassResult(Ending("transient", "FetchFailed")))
    return found


@pytest.fixture
def text(tmp_path: Path, tally: Tally) -> Iterator[str]:
    with (
        controller(tmp_path / "data") as made,
        serve(create_app(replace(made.services, tally=tally))) as address,
    ):
        made.apply(base())
        api = Api(made, address)
        api.delete("/api/v1/compliance/policies/servers", role="manager")
        yield api.get("/metrics").text
        api.http.close()


def test_the_parser_of_prometheus_takes_them_and_finds_what_happened(text: str) -> None:
    samples = {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["gitward_reconcile_passes_total", "applied", "default"] == 1
    assert samples["gitward_reconcile_phase_seconds_sum", "fetch", "applied", "default"] == 0.5
    assert samples["gitward_reconcile_phase_seconds_count", "resolve", "held", "default"] == 1
    assert samples["gitward_plan_operations_total", "add", "default"] == 3
    assert samples["gitward_prune_blocked_total", "default"] == 1
    assert samples["gitward_prune_blocked_total", "team-a"] == 0
    assert samples["gitward_signature_failures_total", "team-a"] == 1
    assert samples["gitward_fetch_failures_total", "team-a"] == 1
    assert samples["gitward_write_conflicts_total", "policy", "GitManaged"] == 1
    for name in (
        *("gitward_source_ready", "gitward_source_suspended", "gitward_source_unapplied_seconds"),
        *("gitward_source_revision_info", "gitward_exceptions", "gitward_http_requests_total"),
    ):
        assert any(key[0] == name for key in samples), name


def test_every_series_is_named_in_the_reference_with_its_kind_and_labels(
    tmp_path: Path, tally: Tally
) -> None:
    """Also those that appear only after something has happened."""
    with controller(tmp_path / "data") as made:
        made.apply(base())
        metrics = Metrics(replace(made.services, tally=tally))
        families = list(metrics.registry.collect())
    counted = {
        each._name: each._labelnames for each in vars(metrics).values() if isinstance(each, Counter)
    }
    exported = {
        each.name + ("_total" if each.type == "counter" else ""): (
            each.type,
            tuple(counted.get(each.name) or getattr(each, "_labelnames", None) or ()),
        )
        for each in families
    }
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", REFERENCE.read_text(), re.MULTILINE)
    named = {name: (kind, tuple(re.findall("`(.*?)`", labels))) for name, kind, labels in rows}
    assert named == exported


def test_prometheus_own_checker_has_nothing_to_say(text: str) -> None:
    require("promtool", shutil.which("promtool") is not None)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_sample_alerts_are_valid_and_name_metrics_that_there_are(text: str) -> None:
    named = set(re.findall(r"gitward_\w+", ALERTS.read_text()))
    known = {family.name for family in text_string_to_metric_families(text)}
    known |= {f"{name}_total" for name in known}
    assert named <= known
    require("promtool", shutil.which("promtool") is not None)
    done = subprocess.run(
        ["promtool", "check", "rules", str(ALERTS)], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
