"""Run queries through a real ``osqueryi`` where the machine has one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from controller.agent.answer import MOST_QUERY, Answer, Rows, clean
from controller.agent.worker import QUERY_SECONDS
from controller.errors import QueryFailedError, UsageError

PLACES: Final = (
    "/usr/bin/osqueryi",
    "/usr/local/bin/osqueryi",
    "/opt/osquery/bin/osqueryi",
    "/opt/osquery/lib/osquery.app/Contents/MacOS/osqueryi",
)
_MOST_OUTPUT: Final = 8 * 1024 * 1024
_SLICE_SECONDS: Final = 0.5
_ARGUMENTS: Final = ("--json", "--disable_extensions")
_COMPLAINT: Final = re.compile(r"^Error:", re.MULTILINE)
_LITERALS: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_STARTS: Final = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
_REACHING: Final = re.compile(
    r"\b(curl|curl_certificate|carves|yara|attach|detach|pragma|insert|update|delete|drop|create|"
    r"alter|vacuum|reindex)\b",
    re.IGNORECASE,
)
"""Tables that reach out of the machine or copy files, and every statement that is no SELECT."""


def find(given: Path | None) -> Path | None:
    """The osqueryi to use: the one that was named, else an installed one, else none.

    Raises:
        UsageError: The one that was named cannot be run.
    """
    if given is not None:
        if not os.access(given, os.X_OK):
            raise UsageError(
                f"{given} cannot be run; name osqueryi's path, or leave the option out"
            )
        return given
    return next((Path(place) for place in PLACES if os.access(place, os.X_OK)), None)


def refuse_unsafe(sql: str) -> None:
    """Refuse what is not a single SELECT that looks at this machine alone.

    osqueryi has no authorizer that we could set, so its own guards stand behind this one.

    Raises:
        QueryFailedError: Says why.
    """
    bare = _LITERALS.sub(" ", sql).strip().rstrip(";")
    if len(sql) > MOST_QUERY:
        raise QueryFailedError(f"the query is longer than {MOST_QUERY} characters")
    if not _STARTS.match(bare):
        raise QueryFailedError("only a SELECT can be run")
    if ";" in bare:
        raise QueryFailedError("one statement at a time; something follows the first")
    # A table's name may stand in double quotes or brackets too, so those are searched as well.
    found = _REACHING.search(re.sub(r"'(?:[^']|'')*'", " ", sql))
    if found:
        raise QueryFailedError(f"{found.group()!r} is not allowed in a check's query")


def run_query(
    program: Path,
    sql: str,
    *,
    seconds: float = QUERY_SECONDS,
    stopped: Callable[[], bool] = lambda: False,
) -> Rows:
    """The rows that osqueryi prints.

    Raises:
        QueryFailedError: It was refused, failed, or went past a bound.
    """
    refuse_unsafe(sql)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 - a chosen program, no shell, the query after --
            [program, *_ARGUMENTS, "--", sql],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=complaints,
            start_new_session=True,
            cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": os.environ.get("HOME", "/root")},
        )
        _await(process, output.fileno(), seconds, stopped)
        output.seek(0)
        complaints.seek(0)
        said = complaints.read(2000).decode(errors="replace").strip()
        if process.returncode != 0 or _COMPLAINT.search(said):
            raise QueryFailedError(f"osqueryi failed: {said[:500] or 'it gave no reason'}")
        return _parsed(output.read(_MOST_OUTPUT))


def _await(
    process: subprocess.Popen[bytes], output: int, seconds: float, stopped: Callable[[], bool]
) -> None:
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                process.wait(_SLICE_SECONDS)
                return
            except subprocess.TimeoutExpired:
                if stopped():
                    raise QueryFailedError("the agent is stopping") from None
                if time.monotonic() >= deadline:
                    raise QueryFailedError(
                        f"the query was ended after its deadline of {seconds:g} s"
                    ) from None
                if os.fstat(output).st_size > _MOST_OUTPUT:
                    raise QueryFailedError(
                        f"osqueryi printed more than {_MOST_OUTPUT} bytes; narrow the query"
                    ) from None
    finally:
        if process.poll() is None:
            # Its own session, so that what it started ends with it.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _parsed(output: bytes) -> Rows:
    answer = Answer()
    try:
        for row in json.loads(output.decode(errors="replace") or "[]"):
            answer.add({clean(name): clean(str(value)) for name, value in row.items()})
    except (ValueError, AttributeError, TypeError) as error:
        raise QueryFailedError(f"osqueryi printed no JSON rows: {error}") from error
    return answer.rows()
