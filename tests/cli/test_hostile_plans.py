"""The comment of a real plan whose every text wants to be something else, as a host's parser reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from controller.cli.review.comment_parts import LEAST, divide, size
from tests.api.documents import base, check
from tests.api.server import Api, controller, serve
from tests.cli.runner import run
from tests.reconcile.repository import ENVIRONMENT, Repository

Capture = pytest.CaptureFixture[str]
CANARY = "Zq7"
"""In every text that an author wrote: it may be seen inside code only."""
HOSTILE = [
    f"{CANARY} @everyone and @team/admins, closes #1 and !2",
    f"{CANARY} <!-- gitward:plan --> --> <!--",
    f"{CANARY} `` ` ``` ticks",
    f"`{CANARY}` $`{CANARY}`$",
    f"{CANARY} a | b || c",
    f"![{CANARY}](https://evil.example/{CANARY}.png)",
    f"[{CANARY}](javascript:alert(1)) https://evil.example/{CANARY} <https://evil.example/{CANARY}>",
    f"</details></summary><img src=x onerror=alert('{CANARY}')><script>{CANARY}</script>",
    f"{CANARY}\n\n## heading\n\n- list\n\n```\nfence\n```\n\n<!-- gitward:plan:2 -->\n",
    f"{CANARY} \\| \\` \\[ &lt;b&gt; &#64;everyone",
    f"{CANARY} **bold** ~~gone~~ _x_ :tada: $$x$$ [^1]",
    CANARY + "x" * 1_900,
]
LONG = CANARY + " @all" * 1_999
HOSTS = ["@Zq7", "Zq7|x", "`Zq7", "<b>Zq7", "[Zq7](http://x)", "Zq7-->"]
OURS = re.compile(
    r"<!-- gitward:plan(:[0-9]+)? -->|</?details( open)?>|<summary>[\w ,()]+</summary>|</?sub>|\s"
)
GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with controller(tmp_path / "data") as made, serve(made.app) as address:
        made.apply(base())
        client = Api(made, address)
        for name in HOSTS:
            client.enroll(hostname=name).report({"crit-1": "failed", "high-1": "passed"})
        yield client
        client.http.close()


def documents() -> dict[str, str | None]:
    """Every free text of every kind is hostile; so are names of files and the author's."""
    files: dict[str, str | None] = {}
    for number, text in enumerate(HOSTILE):
        said = json.dumps(text)
        files[f"exceptions/{CANARY} @all `|<b> {number}.yaml"] = (
            f"id: waiver-{number}\ncheck_id: crit-1\nscope: global\nreason: {said}\n"
            f"expires_at: 2026-08-{number + 1:02}\nowner: {said[:199]!s}\n"
            if len(said) < 190
            else f"id: waiver-{number}\ncheck_id: crit-1\nscope: global\nreason: {said}\n"
            f"expires_at: 2026-08-{number + 1:02}\n"
        )
    files["policies/servers.yaml"] = (
        f"name: {json.dumps(HOSTILE[0])}\ndescription: {json.dumps(LONG)}\ncis_level: level_1\n"
        f"target_os: linux\npassing_score_threshold: 10\n"
    )
    fields = {"title": json.dumps(HOSTILE[6]), "description": json.dumps(HOSTILE[7])}
    severities = {"crit-1": "low", "high-1": "high", "high-2": "high", "low-1": "low"}
    severities |= {"med-1": "medium", "med-2": "medium"}
    checks = "".join(check(id_, severity, **fields) for id_, severity in severities.items())
    files["checks/base.yaml"] = f"catalog: base\ntitle: Base\nchecks:\n{checks}"
    return files


@pytest.fixture
def text(capsys: Capture, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    repository = Repository(tmp_path / "repository")
    repository.commit(dict(base()))
    monkeypatch.setitem(ENVIRONMENT, "GIT_AUTHOR_NAME", f"\u202e@everyone [{CANARY}](http://x) `|")
    monkeypatch.setitem(ENVIRONMENT, "GIT_AUTHOR_EMAIL", f"{CANARY}@everyone")
    repository.commit(documents())
    viewer = api.controller.tokens["viewer"]
    ran = run(
        capsys, "plan", "--repo", repository.path, "--base", "HEAD~1", "--head", "HEAD",
        "--server", api.address, "--token", viewer, "--format", "markdown", "--part-size", LEAST,
    )  # fmt: skip
    assert ran.code == 1, ran.err
    return ran.out


def flat(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from flat(token.children or [])


def test_a_hosts_parser_sees_no_link_mention_image_or_html_of_an_author(text: str) -> None:
    parts = divide(text)
    assert parts is not None
    assert len(parts) > 1
    for part in parts:
        assert size(part) <= LEAST
        tokens = [each for each in flat(GFM.parse(part)) if each.type != "inline"]
        assert not {each.type for each in tokens} & {"link_open", "image", "fence", "code_block"}
        html = [each.content for each in tokens if each.type in {"html_block", "html_inline"}]
        assert [OURS.sub("", each) for each in html] == [""] * len(html)
        assert not [
            each.content for each in tokens if each.type == "text" and CANARY in each.content
        ]
        assert not [each.content for each in tokens if each.type == "text" and "@" in each.content]
        opened = sum(each.count("<details") - each.count("</details>") for each in html)
        assert opened == 0


def test_what_authors_said_is_there_as_code(text: str) -> None:
    shown = [
        each.content
        for part in divide(text) or []
        for each in flat(GFM.parse(part))
        if each.type == "code_inline"
    ]
    for name in HOSTS:
        assert name.replace("|", "\u00a6") in shown
    assert any("@everyone and @team/admins" in each for each in shown)
    assert any("![Zq7](https://evil.example/Zq7.png)" in each for each in shown)
    assert max(map(len, shown)) <= 200
    assert "\u202e" not in text
