"""What ``gitward serve`` tells the person in front of it: progress, and this machine's score."""

from __future__ import annotations

import shlex
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.bootstrap import Controller
    from controller.reconcile.reconciler import PassResult
    from controller.settings import Settings


class Narrator:
    """Follows passes and the local agent; progress goes to standard error."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._first_pass = threading.Event()
        self._stop = threading.Event()
        self._agent: threading.Thread | None = None
        self._controller: Controller | None = None
        self._address = ""
        self._uuid: str | None = None
        self._shown = False

    def ready(self, controller: Controller, address: str) -> None:
        """The controller listens: begin with the local agent where one is wanted."""
        self._controller = controller
        self._address = address
        if not self._settings.local_agent:
            token = self._command("token create NAME --role viewer")
            self._say(f"dashboard: {address}/")
            self._say(f"  a token to sign in with: {token}")
        for source in self._settings.sources:
            # Never the address as it was typed: it may hold a token.
            self._say(f"reading {controller.places[source.name]} at {source.ref} ...")
        if self._settings.local_agent:
            self._agent = threading.Thread(target=self._run_agent, name="agent", daemon=True)
            self._agent.start()

    def passed(self, source: str, result: PassResult) -> None:
        """A pass over a source is done."""
        which = f"{source}: " if len(self._settings.sources) > 1 else ""
        ending = result.ending
        if self._controller is not None and ending.kind == "applied":
            self._tell_applied(self._controller)
        elif ending.kind in {"stalled", "held", "transient"}:
            self._say(f"{which}{ending.reason}: {ending.message}")
            for problem in ending.problems[:20]:
                self._say(f"  {problem}")
            self._say(f"nothing in force has changed; {self._command('status')} tells more")
        self._first_pass.set()

    def stop(self) -> None:
        """End the local agent."""
        self._stop.set()
        self._first_pass.set()
        if self._agent is not None:
            self._agent.join(10)

    @staticmethod
    def _say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _command(self, words: str) -> str:
        """A command about this controller as it can be typed here."""
        data = self._settings.data
        where = "" if str(data) == ".gitward" else f" --data {shlex.quote(str(data))}"
        return f"{_program()} {words}{where}"

    def _tell_applied(self, controller: Controller) -> None:
        with controller.store.read() as reading:
            in_force = reading.in_force()
            page = reading.revisions(1, 1)
        if page.items and in_force.revision:
            newest = page.items[0]
            self._say(
                f"in force: {in_force.revision.partition('@')[0]}@{newest.sha[:7]} “{newest.subject}”: "
                f"{len(in_force.policies)} policies, {len(in_force.checks)} checks, "
                f"{len(in_force.waivers)} exceptions"
            )
        if self._uuid is not None:
            self._tell_score(controller, self._uuid)

    def _tell_score(self, controller: Controller, uuid: str) -> None:
        from controller.cli.serving.local_summary import one_line
        from controller.fleet.scores import machine_score

        with controller.store.read() as reading:
            score = machine_score(reading, uuid, controller.clock())
        self._say(f"this machine now: {one_line(score)}")

    # -- the local agent

    def _run_agent(self) -> None:
        from controller.errors import ControllerError

        self._first_pass.wait()
        if self._controller is None or self._stop.is_set():
            return
        try:
            self._agent_until_stopped(self._controller)
        except ControllerError as error:
            self._say(f"the local agent stopped: {error}")

    def _agent_until_stopped(self, controller: Controller) -> None:
        from controller.agent import identity as identities
        from controller.agent.loop import AgentOptions, run_agent
        from controller.bootstrap import evaluate_at_once, local_enrollment_key

        state = self._settings.data.absolute() / "agent"
        known = identities.follow(state, self._address)
        now = controller.clock()
        if known is not None and evaluate_at_once(controller.store, known.uuid, now):
            self._uuid = known.uuid
            key = None
        else:
            identities.forget(state)
            self._say("enrolling this machine ...")
            key = local_enrollment_key(controller.store, now)
        self._say("evaluating this machine; the first time takes some seconds ...")
        options = AgentOptions(
            server=self._address,
            state=state,
            enrollment_key=key,
            ca_file=self._settings.tls_cert,
        )
        run_agent(options, self._stop, self._agent_event)

    def _agent_event(self, event: str) -> None:
        from controller.agent import identity as identities
        from controller.cli.serving.local_summary import show

        controller = self._controller
        self._say(f"agent: {event}")
        if controller is None or not event.startswith("report "):
            return
        identity = identities.load(self._settings.data.absolute() / "agent", self._address)
        if identity is not None:
            first = self._uuid != identity.uuid or not self._shown
            self._uuid = identity.uuid
            if first:
                self._shown = True
                link = self._address + controller.sign_in_path()
                more = self._command(f"score {identity.uuid}")
                show(controller.store, identity.uuid, controller.clock(), link, more)


def _program() -> str:
    """How to call the program: by its path where it was called so and no other way finds it."""
    called = sys.argv[0]
    if shutil.which("gitward") is None and Path(called).name == "gitward":
        return shlex.quote(called)
    return "gitward"
