"""A repository as a bare mirror: asked, fetched and read; never checked out, never run.

Only the one ref is kept, under a name that no remote can choose. What a crash or a bad disk did to the
mirror is repaired without help: stale locks are swept, a damaged mirror is built anew beside and swapped.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from controller.errors import (
    ConflictError,
    FetchFailedError,
    RevisionNotFoundError,
    SourceRefusedError,
)
from controller.model.source import Commit, Signature
from controller.source.address import Address, parse_name, parse_path, parse_ref
from controller.source.damage import DamagedError
from controller.source.environment import (
    Access,
    git_environment,
    global_config_text,
    secrets_of,
    with_keys,
)
from controller.source.failures import blames_remote, failure
from controller.source.git import Git, require_git
from controller.source.git_folder import git_folder
from controller.source.interface import Each, Snapshot, TreeFile, Wanted
from controller.source.keyring import keyring
from controller.source.limits import Limits
from controller.source.mirror_folder import MirrorFolder, write_config
from controller.source.objects import Objects
from controller.source.proposal import Change, push, request_url
from controller.source.trust import NO_TRUST, Trust
from controller.source.watch import watch_refs

_T = TypeVar("_T")
_FETCHES_A_CLEANING: Final = 64
_SHA: Final = re.compile("[0-9a-f]{40}")


class GitSource:
    """The port over a mirror of one ref of one repository, remote or on this machine."""

    def __init__(
        self,
        *,
        name: str,
        address: Address,
        ref: str,
        path: str,
        data: Path,
        wanted: Wanted,
        access: Access | None = None,
        limits: Limits | None = None,
        inherited: Mapping[str, str] | None = None,
        trust: Trust = NO_TRUST,
    ) -> None:
        """Touch nothing yet: the mirror is made when it is first needed.

        Args:
            name: Of the source; also names its folder.
            address: From ``parse_address``.
            ref: A branch, ``refs/...`` or ``HEAD``.
            path: The root inside the repository.
            data: The controller's data folder.
            wanted: Which paths below the root are documents.
            access: Credentials and keys.
            limits: Bounds on time and size.
            inherited: The environment of which a little is passed on; this process's by default.
            trust: Whose signatures count.

        Raises:
            SourceRefusedError: A name, ref or path that is not accepted.
        """
        self.name = parse_name(name)
        self.url = address.display
        self.ref = parse_ref(ref)
        self.path = parse_path(path)
        self._address = address
        self._wanted = wanted
        self._limits = limits or Limits()
        self._folder = MirrorFolder(data.absolute(), self.name)
        access = access or Access()
        self._secrets = secrets_of(address, access)
        environment = git_environment(
            address,
            inherited=os.environ if inherited is None else inherited,
            home=str(self._folder.home),
            global_config=str(self._folder.global_config),
            access=access,
            limits=self._limits,
        )
        self._environment = environment
        self._trust = trust
        self._git = Git(environment, limits=self._limits, secrets=self._secrets)
        self._objects = self._new_objects()
        self._private_ref = f"refs/gitward/{self.name}"
        self._branch = self.ref
        self._writing = threading.RLock()
        self._ready = threading.Event()
        self._built = 0
        self._fetches = 0

    def head(self) -> str:
        """Ask the remote which commit the ref names now."""
        with self._writing:
            self._prepare()
            done = self._git.run(
                self._git_dir, "ls-remote", "--quiet", "--symref", "--end-of-options",
                self._address.remote, self.ref, f"{self.ref}^{{}}",
                seconds=self._limits.ask_seconds,
            )  # fmt: skip
        if done.status != 0:
            raise failure(f"cannot ask {self.url} for {self.ref}", done.err, self._secrets)
        return self._chosen(done.out.decode("utf-8", "replace"))

    def fetch(self, sha: str) -> None:
        """Make that commit and its history readable here."""
        with self._writing:
            self._prepare()
            if self._kept() == sha:
                return
            self._update()
            if self._kept() != sha and not self._holds(sha):
                raise FetchFailedError(
                    f"{self.url}: {self.ref} moved away from {sha[:12]} while it was fetched; "
                    "it is asked again"
                )
            self._clean_now_and_then()

    @property
    def trust(self) -> str:
        """What must be signed, with a mark of the keys as they are now."""
        return self._trust.word()

    def signatures(self, old: str | None, new: str, as_of: datetime) -> tuple[Signature, ...]:
        """What is known of the signatures between two commits."""

        def verify(objects: Objects) -> tuple[Signature, ...]:
            path = self._environment.get("PATH", "")
            with keyring(self._trust, self._folder.root, as_of, path) as keys:
                git = self._git.under(with_keys(self._environment, keys))
                return objects.signatures(git, keys, old, new)

        return self._reading(verify)

    def snapshot(self, sha: str) -> Snapshot:
        """List the documents at that commit."""
        return self._reading(lambda objects: objects.snapshot(sha, self._branch))

    def read(self, files: Sequence[TreeFile], each: Each | None = None) -> dict[str, bytes]:
        """Contents by blob id."""
        return self._reading(lambda objects: objects.read(files, each))

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether ``old`` is in the history of ``new``."""
        return self._reading(lambda objects: objects.is_ancestor(old, new))

    def commits(self, old: str | None, new: str) -> tuple[Commit, ...]:
        """What ``new`` adds to ``old``, newest first."""
        return self._reading(lambda objects: objects.commits(old, new))

    def changed_paths(self, old: str, new: str) -> tuple[str, ...]:
        """Paths below the root that differ."""
        return self._reading(lambda objects: objects.changed_paths(old, new))

    def last_change(
        self, sha: str, paths: Sequence[str], since: str | None = None
    ) -> dict[str, Commit]:
        """The commit that last changed each path."""
        return self._reading(lambda objects: objects.last_change(sha, paths, since))

    def propose(self, change: Change) -> str:
        """Push one commit as a new branch; never the ref that is tracked.

        Raises:
            ConflictError: The branch is there already, or is the tracked one.
        """
        if f"refs/heads/{change.branch}" in {self.ref, self._branch}:
            raise ConflictError(f"{change.branch} is the branch that is reconciled")
        prefix = f"{self.path}/" if self.path else ""
        files = {f"{prefix}{path}": text for path, text in change.files.items()}
        with self._writing:
            self._prepare()
            return push(
                self._git,
                self._folder.mirror,
                self._address.remote,
                replace(change, files=files),
                self._limits,
                self._secrets,
            )

    def request_url(self, branch: str) -> str | None:
        """The page at which a pull request of a branch is opened; none where it is not known."""
        return request_url(self.url, self._branch, branch)

    def watch(self, stop: threading.Event) -> Iterator[None]:
        """Yield when a local repository's refs may have moved; a remote one never yields."""
        folder = git_folder(Path(self._address.remote)) if self._address.kind == "file" else None
        if folder is not None:
            yield from watch_refs(folder, stop)
        stop.wait()

    def close(self) -> None:
        """End every git process and give the mirror back."""
        self._git.close()
        with self._writing:
            self._folder.close()
            self._ready.clear()

    @property
    def _git_dir(self) -> str:
        return f"--git-dir={self._folder.mirror}"

    def _new_objects(self) -> Objects:
        return Objects(
            self._git,
            self._folder.mirror,
            path=self.path,
            wanted=self._wanted,
            limits=self._limits,
        )

    def _chosen(self, answer: str) -> str:
        named: dict[str, str] = {}
        for line in answer.splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: ") and name == "HEAD":
                self._branch = value.removeprefix("ref: ")
            elif not value.startswith("ref: "):
                named[name] = value
        sha = named.get(f"{self.ref}^{{}}") or named.get(self.ref)
        if sha is None or len(sha) != 40:
            raise RevisionNotFoundError(
                f"{self.url} has no {self.ref}; check the ref's name, and that something was pushed"
            )
        return sha

    def _prepare(self) -> None:
        """Once: lock, settle, and repair what the last process left."""
        if self._ready.is_set():
            return  # without waiting for a transfer that is under way
        with self._writing:
            if self._ready.is_set():
                return
            require_git()
            self._git.kept_open = (self._folder.open(self._global_config()),)
            if not self._folder.exists():
                self._folder.put_in_place(self._create())
            else:
                self._folder.sweep()
                if not self._objects.healthy():
                    self._rebuild()
            self._ready.set()

    def _global_config(self) -> str:
        if self._address.kind != "file":
            return global_config_text(())
        top = Path(self._address.remote)
        if top.is_file():
            raise SourceRefusedError(f"{top} is a file; name a repository's folder")
        folder = git_folder(top)
        return global_config_text(folder.places(top) if folder is not None else (str(top),))

    def _create(self) -> Path:
        built = self._folder.beside()
        done = self._git.run(
            "init", "--quiet", "--bare", "--template=", "--initial-branch=none",
            "--object-format=sha1", "--end-of-options", str(built),
            seconds=self._limits.read_seconds,
        )  # fmt: skip
        if done.status != 0:
            raise failure("cannot make a mirror", done.err)
        write_config(built)
        return built

    def _rebuild(self) -> None:
        """Build the mirror anew beside; the damaged one stays until the new one is complete."""
        built = self._create()
        try:
            self._fetch_into(built)
            self._folder.put_in_place(built)
        finally:
            shutil.rmtree(built, ignore_errors=True)
        self._objects = self._new_objects()
        self._built += 1

    def _update(self) -> None:
        self._folder.sweep()
        try:
            self._fetch_into(self._folder.mirror)
        except DamagedError:
            self._rebuild()
        except BaseException:
            self._folder.sweep()
            raise
        self._fetches += 1

    def _fetch_into(self, mirror: Path) -> None:
        local = ("--update-shallow",) if self._address.kind == "file" else ()
        done = self._git.run(
            f"--git-dir={mirror}", "fetch", "--quiet", "--no-tags", "--no-recurse-submodules",
            "--no-write-fetch-head", "--no-auto-maintenance", "--no-show-forced-updates", *local,
            "--end-of-options", self._address.remote, f"+{self.ref}:{self._private_ref}",
            seconds=self._limits.fetch_seconds,
        )  # fmt: skip
        if done.status == 0:
            return
        error = failure(f"cannot fetch {self.ref} from {self.url}", done.err, self._secrets)
        if (
            mirror == self._folder.mirror
            and not blames_remote(done.err)
            and not self._objects.healthy()
        ):
            raise DamagedError(str(error))
        raise error

    def _kept(self) -> str | None:
        """The commit of the kept ref: a whole transfer put it there."""
        try:
            text = (self._folder.mirror / self._private_ref).read_text("ascii").strip()
        except (OSError, ValueError):
            text = ""  # packed, or not there
        return text if _SHA.fullmatch(text) else self._objects.resolve(self._private_ref)

    def _holds(self, sha: str) -> bool:
        """Whether the commit came by a complete transfer: it is in the kept ref's history."""
        kept = self._kept()
        if kept is None or kept == sha:
            return kept is not None
        try:
            return self._objects.is_ancestor(sha, kept)
        except (DamagedError, RevisionNotFoundError):
            return False

    def _reading(self, work: Callable[[Objects], _T]) -> _T:
        self._prepare()
        built = self._built
        try:
            return work(self._objects)
        except DamagedError:
            with self._writing:
                if self._built == built:
                    self._rebuild()
        try:
            return work(self._objects)
        except DamagedError as error:
            raise FetchFailedError(f"the mirror of {self.url} cannot be read: {error}") from error

    def _clean_now_and_then(self) -> None:
        if self._fetches % _FETCHES_A_CLEANING:
            return
        # A tidy mirror is faster, nothing more: that it could not be tidied changes nothing.
        self._git.run(
            "-c", "gc.auto=2000", "-c", "gc.autoPackLimit=50", self._git_dir, "gc", "--auto",
            "--quiet", seconds=self._limits.fetch_seconds,
        )  # fmt: skip
