"""The machine that tables read: a root folder and the tools installed on it.

Reading tells three things apart: what is there, what is absent (none), and what is there but cannot
be seen (``TableUnreadableError``).
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from controller.errors import TableUnreadableError

TOOL_FOLDERS: Final = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where a tool is looked for: never along a PATH that somebody else set."""
MOST_BYTES: Final = 32 * 1024 * 1024
"""The largest text read from one file or tool."""
_PIECE: Final = 64 * 1024
"""Files of the kernel refuse one huge read."""
TOOL_SECONDS: Final = 15.0
_TOOL_ENVIRONMENT: Final = {"PATH": ":".join(TOOL_FOLDERS), "LC_ALL": "C"}


def run_tool(command: Sequence[str]) -> str | None:
    """What an installed tool prints, or none when it is not installed.

    Raises:
        TableUnreadableError: It failed, hung or printed too much.
    """
    name = command[0]
    program = find_tool(name)
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a fixed tool, fixed arguments, no shell
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TOOL_SECONDS,
            env=_TOOL_ENVIRONMENT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TableUnreadableError(f"{name} gave no answer in {TOOL_SECONDS:.0f} s") from error
    except OSError as error:
        raise TableUnreadableError(f"{name} could not be started: {error.strerror}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise TableUnreadableError(f"{name} failed with code {done.returncode}: {said[:200]}")
    if len(done.stdout) > MOST_BYTES:
        raise TableUnreadableError(f"{name} printed more than {MOST_BYTES} bytes")
    return done.stdout.decode(errors="replace")


def find_tool(name: str) -> str | None:
    """The full path of an installed tool, or none."""
    for folder in TOOL_FOLDERS:
        candidate = Path(folder, name)
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    return None


def _never() -> None:
    return


@dataclass(frozen=True, slots=True)
class System:
    """One machine, or a fixture tree that looks like one."""

    root: Path = Path("/")
    tool: Callable[[Sequence[str]], str | None] = run_tool
    """Runs ``[name, argument, ...]``; see ``run_tool``."""
    tick: Callable[[], None] = _never
    """Called between pieces of work; raises when the query's time is over."""

    def path(self, absolute: str) -> Path:
        """Where a path of that machine is found from here."""
        return self.root / absolute.lstrip("/")

    def run(self, *command: str) -> str | None:
        """Run a tool, see ``run_tool``."""
        self.tick()
        return self.tool(command)

    def read(self, absolute: str) -> str | None:
        """The text of a file, none when there is no such file.

        Raises:
            TableUnreadableError: It is there and cannot be read, is not a plain file or is huge.
        """
        data = self.read_bytes(absolute)
        return None if data is None else data.decode(errors="replace")

    def read_bytes(self, absolute: str) -> bytes | None:
        """As ``read``, undecoded."""
        self.tick()
        try:
            # Not blocking, since opening a named pipe would wait for its writer.
            descriptor = os.open(self.path(absolute), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise unreadable(absolute, error) from error
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise TableUnreadableError(f"{absolute} is not a plain file")
            try:
                return b"".join(self._pieces(file, absolute))
            except ProcessLookupError:
                return None  # a process that ended between listing and reading
            except OSError as error:
                raise unreadable(absolute, error) from error

    def _pieces(self, file: IO[bytes], absolute: str) -> Iterator[bytes]:
        total = 0
        while piece := file.read(_PIECE):
            self.tick()
            yield piece
            total += len(piece)
            if total > MOST_BYTES:
                raise TableUnreadableError(f"{absolute} is larger than {MOST_BYTES} bytes")

    def lines(self, absolute: str) -> Iterator[str]:
        """The lines of a file without blanks around them, empty ones and ``#`` comments left out."""
        for line in (self.read(absolute) or "").splitlines():
            line = line.strip()
            if line and not line.startswith("#"):
                yield line

    def names(self, absolute: str) -> list[str]:
        """The sorted names in a folder, none when there is no such folder.

        Raises:
            TableUnreadableError: It is there and cannot be listed.
        """
        self.tick()
        try:
            return sorted(entry.name for entry in self.path(absolute).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise unreadable(absolute, error) from error

    def stat(self, absolute: str, *, follow: bool = True) -> os.stat_result | None:
        """Its status, none when there is no such thing.

        Raises:
            TableUnreadableError: A folder above it may not be searched.
        """
        try:
            return self.path(absolute).stat(follow_symlinks=follow)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except OSError as error:
            raise unreadable(absolute, error) from error

    def exists(self, absolute: str) -> bool:
        """Whether something is there, links followed."""
        return self.stat(absolute) is not None

    def link(self, absolute: str, *, strict: bool = False) -> str | None:
        """Where a symbolic link points, none when it is no link or may not be read.

        Raises:
            TableUnreadableError: It may not be read, if ``strict``.
        """
        try:
            return str(self.path(absolute).readlink())
        except PermissionError as error:
            if strict:
                raise unreadable(absolute, error) from error
            return None
        except OSError:
            return None


def unreadable(what: str, error: OSError) -> TableUnreadableError:
    """The error for a thing that is there and cannot be read, with what to do about it."""
    hint = "; run the agent as root" if isinstance(error, PermissionError) else ""
    return TableUnreadableError(f"{what} cannot be read: {error.strerror or error}{hint}")
