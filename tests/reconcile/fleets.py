"""Random fleets and random repositories, for properties that must hold for any of them."""

from __future__ import annotations

import copy
import json
import random
from datetime import timedelta
from typing import Any

from controller.config.load import SourceFile, load
from controller.model.machine import Machine
from controller.model.report import Result
from controller.store.port.reports import Submission
from tests.api.server import Controller
from tests.builders import add_key, enroll, make_report, sha
from tests.config.repository import errors

SEVERITIES = ["critical", "high", "medium", "low"]
CHECKS = [f"check-{number}" for number in range(12)]
TAGS = ["office", "lab", "edge"]


def yaml(fields: dict[str, Any]) -> str:
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in fields.items())


def definition(check: dict[str, Any]) -> dict[str, Any]:
    """The part of a check that decides its outcome."""
    return {key: check[key] for key in ("query", "comparison_operator", "expected_result")}


class World:
    """A controller with machines that report, and repositories that change at random."""

    values = "abcd"
    """What machines answer."""

    def __init__(self, made: Controller, seed: int, machines: int) -> None:
        self.made = made
        self.random = random.Random(seed)
        self.checks = {id_: self.check(id_) for id_ in CHECKS}
        self.policies = {f"policy-{n}": self.policy(n) for n in range(3)}
        self.waivers: dict[str, dict[str, Any]] = {}
        self.machines: list[tuple[Machine, str]] = []
        self.past: list[tuple[str, dict[str, Any]]] = []
        """Definitions that checks had, to come back to."""
        while not self.valid():
            self.policies = {f"policy-{n}": self.policy(n) for n in range(3)}
        made.apply(self.files())
        self.settle()
        self.grow(machines)

    def grow(self, count: int) -> None:
        store, now = self.made.store, self.made.clock.now
        with store.write() as tx:
            for name in ("plain", *TAGS):
                add_key(tx, secret=name, tags=() if name == "plain" else (name,))
            for number in range(count):
                key = self.random.choice(["plain", *TAGS])
                os: Any = self.random.choice(["linux", "linux", "windows"])
                token = f"token-{number}"
                machine = enroll(tx, token, os=os, key=key, at=now)
                self.machines.append((machine, token))
        self.hear(0.9)

    def live(self, hours: int, share: float) -> None:
        """Let time pass, with what starts and ends in it, and some machines report."""
        self.made.clock.forward(hours=hours)
        with self.made.store.write() as tx:
            tx.pass_instant(self.made.clock.now)
        self.settle()
        self.hear(share)

    def hear(self, share: float) -> None:
        """Take a report from about this share of the machines, from 0 to 1."""
        with self.made.store.write() as tx:
            reports = [self.report(*each) for each in self.machines if self.random.random() < share]
            for answer in tx.record_reports(reports):
                assert not isinstance(answer, Exception), answer

    def report(self, machine: Machine, token: str) -> Submission:
        results = []
        for id_ in self.random.sample(CHECKS, self.random.randint(6, len(CHECKS))):
            if self.random.random() < 0.1:
                results.append(Result(id_, "error"))
                continue
            rows = ({"username": self.random.choice(self.values)},)
            results.append(Result(id_, "passed", rows=rows))
        report = make_report(results, at=self.made.clock.now)
        return Submission(machine.uuid, sha(token), report, self.made.clock.now)

    def check(self, id_: str) -> dict[str, Any]:
        pick = self.random.choice
        return {
            "id": id_,
            "title": f"Title {self.random.randint(0, 9)}",
            "category": "firewall",
            "severity": pick(SEVERITIES),
            "cis_level": pick(["level_1", "level_1", "level_2"]),
            "platforms": pick([["linux"], ["linux", "windows"]]),
            "description": "Why.",
            "query": f"SELECT username FROM users WHERE uid < {pick([1, 1, 1, 2])}",
            "comparison_operator": pick(["equals", "not_equals"]),
            "expected_result": {"username": pick("abcd")},
        }

    def policy(self, number: int) -> dict[str, Any]:
        pick = self.random.choice
        overrides = {pick(CHECKS): pick(SEVERITIES)}
        return {
            "name": f"Policy {number}",
            "cis_level": pick(["level_1", "level_2"]),
            "target_os": pick(["all", "linux"]),
            "target_tags": self.random.choice([[], [], [pick(TAGS)]]),
            "passing_score_threshold": self.random.randint(0, 100),
            "error_handling": pick(["count", "exclude"]),
            "severity_overrides": pick([{}, overrides]),
            "exclude_checks": self.random.sample(CHECKS, self.random.randint(0, 4)),
            "enabled": self.random.random() > 0.1,
        }

    def waiver(self) -> dict[str, Any]:
        pick, now = self.random.choice, self.made.clock.now
        scope = pick(["global", "agent", "tag", "policy"])
        selectors: dict[str, dict[str, Any]] = {
            "agent": {"agent_uuids": [m.uuid for m, _ in self.random.sample(self.machines, 3)]},
            "tag": {"tag": pick(TAGS)},
            "policy": {"policy_id": pick(list(self.policies))},
            "global": {},
        }
        starts = now + timedelta(days=pick([-3, 0, 2]))
        fields: dict[str, Any] = {
            "check_ids": self.random.sample(list(self.checks), 2),
            "scope": scope,
            **selectors[scope],
            "reason": "Accepted for the tests of it.",
            "expires_at": (now + timedelta(days=pick([1, 20, 90]))).isoformat(),
        }
        return fields | ({"starts_at": starts.isoformat()} if pick([True, False]) else {})

    def mutate(self) -> None:
        """Change a few things at once, as a pull request does, until the whole is valid."""
        before = copy.deepcopy((self.checks, self.policies, self.waivers))
        self.past += [(id_, definition(each)) for id_, each in before[0].items()]
        while True:
            self.checks, self.policies, self.waivers = copy.deepcopy(before)
            self._mutate()
            if self.valid():
                return

    def valid(self) -> bool:
        files = [SourceFile(path, text.encode()) for path, text in self.files().items()]
        return not errors(load(files, as_of=self.made.clock.now))

    def _mutate(self) -> None:
        for _ in range(self.random.randint(1, 4)):
            what = self.random.choice(
                ["check", "check", "back", "policy", "waiver", "waiver", "drop"]
            )
            if what == "check":
                id_ = self.random.choice(list(self.checks))
                new = self.check(id_)
                kept = self.random.sample(list(new), self.random.randint(0, len(new)))
                self.checks[id_] = {**new, **{key: self.checks[id_][key] for key in kept}}
            elif what == "back":
                id_, was = self.random.choice(self.past)
                self.checks[id_] = {**self.checks[id_], **was}
            elif what == "policy":
                number = self.random.randint(0, 2)
                self.policies[f"policy-{number}"] = self.policy(number)
            elif what == "waiver":
                self.waivers[f"waiver-{self.random.randint(0, 5)}"] = self.waiver()
            elif self.waivers:
                self.waivers.pop(self.random.choice(list(self.waivers)))

    def files(self) -> dict[str, str]:
        checks = "".join(f"  - {json.dumps(each)}\n" for each in self.checks.values())
        return {
            "checks/all.yaml": f"catalog: all\ntitle: All\nchecks:\n{checks}",
            **{f"policies/{id_}.yaml": yaml(each) for id_, each in self.policies.items()},
            **{f"exceptions/{id_}.yaml": yaml(each) for id_, each in self.waivers.items()},
        }

    def changed(self) -> dict[str, str | None]:
        """What a pull request sends: the documents that differ from those in force."""
        new, old = self.files(), self.made.files
        gone: dict[str, str | None] = {path: None for path in old if path not in new}
        return gone | {path: text for path, text in new.items() if old.get(path) != text}

    def settle(self) -> None:
        more = True
        while more:
            with self.made.store.write() as tx:
                more = tx.continue_rescoring(self.made.clock.now)
