"""The first start: this repository's own catalogs from git until the controller is ready."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from tests.benchmarks.measure import GITWARD, ROOT, Outcome, below, environment
from tests.benchmarks.repository import commit
from tests.benchmarks.server import scratch, until_ready


def first_start(folder: Path) -> float:
    repo = folder / "repo"
    files = {
        str(path.relative_to(ROOT)): path.read_text()
        for name in ("checks", "policies", "exceptions")
        for path in (ROOT / name).rglob("*.yaml")
    }
    commit(repo, {**files, "gitward.yaml": (ROOT / "gitward.yaml").read_text()})
    return until_serving(repo, folder / "data")


def until_serving(repo: Path, data: Path) -> float:
    """Seconds from the command until ``/readyz`` says yes."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [*GITWARD, "serve", "--repo", str(repo), "--data", str(data), "--port", "0"],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        if found is None:
            raise RuntimeError("the controller did not start")
        until_ready(int(found.group(1)))
        return time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(30)


def rows() -> list[Outcome]:
    with scratch() as folder:
        name = "import of the shipped catalogs, first start to ready"
        return [below(name, first_start(folder), 3)]
