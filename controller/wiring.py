"""The sources of a controller: made as the operator declared them, each with its reconciler and loop."""

from __future__ import annotations

import functools
import logging
import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from controller.errors import SourceError, UsageError
from controller.model.notice import Subscription
from controller.model.operator import DeclaredSource, Target
from controller.notify.courier import Courier, refuse_plain_http
from controller.notify.lookout import Lookout
from controller.reconcile.leftovers import Leftovers
from controller.reconcile.loop import Loop
from controller.reconcile.preview import Previewer
from controller.reconcile.proposals import Proposer
from controller.reconcile.reconciler import PassResult, Reconciler
from controller.reconcile.tally import Tally
from controller.settings import Settings
from controller.store.port.store import Store

if TYPE_CHECKING:
    from controller.source.environment import Access
    from controller.source.interface import Source

SOURCE_NAME: Final = "default"
"""What a single ``--repo`` is called."""
_STOP_SECONDS: Final = 10.0
_log = logging.getLogger(__name__)


class Sources:
    """All sources, running or not."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        clock: Callable[[], datetime],
        done: Callable[[str, PassResult], None],
    ) -> None:
        """Make them; nothing runs yet.

        Args:
            settings: As checked.
            store: Where they are put in force.
            clock: Now, aware, UTC.
            done: Told of every finished pass, with the source's name.

        Raises:
            SourceError: An address, ref or path is not accepted.
            UsageError: A secret is not where the operator says.
        """
        self._store = store
        self._told = done
        self.tally = Tally()
        self._sources = {each.name: make_source(settings, each) for each in settings.sources}
        self._limits = {each.name: each.limit for each in settings.sources}
        self._reconcilers: dict[str, Reconciler] = {}
        self._loops: dict[str, Loop] = {}
        self._data = settings.data
        self._leftovers = Leftovers(store, (), clock, forget=self._forget)
        self._stopping = threading.Event()
        self._looking_after = threading.Thread(
            target=self._leftovers.run, args=(self._stopping,), name="leftovers", daemon=True
        )
        for declared in settings.sources:
            name = declared.name
            self._reconcilers[name] = Reconciler(
                self._sources[name], store, clock=clock, limit=declared.limit
            )
            self._loops[name] = Loop(
                self._reconcilers[name],
                store,
                interval=declared.poll_interval or settings.poll_interval,
                clock=clock,
                jitter=random.random,
                done=functools.partial(self._done, name),
            )

    def _done(self, name: str, result: PassResult) -> None:
        self.tally.add(name, result)
        self._told(name, result)

    @property
    def places(self) -> Mapping[str, str]:
        """Name to address, without user information."""
        return {name: source.url for name, source in self._sources.items()}

    def register(self) -> None:
        """Make all sources known, and see to those that are known and no longer configured."""
        for reconciler in self._reconcilers.values():
            reconciler.register()
        with self._store.read() as reading:
            gone = {each.name for each in reading.sources()} - self._sources.keys()
        for name in sorted(gone):
            _log.warning(
                "source %s is no longer configured; what it declared stays in force until somebody "
                "decides: gitward status",
                name,
            )
        self._leftovers.names = gone
        self._leftovers.step()

    def start(self) -> None:
        """Begin every loop, with a pass at once."""
        self._looking_after.start()
        for loop in self._loops.values():
            loop.start()

    def wake(self, name: str) -> None:
        """Make a pass over a source now; nothing when there is none of that name."""
        if name in self._loops:
            self._loops[name].wake()

    def hint(self, name: str) -> None:
        """Something may have changed in a source."""
        if name in self._loops:
            self._loops[name].hint()

    def previewer(self) -> Previewer:
        """Plans against any source."""
        first, *others = self._sources.values()
        return Previewer(first, self._store, *others, limits=self._limits)

    def proposer(self, *, enabled: bool) -> Proposer | None:
        """Branches go to git sources; a working tree's files are edited in place."""
        from controller.source.mirror import GitSource

        git = [each for each in self._sources.values() if isinstance(each, GitSource)]
        if not git:
            return None
        first, *others = git
        return Proposer(first, self._store, *others, enabled=enabled, limits=self._limits)

    def read_file(self, name: str, path: str) -> str | None:
        """A document's text as it is at the applied revision; none when it is out of reach."""
        with self._store.read() as reading:
            status = reading.source(name)
        source = self._sources.get(name)
        if source is None or status is None or status.last_applied_revision is None:
            return None
        _, _, sha = status.last_applied_revision.rpartition(":")
        try:
            files = [file for file in source.snapshot(sha).files if file.path == path]
            return source.read(files)[files[0].blob].decode() if files else None
        except (SourceError, UnicodeDecodeError):
            return None

    def stop(self) -> None:
        """End every loop; all are told before any is waited for."""
        self._stopping.set()
        for loop in self._loops.values():
            loop.stop(0)
        for loop in self._loops.values():
            loop.stop(_STOP_SECONDS / len(self._loops))
        if self._looking_after.ident is not None:
            self._looking_after.join(_STOP_SECONDS)

    def _forget(self, name: str) -> None:
        """Remove the mirror of a source of which nothing is left."""
        shutil.rmtree(self._data / "mirrors" / name, ignore_errors=True)

    def close(self) -> None:
        """End every git process and give the mirrors back."""
        for source in self._sources.values():
            source.close()


class Telling:
    """Whoever is told of what happens: a courier for each target, and the lookout."""

    def __init__(self, settings: Settings, store: Store, *, clock: Callable[[], datetime]) -> None:
        """Make them; nothing runs yet.

        Raises:
            UsageError: A secret is not where the operator says, or would travel readable.
        """
        self._store = store
        self._targets = settings.targets
        for target in self._targets:
            refuse_plain_http(target)
        self._couriers = [
            Courier(target, _secret(target), store, clock=clock, jitter=random.random)
            for target in self._targets
        ]
        self._stop = threading.Event()
        work = [Lookout(store, clock).run, *(courier.run for courier in self._couriers)]
        names = ["lookout", *(f"courier-{target.name}" for target in self._targets)]
        self._threads = [
            threading.Thread(target=run, args=(self._stop,), name=name, daemon=True)
            for run, name in zip(work, names, strict=True)
        ]

    def subscribe(self) -> None:
        """Say in the store who is told, before anything happens."""
        with self._store.write() as writing:
            writing.subscribe(
                [
                    Subscription(each.name, each.reasons, each.sources, each.is_forge)
                    for each in self._targets
                ]
            )

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what has not been brought stays in the outbox."""
        self._stop.set()
        end = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.1, end - time.monotonic()))
        for courier in self._couriers:
            courier.close()


def _secret(target: Target) -> str | None:
    if target.secret_env is None and target.secret_file is None:
        return None
    return read_secret(target.secret_env, target.secret_file)


def make_source(settings: Settings, declared: DeclaredSource) -> Source:
    """A source as the operator declared it.

    Raises:
        SourceError: The address, ref or path is not accepted.
        UsageError: A secret that it names is not there.
    """
    from controller.config.files import is_document

    if settings.working_tree:
        from controller.source.worktree import WorkingTreeSource

        return WorkingTreeSource(
            name=declared.name,
            directory=Path(declared.repo),
            path=declared.path,
            wanted=is_document,
        )
    from controller.source.address import parse_address
    from controller.source.mirror import GitSource
    from controller.source.trust import Trust

    address = parse_address(declared.repo, allow_local=settings.allow_local, base=str(Path.cwd()))
    return GitSource(
        name=declared.name,
        address=address,
        ref=declared.ref,
        path=declared.path,
        data=settings.data,
        wanted=is_document,
        access=_access(settings, declared, address.display),
        trust=Trust(
            declared.verify,
            gpg_keyring=_path(declared.gpg_keyring),
            allowed_signers=_path(declared.allowed_signers),
            forge_keys=tuple((name, Path(file)) for name, file in declared.forge_keys.items()),
        ),
    )


def _access(settings: Settings, declared: DeclaredSource, place: str) -> Access:
    """How to reach a source; with several, each has its own secrets, for no other place."""
    from controller.source.address import Credential
    from controller.source.environment import Access

    operator = settings.operator
    token, user = operator.git_token, operator.git_user
    if declared.token_env or declared.token_file:
        token, user = read_secret(declared.token_env, declared.token_file), declared.user
    elif declared.name != SOURCE_NAME:
        token = None  # the one token of the environment is for the one source of --repo
    ssh_key = declared.ssh_key or operator.ssh_key
    known_hosts = declared.ssh_known_hosts or operator.ssh_known_hosts
    return Access(
        credential=None if token is None else Credential(user, token, place),
        ssh_key=str(ssh_key) if ssh_key else None,
        known_hosts=str(known_hosts) if known_hosts else None,
    )


def read_secret(variable: str | None, file: str | None) -> str:
    """A secret from where the operator says it is.

    Raises:
        UsageError: It is not there.
    """
    if variable is not None:
        found = os.environ.get(variable, "")
        if not found:
            raise UsageError(f"the environment has no {variable}; set it to the secret")
        return found
    try:
        found = Path(file or "").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the secret in {file} cannot be read: {error}") from error
    if not found:
        raise UsageError(f"{file} is empty; put the secret into it")
    return found


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
