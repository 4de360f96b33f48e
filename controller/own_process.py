"""Start a part of this program as a process of its own beside this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping


def start(
    module: str,
    *arguments: str,
    stdin: int,
    stdout: int,
    stderr: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Run a module in a fresh interpreter: a fork is not safe beside threads.

    It is in no terminal's group, and is told where the program is and nothing else: no secret.

    Args:
        module: Its full name.
        arguments: What follows it.
        stdin: As ``subprocess`` takes it; so are the other two.
        stdout: Unbuffered at this end.
        stderr: None shares this process's.
        environment: What else it is to be told.

    Raises:
        OSError: It cannot be started.
    """
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-P", "-m", module, *arguments],
        cwd="/",
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **(environment or {})},
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        bufsize=0,
        start_new_session=True,
    )
