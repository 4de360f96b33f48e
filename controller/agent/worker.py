"""Run queries in a process of their own, which is ended when it does not come back.

The deadline inside ``run_query`` holds for the SQL engine and for our tables. It cannot reach a file
system that hangs or a regular expression that never ends, so a query has a process that can be
killed, with bounded memory, that can write no file, at low priority. The next query gets a new one.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from controller.agent.answer import Rows
from controller.errors import QueryFailedError, TableUnreadableError

QUERY_SECONDS: Final = 30.0
"""How long one query may take; the same as SlimRMM's agent allows."""
GRACE_SECONDS: Final = 5.0
"""How much later than its own deadline the process is ended from outside."""
MEMORY_BYTES: Final = 1024 * 1024 * 1024
_SLICE_SECONDS: Final = 0.5
"""How soon a stop is noticed while a query runs."""
_MOST_ANSWER: Final = 4 * 1024 * 1024
# Isolated from the environment and the current folder, which may belong to somebody else; the
# places to import from are those of this process.
_BOOT: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from controller.agent.worker import serve; serve()"
)


class Worker:
    """Answers queries from a process that is started when first needed."""

    def __init__(
        self,
        *,
        seconds: float = QUERY_SECONDS,
        grace: float = GRACE_SECONDS,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._seconds = seconds
        self._grace = grace
        self._stopped = stopped
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def query(self, sql: str) -> Rows:
        """The rows of a query, see ``controller.agent.query.run_query``.

        Raises:
            QueryFailedError: As there, or the process did not come back.
            TableUnreadableError: As there.
        """
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = _start()
        try:
            answer = json.loads(self._ask(self._process, sql))
        except (OSError, ValueError, QueryFailedError) as error:
            self.close()
            if isinstance(error, QueryFailedError):
                raise
            raise QueryFailedError(f"the query's process ended: {error}") from error
        if "unreadable" in answer:
            raise TableUnreadableError(answer["unreadable"])
        if "failed" in answer:
            raise QueryFailedError(answer["failed"])
        return tuple(answer["rows"])

    def _ask(self, process: subprocess.Popen[bytes], sql: str) -> bytes:
        assert process.stdin is not None  # noqa: S101 - made with pipes
        assert process.stdout is not None  # noqa: S101
        request = {"sql": sql, "seconds": self._seconds, "grace": self._grace}
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        return self._line(process.stdout.fileno())

    def _line(self, descriptor: int) -> bytes:
        deadline = time.monotonic() + self._seconds + self._grace
        data = b""
        while not data.endswith(b"\n"):
            if self._stopped():
                raise QueryFailedError("the agent is stopping")
            left = deadline - time.monotonic()
            if left <= 0:
                raise QueryFailedError(
                    f"the query was ended after its deadline of {self._seconds:g} s"
                )
            if not select.select([descriptor], [], [], min(left, _SLICE_SECONDS))[0]:
                continue
            piece = os.read(descriptor, 1 << 16)
            if not piece or len(data) > _MOST_ANSWER:
                raise QueryFailedError("the query's process ended without an answer")
            data += piece
        return data


def _start() -> subprocess.Popen[bytes]:
    places = json.dumps([place for place in sys.path if place])
    return subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-I", "-c", _BOOT, places],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C at the terminal is for the agent, which then ends this
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
    )


def serve() -> None:
    """Answer queries, one JSON object a line, until the other end closes. The process's own part."""
    import resource

    from controller.agent.query import run_query

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        answer: dict[str, object]
        # Should the agent be gone by then, nobody else ends a query that hangs: the kernel does.
        signal.setitimer(signal.ITIMER_REAL, request["seconds"] + 2 * request["grace"])
        try:
            answer = {"rows": run_query(request["sql"], seconds=request["seconds"])}
        except TableUnreadableError as error:
            answer = {"unreadable": str(error)}
        except QueryFailedError as error:
            answer = {"failed": str(error)}
        except Exception as error:  # noqa: BLE001 - the edge: a bug in a table is one check's error
            answer = {"failed": f"this is a bug in the agent: {type(error).__name__}: {error}"}
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()
