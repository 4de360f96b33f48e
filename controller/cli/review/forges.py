"""Comments at GitHub and GitLab, for the job that runs there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from controller.cli.access.exchange import Exchange
from controller.cli.access.server_address import server_address
from controller.cli.review.comment_parts import number_of
from controller.errors import RemoteRefusedError, UsageError

Json = dict[str, Any]
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
        self._api = server_address(api)
        self._exchange = Exchange(self._api, headers, ca_file, trust_environment=True)

    def __exit__(self, *_: object) -> None:
        self._exchange.close()

    def _call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401
        answer = self._exchange.send(method, f"{self._api}{path}", body, seconds=_SECONDS)
        if not answer.success:
            advice = "; may the token write comments?" if answer.status in {401, 403, 404} else ""
            raise RemoteRefusedError(
                f"{self._api} answered {answer.status} to the comment{advice}", answer.status
            )
        try:
            return answer.json()
        except ValueError as error:
            raise self._odd() from error

    def _object(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Json:
        found = self._call(method, path, body)
        if not isinstance(found, dict):
            raise self._odd()
        return found

    def _pages(self, path: str) -> Iterator[Json]:
        for page in range(1, _PAGES + 1):
            found = self._call("GET", f"{path}?per_page={_PER_PAGE}&page={page}")
            if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
                raise self._odd()
            yield from found
            if len(found) < _PER_PAGE:
                return

    def _numbered(self, path: str, ours: Callable[[Json], bool]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for each in self._pages(path):
            if ours(each) and (number := number_of(str(each.get("body")))) is not None:
                found.setdefault(number, []).append(self._id_of(each))
        return {number: sorted(ids) for number, ids in found.items()}

    def _id_of(self, found: Json) -> int:
        if not isinstance(number := found.get("id"), int):
            raise self._odd()
        return number

    def _odd(self) -> RemoteRefusedError:
        return RemoteRefusedError(
            f"{self._api} answered with something that is no comment of its API"
        )


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
        return self._numbered(path, lambda each: _of(each, "user").get("type") == "Bot")

    def create(self, text: str) -> str:
        path = f"/repos/{self._repository}/issues/{self._number}/comments"
        return str(self._object("POST", path, {"body": text}).get("html_url"))

    def update(self, number: int, text: str) -> str:
        path = f"/repos/{self._repository}/issues/comments/{number}"
        return str(self._object("PATCH", path, {"body": text}).get("html_url"))

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
        if not project.isdecimal() or not request.isdecimal():
            raise UsageError(
                "CI_PROJECT_ID and CI_MERGE_REQUEST_IID are numbers; run it in GitLab CI"
            )
        self._notes = f"/projects/{project}/merge_requests/{request}/notes"
        self._page = environment.get("CI_MERGE_REQUEST_PROJECT_URL", "")
        self._request = request

    def __enter__(self) -> GitLab:
        return self

    def own(self) -> dict[int, list[int]]:
        me = self._id_of(self._object("GET", "/user"))
        return self._numbered(self._notes, lambda each: _of(each, "author").get("id") == me)

    def create(self, text: str) -> str:
        return self._address(self._object("POST", self._notes, {"body": text}))

    def update(self, number: int, text: str) -> str:
        return self._address(self._object("PUT", f"{self._notes}/{number}", {"body": text}))

    def delete(self, number: int) -> None:
        self._call("DELETE", f"{self._notes}/{number}")

    def _address(self, note: Json) -> str:
        return f"{self._page}/-/merge_requests/{self._request}#note_{self._id_of(note)}"


def _of(comment: Json, key: str) -> Json:
    """A member that is an object; hosts leave out whom they have forgotten."""
    found = comment.get(key)
    return found if isinstance(found, dict) else {}


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
