"""``make plots``: how cost grows with machines, checks, policies, exceptions and files, as SVG."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from controller.config.load import SourceFile, assemble, read_file
from controller.fleet.statistics import statistics
from controller.scoring.standing import standings
from controller.store.store import SqlStore, open_store
from tests.benchmarks.fleet import NOW, configuration, fill, posture, put_configuration
from tests.benchmarks.measure import ROOT
from tests.benchmarks.repository import mixed_repository
from tests.benchmarks.server import scratch

FOLDER = ROOT / "docs" / "plots"
Points = list[tuple[float, float]]


def best(job: Callable[[], object], times: int = 3) -> float:
    """The shortest of a few, in seconds of processor time: a busy machine only ever adds."""
    found = []
    for _ in range(times):
        started = time.process_time()
        job()
        found.append(time.process_time() - started)
    return min(found)


def standing_cost(checks: int, policies: int, waivers: int) -> float:
    """Microseconds to score one machine, all its policies, with and without exceptions."""
    with scratch() as folder:
        store = open_store(folder)
        put_configuration(store, configuration(checks, policies, waivers))
        with store.read() as reading:
            moment = reading.moment(NOW)
        store.close()
    profile = moment.profile("x", "linux", ())
    fleet = [posture(n, list(range(checks))) for n in range(500)]
    return best(lambda: [standings(profile, each) for each in fleet], 5) / len(fleet) * 1e6


def by_machines() -> tuple[Points, Points]:
    """Seconds to store a fleet's new scores, and microseconds of the dashboard's numbers."""
    stored: Points = []
    shown: Points = []
    for machines in (1_000, 5_000, 10_000, 20_000, 50_000):
        with scratch() as folder:
            store = open_store(folder)
            put_configuration(store, configuration())
            stored.append((machines, best(lambda store=store, n=machines: fill(store, n), 1)))  # type: ignore[misc]
            shown.append((machines, best(lambda store=store: numbers(store)) / 50 * 1e6))  # type: ignore[misc]
            store.close()
    return stored, shown


def numbers(store: SqlStore) -> None:
    for _ in range(50):
        with store.read() as reading:
            statistics(reading, NOW)


def by_files() -> Points:
    """Milliseconds to read and judge a repository."""
    points: Points = []
    for count in (100, 500, 1_000, 2_000, 5_000):
        files = [SourceFile(name, text.encode()) for name, text in mixed_repository(count).items()]

        def judge(files: list[SourceFile] = files) -> None:
            assemble([read_file(f) for f in files], as_of=NOW, builtin_checks=())

        points.append((count, best(judge, 1) * 1e3))
    return points


def svg(title: str, across: str, up: str, points: Sequence[tuple[float, float]]) -> str:
    """One line with its axes from zero."""
    wide, high, left, bottom = 560, 300, 70, 45
    most_x, most_y = max(x for x, _ in points), max(y for _, y in points) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        return left + x / most_x * (wide - left - 20), high - bottom - y / most_y * (
            high - bottom - 40
        )

    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in (place(x, y) for x, y in points))
    dots = "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="#1f6feb"><title>{x:g}: {y:.3g}</title></circle>'
        for (a, b), (x, y) in ((place(x, y), (x, y)) for x, y in points)
    )
    labels = "".join(
        f'<text x="{place(x, 0)[0]:.1f}" y="{high - bottom + 16}" text-anchor="middle">{x:,g}</text>'
        for x, _ in points[::2]
    ) + "".join(
        f'<text x="{left - 8}" y="{place(0, y)[1] + 4:.1f}" text-anchor="end">{y:.3g}</text>'
        for y in (0.0, most_y / 2, most_y)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" '
        f'font-size="12" role="img"><title>{title}</title>'
        f'<rect width="{wide}" height="{high}" fill="#fff"/>'
        f'<text x="{left}" y="20" font-size="14">{title}</text>'
        f'<path d="M{left} 35V{high - bottom}H{wide - 15}" fill="none" stroke="#57606a"/>'
        f'<polyline points="{line}" fill="none" stroke="#1f6feb" stroke-width="2"/>{dots}{labels}'
        f'<text x="{wide - 15}" y="{high - 8}" text-anchor="end">{across}</text>'
        f'<text x="{left}" y="34" fill="#57606a">{up}</text></svg>\n'
    )


def draw(name: str, title: str, across: str, up: str, points: Points) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    file: Path = FOLDER / f"{name}.svg"
    file.write_text(svg(title, across, up, points))
    print(
        f"{file.relative_to(ROOT)}: " + ", ".join(f"{x:g}: {y:.3g}" for x, y in points), flush=True
    )


def main() -> None:
    checks = [(float(n), standing_cost(n, 3, 10)) for n in (50, 100, 200, 400, 800)]
    draw("checks", "Scoring one machine", "checks", "microseconds", checks)
    policies = [(float(n), standing_cost(200, n, 10)) for n in (1, 3, 5, 10, 20)]
    draw("policies", "Scoring one machine", "policies", "microseconds", policies)
    waivers = [(float(n), standing_cost(200, 3, n)) for n in (1, 10, 50, 100, 200)]
    draw("exceptions", "Scoring one machine", "exceptions", "microseconds", waivers)
    draw("files", "Reading and judging a repository", "files", "milliseconds", by_files())
    stored, shown = by_machines()
    draw("machines", "Adding and scoring a fleet, everything stored", "machines", "seconds", stored)
    draw("dashboard", "The fleet's numbers", "machines", "microseconds", shown)


if __name__ == "__main__":
    main()
