"""The git boundary: the only module that starts git, and the only one that imports GitPython.

GitPython finds the program and starts it. Its command builder and its object classes are not used,
since they turn keyword arguments into options of git; nor is ``Git.execute``, which passes on this
process's whole environment. What is run is an argument list from this package, with
``--end-of-options`` before anything that came from elsewhere.
"""

from __future__ import annotations

import resource
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from controller.errors import FetchFailedError, SourceRefusedError
from controller.source.failures import redact
from controller.source.limits import Limits
from controller.source.process import Said, converse

OLDEST: Final = (2, 39, 4)
"""Older releases follow links of a served repository and let clones race (CVE-2024-32021)."""

_ALWAYS: Final = ("--no-pager", "--no-replace-objects", "--literal-pathspecs")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a git process ended."""

    status: int
    """0 is success; negative when a signal ended it."""
    out: bytes
    err: str
    too_much: bool = False
    """It was ended because it said more than it was allowed to."""


class Git:
    """Runs git with one fixed environment, with deadlines, leaving nothing behind."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        limits: Limits,
        secrets: Sequence[str] = (),
    ) -> None:
        self._environment = dict(environment)
        self._limits = limits
        self._secrets = tuple(secrets)
        self._running = 0
        self._idle = threading.Condition()
        self._closed = threading.Event()
        self.kept_open: tuple[int, ...] = ()
        """Descriptors that every process inherits: a lock that lasts as long as the last of them."""

    def run(
        self,
        *arguments: str,
        seconds: float,
        stdin: bytes = b"",
        max_output: int = 1024 * 1024,
        consume: Callable[[bytes], bool] | None = None,
    ) -> Finished:
        """Run git to its end.

        Args:
            arguments: After the program's name; data only behind ``--end-of-options``.
            seconds: After this it and all it started are ended.
            stdin: Fed to it.
            max_output: More than this ends it.
            consume: See ``process.converse``; ended by it, the status is 0.

        Raises:
            FetchFailedError: It did not end in time, could not be started, or was closed meanwhile.
        """
        process = self._start(arguments)
        try:
            said = converse(
                process,
                stdin,
                seconds=seconds,
                max_output=max_output,
                consume=consume,
                cancel=self._closed,
            )
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()
        return self._finished(process, said, _verb(arguments), seconds)

    def under(self, environment: Mapping[str, str]) -> Git:
        """The same, with another environment; closed together with this one."""
        other = copy(self)
        other._environment = dict(environment)  # noqa: SLF001 - of the same class
        return other

    def close(self) -> None:
        """End what runs, wait until it is gone, and refuse to start more."""
        self._closed.set()
        with self._idle:
            self._idle.wait_for(lambda: self._running == 0, timeout=10)

    def _start(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        library = _library()
        command = [library.Git.GIT_PYTHON_GIT_EXECUTABLE, *_ALWAYS, *arguments]
        with self._idle:
            if self._closed.is_set():
                raise FetchFailedError("the source is closed")
            try:
                process: subprocess.Popen[bytes] = library.cmd.safer_popen(
                    command,
                    env=self._environment,
                    cwd="/",
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,
                    start_new_session=True,
                    pass_fds=self.kept_open,
                )
            except OSError as error:
                raise FetchFailedError(f"git could not be started: {error}; install git") from error
            self._running += 1
        self._bound(process)
        return process

    def _bound(self, process: subprocess.Popen[bytes]) -> None:
        # Set from outside: code between fork and exec is not safe in a process with threads.
        for kind, most in (
            (resource.RLIMIT_FSIZE, self._limits.pack_bytes),
            (resource.RLIMIT_AS, self._limits.memory_bytes),
            (resource.RLIMIT_CORE, 0),
        ):
            with suppress(ProcessLookupError, PermissionError, ValueError):
                _, hard = resource.prlimit(process.pid, kind)
                value = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.prlimit(process.pid, kind, (value, value))

    def _finished(
        self, process: subprocess.Popen[bytes], said: Said, verb: str, seconds: float
    ) -> Finished:
        err = redact(said.err.decode("utf-8", "replace"), self._secrets)
        if said.too_late:
            raise FetchFailedError(
                f"git {verb} did not end within {seconds:g} s and was stopped; it is tried again later"
            )
        if said.cancelled:
            raise FetchFailedError(f"git {verb} was stopped: the source is closed")
        status = 0 if said.enough else process.returncode
        return Finished(status, bytes(said.out), err, said.too_much)


def require_git() -> str:
    """Return git's version.

    Raises:
        SourceRefusedError: Older than ``OLDEST``.
        FetchFailedError: Not on this machine.
    """
    version = tuple(_library().Git().version_info)
    text = ".".join(map(str, version))
    if version < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise SourceRefusedError(f"git {text} has known holes; install git {wanted} or newer")
    return text


def _library() -> ModuleType:
    # Imported late: it takes a tenth of a second and asks git for its version.
    try:
        import git
    except ImportError as error:
        raise FetchFailedError("git is not on this machine; install it") from error
    return git


def _verb(arguments: Sequence[str]) -> str:
    return next((a for a in arguments if not a.startswith("-")), "")
