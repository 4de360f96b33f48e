"""A proposed change as a new branch of the remote: never the tracked one, never forced."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from controller.errors import AccessDeniedError, ConflictError, FetchFailedError
from controller.source.failures import failure
from controller.source.git import Git
from controller.source.limits import Limits
from controller.source.link import forge_of

BRANCHES: Final = "gitward/"
"""All proposals live below this name."""
_COMMITTER: Final = "Gitward <gitward@localhost>"
_NOT_A_NAME: Final = re.compile(r"[^\w .@+-]")
_IS_THERE: Final = re.compile(r"^=\t", re.MULTILINE)
"""Git calls it a success when the branch holds this very commit, made within the same second."""
_EXISTS: Final = ("[rejected]", "already exists", "non-fast-forward", "fetch first", "stale info")


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit changes, and in whose name."""

    base: str
    """The parent: full name of a commit."""
    branch: str
    """Below ``BRANCHES``."""
    files: Mapping[str, str | None]
    """Path from the top of the repository to its new text; none deletes it."""
    author: str
    email: str
    message: str
    at: datetime


def push(
    git: Git,
    git_dir: Path,
    remote: str,
    change: Change,
    limits: Limits,
    secrets: Sequence[str] = (),
) -> str:
    """Make the commit in the mirror and push it as a new branch; the commit's name.

    Raises:
        ConflictError: The branch is there already.
        SourceError: The remote refuses, or cannot be reached.
    """
    if not re.fullmatch(rf"{BRANCHES}[a-z0-9][a-z0-9-]{{0,100}}", change.branch):
        raise ConflictError(f"{change.branch!r} is no name for a proposal")
    kept = f"refs/gitward-proposals/{change.branch.removeprefix(BRANCHES)}"
    folder = f"--git-dir={git_dir}"
    done = git.run(
        folder, "fast-import", "--quiet", "--done", "--force",
        seconds=limits.read_seconds, stdin=_stream(change, kept),
    )  # fmt: skip
    if done.status != 0:
        raise failure("cannot write the proposal's commit", done.err)
    try:
        found = git.run(folder, "rev-parse", "--verify", kept, seconds=limits.read_seconds)
        sha = found.out.decode("ascii", "replace").strip()
        if found.status != 0 or not re.fullmatch("[0-9a-f]{40}", sha):
            raise FetchFailedError("the proposal's commit cannot be read back")
        _push(git, folder, remote, f"{sha}:refs/heads/{change.branch}", limits, secrets)
    finally:
        git.run(folder, "update-ref", "-d", kept, seconds=limits.read_seconds)
    return sha


def _push(
    git: Git, folder: str, remote: str, refspec: str, limits: Limits, secrets: Sequence[str]
) -> None:
    target = refspec.partition(":")[2]
    # The lease on an absent branch makes "it must be new" the remote's own check.
    done = git.run(
        folder, "push", "--porcelain", "--no-verify", f"--force-with-lease={target}:",
        "--end-of-options", remote, refspec,
        seconds=limits.fetch_seconds,
    )  # fmt: skip
    said = done.out.decode("utf-8", "replace") + done.err
    branch = target.removeprefix("refs/heads/")
    if done.status == 0 and not _IS_THERE.search(said):
        return
    if "[remote rejected]" in said:
        raise AccessDeniedError(f"the remote rejects {branch}: its rules allow no such branch")
    if done.status == 0 or any(mark in said for mark in _EXISTS):
        raise ConflictError(f"the branch {branch} is there already: this was proposed before")
    raise failure(f"cannot push {branch}", said, secrets)


def _stream(change: Change, ref: str) -> bytes:
    """The input of ``git fast-import``: lengths before every text, so that none can be a command."""
    seconds = int(change.at.timestamp())
    parts = [
        f"commit {ref}\n",
        f"author {_person(change.author, change.email)} {seconds} +0000\n",
        f"committer {_COMMITTER} {seconds} +0000\n",
        _data(change.message),
        f"from {change.base}\n",
    ]
    for path, text in sorted(change.files.items()):
        if text is None:
            parts.append(f"D {_quoted(path)}\n")
        else:
            parts += [f"M 100644 inline {_quoted(path)}\n", _data(text)]
    return "".join([*parts, "done\n"]).encode()


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def _person(name: str, email: str) -> str:
    plain = " ".join(_NOT_A_NAME.sub(" ", name).split())[:100] or "unknown"
    address = re.sub(r"[^A-Za-z0-9.@+_-]", "", email)[:100] or "unknown@localhost"
    return f"{plain} <{address}>"


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def request_url(display_url: str, target: str, branch: str) -> str | None:
    """The page at which a pull or merge request of the branch is opened; none for unknown hosts."""
    parts = urlsplit(display_url)
    if parts.scheme not in {"https", "http", "ssh"} or not parts.hostname:
        return None
    forge = forge_of(parts.hostname)
    authority = parts.hostname if parts.scheme == "ssh" else parts.netloc
    scheme = "http" if parts.scheme == "http" else "https"
    base = f"{scheme}://{authority}/{quote(parts.path.strip('/').removesuffix('.git'))}"
    into = target.removeprefix("refs/heads/")
    match forge:
        case "github":
            return f"{base}/compare/{quote(into)}...{quote(branch)}?expand=1"
        case "gitea":
            return f"{base}/compare/{quote(into)}...{quote(branch)}"
        case "gitlab":
            names = {"source_branch": branch, "target_branch": into}
            told = {f"merge_request[{key}]": value for key, value in names.items()}
            return f"{base}/-/merge_requests/new?{urlencode(told)}"
        case "bitbucket":
            return f"{base}/pull-requests/new?{urlencode({'source': branch, 'dest': into})}"
        case _:
            return None
