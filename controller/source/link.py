"""Links to a file at the forges that people review on. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode, urlsplit

_SHAPES: Final[dict[str, str]] = {
    "github": "{base}/blob/{revision}/{path}{line}",
    "gitlab": "{base}/-/blob/{revision}/{path}{line}",
    "gitea": "{base}/src/commit/{revision}/{path}{line}",
    "gitea-ref": "{base}/src/branch/{revision}/{path}{line}",
    "bitbucket": "{base}/src/{revision}/{path}{line}",
}
_GITEA_NAMES: Final = ("gitea", "forgejo", "codeberg")


def file_url(display_url: str, revision: str, path: str, line: int | None = None) -> str | None:
    """Return the page that shows a file at a commit or branch, with the line marked.

    Args:
        display_url: A source's address without user information.
        revision: A commit's 40 hex digits, or a ref's name.
        path: From the top of the repository.
        line: From 1; ``None`` for the file alone.

    Returns:
        ``None`` for a local repository and for a host whose pages are not known.
    """
    parts = urlsplit(display_url)
    if parts.scheme not in {"https", "http", "ssh"} or not parts.hostname:
        return None
    forge = forge_of(parts.hostname)
    if forge is None:
        return None
    # A forge's ssh port says nothing about its web port.
    authority = parts.hostname if parts.scheme == "ssh" else parts.netloc
    scheme = "http" if parts.scheme == "http" else "https"
    repository = parts.path.strip("/").removesuffix(".git")
    short = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
    if forge == "gitea" and not _is_sha(short):
        forge = "gitea-ref"
    return _SHAPES[forge].format(
        base=f"{scheme}://{authority}/{quote(repository)}",
        revision=quote(short),
        path=quote(path),
        line="" if line is None else f"#{'lines-' if forge == 'bitbucket' else 'L'}{line}",
    )


def forge_of(host: str) -> str | None:
    """The kind of forge that a host name tells of."""
    labels = host.lower().split(".")
    if "github" in labels:
        return "github"
    if "gitlab" in labels:
        return "gitlab"
    if "bitbucket" in labels:
        return "bitbucket"
    return "gitea" if any(name in labels for name in _GITEA_NAMES) else None


def _is_sha(text: str) -> bool:
    return len(text) == 40 and all(c in "0123456789abcdef" for c in text)


def new_file_url(display_url: str, ref: str, path: str, text: str) -> str | None:
    """The page on which a person can add a file and propose it, filled in as far as the forge allows.

    Args:
        display_url: A source's address without user information.
        ref: The branch.
        path: Of the new file, from the top of the repository.
        text: What it should hold.

    Returns:
        ``None`` for a local repository and for a host whose pages are not known.
    """
    parts = urlsplit(display_url)
    forge = forge_of(parts.hostname or "") if parts.scheme in {"https", "http", "ssh"} else None
    if forge not in {"github", "gitlab"}:
        return None
    authority = parts.hostname if parts.scheme == "ssh" else parts.netloc
    scheme = "http" if parts.scheme == "http" else "https"
    base = f"{scheme}://{authority}/{quote(parts.path.strip('/').removesuffix('.git'))}"
    branch = quote(ref.removeprefix("refs/heads/"))
    if forge == "github":
        return f"{base}/new/{branch}?{urlencode({'filename': path, 'value': text})}"
    return f"{base}/-/new/{branch}?{urlencode({'file_name': path})}"
