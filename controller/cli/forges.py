"""Comments at GitHub and GitLab, for the job that runs there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx

from controller import __version__
from controller.cli.comment_parts import number_of
from controller.cli.remote import is_loopback
from controller.errors import RemoteRefusedError, UsageError

_SECONDS: Final = 30.0
_PER_PAGE: Final = 100
_PAGES: Final = 30


class Forge(Protocol):
    """The one request that a job runs for."""

    def __enter__(self) -> Forge: ...
    def __exit__(self, *_: object) -> None: ...
    @property
    def name(self) -> str:
        """``github`` or ``gitlab``."""
        ...

    def own(self) -> dict[int, list[int]]:
        """By number of the part, our own comments that begin with its marker, oldest first.

        A comment that somebody else wrote is not ours, whatever it begins with.
        """
        ...

    def create(self, text: str) -> str:
        """Write a new comment; its address."""
        ...

    def update(self, number: int, text: str) -> str:
        """Rewrite one; its address."""
        ...

    def delete(self, number: int) -> None:
        """Remove one."""
        ...


def forge_of(environment: Mapping[str, str], ca_file: Path | None = None) -> Forge:
    """The host that the job's environment names.

    Raises:
        UsageError: This is no job of a pull or merge request, or it has no token.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        return GitHub(environment, ca_file)
    if environment.get("GITLAB_CI") == "true":
        return GitLab(environment, ca_file)
    raise UsageError(
        "this is no job of GitHub Actions or GitLab CI; there is nothing to comment on"
    )


class _Client:
    def __init__(self, api: str, headers: dict[str, str], ca_file: Path | None) -> None:
        parts = urlsplit(api)
        secure = parts.scheme == "https" or is_loopback(parts.hostname or "")
        if parts.scheme not in {"http", "https"} or not secure:
            raise UsageError(f"{api!r} is no address over which a token may travel; use https://")
        self._api = api.rstrip("/")
        self._client = httpx.Client(
            headers={"User-Agent": f"gitward/{__version__}", **headers},
            timeout=_SECONDS,
            verify=str(ca_file) if ca_file else True,
        )

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401
        try:
            answer = self._client.request(method, f"{self._api}{path}", json=body)
        except httpx.HTTPError as error:
            raise RemoteRefusedError(f"cannot reach {self._api}: {error}") from error
        if not answer.is_success:
            advice = (
                "; may the token write comments?" if answer.status_code in {401, 403, 404} else ""
            )
            raise RemoteRefusedError(
                f"{self._api} answered {answer.status_code} to the comment{advice}",
                answer.status_code,
            )
        if answer.status_code == httpx.codes.NO_CONTENT:
            return None
        try:
            return answer.json()
        except ValueError as error:
            raise RemoteRefusedError(f"{self._api} did not answer with JSON") from error

    def _pages(self, path: str) -> Any:  # noqa: ANN401
        for page in range(1, _PAGES + 1):
            found = self._call("GET", f"{path}?per_page={_PER_PAGE}&page={page}")
            yield from found
            if len(found) < _PER_PAGE:
                return


class GitHub(_Client):
    """A pull request; ``GITHUB_TOKEN`` writes as the job's own bot."""

    name = "github"

    def __init__(self, environment: Mapping[str, str], ca_file: Path | None) -> None:
        token = _needed(environment, "GITHUB_TOKEN", "pass it to the step: ${{ github.token }}")
        super().__init__(
            environment.get("GITHUB_API_URL") or "https://api.github.com",
            {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"},
            ca_file,
        )
        self._repository = _needed(environment, "GITHUB_REPOSITORY", "run it in GitHub Actions")
        self._number = _pull_request(environment)

    def __enter__(self) -> GitHub:
        return self

    def own(self) -> dict[int, list[int]]:
        path = f"/repos/{self._repository}/issues/{self._number}/comments"
        # Anybody can write the marker; nobody but an app is of the type Bot.
        return _numbered(
            each for each in self._pages(path) if (each.get("user") or {}).get("type") == "Bot"
        )

    def create(self, text: str) -> str:
        path = f"/repos/{self._repository}/issues/{self._number}/comments"
        return str(self._call("POST", path, {"body": text})["html_url"])

    def update(self, number: int, text: str) -> str:
        path = f"/repos/{self._repository}/issues/comments/{number}"
        return str(self._call("PATCH", path, {"body": text})["html_url"])

    def delete(self, number: int) -> None:
        self._call("DELETE", f"/repos/{self._repository}/issues/comments/{number}")


class GitLab(_Client):
    """A merge request; ``GITLAB_TOKEN`` is a project access token with the scope ``api``."""

    name = "gitlab"

    def __init__(self, environment: Mapping[str, str], ca_file: Path | None) -> None:
        token = _needed(environment, "GITLAB_TOKEN", "a project access token with the scope api")
        api = _needed(environment, "CI_API_V4_URL", "run it in GitLab CI")
        super().__init__(api, {"PRIVATE-TOKEN": token}, ca_file)
        project = _needed(environment, "CI_PROJECT_ID", "run it in GitLab CI")
        request = _needed(
            environment, "CI_MERGE_REQUEST_IID", "run it in a pipeline of merge requests"
        )
        self._notes = f"/projects/{int(project)}/merge_requests/{int(request)}/notes"
        self._page = environment.get("CI_MERGE_REQUEST_PROJECT_URL", "")
        self._request = request

    def __enter__(self) -> GitLab:
        return self

    def own(self) -> dict[int, list[int]]:
        me = self._call("GET", "/user")["id"]
        return _numbered(each for each in self._pages(self._notes) if each["author"]["id"] == me)

    def create(self, text: str) -> str:
        return self._address(self._call("POST", self._notes, {"body": text})["id"])

    def update(self, number: int, text: str) -> str:
        return self._address(self._call("PUT", f"{self._notes}/{number}", {"body": text})["id"])

    def delete(self, number: int) -> None:
        self._call("DELETE", f"{self._notes}/{number}")

    def _address(self, number: int) -> str:
        return f"{self._page}/-/merge_requests/{self._request}#note_{number}"


def _numbered(comments: Iterable[dict[str, Any]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for each in comments:
        if (number := number_of(str(each.get("body")))) is not None:
            found.setdefault(number, []).append(int(each["id"]))
    return {number: sorted(ids) for number, ids in found.items()}


def _needed(environment: Mapping[str, str], name: str, advice: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise UsageError(f"{name} is not set: {advice}")
    return value


def _pull_request(environment: Mapping[str, str]) -> int:
    event = Path(_needed(environment, "GITHUB_EVENT_PATH", "run it in GitHub Actions"))
    try:
        return int(json.loads(event.read_text("utf-8"))["pull_request"]["number"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError("this job runs for no pull request; use on: pull_request") from error
