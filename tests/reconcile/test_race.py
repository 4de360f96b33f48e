"""Writes through the API against passes, at full speed: what git declares is always git's, and whole."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from controller.errors import ConflictError, GitManagedError, NotFoundError
from controller.store.port.store import Writing
from tests.reconcile.documents import policy as policy_document
from tests.reconcile.repository import base, policy
from tests.reconcile.rig import Rig

PASSES = 24
WRITERS = 3
PATIENCE = 90.0
"""Seconds after which a hang is a failure."""
IDS = ("laptops", "extra", "other")
Declared = dict[str, tuple[str, float]]


class Race:
    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.declared: dict[str, Declared] = {}
        """By commit: the policies that git declares there, by id."""
        self.stop = threading.Event()
        self.broken: list[str] = []
        self.tally: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, word: str) -> None:
        with self._lock:
            self.tally[word] += 1

    def commits(self) -> list[str]:
        """Four commits; every other one declares one policy more."""
        shas = []
        for number in range(4):
            files: dict[str, str | None] = {
                **base(),
                "policies/laptops.yaml": policy("Laptops", passing_score_threshold=number),
            }
            wanted: Declared = {"laptops": ("Laptops", number)}
            if number % 2:
                files["policies/extra.yaml"] = policy("Extra", passing_score_threshold=number)
                wanted["extra"] = ("Extra", number)
            elif number:
                files["policies/extra.yaml"] = None
            shas.append(self.rig.commit(files))
            self.declared[shas[-1]] = wanted
        return shas

    def write(self, seed: int) -> None:
        """A person, or a script, that changes and deletes whatever there is."""
        chance, numbers = random.Random(seed), itertools.count()
        while not self.stop.is_set():
            try:
                with self.rig.store.write() as writing:
                    self._change(writing, chance, f"{seed} {next(numbers)}")
            except GitManagedError:
                self.count("refused")
            except (ConflictError, NotFoundError):
                self.count("pointless")
            else:
                self.count("taken")

    def _change(self, writing: Writing, chance: random.Random, name: str) -> None:
        id_ = chance.choice(IDS)
        if chance.random() < 0.3:
            writing.delete_object("policy", id_, actor="eve", as_of=self.rig.clock())
            return
        document = policy_document(id_, name=f"{id_} {name}", passing_score_threshold=99)
        create = id_ not in writing.in_force().policies
        writing.put_object("policy", document, actor="eve", as_of=self.rig.clock(), create=create)

    def watch(self) -> None:
        """Somebody who reads all the time, and compares with git."""
        while not self.stop.is_set():
            with self.rig.store.read() as reading:
                in_force = reading.in_force()
            self.count("seen")
            sha = str(in_force.revision).rpartition(":")[2]
            have = {
                id_: (each.document.name, each.document.passing_score_threshold)
                for id_, each in in_force.policies.items()
                if each.managed_by == "git"
            }
            if have != self.declared[sha]:
                self.broken.append(f"{sha}: {have}")

    def thread(self, run: Callable[..., None], *arguments: object) -> threading.Thread:
        def guarded() -> None:
            try:
                run(*arguments)
            except BaseException as error:
                self.broken.append(repr(error))
                raise

        return threading.Thread(target=guarded)

    def run(self, shas: list[str]) -> int:
        """Go from commit to commit, never rewriting; how many came into force."""
        git = self.rig.repository.git
        end, applied, parent = time.monotonic() + PATIENCE, 0, shas[-1]
        for number in range(PASSES):
            like = shas[number % len(shas)]
            parent = git("commit-tree", f"{like}^{{tree}}", "-p", parent, "-m", "next")
            self.declared[parent] = self.declared[like]
            git("update-ref", "refs/heads/main", parent)
            while self.rig.reconcile().kind == "transient":
                self.count("planned again")
                assert time.monotonic() < end
            applied += self.rig.status.last_applied_revision == f"main@sha1:{parent}"
        return applied


def test_what_git_declares_always_equals_git(rig: Rig) -> None:
    race = Race(rig)
    shas = race.commits()
    rig.reconcile()
    threads = [race.thread(race.write, seed) for seed in range(WRITERS)]
    threads.append(race.thread(race.watch))
    for thread in threads:
        thread.start()
    try:
        applied = race.run(shas)
    finally:
        race.stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert race.broken == []
    assert applied == PASSES
    writes = race.tally["refused"] + race.tally["taken"] + race.tally["pointless"]
    assert writes > 1_000, race.tally
    assert min(race.tally["refused"], race.tally["taken"], race.tally["seen"]) > 100, race.tally
    with rig.store.read() as reading:
        assert list(reading.verify_trail()) == []
        assert list(reading.verify_scores()) == []
