"""Passes over a repository: nothing new, one file changed, everything for the first time."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import sqlite_utils

from controller.config.load import is_document
from controller.reconcile.reconciler import Reconciler
from controller.source.address import parse_address
from controller.source.mirror import GitSource
from controller.store.store import open_store
from tests.benchmarks.measure import Outcome, at_most, faster, figure, interleave, show, timed
from tests.benchmarks.reference import naive_reconcile
from tests.benchmarks.repository import commit, git, mixed_repository
from tests.benchmarks.server import scratch

SMALL, LARGE = 1_000, 10_000


class Controlled:
    """A repository with a store that follows it, all in one process as in the controller."""

    def __init__(self, folder: Path, files: int, *, flat: bool = False) -> None:
        self.folder = folder
        self.repo = folder / "repository"
        self.files = mixed_repository(files, flat=flat)
        self._changed = next(name for name in self.files if name.endswith("policy-00007.yaml"))
        commit(self.repo, self.files)
        self._changes = iter(range(1_000_000))
        self.connect(folder / "data")

    def connect(self, data: Path) -> None:
        self.store = open_store(data)
        address = parse_address(str(self.repo), allow_local=True)
        self.source = GitSource(
            name="default", address=address, ref="main", path="", data=data, wanted=is_document
        )
        self.reconciler = Reconciler(self.source, self.store, clock=lambda: datetime.now(UTC))

    def settle(self) -> None:
        """One pass; it must end well."""
        ending = self.reconciler.run().ending
        if ending.kind not in {"applied", "settled"}:
            raise RuntimeError(f"{ending.kind}: {ending.reason}: {ending.message}")

    def change(self) -> None:
        """Commit a changed title."""
        number, text = next(self._changes), self.files[self._changed]
        text = text.replace("Which machines", f"Change {number}, which machines")
        commit(self.repo, {self._changed: text})

    def close(self) -> None:
        self.source.close()
        self.store.close()
        del self.reconciler, self.source, self.store  # what they hold is not freed in the next job


def after_a_change(controlled: Controlled, job: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        controlled.change()
        return timed(job)()

    return run


def ls_remote(repo: Path) -> None:
    subprocess.run(
        ["git", "ls-remote", str(repo), "refs/heads/main"], capture_output=True, check=True
    )


def rows() -> list[Outcome]:
    with scratch() as folder:
        small, large = Controlled(folder / "small", SMALL), Controlled(folder / "large", LARGE)
        small.settle()
        large.settle()
        return [
            *nothing_new(small, large),
            *one_changed(folder, small, large),
            *full(folder, large),
            *flat(folder),
        ]


def nothing_new(small: Controlled, large: Controlled) -> list[Outcome]:
    theirs, ours, few = interleave(
        15, timed(lambda: ls_remote(large.repo)), timed(large.settle), timed(small.settle)
    )
    name = f"reconcile, nothing new, {LARGE:,} files"
    return [
        at_most(name, "`git ls-remote`", theirs, ours, 1.3),
        at_most(name, f"the same with {SMALL:,} files", few, ours, 1.2),
    ]


def one_changed(folder: Path, small: Controlled, large: Controlled) -> list[Outcome]:
    bare = folder / "fetched.git"
    git(folder, "clone", "--quiet", "--bare", str(large.repo), str(bare))
    fetch = lambda: git(bare, "fetch", "--quiet", str(large.repo), "+main:main")  # noqa: E731
    theirs, ours, few = interleave(
        15,
        after_a_change(large, fetch),
        after_a_change(large, large.settle),
        after_a_change(small, small.settle),
    )
    name = f"reconcile, one file changed, of {LARGE:,}"
    return [
        at_most(name, "`git fetch` of that commit", theirs, ours, 2.5),
        at_most(name, f"the same with {SMALL:,} files", few, ours, 1.3),
    ]


def flat(folder: Path) -> list[Outcome]:
    """The same change where git has folders of thousands of files to walk, compare and write."""
    few = Controlled(folder / "flat-small", SMALL, flat=True)
    many = Controlled(folder / "flat-large", LARGE, flat=True)
    few.settle()
    many.settle()
    less, more = interleave(7, after_a_change(few, few.settle), after_a_change(many, many.settle))
    few.close()
    many.close()
    name = f"the same change of {LARGE:,} files in three folders, beside {SMALL:,}"
    told = f"{show(more, 's')}, beside {show(less, 's')}: {more / less:.2f}x"
    return [figure(name, told)]


def full(folder: Path, large: Controlled) -> list[Outcome]:
    # What the round before left is removed outside of what is timed, on both sides.
    def naive() -> float:
        clone, database = folder / "clone", folder / "naive.db"
        shutil.rmtree(clone, ignore_errors=True)
        database.unlink(missing_ok=True)
        return timed(
            lambda: naive_reconcile.reconcile(large.repo, clone, sqlite_utils.Database(database))
        )()

    def connect_and_settle() -> None:
        large.connect(folder / "fresh")
        large.settle()

    def ours() -> float:
        large.close()
        shutil.rmtree(folder / "fresh", ignore_errors=True)
        return timed(connect_and_settle)()

    theirs, mine = interleave(5, naive, ours)
    large.close()
    name = f"full reconcile of {LARGE:,} files, from an empty data folder"
    return [faster(name, "naive clone + SafeLoader + pydantic + upsert", theirs, mine, 12)]
