"""A store with random things happening to it: the same ones for the same seed."""

from __future__ import annotations

import contextlib
import random
import uuid
from datetime import timedelta
from typing import Any

from controller.errors import ConflictError, NotFoundError
from controller.model.machine import Machine
from controller.store.store import SqlStore
from tests.builders import (
    NOW,
    add_key,
    enroll,
    make_check,
    make_policy,
    make_report,
    make_waiver,
    submit,
)

CHECKS = [f"c{n}" for n in range(8)]
SEVERITIES = ["critical", "high", "medium", "low"]
OUTCOMES = ["passed", "failed", "error", "not_applicable", "skipped"]


class World:
    """A store with random things happening to it."""

    def __init__(self, store: SqlStore, seed: int) -> None:
        self.store = store
        self.random = random.Random(seed)
        self.now = NOW
        self.tokens: dict[str, str] = {}
        self.serial = 0
        with store.write() as tx:
            add_key(tx)
            add_key(tx, secret="tagged", tags=("a",))
            tx.seed_checks([self._check(id_) for id_ in CHECKS], actor="t", as_of=self.now)

    def _check(self, id_: str) -> Any:
        return make_check(
            id_,
            severity=self.random.choice(SEVERITIES),
            query=f"SELECT {self.random.randint(0, 2)} AS {id_}",
            platforms=self.random.choice([("linux",), ("linux", "windows"), ("windows",)]),
        )

    def step(self) -> None:
        self.pass_time()
        self.act()

    def pass_time(self) -> None:
        # Never the same instant twice: a history has no order within one.
        self.now += timedelta(minutes=self.random.randint(0, 90), microseconds=1)

    def act(self) -> None:
        name = self.random.choice(
            ["report"] * 8 + ["enroll"] * 3 + ["policy", "waiver", "time", "tags", "leave", "seed"] * 2
            + ["drop_policy", "drop_waiver", "approve"]
        )  # fmt: skip
        # Deleting what is not there, and a name that is taken, are part of the noise.
        with self.store.write() as tx, contextlib.suppress(NotFoundError, ConflictError):
            getattr(self, name)(tx)

    def settle(self) -> None:
        """Let time act until nothing is left to do."""
        with self.store.write() as tx:
            tx.pass_instant(self.now)
        self.finish()

    def settle_instant_by_instant(self) -> None:
        """The same, one instant after the other, each change brought to its end before the next."""
        while True:
            with self.store.read() as reading:
                instant = reading.next_instant(self.now)
            if instant is None or instant > self.now:
                return
            with self.store.write() as tx:
                tx.pass_instant(instant)
            self.finish()

    def finish(self) -> None:
        """Bring a fleet-wide change to its end."""
        while self._more():
            pass

    def _more(self) -> bool:
        with self.store.write() as tx:
            return tx.continue_rescoring(self.now)

    def one(self, tx: Any) -> Machine | None:
        uuid = self.random.choice([*self.tokens, None])
        return tx.machine(uuid) if uuid else None

    def enroll(self, tx: Any) -> None:
        self.serial += 1
        token = f"token-{self.serial}"
        key = self.random.choice(["key", "tagged"])
        os = self.random.choice(["linux", "linux", "windows"])
        self.tokens[enroll(tx, token, os=os, key=key, at=self.now).uuid] = token

    def report(self, tx: Any) -> None:
        machine = self.one(tx)
        if machine is None or machine.status != "approved":
            return
        some = self.random.sample(CHECKS, self.random.randint(0, len(CHECKS)))
        report = make_report(
            {c: self.random.choice(OUTCOMES) for c in some},
            at=self.now,
            report_id=str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
        )
        submit(tx, machine, self.tokens[machine.uuid], report, self.now)

    def policy(self, tx: Any) -> None:
        id_ = f"p{self.random.randint(0, 3)}"
        overrides = {self.random.choice(CHECKS): self.random.choice(SEVERITIES)}
        document = make_policy(
            id_,
            target_os=self.random.choice(["all", "linux"]),
            target_tags=self.random.choice([(), (), ("a",)]),
            severity_overrides=self.random.choice([{}, overrides]),
            error_handling=self.random.choice(["count", "exclude"]),
            enabled=self.random.random() > 0.1,
            exclude_checks=tuple(self.random.sample(CHECKS, self.random.randint(0, 3))),
        )
        create = id_ not in tx.in_force().policies
        tx.put_object("policy", document, actor="t", as_of=self.now, create=create)

    def waiver(self, tx: Any) -> None:
        scope = self.random.choice(["global", "agent", "tag", "policy"])
        uuid = self.random.choice([*self.tokens, "3f0c1b7e-6a55-4a0e-9d53-0d3c0f7b0a11"])
        starts = self.now + timedelta(minutes=self.random.randint(-60, 120))
        document = make_waiver(
            id_ := f"w{self.random.randint(0, 4)}",
            check_ids=tuple(self.random.sample(CHECKS, self.random.randint(1, 3))),
            scope=scope,
            agent_uuid=uuid if scope == "agent" else None,
            tag="a" if scope == "tag" else None,
            policy_id=f"p{self.random.randint(0, 3)}" if scope == "policy" else None,
            starts_at=starts,
            expires_at=starts + timedelta(minutes=self.random.randint(1, 240)),
        )
        create = id_ not in tx.in_force().waivers
        tx.put_object("exception", document, actor="t", as_of=self.now, create=create)

    def drop_policy(self, tx: Any) -> None:
        tx.delete_object("policy", f"p{self.random.randint(0, 3)}", actor="t", as_of=self.now)

    def drop_waiver(self, tx: Any) -> None:
        tx.delete_object("exception", f"w{self.random.randint(0, 4)}", actor="t", as_of=self.now)

    def seed(self, tx: Any) -> None:
        some = self.random.sample(CHECKS, 2)
        tx.seed_checks([self._check(id_) for id_ in some], actor="t", as_of=self.now)

    def time(self, tx: Any) -> None:
        tx.pass_instant(self.now)

    def tags(self, tx: Any) -> None:
        machine = self.one(tx)
        if machine is not None:
            tags = self.random.choice([(), ("a",), ("a", "b")])
            tx.set_machine_tags(machine.uuid, tags, actor="t", as_of=self.now)

    def leave(self, tx: Any) -> None:
        machine = self.one(tx)
        if machine is not None and self.random.random() < 0.4:
            if self.random.random() < 0.5:
                del self.tokens[machine.uuid]
                tx.delete_machine(machine.uuid, actor="t", as_of=self.now)
            else:
                tx.set_machine_status(machine.uuid, "rejected", actor="t", as_of=self.now)

    def approve(self, tx: Any) -> None:
        machine = self.one(tx)
        if machine is not None:
            tx.set_machine_status(machine.uuid, "approved", actor="t", as_of=self.now)
