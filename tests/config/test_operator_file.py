"""Files of the operator: as strict as documents, every problem with its line, and never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.config.operator_file import read_notifications, read_sources
from controller.errors import UsageError

GOOD = """\
sources:
  - name: central
    repo: https://git.example.com/security/policies.git
    verify: range
    allowed_signers: /etc/gitward/allowed_signers
    forge_keys: {codehost: /etc/gitward/codehost.asc}
  - name: web-team
    repo: git@git.example.com:web/exceptions.git
    ref: refs/heads/production
    path: compliance
    token_file: /run/secrets/web
    limit:
      kinds: [exception]
      tags: [web]
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "operator.yaml"
    file.write_text(text)
    return file


def test_sources_are_read_with_their_limits(tmp_path: Path) -> None:
    central, web = read_sources(written(tmp_path, GOOD)).sources
    assert (central.name, central.ref, central.verify) == ("central", "main", "range")
    assert central.forge_keys == {"codehost": "/etc/gitward/codehost.asc"}
    assert (web.limit.kinds, web.limit.tags, str(web.limit)) == (
        ("exception",),
        ("web",),
        "kinds exception; tags web",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sources: []\n", "sources"),
        ("source: []\n", 'did you mean "sources"'),
        (GOOD.replace("verify: range", "verify: all"), "operator.yaml:4:"),
        (GOOD.replace("name: web-team", "name: central"), "'central' is declared twice"),
        (GOOD.replace("name: central", "name: Central Team"), "operator.yaml:2:"),
        (GOOD.replace("path: compliance", "token: gh_secret"), "operator.yaml:10:"),
        (GOOD + "---\n" + GOOD, "one document"),
        ("- a\n", "field: value"),
        ("sources: [\n", "operator.yaml:"),
        ("", "one document"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_sources(written(tmp_path, text))
    assert told in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml cannot be read"):
        read_sources(tmp_path / "none.yaml")


TARGETS = """\
targets:
  - {name: siem, type: webhook, url: "https://siem.example.com/in", secret_env: SIEM_KEY}
  - {name: chat, type: slack, url: "https://chat.example.com/hook", reasons: [PruneBlocked]}
  - {name: forge, type: github, url: "https://api.example.com", repository: a/b, secret_file: /run/t}
"""


def test_targets_are_read(tmp_path: Path) -> None:
    targets = read_notifications(written(tmp_path, TARGETS)).targets
    assert [each.name for each in targets] == ["siem", "chat", "forge"]
    assert [each.is_forge for each in targets] == [False, False, True]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (", repository: a/b", "", "repository"),
        (", secret_file: /run/t", "", "token"),
        ("type: slack", "type: email", "email"),
        ("https://chat", "ftp://chat", "url"),
        ("secret_env: SIEM_KEY", "secret: abc", "secret"),
        ("name: chat", "name: siem", "declared twice"),
    ],
)
def test_a_target_that_cannot_work_is_refused(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read_notifications(written(tmp_path, TARGETS.replace(old, new)))
    assert told in str(caught.value)
