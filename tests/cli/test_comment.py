"""The one comment, at a host that keeps comments as GitHub and GitLab do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.cli.commands.comment import post
from controller.cli.review.comment_parts import LEAST, LIMITS, size
from controller.cli.review.plan_markdown import plan_markdown
from controller.errors import RemoteRefusedError, UsageError
from tests.cli.comment_host import Host, hosting
from tests.cli.test_markdown import body

MARKER = "<!-- gitward:plan -->"
PLAN = f"{MARKER}\n## Gitward: 1 to add\n"


@pytest.fixture
def host() -> Iterator[tuple[Host, str]]:
    with hosting() as found:
        yield found


@pytest.fixture(params=["github", "gitlab"])
def environment(request: Any, host: tuple[Host, str], tmp_path: Path) -> dict[str, str]:
    if request.param == "gitlab":
        return {
            "GITLAB_CI": "true",
            "GITLAB_TOKEN": "secret",
            "CI_API_V4_URL": host[1],
            "CI_PROJECT_ID": "7",
            "CI_MERGE_REQUEST_IID": "3",
            "CI_MERGE_REQUEST_PROJECT_URL": "https://host.example/p",
        }
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 3}}))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_TOKEN": "secret",
        "GITHUB_API_URL": host[1],
        "GITHUB_REPOSITORY": "team/policies",
        "GITHUB_EVENT_PATH": str(event),
    }


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.md"
    file.write_text(PLAN)
    return file


def test_the_first_run_writes_the_comment_and_the_next_one_rewrites_it(
    host: tuple[Host, str], environment: dict[str, str], plan: Path
) -> None:
    first = post(plan, environment)
    plan.write_text(PLAN + "more\n")
    second = post(plan, environment)
    assert first == second
    assert [each["body"] for each in host[0].comments] == [PLAN + "more\n"]


def test_a_comment_that_somebody_else_began_with_the_marker_is_left_alone(
    host: tuple[Host, str], environment: dict[str, str], plan: Path
) -> None:
    host[0].add(MARKER + "\nfake", type_="User", author=2)
    for number in range(150):
        host[0].add(f"comment {number}", type_="User", author=2)
    post(plan, environment)
    post(plan, environment)
    assert host[0].comments[0]["body"] == MARKER + "\nfake"
    assert [each["id"] for each in host[0].comments if each["body"] == PLAN] == [152]


def long_plan(file: Path, changes: int) -> list[str]:
    made = plan_markdown(body(changes), LEAST)
    file.write_text("\n".join(made))
    return made


def test_a_long_plan_is_several_comments_that_the_next_run_rewrites_and_clears(
    host: tuple[Host, str], environment: dict[str, str], plan: Path
) -> None:
    host[0].add("nice work", type_="User", author=2)
    first = long_plan(plan, 400)
    address = post(plan, environment)
    assert len(first) > 3
    assert host[0].bodies() == ["nice work", *first]

    second = long_plan(plan, 150)
    assert post(plan, environment) == address
    assert 1 < len(second) < len(first)
    assert host[0].bodies() == ["nice work", *second]

    third = long_plan(plan, 400)
    post(plan, environment)
    assert host[0].bodies() == ["nice work", *third]

    plan.write_text(PLAN)
    post(plan, environment)
    assert host[0].bodies() == ["nice work", PLAN]


def test_what_two_jobs_wrote_at_once_is_one_comment_again(
    host: tuple[Host, str], environment: dict[str, str], plan: Path
) -> None:
    for text in ("old", "older"):
        host[0].add(f"{MARKER}\r\n{text}")
    host[0].add("<!-- gitward:plan:7 -->\nfrom a longer plan")
    host[0].add("<!-- gitward:plan:7 -->\nof somebody else", type_="User", author=2)
    post(plan, environment)
    assert host[0].bodies() == [PLAN, "<!-- gitward:plan:7 -->\nof somebody else"]


def test_a_part_that_the_host_would_not_take_is_refused_before_anything_is_written(
    host: tuple[Host, str], environment: dict[str, str], plan: Path
) -> None:
    limit = LIMITS["gitlab" if "GITLAB_CI" in environment else "github"]
    plan.write_text(PLAN + "x" * limit)
    with pytest.raises(UsageError, match=f"--part-size {limit}"):
        post(plan, environment)
    plan.write_text(PLAN + "x" * (limit - size(PLAN) - 2))
    post(plan, environment)
    assert len(host[0].bodies()) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_host_that_refuses_is_one_sentence_without_the_token(
    host: tuple[Host, str], environment: dict[str, str], plan: Path, status: int
) -> None:
    host[0].refuse = status
    with pytest.raises(RemoteRefusedError) as refused:
        post(plan, environment)
    assert str(status) in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("answer", [{"message": "x"}, ["x"], [{"body": MARKER}], None, 7])
def test_a_host_that_answers_nonsense_is_one_sentence(
    host: tuple[Host, str], environment: dict[str, str], plan: Path, answer: Any
) -> None:
    owner = {"user": {"type": "Bot"}, "author": {"id": 1}}
    odd = [{**each, **owner} if isinstance(each, dict) else each for each in answer] if isinstance(
        answer, list
    ) else answer  # fmt: skip
    host[0].answer = lambda *_: odd  # type: ignore[method-assign]
    with pytest.raises(RemoteRefusedError, match="no comment of its API"):
        post(plan, environment)


def test_outside_of_a_request_it_says_what_is_missing(
    environment: dict[str, str], plan: Path, tmp_path: Path
) -> None:
    for name in environment:
        if name == "CI_MERGE_REQUEST_PROJECT_URL" or name.endswith("API_URL"):
            continue
        with pytest.raises(UsageError):
            post(plan, {**environment, name: ""})
    (tmp_path / "other.md").write_text("hello")
    with pytest.raises(UsageError):
        post(tmp_path / "other.md", environment)


def test_a_token_never_travels_readable(environment: dict[str, str], plan: Path) -> None:
    name = "GITHUB_API_URL" if "GITHUB_API_URL" in environment else "CI_API_V4_URL"
    with pytest.raises(UsageError, match="https"):
        post(plan, {**environment, name: "http://git.example.com/api"})
